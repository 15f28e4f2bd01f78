//! Colours and the frame of a picture.
//!
//! The eight of the genres are chosen to be told apart by eyes that see red and green alike (after
//! Okabe and Ito, «Color Universal Design», 2008, darkened for white paper), and each has a mark of its
//! own besides.

use maud::{Markup, PreEscaped, html};
use plotters::{
    coord::Shift,
    drawing::{DrawingArea, IntoDrawingArea as _},
    prelude::SVGBackend,
    style::{BLACK, Color as _, IntoFont as _, RGBColor, TextStyle},
};

use super::DrawingError;

/// Genres, by place; `style.css` has the same as `--c0` to `--c7`.
pub(super) const GROUPS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(180, 86, 138),
    RGBColor(201, 136, 0),
    RGBColor(46, 155, 214),
    RGBColor(106, 81, 163),
    RGBColor(127, 79, 36),
];
/// All other genres.
pub(super) const OTHERS: RGBColor = RGBColor(160, 166, 176);
/// What is drawn first in charts of one or two series.
pub(super) const FIRST: RGBColor = GROUPS[0];
/// What is drawn second.
pub(super) const SECOND: RGBColor = GROUPS[1];

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Text of a chart.
pub(super) fn letters(pixels: i32) -> TextStyle<'static> {
    ("sans-serif", pixels).into_font().color(&BLACK)
}

/// A line of the background.
pub(super) fn faint() -> plotters::style::RGBAColor {
    BLACK.mix(0.12)
}

/// Draws a picture of `size` pixels and puts it inline, described by `label` for those who do not
/// see it.
pub(super) fn picture(
    size: (u32, u32),
    label: &str,
    draw: impl FnOnce(&Area<'_>) -> Result<(), DrawingError>,
) -> Result<Markup, DrawingError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area)?;
        area.present()?;
    }
    // The page's own element has the label and scales; what plotters drew goes inside it.
    let inside = svg.find('>').map_or("", |end| &svg[end + 1..]);
    let inside = inside.trim_end().strip_suffix("</svg>").unwrap_or(inside);
    let view = format!("0 0 {} {}", size.0, size.1);
    Ok(html! {
        svg role="img" aria-label=(label) viewBox=(view) { (PreEscaped(inside)) }
    })
}

/// A number in as few digits as tell it.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e6).contains(&size) {
        format!("{value:.2e}")
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

/// A count with its thousands set apart.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let check = |value: f64, text: &str| assert_eq!(number(value), text);
        check(0.0, "0");
        check(-0.01234, "-0.0123");
        check(2.71, "2.71");
        check(-1234.5, "-1234");
        check(1.5e9, "1.50e9");
        check(2e-7, "2.00e-7");
        assert_eq!((count(7), count(1234567)), ("7".into(), "1\u{202f}234\u{202f}567".into()));
    }

    /// The style sheet recolours what plotters draws by its colour, so they must be the same.
    #[test]
    fn every_ink_is_in_the_style_sheet() {
        let style = include_str!("style.css");
        for RGBColor(r, g, b) in GROUPS.into_iter().chain([OTHERS]) {
            for property in ["fill", "stroke"] {
                let rule = format!("svg [{property}=\"#{r:02X}{g:02X}{b:02X}\"]");
                assert!(style.contains(&rule), "{rule}");
            }
        }
    }
}
