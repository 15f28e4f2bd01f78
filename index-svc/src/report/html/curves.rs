//! Recall against effort, and distances of neighbours against those of random pairs.

use index::curve::RecallPoint;
use maud::Markup;
use plotters::{
    chart::ChartBuilder,
    element::{Circle, PathElement, Polygon, Text},
    prelude::IntoLogRange as _,
    series::LineSeries,
    style::{BLACK, Color as _, RGBColor},
};

use super::{
    DrawingError,
    ink::{FIRST, SECOND, faint, letters, number, picture},
};
use crate::report::pictures::{BINS, Distances, Effort};

const SIZE: (u32, u32) = (560, 360);

/// Recall at 10 over the share of rows looked at, with the calibrated points.
pub(super) fn recall(efforts: &[Effort], curve: &[RecallPoint]) -> Result<Markup, DrawingError> {
    let shares =
        || efforts.iter().map(|it| it.scored_share).chain(curve.iter().map(|it| it.scored_share));
    let left = shares().fold(1.0, f64::min).max(1e-6) * 0.8;
    let lowest = efforts.iter().map(|it| it.recall).chain(curve.iter().map(|it| it.recall));
    let bottom = (lowest.fold(1.0, f64::min) * 20.0).floor() / 20.0 - 0.02;
    let label = "Line chart of recall at 10 over the share of rows that were looked at";
    picture(SIZE, label, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .margin_right(22)
            .x_label_area_size(50)
            .y_label_area_size(58)
            .build_cartesian_2d((left..1.0).log_scale(), bottom.max(-0.02)..1.02)?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .bold_line_style(faint())
            .axis_style(faint())
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|share| format!("{} %", round(100.0 * share)))
            .y_label_formatter(&|recall| {
                if *recall > 1.0 { String::new() } else { format!("{recall:.2}") }
            })
            .label_style(letters(15))
            .axis_desc_style(letters(16))
            .x_desc("rows looked at")
            .y_desc("recall at 10")
            .draw()?;
        let line = efforts.iter().map(|effort| (effort.scored_share, effort.recall));
        chart.draw_series(LineSeries::new(line.clone(), FIRST.stroke_width(2)))?;
        chart.draw_series(line.map(|place| Circle::new(place, 3, FIRST.filled())))?;
        for (row, point) in curve.iter().enumerate() {
            let place = (point.scored_share, point.recall);
            chart.draw_series([Circle::new(place, 6, SECOND.stroke_width(2))])?;
            // Points lie close together near the top, so their names step down.
            let below =
                (point.scored_share, point.recall - (0.06 + 0.09 * row as f64) * (1.02 - bottom));
            chart.draw_series([PathElement::new(vec![place, below], SECOND.mix(0.6))])?;
            let text = point.target.to_string();
            chart.draw_series([Text::new(text, below, letters(15))])?;
        }
        Ok(())
    })
}

/// Two distributions of distances over one axis.
pub(super) fn distances(distances: &Distances) -> Result<Markup, DrawingError> {
    let (near, random) = distances.medians;
    let label = format!(
        "Histograms of distances: the median to the ten nearest is {}, of random pairs {}",
        number(near),
        number(random)
    );
    let series = [(&distances.random_pairs, SECOND, random), (&distances.neighbors, FIRST, near)];
    let top = series.iter().flat_map(|(bins, ..)| bins.iter()).copied().fold(0.0, f64::max);
    picture(SIZE, &label, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .margin_right(22)
            .x_label_area_size(50)
            .y_label_area_size(58)
            .build_cartesian_2d(0.0..distances.high, 0.0..1.12 * top)?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .disable_x_mesh()
            .bold_line_style(faint())
            .axis_style(faint())
            .x_labels(7)
            .y_labels(5)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|share| format!("{:.0} %", 100.0 * share))
            .label_style(letters(15))
            .axis_desc_style(letters(16))
            .x_desc("distance in scaled space")
            .y_desc("share of distances")
            .draw()?;
        for (bins, color, median) in series {
            let outline = steps(bins, distances.high);
            chart.draw_series([Polygon::new(outline.clone(), color.mix(0.35).filled())])?;
            chart.draw_series([PathElement::new(outline, color.stroke_width(2))])?;
            median_line(&mut chart, color, median, top)?;
        }
        Ok(())
    })
}

type Chart<'a, 'b> = plotters::chart::ChartContext<
    'a,
    plotters::prelude::SVGBackend<'b>,
    plotters::prelude::Cartesian2d<
        plotters::coord::types::RangedCoordf64,
        plotters::coord::types::RangedCoordf64,
    >,
>;

fn median_line(
    chart: &mut Chart<'_, '_>,
    color: RGBColor,
    median: f64,
    top: f64,
) -> Result<(), DrawingError> {
    let line = vec![(median, 0.0), (median, 1.04 * top)];
    chart.draw_series([PathElement::new(line, color.mix(0.9))])?;
    chart.draw_series([Text::new(number(median), (median, 1.11 * top), letters(15))])?;
    let foot = vec![(median, 0.0), (median, 0.02 * top)];
    chart.draw_series([PathElement::new(foot, BLACK.mix(0.6))])?;
    Ok(())
}

/// A percentage on an axis: its ticks are round already.
fn round(percent: f64) -> String {
    if percent >= 1.0 { format!("{percent:.0}") } else { number(percent) }
}

/// The outline of a histogram.
fn steps(bins: &[f64], high: f64) -> Vec<(f64, f64)> {
    let at = |bin: usize| high * bin as f64 / BINS as f64;
    let mut outline = vec![(0.0, 0.0)];
    for (bin, share) in bins.iter().enumerate() {
        outline.extend([(at(bin), *share), (at(bin + 1), *share)]);
    }
    outline.push((at(bins.len()), 0.0));
    outline
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_begins_and_ends_on_the_ground() {
        let outline = steps(&[0.25; BINS], 2.0);
        assert_eq!(outline.len(), 2 * BINS + 2);
        assert_eq!((outline[0], outline[1]), ((0.0, 0.0), (0.0, 0.25)));
        assert_eq!(outline.last(), Some(&(2.0, 0.0)));
    }
}
