//! Findings and damage beside the vector, what is refused for them, and uploads that are not what
//! their sender declared.

use client::{Deadline, ExtractorClient, Options, Target, Upload};
use e2e::{
    calls::{CHUNK_BYTES, extraction, full_view},
    clips,
    library::binaries,
    process::Server,
    refusal::assert_refused,
    waveform::{tone, wav_s16},
};
use proto::v1::{
    ExtractFeaturesResponse, ExtractionConfig, FeatureView, ListFeatureProfilesRequest,
    extractor_service_client::ExtractorServiceClient, warning::Code as Finding,
};
use tonic::{Code, Status, transport::Channel};

const CLIP: &str = "chords_s16_44100.flac";
/// As `testdata/clips.csv` has it.
const CLIP_SHA256: &str = "3a7f6eeec26172a9b694c458f7c1dd8a60fc965e1d551d710cd5b1fcdd12679d";

async fn start(flags: &[&str]) -> (Server, Channel) {
    let extractor = &binaries().expect("the services compile").extractor;
    let server = Server::start(extractor, flags).expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    (server, channel)
}

/// The clip, and what is left of it when the connection to its source broke.
fn clip() -> (Vec<u8>, Vec<u8>) {
    let whole = clips::read(CLIP).expect("the clip is there");
    let half = whole[..whole.len() / 2].to_vec();
    (whole, half)
}

fn found(answer: &ExtractFeaturesResponse) -> Vec<Finding> {
    answer.warnings.iter().map(|warning| warning.code()).collect()
}

fn refusing(codes: &[Finding]) -> ExtractionConfig {
    let refused_warnings = codes.iter().map(|code| (*code).into()).collect();
    ExtractionConfig { refused_warnings, ..full_view() }
}

fn damage(max_damage: f64) -> ExtractionConfig {
    ExtractionConfig { max_damage: Some(max_damage), ..full_view() }
}

#[tokio::test]
async fn half_a_file_is_refused_or_comes_with_what_is_wrong_with_it() {
    let (_server, channel) = start(&[]).await;
    let (whole, half) = clip();
    let sound = extraction(&channel, full_view(), &whole, CHUNK_BYTES).await.expect("sound");
    assert_eq!((found(&sound), sound.damaged_share), (vec![], 0.0));

    let refusal = assert_refused(
        extraction(&channel, full_view(), &half, CHUNK_BYTES).await,
        Code::InvalidArgument,
        "TOO_DAMAGED",
    );
    let share: f64 = refusal.facts["damaged_share"].parse().expect("a number");
    assert_eq!(
        (&refusal.facts["max_damage"][..], &refusal.fields[..]),
        ("0.05", &["chunk".into()][..])
    );

    // Every view tells it, and however the bytes came.
    for (view, chunk_bytes) in
        [(FeatureView::Unspecified, CHUNK_BYTES), (FeatureView::Basic, 997), (FeatureView::Full, 1)]
    {
        let config = ExtractionConfig { view: view.into(), ..damage(1.0) };
        let answer = extraction(&channel, config, &half, chunk_bytes).await.expect("accepted");
        assert!(found(&answer).contains(&Finding::TruncatedStream), "{view:?}: {answer:?}");
        assert!(answer.warnings.iter().all(|warning| !warning.message.is_empty()));
        let told = answer.damaged_share.to_string();
        assert_eq!(told, refusal.facts["damaged_share"], "{view:?}");
        assert!((0.3..0.7).contains(&share), "about half: {share}");
        let vector = answer.feature_vector.expect("a vector");
        assert_eq!(vector.values.len(), 74);
        assert_eq!(vector.provenance.is_some(), view == FeatureView::Full);
    }
    // The limit itself is accepted, what is below it is not.
    extraction(&channel, damage(share), &half, CHUNK_BYTES).await.expect("just within");
    for max_damage in [share * 0.999, 0.0] {
        let answer = extraction(&channel, damage(max_damage), &half, CHUNK_BYTES).await;
        assert_refused(answer, Code::InvalidArgument, "TOO_DAMAGED");
    }
    extraction(&channel, damage(0.0), &whole, CHUNK_BYTES).await.expect("without damage");
}

#[tokio::test]
async fn a_finding_is_refused_by_the_request_or_by_the_server() {
    // Half a second at full scale.
    let loud: Vec<f32> =
        tone(22_050, 11_025, 440.0).iter().map(|x| (4.0 * x).clamp(-1.0, 1.0)).collect();
    let audio = wav_s16(22_050, 1, &loud);
    let (server, channel) = start(&["--metrics-listen", "127.0.0.1:0"]).await;
    let answer = extraction(&channel, full_view(), &audio, CHUNK_BYTES).await.expect("accepted");
    assert_eq!(found(&answer), [Finding::Clipped, Finding::ShortWindow]);
    let others = [Finding::TruncatedStream, Finding::SeveralTracks];
    extraction(&channel, refusing(&others), &audio, CHUNK_BYTES).await.expect("it has neither");
    for (refused, reason) in [
        (&[Finding::Clipped][..], "CLIPPED"),
        (&[Finding::SeveralTracks, Finding::ShortWindow], "SHORT_WINDOW"),
    ] {
        let answer = extraction(&channel, refusing(refused), &audio, CHUNK_BYTES).await;
        let refusal = assert_refused(answer, Code::InvalidArgument, reason);
        assert_eq!(
            (&refusal.facts["finding"][..], &refusal.fields[..]),
            (reason, &["chunk".into()][..])
        );
    }

    // Two answers had findings; the refusals are counted as such.
    let page = server.page("/metrics").expect("answered");
    for (code, count) in [("CLIPPED", 2), ("SHORT_WINDOW", 2), ("TUNING_AMBIGUOUS", 0)] {
        let line = format!("extractor_warnings_total{{code=\"{code}\"}} {count}\n");
        assert!(page.contains(&line), "no {line}in {page}");
    }
    let line = server.logged("features extracted", 2).expect("it is logged");
    assert!(line.contains("CLIPPED,SHORT_WINDOW") && line.contains("damaged_share"), "{line}");

    let flags = ["--refuse", "SHORT_WINDOW,CLIPPED", "--max-damage", "0.25"];
    let (_server, channel) = start(&flags).await;
    for config in [full_view(), refusing(&[Finding::SeveralTracks])] {
        let answer = extraction(&channel, config, &audio, CHUNK_BYTES).await;
        assert_refused(answer, Code::InvalidArgument, "CLIPPED");
    }
    let mut client = ExtractorServiceClient::new(channel);
    let listed = client.list_feature_profiles(ListFeatureProfilesRequest::default()).await;
    let limits = listed.expect("listed").into_inner().limits.expect("always served");
    let refused: Vec<_> = limits.refused_warnings().collect();
    let expected = vec![Finding::ShortWindow, Finding::Clipped];
    assert_eq!((limits.max_damage, refused), (0.25, expected));
}

/// One of the refusals that a sender's own words bring about.
async fn sent(
    channel: &Channel,
    audio: &[u8],
    expected_bytes: Option<usize>,
    sha256: &str,
) -> Result<ExtractFeaturesResponse, Status> {
    let expected_bytes = expected_bytes.map(|bytes| i64::try_from(bytes).expect("short"));
    // The window ends long before the upload does.
    let duration = Some(prost_types::Duration { seconds: 0, nanos: 100_000_000 });
    let sha256 = sha256.to_owned();
    let config = ExtractionConfig { expected_bytes, sha256, duration, ..full_view() };
    let windowed = extraction(channel, config.clone(), audio, 997).await;
    let config = ExtractionConfig { duration: None, ..config };
    let whole = extraction(channel, config, audio, CHUNK_BYTES).await;
    assert_eq!(
        windowed.as_ref().map_err(Status::message).err(),
        whole.as_ref().map_err(Status::message).err()
    );
    whole
}

#[tokio::test]
async fn an_upload_is_what_was_declared() {
    let (_server, channel) = start(&["--max-stream-bytes", "200000"]).await;
    let (whole, half) = clip();
    let wrong = CLIP_SHA256.replace('3', "4");
    for (bytes, sha256) in
        [(None, ""), (Some(whole.len()), ""), (None, CLIP_SHA256), (Some(whole.len()), CLIP_SHA256)]
    {
        sent(&channel, &whole, bytes, sha256).await.expect("as declared");
    }
    for expected in [whole.len() - 1, whole.len() + 1, 0] {
        let answer = sent(&channel, &whole, Some(expected), "").await;
        let refusal = assert_refused(answer, Code::InvalidArgument, "UPLOAD_INCOMPLETE");
        assert_eq!(refusal.facts["bytes"], whole.len().to_string());
        assert_eq!(refusal.facts["expected_bytes"], expected.to_string());
        assert_eq!(refusal.fields, ["config.expected_bytes"]);
    }
    let answer = sent(&channel, &whole, None, &wrong).await;
    let refusal = assert_refused(answer, Code::InvalidArgument, "UPLOAD_CORRUPT");
    assert_eq!(refusal.facts["sha256"], CLIP_SHA256);
    assert_eq!(refusal.facts["expected_sha256"], wrong);
    assert_eq!(refusal.fields, ["config.sha256"]);

    // What is wrong with the upload is told, and not what that made of the audio.
    let answer = sent(&channel, &half, Some(whole.len()), "").await;
    assert_refused(answer, Code::InvalidArgument, "UPLOAD_INCOMPLETE");
    let mut flipped = whole.clone();
    flipped[0] ^= 0xff;
    let answer = extraction(&channel, full_view(), &flipped, CHUNK_BYTES).await;
    assert_refused(answer, Code::InvalidArgument, "UNSUPPORTED_CONTAINER");
    let answer = sent(&channel, &flipped, None, CLIP_SHA256).await;
    assert_refused(answer, Code::InvalidArgument, "UPLOAD_CORRUPT");
    // More than the server takes is refused before it comes.
    let answer = sent(&channel, &half, Some(200_001), "").await;
    assert_refused(answer, Code::ResourceExhausted, "STREAM_TOO_LARGE");
}

#[tokio::test]
async fn settings_of_findings_that_are_none() {
    let (_server, channel) = start(&[]).await;
    let (whole, _) = clip();
    let unknown = |code| ExtractionConfig { refused_warnings: vec![code], ..full_view() };
    for (config, field) in [
        (unknown(0), "config.refused_warnings"),
        (unknown(99), "config.refused_warnings"),
        (damage(-0.1), "config.max_damage"),
        (damage(1.1), "config.max_damage"),
        (damage(f64::NAN), "config.max_damage"),
        (ExtractionConfig { expected_bytes: Some(-1), ..full_view() }, "config.expected_bytes"),
        (ExtractionConfig { sha256: "00".into(), ..full_view() }, "config.sha256"),
    ] {
        let answer = extraction(&channel, config, &whole, CHUNK_BYTES).await;
        let refusal = assert_refused(answer, Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(refusal.fields, [field]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_tells_findings_and_declares_what_it_knows() {
    let (server, _) = start(&["--max-damage", "1"]).await;
    let target = Target::fixed([server.address()]).expect("an address");
    let client = ExtractorClient::new(target, Options::default()).expect("sound options");
    let soon = || Deadline::after(std::time::Duration::from_secs(60));
    let (_, half) = clip();
    let bytes = half.len();
    let told = client.extract(Upload::bytes(half.clone()), soon()).await.expect("accepted");
    assert!(told.damaged_share > 0.3, "{told:?}");
    assert!(told.warnings.iter().any(|one| one.code() == Finding::TruncatedStream), "{told:?}");
    assert_eq!(told.vector.values.len(), 74);

    // A file that shrinks while it is sent; its length was told.
    let expected_bytes = i64::try_from(bytes + 1).ok();
    let config = ExtractionConfig { expected_bytes, ..full_view() };
    let upload = Upload::bytes(half).with_config(config);
    let error = client.extract(upload, soon()).await.expect_err("a byte is missing");
    assert_eq!(error.reason().as_deref(), Some("UPLOAD_INCOMPLETE"));
}
