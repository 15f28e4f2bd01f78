//! A catalogue of numbers, larger than the clips: clusters, copies, artists with many tracks. Built
//! once per test run, with both engines, by the command a user would run.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use anyhow::Result;
use proto::features::{DEFAULT_PROFILE, DIMS, FeatureSchema};
use tempfile::TempDir;

use crate::{
    library::{binaries, run},
    process::Server,
};

/// Tracks of the catalogue.
pub const TRACKS: usize = 1500;
/// Tracks around one centre.
const CLUSTER: usize = 50;

/// The table and the index, in a folder that is removed with the last user.
#[derive(Debug)]
pub struct Catalogue {
    folder: TempDir,
}

impl Catalogue {
    /// The catalogue of this test run, built by the first caller and removed with the last holder.
    ///
    /// # Errors
    /// When the service does not compile or the build fails.
    pub fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Catalogue>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(catalogue) = shared.upgrade() {
            return Ok(catalogue);
        }
        let catalogue = Arc::new(Self { folder: tempfile::tempdir()? });
        let table = catalogue.folder.path().join("catalogue.csv");
        fs::write(&table, csv())?;
        let (flag, index) = (OsStr::new, catalogue.index());
        let flags = ["--profile", DEFAULT_PROFILE, "--trees", "5"].map(flag);
        let files = [flag("--input"), table.as_os_str(), flag("--output"), index.as_os_str()];
        let args = [&[flag("build")], &files[..], &flags].concat();
        run(&binaries()?.index, &args)?;
        *shared = Arc::downgrade(&catalogue);
        Ok(catalogue)
    }

    /// The index directory.
    #[must_use]
    pub fn index(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    /// A new server with one engine: `forest`, `blocks` or `auto`.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn serve(&self, engine: &str) -> Result<Server> {
        let index = self.index();
        let args = ["--index".as_ref(), index.as_os_str(), "--engine".as_ref(), engine.as_ref()];
        Server::start::<&OsStr>(&binaries()?.index, &args)
    }
}

/// The raw vector of a track; every 40th is a copy of the one 20 before.
#[must_use]
pub fn vector(track: usize) -> Vec<f64> {
    let track = if track % 40 == 39 { track - 20 } else { track };
    let centres = TRACKS / CLUSTER;
    let centre = unit(track % centres);
    centre.zip(unit(centres + track)).take(DIMS).map(|(c, u)| c + 0.3 * u).collect()
}

/// Numbers of `[0, 1)`, another sequence for each seed.
fn unit(seed: usize) -> impl Iterator<Item = f64> {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 * 2.0_f64.powi(-53)
    })
}

/// The genre of a track.
#[must_use]
pub fn genre(track: usize) -> &'static str {
    ["Rock", "Jazz", "Hip-Hop", "Folk"][track % 4]
}

fn csv() -> String {
    let mut text = "track_id,track_title,artist_name,album_title,genre_top,year".to_owned();
    for name in FeatureSchema::librosa().names() {
        // Writing to a String cannot fail.
        let _ = write!(text, ",{name}");
    }
    for track in 0..TRACKS {
        let (artist, year) = (track % 7, 1950 + track % 70);
        let _ =
            write!(text, "\ns{track},Song {track},artist {artist},Album,{},{year}", genre(track));
        for value in vector(track) {
            let _ = write!(text, ",{value:?}");
        }
    }
    text.push('\n');
    text
}
