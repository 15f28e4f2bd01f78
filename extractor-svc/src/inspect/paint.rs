//! From matrices and samples to what a page has room for.

use ndarray::{ArrayView2, s};
use plotters::style::RGBColor;

/// Steps of the colour scale; neighbours of one step become one cell.
const STEPS: f64 = 48.0;

/// A dark to bright scale whose lightness rises evenly (matplotlib's inferno at seven places).
const SCALE: [[f64; 3]; 7] = [
    [0.0, 0.0, 4.0],
    [51.0, 10.0, 95.0],
    [120.0, 28.0, 109.0],
    [187.0, 55.0, 84.0],
    [237.0, 105.0, 37.0],
    [252.0, 181.0, 25.0],
    [252.0, 255.0, 164.0],
];

/// A rectangle of a picture; its sides are shares of the picture's width and height.
pub(super) struct Cell {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
    pub(super) top: f64,
    /// 0 to 1.
    pub(super) value: f64,
}

/// `matrix` reduced to at most `rows` by `columns` means, each taken to 0..1 by `share`.
pub(super) fn cells(
    matrix: ArrayView2<'_, f32>,
    rows: usize,
    columns: usize,
    share: impl Fn(f64) -> f64,
) -> Vec<Cell> {
    let (height, width) = matrix.dim();
    let (rows, columns) = (rows.min(height), columns.min(width));
    let mut found: Vec<Cell> = Vec::new();
    for row in 0..rows {
        let (low, high) = (row * height / rows, (row + 1) * height / rows);
        let line = found.len();
        for column in 0..columns {
            let (first, end) = (column * width / columns, (column + 1) * width / columns);
            let part = matrix.slice(s![low..high, first..end]);
            let mean = part.iter().map(|&x| f64::from(x)).sum::<f64>() / part.len() as f64;
            let step = (share(mean).clamp(0.0, 1.0) * STEPS).round();
            let right = (column + 1) as f64 / columns as f64;
            match found[line..].last_mut() {
                Some(last) if (last.value * STEPS).round() as u32 == step as u32 => {
                    last.right = right;
                }
                _ => found.push(Cell {
                    left: column as f64 / columns as f64,
                    right,
                    bottom: row as f64 / rows as f64,
                    top: (row + 1) as f64 / rows as f64,
                    value: step / STEPS,
                }),
            }
        }
    }
    found
}

/// The colour of a value from 0 to 1.
pub(super) fn heat(value: f64) -> RGBColor {
    let place = value.clamp(0.0, 1.0) * (SCALE.len() - 1) as f64;
    let below = (place as usize).min(SCALE.len() - 2);
    let part = place - below as f64;
    let channel =
        |i: usize| (SCALE[below][i] * (1.0 - part) + SCALE[below + 1][i] * part).round() as u8;
    RGBColor(channel(0), channel(1), channel(2))
}

/// The extent of some neighbouring samples.
pub(super) struct Column {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) rms: f64,
}

/// `y` in at most `columns` columns.
pub(super) fn envelope(y: &[f32], columns: usize) -> Vec<Column> {
    parts(y, columns)
        .map(|part| {
            let samples = || part.iter().map(|&x| f64::from(x));
            Column {
                low: samples().fold(f64::INFINITY, f64::min),
                high: samples().fold(f64::NEG_INFINITY, f64::max),
                rms: (samples().map(|x| x * x).sum::<f64>() / part.len() as f64).sqrt(),
            }
        })
        .collect()
}

/// `values` as at most `points` means.
pub(super) fn means(values: &[f64], points: usize) -> Vec<f64> {
    parts(values, points).map(|part| part.iter().sum::<f64>() / part.len() as f64).collect()
}

fn parts<T>(values: &[T], count: usize) -> impl Iterator<Item = &[T]> {
    let (len, count) = (values.len(), count.min(values.len()));
    (0..count).map(move |i| &values[i * len / count..(i + 1) * len / count])
}

/// Share of the Slaney mel scale from 0 to `nyquist` at a frequency in Hz: linear to 1 kHz,
/// logarithmic above (`librosa.hz_to_mel`).
pub(super) fn slaney_share(hertz: f64, nyquist: f64) -> f64 {
    let (linear, knee, step) = (200.0 / 3.0, 1000.0, 6.4_f64.ln() / 27.0);
    let mel = |hertz: f64| {
        if hertz < knee { hertz / linear } else { knee / linear + (hertz / knee).ln() / step }
    };
    mel(hertz) / mel(nyquist)
}

/// A number without digits that say nothing, and without a sign of zero.
pub(super) fn plain(value: f64) -> String {
    let digits = if value.abs() < 10.0 { 4 } else { 1 };
    let text = format!("{value:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The pitch class of a row of the chroma.
pub(super) fn name_of_pitch(row: usize) -> &'static str {
    const NAMES: [&str; 12] = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
    NAMES.get(row).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn equal_neighbours_are_one_cell() {
        let found = cells(array![[0.0, 0.0, 1.0], [1.0, 1.0, 1.0]].view(), 9, 9, |x| x);
        let shapes: Vec<_> =
            found.iter().map(|c| (c.left * 3.0, c.right * 3.0, c.bottom * 2.0, c.value)).collect();
        assert_eq!(shapes, [(0.0, 2.0, 0.0, 0.0), (2.0, 3.0, 0.0, 1.0), (0.0, 3.0, 1.0, 1.0)]);
    }

    /// Against `librosa.hz_to_mel(f) / librosa.hz_to_mel(nyquist)`.
    #[test]
    fn the_mel_axis_is_librosas() {
        for (hertz, nyquist, share) in [
            (11_025.0, 11_025.0, 1.0),
            (0.0, 11_025.0, 0.0),
            (300.0, 600.0, 0.5),
            (1_000.0, 11_025.0, 0.300_537_4),
            (4_000.0, 22_050.0, 0.586_136_2),
        ] {
            let found = slaney_share(hertz, nyquist);
            assert!((found - share).abs() < 1e-6, "{hertz} of {nyquist} Hz: {found}");
        }
    }

    #[test]
    fn numbers_are_plain() {
        for (value, expected) in [
            (0.0, "0"),
            (-1e-17, "0"),
            (0.5, "0.5"),
            (-0.25, "-0.25"),
            (10.0, "10"),
            (6000.0, "6000"),
            (0.0836, "0.0836"),
        ] {
            assert_eq!(plain(value), expected);
        }
    }
}
