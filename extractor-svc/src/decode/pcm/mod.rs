//! Interleaved PCM, headerless or behind a header that is read here: bytes to mono f32.
//!
//! Scaling is libsndfile's: signed integers by 2^-(bits-1), unsigned 8-bit as (x - 128) / 128,
//! A-law and mu-law as 16-bit integers, floats as they are (64-bit ones rounded to 32).

mod carried;
mod encoding;
mod mix;
mod reader;

pub(super) use self::encoding::{Encoding, Order};
pub(super) use self::mix::{mix_frames, sixteen};
pub(super) use self::reader::PcmReader;
