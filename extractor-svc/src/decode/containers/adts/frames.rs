//! Frames of ADTS in bytes: their headers, what may stand between them, and how a damage is passed.

use std::io::{self, Read};

use crate::decode::codecs::aac::RATES;
use crate::decode::mpeg::tags::{self, Tag};

/// Channels by configuration; of configuration 0 the frames say it themselves.
const CHANNELS: [u16; 8] = [0, 1, 2, 3, 4, 5, 6, 8];

/// Bytes of a header without a checksum.
pub(super) const HEADER_BYTES: usize = 7;

/// Bytes read at once.
const READ_BYTES: usize = 32 * 1024;

/// Bytes that may precede the first frame.
const MAX_JUNK_BYTES: u64 = 1 << 20;

/// What all frames of a stream have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// MPEG-4 audio object type: 1 Main, 2 LC, 3 SSR, 4 LTP.
    object_type: u16,
    rate_index: u16,
    channel_config: u16,
}

impl Form {
    pub(super) fn rate(self) -> u32 {
        RATES[usize::from(self.rate_index)]
    }

    pub(super) fn channels(self) -> u16 {
        CHANNELS[usize::from(self.channel_config)]
    }

    /// The same as an `AudioSpecificConfig` (ISO 14496-3, 1.6.2.1).
    pub(super) fn config(self) -> [u8; 2] {
        (self.object_type << 11 | self.rate_index << 7 | self.channel_config << 3).to_be_bytes()
    }
}

/// Header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) form: Form,
    /// Bytes of the header, with its checksum.
    len: usize,
    /// Bytes of the frame, with the header.
    pub(super) frame: usize,
    /// Raw data blocks in the frame.
    pub(super) blocks: u8,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let [b0, b1, b2, b3, b4, b5, b6] = *bytes.first_chunk()?;
        // Twelve bits of synchronisation, either version, layer 0.
        if b0 != 0xff || b1 & 0xf6 != 0xf0 {
            return None;
        }
        let form = Form {
            object_type: u16::from(b2 >> 6) + 1,
            rate_index: u16::from(b2 >> 2 & 0xf),
            channel_config: u16::from(b2 & 1) << 2 | u16::from(b3 >> 6),
        };
        let len = if b1 & 1 == 0 { HEADER_BYTES + 2 } else { HEADER_BYTES };
        let frame = usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5);
        let is_valid = usize::from(form.rate_index) < RATES.len() && frame > len;
        is_valid.then_some(Self { form, len, frame, blocks: (b6 & 3) + 1 })
    }
}

/// One step through the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A frame begins here.
    Frame(Header),
    /// No more frames.
    End,
    /// The last frame is incomplete.
    Cut,
    /// Frames of another form follow.
    Changed(Form),
}

/// Finds frames in bytes.
pub(super) struct Frames<R> {
    pub(super) input: R,
    buf: Vec<u8>,
    pos: usize,
    at_end: bool,
    /// Form of the first frame, which every other has.
    form: Option<Form>,
    /// Bytes that were skipped before the current frame, without tags.
    pub(super) skipped: u64,
    /// The header of a frame was among them.
    pub(super) has_lost_header: bool,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            buf: Vec::new(),
            pos: 0,
            at_end: false,
            form: None,
            skipped: 0,
            has_lost_header: false,
        }
    }

    /// Moves to the next frame.
    pub(super) fn advance(&mut self) -> io::Result<Step> {
        (self.skipped, self.has_lost_header) = (0, false);
        loop {
            if !self.fill(HEADER_BYTES)? {
                return Ok(Step::End);
            }
            if self.skip_tag()? {
                continue;
            }
            let header = Header::parse(&self.buf[self.pos..]);
            match (header, self.form) {
                (Some(header), None)
                    if self.is_followed(&header)?
                        && (header.blocks == 1 || self.is_one_of_several(&header)?) =>
                {
                    self.form = Some(header.form);
                    return Ok(Step::Frame(header));
                }
                (Some(header), Some(form)) if header.form == form => {
                    if !self.fill(header.frame)? {
                        return Ok(Step::Cut);
                    }
                    // A frame that is cut has the next one within it; one of several blocks among
                    // frames of one block has a flipped bit in its header.
                    let is_odd = header.blocks > 1 && !self.is_one_of_several(&header)?;
                    if is_odd {
                        self.pos += header.frame;
                        self.skipped += header.frame as u64;
                        self.has_lost_header = true;
                        continue;
                    }
                    if self.is_followed(&header)? || !self.holds_another(&header)? {
                        return Ok(Step::Frame(header));
                    }
                    self.has_lost_header = true;
                }
                // One header alone is a damage, two are another stream.
                (Some(header), Some(_))
                    if self.is_followed(&header)? && !self.at_last(&header)? =>
                {
                    return Ok(Step::Changed(header.form));
                }
                _ => {}
            }
            (self.pos, self.skipped) = (self.pos + 1, self.skipped + 1);
            if self.form.is_none() && self.skipped > MAX_JUNK_BYTES {
                return Ok(Step::End);
            }
        }
    }

    /// The current frame's bytes behind its header; moves behind them.
    pub(super) fn take(&mut self, header: &Header) -> Vec<u8> {
        let frame = self.buf[self.pos..self.pos + header.frame].to_vec();
        self.pos += header.frame;
        frame[header.len..].to_vec()
    }

    /// Whether the end, a tag, or a frame of the same form comes behind a complete frame.
    fn is_followed(&mut self, header: &Header) -> io::Result<bool> {
        if !self.fill(header.frame)? {
            return Ok(false);
        }
        if self.at_last(header)? {
            return Ok(true);
        }
        let next = &self.buf[self.pos + header.frame..];
        let is_tag = [&b"ID3"[..], b"TAG", b"APE"].iter().any(|tag| next.starts_with(tag));
        Ok(is_tag || Header::parse(next).is_some_and(|next| next.form == header.form))
    }

    /// Whether too little for another frame comes behind this one.
    fn at_last(&mut self, header: &Header) -> io::Result<bool> {
        Ok(!self.fill(header.frame + HEADER_BYTES)?)
    }

    /// Whether another frame of the form begins within a frame, and goes on behind it.
    fn holds_another(&mut self, header: &Header) -> io::Result<bool> {
        let body = self.pos + 1..self.pos + header.frame;
        let inner: Vec<_> = body
            .filter_map(|at| Some((at - self.pos, Header::parse(&self.buf[at..])?)))
            .filter(|(_, inner)| inner.form == header.form)
            .collect();
        for (offset, inner) in inner {
            if self.fill(offset + inner.frame + HEADER_BYTES)? {
                let next = Header::parse(&self.buf[self.pos + offset + inner.frame..]);
                if next.is_some_and(|next| next.form == header.form) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether the next frame has several raw data blocks too, or there is none.
    fn is_one_of_several(&mut self, header: &Header) -> io::Result<bool> {
        if self.at_last(header)? {
            return Ok(false);
        }
        let next = Header::parse(&self.buf[self.pos + header.frame..]);
        Ok(next.is_some_and(|next| next.form == header.form && next.blocks > 1))
    }

    /// Goes behind the tag that begins here, if one does.
    fn skip_tag(&mut self) -> io::Result<bool> {
        if !matches!(self.buf[self.pos], b'I' | b'T' | b'A' | b'L') {
            return Ok(false);
        }
        self.fill(tags::HEAD_BYTES)?;
        let len = match tags::at(&self.buf[self.pos..]) {
            Some(Tag::Of(len)) => len,
            Some(Tag::Footer(before)) => {
                // What was skipped before it is the tag's.
                self.skipped = self.skipped.saturating_sub(before);
                self.has_lost_header &= self.skipped > 0;
                tags::HEAD_BYTES as u64
            }
            Some(Tag::Lyrics) => {
                self.fill(tags::MAX_LYRICS)?;
                let there = self.buf.len().min(self.pos + tags::MAX_LYRICS);
                match tags::lyrics_end(&self.buf[self.pos..there]) {
                    Some(len) => len,
                    None => return Ok(false),
                }
            }
            None => return Ok(false),
        };
        self.skip(len)?;
        Ok(true)
    }

    fn skip(&mut self, mut len: u64) -> io::Result<()> {
        while len > 0 && self.fill(1)? {
            let step = len.min((self.buf.len() - self.pos) as u64);
            self.pos += step as usize;
            len -= step;
        }
        Ok(())
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
            let before = self.buf.len();
            self.input.by_ref().take(READ_BYTES as u64).read_to_end(&mut self.buf)?;
            self.at_end = self.buf.len() == before;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::{Frames, Header, Step};

    /// A frame of `len` bytes, of rate index `rate`, filled with `fill`.
    fn frame(rate: u8, len: usize, fill: u8) -> Vec<u8> {
        let (high, middle, low) = ((len >> 11) as u8, (len >> 3) as u8, (len << 5) as u8);
        let mut frame = vec![0xff, 0xf1, 0x40 | rate << 2, 0x80 | high, middle, low | 0x1f, 0xfc];
        frame.resize(len, fill);
        frame
    }

    fn steps(bytes: &[u8]) -> (Vec<u64>, Step) {
        let mut frames = Frames::new(bytes);
        let mut skips = Vec::new();
        loop {
            match frames.advance().unwrap() {
                Step::Frame(header) => {
                    skips.push(frames.skipped);
                    frames.take(&header);
                }
                end => return (skips, end),
            }
        }
    }

    #[test]
    fn a_header_says_its_form() {
        let header = Header::parse(&frame(4, 300, 0)).unwrap();
        assert_eq!((header.form.rate(), header.form.channels()), (44_100, 2));
        assert_eq!((header.len, header.frame, header.blocks), (7, 300, 1));
        assert_eq!(header.form.config(), [0x12, 0x10]);
        assert_eq!(Header::parse(&[0xff, 0xf1, 0x7c, 0x80, 9, 0, 0]), None, "no such rate");
        assert_eq!(Header::parse(&[0xff, 0xfb, 0x50, 0x80, 9, 0, 0]), None, "MP3");
        assert_eq!(Header::parse(&[0xff, 0xf1, 0x50, 0x80, 0, 0xc0, 0]), None, "too short");
    }

    #[test]
    fn frames_are_found_behind_junk_and_tags() {
        let two = frame(4, 300, 0).repeat(2);
        let id3 = [&b"ID3\x04\0\0\0\0\x01\x00"[..], &[0xff; 128]].concat();
        let id3v1 = [&b"TAG"[..], &[0xff; 125]].concat();
        let check = |parts: &[&[u8]], skips: &[u64], end: Step| {
            assert_eq!(steps(&parts.concat()), (skips.to_vec(), end));
        };
        check(&[&two], &[0, 0], Step::End);
        check(&[&id3, &two, &id3, &two, &id3v1], &[0; 4], Step::End);
        check(&[&two, b"APETAGEX", &[0; 40]], &[0, 0], Step::End);
        check(&[b"junk", &two, &[1; 500], &two], &[4, 0, 500, 0], Step::End);
        check(&[&two, &two[..299]], &[0, 0], Step::Cut);
        check(&[&two, &two[..150], &two], &[0, 0, 150, 0], Step::End);
        check(&[&[1; 400]], &[], Step::End);
    }

    #[test]
    fn another_form_is_told_from_a_damage() {
        let (a, b) = (frame(4, 300, 0).repeat(2), frame(7, 200, 0));
        let (skips, end) = steps(&[&a[..], &b, &b].concat());
        assert_eq!(skips, [0, 0]);
        assert!(matches!(end, Step::Changed(form) if form.rate() == 22_050));
        assert_eq!(steps(&[&a[..], &b, &a].concat()), (vec![0, 0, 200, 0], Step::End));
        assert_eq!(steps(&[&a[..], &b].concat()), (vec![0, 0], Step::End));
    }
}
