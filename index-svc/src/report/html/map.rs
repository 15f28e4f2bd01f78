//! The catalogue on its two principal components.

use maud::{Markup, html};
use plotters::{
    chart::ChartBuilder,
    element::{Circle, Cross, EmptyElement, Rectangle, TriangleMarker},
    style::{Color as _, RGBColor},
};

use super::{
    DrawingError,
    ink::{GROUPS, OTHERS, count, faint, letters, picture},
};
use crate::report::pictures::Projection;

const SIZE: (u32, u32) = (900, 600);
/// Half the width of a mark in pixels.
const MARK: i32 = 4;

/// The map and its legend.
pub(super) fn map(projection: &Projection) -> Result<Markup, DrawingError> {
    let [first, second] = projection.explained.map(|share| format!("{:.0} %", 100.0 * share));
    let label = format!(
        "Scatter plot of {} tracks on the two directions in which they differ most, which have {first} \
         and {second} of the variance",
        projection.points.len()
    );
    let drawn = picture(SIZE, &label, |area| {
        let [(left, right), (bottom, top)] = projection.frame;
        let mut chart = ChartBuilder::on(area)
            .margin(4)
            .x_label_area_size(50)
            .y_label_area_size(52)
            .build_cartesian_2d(left..right, bottom..top)?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .bold_line_style(faint())
            .axis_style(faint())
            .x_labels(7)
            .y_labels(6)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .label_style(letters(15))
            .axis_desc_style(letters(16))
            .x_desc(format!("first principal component: {first} of the variance"))
            .y_desc(format!("second: {second}"))
            .draw()?;
        // The most frequent genre lies lowest, or it would cover the others.
        let layers = [None].into_iter().chain((0..projection.groups.len()).map(Some));
        for layer in layers {
            let points = projection.points.iter().filter(|point| point.group == layer);
            let places = points.map(|point| (point.x, point.y));
            let Some(group) = layer else {
                let dot = |place| Circle::new(place, 2, OTHERS.mix(0.55).filled());
                chart.draw_series(places.map(dot))?;
                continue;
            };
            let style = GROUPS[group % GROUPS.len()].mix(0.8).filled();
            match group % 4 {
                0 => chart.draw_series(places.map(|place| Circle::new(place, MARK, style)))?,
                1 => chart
                    .draw_series(places.map(|place| TriangleMarker::new(place, MARK + 1, style)))?,
                2 => chart.draw_series(places.map(|place| {
                    let corners = [(1 - MARK, 1 - MARK), (MARK - 1, MARK - 1)];
                    EmptyElement::at(place) + Rectangle::new(corners, style)
                }))?,
                _ => chart.draw_series(
                    places.map(|place| Cross::new(place, MARK, style.stroke_width(2))),
                )?,
            };
        }
        Ok(())
    })?;
    Ok(html! {
        div.map {
            div.scroll { (drawn) }
            (legend(projection))
        }
    })
}

fn legend(projection: &Projection) -> Markup {
    let column = projection.column.as_deref();
    html! {
        div.legend {
            h3 { (column.unwrap_or("tracks")) }
            ul {
                @for (place, group) in projection.groups.iter().enumerate() {
                    li {
                        (glyph(place)) span.name { (group.name) }
                        span.n { (count(group.rows as u64)) }
                    }
                }
                @if projection.other_groups > 0 {
                    li { (dot()) span.name { (projection.other_groups) " others" } }
                }
                @if projection.groups.is_empty() {
                    li { (dot()) span.name { "no genre column" } }
                }
            }
        }
    }
}

/// The mark of a genre as it is on the map.
fn glyph(group: usize) -> Markup {
    let RGBColor(r, g, b) = GROUPS[group % GROUPS.len()];
    let ink = format!("#{r:02X}{g:02X}{b:02X}");
    html! {
        svg.glyph viewBox="-6 -6 12 12" aria-hidden="true" {
            @match group % 4 {
                0 => { circle r="4.5" fill=(ink) {} }
                1 => { polygon points="0,-5 4.6,3.5 -4.6,3.5" fill=(ink) {} }
                2 => { rect x="-4" y="-4" width="8" height="8" fill=(ink) {} }
                _ => { path d="M-4-4L4 4M4-4L-4 4" stroke=(ink) stroke-width="2.4" {} }
            }
        }
    }
}

fn dot() -> Markup {
    html! {
        svg.glyph viewBox="-6 -6 12 12" aria-hidden="true" { circle r="3" fill="#A0A6B0" {} }
    }
}
