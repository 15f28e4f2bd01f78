//! The contract, read plainly: score every row, sort, walk. Slow and obvious.

use index_svc::Searcher;

use super::music::Track;

/// A row and how it ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) row: usize,
    pub(crate) score: f64,
    pub(crate) distance: f64,
}

/// What a list is asked for.
pub(crate) struct Wish<'a> {
    /// Scaled vectors of examples, all left out with their equals.
    pub(crate) seeds: Vec<Vec<f64>>,
    /// Score and distance of a scaled vector.
    pub(crate) score: &'a dyn Fn(&[f64]) -> (f64, f64),
    pub(crate) allowed: &'a dyn Fn(usize, &Track) -> bool,
    pub(crate) include_duplicates: bool,
    pub(crate) max_per_artist: usize,
    pub(crate) max_distance: f64,
}

/// The whole list, and how many rows were left out: seeds, duplicates, artists, too far.
pub(crate) fn list(
    index: &Searcher,
    tracks: &[Track],
    wish: &Wish<'_>,
) -> (Vec<Ranked>, [usize; 4]) {
    let scaled: Vec<Vec<f64>> =
        tracks.iter().map(|track| index.scaler().transform(&track.raw)).collect();
    let mut ranked: Vec<Ranked> = (0..tracks.len())
        .filter(|row| (wish.allowed)(*row, &tracks[*row]))
        .map(|row| {
            let (score, distance) = (wish.score)(&scaled[row]);
            Ranked { row, score, distance }
        })
        .collect();
    ranked.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.row.cmp(&b.row)));
    let mut left_out = [0; 4];
    let mut chosen: Vec<Ranked> = Vec::new();
    for candidate in ranked {
        let artist = |row: usize| &tracks[row].artist;
        let same_artist = |other: &&Ranked| artist(other.row) == artist(candidate.row);
        let limited = wish.max_per_artist > 0 && !artist(candidate.row).is_empty();
        let reason = if candidate.distance > wish.max_distance {
            3
        } else if wish.seeds.contains(&scaled[candidate.row]) {
            0
        } else if !wish.include_duplicates
            && chosen.iter().any(|other| scaled[other.row] == scaled[candidate.row])
        {
            1
        } else if limited && chosen.iter().filter(same_artist).count() >= wish.max_per_artist {
            2
        } else {
            chosen.push(candidate);
            continue;
        };
        left_out[reason] += 1;
    }
    (chosen, left_out)
}

pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}
