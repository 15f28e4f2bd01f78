//! The five readers, one of which has what a source holds: PCM, blocks of ADPCM, MPEG audio, Ogg, and
//! packets of the containers that have them.

use super::blocks::BlockReader;
use super::mpeg::MpegReader;
use super::ogg::OggReader;
use super::packets::PacketReader;
use super::pcm::PcmReader;
use crate::error::ExtractError;
use crate::findings::{DeclaredLength, Findings};

/// Reads mono blocks of one kind of payload. `spec` is its sample rate and number of channels.
pub(in crate::decode) enum Reader {
    Pcm { reader: PcmReader, codec: &'static str, spec: (u32, usize) },
    Blocks { reader: BlockReader, codec: &'static str, spec: (u32, usize) },
    Mpeg(Box<MpegReader>),
    Ogg(OggReader),
    Packets(PacketReader),
}

impl Reader {
    /// Frames left out at the start and at the end; complete once the end was reached.
    pub(in crate::decode) fn trimmed(&self) -> (u64, u64) {
        match self {
            Self::Pcm { .. } | Self::Blocks { .. } => (0, 0),
            Self::Mpeg(reader) => reader.trimmed(),
            Self::Ogg(reader) => reader.trimmed(),
            Self::Packets(reader) => reader.trimmed(),
        }
    }

    /// Length that the source declares; complete once the end was reached.
    pub(in crate::decode) fn declared(&self) -> Option<DeclaredLength> {
        match self {
            Self::Pcm { reader, .. } => reader.declared(),
            Self::Blocks { reader, .. } => reader.declared(),
            Self::Mpeg(reader) => reader.declared(),
            Self::Ogg(reader) => reader.declared(),
            Self::Packets(reader) => reader.declared(),
        }
    }

    pub(in crate::decode) fn spec(&self) -> Option<(u32, usize)> {
        match self {
            Self::Pcm { spec, .. } | Self::Blocks { spec, .. } => Some(*spec),
            Self::Mpeg(reader) => Some((reader.sample_rate(), reader.channels())),
            Self::Ogg(reader) => reader.spec(),
            Self::Packets(reader) => reader.spec(),
        }
    }

    pub(in crate::decode) fn codec(&self) -> &'static str {
        match self {
            Self::Pcm { codec, .. } | Self::Blocks { codec, .. } => codec,
            Self::Mpeg(reader) => reader.codec(),
            Self::Ogg(reader) => reader.codec(),
            Self::Packets(reader) => reader.codec(),
        }
    }

    pub(in crate::decode) fn next_block(
        &mut self,
        out: &mut Vec<f32>,
        findings: &mut Findings,
    ) -> Result<bool, ExtractError> {
        match self {
            Self::Pcm { reader, .. } => reader.next_block(out, findings),
            Self::Blocks { reader, .. } => reader.next_block(out, findings),
            Self::Mpeg(reader) => reader.next_block(out, findings),
            Self::Ogg(reader) => reader.next_block(out, findings),
            Self::Packets(reader) => reader.next_block(out, findings),
        }
    }

    /// What was skipped or replaced so far to go on behind a damage; `None` if nothing was.
    pub(in crate::decode) fn damage(&self) -> Option<String> {
        match self {
            // Without packets there is nothing to go on behind.
            Self::Pcm { .. } => None,
            Self::Blocks { reader, .. } => reader.damage(),
            Self::Mpeg(reader) => reader.damage(),
            Self::Ogg(reader) => reader.damage(),
            Self::Packets(reader) => reader.damage(),
        }
    }

    /// Why a source without a sample has none.
    pub(in crate::decode) fn no_audio(&self) -> ExtractError {
        let trouble = match self {
            Self::Ogg(reader) => reader.trouble(),
            Self::Packets(reader) => reader.trouble(),
            Self::Pcm { .. } | Self::Blocks { .. } | Self::Mpeg(_) => None,
        };
        match trouble {
            Some(trouble) => ExtractError::UndecodableAudio { detail: trouble.to_owned() },
            None => ExtractError::EmptyAudio,
        }
    }
}
