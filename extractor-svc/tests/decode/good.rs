//! Files in order: rate, channels, frame count and samples are librosa's.

use crate::shared;

/// Files that librosa reads otherwise, and why.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("audio/iso_l3-he_free.mp3", "free-format MP3: the decoder does not know it; refused by name"),
    ("derived/flamenco_freeformat_400.mp3", "free-format MP3, as above"),
    ("derived/antiphase_stereo.wav", "its mean over channels is silent, which is refused"),
];

/// Endings of lossy files.
const LOSSY: [&str; 7] = [".mp3", ".ogg", ".m4a", ".aac", ".opus", ".mp2", ".mka"];

#[test]
fn rate_channels_and_frames_are_librosas() {
    let Some(corpus) = shared::corpus() else { return };
    let mut table = csv::Reader::from_path(corpus.join("golden/decode_info.csv")).unwrap();
    let (mut checked, mut lossy, mut wrong) = (0, 0, Vec::new());
    for row in table.records().map(Result::unwrap) {
        let [file, kind, _, rate, channels, frames] = [0, 1, 2, 3, 4, 5].map(|i| row[i].to_owned());
        if kind == "bad" {
            continue;
        }
        checked += 1;
        lossy += usize::from(LOSSY.iter().any(|end| file.ends_with(end)));
        let exception = EXCEPTIONS.iter().find(|(name, _)| *name == file);
        let got = match shared::load(shared::bytes(&corpus.join(&file))) {
            Ok((samples, facts)) => {
                assert_eq!(samples.len() as u64, facts.frames, "{file}");
                [
                    facts.sample_rate.to_string(),
                    facts.channels.to_string(),
                    facts.frames.to_string(),
                ]
            }
            Err(error) => [error.to_string(), String::new(), String::new()],
        };
        if (got == [rate.clone(), channels.clone(), frames.clone()]) == exception.is_some() {
            wrong.push(format!("{file}: {got:?}, expected {rate} {channels} {frames}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 140, "{checked} files");
    assert!(EXCEPTIONS.len() * 100 <= lossy * 12, "{} of {lossy}", EXCEPTIONS.len());
}

/// `samples.csv` holds, for one file of each kind, samples of `librosa.load(sr=None)` at six loud
/// places, the root mean square of all, and the largest difference allowed: 0 where decoding is
/// exact, 2e-6 for the rounding of lossy decoders, 2e-5 and 4e-5 where librosa had 16 bits only.
#[test]
fn samples_are_librosas() {
    let Some(corpus) = shared::corpus() else { return };
    let mut table = csv::Reader::from_reader(include_str!("samples.csv").as_bytes());
    let mut wrong = Vec::new();
    for row in table.records().map(Result::unwrap) {
        let file = &row[0];
        let numbers: Vec<f64> = row.iter().skip(1).map(|cell| cell.parse().unwrap()).collect();
        let (bound, rms, places) = (numbers[0], numbers[1], numbers[2..].as_chunks::<2>().0);
        let (got, _) = shared::load(shared::bytes(&corpus.join(file))).unwrap();
        let power: f64 = got.iter().map(|&x| f64::from(x).powi(2)).sum();
        let got_rms = (power / got.len() as f64).sqrt();
        let distance = |&[at, value]: &[f64; 2]| (f64::from(got[at as usize]) - value).abs();
        let worst = places.iter().map(distance).fold(0.0, f64::max);
        if worst > bound || (got_rms - rms).abs() > bound + 1e-12 {
            wrong
                .push(format!("{file}: {worst} off, rms {got_rms}, expected {rms} within {bound}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn samples_are_those_of_the_iso_reference() {
    let Some(corpus) = shared::corpus() else { return };
    for name in ["iso_l3-compl", "iso_l3-he_48khz", "iso_l3-si"] {
        let reference = shared::bytes(&corpus.join(format!("iso_pcm/{name}.pcm")));
        let samples = reference.as_chunks().0.iter().map(|&s| i16::from_le_bytes(s));
        let reference: Vec<f32> = samples.map(|sample| f32::from(sample) / 32_768.0).collect();
        let (got, _) =
            shared::load(shared::bytes(&corpus.join(format!("audio/{name}.mp3")))).unwrap();
        // The reference has 16 bits; half a step of them, and a little for rounding.
        let frames = got.len().min(reference.len());
        assert!(frames > 100_000, "{name}: {frames}");
        let pairs = got[..frames].iter().zip(&reference);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 0.51 / 32_768.0, "{name}: {worst} from the reference");
    }
}
