//! Granule positions: what of a page's frames belongs to the audio, and what is missing before.
//!
//! The rules are those of libsndfile 1.2.2 with libvorbis and libopus, through which librosa reads
//! Ogg. A *granule* is a position in the stream, in frames of the codec's own rate; a page states
//! the one at the end of its last complete packet.

use std::num::NonZeroU8;
use std::ops::Range;

/// Most granules that count as missing at one place: a position may be any number.
const MAX_MISSING: i64 = u32::MAX as i64;

/// Follows the positions of a stream's pages.
#[derive(Debug)]
pub(super) struct Clock {
    rules: Rules,
    /// Granules per frame that is decoded.
    step: i64,
    /// Position at the end of the page before, by its own word or by count.
    position: Option<i64>,
    /// Position of the first decoded frame, if the first page says.
    start: Option<i64>,
    has_begun: bool,
    /// Frames that are still to be dropped.
    skip: u64,
    /// Frames at the very end that are not handed out.
    hold: usize,
    /// Frames kept so far, with those that are held back.
    kept: i64,
    /// Pages were lost since the last position that is sure.
    is_adrift: bool,
}

#[derive(Debug)]
enum Rules {
    Vorbis,
    Opus { pre_skip: i64, by_ffmpeg: bool },
    Flac,
}

/// A page on which packets end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) granule: Option<i64>,
    pub(super) is_last: bool,
    /// Pages before it are missing.
    pub(super) has_hole: bool,
    /// Packets end on it.
    pub(super) has_packets: bool,
    /// Frames of all its packets, and of the last one.
    pub(super) frames: usize,
    pub(super) last: usize,
}

/// What is to be done with the frames of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Frames that are left out.
    pub(super) drop: Range<usize>,
    /// Frames from which on nothing is kept.
    pub(super) end: usize,
    /// Frames of the source that are missing before or within the page.
    pub(super) missing: u64,
}

impl Clock {
    pub(super) fn vorbis() -> Self {
        Self::new(Rules::Vorbis, 1)
    }

    pub(super) fn flac() -> Self {
        Self::new(Rules::Flac, 1)
    }

    pub(super) fn opus(pre_skip: u16, divisor: NonZeroU8, by_ffmpeg: bool) -> Self {
        Self::new(Rules::Opus { pre_skip: pre_skip.into(), by_ffmpeg }, divisor.get().into())
    }

    fn new(rules: Rules, step: i64) -> Self {
        Self {
            rules,
            step,
            position: None,
            start: None,
            has_begun: false,
            skip: 0,
            hold: 0,
            kept: 0,
            is_adrift: false,
        }
    }

    /// Frames at the end of what is decoded that are no part of the audio.
    pub(super) fn hold(&self) -> usize {
        self.hold
    }

    /// Takes a page, all packets of which have been decoded.
    pub(super) fn page(&mut self, page: Stamp) -> Cut {
        let span = (page.frames as i64).saturating_mul(self.step);
        let (mut drop, mut before) = (0..0, 0);
        if !self.has_begun {
            self.has_begun = true;
            let extra = self.begin(page, span);
            self.position = self.start;
            // By the numbers of the pages: behind its headers a stream may begin at any position.
            before = self.start.filter(|_| page.has_hole).unwrap_or(0);
            drop = page.frames - page.last..page.frames - page.last + extra.min(page.last);
        }
        self.is_adrift |= page.has_hole;
        // Of a stream that begins within a packet no position is known until a page says one.
        let ends = self.position.map(|position| position.saturating_add(span));
        let missing =
            page.granule.zip(ends).map_or(0, |(granule, ends)| granule.saturating_sub(ends));
        let missing = missing.max(before).clamp(0, MAX_MISSING) / self.step;
        let mut end = page.frames;
        if page.is_last
            && !matches!(self.rules, Rules::Flac)
            && let Some(granule) = page.granule
        {
            // Behind a hole the page's own beginning is not known.
            let position = self.position.filter(|_| !self.is_adrift);
            let by_page =
                position.map_or(i64::MAX, |position| granule.saturating_sub(position) / self.step);
            let room = by_page.min(self.left_until(granule));
            end = usize::try_from(room.max(0)).map_or(end, |room| room.min(end));
        }
        if page.granule.is_some() {
            self.is_adrift = false;
        }
        self.position = page.granule.or(ends);
        if self.skip > 0 {
            let skipped = self.skip.min(end as u64);
            self.skip -= skipped;
            drop = 0..skipped as usize;
        }
        drop = drop.start.min(end)..drop.end.min(end);
        if drop.is_empty() {
            drop = 0..0;
        }
        self.kept += (end - drop.len()) as i64;
        Cut { drop, end, missing: missing as u64 }
    }

    /// Frames that may follow those kept so far, if the stream ends at `granule`: libsndfile reads
    /// as many as lie between the first and the last position, less the pre-skip.
    fn left_until(&self, granule: i64) -> i64 {
        let Some(start) = self.start else { return i64::MAX };
        let whole = granule.saturating_sub(start);
        match self.rules {
            Rules::Opus { pre_skip, by_ffmpeg: false } => {
                let whole = whole.saturating_sub(pre_skip).div_euclid(self.step);
                let held = whole.saturating_add(self.hold as i64);
                held.saturating_add(self.skip as i64).saturating_sub(self.kept)
            }
            Rules::Opus { .. } | Rules::Flac => i64::MAX,
            Rules::Vorbis => whole.saturating_sub(self.kept),
        }
    }

    /// Finds the position of the first frame. Returns how many frames at the start of the page's last
    /// packet are none of the audio.
    fn begin(&mut self, page: Stamp, span: i64) -> usize {
        let offset = page.granule.map(|granule| granule.saturating_sub(span));
        match self.rules {
            // A stream of one page begins at 0 (Vorbis I specification, appendix A.2).
            Rules::Vorbis if page.is_last => {
                self.start = Some(offset.unwrap_or(0).max(0));
                0
            }
            // A first position below what the page holds cuts the beginning. libvorbis notices it
            // with the last packet, when what came before has been taken away.
            Rules::Vorbis => {
                let offset = offset.unwrap_or(0);
                self.start = Some(offset.max(0));
                offset.min(0).unsigned_abs() as usize
            }
            Rules::Flac => {
                self.start = offset;
                0
            }
            Rules::Opus { pre_skip, by_ffmpeg } => {
                self.start = if page.is_last { Some(0) } else { offset };
                // libsndfile skips up to the position `pre_skip`, which a stream that begins later
                // is beyond, and takes as many frames from the end instead.
                let skipped = if by_ffmpeg { 0 } else { self.start.unwrap_or(pre_skip) };
                let skip = (pre_skip - skipped.clamp(0, pre_skip)) / self.step;
                self.skip = skip as u64;
                if !by_ffmpeg && self.start.is_some() {
                    self.hold = (pre_skip / self.step - skip) as usize;
                }
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use super::{Clock, Cut, Stamp};

    /// A page at `granule` with packets of `frames`, of which the last has 100.
    fn page(granule: i64, frames: usize) -> Stamp {
        let granule = Some(granule).filter(|&granule| granule >= 0);
        let last = frames.min(100);
        Stamp { granule, is_last: false, has_hole: false, has_packets: true, frames, last }
    }

    fn last(granule: i64, frames: usize) -> Stamp {
        Stamp { is_last: true, ..page(granule, frames) }
    }

    /// What is dropped, where the page ends, and what is missing, for each page.
    fn check(mut clock: Clock, hold: usize, pages: &[(Stamp, [usize; 3], u64)]) {
        for &(stamp, [from, to, end], missing) in pages {
            assert_eq!(clock.page(stamp), Cut { drop: from..to, end, missing }, "{stamp:?}");
        }
        assert_eq!(clock.hold(), hold);
    }

    fn opus(divisor: u8) -> Clock {
        Clock::opus(312, NonZeroU8::new(divisor).unwrap(), false)
    }

    #[test]
    fn the_last_position_cuts_the_end() {
        let all = [0, 0, 1000];
        check(Clock::vorbis(), 0, &[(page(1000, 1000), all, 0), (last(1500, 600), [0, 0, 500], 0)]);
        check(Clock::vorbis(), 0, &[(last(300, 600), [0, 0, 300], 0)]);
        check(Clock::vorbis(), 0, &[(page(5000, 1000), all, 0), (last(5500, 600), [0, 0, 500], 0)]);
    }

    #[test]
    fn a_position_that_is_not_known_says_nothing() {
        let pages = [
            (page(1000, 1000), [0, 0, 1000], 0),
            (page(-1, 700), [0, 0, 700], 0),
            (page(2400, 700), [0, 0, 700], 0),
            (last(2500, 600), [0, 0, 100], 0),
        ];
        check(Clock::vorbis(), 0, &pages);
        // Its packets count all the same: what is lost behind it is known.
        let pages = [
            (page(1000, 1000), [0, 0, 1000], 0),
            (page(-1, 700), [0, 0, 700], 0),
            (page(3400, 700), [0, 0, 700], 1000),
        ];
        check(Clock::vorbis(), 0, &pages);
    }

    #[test]
    fn a_position_below_the_first_page_cuts_its_last_packet() {
        check(Clock::vorbis(), 0, &[(page(960, 1000), [900, 940, 1000], 0)]);
        check(Clock::vorbis(), 0, &[(page(10, 1000), [900, 1000, 1000], 0)]);
    }

    #[test]
    fn what_is_missing_is_counted() {
        let hole = Stamp { has_hole: true, ..page(3000, 600) };
        let end = Stamp { has_hole: true, ..last(9000, 600) };
        let pages = [
            (page(1000, 1000), [0, 0, 1000], 0),
            (hole, [0, 0, 600], 1400),
            (page(3600, 600), [0, 0, 600], 0),
            // The beginning of the last page is not known, so that nothing is cut.
            (end, [0, 0, 600], 4800),
        ];
        check(Clock::vorbis(), 0, &pages);
        let far =
            [(page(0, 0), [0, 0, 0], 0), (page(i64::MAX, 10), [0, 0, 10], u64::from(u32::MAX))];
        check(Clock::flac(), 0, &far);
    }

    #[test]
    fn a_lost_beginning_is_told_from_a_late_one() {
        let hole = |page: Stamp| Stamp { has_hole: true, ..page };
        check(Clock::vorbis(), 0, &[(hole(page(9000, 600)), [0, 0, 600], 8400)]);
        check(Clock::vorbis(), 0, &[(page(9000, 600), [0, 0, 600], 0)]);
        // Of the frames at the end that Opus gives for it, none are missing.
        check(opus(1), 312, &[(hole(page(9960, 960)), [0, 0, 960], 9000)]);
        check(opus(3), 104, &[(hole(page(9960, 320)), [0, 0, 320], 3000)]);
        check(opus(1), 0, &[(hole(page(960, 960)), [0, 312, 960], 0)]);
        let far = hole(page(i64::MAX, 10));
        check(Clock::flac(), 0, &[(far, [0, 0, 10], u64::from(u32::MAX))]);
    }

    #[test]
    fn opus_skips_what_the_decoder_needs_to_settle() {
        check(opus(1), 0, &[(page(960, 960), [0, 312, 960], 0), (last(1500, 960), [0, 0, 540], 0)]);
        check(
            opus(1),
            0,
            &[(page(120, 120), [0, 120, 120], 0), (page(960, 840), [0, 192, 840], 0)],
        );
        check(opus(3), 0, &[(page(960, 320), [0, 104, 320], 0), (last(1500, 320), [0, 0, 180], 0)]);
        // Of one page, which begins at 0.
        check(opus(1), 0, &[(last(900, 960), [0, 312, 900], 0)]);
    }

    #[test]
    fn opus_that_begins_later_gives_its_end_for_it() {
        check(opus(1), 312, &[(page(9960, 960), [0, 0, 960], 0)]);
        check(opus(1), 200, &[(page(1160, 960), [0, 112, 960], 0)]);
        // Without a first position nothing is skipped.
        check(opus(1), 0, &[(page(-1, 960), [0, 0, 960], 0)]);
        // ffmpeg skips it all the same.
        let clock = Clock::opus(312, NonZeroU8::MIN, true);
        check(clock, 0, &[(page(9960, 960), [0, 312, 960], 0)]);
    }
}
