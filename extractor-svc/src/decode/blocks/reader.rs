//! Reads blocks one by one, decodes and mixes them.

use super::form::Form;
use crate::decode::codecs::ima::{self, CHUNK_BYTES, CHUNK_FRAMES, Channel};
use crate::decode::codecs::ms_adpcm;
use crate::decode::containers::layout::End;
use crate::decode::detect::trailing;
use crate::decode::pcm::{mix_frames, sixteen};
use crate::decode::source::SourceView;
use crate::error::ExtractError;
use crate::findings::{DeclaredLength, Findings, WarningCode};

/// Least frames that are handed out at once, but for the end.
const MIN_FRAMES: usize = 4096;

/// Reads and decodes blocks.
pub(in crate::decode) struct BlockReader {
    source: SourceView,
    form: Form,
    channels: usize,
    block: Vec<u8>,
    states: Vec<Channel>,
    /// Interleaved samples that are not mixed yet.
    samples: Vec<i16>,
    frames: u64,
    declared: Option<u64>,
    /// Where the blocks end, if that is stated.
    end: Option<End>,
    /// Blocks that cannot be decoded, so far.
    dropped: u64,
    done: bool,
}

impl BlockReader {
    /// `declared` is the number of frames that a header states.
    pub(in crate::decode) fn new(
        source: SourceView,
        form: Form,
        channels: usize,
        declared: Option<u64>,
    ) -> Self {
        source.fault().header_ends();
        Self {
            source,
            form,
            channels,
            block: vec![0; form.bytes(channels)],
            states: vec![Channel::default(); channels],
            samples: Vec::new(),
            frames: 0,
            declared,
            end: None,
            dropped: 0,
            done: false,
        }
    }

    /// The same, with a place behind which another recording is looked for.
    pub(in crate::decode) fn ending(self, end: Option<End>) -> Self {
        Self { end, ..self }
    }

    /// Frames that the header declares.
    pub(in crate::decode) fn declared(&self) -> Option<DeclaredLength> {
        self.declared.map(|frames| DeclaredLength { frames, slack: 0 })
    }

    /// What was dropped so far; `None` if nothing was.
    pub(in crate::decode) fn damage(&self) -> Option<String> {
        (self.dropped > 0).then(|| format!("{} undecodable blocks dropped", self.dropped))
    }

    /// Appends mono samples of some blocks; `false` at the end.
    pub(in crate::decode) fn next_block(
        &mut self,
        out: &mut Vec<f32>,
        findings: &mut Findings,
    ) -> Result<bool, ExtractError> {
        if self.done {
            return Ok(false);
        }
        let before = out.len();
        while !self.done && out.len() - before < MIN_FRAMES {
            let filled = self.source.fill(&mut self.block)?;
            self.done = filled < self.block.len();
            self.samples.clear();
            if !self.decode(filled) {
                self.dropped += 1;
                findings.miss(self.form.frames(self.channels) as u64);
            }
            mix_frames(&self.samples, self.channels, out, sixteen);
        }
        if self.done
            && let Some(end) = self.end.take()
        {
            trailing::look(end, &mut self.source, findings)?;
        }
        let produced = out.len() - before;
        self.frames += produced as u64;
        let there = self.frames + self.dropped * self.form.frames(self.channels) as u64;
        if let Some(declared) = self.declared.filter(|&declared| self.done && there < declared) {
            let text = format!("{there} of {declared} declared frames are there");
            findings.warn(WarningCode::TruncatedStream, text);
        }
        Ok(produced > 0)
    }

    /// Decodes the block, of which the first `filled` bytes are new; `false` if it is damaged.
    fn decode(&mut self, filled: usize) -> bool {
        let is_whole = filled == self.block.len();
        match self.form {
            Form::Wave { .. } if filled > 0 => {
                ima::wave_block(&self.block, self.channels, &mut self.samples);
            }
            Form::Microsoft { .. } if is_whole => {
                ms_adpcm::block(&self.block, self.channels, &mut self.samples);
            }
            Form::QuickTime { carries } if is_whole => return self.decode_chunks(carries),
            _ => {}
        }
        true
    }

    /// Decodes a chunk for each channel; `false` if one is damaged.
    fn decode_chunks(&mut self, carries: bool) -> bool {
        self.samples.resize(self.channels * CHUNK_FRAMES, 0);
        let chunks = self.block.as_chunks::<CHUNK_BYTES>().0;
        for (channel, (chunk, state)) in chunks.iter().zip(&mut self.states).enumerate() {
            let Some(samples) = state.chunk(chunk, carries) else {
                self.samples.clear();
                return false;
            };
            for (frame, sample) in self.samples.chunks_exact_mut(self.channels).zip(samples) {
                frame[channel] = sample;
            }
        }
        true
    }
}
