//! The inner loops, one file per instruction set, chosen at run time.
//!
//! [`portable`] holds the floating-point loops as plain Rust over fixed lanes; every instruction set compiles the same
//! source, so their results agree to the last bit. [`scalar`] holds the integer scan as its definition, and `avx2`,
//! `avx512`, `neon` its fast twins. This folder and nothing else in the engine's search holds `unsafe`.
//!
//! Nomenclature: a *group* is 16 rows stored together, [`GROUP_ROWS`]; a *chunk* is 4 columns of one group, 64 bytes,
//! row by row; a *code* is a row's or the query's integer form, see [`super::bounds`].
#![expect(unsafe_code, reason = "run-time dispatch to instruction sets and vector loads")]

use super::bounds::Decisions;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod scalar;
#[cfg(test)]
mod tests;

/// Rows stored together.
pub(super) const GROUP_ROWS: usize = 16;
/// Columns of one chunk of a group.
pub(super) const CHUNK_COLUMNS: usize = 4;
/// Bytes of one chunk: [`GROUP_ROWS`] rows of [`CHUNK_COLUMNS`] columns.
pub(super) const CHUNK_BYTES: usize = GROUP_ROWS * CHUNK_COLUMNS;
/// Float columns are padded to a multiple of this.
pub(super) const LANES: usize = 16;
/// Rows that [`Kernel::abreast`] takes at a time.
pub const ABREAST: usize = 32;
/// A row's code is stored as an unsigned byte, this much above its value.
pub(super) const CODE_BIAS: i32 = 128;

/// The query minus a leaf's centroid, and its integer form.
#[derive(Debug, Clone)]
pub(super) struct QueryCode {
    /// The code, padded with zeros to a multiple of [`LANES`]; kept only by kernels that scan with it.
    pub(super) wide: Vec<i16>,
    /// `wide = 256 * high + low`, each a signed byte.
    pub(super) high: Vec<i8>,
    /// See `high`.
    pub(super) low: Vec<i8>,
    /// Sum of `wide`.
    pub(super) sum: i32,
    /// Sum of the squares of `wide`, an integer.
    pub(super) squares: f64,
    /// All of `high` is zero: one pass is enough.
    pub(super) narrow: bool,
}

impl QueryCode {
    pub(super) fn new(padded_dims: usize) -> Self {
        debug_assert_eq!(padded_dims % LANES, 0);
        Self {
            wide: vec![0; padded_dims],
            high: vec![0; padded_dims],
            low: vec![0; padded_dims],
            sum: 0,
            squares: 0.0,
            narrow: false,
        }
    }
}

/// Length and largest magnitude of a difference, as computed in f32.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Residual {
    pub(super) squared_norm: f32,
    pub(super) max_abs: f32,
}

/// The stored codes of some groups and what decides which of their rows survive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups<'a> {
    /// `[groups, chunks, 16, 4]` biased codes.
    pub(super) codes: &'a [u8],
    /// `[groups, 16]` squared norm of each code; infinity in rows that pad.
    pub(super) norms: &'a [f32],
    /// `[groups]`: a row survives when `dot - slope * norm >= floor`, in f32, in this order.
    pub(super) slopes: &'a [f32],
    /// See `slopes`.
    pub(super) floors: &'a [f32],
    /// Bytes the caller will scan next; fetched meanwhile. May be empty.
    pub(super) next: &'a [u8],
}

/// Rows that survived a scan, in ascending order.
#[derive(Debug, Clone, Default)]
pub(super) struct Survivors {
    len: usize,
    rows: Vec<u32>,
    dots: Vec<i32>,
}

impl Survivors {
    /// Makes room for every row of `groups` groups, and for one vector store past the end.
    fn reset(&mut self, groups: usize) {
        self.len = 0;
        let room = (groups + 1) * GROUP_ROWS;
        if self.rows.len() < room {
            self.rows.resize(room, 0);
            self.dots.resize(room, 0);
        }
    }

    /// Rows, counted from the first group scanned, and their dot products with the query's code.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, i32)> + '_ {
        self.rows[..self.len].iter().copied().zip(self.dots[..self.len].iter().copied())
    }
}

/// An instruction set this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Isa);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Isa {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// Calls the function of the instruction set's file. The one place that asserts the processor has it.
macro_rules! dispatch {
    ($self:ident, $function:ident($($argument:expr),*)) => {
        match $self.0 {
            Isa::Scalar => scalar::$function($($argument),*),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Kernel::available` makes this variant only on a processor that has AVX2.
            Isa::Avx2 => unsafe { avx2::$function($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Kernel::available` makes this variant only on a processor that has AVX-512 F, BW, DQ, VL and VNNI.
            Isa::Avx512Vnni => unsafe { avx512::$function($($argument),*) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: `Kernel::available` makes this variant only on a processor that has NEON.
            Isa::Neon => unsafe { neon::$function($($argument),*) },
        }
    };
}

impl Kernel {
    /// The kernels this processor can run, slowest first; the first is always the scalar one.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut kernels = vec![Self(Isa::Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                kernels.push(Self(Isa::Avx2));
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                kernels.push(Self(Isa::Avx512Vnni));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kernels.push(Self(Isa::Neon));
        }
        kernels
    }

    /// The fastest of [`Self::available`].
    #[must_use]
    pub fn detect() -> Self {
        Self::available().pop().unwrap_or(Self(Isa::Scalar))
    }

    /// The instruction set's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
        }
    }

    /// Dot product of two slices of the same length, a multiple of [`LANES`].
    pub(super) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        dispatch!(self, dot(a, b))
    }

    /// `out = query - centroid`, all of one length, a multiple of [`LANES`].
    pub(super) fn residual(self, query: &[f32], centroid: &[f32], out: &mut [f32]) -> Residual {
        dispatch!(self, residual(query, centroid, out))
    }

    /// `code = round(residual * inverse_scale)`, ties to even; the products must lie within `i16`.
    pub(super) fn encode(self, residual: &[f32], inverse_scale: f32, code: &mut QueryCode) {
        dispatch!(self, encode(residual, inverse_scale, code));
    }

    /// Squared Euclidean distance in f64 of two f32 rows of one length: the engine's definition of distance.
    pub(super) fn squared_distance(self, a: &[f32], b: &[f32]) -> f64 {
        dispatch!(self, squared_distance(a, b))
    }

    /// Squared distances in f32 of rows that lie side by side, `[dims][ABREAST]`, from a point; whether one of
    /// them is within `limit`. The largest number stands for what overflows.
    #[must_use]
    pub fn abreast(
        self,
        columns: &[[f32; ABREAST]],
        point: &[f32],
        limit: f32,
        out: &mut [f32; ABREAST],
    ) -> bool {
        dispatch!(self, abreast(columns, point, limit, out))
    }

    /// Asks for a row that will be read soon. Changes nothing but time.
    pub(super) fn fetch(row: &[f32]) {
        #[cfg(target_arch = "x86_64")]
        for line in row.chunks(LANES).chain([&row[row.len().saturating_sub(1)..]]) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: every x86-64 has SSE; a prefetch reads nothing into the program.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = row;
    }

    /// Slope and floor of each of the first groups, at least `slopes.len()` of them, 8 at a time.
    pub(super) fn decide(
        self,
        decisions: &Decisions,
        scales: &[f32],
        errors: &[f32],
        slopes: &mut [f32],
        floors: &mut [f32],
    ) {
        dispatch!(self, decide(decisions, scales, errors, slopes, floors));
    }

    /// Every row that survives (see [`Groups::slopes`]), with its exact dot product.
    pub(super) fn scan(self, groups: Groups<'_>, query: &QueryCode, survivors: &mut Survivors) {
        let count = groups.slopes.len();
        assert_eq!(groups.floors.len(), count, "one floor per group");
        assert_eq!(groups.norms.len(), count * GROUP_ROWS, "one norm per row");
        assert_eq!(groups.codes.len() % CHUNK_BYTES, 0, "whole chunks");
        survivors.reset(count);
        if count == 0 {
            return;
        }
        assert_eq!(groups.codes.len() % (count * CHUNK_BYTES), 0, "groups of one size");
        let chunks = groups.codes.len() / (count * CHUNK_BYTES);
        let columns = chunks * CHUNK_COLUMNS;
        assert!(
            query.wide.len() >= columns
                && query.high.len() >= columns
                && query.low.len() >= columns,
            "the query's code is as wide as the rows'"
        );
        dispatch!(self, scan(groups, chunks, query, survivors));
    }
}
