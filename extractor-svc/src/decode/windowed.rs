//! A decoder cut to the analysed window, with the checks that a window must pass.

use std::sync::atomic::Ordering;

use super::{Decoder, EncodedAudio};
use crate::decode::window::{Cutter, Window};
use crate::dsp::simd::{Isa, Kernel, Level};
use crate::error::ExtractError;
use crate::findings::{Damage, Warning, WarningCode};
use crate::limits::Limits;

/// Samples that are handed out at once: a dozen packets, as whoever comes behind the decoder works on
/// thousands at a time, and yet less than anybody waits for.
const BLOCK: usize = 1 << 14;

/// Bits of full scale, less one step of 16 bits.
const FULL_SCALE_BITS: i32 = (32_767.0_f32 / 32_768.0).to_bits() as i32;

/// Largest plausible sample, in units of full scale. Mixes in floats go over full scale by a few
/// times; beyond this are broken decoders, and integers that are declared as floats.
const PLAUSIBLE_PEAK: f32 = 8.0;

/// Share of samples at full scale, in thousandths, from which a window counts as clipped.
const CLIPPED_PER_MILLE: u64 = 10;

/// What is known of a source once its window has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceFacts {
    /// Container and codec, for example `flac/flac`.
    pub source_codec: String,
    /// Frames per second of the source.
    pub sample_rate: u32,
    /// Channels of the source.
    pub channels: usize,
    /// First frame of the window.
    pub first_frame: u64,
    /// Frames of the window.
    pub frames: u64,
    /// Frames of the encoder's own (delay and padding) that were left out, at the start and at the
    /// end of the source; as far as it was read.
    pub trimmed: (u64, u64),
    /// Share of the window's expected time that is missing or was replaced, 0 to 1.
    pub damaged_share: f64,
    /// Findings.
    pub warnings: Vec<Warning>,
}

impl SourceFacts {
    /// Length of the window in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.sample_rate)
    }

    /// Holds damage and findings to what is accepted.
    ///
    /// # Errors
    /// [`ExtractError::TooDamaged`] and [`ExtractError::FindingRefused`].
    pub(crate) fn accept(&self, limits: &Limits) -> Result<(), ExtractError> {
        let (share, max) = (self.damaged_share, limits.max_damage);
        if share > max {
            return Err(ExtractError::TooDamaged { share, max });
        }
        match self.warnings.iter().find(|warning| limits.refused.contains(&warning.code)) {
            Some(Warning { code, message }) => {
                Err(ExtractError::FindingRefused { code: *code, message: message.clone() })
            }
            None => Ok(()),
        }
    }

    /// Adds a finding if the window is shorter than `recommended` seconds, which is what the recipe
    /// needs for every number to say something of the sound rather than of the padding around it.
    pub(crate) fn find_short_window(&mut self, recommended: f64) {
        if self.seconds() < recommended {
            let text = format!(
                "{:.3} s were analysed; the filter of the lowest note is {recommended:.3} s long, so \
                 that low notes of the chroma are those of silence before and after",
                self.seconds()
            );
            self.warnings.push(Warning { code: WarningCode::ShortWindow, message: text });
        }
    }

    /// Adds a finding if rounding decided the tuning of the chroma.
    pub(crate) fn find_ambiguous_tuning(&mut self, is_ambiguous: bool) {
        if is_ambiguous {
            let text = "several tunings fit the pitches equally well within rounding; with another, \
                        the chroma is that of notes up to a bin of a third of a semitone away";
            self.warnings
                .push(Warning { code: WarningCode::TuningAmbiguous, message: text.to_owned() });
        }
    }
}

/// Blocks of the window of one source. Every sample handed out is finite.
#[derive(Debug)]
pub struct WindowedDecoder {
    decoder: Decoder,
    window: Window,
    cutter: Cutter,
    frames: u64,
    damage: Damage,
    /// Losses of the decoder up to the last block.
    losses: (u64, u64),
    clipped: u64,
    has_sound: bool,
    level: Level,
}

impl WindowedDecoder {
    /// Opens a source.
    ///
    /// # Errors
    /// As [`Decoder::open`].
    pub fn open(
        audio: EncodedAudio,
        window: &Window,
        limits: &Limits,
    ) -> Result<Self, ExtractError> {
        let decoder = Decoder::open(audio, limits)?;
        let cutter = window.cutter(decoder.sample_rate());
        let (window, level) = (*window, Level::detect());
        Ok(Self {
            decoder,
            window,
            cutter,
            frames: 0,
            damage: Damage::default(),
            losses: (0, 0),
            clipped: 0,
            has_sound: false,
            level,
        })
    }

    /// Frames per second of the source.
    pub fn sample_rate(&self) -> u32 {
        self.decoder.sample_rate()
    }

    /// Replaces the contents of `out` by the next [`BLOCK`] samples of the window or a few more,
    /// and at its end by what is left. `false` when nothing is, and then `out` is empty. While the
    /// offset is skipped, `out` may be empty before the end.
    ///
    /// Nothing is decoded behind the window.
    ///
    /// # Errors
    /// As [`Decoder::next_mono_block`]; also if a sample is not finite or not plausible, and at the end if the
    /// window is empty, begins behind the audio, or is silent.
    pub fn next_block(&mut self, out: &mut Vec<f32>) -> Result<bool, ExtractError> {
        out.clear();
        loop {
            let before = out.len();
            let is_over = self.cutter.is_done() || !self.decoder.next_mono_block(out)?;
            if !is_over {
                self.cutter.cut(out, before);
            }
            self.count_losses(before, out.len());
            if is_over {
                if out.is_empty() {
                    self.check_end()?;
                    return Ok(false);
                }
                break;
            }
            if out.is_empty() || out.len() >= BLOCK {
                break;
            }
        }
        self.look_at(out)?;
        Ok(true)
    }

    /// What is known of the source; complete after the end.
    pub fn facts(&self) -> SourceFacts {
        let mut warnings = self.decoder.warnings();
        if self.clipped * 1000 > self.frames * CLIPPED_PER_MILLE {
            let text = format!("{} of {} samples are at full scale", self.clipped, self.frames);
            warnings.push(Warning { code: WarningCode::Clipped, message: text });
        }
        SourceFacts {
            source_codec: self.decoder.source_codec(),
            sample_rate: self.decoder.sample_rate(),
            channels: self.decoder.channels(),
            first_frame: self.window.first_frame(self.decoder.sample_rate()),
            frames: self.frames,
            trimmed: self.decoder.trimmed(),
            damaged_share: self.damaged_share(),
            warnings,
        }
    }

    /// Adds what the decoder lost in its last block, of which the window kept the frames from
    /// `start` to `end` of what is about to be handed out.
    fn count_losses(&mut self, start: usize, end: usize) {
        let before = std::mem::replace(&mut self.losses, self.decoder.losses());
        let missing = self.losses.1;
        // What was lost before the window began is not the window's damage.
        if end > 0 || self.frames > 0 {
            self.damage.muted += (self.losses.0 - before.0).min((end - start) as u64);
            // An estimate may have been corrected.
            self.damage.missing = (self.damage.missing + missing).saturating_sub(before.1);
        } else {
            self.damage.missing_before = missing;
        }
    }

    fn damaged_share(&self) -> f64 {
        let rate = self.decoder.sample_rate();
        let first = self.window.first_frame(rate);
        let wanted = self.window.frame_count(rate);
        self.damage.share(first, wanted, self.frames, self.decoder.declared())
    }

    fn look_at(&mut self, block: &[f32]) -> Result<(), ExtractError> {
        let (peak, clipped) = self.level.run(Look(block));
        if peak >= f32::INFINITY.to_bits() as i32 {
            let at = block.iter().position(|x| !x.is_finite()).unwrap_or(0) as u64;
            return Err(ExtractError::NonFiniteSample { index: self.frames + at });
        }
        if peak > PLAUSIBLE_PEAK.to_bits() as i32 {
            let peak = f32::from_bits(peak as u32);
            return Err(ExtractError::ImplausibleSamples { peak, max: PLAUSIBLE_PEAK });
        }
        self.frames += block.len() as u64;
        self.clipped += u64::from(clipped);
        self.has_sound |= peak > 0;
        Ok(())
    }

    fn check_end(&self) -> Result<(), ExtractError> {
        let rate = f64::from(self.sample_rate());
        if self.frames == 0 && self.window.offset() > 0.0 && !self.cutter.is_done() {
            let skipped = self.window.first_frame(self.sample_rate());
            return Err(ExtractError::OffsetPastEnd {
                offset_seconds: self.window.offset(),
                audio_seconds: (skipped - self.cutter.frames_before_start()) as f64 / rate,
            });
        }
        if self.frames == 0 {
            return Err(ExtractError::EmptyAudio);
        }
        // A window that a damage emptied is damaged rather than silent.
        if !self.has_sound && self.damaged_share() <= self.decoder.max_damage() {
            return Err(ExtractError::SilentAudio { frames: self.frames });
        }
        Ok(())
    }
}

/// Bits of the largest magnitude of a block, and how many samples are at full scale.
struct Look<'a>(&'a [f32]);

impl Kernel for Look<'_> {
    type Output = (i32, u32);

    #[inline(always)]
    fn run<I: Isa>(self) -> (i32, u32) {
        // One pass without branches. Without their sign, bits order as the numbers do, and all that
        // is not finite is behind infinity.
        let (mut peak, mut clipped) = (0_i32, 0_u32);
        for x in self.0 {
            let bits = (x.to_bits() & 0x7fff_ffff) as i32;
            peak = peak.max(bits);
            clipped += u32::from(bits >= FULL_SCALE_BITS);
        }
        (peak, clipped)
    }
}

/// Reads a whole window at once; for tests and tools, which have the memory for it.
///
/// `cancel` is asked between blocks.
///
/// # Errors
/// As [`WindowedDecoder::next_block`], and [`ExtractError::Cancelled`].
pub fn load_mono(
    audio: EncodedAudio,
    window: &Window,
    limits: &Limits,
    cancel: &std::sync::atomic::AtomicBool,
) -> Result<(Vec<f32>, SourceFacts), ExtractError> {
    let mut decoder = WindowedDecoder::open(audio, window, limits)?;
    let (mut all, mut block) = (Vec::new(), Vec::new());
    while decoder.next_block(&mut block)? {
        if cancel.load(Ordering::Relaxed) {
            return Err(ExtractError::Cancelled);
        }
        all.extend_from_slice(&block);
    }
    Ok((all, decoder.facts()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::load_mono;
    use crate::decode::Window;
    use crate::decode::{EncodedAudio, PcmLayout, PcmSample};
    use crate::error::ExtractError;
    use crate::findings::WarningCode;
    use crate::limits::Limits;

    fn load(samples: &[f32], window: &Window) -> Result<Vec<f32>, ExtractError> {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let layout = PcmLayout { sample: PcmSample::F32Le, sample_rate: 8000, channels: 1 };
        let audio = EncodedAudio::from_bytes(bytes).with_pcm(layout);
        let (samples, facts) =
            load_mono(audio, window, &Limits::default(), &AtomicBool::new(false))?;
        assert_eq!(facts.frames, samples.len() as u64);
        let is_clipped = facts.warnings.iter().any(|w| w.code == WarningCode::Clipped);
        assert_eq!(is_clipped, samples.iter().any(|x| x.abs() >= 1.0));
        Ok(samples)
    }

    #[test]
    fn a_short_window_is_found() {
        let bytes: Vec<u8> = [0.5_f32; 12_800].iter().flat_map(|x| x.to_le_bytes()).collect();
        let layout = PcmLayout { sample: PcmSample::F32Le, sample_rate: 8000, channels: 1 };
        let audio = EncodedAudio::from_bytes(bytes).with_pcm(layout);
        let whole = Window::whole();
        let (_, mut facts) =
            load_mono(audio, &whole, &Limits::default(), &AtomicBool::new(false)).unwrap();
        facts.find_short_window(1.6);
        assert_eq!(facts.warnings, []);
        facts.find_short_window(1.601);
        assert_eq!(facts.warnings[0].code, WarningCode::ShortWindow);
        assert!(facts.warnings[0].message.contains("1.600 s"), "{:?}", facts.warnings);
    }

    fn window(first: u32, count: Option<u32>) -> Window {
        let seconds = |frames| (f64::from(frames) + 0.5) / 8000.0;
        Window::new(if first == 0 { 0.0 } else { seconds(first) }, count.map(seconds)).unwrap()
    }

    #[test]
    fn only_the_window_is_judged() {
        let mut samples = vec![0.5; 10_000];
        samples[9000] = f32::NAN;
        samples[0] = f32::INFINITY;
        let error = load(&samples, &window(100, None)).unwrap_err();
        assert_eq!(error, ExtractError::NonFiniteSample { index: 8900 });
        assert_eq!(load(&samples, &window(1, Some(8999))).unwrap().len(), 8999);
        let error = load(&samples, &Window::whole()).unwrap_err();
        assert_eq!(error, ExtractError::NonFiniteSample { index: 0 });
    }

    #[test]
    fn samples_far_beyond_full_scale_are_refused() {
        let mut samples = vec![0.5; 99];
        samples[50] = -8.0;
        assert_eq!(load(&samples, &Window::whole()).unwrap(), samples);
        // 16-bit integers that somebody wrote as floats.
        samples[51] = -12_345.0;
        let error = load(&samples, &Window::whole()).unwrap_err();
        assert_eq!(error, ExtractError::ImplausibleSamples { peak: 12_345.0, max: 8.0 });
        samples[51] = 8.0_f32.next_up();
        assert_eq!(load(&samples, &Window::whole()).unwrap_err().reason(), "IMPLAUSIBLE_SAMPLES");
        assert_eq!(load(&samples, &window(52, None)).unwrap().len(), 47);
    }

    #[test]
    fn a_window_without_sound_is_refused() {
        let mut samples = vec![0.0; 10_000];
        samples[5000] = -1e-30;
        let frames = 10_000 - 5001;
        let error = load(&samples, &window(5001, None)).unwrap_err();
        assert_eq!(error, ExtractError::SilentAudio { frames });
        assert_eq!(load(&samples, &window(5000, Some(1))).unwrap(), [-1e-30]);
        let error = load(&samples, &window(10_000, None)).unwrap_err();
        assert_eq!(error.reason(), "OFFSET_PAST_END");
        assert!(error.to_string().contains("1.25 s"), "{error}");
        assert_eq!(load(&samples, &window(0, Some(0))).unwrap_err().reason(), "EMPTY_AUDIO");
        assert_eq!(load(&[], &Window::whole()).unwrap_err().reason(), "EMPTY_AUDIO");
        assert_eq!(load(&[1.0; 9], &Window::whole()).unwrap(), [1.0; 9]);
    }
}
