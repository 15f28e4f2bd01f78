//! Encoded audio from bytes, a file, any media source, or a stream.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Cursor};
use std::path::Path;

use symphonia::core::io::MediaSource;

use super::fault::Stop;
use super::stream::{Forgetting, StreamReader};
use crate::error::ExtractError;

/// Encoded audio that has not been looked at yet.
pub struct EncodedAudio {
    pub(in crate::decode) source: Box<dyn MediaSource>,
    pub(in crate::decode) pcm: Option<PcmLayout>,
    /// Length in bytes, if known without waiting.
    pub(in crate::decode) len: Option<u64>,
    pub(in crate::decode) stop: Option<Stop>,
    /// For a stream: how it is told that nobody will go back.
    pub(in crate::decode) forgetting: Option<Forgetting>,
}

impl EncodedAudio {
    /// Audio from complete bytes.
    pub fn from_bytes(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::from_source(Box::new(Cursor::new(bytes)))
    }

    /// Audio from an open file. Container and codec are found from the bytes, never from a name.
    pub fn from_file(file: File) -> Self {
        Self::from_source(Box::new(file))
    }

    /// Audio from the file at `path`, and its length in bytes. Only regular files: what a pipe or a
    /// device gives has no end, and cannot be read twice.
    ///
    /// # Errors
    /// [`ExtractError::SourceFailed`] if it cannot be opened.
    pub fn open(path: &Path) -> Result<(Self, u64), ExtractError> {
        let failed = |source: io::Error| ExtractError::SourceFailed { detail: source.to_string() };
        // Asked before opening, which waits for the other end of a pipe.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(ExtractError::SourceFailed { detail: "not a regular file".into() });
        }
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Ok((Self::from_file(file), bytes))
    }

    /// Audio from anything that can be read and sought. A `byte_len` that is known is checked
    /// against the limits before anything is read.
    pub fn from_source(source: Box<dyn MediaSource>) -> Self {
        let len = source.byte_len();
        Self { source, pcm: None, len, stop: None, forgetting: None }
    }

    /// Audio from a stream that may still be arriving.
    pub fn from_stream(reader: StreamReader) -> Self {
        let forgetting = Some(reader.forgetting());
        Self { source: Box::new(reader), pcm: None, len: None, stop: None, forgetting }
    }

    /// Declares the bytes to be headerless interleaved PCM.
    pub fn with_pcm(self, layout: PcmLayout) -> Self {
        Self { pcm: Some(layout), ..self }
    }

    /// Says what stops the decoder, also while it opens, in the middle of a block, or while it looks
    /// for one; it then fails with [`ExtractError::Cancelled`]. It is asked before every read. A read
    /// that waits for more of a stream is woken by the stream's own writer.
    pub fn with_stop(self, stop: Stop) -> Self {
        Self { stop: Some(stop), ..self }
    }
}

impl fmt::Debug for EncodedAudio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedAudio").field("pcm", &self.pcm).finish_non_exhaustive()
    }
}

/// Form of headerless interleaved PCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PcmLayout {
    /// Form of one sample.
    pub sample: PcmSample,
    /// Frames per second.
    pub sample_rate: u32,
    /// Samples per frame.
    pub channels: u16,
}

/// Form of one headerless PCM sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PcmSample {
    /// 16-bit signed, little-endian.
    S16Le,
    /// 32-bit IEEE float, little-endian.
    F32Le,
}
