//! The stored form of an index: one header, then sections that can be used where they lie.
//!
//! Everything is little-endian. The header fixes the counts, the counts fix every section's place ([`Layout`]), so that the image
//! holds no offset that could point astray. Sections start at multiples of [`ALIGNMENT`]:
//!
//! | section | element | count | meaning |
//! |---|---|---|---|
//! | nodes | 4 u32 | leaves - 1 | plane's offset (f32 bits), near child for a negative margin, for a positive one, 0 |
//! | normals | f32 | nodes x padded dims | unit normal of each plane |
//! | leaves | 4 u32 | leaves | first position, rows, first group, radius (f32 bits) |
//! | centroids | f32 | leaves x padded dims | mean of each leaf |
//! | scales | f32 | groups + 16 | `s` of [`super::bounds`] |
//! | errors | f32 | groups + 16 | `e_x` of [`super::bounds`] |
//! | norms | f32 | groups x 16 | squared norm of each row's code; infinity past the leaf's rows |
//! | codes | u8 | groups x chunks x 64 | each row's code plus 128 |
//! | rows | f32 | rows x dims | the rows, leaf after leaf |
//! | row numbers | u32 | rows | the row at each position |
//! | positions | u32 | rows | the position of each row |
//!
//! A child is a node's number, or a leaf's with [`LEAF_BIT`]. A node's children come after it, so that every walk ends.

use std::ops::{Range, RangeInclusive};

use twox_hash::{XxHash3_64, XxHash3_128};

use super::error::BlocksError;
use super::kernel::{CHUNK_BYTES, CHUNK_COLUMNS, GROUP_ROWS, LANES};

/// First bytes of every image.
pub(super) const MAGIC: [u8; 8] = *b"SNDBLOCK";
/// Format version written and read.
pub(super) const VERSION: u32 = 1;
/// Reads back as this on a machine of the same byte order.
const BYTE_ORDER: u32 = 0x0a0b_0c0d;
/// Sections start at multiples of this many bytes.
pub(super) const ALIGNMENT: usize = 64;
/// Bytes of the header; the body follows.
pub(super) const HEADER_BYTES: usize = 128;
/// Bytes of the header its own digest covers.
const HEADER_DIGESTED: usize = HEADER_BYTES - 8;
/// Marks a child that is a leaf.
pub(crate) const LEAF_BIT: u32 = 1 << 31;
/// Most columns of an index; see [`super::bounds`] for what depends on it.
pub const MAX_DIMS: usize = 1024;
/// Most rows of an index: positions and padded groups fit 32 bits.
pub const MAX_ROWS: usize = 1 << 30;
/// Bounds of [`super::BlocksOptions::leaf_rows`].
pub const LEAF_ROWS: RangeInclusive<usize> = 16..=65_536;

/// The counts everything else follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) dims: usize,
    pub(super) rows: usize,
    pub(super) leaves: usize,
    pub(super) groups: usize,
    pub(super) leaf_rows: usize,
    pub(super) seed: u64,
}

impl Counts {
    pub(super) fn nodes(&self) -> usize {
        self.leaves.saturating_sub(1)
    }

    pub(super) fn padded_dims(&self) -> usize {
        self.dims.next_multiple_of(LANES)
    }

    /// Groups, and room to load a whole vector from the last.
    fn padded_groups(&self) -> usize {
        self.groups + LANES
    }

    pub(super) fn group_bytes(&self) -> usize {
        self.dims.div_ceil(CHUNK_COLUMNS) * CHUNK_BYTES
    }

    fn check(&self) -> Result<(), BlocksError> {
        let within = |what, value: usize, range: Range<usize>| {
            if range.contains(&value) {
                Ok(())
            } else {
                Err(BlocksError::Structure { what, value: value as u64 })
            }
        };
        within("column count", self.dims, 1..MAX_DIMS + 1)?;
        within("row count", self.rows, 0..MAX_ROWS + 1)?;
        within("leaf size", self.leaf_rows, *LEAF_ROWS.start()..2 * LEAF_ROWS.end())?;
        within("leaf count", self.leaves, self.rows.min(1)..self.rows + 1)?;
        within("group count", self.groups, self.rows.div_ceil(GROUP_ROWS)..self.rows + 1)
    }
}

/// Byte ranges of the sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) nodes: Range<usize>,
    pub(super) normals: Range<usize>,
    pub(super) leaves: Range<usize>,
    pub(super) centroids: Range<usize>,
    pub(super) scales: Range<usize>,
    pub(super) errors: Range<usize>,
    pub(super) norms: Range<usize>,
    pub(super) codes: Range<usize>,
    pub(super) rows: Range<usize>,
    pub(super) row_numbers: Range<usize>,
    pub(super) positions: Range<usize>,
    /// Bytes of the whole image.
    pub(super) total: usize,
}

impl Layout {
    /// # Errors
    /// A count is out of range, or the image would not fit the address space.
    pub(super) fn new(counts: &Counts) -> Result<Self, BlocksError> {
        counts.check()?;
        let mut end = Some(HEADER_BYTES);
        let mut section = |count: usize, bytes: usize| {
            let start = end?;
            let length = count.checked_mul(bytes)?;
            end = start.checked_add(length)?.checked_next_multiple_of(ALIGNMENT);
            end.map(|_| start..start + length)
        };
        let padded = counts.padded_dims();
        let mut all = || {
            Some(Self {
                nodes: section(counts.nodes(), 16)?,
                normals: section(counts.nodes(), padded * 4)?,
                leaves: section(counts.leaves, 16)?,
                centroids: section(counts.leaves, padded * 4)?,
                scales: section(counts.padded_groups(), 4)?,
                errors: section(counts.padded_groups(), 4)?,
                norms: section(counts.groups, GROUP_ROWS * 4)?,
                codes: section(counts.groups, counts.group_bytes())?,
                rows: section(counts.rows, counts.dims * 4)?,
                row_numbers: section(counts.rows, 4)?,
                positions: section(counts.rows, 4)?,
                total: 0,
            })
        };
        let too_large = BlocksError::Structure { what: "row count", value: counts.rows as u64 };
        match (all(), end) {
            (Some(layout), Some(total)) if isize::try_from(total).is_ok() => {
                Ok(Self { total, ..layout })
            }
            _ => Err(too_large),
        }
    }
}

/// Writes header and digests over a finished body.
pub(super) fn seal(image: &mut [u8], counts: &Counts) {
    let body = XxHash3_128::oneshot(&image[HEADER_BYTES..]);
    let total = image.len() as u64;
    let header = &mut image[..HEADER_BYTES];
    header.fill(0);
    header[0..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&BYTE_ORDER.to_le_bytes());
    header[12..16].copy_from_slice(&VERSION.to_le_bytes());
    header[16..20].copy_from_slice(&(counts.dims as u32).to_le_bytes());
    header[20..24].copy_from_slice(&(counts.leaf_rows as u32).to_le_bytes());
    for (at, value) in [
        (24, counts.rows as u64),
        (32, counts.leaves as u64),
        (40, counts.groups as u64),
        (48, counts.seed),
        (56, total),
    ] {
        header[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    header[64..80].copy_from_slice(&body.to_le_bytes());
    let digest = XxHash3_64::oneshot(&header[..HEADER_DIGESTED]);
    header[HEADER_DIGESTED..HEADER_DIGESTED + 8].copy_from_slice(&digest.to_le_bytes());
}

/// The stored digest of the body of an image that [`parse`] accepts.
pub(super) fn body_digest(image: &[u8]) -> u128 {
    let mut digest = [0; 16];
    digest.copy_from_slice(&image[64..80]);
    u128::from_le_bytes(digest)
}

/// Reads the header, checks it and both digests.
///
/// # Errors
/// What differs from an image this build wrote.
pub(super) fn parse(image: &[u8]) -> Result<(Counts, Layout), BlocksError> {
    if !(image.as_ptr() as usize).is_multiple_of(ALIGNMENT) {
        return Err(BlocksError::Alignment { alignment: ALIGNMENT });
    }
    let short = BlocksError::Length { actual: image.len() as u64, expected: HEADER_BYTES as u64 };
    let Some((header, body)) = image.split_first_chunk::<HEADER_BYTES>() else { return Err(short) };
    if header[..8] != MAGIC {
        return Err(BlocksError::Magic);
    }
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    // The sections are used as the machine's own words.
    let marker = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
    if marker != BYTE_ORDER {
        return Err(BlocksError::ByteOrder { marker });
    }
    if word(12) != VERSION {
        return Err(BlocksError::Version { found: word(12), expected: VERSION });
    }
    if XxHash3_64::oneshot(&header[..HEADER_DIGESTED]) != long(HEADER_DIGESTED) {
        return Err(BlocksError::Digest { part: "header" });
    }
    let size = |what, at: usize| {
        usize::try_from(long(at)).map_err(|_| BlocksError::Structure { what, value: long(at) })
    };
    let counts = Counts {
        dims: word(16) as usize,
        leaf_rows: word(20) as usize,
        rows: size("row count", 24)?,
        leaves: size("leaf count", 32)?,
        groups: size("group count", 40)?,
        seed: long(48),
    };
    let layout = Layout::new(&counts)?;
    if layout.total as u64 != long(56) || layout.total != image.len() {
        return Err(BlocksError::Length {
            actual: image.len() as u64,
            expected: layout.total as u64,
        });
    }
    if XxHash3_128::oneshot(body) != body_digest(image) {
        return Err(BlocksError::Digest { part: "body" });
    }
    Ok((counts, layout))
}
