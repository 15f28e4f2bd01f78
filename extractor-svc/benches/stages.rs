//! Where the time goes, stage by stage: `cargo bench -p extractor-svc [-- FILE.wav]`.
//!
//! Without a file the signal is 30 s of synthetic music. Every figure is the median of several
//! runs on one thread and, in brackets, the least; `x` is times real time.

#![allow(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use extractor_svc::features::{analyze_timed, analyze_with};
use extractor_svc::profile::Profile;
use extractor_svc::resample::Resampler;
use extractor_svc::simd::Level;
use proto::features::DEFAULT_PROFILE;

#[path = "../tests/oracle/mod.rs"]
mod oracle;

const RUNS: u32 = 41;
const SECONDS: f64 = 30.0;

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let profile = Profile::parse(DEFAULT_PROFILE).expect("the default profile");
    let rate = profile.sample_rate();
    let (y, from_hz) = match file.map(PathBuf::from) {
        Some(path) => oracle::wav(&path).expect("a linear-PCM WAV file"),
        None => (music(rate), rate),
    };
    let seconds = y.len() as f64 / f64::from(from_hz);
    println!("{seconds:.1} s at {from_hz} Hz, median of {RUNS} runs");
    for from_hz in [44100, 48000, 96000, 16000] {
        let source = music(from_hz);
        report_whole(&format!("resample {from_hz} Hz"), SECONDS, || {
            drop(resample(&source, from_hz, rate));
        });
    }
    let y = resample(&y, from_hz, rate);
    for (name, level) in [("baseline", Level::BASELINE), ("detected", Level::detect())] {
        let mut stages = BTreeMap::<_, Vec<Duration>>::new();
        let mut order = Vec::new();
        for _ in 0..=RUNS {
            let laps = analyze_timed(y.clone(), &profile, level).expect("music");
            order = laps.iter().map(|(stage, _)| *stage).collect();
            for (stage, time) in laps {
                stages.entry(stage).or_default().push(time);
            }
        }
        println!("-- {name}");
        for stage in order {
            report(stage, stages.remove(stage).unwrap_or_default().into_iter(), seconds);
        }
        let analyze = || analyze_with(y.clone(), &profile, level, &|| false).expect("music");
        report_whole("analysis as a whole", seconds, || drop(analyze()));
    }
}

fn report(stage: &str, times: impl Iterator<Item = Duration>, seconds: f64) {
    let mut times: Vec<f64> = times.map(|time| time.as_secs_f64()).collect();
    times.sort_unstable_by(f64::total_cmp);
    let (median, least) = (times[times.len() / 2], times[0]);
    let speed = seconds / median;
    println!("{stage:32} {:9.3} ({:7.3}) ms {speed:9.0} x", 1e3 * median, 1e3 * least);
}

/// The mean time that this thread spends on a processor, where the system tells; else of the day.
fn report_whole(what: &str, seconds: f64, work: impl Fn()) {
    let (before, start) = (processor_time(), Instant::now());
    (0..RUNS).for_each(|_| work());
    let time = match (before, processor_time()) {
        (Some(before), Some(after)) => after - before,
        _ => start.elapsed(),
    };
    let time = time.as_secs_f64() / f64::from(RUNS);
    println!("{what:32} {:9.3}           ms {:9.0} x", 1e3 * time, seconds / time);
}

fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn resample(x: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    let mut resampler = Resampler::new(from_hz, to_hz);
    let mut out = Vec::with_capacity(Resampler::output_len(from_hz, to_hz, x.len()));
    for block in x.chunks(4096) {
        resampler.push(block, &mut out);
    }
    resampler.finish(&mut out);
    out
}

/// Chords that change every half second, with some noise.
fn music(rate: u32) -> Vec<f32> {
    let len = (SECONDS * f64::from(rate)) as usize;
    let noise = oracle::noise(len);
    let voice = |t: f64, semitones: f64| {
        let hz = 110.0 * 2.0_f64.powf((semitones + (2.0 * t).floor() % 12.0) / 12.0);
        (1..6)
            .map(|k| (std::f64::consts::TAU * hz * f64::from(k) * t).sin() / f64::from(k))
            .sum::<f64>()
    };
    (0..len)
        .map(|i| {
            let t = i as f64 / f64::from(rate);
            let chord = voice(t, 0.0) + voice(t, 4.0) + voice(t, 7.0);
            (0.1 * chord) as f32 + 0.01 * noise[i]
        })
        .collect()
}
