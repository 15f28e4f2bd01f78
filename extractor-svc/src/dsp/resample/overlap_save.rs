//! A zero-phase FIR filter with rate change, block by block in the frequency domain.
//!
//! The signal is cut into blocks on soxr's own grid; two neighbouring blocks share one complex
//! transform. Zero-stuffing repeats the block's spectrum, decimation folds it, so that the forward
//! transform has the input's length and the inverse transform the output's.
//!
//! The grid is not a matter of speed alone. A block of zeros gives zeros; in every other block the
//! transform leaves its rounding also where the filter saw nothing but zeros, and all that librosa
//! computes without regard to loudness hangs on which frames are digitally silent.

use std::sync::Arc;

use crate::dsp::fft::radix4::{InverseRealFft, QUARTERS, RealFft, in_quarters};
use crate::dsp::fft::{Complex32, PowerOfTwo, forward_f64};
use crate::dsp::peak::Peak;
use crate::dsp::simd::{Isa, Kernel, Level};

/// Shortest and longest block of soxr, as powers of two.
const BLOCK_BITS: (u32, u32) = (10, 17);

/// Length of soxr's blocks on the fine grid for a filter of `taps`: about four times the filter, as
/// a power of two (`set_dft_length` in its `cr.c`, with its default limits).
pub(super) fn block_len(taps: usize) -> usize {
    let bits = ((taps as f64).log2() + 2.77) as u32;
    1 << bits.clamp(BLOCK_BITS.0, BLOCK_BITS.1)
}

/// The filter, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct OverlapSave {
    up: usize,
    down: usize,
    /// Taps on each side of the centre, on the fine grid.
    half: usize,
    /// Input samples before and after those that a block's outputs stand for.
    margin: usize,
    /// Input samples from one block to the next.
    step: usize,
    forward: RealFft,
    inverse: InverseRealFft,
    /// Real, even frequency response on the fine grid, divided by its length, in quarters.
    response: Arc<[f32]>,
    level: Level,
}

/// Buffers of [`OverlapSave`].
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// Two neighbouring blocks, one after the other, where the input does not fill them.
    blocks: Vec<f32>,
    spectrum: Vec<Complex32>,
    folded: Vec<Complex32>,
    /// Both blocks of the output, with what lies before and after it.
    filtered: [Vec<f32>; 2],
    scratch: Vec<Complex32>,
    scales: [Option<PowerOfTwo>; 2],
}

impl OverlapSave {
    /// A filter of `taps` (symmetric, 1 more than a multiple of 4) on the grid `up` times finer than
    /// the input, keeping every `down`-th value of the result. `up` is a power of two that divides
    /// half the filter, `down` is 1 or 2.
    pub(crate) fn new(up: usize, down: usize, taps: &[f64], level: Level) -> Self {
        let half = taps.len() / 2;
        debug_assert!(up.is_power_of_two() && half.is_multiple_of(up), "{up} times finer");
        debug_assert!((1..=2).contains(&down) && half.is_multiple_of(2), "every {down}-th value");
        let fine = block_len(taps.len());
        let input = fine / up;
        let margin = half / up;
        let step = input - 2 * margin;
        let response = forward_f64((0..fine).map(|i| {
            // Centred on index 0, so that the response is real.
            let offset =
                if i <= fine / 2 { half.checked_add(i) } else { (half + i).checked_sub(fine) };
            offset.and_then(|i| taps.get(i)).copied().unwrap_or(0.0) / fine as f64
        }));
        Self {
            up,
            down,
            half,
            margin,
            step,
            forward: RealFft::new(input),
            inverse: InverseRealFft::new(fine / down),
            response: in_quarters(&response).iter().map(|bin| bin.re as f32).collect(),
            level,
        }
    }

    /// The same filter at another level.
    pub(crate) fn at(&self, level: Level) -> Self {
        Self { level, ..self.clone() }
    }

    /// Buffers for this filter.
    pub(crate) fn workspace(&self) -> Workspace {
        let zero = Complex32::default();
        let scratch = self.forward.scratch_len().max(self.inverse.scratch_len());
        Workspace {
            blocks: Vec::new(),
            spectrum: vec![zero; self.forward.len()],
            folded: vec![zero; self.inverse.len()],
            filtered: [0; 2].map(|_| vec![0.0; self.inverse.len()]),
            scratch: vec![zero; scratch],
            scales: [None; 2],
        }
    }

    /// Length of the whole output for `len` input samples; the tail after the end is kept.
    pub(crate) fn output_len(&self, len: usize) -> usize {
        if len == 0 { 0 } else { (self.up * (len - 1) + self.half) / self.down + 1 }
    }

    /// Input samples that a pair of blocks advances by.
    pub(crate) fn pair_step(&self) -> usize {
        2 * self.step
    }

    /// Input samples that a pair of blocks reads, from [`OverlapSave::margin`] before its first.
    pub(crate) fn pair_input(&self) -> usize {
        self.step + self.forward.len()
    }

    /// Input samples read before and after a block's own.
    pub(crate) fn margin(&self) -> usize {
        self.margin
    }

    /// Outputs of one pair of blocks.
    pub(crate) fn pair_output(&self) -> usize {
        2 * self.step * self.up / self.down
    }

    /// Filters one pair of blocks. `input` starts [`OverlapSave::margin`] before the pair and holds
    /// up to [`OverlapSave::pair_input`] samples; what is missing is zero.
    pub(crate) fn filter_pair(&self, input: &[f32], workspace: &mut Workspace) {
        let len = self.forward.len();
        let Workspace { blocks, spectrum, folded, filtered: [x, y], scratch, scales } = workspace;
        let pair = if input.len() == self.pair_input() {
            [&input[..len], &input[self.step..]]
        } else {
            blocks.resize(2 * len, 0.0);
            let (first, second) = blocks.split_at_mut(len);
            copy_zero_padded(input, first);
            copy_zero_padded(input.get(self.step..).unwrap_or_default(), second);
            [&*first, &*second]
        };
        for (block, scale) in pair.into_iter().zip(&mut *scales) {
            let peak = self.level.run(Peak(block));
            *scale = (peak > 0.0).then(|| PowerOfTwo::equalising(peak));
        }
        if *scales == [None; 2] {
            return;
        }
        let down = scales.map(|scale| scale.map_or(0.0, |scale| scale.down));
        let up = scales.map(|scale| scale.map_or(0.0, |scale| scale.up));
        self.forward.process(pair, down, None, spectrum, scratch, self.level);
        self.multiply_and_fold(spectrum, folded);
        self.inverse.process(folded, up, [x, y], scratch, self.level);
    }

    /// Writes the outputs of the pair filtered last, up to the length of `out`.
    pub(crate) fn write_pair(&self, workspace: &Workspace, out: &mut [f32]) {
        let per_block = self.pair_output() / 2;
        let first = self.margin * self.up / self.down;
        let (even, odd) = out.split_at_mut(per_block.min(out.len()));
        for (index, out) in [even, odd].into_iter().enumerate() {
            if workspace.scales[index].is_none() {
                out.fill(0.0);
                continue;
            }
            out.copy_from_slice(&workspace.filtered[index][first..first + out.len()]);
        }
    }

    /// `folded[j] = Σ response[k] spectrum[k mod input]` over all `k ≡ j` modulo the output length,
    /// which are in one quarter.
    fn multiply_and_fold(&self, spectrum: &[Complex32], folded: &mut [Complex32]) {
        let [fine, input, output] =
            [self.response.len(), spectrum.len(), folded.len()].map(|len| len / QUARTERS);
        let quarters = self.response.chunks_exact(fine).zip(spectrum.chunks_exact(input));
        for ((response, spectrum), folded) in quarters.zip(folded.chunks_exact_mut(output)) {
            if fine == input && input == 2 * output {
                let (responses, spectra) = (response.split_at(output), spectrum.split_at(output));
                self.level.run(Fold { responses, spectra, into: folded });
                continue;
            }
            folded.fill(Complex32::default());
            let mut k = 0;
            while k < fine {
                let (i, j) = (k % input, k % output);
                let run = (input - i).min(output - j);
                let (response, spectrum) = (&response[k..k + run], &spectrum[i..i + run]);
                self.level.run(MultiplyAdd { response, spectrum, into: &mut folded[j..j + run] });
                k += run;
            }
        }
    }
}

fn copy_zero_padded(from: &[f32], into: &mut [f32]) {
    let len = from.len().min(into.len());
    into[..len].copy_from_slice(&from[..len]);
    into[len..].fill(0.0);
}

/// `into = response * spectrum` of the first halves, plus that of the second.
struct Fold<'a> {
    responses: (&'a [f32], &'a [f32]),
    spectra: (&'a [Complex32], &'a [Complex32]),
    into: &'a mut [Complex32],
}

impl Kernel for Fold<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let responses = self.responses.0.iter().zip(self.responses.1);
        let spectra = self.spectra.0.iter().zip(self.spectra.1);
        for ((into, (&g, &h)), (x, y)) in self.into.iter_mut().zip(responses).zip(spectra) {
            *into = Complex32::new(g * x.re + h * y.re, g * x.im + h * y.im);
        }
    }
}

/// `into += response * spectrum`.
struct MultiplyAdd<'a> {
    response: &'a [f32],
    spectrum: &'a [Complex32],
    into: &'a mut [Complex32],
}

impl Kernel for MultiplyAdd<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for ((into, &h), x) in self.into.iter_mut().zip(self.response).zip(self.spectrum) {
            into.re += h * x.re;
            into.im += h * x.im;
        }
    }
}
