//! The decoder against real audio: what librosa reads from it, and what broken bytes come to.
//!
//! The audio is not part of the project. Tests that need it say so and pass where it is absent,
//! unless `SOUNDALIKE_REQUIRE_SHARED=1` makes that a failure.

#![allow(
    clippy::float_cmp,
    clippy::single_range_in_vec_init,
    clippy::unwrap_used,
    reason = "samples are compared to the bit, ranges of frames are data, and what fails here fails a test"
)]

mod aac;
mod adpcm;
mod adts;
mod alac;
mod bad;
mod boxes;
mod flac_files;
mod foreign;
mod fragments;
mod good;
mod matroska;
mod mp4;
mod mpeg;
mod mutations;
mod ogg;
mod pcm_files;
mod shared;
mod stopping;
mod stream;
mod trailing;
mod tuning;
