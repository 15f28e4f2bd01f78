//! What `ExtractFeatures` refuses, and what it says: code and reason, never the text.

use e2e::{
    calls::{CHUNK_BYTES, chunk_message, config_message, extract, full_view, send},
    clips,
    library::Library,
    refusal::assert_refused,
    waveform,
};
use proto::v1::{ExtractFeaturesRequest, ExtractionConfig, extraction_config::AudioEncoding};
use tonic::Code;

/// Order of the stream: settings once, first; then audio.
#[tokio::test]
async fn streams_out_of_order() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let config = || config_message(ExtractionConfig::default());
    let audio = waveform::wav_s16(22_050, 1, &waveform::tone(22_050, 4096, 440.0));
    let empty = || ExtractFeaturesRequest { payload: None };

    for (messages, reason) in [
        (vec![], "MESSAGE_ORDER"),
        (vec![chunk_message(&audio)], "MESSAGE_ORDER"),
        (vec![empty()], "MESSAGE_ORDER"),
        (vec![config(), config()], "MESSAGE_ORDER"),
        (vec![config(), chunk_message(&audio), config()], "MESSAGE_ORDER"),
        (vec![config(), empty()], "MESSAGE_ORDER"),
        (vec![config()], "EMPTY_AUDIO"),
        (vec![config(), chunk_message(&[])], "EMPTY_AUDIO"),
    ] {
        let case = format!("{messages:?}").chars().take(60).collect::<String>();
        println!("{case} must be {reason}");
        assert_refused(send(&channel, messages).await, Code::InvalidArgument, reason);
    }
}

#[tokio::test]
async fn settings_nobody_can_follow() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let audio = waveform::wav_s16(22_050, 1, &waveform::tone(22_050, 22_050, 440.0));
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let default = ExtractionConfig::default;
    let pcm = AudioEncoding::PcmS16le.into();

    for (config, reason, field) in [
        (
            ExtractionConfig { profile_id: "librosa-9".to_owned(), ..default() },
            "UNKNOWN_PROFILE",
            "config.profile_id",
        ),
        (ExtractionConfig { offset: seconds(-1), ..default() }, "INVALID_WINDOW", "config.offset"),
        (
            ExtractionConfig { duration: seconds(0), ..default() },
            "INVALID_WINDOW",
            "config.duration",
        ),
        (ExtractionConfig { offset: seconds(60), ..default() }, "OFFSET_PAST_END", "config.offset"),
        (ExtractionConfig { encoding: 99, ..default() }, "INVALID_FIELD", "config.encoding"),
        (
            ExtractionConfig { encoding: pcm, channel_count: 1, ..default() },
            "INVALID_FIELD",
            "config.sample_rate_hertz",
        ),
        (
            ExtractionConfig { encoding: pcm, sample_rate_hertz: 22_050, ..default() },
            "INVALID_FIELD",
            "config.channel_count",
        ),
    ] {
        println!("{config:?} must be {reason}");
        let answer = extract(&channel, config, &audio, CHUNK_BYTES).await;
        let refusal = assert_refused(answer, Code::InvalidArgument, reason);
        assert_eq!(refusal.fields, [field]);
    }
}

#[tokio::test]
async fn audio_nobody_can_analyse() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let silence = waveform::wav_s16(22_050, 1, &[0.0; 22_050]);
    let speex = clips::read("chords_speex_16000.ogg").expect("the clip is there");
    let flac = clips::read("chords_s16_44100.flac").expect("the clip is there");
    let slow = waveform::wav_s16(10, 1, &waveform::tone(10, 100, 1.0));

    for (name, audio, reason) in [
        ("digital silence", silence, "SILENT_AUDIO"),
        ("a text", b"These are not the bytes of any music.".repeat(100), "UNSUPPORTED_CONTAINER"),
        ("Speex", speex, "UNSUPPORTED_CODEC"),
        ("a cut FLAC header", flac[..20].to_vec(), "UNDECODABLE_AUDIO"),
        ("10 Hz", slow, "SAMPLE_RATE_UNSUPPORTED"),
    ] {
        println!("{name} must be {reason}");
        let answer = extract(&channel, full_view(), &audio, CHUNK_BYTES).await;
        assert_refused(answer, Code::InvalidArgument, reason);
    }

    // NaN is refused by what it is, not passed on to the mathematics.
    let config = ExtractionConfig {
        encoding: AudioEncoding::PcmF32le.into(),
        sample_rate_hertz: 22_050,
        channel_count: 1,
        ..ExtractionConfig::default()
    };
    let mut samples = waveform::tone(22_050, 22_050, 440.0);
    samples[20_000] = f32::NAN;
    let answer = extract(&channel, config, &waveform::f32le(&samples), CHUNK_BYTES).await;
    assert_refused(answer, Code::InvalidArgument, "NON_FINITE_SAMPLE");
}

#[tokio::test]
async fn a_chunk_above_one_mebibyte() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let config = config_message(ExtractionConfig::default());
    let messages = vec![config.clone(), chunk_message(&vec![0; 1024 * 1024 + 1])];
    assert_refused(send(&channel, messages).await, Code::ResourceExhausted, "CHUNK_TOO_LARGE");

    // The server goes on, also for the same connection.
    let audio = waveform::wav_s16(22_050, 1, &waveform::tone(22_050, 22_050, 440.0));
    extract(&channel, full_view(), &audio, CHUNK_BYTES).await.expect("a good call still works");
}
