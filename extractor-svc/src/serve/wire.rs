//! From the wire to checked values, and back: what an upload asks for, and what it is told.

use std::{sync::Arc, time::Duration};

use proto::v1::{
    ExtractionConfig, FeatureView, Warning as WireWarning, extraction_config::AudioEncoding,
    feature_vector::Provenance, warning::Code,
};

use crate::{
    decode::{PcmLayout, PcmSample, Window},
    error::ExtractError,
    findings::{Warning, WarningCode},
    limits::Limits,
    pipeline::Extraction,
    recipe::Profile,
    serve::upload::Declared,
    version::BUILD,
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

fn invalid(field: &'static str, message: impl Into<String>) -> ExtractError {
    ExtractError::InvalidField { field, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(config: &ExtractionConfig) -> Result<ExtractionRequest, ExtractError> {
        let profile = Profile::parse(proto::features::DEFAULT_PROFILE).unwrap();
        ExtractionRequest::parse(config, &[Arc::new(profile)])
    }

    fn field_of(config: &ExtractionConfig) -> &'static str {
        match parse(config) {
            Err(ExtractError::InvalidField { field, .. }) => field,
            other => panic!("{config:?}: {other:?}"),
        }
    }

    /// As `int(float("1.234") * sr)` in Python, and so in librosa and on the command line.
    #[test]
    fn every_millisecond_of_a_minute_is_cut_where_librosa_cuts_it() {
        // The sums are Python's.
        for (rate, sum) in [
            (8_000, 14_400_239_628_u64),
            (22_050, 39_690_632_814),
            (44_100, 79_381_295_627),
            (48_000, 86_401_436_271),
        ] {
            let mut frames = 0;
            for millis in 0..=60_000_i32 {
                let (seconds, rest) = (i64::from(millis / 1000), millis % 1000);
                let time = prost_types::Duration { seconds, nanos: rest * 1_000_000 };
                let typed: f64 = format!("{seconds}.{rest:03}").parse().unwrap();
                let offset = super::seconds("config.offset", &time).unwrap();
                let duration = (millis > 0).then_some(offset);
                let window = Window::new(offset, duration).unwrap();
                let expected = (typed * f64::from(rate)) as u64;
                assert_eq!(window.first_frame(rate), expected, "{typed} s at {rate} Hz");
                assert_eq!(window.frame_count(rate).unwrap_or(0), expected, "{typed} s");
                frames += expected;
            }
            assert_eq!(frames, sum, "{rate} Hz");
        }
    }

    #[test]
    fn times_keep_all_their_digits_and_their_sign() {
        let seconds = |seconds, nanos| {
            super::seconds("config.offset", &prost_types::Duration { seconds, nanos })
        };
        assert_eq!(seconds(999_999_999, 999_999_999), Ok(1e9));
        assert_eq!(seconds(0, 1), Ok(1e-9));
        assert_eq!(seconds(-1, -500_000_000), Ok(-1.5));
        assert_eq!(seconds(0, -1), Ok(-1e-9));
        assert_eq!(seconds(i64::MAX, 0), Ok(i64::MAX as f64));
        for (whole, nanos) in [(1, -1), (-1, 1), (0, 1_000_000_000), (0, i32::MIN)] {
            let error = seconds(whole, nanos).unwrap_err();
            assert_eq!(error.reason(), "INVALID_FIELD", "{whole} s, {nanos} ns");
        }
    }

    #[test]
    fn a_request_adds_to_what_the_server_refuses_and_has_its_own_damage() {
        let mut server = Limits { refused: vec![WarningCode::Clipped], ..Limits::default() };
        let clipped = Code::Clipped.into();
        let config = ExtractionConfig {
            refused_warnings: vec![Code::SeveralTracks.into(), clipped, clipped],
            max_damage: Some(1.0),
            ..ExtractionConfig::default()
        };
        let limits = parse(&config).unwrap().limits(&server);
        assert_eq!(limits.refused, [WarningCode::Clipped, WarningCode::SeveralTracks]);
        server.refused = limits.refused.clone();
        server.max_damage = 1.0;
        assert_eq!(limits, server);
        let none = parse(&ExtractionConfig::default()).unwrap();
        assert_eq!(none.limits(&server), server);
    }

    #[test]
    fn every_kind_of_finding_has_its_name_on_the_wire() {
        for code in WarningCode::ALL {
            assert_eq!(wire_code(code).as_str_name(), format!("CODE_{}", code.name()));
        }
        let listed = (1..).take_while(|code| Code::try_from(*code).is_ok()).count();
        assert_eq!(listed, WarningCode::ALL.len());
    }

    #[test]
    fn what_is_declared_is_taken_as_it_is_or_refused() {
        let default = ExtractionConfig::default;
        assert_eq!(parse(&default()).unwrap().declared, Declared::default());
        let text = "00ff10e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b78";
        let config =
            ExtractionConfig { expected_bytes: Some(0), sha256: text.to_owned(), ..default() };
        let declared = parse(&config).unwrap().declared;
        assert_eq!(declared.bytes, Some(0));
        assert_eq!(proto::features::hex(&declared.sha256.unwrap()), text);

        let config = ExtractionConfig { expected_bytes: Some(-1), ..default() };
        assert_eq!(field_of(&config), "config.expected_bytes");
        let (upper, long) = (text.to_uppercase(), format!("{text}0"));
        for sha256 in [&text[1..], &text[2..], &upper, &long, &text.replace("0f", "é")] {
            let config = ExtractionConfig { sha256: sha256.to_owned(), ..default() };
            assert_eq!(field_of(&config), "config.sha256", "{sha256}");
        }
        for share in [-0.01, 1.01, f64::NAN, f64::INFINITY] {
            let config = ExtractionConfig { max_damage: Some(share), ..default() };
            assert_eq!(field_of(&config), "config.max_damage", "{share}");
        }
        for code in [0, -1, 9, i32::MAX] {
            let config = ExtractionConfig { refused_warnings: vec![code], ..default() };
            assert_eq!(field_of(&config), "config.refused_warnings", "{code}");
        }
    }
}
