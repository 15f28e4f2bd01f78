//! Which stages soxr's HQ recipe takes from one rate to another.
//!
//! Every stage is zero-phase and its output starts at time 0: what lies before it is dropped, so
//! stages cannot be merged into one filter without changing the first few dozen outputs.

use super::kaiser::{
    DB_PER_BIT, PASS_BAND_END, ROLL_OFF, edge_filter, half_band_filter, polyphase_taps,
    quadrupling_filter,
};

/// Clock of steps that have no small fraction: 32 fractional bits.
const FINE_CLOCK: u64 = 1 << 32;

/// Largest denominator of a step that gets an exact table.
const MAX_EXACT_PHASES: u64 = 2048;

/// One stage.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum StagePlan {
    /// Zero-stuffing by `up`, symmetric taps, every `down`-th value.
    Fir { up: usize, down: usize, taps: Vec<f64> },
    /// Halving by the half-band filter with these taps 1, 3, 5, … from its centre.
    HalfBand(&'static [f64]),
    /// A continuous kernel read every `step` input samples.
    Polyphase(PolyphasePlan),
}

/// The kernel and clock of a polyphase stage. Times are in input samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PolyphasePlan {
    /// Step between outputs: `numerator / denominator`.
    pub(super) numerator: u64,
    /// See `numerator`.
    pub(super) denominator: u64,
    /// Taps per output.
    pub(super) taps: usize,
    /// Cut-off, relative to the Nyquist frequency of the input.
    pub(super) cutoff: f64,
    /// Half-span of the Kaiser window.
    pub(super) span: f64,
    /// The kernel is zero beyond this distance from its centre.
    pub(super) reach: f64,
}

/// The stages from `from_hz` to `to_hz`, in order; none for equal rates.
pub(super) fn plan(from_hz: u32, to_hz: u32) -> Vec<StagePlan> {
    let (numerator, denominator) = reduce(u64::from(from_hz), u64::from(to_hz));
    if numerator == denominator {
        return Vec::new();
    }
    // Above four times the source's rate the last stage is one of its own; five times is simple.
    let quadruples = denominator > 4 * numerator && denominator != 5 * numerator;
    let (numerator, denominator) =
        if quadruples { reduce(4 * numerator, denominator) } else { (numerator, denominator) };
    // Halve until less than 4 times the target rate is left.
    let whole = numerator / denominator;
    let halvings = if whole < 2 { 0 } else { whole.ilog2() - 1 };
    let (numerator, denominator) = reduce(numerator, denominator << halvings);
    let rounding = 20.0 * f64::from(halvings + 1 + u32::from(quadruples)).log10();

    let mut stages = Vec::new();
    let single = numerator.max(denominator) < 5 || numerator * denominator < 6;
    let attenuation = if single { 21.0 } else { 22.0 } * DB_PER_BIT + rounding;
    for _ in 0..halvings {
        stages.push(StagePlan::HalfBand(half_band_filter(attenuation)));
    }
    if single {
        let band = numerator.max(denominator) as f64;
        let taps = edge_filter(denominator as usize, band, attenuation);
        stages.push(StagePlan::Fir { up: denominator as usize, down: numerator as usize, taps });
    } else {
        two_stages(numerator, denominator, attenuation, &mut stages);
    }
    if quadruples {
        let taps = quadrupling_filter(numerator as f64 / denominator as f64, attenuation);
        stages.push(StagePlan::Fir { up: 4, down: 1, taps });
    }
    stages
}

/// An edge filter and a polyphase stage, for ratios that no single filter serves.
fn two_stages(numerator: u64, denominator: u64, attenuation: f64, stages: &mut Vec<StagePlan>) {
    let ratio = numerator as f64 / denominator as f64;
    // Between 1.5 and 2 the polyphase stage comes first, and the edge filter halves.
    let polyphase_first = 1.5 < ratio && ratio < 2.0;
    let up = if polyphase_first || ratio >= 2.0 { 1 } else { 2 };
    let down = if polyphase_first { 2 } else { 1 };
    let band = if ratio < 1.0 || polyphase_first { 2.0 } else { ratio * up as f64 };
    let step = if polyphase_first {
        reduce(numerator, 2 * denominator)
    } else {
        reduce(numerator * up as u64, denominator)
    };
    let edge = StagePlan::Fir { up, down, taps: edge_filter(up, band, attenuation) };
    let polyphase = StagePlan::Polyphase(polyphase_plan(ratio, step, band, polyphase_first));
    if polyphase_first {
        stages.extend([polyphase, edge]);
    } else {
        stages.extend([edge, polyphase]);
    }
}

fn polyphase_plan(
    ratio: f64,
    (numerator, denominator): (u64, u64),
    band: f64,
    first: bool,
) -> PolyphasePlan {
    let (stop, pass) = if first {
        (3.0 / ratio, PASS_BAND_END / ratio)
    } else {
        (2.0 - (0.3 * PASS_BAND_END + 0.7) / band, PASS_BAND_END / band)
    };
    let half_transition = (stop - pass) / ROLL_OFF / 2.0;
    let taps_for = |phases: u64| {
        let phases = phases.max(19);
        let taps = polyphase_taps(phases as f64, half_transition).ceil() as u64 / phases + 1;
        if ratio > 1.0 && !first { taps.next_multiple_of(2) } else { taps }
    };
    let step = numerator as f64 / denominator as f64;
    let (numerator, denominator, taps, phases) = if denominator <= MAX_EXACT_PHASES {
        let taps = taps_for(denominator);
        let odd = taps % 2 == 1 && denominator % 2 == 1;
        (numerator, denominator, taps, if odd { 2 * denominator } else { denominator })
    } else {
        // The step is rounded to the 32 bits of soxr's clock: with the true ratio the two would
        // drift apart. The number of phases of its interpolated table sets the window's span.
        let bits = match (ratio < 1.0, first) {
            (true, _) => [11.0, 7.0],
            (false, true) => [10.6, 6.75],
            (false, false) => [12.4, 7.8],
        };
        let octaves = if ratio > 1.0 { step.log2() } else { 0.0 };
        let phases = bits.map(|bits: f64| 1_u64 << ((bits - octaves).ceil().max(0.0) as u32));
        let linear_kilobytes = taps_for(phases[0]).div_ceil(4) * 16 * phases[0] * 2 / 1000;
        let phases = if linear_kilobytes <= 400 { phases[0] } else { phases[1] };
        let clock = (step * FINE_CLOCK as f64 + 0.5) as u64;
        (clock, FINE_CLOCK, taps_for(phases), phases)
    };
    let half = taps as f64 / 2.0;
    PolyphasePlan {
        numerator,
        denominator,
        taps: taps as usize,
        cutoff: stop - half_transition,
        span: half - 0.25 / phases as f64,
        reach: half - 1.0 / phases as f64,
    }
}

fn reduce(a: u64, b: u64) -> (u64, u64) {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x, b / x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stages as `up/down:taps` and `poly numerator/denominator x taps`.
    fn describe(from_hz: u32) -> String {
        let describe = |stage: &StagePlan| match stage {
            StagePlan::Fir { up, down, taps } => format!("{up}/{down}:{}", taps.len()),
            StagePlan::HalfBand(side) => format!("1/2:{}", 4 * side.len() - 1),
            StagePlan::Polyphase(plan) => {
                format!("poly {}/{} x{}", plan.numerator, plan.denominator, plan.taps)
            }
        };
        plan(from_hz, 22050).iter().map(describe).collect::<Vec<_>>().join(", ")
    }

    /// What libsoxr's own trace prints for these rates.
    #[test]
    fn stages_are_those_of_soxr() {
        for (from_hz, expected) in [
            (8000, "2/1:409, poly 320/441 x15"),
            (11025, "2/1:389"),
            (12000, "2/1:409, poly 160/147 x15"),
            (22050, ""),
            (24000, "2/1:445, poly 320/147 x14"),
            (32000, "2/1:589, poly 1280/441 x12"),
            (37800, "poly 6/7 x13, 1/2:409"),
            (44100, "1/2:389"),
            (48000, "1/1:445, poly 320/147 x14"),
            (50000, "1/1:461, poly 1000/441 x14"),
            (88200, "1/2:31, 1/2:409"),
            (96000, "1/2:35, 1/1:465, poly 320/147 x14"),
            (176_400, "1/2:31, 1/2:31, 1/2:421"),
            (192_000, "1/2:35, 1/2:35, 1/1:477, poly 320/147 x14"),
            (4000, "2/1:429, poly 640/441 x15, 4/1:129"),
            (4410, "5/1:965"),
            (5512, "2/1:429, poly 8589155460/4294967296 x15, 4/1:849"),
            (12345, "2/1:409, poly 823/735 x15"),
        ] {
            assert_eq!(describe(from_hz), expected, "{from_hz} Hz");
        }
    }
}
