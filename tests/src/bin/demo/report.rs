//! What the demo prints: times, refusals, the table of neighbours.

use std::time::Duration;

use proto::v1::{FeatureVector, Neighbor, Track};

use crate::library::Song;

/// A question and its answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) song: Song,
    pub(crate) neighbors: Vec<Neighbor>,
    pub(crate) elapsed: Duration,
}

/// Refusals that are printed in full.
const MAX_REFUSALS: usize = 10;

/// `1.2 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Seconds of audio behind a vector; 0 if the answer does not say.
pub(crate) fn audio_seconds(vector: &FeatureVector) -> f64 {
    let analyzed = vector.provenance.as_ref().and_then(|how| how.analyzed_duration);
    analyzed.and_then(|time| Duration::try_from(time).ok()).unwrap_or_default().as_secs_f64()
}

/// The middle of the times; the lower one of two.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// One line about all extractions.
pub(crate) fn extraction(times: &mut [Duration], audio_seconds: f64, wall: Duration) -> String {
    format!(
        "      {} songs, {audio_seconds:.0} s of audio in {}: {:.0} x real time, p50 {:.0} ms per song",
        times.len(),
        seconds(wall),
        audio_seconds / wall.as_secs_f64(),
        median(times).as_secs_f64() * 1e3,
    )
}

/// Files that gave no vector, and why.
pub(crate) fn print_refused(refused: &[String]) {
    for line in refused.iter().take(MAX_REFUSALS) {
        println!("      left out: {line}");
    }
    if refused.len() > MAX_REFUSALS {
        println!("      and {} more", refused.len() - MAX_REFUSALS);
    }
}

/// The neighbours of each song, the time per question, and how many share the style.
pub(crate) fn print_answers(answers: &[Answer], styled: bool) {
    let nobody = Track::default();
    let track = |hit: &Neighbor| hit.track.clone().unwrap_or_else(|| nobody.clone());
    for answer in answers {
        println!("\n  {}  ({})", answer.song.title, answer.song.album);
        println!(
            "    {:<28} {:<16} {:>8}  {:>26}",
            "neighbour", "from", "distance", "nearer than random pairs"
        );
        for hit in &answer.neighbors {
            let track = track(hit);
            println!(
                "    {:<28} {:<16} {:>8.2}  {:>24.1} %",
                shortened(&track.track_title, 28),
                shortened(&track.album_title, 16),
                hit.distance,
                100.0 * hit.similarity_percentile,
            );
        }
    }
    let mut times: Vec<_> = answers.iter().map(|answer| answer.elapsed).collect();
    println!("\n  Query p50 {:.2} ms over the wire.", median(&mut times).as_secs_f64() * 1e3);
    if styled {
        let all: usize = answers.iter().map(|answer| answer.neighbors.len()).sum();
        let same: usize = answers
            .iter()
            .map(|answer| {
                let alike = |hit: &&Neighbor| track(hit).album_title == answer.song.album;
                answer.neighbors.iter().filter(alike).count()
            })
            .sum();
        println!("  {same} of {all} neighbours are of the style of the song that was asked for.");
    }
}

/// At most `width` characters, the last one an ellipsis if some are missing.
fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_their_column() {
        assert_eq!(shortened("Neon Arcade 3", 28), "Neon Arcade 3");
        assert_eq!(shortened("Ünïcode title", 6), "Ünïco…");
    }

    #[test]
    fn the_median_is_the_lower_middle() {
        let ms = Duration::from_millis;
        assert_eq!(median(&mut [ms(3), ms(1), ms(2)]), ms(2));
        assert_eq!(median(&mut [ms(4), ms(1), ms(2), ms(3)]), ms(2));
        assert_eq!(median(&mut []), ms(0));
    }
}
