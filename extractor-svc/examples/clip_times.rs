//! CPU time of one clip, warm: symphonia's decode alone, and the whole extraction from bytes.
//!
//! `clip_times [--repeats N] CLIP...` prints one JSON line for each clip, with medians in
//! milliseconds; `benches/peers/peers.py` reads them.

use std::{fs, io::Cursor, path::PathBuf};

use anyhow::Context as _;
use clap::Parser;
use extractor_svc::{
    decode::EncodedAudio, limits::Limits, pipeline, profile::Profile, window::Window,
};
use proto::features::DEFAULT_PROFILE;
use rustix::time::{ClockId, clock_gettime};
use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
};

#[derive(Parser)]
struct Args {
    /// Recordings to time.
    #[arg(required = true)]
    clips: Vec<PathBuf>,
    /// Counted repetitions.
    #[arg(long, default_value_t = 15)]
    repeats: usize,
}

#[expect(clippy::print_stdout, reason = "the figures are the program's output")]
fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let profile = Profile::parse(DEFAULT_PROFILE)?;
    for clip in &args.clips {
        let bytes = fs::read(clip).with_context(|| format!("cannot read {}", clip.display()))?;
        let decode_ms = median(args.repeats, || decode(bytes.clone()))?;
        let total_ms = median(args.repeats, || {
            let audio = EncodedAudio::from_bytes(bytes.clone());
            let limits = Limits::default();
            pipeline::extract(audio, &Window::whole(), &profile, &limits, &|| false)?;
            Ok(())
        })?;
        println!(
            "{}",
            serde_json::json!({ "clip": clip, "decode_ms": decode_ms, "total_ms": total_ms })
        );
    }
    Ok(())
}

/// Median CPU milliseconds of `work`, after one run that is not counted.
fn median(repeats: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    work()?;
    let mut times = Vec::with_capacity(repeats);
    for _ in 0..repeats.max(1) {
        let start = cpu_ms();
        work()?;
        times.push(cpu_ms() - start);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// What decoding alone costs: every packet, no copy of the samples.
fn decode(bytes: Vec<u8>) -> anyhow::Result<()> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut format = symphonia::default::get_probe().probe(
        &Hint::new(),
        source,
        FormatOptions::default(),
        MetadataOptions::default(),
    )?;
    let track = format.default_track(TrackType::Audio).context("no audio track")?;
    let parameters = track.codec_params.as_ref().and_then(|codec| codec.audio());
    let mut decoder = symphonia::default::get_codecs().make_audio_decoder(
        parameters.context("no audio parameters")?,
        &AudioDecoderOptions::default(),
    )?;
    while let Some(packet) = format.next_packet()? {
        std::hint::black_box(decoder.decode(&packet)?);
    }
    Ok(())
}
