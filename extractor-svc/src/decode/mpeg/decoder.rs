//! symphonia's MPEG audio decoder, behind a look at each layer III frame.
//!
//! Version 0.6.1 of symphonia-bundle-mp3
//! * refuses a joint stereo frame whose channels have different windows. Where neither mid/side nor
//!   intensity stereo is on, the frame is plain left and right, and its header is made to say so.
//!   Where one is on, mpg123 combines the spectra as it finds them, which needs the spectra: such a
//!   frame is an error here (upstream issue 556);
//! * decodes mixed blocks wrongly, with peaks of hundreds of times full scale: refused;
//! * plays silence, and says nothing, for granules whose main data is not there: counted here.

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult,
};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::errors::{Error, Result, decode_error};
use symphonia::core::packet::PacketRef;
use symphonia::default::codecs::MpaDecoder;

use super::header::{HEADER_BYTES, Header, Layer};
use super::side_info::{GRANULE_SAMPLES, SideInfo};

/// The name under which mixed blocks are refused.
pub(in crate::decode) const MIXED_BLOCKS: &str = "mp3 (mixed blocks)";

/// Decodes frames of any layer.
pub(in crate::decode) struct MpegDecoder {
    inner: MpaDecoder,
    /// A frame with a header that differs from the packet's.
    rewritten: Vec<u8>,
    /// Bytes of main data that the decoder holds and no frame has used.
    unread: usize,
    concealed: usize,
}

impl MpegDecoder {
    /// Makes a decoder of the layer that `params` name.
    ///
    /// # Errors
    /// If `params` name another codec.
    pub(in crate::decode) fn new(
        params: &AudioCodecParameters,
        options: &AudioDecoderOptions,
    ) -> Result<Self> {
        let inner = MpaDecoder::try_new(params, options)?;
        Ok(Self { inner, rewritten: Vec::new(), unread: 0, concealed: 0 })
    }

    /// Samples per channel of the last frame that are silent because their main data is missing.
    pub(in crate::decode) fn concealed(&self) -> usize {
        self.concealed
    }

    /// Bytes of main data that are held for the next frame.
    pub(super) fn unread(&self) -> usize {
        self.unread
    }

    fn decode_layer_three(
        &mut self,
        packet: &PacketRef<'_>,
        header: &Header,
        side_info: &SideInfo,
    ) -> Result<()> {
        let frame = packet.data;
        let own = frame.len() - header.side_info().end;
        let lacking = side_info.main_data_begin.saturating_sub(self.unread);
        let held = side_info.main_data_begin - lacking + own;
        let bits: u32 = side_info.granule_bits().sum();
        if side_info.is_mixed() && lacking == 0 && bits as usize <= 8 * held && side_info.is_valid()
        {
            return Err(Error::Unsupported(MIXED_BLOCKS));
        }
        let is_plain = header.joint == Some(0);
        let is_crossed = header.joint.is_some() && !is_plain && side_info.has_unequal_windows();
        let result = if is_plain || is_crossed {
            self.rewritten.clear();
            self.rewritten.extend_from_slice(frame);
            // The two bits of the mode: 0 is stereo.
            self.rewritten[HEADER_BYTES - 1] &= 0x3f;
            let mut stereo = *packet;
            stereo.data = &self.rewritten;
            self.inner.decode_ref(&stereo).map(drop)
        } else {
            self.inner.decode_ref(packet).map(drop)
        };
        if let Err(error) = result {
            // The decoder forgets what it held.
            self.unread = 0;
            return Err(error);
        }
        let (concealed, used) = conceal(side_info, 8 * lacking);
        self.concealed = concealed;
        self.unread = held.saturating_sub(used.div_ceil(8));
        if is_crossed || side_info.is_mixed() {
            // Decoded, so that main data and overlap go on; an empty packet clears the samples.
            let _ = self.inner.decode_ref(&PacketRef::new(0, packet.pts, packet.dur, &[]));
            return decode_error("mpa: joint stereo of unequal windows, or a damaged frame");
        }
        Ok(())
    }
}

/// What the decoder makes of a frame of which the first `lacking` bits of main data are missing:
/// the samples of the granules that it leaves silent, and the bits that it uses up.
fn conceal(side_info: &SideInfo, lacking: usize) -> (usize, usize) {
    let (mut silent, mut passed) = (0, 0);
    for bits in side_info.granule_bits() {
        if passed < lacking {
            silent += GRANULE_SAMPLES;
        }
        passed += bits as usize;
    }
    (silent, passed.saturating_sub(lacking))
}

impl AudioDecoder for MpegDecoder {
    fn reset(&mut self) {
        self.inner.reset();
        (self.unread, self.concealed) = (0, 0);
    }

    fn codec_info(&self) -> &CodecInfo {
        self.inner.codec_info()
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        self.inner.codec_params()
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.concealed = 0;
        let header = packet.data.first_chunk().and_then(|bytes| Header::parse(*bytes));
        let header = header.filter(|header| {
            header.layer == Layer::Three && header.frame_bytes() == Some(packet.data.len())
        });
        let side_info = header.and_then(|header| SideInfo::parse(&header, packet.data));
        match (header, side_info) {
            (Some(header), Some(side_info)) => {
                self.decode_layer_three(packet, &header, &side_info)?;
                Ok(self.inner.last_decoded())
            }
            _ => self.inner.decode_ref(packet),
        }
    }

    fn finalize(&mut self) -> FinalizeResult {
        self.inner.finalize()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.inner.last_decoded()
    }
}

impl RegisterableAudioDecoder for MpegDecoder {
    fn try_registry_new(
        params: &AudioCodecParameters,
        options: &AudioDecoderOptions,
    ) -> Result<Box<dyn AudioDecoder>> {
        Ok(Box::new(Self::new(params, options)?))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        MpaDecoder::supported_codecs()
    }
}
