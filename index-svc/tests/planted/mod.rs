//! A small library with known neighbourhoods, and ways to damage it or the index built from it.
//!
//! 100 artists on a sphere of 74 dimensions, five genres, six tracks each close together: a track's ten
//! nearest are its artist's five others and five of anybody. On a sphere nobody is in the middle, so
//! there are no hubs.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use index::{
    manifest::file_facts,
    seal,
    store::{DATA_FILE, SCALED_FILE, SCALER, Store, TRACKS_FILE, f64_bytes},
};
use index_svc::builder::{BuildPlan, build};
use proto::features::{DIMS, FeatureSchema, hex};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::catalogue::{lcg, plan};

const ARTISTS: usize = 100;
const TRACKS_EACH: usize = 6;

/// A table in the making.
#[derive(Clone)]
pub(crate) struct Library {
    tracks: Vec<Track>,
}

#[derive(Clone)]
struct Track {
    id: String,
    title: String,
    artist: String,
    genre: String,
    values: Vec<f64>,
}

impl Library {
    pub(crate) fn sound() -> Self {
        let unit = |seed: usize| {
            let noise = lcg(seed as u64, DIMS);
            let values: Vec<f64> = noise.iter().map(|u| u - 0.5).collect();
            let norm = values.iter().map(|x| x * x).sum::<f64>().sqrt();
            values.into_iter().map(move |x| x / norm).collect::<Vec<f64>>()
        };
        let tracks = (0..ARTISTS * TRACKS_EACH).map(|i| {
            let artist = i / TRACKS_EACH;
            let (centre, own) = (unit(1000 + artist), unit(5000 + i));
            let values = centre.iter().zip(own).enumerate();
            Track {
                id: format!("t{i}"),
                title: format!("Title {i}"),
                artist: format!("Artist {artist}"),
                genre: format!("Genre {}", artist % 5),
                // Units differ, so that scaling matters.
                values: values.map(|(j, (c, o))| (c + 0.2 * o) * (1.0 + j as f64) + 50.0).collect(),
            }
        });
        Self { tracks: tracks.collect() }
    }

    pub(crate) fn with_duplicates(mut self) -> Self {
        self.tracks[49].values = self.tracks[48].values.clone();
        self.tracks[50].values = self.tracks[48].values.clone();
        self
    }

    /// A track in the middle of the sphere is nearer to all than artists are to each other.
    pub(crate) fn with_a_hub(mut self) -> Self {
        let n = self.tracks.len() as f64;
        let mean = |j: usize| self.tracks.iter().map(|track| track.values[j]).sum::<f64>() / n;
        let values = (0..DIMS).map(mean).collect();
        let hub = Track { id: "hub".into(), values, ..self.tracks[0].clone() };
        self.tracks.push(hub);
        self
    }

    pub(crate) fn with_a_constant_column(mut self) -> Self {
        self.tracks.iter_mut().for_each(|track| track.values[7] = 3.25);
        self
    }

    pub(crate) fn with_a_missing_value(mut self) -> Self {
        self.tracks[33].values[12] = f64::NAN;
        self
    }

    pub(crate) fn with_genres_at_random(mut self) -> Self {
        for (track, u) in self.tracks.iter_mut().zip(lcg(3, ARTISTS * TRACKS_EACH)) {
            track.genre = format!("Genre {}", (u * 5.0) as usize);
        }
        self
    }

    pub(crate) fn without_genres(mut self) -> Self {
        self.tracks.iter_mut().for_each(|track| track.genre.clear());
        self
    }

    pub(crate) fn with_titles_swapped(mut self) -> Self {
        let title = std::mem::take(&mut self.tracks[10].title);
        self.tracks[10].title = std::mem::replace(&mut self.tracks[300].title, title);
        self
    }

    pub(crate) fn with_a_changed_vector(mut self) -> Self {
        self.tracks[200].values[30] *= 1.001;
        self
    }

    /// Texts that are markup elsewhere.
    pub(crate) fn with_wild_texts(mut self) -> Self {
        self.tracks[48].id = "<b>\"48\"</b><script>alert(1)</script>".into();
        for track in self.tracks.iter_mut().filter(|track| track.genre == "Genre 0") {
            track.genre = "<img onerror=alert(1)> & co".into();
        }
        self
    }

    fn csv(&self) -> String {
        let mut text = "track_id,track_title,artist_name,album_title,genre_top".to_owned();
        FeatureSchema::librosa().names().iter().for_each(|name| text += &format!(",{name}"));
        text.push('\n');
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        for Track { id, title, artist, genre, values } in &self.tracks {
            text += &[id, title, artist, "Album", genre].map(quoted).join(",");
            for value in values {
                match value.is_nan() {
                    true => text.push(','),
                    false => write!(text, ",{value:?}").expect("memory"),
                }
            }
            text.push('\n');
        }
        text
    }

    /// The table, and an index of it.
    pub(crate) fn build(&self) -> Planted {
        let folder = tempfile::tempdir().expect("a folder");
        let (table, index) = (folder.path().join("table.csv"), folder.path().join("index"));
        fs::write(&table, self.csv()).expect("writable");
        let plan = BuildPlan { trees: 3, ..plan(vec![table.clone()], index.clone()) };
        build(&plan).expect("a sound table");
        Planted { folder, table, index }
    }
}

/// An index that may be damaged.
pub(crate) struct Planted {
    pub(crate) folder: TempDir,
    pub(crate) table: PathBuf,
    pub(crate) index: PathBuf,
}

impl Planted {
    pub(crate) fn write_table(&self, library: &Library) {
        fs::write(&self.table, library.csv()).expect("writable");
    }

    /// Two tracks change their titles; their ids and vectors stay.
    pub(crate) fn swap_titles(self) -> Self {
        let path = self.index.join(TRACKS_FILE);
        let mut bytes = fs::read(&path).expect("readable");
        // Both titles are three digits behind `Title `, and so are of one length.
        let (low, high) = (b"Title 110".as_slice(), b"Title 310".as_slice());
        let at = |title: &[u8]| {
            bytes.windows(title.len()).position(|part| part == title).expect("it is there")
        };
        let places = [(at(low), high), (at(high), low)];
        for (at, title) in places {
            bytes[at..at + title.len()].copy_from_slice(title);
        }
        fs::write(&path, &bytes).expect("writable");
        // An end of eight bytes for each record comes behind them.
        let records = &bytes[..bytes.len() - 8 * ARTISTS * TRACKS_EACH];
        self.signed(|contents| contents["metadata"] = digest(records))
    }

    /// The last bit of one stored value.
    pub(crate) fn change_stored_vector(self) -> Self {
        let path = self.index.join(SCALED_FILE);
        let mut bytes = fs::read(&path).expect("readable");
        bytes[4 * (77 * DIMS + 5)] ^= 1;
        fs::write(&path, &bytes).expect("writable");
        self.signed(|contents| contents["scaled_vectors"] = digest(&bytes))
    }

    /// The last bit of one mean: no stored vector differs by it.
    pub(crate) fn change_scaler(self) -> Self {
        let bytes = self.with_store(|store| {
            let txn = store.read().expect("readable");
            let mut parts = store.fact(&txn, SCALER).expect("there");
            drop(txn);
            parts[20] = f64::from_bits(parts[20].to_bits() ^ 1);
            let mut txn = store.write().expect("writable");
            store.put_fact(&mut txn, SCALER, &parts).expect("writable");
            store.commit(txn).expect("writable");
            f64_bytes(&parts)
        });
        self.signed(|contents| contents["scaler"] = digest(&bytes))
    }

    pub(crate) fn change_card(self) -> Self {
        self.with_manifest(|manifest| manifest["card"]["hubness"]["skewness"] = json!(0.125))
    }

    pub(crate) fn change_file_digest(self) -> Self {
        self.with_manifest(|manifest| manifest["files"][DATA_FILE]["sha256"] = json!("00"))
    }

    pub(crate) fn change_content_digest(self) -> Self {
        self.with_manifest(|manifest| manifest["contents"]["raw_vectors"] = json!("00"))
    }

    /// A point that promises more than its margin finds.
    pub(crate) fn change_recall_curve(self) -> Self {
        self.with_manifest(|manifest| {
            manifest["recall_curve"] = json!([{
                "engine": "blocks", "queries": "track", "k": 10, "target": 0.999, "margin": 0.0,
                "recall": 0.9995, "sample": 600, "scored_share": 0.25,
            }]);
        })
    }

    fn with_store<T>(&self, change: impl FnOnce(&Store) -> T) -> T {
        let store = Store::create(&self.index).expect("it opens for writing");
        let done = change(&store);
        store.close().expect("flushed");
        done
    }

    fn with_manifest(self, change: impl FnOnce(&mut Value)) -> Self {
        let path = self.index.join("manifest.json");
        let mut manifest: Value = read_json(&path);
        change(&mut manifest);
        manifest.as_object_mut().expect("an object").remove("seal").expect("it was sealed");
        let text = seal::sealed(serde_json::to_vec_pretty(&manifest).expect("JSON"));
        fs::write(&path, text).expect("writable");
        self
    }

    /// Makes the digests fit what was changed.
    fn signed(self, change: impl FnOnce(&mut Value)) -> Self {
        let facts = [DATA_FILE, SCALED_FILE, TRACKS_FILE]
            .map(|name| (name, file_facts(&self.index.join(name))));
        self.with_manifest(|manifest| {
            for (name, facts) in facts {
                let facts = facts.expect("readable");
                manifest["files"][name] = serde_json::to_value(facts).expect("plain data");
            }
            change(&mut manifest["contents"]);
        })
    }
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("readable")).expect("JSON")
}

fn digest(bytes: &[u8]) -> Value {
    json!(hex(&Sha256::digest(bytes)))
}
