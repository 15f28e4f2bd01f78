//! Elementary stream descriptors: what kind of MPEG stream a track is, and its decoder's
//! configuration (ISO/IEC 14496-1, 7.2.6).

/// What is taken from the descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stream<'a> {
    /// The object type indication.
    pub(super) object_type: u8,
    /// The decoder's configuration.
    pub(super) config: Option<&'a [u8]>,
}

/// Tags of descriptors.
const STREAM: u8 = 3;
const DECODER: u8 = 4;
const CONFIG: u8 = 5;

/// Reads the body of `esds`; `None` if it is broken.
pub(super) fn read(esds: &[u8]) -> Option<Stream<'_>> {
    let stream = find(esds.get(4..)?, STREAM)?;
    let flags = *stream.get(2)?;
    let mut at = 3;
    if flags & 0x80 != 0 {
        at += 2;
    }
    if flags & 0x40 != 0 {
        at += 1 + usize::from(*stream.get(at)?);
    }
    if flags & 0x20 != 0 {
        at += 2;
    }
    let decoder = find(stream.get(at..)?, DECODER)?;
    let config = decoder.get(13..).and_then(|rest| find(rest, CONFIG));
    Some(Stream { object_type: *decoder.first()?, config: config.filter(|c| !c.is_empty()) })
}

/// The body of the first descriptor with a tag.
fn find(mut bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        let (&tag, mut rest) = bytes.split_first()?;
        let mut len = 0_usize;
        for _ in 0..4 {
            let (&more, behind) = rest.split_first()?;
            rest = behind;
            len = len << 7 | usize::from(more & 0x7f);
            if more & 0x80 == 0 {
                break;
            }
        }
        let (body, behind) = rest.split_at(len.min(rest.len()));
        if tag == wanted {
            return Some(body);
        }
        bytes = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::{Stream, read};

    #[test]
    fn lengths_may_be_padded() {
        let short = [
            0, 0, 0, 0, 3, 22, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2,
            0x12, 0x10,
        ];
        let expected = Stream { object_type: 0x40, config: Some(&[0x12, 0x10]) };
        assert_eq!(read(&short), Some(expected));
        let padded = [
            &short[..4],
            &[3, 0x80, 0x80, 0x80, 28],
            &short[6..9],
            &[4, 0x80, 0x80, 0x80, 20],
            &short[11..24],
            &[5, 0x80, 0x80, 0x80, 2],
            &short[26..],
        ]
        .concat();
        assert_eq!(read(&padded), Some(expected));
        assert_eq!(read(&short[..12]).map(|stream| stream.config), Some(None));
        assert_eq!(read(&short[..10]), None);
    }
}
