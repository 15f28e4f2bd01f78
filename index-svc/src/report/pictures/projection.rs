//! The catalogue in two dimensions, coloured by genre.

use std::collections::BTreeMap;

use super::pca::Components;
use crate::{error::Error, searcher::Searcher};

/// Points that are drawn; more would only cover each other.
const MOST_POINTS: usize = 2500;
/// Genres with a colour of their own.
pub(crate) const MOST_GROUPS: usize = 8;
/// Share of the points that may lie outside the frame, at each of its sides.
const TRIMMED: f64 = 0.002;

/// Places of sampled rows on the two principal components of the scaled vectors.
#[derive(Clone, Debug)]
pub(crate) struct Projection {
    /// Drawn rows.
    pub(crate) points: Vec<Point>,
    /// The most frequent genres, largest first; empty without a genre column.
    pub(crate) groups: Vec<Group>,
    /// Further genres, which share a colour.
    pub(crate) other_groups: usize,
    /// The column that names the genre.
    pub(crate) column: Option<String>,
    /// Share of the variance along each axis.
    pub(crate) explained: [f64; 2],
    /// Lowest and highest value drawn on each axis.
    pub(crate) frame: [(f64, f64); 2],
    /// Drawn rows that lie beyond the frame.
    pub(crate) beyond: usize,
}

/// A row in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Place along the first component.
    pub(crate) x: f64,
    /// Place along the second.
    pub(crate) y: f64,
    /// Its genre's place in [`Projection::groups`]; none for all others.
    pub(crate) group: Option<usize>,
}

/// A genre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its name.
    pub(crate) name: String,
    /// Sampled rows of it.
    pub(crate) rows: usize,
}

impl Projection {
    /// Fitted to `rows`; at most [`MOST_POINTS`] of them are drawn, spread evenly.
    pub(super) fn of(index: &Searcher, rows: &[u32], column: Option<&str>) -> Result<Self, Error> {
        let vectors = index.vectors();
        let components = Components::of(rows.iter().map(|row| vectors.row(*row)), vectors.dims());
        let genres = genres(index, rows, column)?;
        let (groups, other_groups) = largest(&genres);
        let place = |name: &str| groups.iter().position(|group| group.name == name);
        let drawn = rows.len().min(MOST_POINTS);
        let points: Vec<Point> = (0..drawn)
            .map(|i| i * rows.len() / drawn)
            .map(|i| (&rows[i], &genres[i]))
            .map(|(row, genre)| {
                let [x, y] = components.place(vectors.row(*row));
                Point { x, y, group: place(genre) }
            })
            .collect();
        let frame = [frame(&points, |point| point.x), frame(&points, |point| point.y)];
        let inside = |point: &&Point| {
            let within = |value: f64, (low, high): (f64, f64)| (low..=high).contains(&value);
            within(point.x, frame[0]) && within(point.y, frame[1])
        };
        let shown = points.iter().filter(inside).copied().collect::<Vec<_>>();
        Ok(Self {
            beyond: points.len() - shown.len(),
            points: shown,
            groups,
            other_groups,
            column: column.map(str::to_owned),
            explained: components.explained,
            frame,
        })
    }
}

fn genres(index: &Searcher, rows: &[u32], column: Option<&str>) -> Result<Vec<String>, Error> {
    let Some(column) = column else { return Ok(vec![String::new(); rows.len()]) };
    rows.iter()
        .map(|row| Ok(index.metadata(*row)?.attributes.remove(column).unwrap_or_default()))
        .collect()
}

/// The most frequent genres and the number of the others.
fn largest(genres: &[String]) -> (Vec<Group>, usize) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for genre in genres.iter().filter(|genre| !genre.is_empty()) {
        *counts.entry(genre).or_default() += 1;
    }
    let mut groups: Vec<Group> =
        counts.into_iter().map(|(name, rows)| Group { name: name.to_owned(), rows }).collect();
    groups.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.name.cmp(&b.name)));
    let others = groups.len().saturating_sub(MOST_GROUPS);
    groups.truncate(MOST_GROUPS);
    (groups, others)
}

/// The range of all but the outermost points, with a margin.
fn frame(points: &[Point], value: impl Fn(&Point) -> f64) -> (f64, f64) {
    let mut values: Vec<f64> = points.iter().map(value).collect();
    values.sort_unstable_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return (-1.0, 1.0) };
    let trimmed = (last as f64 * TRIMMED) as usize;
    let (low, high) = (values[trimmed], values[last - trimmed]);
    let margin = 0.04 * (high - low).max(1e-9);
    (low - margin, high + margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_genres_come_first_and_the_rest_is_counted() {
        let name = |i: usize| format!("g{i}");
        let mut genres: Vec<String> = (0..MOST_GROUPS + 2).map(name).collect();
        genres.extend([name(3), String::new(), name(3), name(1)]);
        let (groups, others) = largest(&genres);
        let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["g3", "g1", "g0", "g2", "g4", "g5", "g6", "g7"]);
        assert_eq!((groups[0].rows, others), (3, 2));
    }

    #[test]
    fn a_frame_leaves_out_the_outermost() {
        let at = |x: f64| Point { x, y: 0.0, group: None };
        let mut points: Vec<Point> = (0..1000).map(|i| at(f64::from(i))).collect();
        points.push(at(1e9));
        let (low, high) = frame(&points, |point| point.x);
        assert!((-60.0..0.0).contains(&low) && (999.0..1100.0).contains(&high), "{low} {high}");
    }
}
