//! Pages of an Ogg stream (RFC 3533, section 6): found by their marker, checked by their sum.

use std::io::{ErrorKind, Read};

use symphonia::core::checksum::Crc32;
use symphonia::core::io::Monitor;

use crate::error::ExtractError;

const MARKER: &[u8] = b"OggS";

/// Bytes of a page's header before its table of segments.
const HEADER_BYTES: usize = 27;

/// Bytes that are asked for at once.
const CHUNK_BYTES: usize = 16 << 10;

/// Bytes that have been read and used before they are dropped.
const MAX_USED_BYTES: usize = 128 << 10;

/// One page whose sum is right.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Its first segments are the rest of a packet of the page before.
    pub(super) is_continued: bool,
    /// It begins a logical stream.
    pub(super) is_first: bool,
    /// It ends its logical stream.
    pub(super) is_last: bool,
    /// Position at the end of the last packet that ends on the page; `None` where the writer did
    /// not know it.
    pub(super) granule: Option<i64>,
    /// The logical stream that it belongs to.
    pub(super) serial: u32,
    /// Number of the page in its logical stream.
    pub(super) sequence: u32,
    /// Lengths of the segments; one below 255 ends a packet.
    pub(super) segments: Vec<u8>,
    pub(super) body: Vec<u8>,
}

impl Page {
    /// Bytes of the page in the stream.
    pub(super) fn bytes(&self) -> u64 {
        (HEADER_BYTES + self.segments.len() + self.body.len()) as u64
    }
}

/// Reads the pages of all logical streams, one after another.
pub(super) struct Pages {
    input: Box<dyn Read + Send + Sync>,
    /// What was read; the part before `used` is not needed any more.
    bytes: Vec<u8>,
    used: usize,
    /// Pages whose sum was wrong.
    pub(super) damaged: u64,
    /// Bytes since the last page that are of none, but for those of one that the end cuts.
    pub(super) passed: u64,
    /// The bytes ended within a page.
    pub(super) is_cut: bool,
}

impl Pages {
    pub(super) fn new(input: Box<dyn Read + Send + Sync>) -> Self {
        Self { input, bytes: Vec::new(), used: 0, damaged: 0, passed: 0, is_cut: false }
    }

    /// The next page; `None` at the end. What is no page is passed over.
    pub(super) fn next(&mut self) -> Result<Option<Page>, ExtractError> {
        self.passed = 0;
        let mut before_cut = None;
        while self.find_marker()? {
            let Some(len) = self.page_bytes()? else {
                if self.is_cut {
                    before_cut.get_or_insert(self.passed);
                }
                // Only the marker is passed over: it may be no page's.
                self.pass(MARKER.len());
                continue;
            };
            let page = &self.bytes[self.used..self.used + len];
            if has_right_sum(page) {
                let page = parse(page);
                self.used += len;
                return Ok(Some(page));
            }
            self.damaged += 1;
            self.pass(MARKER.len());
        }
        self.pass(self.bytes.len() - self.used);
        self.passed = before_cut.unwrap_or(self.passed);
        Ok(None)
    }

    /// Passes over bytes that are of no page.
    fn pass(&mut self, bytes: usize) {
        self.used += bytes;
        self.passed += bytes as u64;
    }

    /// Goes to the next marker; `false` if there is none.
    fn find_marker(&mut self) -> Result<bool, ExtractError> {
        while self.fill(MARKER.len())? {
            let rest = &self.bytes[self.used..];
            if let Some(at) = rest.windows(MARKER.len()).position(|bytes| bytes == MARKER) {
                self.pass(at);
                return Ok(true);
            }
            self.pass(rest.len() - (MARKER.len() - 1));
        }
        Ok(false)
    }

    /// Bytes of the page that begins here, all of them read; `None` if it is no page or is cut.
    fn page_bytes(&mut self) -> Result<Option<usize>, ExtractError> {
        if !self.fill(HEADER_BYTES)? {
            self.is_cut = true;
            return Ok(None);
        }
        let header = &self.bytes[self.used..self.used + HEADER_BYTES];
        let (version, flags, segments) = (header[4], header[5], usize::from(header[26]));
        if version != 0 || flags > 7 {
            return Ok(None);
        }
        let mut len = HEADER_BYTES + segments;
        if self.fill(len)? {
            let table = &self.bytes[self.used + HEADER_BYTES..self.used + len];
            len += table.iter().map(|&len| usize::from(len)).sum::<usize>();
            if self.fill(len)? {
                return Ok(Some(len));
            }
        }
        self.is_cut = true;
        Ok(None)
    }

    /// Sees to it that `len` bytes are there; `false` if the input has no more.
    fn fill(&mut self, len: usize) -> Result<bool, ExtractError> {
        if self.used > MAX_USED_BYTES {
            self.bytes.drain(..self.used);
            self.used = 0;
        }
        while self.bytes.len() - self.used < len {
            let there = self.bytes.len();
            self.bytes.resize(there + CHUNK_BYTES, 0);
            let result = self.input.read(&mut self.bytes[there..]);
            self.bytes.truncate(there + result.as_ref().map_or(0, |&n| n));
            match result {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(ExtractError::SourceFailed { detail: error.to_string() });
                }
            }
        }
        Ok(true)
    }
}

/// Whether the sum over the page, its own four bytes taken as zero, is the one that it states.
fn has_right_sum(page: &[u8]) -> bool {
    let mut sum = Crc32::new(0);
    sum.process_buf_bytes(&page[..22]);
    sum.process_buf_bytes(&[0; 4]);
    sum.process_buf_bytes(&page[26..]);
    page[22..26] == sum.crc().to_le_bytes()
}

/// The page of bytes that have been found to be one.
fn parse(page: &[u8]) -> Page {
    let (header, rest) = page.split_at(HEADER_BYTES);
    let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i]));
    let granule = i64::from(word(10)) << 32 | i64::from(word(6));
    let (segments, body) = rest.split_at(header[26].into());
    Page {
        is_continued: header[5] & 1 != 0,
        is_first: header[5] & 2 != 0,
        is_last: header[5] & 4 != 0,
        // -1 means that it is not known; no other position is negative.
        granule: Some(granule).filter(|&granule| granule >= 0),
        serial: word(14),
        sequence: word(18),
        segments: segments.to_vec(),
        body: body.to_vec(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use symphonia::core::checksum::Crc32;
    use symphonia::core::io::Monitor;

    use super::{Page, Pages};

    impl Page {
        /// The page as it stands in a file.
        pub(in crate::decode::ogg) fn to_bytes(&self) -> Vec<u8> {
            let flag = |is: bool, bit: u8| if is { bit } else { 0 };
            let flags = flag(self.is_continued, 1) | flag(self.is_first, 2) | flag(self.is_last, 4);
            let mut bytes = [b"OggS\0", &[flags][..]].concat();
            bytes.extend(self.granule.unwrap_or(-1).to_le_bytes());
            bytes.extend(self.serial.to_le_bytes());
            bytes.extend(self.sequence.to_le_bytes());
            bytes.extend([0; 4]);
            bytes.push(self.segments.len() as u8);
            bytes.extend(&self.segments);
            bytes.extend(&self.body);
            let mut sum = Crc32::new(0);
            sum.process_buf_bytes(&bytes);
            bytes[22..26].copy_from_slice(&sum.crc().to_le_bytes());
            bytes
        }
    }

    fn page(sequence: u32, body: &[u8]) -> Vec<u8> {
        let (segments, body) = (vec![body.len() as u8], body.to_vec());
        Page { granule: Some(7), serial: 3, sequence, segments, body, ..Page::default() }.to_bytes()
    }

    fn check(bytes: Vec<u8>, sequences: &[u32], damaged: u64, is_cut: bool) {
        let mut pages = Pages::new(Box::new(Cursor::new(bytes)));
        let mut found = Vec::new();
        while let Some(page) = pages.next().unwrap() {
            assert_eq!((page.granule, page.serial, &page.body[..3]), (Some(7), 3, &b"abc"[..]));
            found.push(page.sequence);
        }
        assert_eq!((&found[..], pages.damaged, pages.is_cut), (sequences, damaged, is_cut));
    }

    #[test]
    fn pages_are_found_behind_junk_and_damage() {
        let [first, second] = [page(0, b"abc"), page(1, b"abcdef")];
        check([&first[..], &second].concat(), &[0, 1], 0, false);
        check([b"junk OggO", &first[..], b"OggS\0 more junk", &second].concat(), &[0, 1], 0, false);
        let mut broken = first.clone();
        broken[28] ^= 1;
        check([&broken[..], &second].concat(), &[1], 1, false);
        check([&first[..], &second[..second.len() - 1]].concat(), &[0], 0, true);
        check([&first[..], &second[..20]].concat(), &[0], 0, true);
        // A page within a page that is cut is found.
        check([&page(5, &[0; 200])[..40], &first].concat(), &[0], 0, true);
        check(Vec::new(), &[], 0, false);
    }

    #[test]
    fn bytes_of_no_page_are_counted() {
        let (page, long) = (page(0, b"abc"), vec![7; 100_000]);
        let mut broken = page.clone();
        broken[28] ^= 1;
        let bytes = [&long[..], &page, b"1234567", &page, &page, b"OggS", &broken, &long].concat();
        let mut pages = Pages::new(Box::new(Cursor::new(bytes)));
        for passed in [100_000, 7, 0] {
            pages.next().unwrap().unwrap();
            assert_eq!(pages.passed, passed);
        }
        assert!(pages.next().unwrap().is_none());
        assert_eq!(pages.passed, (4 + broken.len() + long.len()) as u64);
        let bytes = [&page[..], b"1234", &page[..page.len() - 1]].concat();
        let mut pages = Pages::new(Box::new(Cursor::new(bytes)));
        while pages.next().unwrap().is_some() {}
        assert_eq!(pages.passed, 4);
    }

    #[test]
    fn a_long_stream_is_not_held() {
        let bytes: Vec<u8> = (0..10_000).flat_map(|i| page(i, b"abcdefghijklmnop")).collect();
        let mut pages = Pages::new(Box::new(Cursor::new(bytes)));
        let (mut count, mut most) = (0, 0);
        while let Some(page) = pages.next().unwrap() {
            assert_eq!(page.sequence, count);
            count += 1;
            most = most.max(pages.bytes.len());
        }
        assert_eq!(count, 10_000);
        assert!(most < 200 << 10, "{most} bytes");
    }
}
