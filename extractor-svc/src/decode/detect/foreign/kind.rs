//! Kinds of bytes that are not read, and how much must speak for one.

/// What a caller may do about bytes that are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Audio in a container of its own.
    Audio,
    /// Frames of a codec without a container.
    Codec,
    /// Sound among other media, or below several layers.
    Media,
    /// Notes for an instrument, or a program that makes sound.
    Score,
    /// Sound under a key.
    Protected,
    /// Names of other files.
    List,
    /// Other files in one.
    Archive,
    /// No sound at all.
    Other,
}

impl Kind {
    /// What to do.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Audio | Self::Codec => "convert it to FLAC or WAV",
            Self::Media => "extract its sound, for example as FLAC",
            Self::Score => "render it to FLAC or WAV",
            Self::Protected => "it is encrypted; send a copy that is not",
            Self::List => "send the files that it names",
            Self::Archive => "unpack it, and send the files in it",
            Self::Other => "this is no audio",
        }
    }
}

/// A kind of bytes that is not read: what it is, and its name.
pub(super) type Foreign = (Kind, &'static str);

/// How much must speak for a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The bytes are a file of some kind.
    Little,
    /// They may be samples, of which any bytes are some: 32 bits at least are asked for.
    Much,
}
