//! Where the time goes, stage by stage: `cargo bench -p extractor-svc [-- CLIP...]`.
//!
//! Without clips it takes those of the shared corpus, and without that 30 s of synthetic music.
//! Figures are medians on one thread: milliseconds, times real time, and the ratio to decoding alone
//! of the same clip. Whole steps are in processor time; the stages of the analysis, which
//! are too short for that, in time of day. After the table comes what an upload waits for: the time
//! from its last chunk to the vector, with the rest done while it arrived.

#![allow(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::Context as _;
use extractor_svc::decode::Window;
use extractor_svc::decode::{EncodedAudio, Pause, StreamBounds, WindowedDecoder, stream};
use extractor_svc::dsp::resample::{Resampler, ResamplerKind};
use extractor_svc::dsp::simd::Level;
use extractor_svc::error::ExtractError;
use extractor_svc::features::{analyze_fma_2017, analyze_timed, analyze_with};
use extractor_svc::limits::Limits;
use extractor_svc::pipeline;
use extractor_svc::recipe::Profile;
use proto::features::DEFAULT_PROFILE;

mod clip;
#[path = "../tests/oracle/mod.rs"]
mod oracle;

const RUNS: usize = 21;

/// Bytes of one chunk of an upload.
const CHUNK_BYTES: usize = 64 << 10;

fn main() -> anyhow::Result<()> {
    let profile = Profile::parse(DEFAULT_PROFILE)?;
    let given = env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let mut clips: Vec<PathBuf> = given.map(PathBuf::from).collect();
    if clips.is_empty() {
        let folder = oracle::shared("corpus/bench").map(fs::read_dir).transpose()?;
        let entries = folder.into_iter().flatten();
        clips = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        clips.sort();
    }
    let synthetic = clips.is_empty().then(|| ("synthetic music".to_owned(), music()));
    let named = clips.into_iter().map(|path| {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes))
    });
    let all: anyhow::Result<Vec<_>> = named.collect();
    for (name, bytes) in all?.into_iter().chain(synthetic) {
        report(&name, &bytes.into(), &profile)?;
    }
    Ok(())
}

/// The table of one clip.
fn report(name: &str, bytes: &Arc<[u8]>, profile: &Profile) -> anyhow::Result<()> {
    let (mono, from_hz) = load(bytes)?;
    let seconds = mono.len() as f64 / f64::from(from_hz);
    let decode = clip::median_ms(RUNS, || clip::decode_alone(bytes.clone()))?;
    let line = |what: &str, ms: f64| {
        println!("{what:34} {ms:9.3} ms {:9.0} x {:8.3}", 1e3 * seconds / ms, ms / decode);
    };
    println!("\n{name}: {seconds:.1} s at {from_hz} Hz, median of {RUNS} runs; last: of decoding");
    line("decode and mix alone", decode);
    line("decode, mix, check", clip::median_ms(RUNS, || load(bytes).map(drop))?);
    let rate = profile.sample_rate();
    let resampled = || resample(&mono, from_hz, rate);
    let step = || {
        black_box(resampled());
        Ok(())
    };
    line("resample", clip::median_ms(RUNS, step)?);
    let catalogue = || {
        black_box(analyze_fma_2017(&mono, from_hz, Level::detect(), &|| false)?);
        Ok(())
    };
    line("features of the FMA catalogue", clip::median_ms(RUNS, catalogue)?);
    let y = resampled();
    for (level_name, level) in [("baseline", Level::BASELINE), ("detected", Level::detect())] {
        let mut stages = BTreeMap::<_, Vec<Duration>>::new();
        let mut order = Vec::new();
        for _ in 0..=RUNS {
            let laps = analyze_timed(y.clone(), profile, level)?;
            order = laps.iter().map(|(stage, _)| *stage).collect();
            for (stage, time) in laps {
                stages.entry(stage).or_default().push(time);
            }
        }
        if level == Level::detect() {
            for stage in order {
                let times = stages.get_mut(stage).context("each stage has times")?;
                times.sort_unstable();
                line(&format!("  {stage}"), times[times.len() / 2].as_secs_f64() * 1e3);
            }
        }
        let analyze = || {
            black_box(analyze_with(y.clone(), profile, level, &|| false)?);
            Ok(())
        };
        line(&format!("analysis, {level_name}"), clip::median_ms(RUNS, analyze)?);
    }
    let whole = || clip::extract(bytes.clone(), profile).map(drop);
    line("bytes to vector", clip::median_ms(RUNS, whole)?);
    let mut waits = Vec::new();
    for _ in 0..RUNS {
        waits.push(after_upload(bytes, profile)?.as_secs_f64() * 1e3);
    }
    waits.sort_by(f64::total_cmp);
    line("last chunk of an upload to vector", waits[RUNS / 2]);
    Ok(())
}

/// Mono at the source's rate.
fn load(bytes: &Arc<[u8]>) -> anyhow::Result<(Vec<f32>, u32)> {
    let audio = EncodedAudio::from_bytes(bytes.clone());
    let mut decoder = WindowedDecoder::open(audio, &Window::whole(), &Limits::default())?;
    let (mut all, mut block) = (Vec::new(), Vec::new());
    while decoder.next_block(&mut block)? {
        all.extend_from_slice(&block);
    }
    Ok((all, decoder.sample_rate()))
}

fn resample(x: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    let mut resampler = Resampler::new(ResamplerKind::SoxrHq, from_hz, to_hz);
    let mut out = Vec::with_capacity(Resampler::output_len(from_hz, to_hz, x.len()));
    for block in x.chunks(4096) {
        resampler.push(block, &mut out);
    }
    resampler.finish(&mut out);
    out
}

/// Tells when the reader has used up what there is.
struct Hungry(mpsc::Sender<()>);

impl Pause for Hungry {
    fn begin(&self) {
        // Nobody listens any more after the last chunk.
        let _ = self.0.send(());
    }

    fn end(&self) -> Result<(), ExtractError> {
        Ok(())
    }
}

/// Time from the last chunk of a slow upload to the vector.
fn after_upload(bytes: &Arc<[u8]>, profile: &Profile) -> anyhow::Result<Duration> {
    let bounds = StreamBounds {
        max_bytes: u64::MAX,
        max_idle: Duration::from_secs(60),
        max_unread: u64::MAX,
    };
    let (writer, reader) = stream(bounds);
    let (sender, hungry) = mpsc::channel();
    let audio = EncodedAudio::from_stream(reader.with_pause(Hungry(sender)));
    thread::scope(|scope| {
        let job = scope.spawn(|| {
            pipeline::extract(audio, &Window::whole(), profile, &Limits::default(), &|| false)
        });
        for chunk in bytes.chunks(CHUNK_BYTES) {
            // A reader that wants the end first waits once, for all of it.
            let _ = hungry.recv_timeout(Duration::from_millis(50));
            writer.push(chunk.to_vec())?;
        }
        let start = Instant::now();
        writer.finish();
        job.join().expect("no panic")?;
        Ok(start.elapsed())
    })
}

/// Chords that change every half second, with some noise, as a WAV file.
fn music() -> Vec<u8> {
    let (rate, seconds) = (22_050_u32, 30_u32);
    let noise = oracle::noise((rate * seconds) as usize);
    let voice = |t: f64, semitones: f64| {
        let hz = 110.0 * 2.0_f64.powf((semitones + (2.0 * t).floor() % 12.0) / 12.0);
        (1..6)
            .map(|k| (std::f64::consts::TAU * hz * f64::from(k) * t).sin() / f64::from(k))
            .sum::<f64>()
    };
    let samples = noise.iter().enumerate().flat_map(|(i, noise)| {
        let t = i as f64 / f64::from(rate);
        let chord = voice(t, 0.0) + voice(t, 4.0) + voice(t, 7.0);
        ((0.1 * chord + 0.01 * f64::from(*noise)) as f32).to_le_bytes()
    });
    let samples: Vec<u8> = samples.collect();
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x03\0\x01\0".to_vec();
    wav.extend_from_slice(&rate.to_le_bytes());
    wav.extend_from_slice(&(4 * rate).to_le_bytes());
    wav.extend_from_slice(b"\x04\0\x20\0data");
    wav.extend_from_slice(&(samples.len() as u32).to_le_bytes());
    wav.extend_from_slice(&samples);
    let riff_len = wav.len() as u32 - 8;
    wav[4..8].copy_from_slice(&riff_len.to_le_bytes());
    wav
}
