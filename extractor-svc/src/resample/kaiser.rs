//! Filter design of soxr's HQ recipe: Kaiser-windowed sinc filters and the fixed half-bands.
//!
//! The recipe's numbers (roll-off, window parameter, widths) are those of libsoxr 0.1.3 at 20 bits,
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

/// Kaiser parameter of an edge filter with the given attenuation: a cubic fit.
fn edge_beta(attenuation: f64) -> f64 {
    ((2.034_813_031_548_013e-09 * attenuation + 1.031_136_463_731_676_4e-05) * attenuation
        + 0.108_706_893_618_925_65)
        * attenuation
        - 0.873_000_948_250_851_3
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

/// Edge filter: an odd number of symmetric taps on the grid that is `up` times finer than the
/// input, gain `up`, cutting at `1 / band` of that grid's Nyquist frequency.
pub(super) fn edge_filter(up: usize, band: f64, attenuation: f64) -> Vec<f64> {
    let beta = edge_beta(attenuation);
    let estimate = (slope_width(beta) * 2.0 * band / (1.0 - PASS_BAND_END) + 1.0).ceil() as usize;
    let unit = if up == 4 && band.round() as usize == 4 { 8 } else { 4 };
    let taps = (estimate - 1).next_multiple_of(unit) + 1;
    let centre = (taps / 2) as f64;
    let cutoff = (1.0 + PASS_BAND_END) / (2.0 * band);
    (0..taps)
        .map(|i| up as f64 * windowed_sinc(i as f64 - centre, cutoff, beta, taps as f64 / 2.0))
        .collect()
}

/// Half-band filter for a halving: 31 taps, or 35 where more attenuation is asked for.
pub(super) fn half_band_filter(attenuation: f64) -> Vec<f64> {
    let side: &[f64] =
        if attenuation <= SHORT_HALF_BAND_DB { &SHORT_HALF_BAND } else { &LONG_HALF_BAND };
    let centre = 2 * side.len() - 1;
    let mut taps = vec![0.0; 2 * centre + 1];
    taps[centre] = 0.5;
    for (i, &tap) in side.iter().enumerate() {
        taps[centre + 2 * i + 1] = tap;
        taps[centre - 2 * i - 1] = tap;
    }
    taps
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
            let gain: f64 = half_band_filter(attenuation).iter().sum();
            assert!((gain - 1.0).abs() < 3e-7, "half-band has gain {gain}");
        }
    }

    #[test]
    fn edge_filter_of_two_to_one_has_389_taps() {
        assert_eq!(edge_filter(1, 2.0, 21.0 * DB_PER_BIT).len(), 389);
    }
}
