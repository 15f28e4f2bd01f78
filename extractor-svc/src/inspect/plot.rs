//! A file on one page: what it sounds like over time, and what its vector makes of it.

use plotters::{
    chart::{ChartBuilder, ChartContext},
    coord::{Shift, types::RangedCoordf64},
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _},
    element::{PathElement, Rectangle, Text},
    prelude::{Cartesian2d, SVGBackend},
    series::LineSeries,
    style::{
        Color as _, IntoFont as _, RGBColor, TextStyle, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::inspected::Inspected;
use super::paint::{Cell, cells, envelope, heat, means, name_of_pitch, plain, slaney_share};
use crate::{
    features::Stages,
    recipe::{FeatureKind, Profile},
};

/// Width and height of the page in pixels.
const PAGE: (u32, u32) = (1100, 1480);
/// Points of a curve over time, and columns of a picture: what the page can show.
const POINTS: usize = 900;
const COLUMNS: usize = 340;
/// Rows of the mel picture.
const MEL_ROWS: usize = 64;
/// Decibels below the loudest that the mel picture shows.
const DYNAMIC_RANGE: f64 = 80.0;
/// Frequencies that the mel axis names.
const MEL_TICKS: [f64; 9] =
    [0.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 32_000.0, 64_000.0];
/// Room to the right of a chart: for the scale of a picture, and to keep time axes in line.
const SIDE: u32 = 64;
/// The same for charts that stand side by side.
const NARROW_SIDE: u32 = 16;

const INK: RGBColor = RGBColor(45, 52, 64);
const BLUE: RGBColor = RGBColor(46, 108, 164);
const ORANGE: RGBColor = RGBColor(214, 113, 32);
const GREEN: RGBColor = RGBColor(58, 140, 84);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// One curve over time with its mean and standard deviation.
struct Curve<'a> {
    name: &'a str,
    values: Vec<f64>,
    mean: f64,
    std: f64,
    color: RGBColor,
}

/// The page as SVG.
///
/// # Errors
/// When it cannot be drawn.
pub fn draw(
    inspected: &Inspected,
    profile: &Profile,
) -> Result<String, DrawingAreaErrorKind<std::io::Error>> {
    let Inspected { stages, report } = inspected;
    let y = &stages.y;
    let seconds = y.len() as f64 / f64::from(profile.sample_rate());
    let mut svg = String::new();
    {
        let page = SVGBackend::with_string(&mut svg, PAGE).into_drawing_area();
        page.fill(&WHITE)?;
        let (head, rest) = page.split_vertically(62);
        let name = report.path.rsplit('/').next().unwrap_or(&report.path);
        head.draw(&Text::new(name.to_owned(), (16, 12), letters(24, INK)))?;
        let line = format!("{}, A4 at {:.1} Hz", report.summary(), report.a4_hz);
        head.draw(&Text::new(line, (16, 42), letters(15, INK)))?;
        let (area, rest) = rest.split_vertically(180);
        waveform(&area, y, seconds)?;
        let (area, rest) = rest.split_vertically(290);
        mel_spectrogram(&area, stages, profile, seconds)?;
        let (area, rest) = rest.split_vertically(240);
        chromagram(&area, stages, seconds)?;
        let (area, rest) = rest.split_vertically(240);
        let curve = |name, family, values, color| {
            let (mean, std) = report.family(family).first().copied().unwrap_or_default();
            Curve { name, values, mean, std, color }
        };
        let row = |feature| {
            let matrix = stages.matrices.of(feature).unwrap_or_default();
            matrix.into_iter().collect::<Vec<f64>>()
        };
        let hertz = [
            curve("rolloff", "spectral_rolloff", row(FeatureKind::SpectralRolloff), GREEN),
            curve("centroid", "spectral_centroid", row(FeatureKind::SpectralCentroid), BLUE),
            curve("bandwidth", "spectral_bandwidth", row(FeatureKind::SpectralBandwidth), ORANGE),
        ];
        curves(&area, "Shape of the spectrum, Hz", SIDE, &hertz, seconds)?;
        let (area, rest) = rest.split_vertically(190);
        let (left, right) = area.split_horizontally(PAGE.0 / 2);
        let energy = row(FeatureKind::Rms);
        curves(&left, "Energy", NARROW_SIDE, &[curve("RMS", "rmse", energy, BLUE)], seconds)?;
        let crossings = row(FeatureKind::ZeroCrossingRate);
        curves(
            &right,
            "Zero crossings per sample",
            NARROW_SIDE,
            &[curve("rate", "zcr", crossings, ORANGE)],
            seconds,
        )?;
        let (left, right) = rest.split_horizontally(PAGE.0 / 2);
        let mfcc = report.family("mfcc");
        let (loudness, spread) = mfcc.first().copied().unwrap_or_default();
        let title = format!("MFCC 2 to 20 (MFCC 1: {loudness:.0} ± {spread:.0})");
        bars(&left, &title, mfcc.get(1..).unwrap_or_default(), BLUE, &|i| format!("{}", i + 2))?;
        let chroma = report.family("chroma_cqt");
        bars(&right, "Chroma", chroma, GREEN, &|i| name_of_pitch(i).to_owned())?;
        page.present()?;
    }
    Ok(svg)
}

fn letters(pixels: i32, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", pixels).into_font().color(&color)
}

/// An empty chart with a title.
fn chart<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    side: u32,
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
) -> Result<Chart<'a, 'b>, DrawingAreaErrorKind<std::io::Error>> {
    ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16, &INK))
        .margin(6)
        .margin_right(side)
        .x_label_area_size(24)
        .y_label_area_size(58)
        .build_cartesian_2d(x, y)
}

fn seconds_axis(x: &f64) -> String {
    format!("{} s", plain(*x))
}

fn number_axis(y: &f64) -> String {
    plain(*y)
}

fn waveform(area: &Area<'_>, y: &[f32], seconds: f64) -> Drawn {
    let peak = y.iter().fold(1e-3_f64, |peak, &x| peak.max(f64::from(x).abs()));
    let title = "Waveform: peaks, and RMS as a line";
    let mut chart = chart(area, title, SIDE, 0.0..seconds, -peak..peak)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .disable_x_mesh()
        .x_label_formatter(&seconds_axis)
        .y_labels(7)
        .y_label_formatter(&number_axis)
        .draw()?;
    let columns = envelope(y, POINTS);
    let step = seconds / columns.len().max(1) as f64;
    let at = |i: usize| (i as f64 + 0.5) * step;
    chart.draw_series(columns.iter().enumerate().map(|(i, column)| {
        PathElement::new(vec![(at(i), column.low), (at(i), column.high)], BLUE.mix(0.6))
    }))?;
    let rms = |sign: f64| columns.iter().enumerate().map(move |(i, c)| (at(i), sign * c.rms));
    chart.draw_series(LineSeries::new(rms(1.0), &INK))?;
    chart.draw_series(LineSeries::new(rms(-1.0), &INK))?;
    Ok(())
}

fn picture(
    chart: &mut Chart<'_, '_>,
    cells: &[Cell],
    seconds: f64,
    bottom: f64,
    top: f64,
) -> Drawn {
    chart.draw_series(cells.iter().map(|cell| {
        let x = |share: f64| share * seconds;
        let y = |share: f64| bottom + share * (top - bottom);
        // A little too wide and high, for the next cells to cover: otherwise scaling shows seams.
        let (right, top) = ((cell.right + 0.002).min(1.0), (cell.top + 0.008).min(1.0));
        let corners = [(x(cell.left), y(cell.bottom)), (x(right), y(top))];
        Rectangle::new(corners, heat(cell.value).filled())
    }))?;
    Ok(())
}

/// The scale of a picture's colours, beside it.
fn color_scale(area: &Area<'_>, chart: &Chart<'_, '_>, top: &str, bottom: &str) -> Drawn {
    const STEPS: i32 = 64;
    let (columns, rows) = area.get_pixel_range();
    let (plot_columns, plot_rows) = chart.plotting_area().get_pixel_range();
    let left = plot_columns.end - columns.start + 8;
    let (first, last) = (plot_rows.start - rows.start, plot_rows.end - rows.start);
    for step in 0..STEPS {
        let edge = |step: i32| first + (last - first) * step / STEPS;
        let color = heat(1.0 - (f64::from(step) + 0.5) / f64::from(STEPS));
        area.draw(&Rectangle::new(
            [(left, edge(step)), (left + 10, edge(step + 1))],
            color.filled(),
        ))?;
    }
    for (text, y) in [(top, first), (bottom, last - 10)] {
        area.draw(&Text::new(text.to_owned(), (left + 14, y), letters(11, INK)))?;
    }
    Ok(())
}

fn mel_spectrogram(area: &Area<'_>, stages: &Stages, profile: &Profile, seconds: f64) -> Drawn {
    let mel = &stages.log_mel;
    let loudest = mel.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let bands = mel.nrows() as f64;
    let nyquist = f64::from(profile.sample_rate()) / 2.0;
    let mut chart = chart(area, "Mel spectrogram", SIDE, 0.0..seconds, 0.0..bands)?;
    chart.configure_mesh().disable_mesh().x_label_formatter(&seconds_axis).y_labels(0).draw()?;
    // Round frequencies, which lie at no round place.
    let label = letters(12, INK).pos(Pos::new(HPos::Right, VPos::Center));
    for hertz in MEL_TICKS.into_iter().filter(|&hertz| hertz <= nyquist) {
        let (x, y) = chart.backend_coord(&(0.0, bands * slaney_share(hertz, nyquist)));
        let (x, y) = (x - area.get_pixel_range().0.start, y - area.get_pixel_range().1.start);
        area.draw(&PathElement::new(vec![(x - 6, y), (x, y)], INK))?;
        area.draw(&Text::new(format!("{hertz:.0} Hz"), (x - 9, y), label.clone()))?;
    }
    let share = |db: f64| 1.0 + (db - f64::from(loudest)) / DYNAMIC_RANGE;
    picture(&mut chart, &cells(mel.view(), MEL_ROWS, COLUMNS, share), seconds, 0.0, bands)?;
    color_scale(area, &chart, "loudest", &format!("-{DYNAMIC_RANGE:.0} dB"))
}

fn chromagram(area: &Area<'_>, stages: &Stages, seconds: f64) -> Drawn {
    let chroma = stages.matrices.of(FeatureKind::ChromaCqt).unwrap_or_default();
    // It is in single precision, so that nothing is lost.
    let chroma = chroma.mapv(|share| share as f32);
    let title = "Chroma, relative to the strongest pitch class of each frame";
    let mut chart = chart(area, title, SIDE, 0.0..seconds, -0.5..11.5)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_label_formatter(&seconds_axis)
        .y_labels(12)
        .y_label_formatter(&|pitch| name_of_pitch(pitch.round().max(0.0) as usize).to_owned())
        .draw()?;
    picture(&mut chart, &cells(chroma.view(), 12, COLUMNS, |share| share), seconds, -0.5, 11.5)?;
    color_scale(area, &chart, "1", "0")
}

/// Curves over time, each on a band of its mean ± its standard deviation.
fn curves(area: &Area<'_>, title: &str, side: u32, curves: &[Curve<'_>], seconds: f64) -> Drawn {
    let top = curves
        .iter()
        .flat_map(|curve| curve.values.iter().copied().chain([curve.mean + curve.std]))
        .fold(1e-6, f64::max);
    let digits = if top > 100.0 { 0 } else { 4 };
    let told = curves
        .iter()
        .map(|Curve { name, mean, std, .. }| format!("{name} {mean:.digits$} ± {std:.digits$}"));
    let spread = if curves.len() > 1 { " (bands: mean ± standard deviation)" } else { "" };
    let title = format!("{title}: {}{spread}", told.collect::<Vec<_>>().join(", "));
    // Room above the curves for their names.
    let room = if curves.len() > 1 { 1.15 } else { 1.05 };
    let mut chart = chart(area, &title, side, 0.0..seconds, 0.0..room * top)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .disable_x_mesh()
        .x_labels(8)
        .x_label_formatter(&seconds_axis)
        .y_labels(8)
        .y_label_formatter(&number_axis)
        .draw()?;
    for (place, Curve { name, values, mean, std, color }) in curves.iter().enumerate() {
        let band = [(0.0, (mean - std).max(0.0)), (seconds, mean + std)];
        chart.draw_series([Rectangle::new(band, color.mix(0.12).filled())])?;
        let points = means(values, POINTS);
        let step = seconds / points.len().max(1) as f64;
        let line = points.iter().enumerate().map(|(i, &y)| ((i as f64 + 0.5) * step, y));
        chart.draw_series(LineSeries::new(line, color))?;
        chart.draw_series([PathElement::new(
            vec![(0.0, *mean), (seconds, *mean)],
            color.mix(0.7),
        )])?;
        if curves.len() > 1 {
            let place = ((0.3 + 0.15 * place as f64) * seconds, 1.12 * top);
            chart.draw_series([Text::new((*name).to_owned(), place, letters(13, *color))])?;
        }
    }
    Ok(())
}

/// Means as bars, with whiskers of one standard deviation.
fn bars(
    area: &Area<'_>,
    title: &str,
    rows: &[(f64, f64)],
    color: RGBColor,
    label: &dyn Fn(usize) -> String,
) -> Drawn {
    let low = rows.iter().fold(0.0_f64, |low, (mean, std)| low.min(mean - std));
    let high = rows.iter().fold(1e-6_f64, |high, (mean, std)| high.max(mean + std));
    let pad = 0.05 * (high - low);
    let low = if low < 0.0 { low - pad } else { 0.0 };
    let count = rows.len() as f64;
    let title = format!("{title}: mean and standard deviation");
    let mut chart = chart(area, &title, NARROW_SIDE, -0.5..count - 0.5, low..high + pad)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .disable_x_mesh()
        .x_labels(rows.len())
        .x_label_formatter(&|x| label(x.round().max(0.0) as usize))
        .y_labels(8)
        .y_label_formatter(&number_axis)
        .draw()?;
    for (i, (mean, std)) in rows.iter().enumerate() {
        let x = i as f64;
        let bar = Rectangle::new([(x - 0.35, 0.0), (x + 0.35, *mean)], color.mix(0.6).filled());
        chart.draw_series([bar])?;
        let (bottom, top) = (mean - std, mean + std);
        let whiskers = [
            vec![(x, bottom), (x, top)],
            vec![(x - 0.15, bottom), (x + 0.15, bottom)],
            vec![(x - 0.15, top), (x + 0.15, top)],
        ];
        chart.draw_series(whiskers.map(|line| PathElement::new(line, INK)))?;
    }
    Ok(())
}
