//! Sample tables: where each packet lies, and when it plays (ISO/IEC 14496-12, 8.6.1 and 8.7).
//!
//! Tables stay as they are in the file; a [`Cursor`] goes through them. Where a sample is one frame
//! of PCM, or of a block that many of them share, up to 1024 frames that lie together are a packet,
//! as ffmpeg makes them.

use super::boxes::{Child, Walk, broken};
use crate::error::ExtractError;

/// Most packets of a track: a day and a half of AAC at 48 kHz.
pub(super) const MAX_PACKETS: u64 = 6 << 20;

/// Frames of PCM that are a packet.
const PIECE: u32 = 1024;

/// Tables of one track.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// Runs of samples of one duration: how many, and ticks of each.
    durations: Vec<(u32, u32)>,
    /// Runs of chunks with as many samples: first chunk, from 1 on; samples of each; description.
    groups: Vec<[u32; 3]>,
    sizes: Sizes,
    /// Offset of each chunk.
    chunks: Vec<u64>,
    /// Frames and bytes that belong together, where a sample is a frame.
    pub(super) block: Option<(u32, u32)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Sizes {
    /// How many, and bytes of each.
    Same(u32, u32),
    Each(Vec<u32>),
}

impl Default for Sizes {
    fn default() -> Self {
        Self::Same(0, 0)
    }
}

/// A packet of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) bytes: u32,
    /// Start and length in ticks.
    pub(super) time: u64,
    pub(super) ticks: u32,
    /// Number of its description, from 1 on.
    pub(super) description: u32,
    /// Others were to come before it, by its time.
    pub(super) is_behind_gap: bool,
}

impl Table {
    /// Takes in one box of `stbl`.
    pub(super) fn take(&mut self, walk: &mut Walk<'_>, child: Child) -> Result<(), ExtractError> {
        match &child.kind {
            b"stts" => {
                let rows = rows::<8>(walk, child, 4)?;
                self.durations = rows.into_iter().map(pair).collect();
            }
            b"stsc" => {
                let rows = rows::<12>(walk, child, 4)?;
                self.groups = rows
                    .into_iter()
                    .map(|[a, b, c, d, e, f, g, h, i, j, k, l]| {
                        [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_be_bytes)
                    })
                    .collect();
            }
            b"stsz" => {
                let [size, count] = [walk.number(child, 4)?, walk.number(child, 8)?];
                self.sizes = if size > 0 {
                    Sizes::Same(count, size)
                } else {
                    let rows = rows::<4>(walk, child, 8)?;
                    Sizes::Each(rows.into_iter().map(u32::from_be_bytes).collect())
                };
            }
            b"stz2" => self.sizes = compact_sizes(walk, child)?,
            b"stco" => {
                let rows = rows::<4>(walk, child, 4)?;
                self.chunks = rows.into_iter().map(|row| u32::from_be_bytes(row).into()).collect();
            }
            b"co64" => {
                let rows = rows::<8>(walk, child, 4)?;
                self.chunks = rows.into_iter().map(u64::from_be_bytes).collect();
            }
            _ => {}
        }
        Ok(())
    }

    /// Samples of all chunks, as far as there are sizes.
    fn samples(&self) -> u64 {
        match &self.sizes {
            // Frames have their size from the description.
            Sizes::Same(count, _) => u64::from(*count),
            Sizes::Each(sizes) => sizes.len() as u64,
        }
    }

    fn size(&self, sample: u64) -> u32 {
        match &self.sizes {
            Sizes::Same(_, size) => *size,
            Sizes::Each(sizes) => {
                usize::try_from(sample).ok().and_then(|at| sizes.get(at)).copied().unwrap_or(0)
            }
        }
    }

    /// Ticks of the first sample.
    pub(super) fn first_ticks(&self) -> u32 {
        self.durations.first().map_or(0, |&(_, ticks)| ticks)
    }

    /// Whether no sample is in the tables; then they may be in fragments.
    pub(super) fn is_empty(&self) -> bool {
        self.samples() == 0 || self.chunks.is_empty()
    }

    /// The first packet.
    ///
    /// # Errors
    /// If there may be more packets than [`MAX_PACKETS`].
    pub(super) fn cursor(&self) -> Result<Cursor, ExtractError> {
        let pieces = match self.block {
            Some(_) => self.samples() / u64::from(PIECE) + self.chunks.len() as u64,
            None => self.samples(),
        };
        if pieces > MAX_PACKETS {
            return Err(broken(&format!("{pieces} packets, expected at most {MAX_PACKETS}")));
        }
        Ok(Cursor::default())
    }
}

/// Rows of `N` bytes, whose number is at `at` and which follow it; as many as the box has.
fn rows<const N: usize>(
    walk: &mut Walk<'_>,
    child: Child,
    at: u64,
) -> Result<Vec<[u8; N]>, ExtractError> {
    let count = u64::from(walk.number(child, at)?);
    let first = child.behind(at + 4);
    let bytes = walk.table(first, count.saturating_mul(N as u64))?;
    Ok(bytes.as_chunks().0.to_vec())
}

fn compact_sizes(walk: &mut Walk<'_>, child: Child) -> Result<Sizes, ExtractError> {
    let [bits] = walk.field(child, 7)?;
    let count = walk.number(child, 8)?;
    let wanted = (u64::from(count) * u64::from(bits)).div_ceil(8);
    let bytes = walk.table(child.behind(12), wanted)?;
    let mut sizes: Vec<u32> = match bits {
        4 => bytes.iter().flat_map(|&byte| [byte >> 4, byte & 15]).map(u32::from).collect(),
        8 => bytes.iter().map(|&byte| byte.into()).collect(),
        16 => bytes.as_chunks().0.iter().map(|&size| u16::from_be_bytes(size).into()).collect(),
        _ => return Err(broken(&format!("sample sizes of {bits} bits, expected 4, 8 or 16"))),
    };
    sizes.truncate(count as usize);
    Ok(Sizes::Each(sizes))
}

#[cfg(test)]
impl Table {
    /// `count` samples of one byte and `ticks` each.
    pub(super) fn regular(count: u32, ticks: u32) -> Self {
        Self {
            durations: vec![(count, ticks)],
            groups: vec![[1, count, 1]],
            sizes: Sizes::Same(count, 1),
            chunks: vec![0],
            ..Self::default()
        }
    }
}

fn pair([a, b, c, d, e, f, g, h]: [u8; 8]) -> (u32, u32) {
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

/// A place in the tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    sample: u64,
    time: u64,
    /// Run of durations, and samples of it that are done.
    run: (usize, u32),
    group: usize,
    chunk: usize,
    /// Samples and bytes of the chunk that are done.
    done: (u32, u64),
}

impl Cursor {
    /// Start in ticks of the packet at this place.
    pub(super) fn time(&self) -> u64 {
        self.time
    }

    /// The packet at this place; goes on to the next. `None` at the end.
    pub(super) fn next(&mut self, table: &Table) -> Option<Piece> {
        loop {
            if self.sample >= table.samples() {
                return None;
            }
            let start = *table.chunks.get(self.chunk)?;
            while let Some(&[first, ..]) = table.groups.get(self.group + 1)
                && first as usize <= self.chunk + 1
            {
                self.group += 1;
            }
            let &[_, in_chunk, description] = table.groups.get(self.group)?;
            let left = u64::from(in_chunk.saturating_sub(self.done.0));
            let left = left.min(table.samples() - self.sample) as u32;
            if left == 0 {
                self.chunk += 1;
                self.done = (0, 0);
                continue;
            }
            let (samples, bytes) = match table.block {
                Some((frames, bytes)) => {
                    // Whole blocks; a chunk's last may be short of frames, not of bytes.
                    let most = (PIECE / frames).max(1).saturating_mul(frames);
                    let samples = left.min(most);
                    (samples, samples.div_ceil(frames).saturating_mul(bytes))
                }
                None => (1, table.size(self.sample)),
            };
            let (time, before) = (self.time, self.done.1);
            let ticks = self.pass(table, samples);
            self.done = (self.done.0 + samples, before + u64::from(bytes));
            self.sample += u64::from(samples);
            let offset = start.saturating_add(before);
            return Some(Piece { offset, bytes, time, ticks, description, is_behind_gap: false });
        }
    }

    /// Goes over `samples` in time; returns how many ticks they take.
    fn pass(&mut self, table: &Table, samples: u32) -> u32 {
        let (mut left, mut ticks) = (samples, 0_u64);
        while left > 0 {
            let Some(&(count, each)) = table.durations.get(self.run.0) else {
                // More samples than durations: they go on as the last one.
                let each = table.durations.last().map_or(0, |&(_, each)| each);
                ticks += u64::from(left) * u64::from(each);
                break;
            };
            let here = left.min(count.saturating_sub(self.run.1));
            ticks += u64::from(here) * u64::from(each);
            left -= here;
            self.run.1 += here;
            if self.run.1 >= count {
                self.run = (self.run.0 + 1, 0);
            }
        }
        self.time = self.time.saturating_add(ticks);
        ticks.try_into().unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Sizes, Table};

    fn pieces(table: &Table) -> Vec<(u64, u32, u64, u32)> {
        let mut cursor = Cursor::default();
        std::iter::from_fn(|| cursor.next(table))
            .map(|piece| (piece.offset, piece.bytes, piece.time, piece.ticks))
            .collect()
    }

    #[test]
    fn samples_follow_each_other_within_chunks() {
        let table = Table {
            durations: vec![(3, 10), (1, 4)],
            groups: vec![[1, 2, 1], [2, 1, 1]],
            sizes: Sizes::Each(vec![5, 6, 7, 8]),
            chunks: vec![100, 300, 200],
            ..Table::default()
        };
        let expected = [(100, 5, 0, 10), (105, 6, 10, 10), (300, 7, 20, 10), (200, 8, 30, 4)];
        assert_eq!(pieces(&table), expected);
    }

    #[test]
    fn frames_are_taken_together() {
        let mut table = Table {
            durations: vec![(5000, 1)],
            groups: vec![[1, 1500, 1]],
            sizes: Sizes::Same(2500, 1),
            chunks: vec![0, 10_000],
            block: Some((1, 4)),
        };
        let expected = [(0, 4096, 0, 1024), (4096, 1904, 1024, 476), (10_000, 4000, 1500, 1000)];
        assert_eq!(pieces(&table), expected);
        table.block = Some((64, 34));
        let expected = [(0, 544, 0, 1024), (544, 272, 1024, 476), (10_000, 544, 1500, 1000)];
        assert_eq!(pieces(&table), expected);
    }

    #[test]
    fn tables_that_do_not_fit_end() {
        let table = Table {
            durations: Vec::new(),
            groups: vec![[1, 0, 1]],
            sizes: Sizes::Same(u32::MAX, 1),
            chunks: vec![0; 10],
            ..Table::default()
        };
        assert_eq!(pieces(&table), []);
        assert!(table.cursor().is_err());
        assert_eq!(pieces(&Table { groups: Vec::new(), ..table }), []);
    }
}
