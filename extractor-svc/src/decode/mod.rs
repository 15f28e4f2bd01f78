//! Encoded bytes to mono f32 at the source's rate, as `librosa.load(sr=None)` gives them.
//!
//! Container and codec are found from the bytes. Samples come in blocks; neither the decoded audio
//! nor its channels are ever held as a whole, and nothing is allocated from what a header claims.
//!
//! Nomenclature: a *frame* is one sample per channel; a *block* is some frames mixed to mono; a
//! *view* is the part of a source that a container's reader sees. This is the only place that knows
//! symphonia. Five readers lie behind the one [`Decoder`]: PCM, blocks of ADPCM, MPEG audio, Ogg, and
//! packets of the containers that have them (FLAC, MP4, Matroska, ADTS, CAF).

mod blocks;
mod codecs;
mod containers;
mod decoder;
mod detect;
mod mono;
mod mpeg;
mod ogg;
mod packets;
mod pcm;
mod planes;
mod reader;
mod source;
mod spec;
mod window;
mod windowed;

pub use self::decoder::Decoder;
pub use self::source::stream::{Pause, StreamBounds, StreamReader, StreamWriter, stream};
pub use self::source::{EncodedAudio, PcmLayout, PcmSample, Stop};
pub use self::window::{Cutter, Window};
pub use self::windowed::{SourceFacts, WindowedDecoder, load_mono};
