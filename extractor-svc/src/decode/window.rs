//! The part of the audio that is analysed: `librosa.load(offset=, duration=)`.
//!
//! The cut is made at the source's rate, before resampling, on whole frames: both numbers are
//! truncated as `int(seconds * sr)`, which is what librosa does when soundfile reads the file.
//! (Its other reader rounds instead; that difference of one sample is not reproduced.)

use crate::error::ExtractError;

/// Longest offset or duration in seconds that is taken for a time: about 31 years.
const MAX_SECONDS: f64 = 1e9;

/// A validated window, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Window {
    offset: f64,
    duration: Option<f64>,
}

impl Window {
    /// A window of `duration` seconds (to the end of the audio if `None`) that begins at `offset`.
    ///
    /// # Errors
    /// [`ExtractError::InvalidWindow`] for a negative or non-finite offset, or a duration that is
    /// not positive and finite.
    pub fn new(offset: f64, duration: Option<f64>) -> Result<Self, ExtractError> {
        if !(0.0..=MAX_SECONDS).contains(&offset) {
            let expected = "0 or more, below 1e9";
            return Err(ExtractError::InvalidWindow { field: "offset", seconds: offset, expected });
        }
        match duration {
            Some(seconds) if !(seconds > 0.0 && seconds <= MAX_SECONDS) => {
                let expected = "more than 0, below 1e9";
                Err(ExtractError::InvalidWindow { field: "duration", seconds, expected })
            }
            _ => Ok(Self { offset, duration }),
        }
    }

    /// The whole audio.
    pub fn whole() -> Self {
        Self::default()
    }

    /// Start in seconds.
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// Length in seconds, or `None` for the rest of the audio.
    pub fn duration(&self) -> Option<f64> {
        self.duration
    }

    /// First frame of the window: `int(offset * sr)`.
    pub fn first_frame(&self, sample_rate: u32) -> u64 {
        (self.offset * f64::from(sample_rate)) as u64
    }

    /// Frames of the window: `int(duration * sr)`.
    pub fn frame_count(&self, sample_rate: u32) -> Option<u64> {
        self.duration.map(|seconds| (seconds * f64::from(sample_rate)) as u64)
    }

    /// A cutter for blocks of audio at `sample_rate`.
    pub fn cutter(&self, sample_rate: u32) -> Cutter {
        Cutter { skip: self.first_frame(sample_rate), left: self.frame_count(sample_rate) }
    }
}

/// Cuts consecutive blocks down to a window.
#[derive(Debug, Clone)]
pub struct Cutter {
    skip: u64,
    left: Option<u64>,
}

impl Cutter {
    /// Removes from the end of `samples`, from `from` on, whatever lies outside the window.
    pub fn cut(&mut self, samples: &mut Vec<f32>, from: usize) {
        let skipped = self.skip.min((samples.len() - from) as u64);
        self.skip -= skipped;
        if skipped > 0 {
            samples.drain(from..from + skipped as usize);
        }
        if let Some(left) = &mut self.left {
            let kept = (*left).min((samples.len() - from) as u64);
            samples.truncate(from + kept as usize);
            *left -= kept;
        }
    }

    /// Whether the window is full, so that no later block can add to it.
    pub fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// Frames that are still missing before the window begins.
    pub fn frames_before_start(&self) -> u64 {
        self.skip
    }
}

#[cfg(test)]
mod tests {
    use super::Window;
    use crate::error::ExtractError;

    fn check(offset: f64, duration: Option<f64>, blocks: &[usize], expected: std::ops::Range<u32>) {
        let mut cutter = Window::new(offset, duration).unwrap().cutter(10);
        let (mut next, mut kept) = (0_u32, Vec::new());
        for &len in blocks {
            let before = kept.len();
            kept.extend((next..next + len as u32).map(|i| i as f32));
            next += len as u32;
            cutter.cut(&mut kept, before);
        }
        assert_eq!(kept, expected.map(|i| i as f32).collect::<Vec<_>>());
    }

    #[test]
    fn a_window_is_cut_whatever_the_blocks() {
        for blocks in [&[20][..], &[3, 3, 3, 3, 3, 5], &[1; 20], &[0, 7, 13]] {
            check(0.0, None, blocks, 0..20);
            check(0.5, None, blocks, 5..20);
            check(0.59, Some(0.99), blocks, 5..14);
            check(0.0, Some(0.05), blocks, 0..0);
            check(1.9, Some(100.0), blocks, 19..20);
            check(7.0, None, blocks, 0..0);
        }
    }

    #[test]
    fn times_that_are_none_are_refused() {
        for (offset, duration) in [
            (-0.1, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (0.0, Some(0.0)),
            (0.0, Some(-1.0)),
            (0.0, Some(f64::NAN)),
            (0.0, Some(f64::INFINITY)),
        ] {
            let error = Window::new(offset, duration).unwrap_err();
            assert!(matches!(error, ExtractError::InvalidWindow { .. }), "{offset} {duration:?}");
        }
    }
}
