//! From the wire to checked values, and back: what an upload asks for, and what it is told.

use std::{sync::Arc, time::Duration};

use proto::v1::{
    ExtractionConfig, FeatureView, Warning as WireWarning, extraction_config::AudioEncoding,
    feature_vector::Provenance, warning::Code,
};

use crate::{
    decode::{PcmLayout, PcmSample},
    error::ExtractError,
    findings::{Warning, WarningCode},
    limits::Limits,
    pipeline::Extraction,
    profile::Profile,
    upload::Declared,
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
    /// What the whole upload is said to be.
    pub declared: Declared,
    /// Findings that are refusals, besides the server's own.
    refused: Vec<WarningCode>,
    /// Largest damage that is accepted, if not the server's.
    max_damage: Option<f64>,
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
        Ok(Self {
            profile,
            window,
            pcm,
            full: view == FeatureView::Full,
            declared: declared(config)?,
            refused: refused(&config.refused_warnings)?,
            max_damage: config.max_damage.map(damage).transpose()?,
        })
    }

    /// The server's limits, as this request narrows or widens them.
    #[must_use]
    pub fn limits(&self, server: &Limits) -> Limits {
        let mut limits = server.clone();
        limits.max_damage = self.max_damage.unwrap_or(limits.max_damage);
        for code in &self.refused {
            if !limits.refused.contains(code) {
                limits.refused.push(*code);
            }
        }
        limits
    }
}

fn declared(config: &ExtractionConfig) -> Result<Declared, ExtractError> {
    let bytes = config.expected_bytes.map(|bytes| {
        u64::try_from(bytes).map_err(|_| {
            invalid("config.expected_bytes", format!("{bytes} given, expected 0 or more"))
        })
    });
    let sha256 = (!config.sha256.is_empty()).then(|| {
        digest(&config.sha256).ok_or_else(|| {
            let expected = "64 lower-case hexadecimal digits";
            invalid("config.sha256", format!("{:?} given, expected {expected}", config.sha256))
        })
    });
    Ok(Declared { bytes: bytes.transpose()?, sha256: sha256.transpose()? })
}

/// The bytes of a SHA-256 in lower-case hex.
fn digest(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes?.try_into().ok()
}

/// A kind that this server does not know cannot be refused by it, and is not passed over.
fn refused(codes: &[i32]) -> Result<Vec<WarningCode>, ExtractError> {
    let mut refused = Vec::new();
    for &value in codes {
        let known = |code: &WarningCode| i32::from(wire_code(*code)) == value;
        let code = WarningCode::ALL.into_iter().find(known).ok_or_else(|| {
            invalid(
                "config.refused_warnings",
                format!("{value} is no Warning.Code that is known here"),
            )
        })?;
        if !refused.contains(&code) {
            refused.push(code);
        }
    }
    Ok(refused)
}

fn damage(share: f64) -> Result<f64, ExtractError> {
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(invalid("config.max_damage", format!("{share} given, expected 0 to 1")))
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

/// A protobuf duration in seconds: the double nearest to its decimal form, as if that were typed. Sums
/// and products are not: in `seconds + nanos * 1e-9` the product and the sum are rounded, and a window
/// may then be cut one sample off. Negative ones are left to [`Window::new`] to refuse.
fn seconds(field: &'static str, value: &prost_types::Duration) -> Result<f64, ExtractError> {
    let consistent = value.nanos.unsigned_abs() < 1_000_000_000
        && (value.seconds == 0 || value.nanos == 0 || (value.seconds < 0) == (value.nanos < 0));
    let wrong =
        || invalid(field, "seconds and nanos have different signs, or nanos are a second or more");
    if !consistent {
        return Err(wrong());
    }
    let sign = if value.seconds < 0 || value.nanos < 0 { "-" } else { "" };
    let (seconds, nanos) = (value.seconds.unsigned_abs(), value.nanos.unsigned_abs());
    format!("{sign}{seconds}.{nanos:09}").parse().map_err(|_| wrong())
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
    }
}

/// A finding, for the wire.
#[must_use]
pub fn wire_warning(warning: &Warning) -> WireWarning {
    WireWarning { code: wire_code(warning.code).into(), message: warning.message.clone() }
}

/// A kind of finding, for the wire.
#[must_use]
pub fn wire_code(code: WarningCode) -> Code {
    match code {
        WarningCode::TruncatedStream => Code::TruncatedStream,
        WarningCode::Resynchronized => Code::Resynchronized,
        WarningCode::Clipped => Code::Clipped,
        WarningCode::ShortWindow => Code::ShortWindow,
        WarningCode::DurationMismatch => Code::DurationMismatch,
        WarningCode::TrailingAudio => Code::TrailingAudio,
        WarningCode::SeveralTracks => Code::SeveralTracks,
        WarningCode::TuningAmbiguous => Code::TuningAmbiguous,
    }
}

/// Decoder and extractor build.
const BUILD: &str = concat!("symphonia/0.6 extractor/", env!("CARGO_PKG_VERSION"));

fn invalid(field: &'static str, message: impl Into<String>) -> ExtractError {
    ExtractError::InvalidField { field, message: message.into() }
}
