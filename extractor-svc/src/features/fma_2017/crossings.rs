//! Sign changes per sample of centred frames; the signal's ends are repeated beyond it, where nothing
//! crosses.

/// Length of a frame, in samples.
const FRAME_LENGTH: usize = 2048;

/// Magnitude up to which a sample counts as zero, which is positive.
const THRESHOLD: f32 = 1e-10;

/// One value per frame. A frame's first sample never counts.
pub(super) fn zero_crossing_rate(y: &[f32], hop_length: usize) -> Vec<f64> {
    let half = FRAME_LENGTH / 2;
    let rate = |t: usize| {
        let centre = t * hop_length;
        let first = centre.saturating_sub(half);
        let frame = y.get(first..(centre + half).min(y.len())).unwrap_or_default();
        let negative = |x: f32| x < -THRESHOLD;
        let pairs = frame.iter().zip(frame.iter().skip(1));
        let crossings: u32 = pairs.map(|(&a, &b)| u32::from(negative(a) != negative(b))).sum();
        f64::from(crossings) / FRAME_LENGTH as f64
    };
    (0..=y.len() / hop_length).map(rate).collect()
}
