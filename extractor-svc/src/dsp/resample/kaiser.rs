//! Filter design of soxr's HQ recipe: Kaiser-windowed sinc filters and the fixed half-bands; and the
//! kernel of resampy's `kaiser_fast`, which is one of the former.
//!
//! The HQ recipe's numbers (roll-off, window parameter, widths) are those of libsoxr 0.1.3 at 20 bits,
//! linear phase, folded into constants. Frequencies are relative to the Nyquist frequency of the
//! grid that the text names; attenuations are in dB.

use std::f64::consts::PI;

/// End of the pass band, relative to the Nyquist frequency of the slower side.
pub(super) const PASS_BAND_END: f64 = 0.913_743_653_273_306_6;

/// Share of a transition band that lies above its 6 dB point, at 20 bits.
pub(super) const ROLL_OFF: f64 = 0.874_212_840_894_154_9;

/// Kaiser parameter of every polyphase stage.
const POLYPHASE_BETA: f64 = 14.058_638_741_903_037;

/// One bit of precision, in dB.
pub(super) const DB_PER_BIT: f64 = 6.020_599_913_279_624;

/// Stop-band attenuation, in dB, up to which the shorter half-band is enough.
const SHORT_HALF_BAND_DB: f64 = 136.51;

/// Minimax half-band, stop edge 3/8 of the input rate, -136.5 dB: taps 1, 3, 5, … from the centre.
const SHORT_HALF_BAND: [f64; 8] = [
    0.311_546_550_285_283_94,
    -0.087_344_985_411_831_03,
    0.036_814_538_910_515_13,
    -0.015_189_271_326_315_33,
    0.005_454_126_532_319_745,
    -0.001_564_404_614_502_476_2,
    0.000_318_171_281_992_785_7,
    -3.480_031_849_627_54e-05,
];

/// The same at -152.3 dB.
const LONG_HALF_BAND: [f64; 9] = [
    0.312_270_367_455_177_3,
    -0.089_221_568_617_093_34,
    0.039_139_767_459_044_315,
    -0.017_250_614_298_794_54,
    0.006_858_981_592_226_327,
    -0.002_304_524_433_457_223,
    0.000_609_644_902_072_039_3,
    -0.000_113_239_994_904_524,
    1.119_803_673_853_970_4e-05,
];

/// Cubics in the attenuation (highest power first) that give the Kaiser parameter for transitions of
/// 0.0005, 0.001, 0.002, … times the cut-off: a fit of libsoxr's.
const KAISER_FITS: [[f64; 4]; 10] = [
    [-6.784_957e-10, 1.028_56e-05, 0.108_755_6, -0.897_836_5],
    [-6.897_885e-10, 1.027_433e-05, 0.108_76, -0.897_465_8],
    [-1.000_683e-09, 1.030_092e-05, 0.108_767_7, -0.897_790_7],
    [-3.654_474e-10, 1.040_631e-05, 0.108_708_5, -0.891_776_6],
    [8.106_988e-09, 6.983_091e-06, 0.109_138_7, -0.902_204_8],
    [9.519_571e-09, 7.272_678e-06, 0.109_006_8, -0.889_076_8],
    [-5.626_821e-09, 1.342_186e-05, 0.108_399_9, -0.856_545_2],
    [-9.965_946e-08, 5.073_548e-05, 0.104_096_7, -0.682_277_8],
    [1.604_808e-07, -5.856_462e-05, 0.118_599_8, -1.248_24],
    [-1.511_964e-07, 6.363_034e-05, 0.106_462_7, -0.807_666_5],
];

/// Narrowest transition of [`KAISER_FITS`].
const NARROWEST_FIT: f64 = 0.0005;

/// Kaiser parameter for an attenuation of at least 60 dB, and a `transition` relative to the cut-off.
fn kaiser_beta(attenuation: f64, transition: f64) -> f64 {
    let octave = (transition / NARROWEST_FIT).log2().max(0.0);
    let fit = |at: usize| {
        let [cubic, square, linear, constant] = KAISER_FITS[at.min(KAISER_FITS.len() - 1)];
        ((cubic * attenuation + square) * attenuation + linear) * attenuation + constant
    };
    let (lower, upper) = (fit(octave as usize), fit(octave as usize + 1));
    lower + (upper - lower) * octave.fract()
}

/// Width of the main lobe's slope for a Kaiser parameter, in taps times bandwidth.
fn slope_width(beta: f64) -> f64 {
    ((0.000_752_835_8 - 1.577_737e-05 * beta) * beta + 0.624_802_2) * beta + 0.061_869_02
}

/// Number of taps, before rounding, of a polyphase kernel with the given transition half-width.
pub(super) fn polyphase_taps(phases: f64, half_transition: f64) -> f64 {
    slope_width(POLYPHASE_BETA) * phases / half_transition + 1.0
}

/// Modified Bessel function of the first kind, order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

/// `sin(πx) / (πx)`.
fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-12 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Kaiser-windowed sinc at `t`: cut-off `cutoff` (1 is the Nyquist frequency of unit spacing),
/// window half-span `span`.
fn windowed_sinc(t: f64, cutoff: f64, beta: f64, span: f64) -> f64 {
    let inside = (1.0 - (t / span).powi(2)).max(0.0);
    cutoff * sinc(cutoff * t) * bessel_i0(beta * inside.sqrt()) / bessel_i0(beta)
}

/// The polyphase kernel at `t` input samples from its centre.
pub(super) fn polyphase_kernel(t: f64, cutoff: f64, span: f64) -> f64 {
    windowed_sinc(t, cutoff, POLYPHASE_BETA, span)
}

/// One side of resampy's `kaiser_fast` at `t` zero crossings from its centre, 24 at most. The cut-off
/// and the window parameter are those that its table of 12,289 values was made with.
pub(super) fn kaiser_fast_kernel(t: f64) -> f64 {
    windowed_sinc(t, 0.868_212_038_837_778_4, 9.903_224_416_455_277, 24.0)
}

/// The same of resampy 0.1.5, the release of 2017: 16 zero crossings at most.
pub(super) fn kaiser_fast_of_2017_kernel(t: f64) -> f64 {
    windowed_sinc(t, 0.85, 8.555_504_641_634_386, 16.0)
}

/// Edge filter: an odd number of symmetric taps on the grid that is `up` times finer than the
/// input, gain `up`, cutting at `1 / band` of that grid's Nyquist frequency.
pub(super) fn edge_filter(up: usize, band: f64, attenuation: f64) -> Vec<f64> {
    let unit = if up == 4 && band.round() as usize == 4 { 8 } else { 4 };
    low_pass(up, PASS_BAND_END / band, 1.0 / band, attenuation, unit)
}

/// Filter of the last stage where the rate rises to more than four times: four times finer, on an
/// input of `ratio` (below 1) times the rate that a quarter of the output has.
pub(super) fn quadrupling_filter(ratio: f64, attenuation: f64) -> Vec<f64> {
    low_pass(4, PASS_BAND_END * ratio / 4.0, (2.0 - ratio).max(1.0) / 4.0, attenuation, 8)
}

/// Symmetric taps, 1 more than a multiple of `unit`, of gain `up`: the pass band ends at `pass`, the
/// stop band begins at `stop`, relative to the grid's Nyquist frequency.
fn low_pass(up: usize, pass: f64, stop: f64, attenuation: f64, unit: usize) -> Vec<f64> {
    let half_transition = (stop - pass) / 2.0;
    let cutoff = stop - half_transition;
    let beta = kaiser_beta(attenuation, half_transition / (2.0 * cutoff));
    let estimate = (slope_width(beta) / half_transition + 1.0).ceil() as usize;
    let taps = (estimate - 1).next_multiple_of(unit) + 1;
    let centre = (taps / 2) as f64;
    (0..taps)
        .map(|i| up as f64 * windowed_sinc(i as f64 - centre, cutoff, beta, taps as f64 / 2.0))
        .collect()
}

/// Half-band filter for a halving: taps 1, 3, 5, … from a centre of one half. 31 taps in all, or 35
/// where more attenuation is asked for.
pub(super) fn half_band_filter(attenuation: f64) -> &'static [f64] {
    if attenuation <= SHORT_HALF_BAND_DB { &SHORT_HALF_BAND } else { &LONG_HALF_BAND }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bessel_agrees_with_tables() {
        // Abramowitz & Stegun, table 9.8 and 9.11.
        for (x, expected) in
            [(0.0, 1.0), (1.0, 1.266_065_877_752_008_4), (5.0, 27.239_871_823_604_442)]
        {
            assert!((bessel_i0(x) - expected).abs() <= 1e-14 * expected, "I0({x})");
        }
    }

    #[test]
    fn filters_pass_dc_with_their_gain() {
        for (up, band, attenuation) in [(1, 2.0, 126.433), (2, 2.0, 132.453), (3, 3.0, 126.433)] {
            let gain: f64 = edge_filter(up, band, attenuation).iter().sum();
            assert!((gain - up as f64).abs() < 1e-6 * up as f64, "{up}:{band} has gain {gain}");
        }
        for attenuation in [130.0, 140.0] {
            let gain = 0.5 + 2.0 * half_band_filter(attenuation).iter().sum::<f64>();
            assert!((gain - 1.0).abs() < 3e-7, "half-band has gain {gain}");
        }
    }

    #[test]
    fn edge_filter_of_two_to_one_has_389_taps() {
        assert_eq!(edge_filter(1, 2.0, 21.0 * DB_PER_BIT).len(), 389);
    }
}
