//! Reads PCM block by block, and looks on the way for what is no PCM.

use super::carried::Watch;
use super::encoding::Encoding;
use super::mix::mix;
use crate::decode::containers::layout::End;
use crate::decode::detect::mismatch::OrderWatch;
use crate::decode::detect::trailing;
use crate::decode::source::SourceView;
use crate::error::ExtractError;
use crate::findings::{DeclaredLength, Findings, WarningCode};
use crate::limits::CHANNEL_CEILING;

/// Frames of one block.
const BLOCK_FRAMES: usize = 4096;

/// Reads PCM blocks.
pub(in crate::decode) struct PcmReader {
    source: SourceView,
    encoding: Encoding,
    channels: usize,
    bytes: Vec<u8>,
    frames: u64,
    /// Frames that a header declares.
    declared: Option<u64>,
    /// For samples of 16 bits, which may be another codec's bytes.
    watch: Option<Watch>,
    /// For floats whose order of bytes is said by nothing but the sender.
    order: Option<OrderWatch>,
    /// Where the samples end, if that is stated.
    end: Option<End>,
    done: bool,
}

impl PcmReader {
    pub(in crate::decode) fn new(
        source: SourceView,
        encoding: Encoding,
        channels: usize,
        declared: Option<u64>,
    ) -> Self {
        debug_assert!((1..=CHANNEL_CEILING).contains(&channels));
        let bytes = vec![0; BLOCK_FRAMES * channels * encoding.bytes()];
        source.fault().header_ends();
        let watch = matches!(encoding, Encoding::S16 | Encoding::S16Be).then(Watch::default);
        Self {
            source,
            encoding,
            channels,
            bytes,
            frames: 0,
            declared,
            watch,
            order: None,
            end: None,
            done: false,
        }
    }

    /// The same, with a place behind which another recording is looked for.
    pub(in crate::decode) fn ending(self, end: Option<End>) -> Self {
        Self { end, ..self }
    }

    /// The same, of samples without a header.
    pub(in crate::decode) fn headerless(self) -> Self {
        let order = (self.encoding == Encoding::F32).then(OrderWatch::default);
        Self { order, ..self }
    }

    /// Frames that the header declares.
    pub(in crate::decode) fn declared(&self) -> Option<DeclaredLength> {
        self.declared.map(|frames| DeclaredLength { frames, slack: 0 })
    }

    /// Appends one block of mono samples; `false` at the end.
    pub(in crate::decode) fn next_block(
        &mut self,
        out: &mut Vec<f32>,
        findings: &mut Findings,
    ) -> Result<bool, ExtractError> {
        if self.done {
            return Ok(false);
        }
        let mut filled = self.source.fill(&mut self.bytes)?;
        let frame_bytes = self.channels * self.encoding.bytes();
        self.done = filled < self.bytes.len();
        let odd = filled % frame_bytes;
        filled -= odd;
        if let Some(watch) = &mut self.watch {
            watch.see(&self.bytes[..filled], self.done)?;
        }
        if let Some(order) = &mut self.order {
            order.see(&self.bytes[..filled], self.done)?;
        }
        self.frames += (filled / frame_bytes) as u64;
        mix(&self.bytes[..filled], self.encoding, self.channels, out);
        if self.done {
            if let Some(end) = self.end.take() {
                trailing::look(end, &mut self.source, findings)?;
            }
            let declared = self.declared.filter(|&declared| self.frames < declared);
            let text = match declared {
                Some(declared) => {
                    format!("{} of {declared} declared frames are there", self.frames)
                }
                None if odd > 0 && self.declared.is_none() => {
                    format!("{odd} bytes of a frame of {frame_bytes} after {} frames", self.frames)
                }
                None => return Ok(filled > 0),
            };
            findings.warn(WarningCode::TruncatedStream, text);
        }
        Ok(filled > 0)
    }
}
