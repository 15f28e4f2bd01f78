//! The decoder's configuration: `AudioSpecificConfig` of ISO/IEC 14496-3 (1.6.2.1), and by it which
//! kinds of AAC are not decoded.

use super::bits::{BitWriter, Bits};

/// Rates by their index (table 1.18).
pub(in crate::decode) const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// Index of a rate that is written out.
const ESCAPED_RATE: u32 = 15;

/// Object type of low complexity.
const LOW_COMPLEXITY: u32 = 2;

/// Object types of spectral band replication and of parametric stereo.
const SBR: u32 = 5;
const PARAMETRIC_STEREO: u32 = 29;

/// Begins the backward compatible extension for spectral band replication.
const SBR_SYNC: u32 = 0x2b7;

/// Begins the one for parametric stereo.
const PARAMETRIC_STEREO_SYNC: u32 = 0x548;

/// What is said of spectral band replication outside the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replication {
    /// Nothing: the first packets decide.
    Unsaid,
    Absent,
    Present,
    /// With parametric stereo.
    WithParametricStereo,
}

/// An audio configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    /// Object type of the core (table 1.17).
    pub(super) object_type: u32,
    /// Rate of the core in hertz.
    pub(super) sample_rate: u32,
    /// Channels; `None` if the packets say it.
    pub(super) channels: Option<usize>,
    /// Whether a frame has 960 samples instead of 1024.
    pub(super) is_short: bool,
    pub(super) replication: Replication,
}

/// Whether a configuration of two bytes, as the headers of ADTS make it, says no number of channels.
pub(super) fn leaves_channels_to_frames(config: &[u8]) -> bool {
    matches!(*config, [a, b] if u16::from_be_bytes([a, b]) >> 3 & 0xf == 0)
}

impl Config {
    /// Reads a configuration; `None` if it ends early or is none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(bytes);
        let mut object_type = object_type(&mut bits)?;
        let sample_rate = rate(&mut bits)?;
        let mut channels = channels(bits.read(4)?)?;
        let mut replication = Replication::Unsaid;
        if object_type == SBR || object_type == PARAMETRIC_STEREO {
            replication = if object_type == SBR {
                Replication::Present
            } else {
                Replication::WithParametricStereo
            };
            rate(&mut bits)?;
            object_type = self::object_type(&mut bits)?;
        }
        let mut config = Self { object_type, sample_rate, channels, is_short: false, replication };
        // Of what follows, only the configuration of the general coder is of interest.
        if !matches!(object_type, 1..=4 | 17 | 19 | 23) {
            return Some(config);
        }
        config.is_short = bits.flag()?;
        if bits.flag()? {
            bits.skip(14)?;
        }
        let is_extended = bits.flag()?;
        if channels.is_none() {
            channels = program(&mut bits)?;
            config.channels = channels;
        }
        if is_extended {
            if matches!(object_type, 17 | 19 | 23) {
                bits.skip(3)?;
            }
            bits.skip(1)?;
        }
        if replication == Replication::Unsaid && object_type <= 4 {
            config.replication = extension(bits, sample_rate).unwrap_or(Replication::Unsaid);
        }
        Some(config)
    }

    /// Low complexity with nothing added, as it is where packets come without a configuration.
    pub(super) fn plain(sample_rate: u32, channels: Option<usize>) -> Self {
        Self {
            object_type: LOW_COMPLEXITY,
            sample_rate,
            channels,
            is_short: false,
            replication: Replication::Unsaid,
        }
    }

    /// Why this is not decoded, by name; `None` if it is.
    pub(super) fn obstacle(&self) -> Option<&'static str> {
        match self.replication {
            Replication::Present => return Some(HE_AAC),
            Replication::WithParametricStereo => return Some(HE_AAC_V2),
            Replication::Unsaid | Replication::Absent => {}
        }
        match self.object_type {
            LOW_COMPLEXITY if self.is_short => Some("frames of 960 samples"),
            LOW_COMPLEXITY => None,
            1 => Some("AAC Main"),
            3 => Some("AAC SSR"),
            4 => Some("AAC LTP"),
            6 => Some("AAC Scalable"),
            7 => Some("TwinVQ"),
            8 => Some("CELP"),
            9 => Some("HVXC"),
            17 => Some("ER AAC LC"),
            19 => Some("ER AAC LTP"),
            20 => Some("ER AAC Scalable"),
            22 => Some("BSAC"),
            23 => Some("AAC-LD"),
            30 => Some("MPEG Surround"),
            32..=34 => Some("MPEG-1 audio in MPEG-4"),
            35 => Some("DST"),
            36 => Some("MPEG-4 ALS"),
            37 | 38 => Some("MPEG-4 SLS"),
            39 => Some("AAC-ELD"),
            42 => Some("xHE-AAC"),
            _ => Some("an MPEG-4 object type that is not AAC LC"),
        }
    }

    /// The shortest configuration of low complexity for one or two channels at this rate.
    pub(super) fn minimal(sample_rate: u32, channels: usize) -> Vec<u8> {
        let mut bits = BitWriter::default();
        bits.write(LOW_COMPLEXITY, 5);
        match RATES.iter().position(|&rate| rate == sample_rate) {
            Some(index) => bits.write(index as u32, 4),
            None => {
                bits.write(ESCAPED_RATE, 4);
                bits.write(sample_rate, 24);
            }
        }
        bits.write(channels as u32, 4);
        bits.write(0, 3);
        bits.into_bytes()
    }
}

/// Name of low complexity with spectral band replication.
pub(super) const HE_AAC: &str = "HE-AAC";

/// Name of the same with parametric stereo.
pub(super) const HE_AAC_V2: &str = "HE-AAC v2";

fn object_type(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.read(5)? {
        31 => Some(32 + bits.read(6)?),
        kind => Some(kind),
    }
}

fn rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.read(4)? {
        ESCAPED_RATE => bits.read(24).filter(|&rate| rate > 0),
        index => RATES.get(index as usize).copied(),
    }
}

/// Channels by the configuration's number (table 1.19); an inner `None` if a program says it.
fn channels(number: u32) -> Option<Option<usize>> {
    match number {
        0 => Some(None),
        1..=6 => Some(Some(number as usize)),
        7 | 12 | 14 => Some(Some(8)),
        11 => Some(Some(7)),
        13 => Some(Some(24)),
        _ => None,
    }
}

/// Channels by a program configuration element (4.4.1.1).
pub(super) fn program(bits: &mut Bits<'_>) -> Option<Option<usize>> {
    bits.skip(4 + 2 + 4)?;
    let [front, side, back] = [bits.read(4)?, bits.read(4)?, bits.read(4)?];
    let [lfe, data, coupling] = [bits.read(2)?, bits.read(3)?, bits.read(4)?];
    for mixdown_bits in [4, 4, 3] {
        if bits.flag()? {
            bits.skip(mixdown_bits)?;
        }
    }
    let mut channels = lfe as usize;
    for _ in 0..front + side + back {
        channels += if bits.flag()? { 2 } else { 1 };
        bits.skip(4)?;
    }
    bits.skip(4 * (lfe + data) as usize + 5 * coupling as usize)?;
    bits.align()?;
    let comment = bits.read(8)?;
    bits.skip(8 * comment as usize)?;
    Some(Some(channels))
}

/// The backward compatible extension behind the core's configuration (1.6.6.1).
fn extension(mut bits: Bits<'_>, sample_rate: u32) -> Option<Replication> {
    // Encoders pad; ffmpeg looks for the word at every bit, too.
    while bits.left() >= 16 {
        let mut ahead = bits.clone();
        if ahead.read(11)? != SBR_SYNC {
            bits.skip(1)?;
            continue;
        }
        if !matches!(object_type(&mut ahead)?, SBR | 22) {
            return None;
        }
        if !ahead.flag()? {
            return Some(Replication::Absent);
        }
        let rate = rate(&mut ahead)?;
        if ahead.read(11) == Some(PARAMETRIC_STEREO_SYNC) && ahead.flag() == Some(true) {
            return Some(Replication::WithParametricStereo);
        }
        // The same rate twice says nothing: the replication may be of the downsampled kind.
        return (rate != sample_rate).then_some(Replication::Present);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{BitWriter, Config, Replication};

    fn written(fields: &[(u32, usize)]) -> Vec<u8> {
        let mut bits = BitWriter::default();
        for &(value, count) in fields {
            bits.write(value, count);
        }
        bits.into_bytes()
    }

    #[test]
    fn every_way_to_say_replication_is_heard() {
        let check = |fields: &[(u32, usize)], expected| {
            assert_eq!(Config::read(&written(fields)).unwrap().replication, expected);
        };
        // Low complexity at 22,050 Hz, two channels, and what follows it.
        let core = [(2, 5), (7, 4), (2, 4), (0, 3)];
        let behind = |more: &[(u32, usize)]| [&core[..], more].concat();
        check(&core, Replication::Unsaid);
        check(&behind(&[(0x2b7, 11), (5, 5), (0, 1)]), Replication::Absent);
        check(&behind(&[(0x2b7, 11), (5, 5), (1, 1), (4, 4)]), Replication::Present);
        check(&behind(&[(0, 5), (0x2b7, 11), (5, 5), (1, 1), (4, 4)]), Replication::Present);
        check(&behind(&[(0x2b7, 11), (5, 5), (1, 1), (7, 4)]), Replication::Unsaid);
        let stereo = [(0x2b7, 11), (5, 5), (1, 1), (4, 4), (0x548, 11), (1, 1)];
        check(&behind(&stereo), Replication::WithParametricStereo);
        // Hierarchical: the outer type first.
        check(&[(5, 5), (7, 4), (2, 4), (4, 4), (2, 5), (0, 3)], Replication::Present);
        let both = [(29, 5), (7, 4), (1, 4), (4, 4), (2, 5), (0, 3)];
        check(&both, Replication::WithParametricStereo);
    }

    #[test]
    fn kinds_that_are_not_decoded_are_named() {
        let check = |fields: &[(u32, usize)], expected| {
            assert_eq!(Config::read(&written(fields)).unwrap().obstacle(), expected);
        };
        check(&[(2, 5), (4, 4), (2, 4), (0, 3)], None);
        check(&[(2, 5), (4, 4), (2, 4), (4, 3)], Some("frames of 960 samples"));
        check(&[(1, 5), (4, 4), (2, 4), (0, 3)], Some("AAC Main"));
        check(&[(23, 5), (4, 4), (2, 4), (0, 3)], Some("AAC-LD"));
        check(&[(31, 5), (7, 6), (4, 4), (2, 4)], Some("AAC-ELD"));
        check(&[(31, 5), (10, 6), (4, 4), (2, 4)], Some("xHE-AAC"));
        assert_eq!(Config::read(&[0x12]), None);
    }

    #[test]
    fn channels_may_come_from_a_program() {
        let one_pair = [(0, 10), (1, 4), (0, 8), (0, 2), (0, 3), (0, 4), (0, 3), (1, 1), (0, 4)];
        let fields = [&[(2, 5), (4, 4), (0, 4), (0, 3)][..], &one_pair, &[(0, 5), (0, 8)]].concat();
        let config = Config::read(&written(&fields)).unwrap();
        assert_eq!((config.channels, config.obstacle()), (Some(2), None));
    }

    #[test]
    fn a_minimal_configuration_reads_back() {
        for (rate, channels) in [(44_100, 2), (12_345, 1)] {
            let read = Config::read(&Config::minimal(rate, channels)).unwrap();
            assert_eq!(read, Config::plain(rate, Some(channels)));
        }
    }
}
