//! From the wire to checked values, and back: what an upload asks for, and what it is told.

use std::{sync::Arc, time::Duration};

use proto::v1::{
    ExtractionConfig, FeatureView,
    extraction_config::AudioEncoding,
    feature_vector::{Provenance, Warning as WireWarning, warning::Code},
};

use crate::{
    decode::{PcmLayout, PcmSample},
    error::ExtractError,
    findings::{Warning, WarningCode},
    pipeline::Extraction,
    profile::Profile,
    window::Window,
};

/// A checked `ExtractionConfig`.
#[derive(Clone, Debug)]
pub struct ExtractionRequest {
    /// Recipe of the numbers.
    pub profile: Arc<Profile>,
    /// What is analysed.
    pub window: Window,
    /// Form of the bytes, if they are headerless samples.
    pub pcm: Option<PcmLayout>,
    /// Whether names and provenance are returned.
    pub full: bool,
}

impl ExtractionRequest {
    /// Checks `config` against the profiles this server computes; the first is the default.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub fn parse(
        config: &ExtractionConfig,
        profiles: &[Arc<Profile>],
    ) -> Result<Self, ExtractError> {
        let profile = if config.profile_id.is_empty() {
            profiles.first()
        } else {
            profiles.iter().find(|profile| profile.id() == config.profile_id)
        };
        let profile = profile.cloned().ok_or_else(|| ExtractError::UnknownProfile {
            profile: config.profile_id.clone(),
            known: profiles.iter().map(|profile| profile.id().to_owned()).collect(),
        })?;
        let offset = match &config.offset {
            Some(offset) => seconds("config.offset", offset)?,
            None => 0.0,
        };
        let duration = config
            .duration
            .as_ref()
            .map(|length| seconds("config.duration", length))
            .transpose()?;
        let window = Window::new(offset, duration)?;
        let encoding = AudioEncoding::try_from(config.encoding).map_err(|_| {
            invalid("config.encoding", format!("{} is not an AudioEncoding", config.encoding))
        })?;
        let sample = match encoding {
            AudioEncoding::Unspecified => None,
            AudioEncoding::PcmS16le => Some(PcmSample::S16Le),
            AudioEncoding::PcmF32le => Some(PcmSample::F32Le),
        };
        let pcm = sample.map(|sample| pcm_layout(config, sample)).transpose()?;
        let view = FeatureView::try_from(config.view)
            .map_err(|_| invalid("config.view", format!("{} is not a FeatureView", config.view)))?;
        Ok(Self { profile, window, pcm, full: view == FeatureView::Full })
    }
}

fn pcm_layout(config: &ExtractionConfig, sample: PcmSample) -> Result<PcmLayout, ExtractError> {
    let positive = |field, value: i32| {
        u32::try_from(value).ok().filter(|value| *value > 0).ok_or_else(|| {
            invalid(field, format!("{value} given, a positive number is required for PCM"))
        })
    };
    Ok(PcmLayout {
        sample,
        sample_rate: positive("config.sample_rate_hertz", config.sample_rate_hertz)?,
        // More channels than a u16 holds are over the limit in any case.
        channels: u16::try_from(positive("config.channel_count", config.channel_count)?)
            .unwrap_or(u16::MAX),
    })
}

/// A protobuf duration in seconds; negative ones are left to [`Window::new`] to refuse.
fn seconds(field: &'static str, value: &prost_types::Duration) -> Result<f64, ExtractError> {
    let consistent = value.nanos.unsigned_abs() < 1_000_000_000
        && (value.seconds == 0 || value.nanos == 0 || (value.seconds < 0) == (value.nanos < 0));
    if consistent {
        Ok(value.seconds as f64 + f64::from(value.nanos) * 1e-9)
    } else {
        Err(invalid(field, "seconds and nanos have different signs, or nanos are a second or more"))
    }
}

/// A duration for the wire, to the nanosecond.
#[must_use]
pub fn wire_duration(value: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(value.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(value.subsec_nanos()).unwrap_or(0),
    }
}

/// How the audio was read, for the wire.
#[must_use]
pub fn provenance(extraction: &Extraction) -> Provenance {
    let source = &extraction.source;
    let narrow = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
    let seconds = |frames: u64| {
        let seconds = Duration::from_secs_f64(frames as f64 / f64::from(source.sample_rate));
        Some(wire_duration(seconds))
    };
    Provenance {
        source_codec: source.source_codec.clone(),
        source_sample_rate_hertz: narrow(source.sample_rate as usize),
        source_channel_count: narrow(source.channels),
        analyzed_duration: seconds(source.frames),
        offset: seconds(source.first_frame),
        build: BUILD.to_owned(),
        warnings: source.warnings.iter().map(wire_warning).collect(),
    }
}

fn wire_warning(warning: &Warning) -> WireWarning {
    let code = match warning.code {
        WarningCode::TruncatedStream => Code::TruncatedStream,
        WarningCode::Resynchronized => Code::Resynchronized,
        WarningCode::Clipped => Code::Clipped,
        WarningCode::ShortWindow => Code::ShortWindow,
        WarningCode::DurationMismatch => Code::DurationMismatch,
        WarningCode::TrailingAudio => Code::TrailingAudio,
        WarningCode::SeveralTracks => Code::SeveralTracks,
        WarningCode::TuningAmbiguous => Code::TuningAmbiguous,
    };
    WireWarning { code: code.into(), message: warning.message.clone() }
}

/// Decoder and extractor build.
const BUILD: &str = concat!("symphonia/0.6 extractor/", env!("CARGO_PKG_VERSION"));

fn invalid(field: &'static str, message: impl Into<String>) -> ExtractError {
    ExtractError::InvalidField { field, message: message.into() }
}
