//! A catalogue shaped like a music library.
//!
//! It is the clustered one of acceptance, made here without Python and smaller: 161 genres, artists within
//! genres (about 6.5 tracks each), 18 latent dimensions lifted to 74 correlated columns with noise, half of
//! them heavy-tailed, every column with its own offset and scale.

use std::fmt::Write as _;

use proto::features::{DIMS, FeatureSchema};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

const GENRES: usize = 161;
const LATENT: usize = 18;

/// A track as the table has it.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) artist: usize,
    pub(crate) genre: usize,
    pub(crate) raw: Vec<f64>,
}

/// The table of tracks; `year` is drawn from 50 and says nothing of the sound.
pub(crate) fn csv(tracks: &[Track]) -> String {
    let mut text = "track_id,track_title,artist_name,album_title,genre_top,year".to_owned();
    FeatureSchema::librosa().names().iter().for_each(|name| text += &format!(",{name}"));
    text.push('\n');
    for (row, Track { artist, genre, raw }) in tracks.iter().enumerate() {
        let year = 1970 + (row as u32).wrapping_mul(2_654_435_761) % 50;
        write!(text, "t{row},T,a{artist},A,g{genre},{year}").expect("memory");
        raw.iter().for_each(|value| write!(text, ",{value:?}").expect("memory"));
        text.push('\n');
    }
    text
}

/// A normal deviate (Box and Muller 1958).
pub(crate) fn deviate(rng: &mut StdRng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

pub(crate) struct Library {
    rng: StdRng,
}

impl Library {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed) }
    }

    fn normal(&mut self) -> f64 {
        deviate(&mut self.rng)
    }

    fn normals(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.normal()).collect()
    }

    /// An index below `weights.len()`, by cumulated weights.
    fn choose(&mut self, cumulated: &[f64]) -> usize {
        let at = self.rng.random::<f64>() * cumulated[cumulated.len() - 1];
        cumulated.partition_point(|sum| *sum < at).min(cumulated.len() - 1)
    }

    pub(crate) fn rows(&mut self, n: usize) -> Vec<Vec<f64>> {
        self.tracks(n).into_iter().map(|track| track.raw).collect()
    }

    pub(crate) fn tracks(&mut self, n: usize) -> Vec<Track> {
        let genre_share: Vec<f64> = (0..GENRES).map(|_| self.rng.random::<f64>().powi(3)).collect();
        let genre_share = cumulate(&genre_share);
        let centres: Vec<Vec<f64>> = (0..GENRES).map(|_| self.normals(LATENT)).collect();
        let spreads: Vec<f64> = (0..GENRES).map(|_| 0.4 + 1.2 * self.rng.random::<f64>()).collect();
        let artists: Vec<(usize, Vec<f64>)> = (0..n * 2 / 13)
            .map(|_| {
                let genre = self.choose(&genre_share);
                let offset = self.normals(LATENT);
                let at =
                    centres[genre].iter().zip(offset).map(|(c, o)| c + 0.75 * spreads[genre] * o);
                (genre, at.collect())
            })
            .collect();
        // Pareto-distributed popularity.
        let popularity: Vec<f64> = artists
            .iter()
            .map(|_| (1.0 - self.rng.random::<f64>()).powf(-1.0 / 1.3) - 0.8)
            .collect();
        let popularity = cumulate(&popularity);
        let lift: Vec<Vec<f64>> = (0..LATENT)
            .map(|l| {
                let weight = 1.6 - 1.25 * l as f64 / (LATENT - 1) as f64;
                self.normals(DIMS).into_iter().map(|a| a * weight).collect()
            })
            .collect();
        let bend: Vec<Vec<f64>> = (0..LATENT)
            .map(|_| self.normals(DIMS).into_iter().map(|b| b * 0.5).collect())
            .collect();
        let noise: Vec<f64> = (0..DIMS).map(|_| 0.5 + 1.6 * self.rng.random::<f64>()).collect();
        let scale: Vec<f64> =
            self.normals(DIMS).into_iter().map(|s| (2.0 + 2.0 * s).exp()).collect();
        let offset: Vec<f64> = self.normals(DIMS).into_iter().map(|o| 100.0 * o).collect();
        (0..n)
            .map(|_| {
                let artist = self.choose(&popularity);
                let (genre, centre) = &artists[artist];
                let own = self.normals(LATENT);
                let z: Vec<f64> =
                    centre.iter().zip(own).map(|(c, o)| c + 0.45 * spreads[*genre] * o).collect();
                let raw = (0..DIMS)
                    .map(|j| {
                        let dot = |m: &[Vec<f64>]| {
                            z.iter().zip(m).map(|(z, row)| z * row[j]).sum::<f64>()
                        };
                        let y = dot(&lift) + 0.5 * dot(&bend).tanh() + noise[j] * self.normal();
                        let y = if j >= DIMS / 2 { (y / 6.0 * 0.6).sinh() * 6.0 } else { y };
                        y * scale[j] + offset[j]
                    })
                    .collect();
                Track { artist, genre: *genre, raw }
            })
            .collect()
    }
}

fn cumulate(weights: &[f64]) -> Vec<f64> {
    weights
        .iter()
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect()
}
