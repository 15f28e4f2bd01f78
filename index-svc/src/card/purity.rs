//! Purity at 10: the share of a track's ten nearest others that have its artist, or its genre.

use std::collections::BTreeMap;

use index::{card::Purity, metadata::TrackMetadata};

use crate::{error::Error, recall::Neighborhood, searcher::Searcher};

/// Name under which artists are reported.
const ARTIST_COLUMN: &str = "artist_name";

/// Purity of artists.
pub(super) fn artists(
    index: &Searcher,
    lists: &[Neighborhood<'_>],
) -> Result<Option<Purity>, Error> {
    measure(index, lists, ARTIST_COLUMN, |track| track.artist_name.clone())
}

/// Purity of an attribute column; none where no row has it.
pub(super) fn attribute(
    index: &Searcher,
    lists: &[Neighborhood<'_>],
    column: &str,
) -> Result<Option<Purity>, Error> {
    if column == ARTIST_COLUMN {
        return artists(index, lists);
    }
    measure(index, lists, column, |track| track.attributes.get(column).cloned().unwrap_or_default())
}

fn measure(
    index: &Searcher,
    lists: &[Neighborhood<'_>],
    column: &str,
    value: impl Fn(&TrackMetadata) -> String,
) -> Result<Option<Purity>, Error> {
    let mut shares = Vec::new();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut sample = 0;
    for (row, near) in lists {
        let own = value(&index.metadata(*row)?);
        sample += 1;
        if own.is_empty() || near.is_empty() {
            continue;
        }
        let mut same = 0;
        for neighbor in *near {
            same += usize::from(value(&index.metadata(neighbor.row)?) == own);
        }
        shares.push(same as f64 / near.len() as f64);
        *seen.entry(own).or_default() += 1;
    }
    let rows = shares.len();
    let at_10 = shares.iter().sum::<f64>() / rows.max(1) as f64;
    Ok((rows > 1).then(|| Purity {
        column: column.to_owned(),
        at_10,
        by_chance: by_chance(seen.values().copied(), sample),
        rows: rows as u32,
    }))
}

/// Probability that a row with a value meets that value in another row of the sample, which has so many rows
/// with and without one.
fn by_chance(counts: impl Iterator<Item = u64> + Clone, sample: u64) -> f64 {
    let asked: u64 = counts.clone().sum();
    let others = sample.saturating_sub(1);
    let same = counts.map(|n| n as f64 * n.saturating_sub(1) as f64).sum::<f64>();
    if asked == 0 || others == 0 { 0.0 } else { same / (asked as f64 * others as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_that_of_two_different_rows() {
        let check = |counts: &[u64], sample, expected: f64| {
            let got = by_chance(counts.iter().copied(), sample);
            assert!((got - expected).abs() < 1e-15, "{counts:?}: {got}, expected {expected}");
        };
        check(&[4], 4, 1.0);
        check(&[1, 1, 1], 3, 0.0);
        check(&[2, 2], 4, 4.0 / 12.0);
        check(&[], 0, 0.0);
        check(&[], 7, 0.0);
        check(&[1], 1, 0.0);
        // Of a row with a value, one of the ten others has the same.
        check(&[2, 2], 11, 1.0 / 10.0);
    }
}
