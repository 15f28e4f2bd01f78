//! Kinds of AAC: low complexity with any number of channels is decoded, all others are named.

use std::path::Path;

use extractor_svc::error::ExtractError;

use crate::shared;

fn check(bytes: Vec<u8>, kind: &str) {
    let expected = ExtractError::UnsupportedCodec { codec: format!("aac ({kind})") };
    assert_eq!(shared::load(bytes).map(|(_, facts)| facts), Err(expected));
}

fn own(name: &str) -> Vec<u8> {
    shared::bytes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decode/audio").join(name))
}

#[test]
fn replication_that_only_the_packets_say_is_found() {
    check(own("he1_implicit.m4a"), "HE-AAC");
    check(own("he2_implicit.aac"), "HE-AAC");
}

#[test]
fn replication_that_the_configuration_says_is_found() {
    let Some(corpus) = shared::corpus() else { return };
    for (file, kind) in [
        ("he1_backward_explicit.m4a", "HE-AAC"),
        ("he1_hierarchical.m4a", "HE-AAC"),
        ("xheaac.m4a", "xHE-AAC"),
    ] {
        check(shared::bytes(&corpus.join("field/audio").join(file)), kind);
    }
}

#[test]
fn six_channels_are_averaged() {
    let (samples, facts) = shared::load(own("six_channels.m4a")).unwrap();
    assert_eq!((facts.channels, facts.damaged_share), (6, 0.0));
    // The mean of the six channels of 16 bits that ffmpeg decodes; some differ in their last bit.
    assert_eq!(samples.len(), 18_432);
    for (at, expected) in [(2000, 0.061_782_837), (7000, 0.076_665_245), (12_000, 0.081_166_59)] {
        assert!((samples[at] - expected).abs() < 6e-6, "{at}: {}", samples[at]);
    }
}

#[test]
fn noise_in_several_elements_is_refused() {
    let Some(corpus) = shared::corpus() else { return };
    check(
        shared::bytes(&corpus.join("field/audio/aac_51.m4a")),
        "noise substitution in more than two channels",
    );
}
