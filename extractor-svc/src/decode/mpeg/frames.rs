//! Finds MPEG audio frames in a byte stream: synchronisation, junk, the end.

use std::io::{self, Read};

use super::header::{HEADER_BYTES, Header};

/// Bytes read at once.
const READ_BYTES: usize = 32 * 1024;

/// Bytes of an ID3v1 tag, which is the last thing in a file.
const ID3V1_BYTES: usize = 128;

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
    /// A frame: header, and the number of bytes that were skipped before it.
    Frame(Header, u64),
    End(End),
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
    /// Bytes that may be skipped before the first frame.
    max_junk: u64,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(input: R, max_junk: u64) -> Self {
        let buf = Vec::with_capacity(2 * READ_BYTES);
        Self { input, buf, pos: 0, at_end: false, first: None, current: 0, max_junk }
    }

    /// Bytes of the current frame.
    pub(super) fn frame(&mut self) -> &mut [u8] {
        &mut self.buf[self.pos..self.pos + self.current]
    }

    /// Moves to the next frame.
    pub(super) fn advance(&mut self) -> io::Result<Step> {
        self.pos += self.current;
        self.current = 0;
        let mut skipped = 0;
        loop {
            let Some(header) = self.header_at(0)? else {
                if !self.fill(HEADER_BYTES)? || self.is_final_tag()? {
                    return Ok(Step::End(End::Clean));
                }
                (self.pos, skipped) = (self.pos + 1, skipped + 1);
                if self.first.is_none() && skipped > self.max_junk {
                    return Ok(Step::End(End::Clean));
                }
                continue;
            };
            match (header.frame_bytes(), self.first) {
                (Some(size), None) if self.is_followed(&header, size)? => {
                    return Ok(self.accept(header, size, skipped));
                }
                (Some(size), Some(first)) if first.is_compatible(&header) => {
                    if !self.fill(size)? {
                        return Ok(Step::End(End::Truncated));
                    }
                    // In step the header's word is enough; out of step it may be chance.
                    if skipped == 0 || self.is_followed(&header, size)? {
                        return Ok(self.accept(header, size, skipped));
                    }
                }
                (Some(size), Some(_)) if skipped == 0 && self.is_followed(&header, size)? => {
                    return Ok(Step::End(End::FormatChanged));
                }
                _ => {}
            }
            (self.pos, skipped) = (self.pos + 1, skipped + 1);
        }
    }

    fn accept(&mut self, header: Header, size: usize, skipped: u64) -> Step {
        self.first.get_or_insert(header);
        self.current = size;
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
        if &self.buf[self.pos + size..self.pos + size + 3] == b"TAG" {
            return Ok(true);
        }
        Ok(self.header_at(size)?.is_some_and(|next| next.is_compatible(header)))
    }

    fn header_at(&mut self, offset: usize) -> io::Result<Option<Header>> {
        if !self.fill(offset + HEADER_BYTES)? {
            return Ok(None);
        }
        let bytes = self.buf[self.pos + offset..].first_chunk::<HEADER_BYTES>();
        Ok(bytes.and_then(|bytes| Header::parse(*bytes)))
    }

    fn is_final_tag(&mut self) -> io::Result<bool> {
        let is_tag = self.buf[self.pos..].starts_with(b"TAG");
        Ok(is_tag && self.fill(ID3V1_BYTES)? && !self.fill(ID3V1_BYTES + 1)?)
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

    fn check(bytes: &[u8], skips: &[u64], end: End) {
        let mut frames = Frames::new(bytes, 10_000);
        let mut got = Vec::new();
        loop {
            match frames.advance().unwrap() {
                Step::Frame(_, skipped) => got.push(skipped),
                Step::End(got_end) => {
                    assert_eq!((&got[..], got_end), (skips, end));
                    return;
                }
            }
        }
    }

    #[test]
    fn frames_are_found_behind_junk() {
        let two = [frame(STEREO), frame(STEREO)].concat();
        check(&two, &[0, 0], End::Clean);
        check(&[b"junk\xff\xfb\x90\x64!".to_vec(), two.clone()].concat(), &[9, 0], End::Clean);
        check(&[two.clone(), vec![1; 5000], two.clone()].concat(), &[0, 0, 5000, 0], End::Clean);
        check(&[two.clone(), vec![0; 3]].concat(), &[0, 0], End::Clean);
        check(&two[..800], &[0], End::Truncated);
        check(&frame(STEREO), &[0], End::Clean);
        check(&[b"TAG".to_vec(), vec![0xff; 125]].concat(), &[], End::Clean);
    }

    #[test]
    fn a_tag_at_the_end_is_no_junk() {
        let mut bytes = [frame(STEREO), frame(STEREO)].concat();
        bytes.extend_from_slice(b"TAG");
        bytes.extend_from_slice(&STEREO);
        bytes.resize(2 * 417 + 128, 0);
        check(&bytes, &[0, 0], End::Clean);
    }

    #[test]
    fn another_format_ends_the_stream() {
        let bytes = [frame(STEREO), frame(STEREO), frame(MONO), frame(MONO)].concat();
        check(&bytes, &[0, 0], End::FormatChanged);
        // One stray header is damage, not a new format.
        let bytes = [frame(STEREO), frame(STEREO), frame(MONO), frame(STEREO)].concat();
        check(&bytes, &[0, 0, 417], End::Clean);
    }

    #[test]
    fn junk_before_the_first_frame_is_bounded() {
        let bytes = [vec![1; 10_001], frame(STEREO), frame(STEREO)].concat();
        check(&bytes, &[], End::Clean);
    }
}
