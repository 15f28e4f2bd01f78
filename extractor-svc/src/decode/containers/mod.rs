//! Container headers that are read here, before or in place of symphonia's readers.
//!
//! Each file walks one family of containers up to its audio and says where that lies, or reads its
//! packets; none of them decodes a sample.

pub(super) mod adts;
pub(super) mod aiff;
pub(super) mod au;
pub(super) mod caf;
pub(super) mod contents;
pub(super) mod flac;
pub(super) mod layout;
pub(super) mod matroska;
pub(super) mod mp4;
pub(super) mod riff;
