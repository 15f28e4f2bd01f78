//! Power in decibels: `librosa.power_to_db(S, ref=1.0, amin=1e-10)`, without its clip.

use std::f32::consts::LN_10;

use crate::dsp::simd::{Isa, Kernel, Lanes, Level, mul_add};

/// Least power that is told apart.
const AMIN: f32 = 1e-10;

/// `10 log10(2) - 3`.
const OCTAVE_DB_BEYOND_3: f32 = 0.010_299_956_639_811_952;

/// Replaces power by `10 log10(max(1e-10, power))`. Infinity stays infinite.
pub(crate) fn power_to_db(power: &mut [Lanes], level: Level) {
    level.run(PowerToDb(power));
}

struct PowerToDb<'a>(&'a mut [Lanes]);

impl Kernel for PowerToDb<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for value in self.0.as_flattened_mut() {
            *value = decibel::<I>(*value);
        }
    }
}

/// Splits off the exponent; the rest by `ln m = 2 atanh((m - 1) / (m + 1))`, five terms, for `m`
/// between the roots of 1/2 and 2. Errs by 3e-6 dB at most.
#[inline(always)]
fn decibel<I: Isa>(power: f32) -> f32 {
    const ROOT_HALF_BITS: u32 = 0x3f35_04f3;
    let power = if power > AMIN { power } else { AMIN };
    let bits = power.to_bits().wrapping_sub(ROOT_HALF_BITS);
    let exponent = (bits.cast_signed() >> 23) as f32;
    let mantissa = f32::from_bits((bits & 0x007f_ffff) + ROOT_HALF_BITS);
    let f = (mantissa - 1.0) / (mantissa + 1.0);
    let square = f * f;
    let mut series = mul_add::<I>(square, 1.0 / 9.0, 1.0 / 7.0);
    series = mul_add::<I>(series, square, 1.0 / 5.0);
    series = mul_add::<I>(series, square, 1.0 / 3.0);
    series = mul_add::<I>(series, square, 1.0);
    let mantissa_db = series * f * (20.0 / LN_10);
    // 10 log10(2) = 3 + 0.0103: whole multiples of 3 are exact.
    let db = 3.0 * exponent + mul_add::<I>(exponent, OCTAVE_DB_BEYOND_3, mantissa_db);
    if power < f32::INFINITY { db } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::simd::LANES;

    #[test]
    fn decibels_are_those_of_the_definition() {
        let mut power = 1e-12_f32;
        while power < 1e12 {
            for level in Level::all() {
                let mut db = [[power; LANES]];
                power_to_db(&mut db, level);
                let expected = 10.0 * f64::from(power).max(1e-10).log10();
                let error = (f64::from(db[0][7]) - expected).abs();
                // One rounding at 100 dB is 4e-6.
                assert!(error < 1e-5, "{power:e}: {} dB, {expected} expected", db[0][7]);
            }
            power *= 1.037;
        }
    }

    #[test]
    fn infinity_is_not_hidden() {
        let mut db = [[f32::INFINITY; LANES]];
        power_to_db(&mut db, Level::detect());
        assert!(db[0][0].is_infinite());
    }
}
