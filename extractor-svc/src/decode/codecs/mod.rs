//! What is known of single codecs: their names, and checks before their decoders.

pub(super) mod aac;
pub(super) mod ac3;
mod alac;
pub(super) mod g711;
pub(super) mod ima;
mod ima4;
pub(super) mod ms_adpcm;
pub(super) mod name;
pub(super) mod opus;
pub(super) mod registry;
pub(super) mod vorbis;
