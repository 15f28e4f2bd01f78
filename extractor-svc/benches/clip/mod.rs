//! What the benchmarks measure of a clip: processor time of this thread, warm.

use std::{io::Cursor, sync::Arc, time::Duration};

use anyhow::Context as _;
use extractor_svc::{
    decode::EncodedAudio, limits::Limits, pipeline, profile::Profile, window::Window,
};
use rustix::time::{ClockId, clock_gettime};
use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
};

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

/// What symphonia's decoding alone does: every packet, no copy of the samples.
pub(crate) fn decode_alone(bytes: Arc<[u8]>) -> anyhow::Result<()> {
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

/// The whole extraction, from bytes to vector.
pub(crate) fn extract(bytes: Arc<[u8]>, profile: &Profile) -> anyhow::Result<pipeline::Extraction> {
    let audio = EncodedAudio::from_bytes(bytes);
    Ok(pipeline::extract(audio, &Window::whole(), profile, &Limits::default(), &|| false)?)
}
