//! A walk over one packet of AAC (`raw_data_block` of ISO/IEC 14496-3, 4.4.2): where its elements
//! begin and end, and what rides in its fill elements. Nothing is decoded.
//!
//! Spectral band replication may be said nowhere but in a fill element, which comes behind the
//! elements of channels, and those have no length. So they are parsed, bit by bit.

use super::bands::{self, Bands};
use super::bits::Bits;
use super::books::{self, SCALE_FACTORS};

/// Most elements of a packet.
const MAX_ELEMENTS: usize = 64;

/// Codebook numbers with another meaning than a book (4.6.3.3, 4.6.13, 4.6.8.2).
const ZERO: u8 = 0;
const RESERVED: u8 = 12;
const NOISE: u8 = 13;
const INTENSITIES: [u8; 2] = [14, 15];

/// Extension types of spectral band replication, without and with a checksum (table 4.121).
const REPLICATIONS: [u32; 2] = [13, 14];

/// Elements of one packet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// Those that carry channels, in their order.
    pub(super) channels: Vec<Element>,
    /// Spectral band replication rides along.
    pub(super) has_replication: bool,
}

/// An element that carries one channel or a pair, as bits of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) is_pair: bool,
    /// Has bands of noise, which the decoder makes (perceptual noise substitution).
    pub(super) has_noise: bool,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Why a packet was not walked to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It ends early, or breaks a rule.
    Broken,
    /// It uses what is not decoded.
    Foreign(&'static str),
}

/// Walks over a packet of low complexity at `sample_rate`, with frames of 1024 samples.
pub(super) fn walk(packet: &[u8], sample_rate: u32) -> Result<Block, Stop> {
    let mut walk =
        Walk { bits: Bits::new(packet), bands: bands::of(sample_rate), has_noise: false };
    let mut block = Block::default();
    for _ in 0..MAX_ELEMENTS {
        let from = walk.bits.position();
        walk.has_noise = false;
        let is_pair = match walk.read(3)? {
            // A single channel, low frequencies alone, and a pair.
            0 | 3 => {
                walk.read(4)?;
                walk.channel(None)?;
                false
            }
            1 => {
                walk.read(4)?;
                walk.pair()?;
                true
            }
            2 => return Err(Stop::Foreign("coupling channels")),
            4 => {
                walk.data()?;
                continue;
            }
            5 => {
                walk.program()?;
                continue;
            }
            6 => {
                block.has_replication |= walk.fill()?;
                continue;
            }
            _ => return Ok(block),
        };
        let (has_noise, to) = (walk.has_noise, walk.bits.position());
        block.channels.push(Element { is_pair, has_noise, from, to });
    }
    Err(Stop::Broken)
}

struct Walk<'a> {
    bits: Bits<'a>,
    bands: Bands,
    /// The element so far has bands of noise.
    has_noise: bool,
}

/// Form of the windows of a channel (`ics_info`).
#[derive(Debug, Clone)]
struct Windows {
    is_short: bool,
    /// Windows of each group.
    groups: Vec<usize>,
    bands: usize,
}

impl Walk<'_> {
    fn read(&mut self, count: usize) -> Result<u32, Stop> {
        self.bits.read(count).ok_or(Stop::Broken)
    }

    fn flag(&mut self) -> Result<bool, Stop> {
        Ok(self.read(1)? == 1)
    }

    fn skip(&mut self, count: usize) -> Result<(), Stop> {
        self.bits.skip(count).ok_or(Stop::Broken)
    }

    fn pair(&mut self) -> Result<(), Stop> {
        let mut common = None;
        if self.flag()? {
            let windows = self.windows()?;
            match self.read(2)? {
                1 => self.skip(windows.groups.len() * windows.bands)?,
                3 => return Err(Stop::Broken),
                _ => {}
            }
            common = Some(windows);
        }
        self.channel(common.as_ref())?;
        self.channel(common.as_ref())
    }

    /// Skips `individual_channel_stream`.
    fn channel(&mut self, common: Option<&Windows>) -> Result<(), Stop> {
        self.skip(8)?;
        let own;
        let windows = match common {
            Some(common) => common,
            None => {
                own = self.windows()?;
                &own
            }
        };
        let sections = self.sections(windows)?;
        self.scale_factors(&sections)?;
        if self.flag()? {
            if windows.is_short {
                return Err(Stop::Broken);
            }
            let pulses = self.read(2)? as usize + 1;
            self.skip(6 + pulses * 9)?;
        }
        if self.flag()? {
            self.noise_shaping(windows)?;
        }
        if self.flag()? {
            return Err(Stop::Foreign("gain control (AAC SSR)"));
        }
        self.spectrum(windows, &sections)
    }

    fn windows(&mut self) -> Result<Windows, Stop> {
        if self.flag()? {
            return Err(Stop::Broken);
        }
        let is_short = self.read(2)? == 2;
        self.skip(1)?;
        let mut groups = vec![1];
        let bands = self.read(if is_short { 4 } else { 6 })? as usize;
        if is_short {
            for _ in 0..7 {
                match groups.last_mut() {
                    Some(group) if self.flag()? => *group += 1,
                    _ => groups.push(1),
                }
            }
        } else if self.flag()? {
            return Err(Stop::Foreign("prediction (AAC Main or LTP)"));
        }
        if bands > self.ends(is_short).len() {
            return Err(Stop::Broken);
        }
        Ok(Windows { is_short, groups, bands })
    }

    fn ends(&self, is_short: bool) -> &'static [u16] {
        if is_short { self.bands.short } else { self.bands.long }
    }

    /// The codebook number of each band, group after group.
    fn sections(&mut self, windows: &Windows) -> Result<Vec<u8>, Stop> {
        let len_bits = if windows.is_short { 3 } else { 5 };
        let mut numbers = Vec::with_capacity(windows.groups.len() * windows.bands);
        for group in 1..=windows.groups.len() {
            while numbers.len() < group * windows.bands {
                let number = self.read(4)? as u8;
                if number == RESERVED {
                    return Err(Stop::Broken);
                }
                self.has_noise |= number == NOISE;
                let mut len = 0;
                loop {
                    let more = self.read(len_bits)?;
                    len += more as usize;
                    if more + 1 < 1 << len_bits {
                        break;
                    }
                }
                let until = numbers.len() + len;
                if until > group * windows.bands {
                    return Err(Stop::Broken);
                }
                numbers.resize(until, number);
            }
        }
        Ok(numbers)
    }

    fn scale_factors(&mut self, sections: &[u8]) -> Result<(), Stop> {
        let mut is_first_noise = true;
        for &number in sections {
            match number {
                ZERO => {}
                NOISE if is_first_noise => {
                    is_first_noise = false;
                    self.skip(9)?;
                }
                _ => SCALE_FACTORS.skip(&mut self.bits).ok_or(Stop::Broken)?,
            }
        }
        Ok(())
    }

    /// Skips `tns_data`.
    fn noise_shaping(&mut self, windows: &Windows) -> Result<(), Stop> {
        let (count, filters, len, order) =
            if windows.is_short { (8, 1, 4, 3) } else { (1, 2, 6, 5) };
        for _ in 0..count {
            let filters = self.read(filters)?;
            let wide = if filters > 0 { self.read(1)? as usize } else { 0 };
            for _ in 0..filters {
                self.skip(len)?;
                let order = self.read(order)? as usize;
                if order > 0 {
                    self.skip(1)?;
                    let is_compressed = self.read(1)? as usize;
                    self.skip(order * (3 + wide - is_compressed))?;
                }
            }
        }
        Ok(())
    }

    fn spectrum(&mut self, windows: &Windows, sections: &[u8]) -> Result<(), Stop> {
        let ends = self.ends(windows.is_short);
        for (group, count) in windows.groups.iter().enumerate() {
            let mut from = 0;
            for (band, &end) in ends.iter().take(windows.bands).enumerate() {
                let number = sections[group * windows.bands + band];
                let width = usize::from(end - from);
                from = end;
                if number == ZERO || number == NOISE || INTENSITIES.contains(&number) {
                    continue;
                }
                let book = books::spectral(number.into()).ok_or(Stop::Broken)?;
                for _ in 0..count * width / book.dimension {
                    book.skip(&mut self.bits).ok_or(Stop::Broken)?;
                }
            }
        }
        Ok(())
    }

    /// Skips `data_stream_element`.
    fn data(&mut self) -> Result<(), Stop> {
        self.skip(4)?;
        let is_aligned = self.flag()?;
        let mut len = self.read(8)?;
        if len == 255 {
            len += self.read(8)?;
        }
        if is_aligned {
            self.bits.align().ok_or(Stop::Broken)?;
        }
        self.skip(8 * len as usize)
    }

    fn program(&mut self) -> Result<(), Stop> {
        super::config::program(&mut self.bits).map(|_| ()).ok_or(Stop::Broken)
    }

    /// Skips `fill_element`; returns whether it carries spectral band replication.
    fn fill(&mut self) -> Result<bool, Stop> {
        let mut len = self.read(4)? as usize;
        if len == 15 {
            len = (len + self.read(8)? as usize).saturating_sub(1);
        }
        if len == 0 {
            return Ok(false);
        }
        let kind = self.read(4)?;
        self.skip(8 * len - 4)?;
        Ok(REPLICATIONS.contains(&kind))
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Element, Stop, walk};
    use crate::decode::codecs::aac::bits::BitWriter;

    fn written(fields: &[(u32, usize)]) -> Vec<u8> {
        let mut bits = BitWriter::default();
        for &(value, count) in fields {
            bits.write(value, count);
        }
        bits.into_bytes()
    }

    /// A single channel without a band.
    const SILENCE: [(u32, usize); 8] =
        [(0, 3), (0, 4), (0, 8), (0, 4), (0, 6), (0, 1), (0, 2), (0, 1)];

    #[test]
    fn replication_is_found_behind_the_channels() {
        let check = |rest: &[(u32, usize)], expected| {
            let packet = written(&[&SILENCE[..], rest].concat());
            assert_eq!(walk(&packet, 22_050).map(|block| block.has_replication), expected);
        };
        check(&[(7, 3)], Ok(false));
        check(&[(6, 3), (2, 4), (13, 4), (0, 12), (7, 3)], Ok(true));
        check(&[(6, 3), (2, 4), (14, 4), (0, 12), (7, 3)], Ok(true));
        check(&[(6, 3), (2, 4), (0, 4), (0, 12), (7, 3)], Ok(false));
        check(&[(6, 3), (0, 4), (7, 3)], Ok(false));
        check(&[(4, 3), (0, 4), (1, 1), (1, 8), (0, 4), (0xff, 8), (7, 3)], Ok(false));
        check(&[(6, 3), (15, 4), (255, 8)], Err(Stop::Broken));
        check(&[(2, 3)], Err(Stop::Foreign("coupling channels")));
        check(&[(0, 3)], Err(Stop::Broken));
    }

    #[test]
    fn elements_are_known_by_their_bits() {
        let packet = written(&[&SILENCE[..], &SILENCE, &[(7, 3)]].concat());
        let element = |from| Element { is_pair: false, has_noise: false, from, to: from + 29 };
        let channels = vec![element(0), element(29)];
        assert_eq!(walk(&packet, 44_100), Ok(Block { channels, has_replication: false }));
    }
}
