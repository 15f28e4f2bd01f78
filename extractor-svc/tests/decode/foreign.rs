//! Files that are not read are refused by their own name, also behind a tag.

use crate::shared;

/// Files of the corpus of odd kinds, the reason of their refusal, and a word of its text.
const REFUSED: [(&str, &str, &str); 3] = [
    ("hls_segment.ts", "UNSUPPORTED_CONTAINER", "MPEG transport stream"),
    ("loas.aac", "UNSUPPORTED_CODEC", "LATM"),
    ("tak.tak", "UNSUPPORTED_CONTAINER", "TAK"),
];

#[test]
fn what_is_not_read_is_refused_by_its_name() {
    let Some(corpus) = shared::corpus() else { return };
    for (file, reason, name) in REFUSED {
        let bytes = shared::bytes(&corpus.join("field/audio").join(file));
        let tagged = [&b"ID3\x04\0\0\0\0\0\x05....."[..], &bytes].concat();
        for bytes in [bytes, tagged] {
            let error = shared::load(bytes).expect_err(file);
            assert_eq!(error.reason(), reason, "{file}");
            assert!(error.to_string().contains(name), "{file}: {error}");
        }
    }
}
