//! A zero-phase FIR filter with rate change, block by block in the frequency domain.
//!
//! The signal is cut into blocks on a fixed grid; two neighbouring blocks share one complex
//! transform. Zero-stuffing repeats the block's spectrum, decimation folds it, so that the forward
//! transform has the input's length and the inverse transform the output's.

use std::array;
use std::ops::Range;
use std::sync::Arc;

use crate::fft::{Complex32, PowerOfTwo, forward_f64};
use crate::peak::larger;
use crate::quarters::{Forward, Inverse, QUARTERS, in_quarters};
use crate::simd::{Isa, Kernel, Level};

/// Length of the aligned chunks that are searched for silence. Shorter than half of every filter.
const CHUNK: usize = 16;

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
    forward: Forward,
    inverse: Inverse,
    /// Real, even frequency response on the fine grid, divided by its length, in quarters.
    response: Arc<[f32]>,
    level: Level,
}

/// Buffers of [`OverlapSave`].
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// Two neighbouring blocks, one after the other, where the input does not fill them.
    blocks: Vec<f32>,
    /// Runs of zeros in each block.
    silences: [Vec<Range<usize>>; 2],
    spectrum: Vec<Complex32>,
    folded: Vec<Complex32>,
    /// Both blocks of the output, with what lies before and after it.
    filtered: [Vec<f32>; 2],
    scratch: Vec<Complex32>,
    scales: [Option<PowerOfTwo>; 2],
}

impl OverlapSave {
    /// A filter of `taps` (odd, symmetric) on the grid `up` times finer than the input, keeping
    /// every `down`-th value of the result, in blocks of `input` samples, a multiple of `4 down`.
    pub(crate) fn new(up: usize, down: usize, taps: &[f64], input: usize, level: Level) -> Self {
        let half = taps.len() / 2;
        debug_assert!(input.is_multiple_of(QUARTERS * down), "{input} samples, 1 of {down}");
        let fine = input * up;
        let margin = half.div_ceil(up).next_multiple_of(down);
        let step = (input - 2 * margin) / down * down;
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
            forward: Forward::new(input),
            inverse: Inverse::new(fine / down),
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
            silences: Default::default(),
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
        let Workspace { blocks, silences, spectrum, folded, filtered: [x, y], scratch, scales } =
            workspace;
        let pair = if input.len() == self.pair_input() {
            [&input[..len], &input[self.step..]]
        } else {
            blocks.resize(2 * len, 0.0);
            let (first, second) = blocks.split_at_mut(len);
            copy_zero_padded(input, first);
            copy_zero_padded(input.get(self.step..).unwrap_or_default(), second);
            [&*first, &*second]
        };
        for ((block, scale), silences) in pair.into_iter().zip(&mut *scales).zip(silences) {
            let (peak, has_silence) = self.level.run(Look(block));
            *scale = (peak > 0.0).then(|| PowerOfTwo::equalising(peak));
            silences.clear();
            if has_silence {
                find_silences(block, silences);
            }
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
            // The transform leaves its rounding where the filter saw nothing but zeros, and
            // features without a scale of their own would take that for sound.
            for silence in &workspace.silences[index] {
                self.blank_run(silence.start, silence.end, self.forward.len(), out);
            }
        }
    }

    /// Zeroes the outputs whose support lies in the zero run `start..end` of a block.
    fn blank_run(&self, start: usize, end: usize, block_len: usize, out: &mut [f32]) {
        // Support of the output centred at fine index c: c - half ..= c + half.
        let fine_first = if start == 0 { 0 } else { (start - 1) * self.up + 1 + self.half };
        let fine_end = if end == block_len {
            block_len * self.up
        } else {
            (end * self.up).saturating_sub(self.half)
        };
        let first_output = self.margin * self.up / self.down;
        let from = fine_first.div_ceil(self.down).saturating_sub(first_output);
        let to = fine_end.div_ceil(self.down).saturating_sub(first_output).min(out.len());
        if from < to {
            out[from..to].fill(0.0);
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

/// Whether a sample is exactly zero, of either sign.
#[inline(always)]
fn is_zero(sample: &f32) -> bool {
    sample.to_bits() << 1 == 0
}

/// The largest magnitude of a block, and whether an aligned chunk of it is all zeros.
struct Look<'a>(&'a [f32]);

impl Kernel for Look<'_> {
    type Output = (f32, bool);

    #[inline(always)]
    fn run<I: Isa>(self) -> (f32, bool) {
        let (chunks, rest) = self.0.as_chunks::<CHUNK>();
        let (mut peaks, mut has_silence) = ([0.0; CHUNK], false);
        for chunk in chunks {
            peaks = array::from_fn(|lane| larger(peaks[lane], chunk[lane].abs()));
            let mut sounds = 0;
            for sample in chunk {
                sounds |= u32::from(!is_zero(sample));
            }
            has_silence |= sounds == 0;
        }
        (peaks.iter().chain(rest).fold(0.0, |peak, x| larger(peak, x.abs())), has_silence)
    }
}

/// The runs of zeros in a block.
fn find_silences(block: &[f32], runs: &mut Vec<Range<usize>>) {
    let mut start = 0;
    while start < block.len() {
        let run = block[start..].iter().take_while(|x| is_zero(x)).count();
        if run > 0 {
            runs.push(start..start + run);
        }
        start += run;
        start += block[start..].iter().take_while(|x| !is_zero(x)).count();
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
