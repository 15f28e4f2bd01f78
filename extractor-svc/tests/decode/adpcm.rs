//! ADPCM: what is left of a block at the end, and chunks that cannot be decoded.

use crate::shared;

/// The clip without its last `cut` bytes of data, as a file of its own, and the bytes of its blocks.
fn shortened(name: &str, cut: usize) -> (Vec<u8>, usize) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/audio").join(name);
    let mut bytes = shared::bytes(&path);
    let number = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    let find = |kind: &[u8]| bytes.windows(4).position(|four| four == kind).unwrap();
    let block = number(find(b"fmt ") + 20) & 0xffff;
    let data = find(b"data");
    // From whole blocks on.
    let len = number(data + 4) / block * block - cut;
    bytes.truncate(data + 8 + len);
    bytes[data + 4..data + 8].copy_from_slice(&(len as u32).to_le_bytes());
    let riff = bytes.len() as u32 - 8;
    bytes[4..8].copy_from_slice(&riff.to_le_bytes());
    (bytes, block)
}

#[test]
fn an_ima_block_that_is_cut_is_played_whole() {
    let load = |cut| shared::load(shortened("chords_ima_adpcm_22050.wav", cut).0).unwrap().0;
    let (whole, cut) = (load(0), load(100));
    assert_eq!(cut.len(), whole.len());
    // 100 bytes are 200 samples; the rest is of the block before.
    assert_eq!(cut[..cut.len() - 200], whole[..whole.len() - 200]);
    assert_ne!(cut, whole);
    let (_, block) = shortened("chords_ima_adpcm_22050.wav", 0);
    let frames = 2 * (block - 4) + 1;
    assert_eq!(load(block).len(), whole.len() - frames, "a block that is not there is not played");
    assert_eq!(load(block - 1).len(), whole.len());
}

#[test]
fn a_microsoft_block_that_is_cut_is_dropped() {
    let load = |cut| shared::load(shortened("band_ms_adpcm_22050.wav", cut).0).unwrap().0;
    let (whole, cut) = (load(0), load(100));
    let (_, block) = shortened("band_ms_adpcm_22050.wav", 0);
    let frames = 2 * (block - 7) + 2;
    assert_eq!(cut[..], whole[..whole.len() - frames]);
}

/// CAF of one channel with IMA4.
fn caf(chunks: &[[u8; 34]]) -> Vec<u8> {
    let words = [0_u32, 34, 64, 1, 0].map(u32::to_be_bytes);
    let desc = [&8000_f64.to_be_bytes()[..], b"ima4", words.as_flattened()].concat();
    let data = [&[0; 4][..], chunks.as_flattened()].concat();
    let chunk = |kind: &[u8; 4], body: &[u8]| {
        [&kind[..], &(body.len() as u64).to_be_bytes(), body].concat()
    };
    [b"caff\0\x01\0\0".to_vec(), chunk(b"desc", &desc), chunk(b"data", &data)].concat()
}

#[test]
fn a_step_that_there_is_not_costs_its_packet() {
    let mut chunks = vec![[0x11; 34]; 600];
    for (at, chunk) in chunks.iter_mut().enumerate() {
        // Each begins at a place of its own, step 17.
        chunk[0] = (at % 100) as u8;
    }
    let (whole, facts) = shared::load(caf(&chunks)).unwrap();
    assert_eq!((whole.len(), facts.damaged_share), (64 * chunks.len(), 0.0));
    chunks[130][1] = 89;
    let (found, facts) = shared::load(caf(&chunks)).unwrap();
    assert_eq!(found[..64 * 130], whole[..64 * 130]);
    assert_eq!(found[64 * 130..], whole[64 * 131..]);
    assert!((facts.damaged_share - 1.0 / 600.0).abs() < 1e-9, "{facts:?}");
    assert_eq!(facts.warnings[0].code.name(), "RESYNCHRONIZED");
}

#[test]
fn other_codecs_of_caf_are_refused_by_their_name() {
    let bytes = caf(&[[0; 34]]);
    for (kind, name) in [(b"ac-3", "ac3"), (b"ms\0\x02", "adpcm_ms"), (b"????", "\"????\"")] {
        let mut bytes = bytes.clone();
        let at = bytes.windows(4).position(|four| four == b"ima4").unwrap();
        bytes[at..at + 4].copy_from_slice(kind);
        let error = shared::load(bytes).unwrap_err();
        assert_eq!(error.reason(), "UNSUPPORTED_CODEC");
        assert!(error.to_string().contains(name), "{error}");
    }
}
