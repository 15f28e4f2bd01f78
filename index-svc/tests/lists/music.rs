//! A catalogue with what recommenders trip over: clusters, copies, prolific artists, tracks of nobody,
//! missing years.

use std::{fmt::Write as _, fs, path::PathBuf, sync::OnceLock};

use index::EngineChoice;
use index_svc::{
    Searcher,
    builder::{BuildEngines, BuildPlan, DuplicateRule, NanRule, build},
};
use proto::features::{DEFAULT_PROFILE, DIMS, FeatureSchema};
use tempfile::TempDir;

/// A track as the table has it.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) artist: String,
    pub(crate) genre: String,
    pub(crate) year: String,
    pub(crate) raw: Vec<f64>,
}

/// The top 53 bits of a linear congruential generator, `[0, 1)`.
pub(crate) fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 * 2.0_f64.powi(-53)
    })
}

/// `rows` tracks around `rows / 60` centres; every 50th is a copy of the one 25 before it.
pub(crate) fn tracks(rows: usize) -> Vec<Track> {
    let clusters = (rows / 60).max(1);
    let mut unit = noise(17);
    let centres: Vec<Vec<f64>> =
        (0..clusters).map(|_| unit.by_ref().take(DIMS).collect()).collect();
    let mut tracks: Vec<Track> = Vec::with_capacity(rows);
    for i in 0..rows {
        let spread = unit.by_ref().take(DIMS);
        let raw = centres[i % clusters].iter().zip(spread).map(|(c, u)| c + 0.3 * u).collect();
        let raw = if i % 50 == 49 { tracks[i - 25].raw.clone() } else { raw };
        tracks.push(Track {
            // A few artists have most tracks, and every 11th track has none.
            artist: if i % 11 == 0 { String::new() } else { format!("artist {}", (i * i) % 23) },
            genre: ["Rock", "Jazz", "Hip-Hop", "", "Folk"][i % 5].to_owned(),
            year: if i % 7 == 0 { String::new() } else { (1950 + i % 70).to_string() },
            raw,
        });
    }
    tracks
}

/// An index of [`tracks`] with both engines, built once for all tests.
#[derive(Debug)]
pub(crate) struct Music {
    folder: TempDir,
    pub(crate) tracks: Vec<Track>,
}

impl Music {
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Music> = OnceLock::new();
        SHARED.get_or_init(|| Self::built(tracks(3000)))
    }

    pub(crate) fn built(tracks: Vec<Track>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let table = folder.path().join("music.csv");
        fs::write(&table, csv(&tracks)).expect("writable");
        build(&plan(table, folder.path().join("index"))).expect("a sound table");
        Self { folder, tracks }
    }

    /// A copy of the index, open: an environment may be open once in a process.
    pub(crate) fn open(&self, choice: EngineChoice) -> (TempDir, Searcher) {
        let copy = tempfile::tempdir().expect("a folder");
        let index = copy.path().join("index");
        fs::create_dir(&index).expect("writable");
        for entry in fs::read_dir(self.folder.path().join("index")).expect("built") {
            let from = entry.expect("readable").path();
            fs::copy(&from, index.join(from.file_name().expect("a file"))).expect("writable");
        }
        let index = Searcher::open_with(&index, choice).expect("just built");
        (copy, index)
    }
}

fn csv(tracks: &[Track]) -> String {
    let mut text = "track_id,track_title,artist_name,album_title,genre_top,year".to_owned();
    for column in FeatureSchema::librosa().names() {
        write!(text, ",{column}").expect("memory");
    }
    text.push('\n');
    for (i, Track { artist, genre, year, raw }) in tracks.iter().enumerate() {
        write!(text, "t{i},Title {i},{artist},Album,{genre},{year}").expect("memory");
        for value in raw {
            write!(text, ",{value:?}").expect("memory");
        }
        text.push('\n');
    }
    text
}

fn plan(table: PathBuf, output: PathBuf) -> BuildPlan {
    BuildPlan {
        inputs: vec![table],
        output,
        profile: Some(DEFAULT_PROFILE.to_owned()),
        engines: BuildEngines::Both,
        trees: 5,
        seed: 42,
        nan: NanRule::Zero,
        duplicates: DuplicateRule::Error,
        all_columns: false,
    }
}
