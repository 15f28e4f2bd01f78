//! Reading reference values: `.npy` arrays, PCM WAV files, and the shared corpus.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};

/// An array from a `.npy` file, values widened to `f64`, in C order.
#[derive(Debug)]
pub(crate) struct Npy {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

impl Npy {
    pub(crate) fn f32(&self) -> Vec<f32> {
        self.values.iter().map(|&value| value as f32).collect()
    }
}

/// Reads a `.npy` file of format 1.0 with little-endian `f4`, `f8` or `i2` values.
pub(crate) fn npy(path: &Path) -> Npy {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "{}", path.display());
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + header_len]).expect("the header is ASCII");
    assert!(header.contains("'fortran_order': False"), "{header}");
    let data = &bytes[10 + header_len..];
    let shape = header.split_once('(').and_then(|(_, rest)| rest.split_once(')')).expect("shape").0;
    let shape = shape
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| part.trim().parse().expect("a number"))
        .collect();
    let values = if header.contains("'<f4'") {
        data.as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
    } else if header.contains("'<f8'") {
        data.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect()
    } else {
        assert!(header.contains("'<i2'"), "{header}");
        data.as_chunks::<2>().0.iter().map(|&b| f64::from(i16::from_le_bytes(b))).collect()
    };
    Npy { shape, values }
}

/// A committed reference array.
pub(crate) fn committed(name: &str) -> Npy {
    npy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dsp").join(format!("{name}.npy")))
}

/// A file of the shared corpus, or `None`, said aloud, where the corpus is absent.
pub(crate) fn shared(relative: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    #[allow(clippy::disallowed_methods, reason = "the location of test data is no configuration")]
    let variable = |name: &str| std::env::var(name).ok();
    let root = if beside.is_dir() {
        Some(beside)
    } else {
        variable("SOUNDALIKE_SHARED").map(PathBuf::from)
    };
    let path = root.map(|root| root.join(relative)).filter(|path| path.exists());
    if path.is_none() {
        assert!(
            variable("SOUNDALIKE_REQUIRE_SHARED").as_deref() != Some("1"),
            "shared/{relative} is required but absent"
        );
        println!("skipped: shared/{relative} is absent");
    }
    path
}

/// The noise of `generate_dsp.py`: full scale, exact in `f32`.
pub(crate) fn noise(len: usize) -> Vec<f32> {
    let mut state = 1_u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 - 8_388_608.0) / 8_388_608.0
        })
        .collect()
}

/// Mono PCM of a RIFF file and its rate, as `soundfile` reads it; `None` for encodings other than
/// linear PCM and IEEE float.
pub(crate) fn wav(path: &Path) -> Option<(Vec<f32>, u32)> {
    let bytes = std::fs::read(path).expect("readable");
    if bytes.get(..4)? != b"RIFF" {
        return None;
    }
    let (mut at, mut format) = (12, None);
    loop {
        let size = u32::from_le_bytes(bytes.get(at + 4..at + 8)?.try_into().ok()?) as usize;
        let body = &bytes[at + 8..bytes.len().min(at + 8 + size)];
        match &bytes[at..at + 4] {
            b"fmt " => {
                let field = |i: usize| u16::from_le_bytes([body[i], body[i + 1]]);
                let tag = if field(0) == 0xfffe { field(24) } else { field(0) };
                let rate = u32::from_le_bytes([body[4], body[5], body[6], body[7]]);
                format = Some((tag, usize::from(field(2)), rate, usize::from(field(14))));
            }
            b"data" => {
                let (tag, channels, rate, bits) = format?;
                if !matches!(tag, 1 | 3) || bits % 8 != 0 || bits == 0 {
                    return None;
                }
                let width = bits / 8;
                let frames = body.chunks_exact(width * channels).map(|frame| {
                    let sum: f32 = frame.chunks_exact(width).map(|s| sample(tag, s)).sum();
                    sum / channels as f32
                });
                return Some((frames.collect(), rate));
            }
            _ => {}
        }
        at += 8 + size + size % 2;
    }
}

fn sample(tag: u16, bytes: &[u8]) -> f32 {
    match (tag, bytes) {
        (1, &[a]) => (f32::from(a) - 128.0) / 128.0,
        (1, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32768.0,
        (1, &[a, b, c]) => (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0,
        (1, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
        (3, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        (3, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
        _ => f32::NAN,
    }
}
