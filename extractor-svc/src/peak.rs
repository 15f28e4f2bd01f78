//! The largest magnitude of a stretch of signal, by which signals are equalised.

use crate::simd::Kernel;

/// Largest magnitude of a signal.
pub(crate) struct Peak<'a>(pub(crate) &'a [f32]);

impl Kernel for Peak<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f32 {
        let (chunks, rest) = self.0.as_chunks::<32>();
        let mut peaks = [0.0_f32; 32];
        for chunk in chunks {
            for (peak, x) in peaks.iter_mut().zip(chunk) {
                *peak = larger(*peak, x.abs());
            }
        }
        peaks.iter().chain(rest).fold(0.0, |peak, x| larger(peak, x.abs()))
    }
}

/// `f32::max` in one instruction; a NaN in `b` is passed over.
#[inline(always)]
pub(crate) fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}
