//! Small multiples: each feature before and after scaling.

use maud::{Markup, html};
use plotters::{
    element::{PathElement, Polygon},
    style::{BLACK, Color as _, RGBColor},
};

use super::{
    DrawingError,
    ink::{Area, FIRST, SECOND, number, picture},
};
use crate::report::{percent, pictures::Shape};

const SIZE: (u32, u32) = (220, 56);
/// Width of either histogram; what is left lies between them.
const HALF: i32 = 104;
/// A tail that is worth saying: a normal distribution has 7 in a million beyond.
const HEAVY_TAIL: f64 = 0.001;

/// All features, family by family.
pub(super) fn shapes(shapes: &[Shape]) -> Result<Markup, DrawingError> {
    let families = shapes.chunk_by(|a, b| family(&a.name) == family(&b.name));
    let mut sections = Vec::new();
    for members in families {
        let cells = members.iter().map(cell).collect::<Result<Vec<_>, _>>()?;
        sections.push(html! {
            h3 { (family(&members[0].name)) }
            div.multiples { @for cell in &cells { (cell) } }
        });
    }
    Ok(html! { @for section in &sections { (section) } })
}

/// `mfcc_mean` of `mfcc_mean_7`; single features are a family together.
fn family(name: &str) -> &str {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
    if stem.starts_with("mfcc") || stem.starts_with("chroma") {
        stem
    } else {
        "spectrum and energy"
    }
}

fn cell(shape: &Shape) -> Result<Markup, DrawingError> {
    let (low, high) = shape.range;
    let label = format!(
        "{}: histogram of raw values from {} to {}, and of scaled values",
        shape.name,
        number(low),
        number(high)
    );
    let drawn = picture(SIZE, &label, |area| {
        bars(area, &shape.raw, 0, SECOND)?;
        let right = SIZE.0 as i32 - HALF;
        bars(area, &shape.scaled, right, FIRST)?;
        let middle = right + HALF / 2;
        area.draw(&PathElement::new(
            vec![(middle, 4), (middle, SIZE.1 as i32 - 2)],
            BLACK.mix(0.35),
        ))
    })?;
    Ok(html! {
        figure.cell {
            figcaption {
                span.name { (shape.name) }
                @if shape.constant { span.flag { "constant" } }
            }
            (drawn)
            div.range {
                span { (number(low)) } span { (number(high)) }
                span.tail { @if shape.beyond > HEAVY_TAIL { (percent(shape.beyond)) " beyond" } }
            }
        }
    })
}

fn bars(area: &Area<'_>, bins: &[u32], left: i32, color: RGBColor) -> Result<(), DrawingError> {
    let ground = SIZE.1 as i32 - 2;
    let highest = f64::from(bins.iter().copied().max().unwrap_or(0).max(1));
    let at = |bin: usize| left + (bin * HALF as usize / bins.len().max(1)) as i32;
    let mut outline = vec![(left, ground)];
    for (bin, rows) in bins.iter().enumerate() {
        let share = f64::from(*rows) / highest;
        // What is there is seen, however little.
        let height = (share * f64::from(ground - 4)).max(f64::from(u8::from(*rows > 0)));
        let top = ground - height.round() as i32;
        outline.extend([(at(bin), top), (at(bin + 1), top)]);
    }
    outline.push((at(bins.len()), ground));
    area.draw(&Polygon::new(outline, color.mix(0.75).filled()))?;
    area.draw(&PathElement::new(vec![(left, ground), (left + HALF, ground)], BLACK.mix(0.25)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_the_names_without_their_numbers() {
        assert_eq!(family("mfcc_mean_12"), "mfcc_mean");
        assert_eq!(family("chroma_cqt_std_3"), "chroma_cqt_std");
        assert_eq!(family("zcr_mean_1"), "spectrum and energy");
    }
}
