//! Tables to measure on: made here, or read from `.npy` files of little-endian f32 `[rows, dims]`.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Columns of a table made here.
const DIMS: usize = 74;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Clustered,
    Isotropic,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "clustered" => Ok(Self::Clustered),
            "isotropic" => Ok(Self::Isotropic),
            other => Err(format!("kind {other}; expected clustered or isotropic")),
        }
    }
}

/// Row-major rows.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) dims: usize,
    pub(crate) values: Vec<f32>,
}

impl Table {
    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.dims
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dims..][..self.dims]
    }

    /// Reads a `.npy` file, version 1 to 3, of C-ordered `<f4`.
    pub(crate) fn read(path: &Path) -> Self {
        let mut bytes = Vec::new();
        File::open(path)
            .expect("the table opens")
            .read_to_end(&mut bytes)
            .expect("the table reads");
        assert_eq!(&bytes[..6], b"\x93NUMPY", "a .npy file");
        let (length, start) = match bytes[6] {
            1 => (usize::from(u16::from_le_bytes([bytes[8], bytes[9]])), 10),
            _ => (u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize, 12),
        };
        let header = std::str::from_utf8(&bytes[start..start + length]).expect("an ASCII header");
        assert!(
            header.contains("'<f4'") && header.contains("'fortran_order': False"),
            "rows of f32: {header}"
        );
        let shape = header
            .split_once("'shape': (")
            .and_then(|(_, rest)| rest.split_once(')'))
            .expect("a shape")
            .0;
        let sizes: Vec<usize> =
            shape.split(',').filter_map(|size| size.trim().parse().ok()).collect();
        assert_eq!(sizes.len(), 2, "rows and columns");
        let values: Vec<f32> = bytes[start + length..]
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&word| f32::from_le_bytes(word))
            .collect();
        assert_eq!(values.len(), sizes[0] * sizes[1], "as many values as the shape says");
        Self { dims: sizes[1], values }
    }

    /// A table and held-out queries: artists within genres, few latent dimensions lifted to many columns, half of them heavy-tailed;
    /// or independent normal columns. Scaled to mean 0 and variance 1.
    pub(crate) fn make(kind: Kind, rows: usize, queries: usize) -> (Self, Self) {
        let mut random = StdRng::seed_from_u64(7);
        let all = rows + queries;
        let mut values = match kind {
            Kind::Isotropic => (0..all * DIMS).map(|_| normal(&mut random)).collect(),
            Kind::Clustered => clustered(all, &mut random),
        };
        for column in 0..DIMS {
            let column_values = || values.iter().skip(column).step_by(DIMS).map(|&v| f64::from(v));
            let mean = column_values().sum::<f64>() / all as f64;
            let variance = column_values().map(|v| (v - mean).powi(2)).sum::<f64>() / all as f64;
            for value in values.iter_mut().skip(column).step_by(DIMS) {
                *value = ((f64::from(*value) - mean) / variance.sqrt()) as f32;
            }
        }
        let held_out = values.split_off(rows * DIMS);
        (Self { dims: DIMS, values }, Self { dims: DIMS, values: held_out })
    }
}

/// Box and Muller.
fn normal(random: &mut StdRng) -> f32 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * random.random::<f64>()).cos()) as f32
}

fn clustered(rows: usize, random: &mut StdRng) -> Vec<f32> {
    const GENRES: usize = 161;
    const LATENT: usize = 18;
    let mut draw = |count: usize, scale: f32| -> Vec<f32> {
        (0..count).map(|_| scale * normal(random)).collect()
    };
    let genres = draw(GENRES * LATENT, 1.0);
    let lift: Vec<f32> = draw(LATENT * DIMS, 1.0)
        .iter()
        .enumerate()
        .map(|(i, v)| v * (1.6 - 1.25 * (i / DIMS) as f32 / 17.0))
        .collect();
    let artists = (rows * 2 / 13).max(1);
    let spreads: Vec<f32> = draw(GENRES, 0.5).iter().map(|v| v.exp()).collect();
    let artist_genre: Vec<usize> =
        (0..artists).map(|_| (GENRES as f64 * random.random::<f64>().powi(3)) as usize).collect();
    let mut centres = Vec::with_capacity(artists * LATENT);
    for &genre in &artist_genre {
        centres.extend(
            (0..LATENT)
                .map(|i| genres[genre * LATENT + i] + spreads[genre] * 0.75 * normal(random)),
        );
    }
    let noise: Vec<f32> = (0..DIMS).map(|_| random.random_range(0.4f32..1.6)).collect();
    let mut values = Vec::with_capacity(rows * DIMS);
    for _ in 0..rows {
        let artist = (artists as f64 * random.random::<f64>().powi(4)) as usize;
        let spread = 0.45 * spreads[artist_genre[artist]];
        let latent: [f32; LATENT] =
            std::array::from_fn(|i| centres[artist * LATENT + i] + spread * normal(random));
        for column in 0..DIMS {
            let mut value = noise[column] * normal(random);
            for (i, z) in latent.iter().enumerate() {
                value += z * lift[i * DIMS + column];
            }
            values.push(if column < DIMS / 2 { value } else { (value / 6.0).sinh() });
        }
    }
    values
}
