//! Run-time choice of the instruction set for the hot loops.
//!
//! A hot loop is a [`Kernel`]: plain Rust over slices and arrays, written once. [`Level::run`]
//! compiles it twice, for the build's baseline and for AVX2 with FMA, and enters the second form
//! only where the processor has both. This module is the crate's only home of `unsafe`.

/// Frames that the vertical kernels treat side by side: one frame per lane.
pub(crate) const LANES: usize = 16;

/// One value of [`LANES`] neighbouring frames.
pub(crate) type Lanes = [f32; LANES];

/// Zero in every lane.
pub(crate) const ZERO: Lanes = [0.0; LANES];

/// A loop that can be compiled for several instruction sets.
///
/// `run` must be `#[inline(always)]`, or its body stays at the baseline.
pub(crate) trait Kernel {
    /// What the loop returns.
    type Output;

    /// The loop. `FMA` says whether fused multiply-add is one instruction.
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// An instruction set that this processor has.
///
/// A level above the baseline comes from [`Level::detect`] alone, which is what makes
/// [`Level::run`] sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2Fma,
}

impl Level {
    /// The instruction set that the build assumes everywhere.
    pub const BASELINE: Self = Self(Set::Baseline);

    /// The best level of this processor.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
        {
            return Self(Set::Avx2Fma);
        }
        Self::BASELINE
    }

    /// Runs `kernel` at this level.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Set::Baseline => kernel.run::<false>(),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the call needs processor features checked at run time")]
            // SAFETY: `Set::Avx2Fma` is made by `detect` alone, after the processor reported both
            // AVX2 and FMA, which are all that `with_avx2_fma` asks for.
            Set::Avx2Fma => unsafe { with_avx2_fma(kernel) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2_fma<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<true>()
}

/// `a * b + c`, fused where that is one instruction; a fused call without it goes to libm.
#[inline(always)]
pub(crate) fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `acc[lane] += a * b[lane]`.
#[inline(always)]
pub(crate) fn accumulate<const FMA: bool>(acc: &mut Lanes, a: f32, b: &Lanes) {
    for (acc, &b) in acc.iter_mut().zip(b) {
        *acc = mul_add::<FMA>(a, b, *acc);
    }
}
