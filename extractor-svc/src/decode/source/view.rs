//! A part of a source, as a container's reader sees it.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::fault::{Fault, Stop};
use super::stream::Forgetting;
use crate::error::ExtractError;
use crate::limits::Limits;

/// Bytes of a stream that are read at once to be dropped.
const PASSED_AT_ONCE: usize = 1 << 14;

/// A bounded part of a source, as a container reader sees it.
pub(in crate::decode) struct SourceView {
    inner: Box<dyn MediaSource>,
    /// Where `inner` stands.
    inner_pos: u64,
    /// Bytes shown before the part.
    prefix: Vec<u8>,
    /// The part: first byte and length in `inner`.
    start: u64,
    len: Option<u64>,
    /// Where the reader stands, from the first byte of `prefix`.
    pos: u64,
    seekable: bool,
    /// One past the last byte of the source that was read.
    furthest: u64,
    max_bytes: u64,
    fault: Fault,
    /// Told when a container's reader may seek.
    forgetting: Option<Forgetting>,
}

impl SourceView {
    /// The whole source, not seekable.
    pub(in crate::decode) fn new(
        inner: Box<dyn MediaSource>,
        limits: &Limits,
        stop: Option<Stop>,
    ) -> Self {
        Self {
            inner,
            inner_pos: u64::MAX,
            prefix: Vec::new(),
            start: 0,
            len: None,
            pos: 0,
            seekable: false,
            furthest: 0,
            max_bytes: limits.max_stream_bytes,
            fault: Fault::new(limits.max_header_bytes, stop),
            forgetting: None,
        }
    }

    /// The same view, of a stream that may forget what was read.
    pub(in crate::decode) fn forgetting(self, forgetting: Option<Forgetting>) -> Self {
        Self { forgetting, ..self }
    }

    /// Shows `prefix`, then `len` bytes of the source from `start`, and begins there.
    pub(in crate::decode) fn show(mut self, prefix: Vec<u8>, start: u64, len: Option<u64>) -> Self {
        (self.prefix, self.start, self.len, self.pos) = (prefix, start, len, 0);
        self
    }

    /// Tells readers that they may seek, and how long the source is.
    pub(in crate::decode) fn seekable(mut self) -> Self {
        self.seekable = true;
        if let Some(forgetting) = &self.forgetting {
            forgetting.never();
        }
        self
    }

    /// The cell in which a failure of the source is left.
    pub(in crate::decode) fn fault(&self) -> Fault {
        self.fault.clone()
    }

    /// Reads into `buf` from byte `at` of the source, past any prefix or bound. Returns how many
    /// bytes there were.
    pub(in crate::decode) fn read_at(
        &mut self,
        at: u64,
        buf: &mut [u8],
    ) -> Result<usize, ExtractError> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.read_inner(at + filled as u64, &mut buf[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fault.check()?;
                    return Err(ExtractError::SourceFailed { detail: error.to_string() });
                }
            }
        }
        Ok(filled)
    }

    /// Reads until `bytes` are full or the source ends; returns how many there are.
    ///
    /// # Errors
    /// If the source fails, or nobody waits for it.
    pub(in crate::decode) fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, ExtractError> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fault().check()?;
                    return Err(ExtractError::SourceFailed { detail: error.to_string() });
                }
            }
        }
        Ok(filled)
    }

    /// Whether the source has all bytes before `end`. Nothing is read that was read before.
    pub(in crate::decode) fn reaches(&mut self, end: u64) -> Result<bool, ExtractError> {
        Ok(end <= self.furthest || self.read_at(end - 1, &mut [0])? == 1)
    }

    /// Whether byte `at` can still be read: a stream lets go what was read.
    pub(in crate::decode) fn keeps(&self, at: u64) -> bool {
        self.forgetting.is_none() || self.seekable || at >= self.furthest
    }

    /// Goes forward to byte `at`; of a stream, by reading, so that it keeps nothing for it.
    pub(in crate::decode) fn pass_to(&mut self, at: u64) -> Result<(), ExtractError> {
        let mut dropped = [0; PASSED_AT_ONCE];
        while self.forgetting.is_some() && self.furthest < at {
            let len = (at - self.furthest).min(PASSED_AT_ONCE as u64) as usize;
            if self.read_at(self.furthest, &mut dropped[..len])? < len {
                break;
            }
        }
        Ok(())
    }

    /// Bytes from byte `at` to the end of the source; a stream is read to its end for it.
    pub(in crate::decode) fn bytes_from(&mut self, at: u64) -> Result<u64, ExtractError> {
        let end = if self.forgetting.is_some() {
            self.pass_to(u64::MAX)?;
            self.furthest
        } else {
            let failed =
                |error: io::Error| ExtractError::SourceFailed { detail: error.to_string() };
            self.source_len().map_err(failed)?
        };
        Ok(end.saturating_sub(at))
    }

    fn read_inner(&mut self, at: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.fault.check().map_err(io::Error::other)?;
        let result = self.try_read_inner(at, buf);
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.fault.record(error);
        }
        result
    }

    fn try_read_inner(&mut self, at: u64, buf: &mut [u8]) -> io::Result<usize> {
        // No file reaches that far; the system would call the place itself an error.
        if i64::try_from(at).is_err() {
            return Ok(0);
        }
        if self.inner_pos != at {
            self.inner_pos = match self.inner.seek(SeekFrom::Start(at)) {
                // Behind the largest file of this file system.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(0),
                sought => sought?,
            };
        }
        let n = self.inner.read(buf)?;
        self.inner_pos += n as u64;
        if n > 0 {
            self.furthest = self.furthest.max(self.inner_pos);
        }
        // A position behind the end is no byte read.
        if n > 0 && self.inner_pos > self.max_bytes {
            let error = ExtractError::StreamTooLarge { limit: self.max_bytes };
            return Err(io::Error::other(error));
        }
        Ok(n)
    }

    /// Length of the whole source. Of a growing one this waits for its end.
    fn source_len(&mut self) -> io::Result<u64> {
        match self.inner.byte_len() {
            Some(len) => Ok(len),
            None => {
                self.inner_pos = u64::MAX;
                self.inner.seek(SeekFrom::End(0)).inspect_err(|error| self.fault.record(error))
            }
        }
    }

    /// Length of what is shown. Of a growing source this waits for its end.
    fn shown_len(&mut self) -> io::Result<u64> {
        let rest = self.source_len()?.saturating_sub(self.start);
        Ok(self.prefix.len() as u64 + self.len.map_or(rest, |len| len.min(rest)))
    }
}

impl Read for SourceView {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let prefix_len = self.prefix.len() as u64;
        let n = if self.pos < prefix_len {
            let shown = &self.prefix[self.pos as usize..];
            let n = shown.len().min(buf.len());
            buf[..n].copy_from_slice(&shown[..n]);
            n
        } else {
            let done = self.pos - prefix_len;
            let room = self.len.map_or(u64::MAX, |len| len.saturating_sub(done));
            let room = room.min(buf.len() as u64) as usize;
            self.read_inner(self.start.saturating_add(done), &mut buf[..room])?
        };
        self.fault.count_header(n)?;
        self.pos += n as u64;
        Ok(n)
    }
}

impl Seek for SourceView {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(pos) => Some(pos),
            SeekFrom::Current(by) => self.pos.checked_add_signed(by),
            SeekFrom::End(by) => self.shown_len()?.checked_add_signed(by),
        };
        self.pos = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.pos)
    }
}

impl MediaSource for SourceView {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        if !self.seekable {
            return None;
        }
        let rest = self.inner.byte_len()?.saturating_sub(self.start);
        Some(self.prefix.len() as u64 + self.len.map_or(rest, |len| len.min(rest)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read, Seek, SeekFrom};

    use super::SourceView;
    use crate::error::ExtractError;
    use crate::limits::Limits;

    fn view(max_stream_bytes: u64) -> SourceView {
        let limits = Limits { max_stream_bytes, max_header_bytes: 7, ..Limits::default() };
        let view = SourceView::new(Box::new(Cursor::new(b"0123456789".to_vec())), &limits, None);
        view.fault().header_ends();
        view
    }

    #[test]
    fn a_part_is_shown_behind_its_prefix() {
        let mut view = view(10).show(b"ab".to_vec(), 3, Some(4)).seekable();
        let mut text = String::new();
        view.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ab3456");
        view.seek(SeekFrom::End(-2)).unwrap();
        text.clear();
        view.read_to_string(&mut text).unwrap();
        assert_eq!(text, "56");
    }

    #[test]
    fn a_bound_past_the_end_shows_what_is_there() {
        let mut text = String::new();
        view(10).show(Vec::new(), 8, Some(u64::MAX)).read_to_string(&mut text).unwrap();
        assert_eq!(text, "89");
    }

    #[test]
    fn what_comes_before_the_audio_is_bounded() {
        let bytes = [0; 20].to_vec();
        let limits = Limits { max_header_bytes: 7, ..Limits::default() };
        let open = || SourceView::new(Box::new(Cursor::new(bytes.clone())), &limits, None);
        let mut view = open();
        view.read_exact(&mut [0; 7]).unwrap();
        view.fault().header_ends();
        view.read_exact(&mut [0; 13]).unwrap();

        let mut view = open();
        view.read_at(0, &mut [0; 20]).unwrap();
        view.read_exact(&mut [0; 7]).unwrap();
        view.read_exact(&mut [0; 1]).unwrap_err();
        assert_eq!(view.fault().check(), Err(ExtractError::HeaderTooLarge { limit: 7 }));
    }

    #[test]
    fn how_far_a_source_goes_is_known() {
        let mut view = view(10);
        for (end, there) in [(0, true), (10, true), (11, false), (10, true), (3, true)] {
            assert_eq!(view.reaches(end), Ok(there), "{end}");
        }
        assert_eq!((view.bytes_from(4), view.bytes_from(11)), (Ok(6), Ok(0)));
    }

    #[test]
    fn places_that_no_file_has_are_behind_its_end() {
        let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        let mut view = SourceView::new(Box::new(file), &Limits::default(), None);
        for at in [1 << 40, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
            assert_eq!(view.read_at(at, &mut [0; 4]), Ok(0), "{at}");
        }
        assert_eq!(view.read_at(0, &mut [0; 4]), Ok(4));
    }

    #[test]
    fn a_source_over_the_limit_leaves_its_fault() {
        let mut view = view(9);
        let fault = view.fault();
        fault.check().unwrap();
        view.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(fault.check(), Err(ExtractError::StreamTooLarge { limit: 9 }));
    }
}
