//! What follows the end of the stream that is read, and how long it is.

use super::mapping::Mapping;
use super::packets::Assembler;
use super::page::Page;

/// What a page holds at most, in practice.
const MAX_PAGE_SECONDS: i64 = 30;

/// Measures the streams behind the first one.
#[derive(Debug, Default)]
pub(super) struct Trailing {
    /// Streams of audio that begin.
    streams: u64,
    /// The current one: its number and granules per second.
    current: Option<(u32, u32)>,
    /// First and last position of the current one.
    span: Option<(i64, i64)>,
    seconds: f64,
}

impl Trailing {
    pub(super) fn take(&mut self, page: &Page) {
        if page.is_first {
            let taken = Assembler::default().take(page);
            let mapping = Mapping::of(taken.packets.first().map_or(&[], Vec::as_slice));
            if mapping.is_audio() {
                self.close();
                self.streams += 1;
                self.current = mapping.granule_rate().map(|rate| (page.serial, rate));
            }
        } else if let Some((serial, _)) = self.current
            && page.serial == serial
            && let Some(granule) = page.granule
        {
            // Pages of headers say 0.
            let first = self.span.map_or(granule, |(first, _)| first);
            self.span = Some((if first == 0 { granule } else { first }, granule));
        }
    }

    /// A sentence on what there is; `None` if there is nothing.
    pub(super) fn finish(mut self) -> Option<String> {
        self.close();
        let Self { streams, seconds, .. } = self;
        (streams > 0).then(|| {
            format!("streams behind the first one that were not read: {streams}, of {seconds:.1} s")
        })
    }

    fn close(&mut self) {
        if let (Some((_, rate)), Some((first, last))) = (self.current.take(), self.span.take()) {
            // Positions begin at 0, but for a stream that was joined in its middle.
            let origin = if first < MAX_PAGE_SECONDS * i64::from(rate) { 0 } else { first };
            let granules = last.saturating_sub(origin).max(0);
            self.seconds += granules as f64 / f64::from(rate.max(1));
        }
    }
}
