//! What the benchmarks measure of a clip: processor time of this thread, warm.

use std::{sync::Arc, time::Duration};

use extractor_svc::{
    decode::{Decoder, EncodedAudio, Window},
    limits::Limits,
    pipeline,
    recipe::Profile,
};
use rustix::time::{ClockId, clock_gettime};

/// Processor time that this thread has used.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Median processor time of `work` in milliseconds, after one run that is not counted.
pub(crate) fn median_ms(
    repeats: usize,
    mut work: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    work()?;
    let mut times = Vec::with_capacity(repeats);
    for _ in 0..repeats.max(1) {
        let start = cpu_time();
        work()?;
        times.push((cpu_time() - start).as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Decoding alone: every block, mixed to mono, and nothing done with it.
pub(crate) fn decode_alone(bytes: Arc<[u8]>) -> anyhow::Result<()> {
    let mut decoder = Decoder::open(EncodedAudio::from_bytes(bytes), &Limits::default())?;
    let mut block = Vec::new();
    while decoder.next_mono_block(&mut block)? {
        std::hint::black_box(&block);
        block.clear();
    }
    Ok(())
}

/// The whole extraction, from bytes to vector.
pub(crate) fn extract(bytes: Arc<[u8]>, profile: &Profile) -> anyhow::Result<pipeline::Extraction> {
    let audio = EncodedAudio::from_bytes(bytes);
    Ok(pipeline::extract(audio, &Window::whole(), profile, &Limits::default(), &|| false)?)
}
