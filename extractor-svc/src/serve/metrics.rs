//! What only the extractor can show of itself: what it has of what it may have, the audio it got
//! through, and what it found about it.
//!
//! Places and memory in use, as shares of their limits, are what uploads are refused by. An autoscaler
//! that waits for busy cores does not see callers with slow lines, who hold both and compute nothing.

use std::time::Duration;

use serving::metrics::{
    DURATION_BUCKETS, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, MetricError,
    Registry,
};

use crate::{findings::WarningCode, pipeline::Extraction, stages::Stage};

/// Upper bounds of recordings, in seconds: jingle, clip, song, set, and what the limits allow.
const AUDIO_BUCKETS: &[f64] = &[5.0, 15.0, 31.0, 60.0, 180.0, 300.0, 600.0, 1200.0, 3600.0];

/// The extractor's own metrics. Clones share them.
#[derive(Clone, Debug)]
pub struct ExtractorMetrics {
    held: IntGauge,
    audio: HistogramVec,
    encoded: IntCounterVec,
    memory: IntGauge,
    memory_limit: IntGauge,
    places: IntGauge,
    places_limit: IntGauge,
    stages: [Histogram; Stage::ALL.len()],
    after_upload: Histogram,
    /// In the order of [`WarningCode::ALL`].
    warnings: [IntCounter; WarningCode::ALL.len()],
}

impl ExtractorMetrics {
    /// Adds the metrics to a registry.
    ///
    /// # Errors
    /// When the registry has them already.
    pub fn new(registry: &Registry) -> Result<Self, MetricError> {
        let stages = registry.histogram(
            "extractor_stage_seconds",
            "Time of one stage of an extraction, waits for the caller left out.",
            &["stage"],
            DURATION_BUCKETS,
        )?;
        let warnings = registry.counter(
            "extractor_warnings_total",
            "Recordings that gave features with such a finding.",
            &["code"],
        )?;
        let gauge =
            |name, help| Ok(registry.gauge(name, help, &[])?.with_label_values::<&str>(&[]));
        Ok(Self {
            // From the start at 0, so that a first finding is an increase.
            warnings: WarningCode::ALL.map(|code| warnings.with_label_values(&[code.name()])),
            stages: Stage::ALL.map(|stage| stages.with_label_values(&[stage.name()])),
            memory: gauge(
                "extractor_memory_in_flight_bytes",
                "Memory that extractions in flight were admitted with, of --max-memory.",
            )?,
            memory_limit: gauge(
                "extractor_memory_limit_bytes",
                "Memory that extractions in flight may take, --max-memory.",
            )?,
            places: gauge(
                "extractor_uploads_in_flight",
                "Uploads that are in flight or wait for memory, of --max-uploads.",
            )?,
            places_limit: gauge(
                "extractor_uploads_limit",
                "Uploads that may be in flight or wait for memory, --max-uploads.",
            )?,
            held: gauge(
                "extractor_upload_in_flight_bytes",
                "Encoded bytes of uploads that have not been answered yet.",
            )?,
            audio: registry.histogram(
                "extractor_audio_seconds",
                "Analysed length of recordings that gave features.",
                &["source"],
                AUDIO_BUCKETS,
            )?,
            encoded: registry.counter(
                "extractor_encoded_bytes_total",
                "Encoded bytes of recordings that gave features.",
                &["source"],
            )?,
            after_upload: registry
                .histogram(
                    "extractor_after_upload_seconds",
                    "Time from the last chunk of an upload to its answer.",
                    &[],
                    DURATION_BUCKETS,
                )?
                .with_label_values::<&str>(&[]),
        })
    }

    /// Starts to count one upload, as empty.
    #[must_use]
    pub fn hold(&self) -> Held {
        Held { gauge: self.held.clone(), bytes: 0 }
    }

    /// The memory of extractions in flight.
    #[must_use]
    pub fn memory(&self) -> IntGauge {
        self.memory.clone()
    }

    /// The places that are taken.
    #[must_use]
    pub fn places(&self) -> IntGauge {
        self.places.clone()
    }

    /// What uploads are refused by: so many places, and so many bytes of memory.
    pub fn limits(&self, places: usize, memory: u64) {
        self.places_limit.set(i64::try_from(places).unwrap_or(i64::MAX));
        self.memory_limit.set(i64::try_from(memory).unwrap_or(i64::MAX));
    }

    /// An upload was answered so long after its last chunk.
    pub fn answered(&self, after_upload: Duration) {
        self.after_upload.observe(after_upload.as_secs_f64());
    }

    /// A recording gave features.
    pub fn extracted(&self, extraction: &Extraction, held: &Held) {
        // Container and codec: names from closed lists.
        let source = [extraction.source.source_codec.as_str()];
        for (stage, seconds) in Stage::ALL.into_iter().zip(&self.stages) {
            seconds.observe(extraction.times.of(stage).as_secs_f64());
        }
        for (code, count) in WarningCode::ALL.into_iter().zip(&self.warnings) {
            let has_it = extraction.source.warnings.iter().any(|warning| warning.code == code);
            count.inc_by(has_it.into());
        }
        self.audio.with_label_values(&source).observe(extraction.source.seconds());
        self.encoded.with_label_values(&source).inc_by(held.bytes.unsigned_abs());
    }
}

/// Counts the bytes of one upload as held until dropped.
#[derive(Debug)]
pub struct Held {
    gauge: IntGauge,
    bytes: i64,
}

impl Held {
    /// So many more bytes have come.
    pub fn grow(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.gauge.add(bytes);
        self.bytes += bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.sub(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_held_until_their_upload_is_over() {
        let metrics = ExtractorMetrics::new(&Registry::new()).expect("a new registry");
        let (mut first, mut second) = (metrics.hold(), metrics.hold());
        first.grow(100);
        second.grow(20);
        second.grow(3);
        assert_eq!(metrics.held.get(), 123);
        drop(second);
        assert_eq!(metrics.held.get(), 100);
        drop(first);
        assert_eq!(metrics.held.get(), 0);
    }
}
