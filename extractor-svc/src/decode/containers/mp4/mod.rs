//! ISO base media (MP4, M4A) and QuickTime (MOV): one audio track, as ffmpeg plays it.
//!
//! symphonia's reader (0.6.1) knows no edit list, no PCM but little-endian stereo, and wants a file
//! type first. So the boxes are walked here: the movie says where each packet lies and when it plays,
//! and the packets go to the decoders one by one. Where the movie comes first and its packets lie in
//! order, a file is read while it arrives.

mod boxes;
mod descriptor;
mod edits;
mod entry;
mod fragments;
mod movie;
mod open;
mod reader;
mod samples;
mod ticks;

pub(in crate::decode) use self::boxes::is_one;
pub(in crate::decode) use self::open::{Opened, open};
