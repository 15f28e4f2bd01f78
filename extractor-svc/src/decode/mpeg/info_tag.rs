//! The Xing/Info frame that encoders write first: how many frames follow, and how many samples at
//! either end are the encoder's own.
//!
//! The layout is that of the LAME tag specification (gabriel.mp3-tech.org/mp3infotag.html).

use super::header::{Header, Layer};

/// Samples by which a layer III decoder itself is late (528 of the filter bank, and one).
const DECODER_DELAY: u64 = 529;

/// What an Info frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InfoTag {
    /// Frames that follow, if stated.
    pub(super) frames: Option<u32>,
    /// Samples that the encoder put in front.
    delay: u32,
    /// Samples that the encoder added at the end.
    padding: u32,
}

impl InfoTag {
    /// Reads the tag of a frame; `None` if it is an audio frame.
    pub(super) fn parse(header: &Header, frame: &[u8]) -> Option<Self> {
        if header.layer != Layer::Three {
            return None;
        }
        // Some encoders count the checksum's two bytes, some do not.
        let side_info = header.side_info();
        let name_at = |at: usize| matches!(frame.get(at..at + 4), Some(b"Xing" | b"Info"));
        let at = [side_info.end, 4 + side_info.len()].into_iter().find(|&at| name_at(at))?;
        // Audio that happens to contain the word has a side information.
        if frame[side_info.start.min(at)..at].iter().any(|&byte| byte != 0) {
            return None;
        }
        let mut rest = frame.get(at + 4..)?;
        let flags = take_u32(&mut rest)?;
        let frames = if flags & 1 != 0 { Some(take_u32(&mut rest)?) } else { None };
        let unread = [(2, 4), (4, 100), (8, 4)].iter().filter(|(flag, _)| flags & flag != 0);
        rest = rest.get(unread.map(|(_, len)| len).sum::<usize>()..).unwrap_or_default();
        // The encoder's part: 9 bytes of name, 12 of other matters, then two 12-bit numbers.
        let (mut delay, mut padding) = (0, 0);
        if let Some(&[a, b, c]) = rest.get(21..24)
            && rest[0] != 0
        {
            delay = u32::from(a) << 4 | u32::from(b) >> 4;
            padding = (u32::from(b) & 0xf) << 8 | u32::from(c);
        }
        Some(Self { frames: frames.filter(|&frames| frames > 0), delay, padding })
    }

    /// First and end sample of the music, counted in decoded samples, as mpg123 cuts it. Without
    /// a count of frames nothing is cut; with one, the decoder's delay is, whatever the encoder.
    pub(super) fn music(&self, header: &Header) -> Option<(u64, u64)> {
        let samples = u64::from(self.frames?) * header.frame_samples() as u64;
        let end = (samples + DECODER_DELAY).saturating_sub(self.padding.into());
        Some((DECODER_DELAY + u64::from(self.delay), end))
    }
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (number, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    Some(u32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::{Header, InfoTag};

    const HEADER: [u8; 4] = [0xff, 0xfb, 0x90, 0x64];

    fn frame(name: &[u8; 4], flags: u32, numbers: &[u32], encoder: &[u8]) -> Vec<u8> {
        let mut frame = HEADER.to_vec();
        frame.resize(4 + 32, 0);
        frame.extend_from_slice(name);
        frame.extend_from_slice(&flags.to_be_bytes());
        frame.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        frame.extend_from_slice(encoder);
        frame.resize(417, 0);
        frame
    }

    fn check(frame: &[u8], expected: Option<Option<(u64, u64)>>) {
        let header = Header::parse(HEADER).unwrap();
        let got = InfoTag::parse(&header, frame).map(|tag| tag.music(&header));
        assert_eq!(got, expected);
    }

    #[test]
    fn the_music_lies_between_delay_and_padding() {
        let mut encoder = b"LAME3.100".to_vec();
        encoder.resize(21, 0);
        encoder.extend_from_slice(&[0x24, 0x03, 0xe8]);
        // Delay 576, padding 1000.
        let music = (529 + 576, 10 * 1152 + 529 - 1000);
        check(&frame(b"Info", 1, &[10], &encoder), Some(Some(music)));
        check(&frame(b"Xing", 0xb, &[10, 5000, 50], &encoder), Some(Some(music)));
        check(&frame(b"Xing", 1, &[10], &[]), Some(Some((529, 10 * 1152 + 529))));
        check(&frame(b"Xing", 1, &[0], &encoder), Some(None));
        check(&frame(b"Xing", 2, &[5000], &encoder), Some(None));
    }

    #[test]
    fn audio_is_no_tag() {
        check(&frame(b"Blah", 1, &[10], &[]), None);
        let mut audio = frame(b"Xing", 1, &[10], &[]);
        audio[10] = 1;
        check(&audio, None);
        check(&frame(b"Xing", 1, &[10], &[])[..42], None);
    }
}
