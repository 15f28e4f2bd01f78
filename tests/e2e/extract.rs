//! `ExtractFeatures` on the test clips: what comes back, and that only the bytes decide it.

use std::collections::BTreeMap;

use e2e::{
    calls::{CHUNK_BYTES, extract, full_view},
    clips, close,
    library::Library,
    waveform,
};
use proto::{
    features::{DEFAULT_PROFILE, FeatureSchema},
    v1::{
        ExtractionConfig, FeatureView, ListFeatureProfilesRequest,
        extraction_config::AudioEncoding, extractor_service_client::ExtractorServiceClient,
    },
};

/// Clips whose codec padding this project trims in another way than librosa's decoders do, so that
/// other samples are analysed.
const OTHER_LENGTH: [&str; 0] = [];

/// Analysed samples at 22,050 Hz, from what the answer says about the audio.
fn samples_22050(analyzed: prost_types::Duration) -> f64 {
    let whole = i32::try_from(analyzed.seconds).expect("clips last seconds");
    (f64::from(whole) + f64::from(analyzed.nanos) * 1e-9) * 22_050.0
}

#[tokio::test]
async fn every_clip_agrees_with_librosa() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let names = FeatureSchema::librosa();
    let mut report = Vec::new();
    let mut other_length = Vec::new();
    let (mut counts, mut shares) = (BTreeMap::new(), BTreeMap::new());

    for clip in clips::all().expect("the tables are readable") {
        let audio = clips::read(&clip.file).expect("the clip is there");
        let vector = extract(&channel, full_view(), &audio, CHUNK_BYTES)
            .await
            .unwrap_or_else(|status| panic!("{}: {status}", clip.file));
        let provenance = vector.provenance.expect("the full view carries it");
        let analyzed = provenance.analyzed_duration.expect("it was analysed");
        // One sample of rounding between rates.
        if (samples_22050(analyzed) - f64::from(clip.samples_22050)).abs() > 1.0 {
            other_length.push(clip.file);
            continue;
        }
        let (times, share) = close::slack(clip.class);
        let misses =
            |times| close::misses(names.names(), &vector.values, &clip.golden, clip.class, times);
        report.extend(misses(times).iter().map(|line| format!("{}: {line}", clip.file)));
        let (near, all) = counts.entry(format!("{:?}", clip.class)).or_insert((0, 0));
        *near += vector.values.len() - misses(1.0).len();
        *all += vector.values.len();
        let (near, all) = (*near as f64, *all as f64);
        shares.insert(format!("{:?}", clip.class), (near / all, share));
    }
    assert_eq!(report, Vec::<String>::new());
    for (class, (got, least)) in shares {
        assert!(got >= least, "class {class}: {:.2} % are within the tolerance", 100.0 * got);
    }
    assert_eq!(other_length, OTHER_LENGTH);
}

#[tokio::test]
async fn chunking_does_not_change_a_bit() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    for file in ["bells_v4_48000_id3_cover.mp3", "chords_alac_22050.m4a", "drums_s16_11025.flac"] {
        let audio = clips::read(file).expect("the clip is there");
        let want =
            extract(&channel, full_view(), &audio, 1024 * 1024).await.expect("it is decodable");
        for chunk_bytes in [CHUNK_BYTES, 4096, 997] {
            let got =
                extract(&channel, full_view(), &audio, chunk_bytes).await.expect("it is decodable");
            assert_eq!(got, want, "{file} in chunks of {chunk_bytes} bytes");
        }
    }
}

#[tokio::test]
async fn the_view_decides_how_much_comes_back() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let audio = clips::read("drums_s16_11025.flac").expect("the clip is there");
    let schema = FeatureSchema::librosa();

    let full = extract(&channel, full_view(), &audio, CHUNK_BYTES).await.expect("decodable");
    assert_eq!(full.profile_id, DEFAULT_PROFILE);
    assert_eq!(full.schema_sha256, schema.sha256());
    assert_eq!(full.names, schema.names());
    let provenance = full.provenance.clone().expect("the full view carries it");
    assert_eq!((provenance.source_sample_rate_hertz, provenance.source_channel_count), (11_025, 1));
    assert!(provenance.source_codec.contains("flac"), "{}", provenance.source_codec);

    let basic = ExtractionConfig { view: FeatureView::Basic.into(), ..ExtractionConfig::default() };
    for config in [ExtractionConfig::default(), basic] {
        let vector = extract(&channel, config, &audio, CHUNK_BYTES).await.expect("decodable");
        assert_eq!(vector.values, full.values);
        assert_eq!(vector.schema_sha256, full.schema_sha256);
        assert_eq!((vector.names, vector.provenance), (vec![], None));
    }
}

/// `librosa.load(offset=, duration=)`: both are cut to whole samples of the source.
#[tokio::test]
async fn a_window_is_the_cut_audio() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let samples = waveform::tone(44_100, 88_200, 440.0);
    let seconds = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let window = ExtractionConfig {
        offset: seconds(0, 500_000_000),
        duration: seconds(1, 0),
        ..ExtractionConfig::default()
    };
    let whole = waveform::wav_s16(44_100, 1, &samples);
    let cut = waveform::wav_s16(44_100, 1, &samples[22_050..66_150]);
    let got = extract(&channel, window, &whole, CHUNK_BYTES).await.expect("decodable");
    let want =
        extract(&channel, ExtractionConfig::default(), &cut, CHUNK_BYTES).await.expect("decodable");
    assert_eq!(got.values, want.values);
}

#[tokio::test]
async fn bare_pcm_equals_the_wav_around_it() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let samples = waveform::tone(22_050, 30_000, 330.0);
    let wav = waveform::wav_s16(22_050, 2, &samples);
    let want =
        extract(&channel, ExtractionConfig::default(), &wav, CHUNK_BYTES).await.expect("decodable");
    let bare = ExtractionConfig {
        encoding: AudioEncoding::PcmS16le.into(),
        sample_rate_hertz: 22_050,
        channel_count: 2,
        ..ExtractionConfig::default()
    };
    // An odd chunk size cuts samples in two.
    let got = extract(&channel, bare.clone(), &waveform::s16le(&samples), 1001)
        .await
        .expect("valid samples");
    assert_eq!(got.values, want.values);

    let floats = ExtractionConfig { encoding: AudioEncoding::PcmF32le.into(), ..bare };
    let audio = waveform::f32le(&samples);
    let got = extract(&channel, floats, &audio, 1001).await.expect("valid samples");
    // 16 bits and 32 bits of one tone: near, but not the same samples.
    assert!((got.values[0] - want.values[0]).abs() < 5.0, "{} {}", got.values[0], want.values[0]);
    assert_ne!(got.values, want.values);
}

#[tokio::test]
async fn many_streams_at_once_give_what_one_gives() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let audio = clips::read("band_cbr128_44100_stereo.mp3").expect("the clip is there");
    let want = extract(&channel, full_view(), &audio, CHUNK_BYTES).await.expect("decodable");
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (channel, audio) = (channel.clone(), audio.clone());
        calls.spawn(async move { extract(&channel, full_view(), &audio, 5000).await });
    }
    while let Some(answer) = calls.join_next().await {
        assert_eq!(answer.expect("no task panics").expect("decodable"), want);
    }
}

#[tokio::test]
async fn profiles_and_limits_are_listed() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let request = ListFeatureProfilesRequest::default();
    let answer = ExtractorServiceClient::new(channel)
        .list_feature_profiles(request)
        .await
        .expect("it is answered")
        .into_inner();
    let schema = FeatureSchema::librosa();
    let first = &answer.feature_profiles[0];
    assert_eq!(first.id, DEFAULT_PROFILE);
    assert_eq!((first.names.as_slice(), &first.schema_sha256), (schema.names(), &schema.sha256()));
    let ids: Vec<&str> = answer.feature_profiles.iter().map(|profile| &*profile.id).collect();
    assert_eq!(ids, [DEFAULT_PROFILE, "librosa-0.11-22050-kaiser_fast"]);
    assert_eq!(answer.next_page_token, "");
    let limits = answer.limits.expect("limits are always served");
    assert!(limits.max_stream_bytes > 0 && limits.max_audio_duration.is_some(), "{limits:?}");
    assert_eq!(limits.max_chunk_bytes, 1024 * 1024);
    assert_eq!((limits.max_damage, limits.refused_warnings), (0.05, vec![]));
}
