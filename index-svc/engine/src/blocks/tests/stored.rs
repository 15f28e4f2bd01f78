//! The stored image: damage is refused, whatever byte it hits.

use proptest::prelude::*;

use super::image::Counts;
use super::*;

fn sample() -> (Vec<f32>, Image) {
    let rows = Noise::new(21).clustered(700, 6);
    let image = build(&rows, 6, &options(32)).unwrap();
    (rows, image)
}

#[test]
fn the_image_does_not_depend_on_threads() {
    let rows = Noise::new(22).clustered(20_000, 12);
    let of =
        |threads, seed| build(&rows, 12, &BlocksOptions { leaf_rows: 64, seed, threads }).unwrap();
    let one = of(1, 5);
    for threads in [2, 3, 8] {
        assert!(of(threads, 5).bytes() == one.bytes(), "{threads} threads");
    }
    assert!(of(1, 6).bytes() != one.bytes(), "another seed makes another tree");
}

#[test]
fn a_stored_image_answers_as_the_built_one() {
    let (rows, image) = sample();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks");
    write(&rows, 6, &options(32), std::fs::File::create(&path).unwrap()).unwrap();
    assert!(std::fs::read(&path).unwrap() == image.bytes());
    let built = Blocks::open(image).unwrap();
    for stored in [Image::map(&path).unwrap(), Image::read(&path).unwrap()] {
        let stored = Blocks::open(stored).unwrap();
        assert_eq!((stored.rows(), stored.dims(), stored.leaves()), (700, 6, built.leaves()));
        for query in rows.chunks_exact(6) {
            let ask =
                |blocks: &Blocks| blocks.nearest(query, 5, None, Effort::Margin(0.2)).unwrap();
            assert_eq!(ask(&stored), ask(&built));
        }
    }
}

#[test]
fn rows_come_back_as_given() {
    let (rows, image) = sample();
    let blocks = Blocks::open(image).unwrap();
    for (number, row) in rows.chunks_exact(6).enumerate() {
        assert_eq!(blocks.row(number as u32), Some(row));
    }
    assert_eq!(blocks.row(700), None);
}

#[test]
fn bad_tables_are_refused() {
    let of = |rows: &[f32], dims, leaf_rows| build(rows, dims, &options(leaf_rows)).map(|_| ());
    assert!(matches!(of(&[1.0; 7], 2, 16), Err(BlocksError::Shape { values: 7, dims: 2 })));
    assert!(matches!(of(&[1.0; 8], 0, 16), Err(BlocksError::Dims { dims: 0, .. })));
    assert!(matches!(of(&[1.0; 2048], 2048, 16), Err(BlocksError::Dims { dims: 2048, .. })));
    assert!(matches!(of(&[1.0; 8], 2, 15), Err(BlocksError::LeafRows { leaf_rows: 15, .. })));
    for bad in [f32::NAN, f32::INFINITY, -2e16] {
        let refused = of(&[0.0, 0.0, 0.0, bad], 2, 16);
        assert!(
            matches!(refused, Err(BlocksError::Value { row: 1, column: 1, .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn foreign_bytes_are_named() {
    let (_, image) = sample();
    let good = image.bytes();
    let open = |bytes: &[u8]| Blocks::open(Image::copy(bytes).unwrap()).map(|_| ());
    let with = |at: usize, patch: &[u8]| {
        let mut bytes = good.to_vec();
        bytes[at..at + patch.len()].copy_from_slice(patch);
        open(&bytes)
    };
    assert!(open(good).is_ok());
    assert!(matches!(open(&[]), Err(BlocksError::Length { actual: 0, .. })));
    assert!(matches!(open(&good[..100]), Err(BlocksError::Length { actual: 100, .. })));
    assert!(matches!(open(&good[..good.len() - 64]), Err(BlocksError::Length { .. })));
    assert!(matches!(open(&[good, &[0; 64]].concat()), Err(BlocksError::Length { .. })));
    assert!(matches!(with(0, b"ANOTHER!"), Err(BlocksError::Magic)));
    assert!(matches!(with(8, &[0x0a, 0x0b, 0x0c, 0x0d]), Err(BlocksError::ByteOrder { .. })));
    assert!(matches!(with(12, &[9, 0, 0, 0]), Err(BlocksError::Version { found: 9, .. })));
    assert!(matches!(with(24, &[1]), Err(BlocksError::Digest { part: "header" })));
    assert!(matches!(with(good.len() / 2, &[0xee; 8]), Err(BlocksError::Digest { part: "body" })));
}

/// An image whose digests are right though its numbers are wrong must be refused, or answer without leaving its bounds.
fn open_resealed(mut bytes: Vec<u8>, counts: &Counts) {
    image::seal(&mut bytes, counts);
    if let Ok(blocks) = Blocks::open(Image::copy(&bytes).unwrap()) {
        for effort in [Effort::Exact, Effort::Rows(50), Effort::Margin(0.1)] {
            let _ = blocks.nearest(&[0.1; 6], 10, None, effort).unwrap();
            let _ = blocks.nearest_batch(&[0.1; 30], 10, None, effort).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn damage_is_noticed(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (_, image) = sample();
        let mut bytes = image.bytes().to_vec();
        bytes[at.index(image.bytes().len())] ^= 1 << bit;
        prop_assert!(Blocks::open(Image::copy(&bytes).unwrap()).is_err());
    }

    #[test]
    fn forged_numbers_do_no_harm(
        patches in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            any::<u32>(), 0u32..40, Just(f32::NAN.to_bits()), Just(f32::INFINITY.to_bits()), Just(LEAF_BIT),
        ]), 1..6),
        early in any::<bool>(),
    ) {
        let (_, image) = sample();
        let (counts, layout) = image::parse(image.bytes()).unwrap();
        let mut bytes = image.bytes().to_vec();
        // The structural sections come first: aim there half of the time.
        let words = if early { layout.norms.start / 4 } else { bytes.len() / 4 };
        for (at, value) in patches {
            let word = at.index(words) * 4;
            bytes[word..word + 4].copy_from_slice(&value.to_le_bytes());
        }
        open_resealed(bytes, &counts);
    }

    #[test]
    fn forged_counts_are_refused(which in 0usize..5, value in prop_oneof![any::<u64>(), 0u64..2000]) {
        let (_, image) = sample();
        let (mut counts, _) = image::parse(image.bytes()).unwrap();
        let value = usize::try_from(value).unwrap_or(usize::MAX);
        let before = counts;
        match which {
            0 => counts.dims = value & 0xffff_ffff,
            1 => counts.rows = value,
            2 => counts.leaves = value,
            3 => counts.groups = value,
            _ => counts.leaf_rows = value & 0xffff_ffff,
        }
        let mut bytes = image.bytes().to_vec();
        image::seal(&mut bytes, &counts);
        let opened = Blocks::open(Image::copy(&bytes).unwrap());
        // A larger limit on leaves, or columns that change no size, contradict nothing.
        let harmless = counts == before || which == 4;
        prop_assert!(opened.is_err() || harmless, "{counts:?}");
    }
}
