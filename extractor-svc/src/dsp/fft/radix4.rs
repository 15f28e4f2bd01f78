//! Fourier transforms of two real signals at once: a radix-4 pass fused with windowing and scaling, and
//! rustfft for the four transforms of a quarter of the length. Faster than one rustfft of the whole.
//!
//! Spectra are in four quarters: the bins `4k + 1`, `4k + 2`, `4k + 3`, and `4k` last.

use std::array;
use std::f64::consts::TAU;
use std::sync::Arc;

use crate::dsp::fft::{Complex32, Transform};
use crate::dsp::simd::{Isa, Kernel, Level};

/// Parts of a spectrum.
pub(crate) const QUARTERS: usize = 4;

/// Place of the quarter with the bins `4k + remainder`.
pub(crate) fn place(remainder: usize) -> usize {
    (remainder + QUARTERS - 1) % QUARTERS
}

/// Puts bins into the order of a spectrum in quarters.
pub(crate) fn in_quarters<T: Copy>(bins: &[T]) -> Vec<T> {
    let quarter = |remainder: usize| bins[remainder..].iter().step_by(QUARTERS).copied();
    [1, 2, 3, 0].into_iter().flat_map(quarter).collect()
}

/// `exp(∓2πi r n / N)` for `r` of 1, 2, 3 and `n` of a quarter: real parts, then imaginary ones.
fn twiddles(len: usize, sign: f64) -> Arc<[f32]> {
    let quarter = len / QUARTERS;
    let angle = |r: usize, n: usize| sign * TAU * ((r * n) % len) as f64 / len as f64;
    (1..QUARTERS)
        .flat_map(|r| {
            let re = (0..quarter).map(move |n| angle(r, n).cos() as f32);
            re.chain((0..quarter).map(move |n| angle(r, n).sin() as f32))
        })
        .collect()
}

/// `X[k] = Σ (x[n] + i y[n]) exp(-2πikn/N)`.
#[derive(Clone, Debug)]
pub(crate) struct RealFft {
    quarter: Transform,
    twiddles: Arc<[f32]>,
}

impl RealFft {
    /// A transform of `len` points, a multiple of 4.
    pub(crate) fn new(len: usize) -> Self {
        debug_assert!(len.is_multiple_of(QUARTERS), "{len} points have no quarters");
        Self { quarter: Transform::forward(len / QUARTERS), twiddles: twiddles(len, -1.0) }
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        QUARTERS * self.quarter.len()
    }

    /// Points that `scratch` of [`RealFft::process`] needs.
    pub(crate) fn scratch_len(&self) -> usize {
        self.quarter.scratch_len()
    }

    /// Transforms two `signals` of [`RealFft::len`] samples, times their `scales` and, if there is
    /// one, the `window`.
    pub(crate) fn process(
        &self,
        signals: [&[f32]; 2],
        scales: [f32; 2],
        window: Option<&[f32]>,
        into: &mut [Complex32],
        scratch: &mut [Complex32],
        level: Level,
    ) {
        level.run(First { signals, scales, window, twiddles: &self.twiddles, into });
        for quarter in into.chunks_exact_mut(self.quarter.len()) {
            self.quarter.process(quarter, scratch);
        }
    }
}

/// `x[n] + i y[n] = Σ X[k] exp(+2πikn/N)`, not divided by `N`.
#[derive(Clone, Debug)]
pub(crate) struct InverseRealFft {
    quarter: Transform,
    twiddles: Arc<[f32]>,
}

impl InverseRealFft {
    /// A transform of `len` points, a multiple of 4.
    pub(crate) fn new(len: usize) -> Self {
        debug_assert!(len.is_multiple_of(QUARTERS), "{len} points have no quarters");
        Self { quarter: Transform::inverse(len / QUARTERS), twiddles: twiddles(len, 1.0) }
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        QUARTERS * self.quarter.len()
    }

    /// Points that `scratch` of [`InverseRealFft::process`] needs.
    pub(crate) fn scratch_len(&self) -> usize {
        self.quarter.scratch_len()
    }

    /// Transforms `spectrum`, which is used up, into two signals of [`InverseRealFft::len`] samples, times
    /// their `gains`.
    pub(crate) fn process(
        &self,
        spectrum: &mut [Complex32],
        gains: [f32; 2],
        into: [&mut [f32]; 2],
        scratch: &mut [Complex32],
        level: Level,
    ) {
        for quarter in spectrum.chunks_exact_mut(self.quarter.len()) {
            self.quarter.process(quarter, scratch);
        }
        level.run(Last { spectrum, twiddles: &self.twiddles, gains, into });
    }
}

/// Calls `$kernel.known::<LEN>()` if the quarters have one of the usual lengths, as the compiler makes
/// vectors of arrays alone, and `$kernel.any()` if not.
macro_rules! by_length {
    ($kernel:ident, $quarter:expr) => {
        match $quarter {
            256 => $kernel.known::<256>(),
            384 => $kernel.known::<384>(),
            512 => $kernel.known::<512>(),
            768 => $kernel.known::<768>(),
            1024 => $kernel.known::<1024>(),
            1536 => $kernel.known::<1536>(),
            _ => $kernel.any(),
        }
    };
}

/// A slice as `N` parts of `LEN`.
#[inline(always)]
fn parts<T, const LEN: usize, const N: usize>(values: &[T]) -> &[[T; LEN]; N] {
    values.as_chunks().0.first_chunk().expect("all parts are there")
}

/// [`parts`] to write to.
#[inline(always)]
fn parts_mut<T, const LEN: usize, const N: usize>(values: &mut [T]) -> &mut [[T; LEN]; N] {
    values.as_chunks_mut().0.first_chunk_mut().expect("all parts are there")
}

/// The first step of a forward transform.
struct First<'a> {
    signals: [&'a [f32]; 2],
    scales: [f32; 2],
    window: Option<&'a [f32]>,
    twiddles: &'a [f32],
    into: &'a mut [Complex32],
}

impl Kernel for First<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        by_length!(self, self.into.len() / QUARTERS);
    }
}

impl First<'_> {
    #[inline(always)]
    fn known<const LEN: usize>(self) {
        let [x, y] = self.signals.map(parts::<f32, LEN, QUARTERS>);
        let [a, b] = self.scales;
        match self.window.map(parts::<f32, LEN, QUARTERS>) {
            Some(window) => self.step::<LEN>(|part, n| {
                let weight = window[part][n];
                Complex32::new(x[part][n] * a * weight, y[part][n] * b * weight)
            }),
            None => self.step::<LEN>(|part, n| Complex32::new(x[part][n] * a, y[part][n] * b)),
        }
    }

    #[inline(always)]
    fn step<const LEN: usize>(self, sample: impl Fn(usize, usize) -> Complex32) {
        let [c1, s1, c2, s2, c3, s3] = parts::<f32, LEN, 6>(self.twiddles);
        let [first, second, third, none] = parts_mut::<Complex32, LEN, QUARTERS>(self.into);
        for n in 0..LEN {
            let z = [sample(0, n), sample(1, n), sample(2, n), sample(3, n)];
            let turns = [
                Complex32::new(c1[n], s1[n]),
                Complex32::new(c2[n], s2[n]),
                Complex32::new(c3[n], s3[n]),
            ];
            [first[n], second[n], third[n], none[n]] = apart(z, turns);
        }
    }

    /// For lengths that are not usual.
    #[inline(always)]
    fn any(self) {
        let quarter = self.into.len() / QUARTERS;
        let ([x, y], [a, b]) = (self.signals, self.scales);
        for n in 0..quarter {
            let z = array::from_fn(|part| {
                let at = part * quarter + n;
                let weight = self.window.map_or(1.0, |window| window[at]);
                Complex32::new(x[at] * a * weight, y[at] * b * weight)
            });
            let z = apart(z, turns(self.twiddles, n));
            z.iter().enumerate().for_each(|(part, z)| self.into[part * quarter + n] = *z);
        }
    }
}

/// The `n`-th factors of the quarters that have any.
#[inline(always)]
fn turns(twiddles: &[f32], n: usize) -> [Complex32; QUARTERS - 1] {
    let quarter = twiddles.len() / (2 * (QUARTERS - 1));
    array::from_fn(|r| {
        let at = 2 * r * quarter + n;
        Complex32::new(twiddles[at], twiddles[at + quarter])
    })
}

/// `Σ (-i)^(rt) z[t]`, turned, in the order of the quarters `r`.
#[inline(always)]
fn apart([p, q, r, s]: [Complex32; QUARTERS], turns: [Complex32; 3]) -> [Complex32; QUARTERS] {
    let (even, even_too, odd, odd_too) = (p + r, q + s, p - r, q - s);
    let odd_too = Complex32::new(odd_too.im, -odd_too.re);
    [
        (odd + odd_too) * turns[0],
        (even - even_too) * turns[1],
        (odd - odd_too) * turns[2],
        even + even_too,
    ]
}

/// `Σ i^(rt) z[r]` by `t`, of the quarters `r`, turned.
#[inline(always)]
fn together([q, r, s, p]: [Complex32; QUARTERS], turns: [Complex32; 3]) -> [Complex32; QUARTERS] {
    let (q, r, s) = (q * turns[0], r * turns[1], s * turns[2]);
    let (even, even_too, odd, odd_too) = (p + r, q + s, p - r, q - s);
    let odd_too = Complex32::new(-odd_too.im, odd_too.re);
    [even + even_too, odd + odd_too, even - even_too, odd - odd_too]
}

/// The last step of an inverse transform.
struct Last<'a> {
    spectrum: &'a [Complex32],
    twiddles: &'a [f32],
    gains: [f32; 2],
    into: [&'a mut [f32]; 2],
}

impl Kernel for Last<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        by_length!(self, self.spectrum.len() / QUARTERS);
    }
}

impl Last<'_> {
    #[inline(always)]
    fn known<const LEN: usize>(self) {
        let [first, second, third, none] = parts::<Complex32, LEN, QUARTERS>(self.spectrum);
        let [c1, s1, c2, s2, c3, s3] = parts::<f32, LEN, 6>(self.twiddles);
        let [x, y] = self.into.map(parts_mut::<f32, LEN, QUARTERS>);
        let [a, b] = self.gains;
        for n in 0..LEN {
            let turns = [
                Complex32::new(c1[n], s1[n]),
                Complex32::new(c2[n], s2[n]),
                Complex32::new(c3[n], s3[n]),
            ];
            let z = together([first[n], second[n], third[n], none[n]], turns);
            for part in 0..QUARTERS {
                (x[part][n], y[part][n]) = (z[part].re * a, z[part].im * b);
            }
        }
    }

    /// For lengths that are not usual.
    #[inline(always)]
    fn any(self) {
        let quarter = self.spectrum.len() / QUARTERS;
        let ([x, y], [a, b]) = (self.into, self.gains);
        for n in 0..quarter {
            let z = array::from_fn(|part| self.spectrum[part * quarter + n]);
            let z = together(z, turns(self.twiddles, n));
            for (part, z) in z.iter().enumerate() {
                let at = part * quarter + n;
                (x[at], y[at]) = (z.re * a, z.im * b);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|n| ((n * n + seed * n) as f32 * 0.37).sin()).collect()
    }

    #[test]
    fn a_spectrum_is_that_of_the_definition_and_goes_back() {
        for (len, level) in [32, 1024, 1536, 2048, 3072, 4096, 6144]
            .into_iter()
            .flat_map(|len| Level::all().map(move |level| (len, level)))
        {
            let (x, y) = (signal(len, 3), signal(len, 5));
            let window: Vec<f32> = (0..len).map(|n| 1.0 + n as f32 / len as f32).collect();
            let forward = RealFft::new(len);
            assert_eq!(forward.len(), len);
            let mut scratch = vec![Complex32::default(); forward.scratch_len()];
            let mut spectrum = vec![Complex32::default(); len];
            let (signals, scales) = ([&x[..], &y[..]], [2.0, 0.5]);
            forward.process(signals, scales, Some(&window), &mut spectrum, &mut scratch, level);
            for k in [0, 1, 2, 3, 4, 7, len / 2, len - 2, len - 1] {
                let (mut re, mut im) = (0.0_f64, 0.0_f64);
                for n in 0..len {
                    let angle = -TAU * ((k * n) % len) as f64 / len as f64;
                    let (a, b) = (2.0 * x[n] * window[n], 0.5 * y[n] * window[n]);
                    let (a, b) = (f64::from(a), f64::from(b));
                    re += a * angle.cos() - b * angle.sin();
                    im += a * angle.sin() + b * angle.cos();
                }
                let found = spectrum[place(k % QUARTERS) * len / QUARTERS + k / QUARTERS];
                let error = (f64::from(found.re) - re).hypot(f64::from(found.im) - im);
                assert!(error < 1e-6 * len as f64, "{len} points, bin {k}: {error:e}");
            }

            forward.process(signals, [1.0; 2], None, &mut spectrum, &mut scratch, level);
            let inverse = InverseRealFft::new(len);
            assert_eq!(inverse.len(), len);
            let mut scratch = vec![Complex32::default(); inverse.scratch_len()];
            let (mut back_x, mut back_y) = (vec![0.0; len], vec![0.0; len]);
            let gains = [1.0 / len as f32, 4.0 / len as f32];
            let back = [&mut back_x[..], &mut back_y[..]];
            inverse.process(&mut spectrum, gains, back, &mut scratch, level);
            for n in 0..len {
                assert!((back_x[n] - x[n]).abs() < 1e-6, "{len} points, sample {n}");
                assert!((back_y[n] - 4.0 * y[n]).abs() < 4e-6, "{len} points, sample {n}");
            }
        }
    }

    #[test]
    fn quarters_hold_the_bins_by_their_remainder() {
        let bins: Vec<usize> = (0..12).collect();
        let found = in_quarters(&bins);
        assert_eq!(found, [1, 5, 9, 2, 6, 10, 3, 7, 11, 0, 4, 8]);
        assert!(bins.iter().all(|&k| found[place(k % QUARTERS) * 3 + k / QUARTERS] == k));
    }
}
