//! Finds MPEG audio frames in a byte stream: synchronisation, junk, tags, the end.

use std::io::{self, Read};

use super::header::{HEADER_BYTES, Header};
use super::tags::{self, Tag};

/// Bytes read at once.
const READ_BYTES: usize = 32 * 1024;

/// How a stream of frames ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// No more frames, and nothing that looks like a broken one.
    Clean,
    /// The last frame is incomplete.
    Truncated,
    /// A frame of another rate, layer or channel count follows; libsndfile stops there.
    FormatChanged,
}

/// One step through the stream.
pub(super) enum Step {
    /// A frame: header, and the number of bytes that were skipped before it, tags not counted.
    Frame(Header, u64),
    /// The end, and the number of bytes that were skipped before it.
    End(End, u64),
}

/// Reads frames one after another.
pub(super) struct Frames<R> {
    input: R,
    buf: Vec<u8>,
    pos: usize,
    at_end: bool,
    /// Header of the first frame; every other must be compatible with it.
    first: Option<Header>,
    /// Length of the frame that was returned last.
    current: usize,
    /// Nothing lies between the current frame and the one before.
    is_in_step: bool,
    /// Frames so far, and their bytes.
    found: (u64, u64),
    /// Bytes that may be skipped before the first frame.
    max_junk: u64,
    /// Another format may also begin behind junk, where it may be chance.
    is_lenient: bool,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(input: R, max_junk: u64) -> Self {
        let buf = Vec::with_capacity(2 * READ_BYTES);
        Self {
            input,
            buf,
            pos: 0,
            at_end: false,
            first: None,
            current: 0,
            is_in_step: true,
            found: (0, 0),
            max_junk,
            is_lenient: false,
        }
    }

    /// Bytes of the current frame.
    pub(super) fn frame(&mut self) -> &mut [u8] {
        &mut self.buf[self.pos..self.pos + self.current]
    }

    /// Whether nothing, no tag either, lies between the current frame and the one before.
    pub(super) fn is_in_step(&self) -> bool {
        self.is_in_step
    }

    /// How many frames of the size of those so far `bytes` would be, to the nearest.
    pub(super) fn frames_in(&self, bytes: u64) -> u64 {
        let (frames, of) = self.found;
        let size = of.checked_div(frames).unwrap_or(0).max(1);
        bytes.saturating_add(size / 2) / size
    }

    /// Moves to the next frame.
    pub(super) fn advance(&mut self) -> io::Result<Step> {
        self.pos += self.until_tag()?;
        self.current = 0;
        let mut skipped = 0_u64;
        self.is_in_step = true;
        loop {
            let Some(header) = self.header_at(0)? else {
                if !self.fill(HEADER_BYTES)? {
                    return Ok(Step::End(End::Clean, skipped));
                }
                self.is_in_step = false;
                match self.tag()? {
                    Some((before, len)) => {
                        skipped = skipped.saturating_sub(before);
                        // A tag that is longer than what there is, has a damaged length.
                        skipped += self.discard(len)?.unwrap_or(0);
                    }
                    None => (self.pos, skipped) = (self.pos + 1, skipped + 1),
                }
                if self.first.is_none() && skipped > self.max_junk {
                    return Ok(Step::End(End::Clean, skipped));
                }
                continue;
            };
            match (header.frame_bytes(), self.first) {
                (Some(size), None) if self.is_followed(&header, size)? => {
                    return Ok(self.accept(header, size, skipped));
                }
                (Some(size), Some(first)) if first.is_compatible(&header) => {
                    // In step the header's word is enough; out of step it may be chance.
                    if self.is_in_step && !self.fill(size)? {
                        return Ok(Step::End(End::Truncated, skipped));
                    }
                    if self.is_in_step || self.is_followed(&header, size)? {
                        return Ok(self.accept(header, size, skipped));
                    }
                }
                (Some(size), Some(_))
                    if (skipped == 0 || self.is_lenient) && self.is_followed(&header, size)? =>
                {
                    return Ok(Step::End(End::FormatChanged, skipped));
                }
                _ => {}
            }
            (self.pos, skipped, self.is_in_step) = (self.pos + 1, skipped + 1, false);
        }
    }

    /// Passes all frames that are left, of whatever format, and says how many seconds they are.
    pub(super) fn rest(&mut self) -> io::Result<f64> {
        let mut seconds = 0.0;
        (self.max_junk, self.is_lenient) = (u64::MAX, true);
        loop {
            match self.advance()? {
                Step::Frame(header, _) => {
                    seconds += header.frame_samples() as f64 / f64::from(header.sample_rate);
                }
                Step::End(End::FormatChanged, _) => self.first = None,
                Step::End(End::Clean | End::Truncated, _) => return Ok(seconds),
            }
        }
    }

    fn accept(&mut self, header: Header, size: usize, skipped: u64) -> Step {
        self.first.get_or_insert(header);
        self.current = size;
        self.found = (self.found.0 + 1, self.found.1 + size as u64);
        Step::Frame(header, skipped)
    }

    /// Whether a compatible frame, or the end, comes behind a complete frame of `size` bytes.
    fn is_followed(&mut self, header: &Header, size: usize) -> io::Result<bool> {
        if !self.fill(size)? {
            return Ok(false);
        }
        if !self.fill(size + HEADER_BYTES)? {
            return Ok(true);
        }
        // What is there of a tag's head is enough.
        self.fill(size + tags::HEAD_BYTES)?;
        if tags::at(&self.buf[self.pos + size..]).is_some() {
            return Ok(true);
        }
        Ok(self.header_at(size)?.is_some_and(|next| next.is_compatible(header)))
    }

    /// Length of the current frame, or of what there is of it before a tag: where no frame follows,
    /// another recording may begin in the midst of one that was cut.
    fn until_tag(&mut self) -> io::Result<usize> {
        let len = self.current;
        if len == 0 || self.header_at(len)?.is_some() {
            return Ok(len);
        }
        self.fill(len + tags::HEAD_BYTES)?;
        if tags::at(&self.buf[self.pos + len..]).is_some() {
            return Ok(len);
        }
        let begins = |at: &usize| {
            let rest = &self.buf[self.pos + at..];
            rest.starts_with(b"ID3") && tags::at(rest).is_some()
        };
        Ok((HEADER_BYTES..len).find(begins).unwrap_or(len))
    }

    fn header_at(&mut self, offset: usize) -> io::Result<Option<Header>> {
        if !self.fill(offset + HEADER_BYTES)? {
            return Ok(None);
        }
        let bytes = self.buf[self.pos + offset..].first_chunk::<HEADER_BYTES>();
        Ok(bytes.and_then(|bytes| Header::parse(*bytes)))
    }

    /// A tag that begins here: how many bytes of it were passed already, and its length from here.
    fn tag(&mut self) -> io::Result<Option<(u64, u64)>> {
        if !matches!(self.buf[self.pos], b'A' | b'I' | b'L' | b'T') {
            return Ok(None);
        }
        // Near the end there may be less.
        self.fill(tags::HEAD_BYTES)?;
        Ok(match tags::at(&self.buf[self.pos..]) {
            None => None,
            Some(Tag::Of(len)) => Some((0, len)),
            Some(Tag::Footer(before)) => Some((before, tags::HEAD_BYTES as u64)),
            Some(Tag::Lyrics) => {
                self.fill(tags::MAX_LYRICS)?;
                let bytes = &self.buf[self.pos..];
                tags::lyrics_end(&bytes[..bytes.len().min(tags::MAX_LYRICS)]).map(|len| (0, len))
            }
        })
    }

    /// Passes `len` bytes. If there are fewer, passes those, and says how many they were.
    fn discard(&mut self, len: u64) -> io::Result<Option<u64>> {
        let mut left = len;
        while left > 0 && self.fill(1)? {
            let passed = left.min((self.buf.len() - self.pos) as u64);
            (self.pos, left) = (self.pos + passed as usize, left - passed);
        }
        Ok((left > 0).then_some(len - left))
    }

    /// Makes `len` bytes available from the current position; `false` if the stream has fewer.
    fn fill(&mut self, len: usize) -> io::Result<bool> {
        while self.buf.len() - self.pos < len {
            if self.at_end {
                return Ok(false);
            }
            if self.pos > 0 {
                self.buf.drain(..self.pos);
                self.pos = 0;
            }
            let filled = self.buf.len();
            self.buf.resize(filled + READ_BYTES, 0);
            let read = loop {
                match self.input.read(&mut self.buf[filled..]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            self.buf.truncate(filled + *read.as_ref().unwrap_or(&0));
            self.at_end = read? == 0;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Frames, Step};

    const STEREO: [u8; 4] = [0xff, 0xfb, 0x90, 0x64];
    const MONO: [u8; 4] = [0xff, 0xfb, 0x90, 0xc4];

    fn frame(header: [u8; 4]) -> Vec<u8> {
        let mut frame = header.to_vec();
        frame.resize(417, 0);
        frame
    }

    /// Checks the bytes skipped before each frame and before the end, and how it ended.
    fn check(bytes: &[u8], skips: &[u64], end: End) {
        let mut frames = Frames::new(bytes, 10_000);
        let mut got = Vec::new();
        loop {
            match frames.advance().unwrap() {
                Step::Frame(_, skipped) => got.push(skipped),
                Step::End(got_end, skipped) => {
                    got.push(skipped);
                    assert_eq!((&got[..], got_end), (skips, end));
                    return;
                }
            }
        }
    }

    #[test]
    fn frames_are_found_behind_junk() {
        let two = [frame(STEREO), frame(STEREO)].concat();
        check(&two, &[0, 0, 0], End::Clean);
        check(&[b"junk\xff\xfb\x90\x64!".to_vec(), two.clone()].concat(), &[9, 0, 0], End::Clean);
        let junk = [two.clone(), vec![1; 5000], two.clone()].concat();
        check(&junk, &[0, 0, 5000, 0, 0], End::Clean);
        // A header within the junk, with nothing behind it.
        let junk = [vec![0; 10], STEREO.to_vec(), vec![0; 50]].concat();
        check(&[two.clone(), junk.clone(), two.clone()].concat(), &[0, 0, 64, 0, 0], End::Clean);
        check(&[two.clone(), junk].concat(), &[0, 0, 61], End::Clean);
        check(&[two.clone(), vec![0; 3]].concat(), &[0, 0, 0], End::Clean);
        check(&two[..800], &[0, 0], End::Truncated);
        check(&frame(STEREO), &[0, 0], End::Clean);
        check(&[b"TAG".to_vec(), vec![0xff; 125]].concat(), &[0], End::Clean);
    }

    #[test]
    fn tags_are_no_junk() {
        let two = [frame(STEREO), frame(STEREO)].concat();
        let id3v1 = [b"TAG".as_slice(), &STEREO, &[0; 121]].concat();
        let id3v2 = [b"ID3\x03\0\0\0\x05\0\0".as_slice(), &STEREO, &[0; 5 * 16384 - 4]].concat();
        let ape = |flags: u32| {
            let numbers = [2000, 132, 1, flags].map(u32::to_le_bytes);
            [b"APETAGEX".as_slice(), numbers.as_flattened(), &[0; 8]].concat()
        };
        let items = vec![7; 100];
        let lyrics = b"LYRICSBEGININD0000200000013LYRICS200".to_vec();
        let both = [ape(0xa000_0000), items.clone(), ape(0x8000_0000)].concat();
        for tags in [
            id3v1.clone(),
            id3v2.clone(),
            both.clone(),
            [items, ape(0x8000_0000)].concat(),
            lyrics.clone(),
            [both, lyrics, id3v1, id3v2].concat(),
        ] {
            check(&[&two[..], &tags, &two].concat(), &[0, 0, 0, 0, 0], End::Clean);
            check(&[&two[..], &tags].concat(), &[0, 0, 0], End::Clean);
            check(&[&tags[..], &two].concat(), &[0, 0, 0], End::Clean);
            let other = [frame(MONO), frame(MONO)].concat();
            check(&[&two[..], &tags, &other].concat(), &[0, 0, 0], End::FormatChanged);
        }
    }

    #[test]
    fn another_format_ends_the_stream() {
        let bytes = [frame(STEREO), frame(STEREO), frame(MONO), frame(MONO)].concat();
        check(&bytes, &[0, 0, 0], End::FormatChanged);
        // One stray header is damage, not a new format.
        let bytes = [frame(STEREO), frame(STEREO), frame(MONO), frame(STEREO)].concat();
        check(&bytes, &[0, 0, 417, 0], End::Clean);
    }

    #[test]
    fn the_rest_is_measured_in_every_format() {
        let bytes = [
            [STEREO; 3].map(frame).concat(),
            [MONO; 4].map(frame).concat(),
            b"TAG".to_vec(),
            vec![0; 125],
            vec![9; 20_000],
            [STEREO; 2].map(frame).concat(),
        ];
        let bytes = bytes.concat();
        let mut frames = Frames::new(&bytes[..], 10);
        frames.advance().unwrap();
        let seconds = f64::from(2 + 4 + 2) * 1152.0 / 44_100.0;
        assert!((frames.rest().unwrap() - seconds).abs() < 1e-9);
    }

    #[test]
    fn bytes_are_counted_in_frames() {
        let bytes = [STEREO; 3].map(frame).concat();
        let mut frames = Frames::new(&bytes[..], 10);
        assert_eq!(frames.frames_in(0), 0);
        frames.advance().unwrap();
        assert_eq!([0, 208, 209, 625, 626, 4170].map(|bytes| frames.frames_in(bytes)), {
            [0, 0, 1, 1, 2, 10]
        });
    }

    #[test]
    fn junk_before_the_first_frame_is_bounded() {
        let bytes = [vec![1; 10_001], frame(STEREO), frame(STEREO)].concat();
        check(&bytes, &[10_001], End::Clean);
    }
}
