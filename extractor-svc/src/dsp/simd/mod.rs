//! Run-time choice of the instruction set for the hot loops.
//!
//! A hot loop is a [`Kernel`]: plain Rust over slices and arrays, written once. [`Level::run`]
//! compiles it for the build's baseline, for AVX2 with FMA and for AVX-512, and enters the latter
//! two only where the processor has them. This module is the crate's only home of `unsafe`.

pub(crate) mod rows;

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

    /// The loop, for a processor of which `I` says what it has.
    fn run<I: Isa>(self) -> Self::Output;
}

/// What a loop may count on. Nothing but speed and the rounding of [`mul_add`] may depend on it.
pub(crate) trait Isa {
    /// Fused multiply-add is one instruction.
    const FMA: bool;
    /// [`Lanes`] are one register, of which there are 32: twice as many sums fit as elsewhere, and
    /// are needed to keep the multipliers busy.
    const WIDE: bool;
}

struct Baseline;

impl Isa for Baseline {
    const FMA: bool = false;
    const WIDE: bool = false;
}

#[cfg(target_arch = "x86_64")]
struct Avx2Fma;

#[cfg(target_arch = "x86_64")]
impl Isa for Avx2Fma {
    const FMA: bool = true;
    const WIDE: bool = false;
}

#[cfg(target_arch = "x86_64")]
struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Isa for Avx512 {
    const FMA: bool = true;
    const WIDE: bool = true;
}

/// An instruction set that this processor has.
///
/// A level above the baseline comes from [`Level::all`] or [`Level::narrow`] alone, which is what
/// makes [`Level::run`] sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2Fma,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The instruction set that the build assumes everywhere.
    pub const BASELINE: Self = Self(Set::Baseline);

    /// The best level of this processor.
    #[must_use]
    pub fn detect() -> Self {
        Self::all().next_back().unwrap_or(Self::BASELINE)
    }

    /// The levels that this processor has, the baseline first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + Clone {
        let sets = [
            (Set::Baseline, true),
            #[cfg(target_arch = "x86_64")]
            (Set::Avx2Fma, has_avx2_fma()),
            #[cfg(target_arch = "x86_64")]
            (Set::Avx512, has_avx2_fma() && is_x86_feature_detected!("avx512f")),
        ];
        sets.into_iter().filter_map(|(set, is_there)| is_there.then_some(Self(set)))
    }

    /// AVX2 in place of AVX-512: for loops that turn rows into columns. At 512 bits the compiler
    /// takes such apart into single values.
    #[must_use]
    pub(crate) fn narrow(self) -> Self {
        #[cfg(target_arch = "x86_64")]
        if self.0 == Set::Avx512 {
            return Self(Set::Avx2Fma);
        }
        self
    }

    /// Runs `kernel` at this level.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Set::Baseline => kernel.run::<Baseline>(),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the call needs processor features checked at run time")]
            // SAFETY: `Set::Avx2Fma` is made by `all` alone, after the processor reported both
            // AVX2 and FMA, which are all that `with_avx2_fma` asks for, and by `narrow` from
            // `Set::Avx512`, which `all` makes after the same report.
            Set::Avx2Fma => unsafe { with_avx2_fma(kernel) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the call needs processor features checked at run time")]
            // SAFETY: `Set::Avx512` is made by `all` alone, after the processor reported AVX2, FMA
            // and AVX-512 F, which are all that `with_avx512` asks for.
            Set::Avx512 => unsafe { with_avx512(kernel) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2_fma() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2_fma<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2Fma>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f")]
fn with_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
}

/// `a * b + c`, fused where that is one instruction; a fused call without it goes to libm.
#[inline(always)]
pub(crate) fn mul_add<I: Isa>(a: f32, b: f32, c: f32) -> f32 {
    if I::FMA { a.mul_add(b, c) } else { a * b + c }
}

/// A value per lane from a function of the lane. Arrays made and used by value stay in registers;
/// arrays changed in place by an indexed loop do not.
#[inline(always)]
pub(crate) fn each_lane(value: impl FnMut(usize) -> f32) -> Lanes {
    std::array::from_fn(value)
}

/// `a * b[lane] + c[lane]`.
#[inline(always)]
pub(crate) fn scale_add<I: Isa>(a: f32, b: &Lanes, c: &Lanes) -> Lanes {
    each_lane(|lane| mul_add::<I>(a, b[lane], c[lane]))
}
