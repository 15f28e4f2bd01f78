//! Blocks of fixed size behind a header that is read here: IMA ADPCM in its two forms, and
//! Microsoft's.
//!
//! What is left of a block at the end is treated as by whoever reads the form for librosa. libsndfile
//! plays a whole IMA block of a WAVE file, with what was in its buffer for the bytes that are not
//! there, and nothing of Microsoft's; ffmpeg drops what is no whole QuickTime packet.

mod form;
mod reader;

pub(super) use self::form::Form;
pub(super) use self::reader::BlockReader;
