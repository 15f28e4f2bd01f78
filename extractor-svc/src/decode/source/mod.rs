//! Where encoded bytes come from, and how a reader sees them.
//!
//! [`EncodedAudio`] is the door: bytes, a file, or any media source. [`SourceView`] is what a
//! container reader gets: a part of the source, perhaps behind a header of our own making, bounded
//! in length, and seekable only where the container needs it, so that a growing stream and the
//! complete bytes are read by the same steps.

mod encoded;
mod fault;
pub(super) mod stream;
mod view;

pub use self::encoded::{EncodedAudio, PcmLayout, PcmSample};
pub(super) use self::fault::Fault;
pub use self::fault::Stop;
pub(super) use self::view::SourceView;
