//! Processor time of one clip, warm: decoding alone, and the whole extraction from bytes.
//!
//! `clip_times [--repeats N] CLIP...` prints one JSON line for each clip, with medians in
//! milliseconds; `benches/peers/peers.py` reads them.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::Parser;
use extractor_svc::recipe::Profile;
use proto::features::DEFAULT_PROFILE;

#[path = "../benches/clip/mod.rs"]
mod clip;

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
    for path in &args.clips {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes: Arc<[u8]> = bytes.into();
        let decode_ms = clip::median_ms(args.repeats, || clip::decode_alone(bytes.clone()))?;
        let total_ms =
            clip::median_ms(args.repeats, || clip::extract(bytes.clone(), &profile).map(drop))?;
        println!(
            "{}",
            serde_json::json!({ "clip": path, "decode_ms": decode_ms, "total_ms": total_ms })
        );
    }
    Ok(())
}
