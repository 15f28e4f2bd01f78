//! What a profile is: the whole recipe from mono PCM to a vector, under an immutable name.

pub mod profile;

pub use profile::{Profile, ProfileError};
