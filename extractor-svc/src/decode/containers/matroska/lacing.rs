//! Blocks: a track's number, a time, and one or several packets (RFC 9559, section 10).

use super::ebml::number;

/// What a block begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockHead {
    pub(super) track: u64,
    /// Ticks from the cluster's time.
    pub(super) time: i16,
    lacing: u8,
    /// Bytes of the head.
    len: usize,
}

impl BlockHead {
    /// The head of the block that `bytes` begin with.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (track, len) = number(bytes)?;
        let [t0, t1, flags] = *bytes.get(len..)?.first_chunk()?;
        let time = i16::from_be_bytes([t0, t1]);
        Some(Self { track, time, lacing: flags >> 1 & 3, len: len + 3 })
    }

    /// The packets of the whole block `bytes`; `None` if their lengths are not those of the block.
    pub(super) fn packets<'a>(&self, bytes: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        let body = bytes.get(self.len..)?;
        if self.lacing == 0 {
            return Some(vec![body]);
        }
        let (&others, mut rest) = body.split_first()?;
        let others = usize::from(others);
        let lens = match self.lacing {
            1 => xiph_lens(&mut rest, others)?,
            2 => {
                let len = rest.len() / (others + 1);
                (len * (others + 1) == rest.len()).then(|| vec![len; others])?
            }
            _ => ebml_lens(&mut rest, others)?,
        };
        let mut packets = Vec::with_capacity(others + 1);
        for len in lens {
            let packet;
            (packet, rest) = rest.split_at_checked(len)?;
            packets.push(packet);
        }
        packets.push(rest);
        Some(packets)
    }
}

/// Each length is the sum of bytes up to the first that is not 255.
pub(super) fn xiph_lens(rest: &mut &[u8], count: usize) -> Option<Vec<usize>> {
    let mut lens = Vec::with_capacity(count);
    while lens.len() < count {
        let full = rest.iter().take_while(|&&byte| byte == 255).count();
        let (&last, behind) = rest.get(full..)?.split_first()?;
        lens.push(255 * full + usize::from(last));
        *rest = behind;
    }
    Some(lens)
}

/// The first length is a number, each other the difference from the one before, with an offset that
/// makes it positive.
fn ebml_lens(rest: &mut &[u8], count: usize) -> Option<Vec<usize>> {
    let mut lens: Vec<usize> = Vec::with_capacity(count);
    while lens.len() < count {
        let (value, bytes) = number(rest)?;
        let value = i64::try_from(value).ok()?;
        let len = match lens.last() {
            None => value,
            Some(&before) => {
                let offset = (1_i64 << (7 * bytes - 1)) - 1;
                i64::try_from(before).ok()?.checked_add(value - offset)?
            }
        };
        lens.push(usize::try_from(len).ok()?);
        *rest = &rest[bytes..];
    }
    Some(lens)
}

#[cfg(test)]
mod tests {
    use super::BlockHead;

    fn lens(block: &[u8]) -> Option<Vec<usize>> {
        let packets = BlockHead::parse(block)?.packets(block)?;
        Some(packets.into_iter().map(<[u8]>::len).collect())
    }

    #[test]
    fn a_head_has_track_and_time() {
        let head = BlockHead::parse(b"\x40\x81\xff\xfe\x80..").unwrap();
        assert_eq!((head.track, head.time, head.len), (0x81, -2, 5));
        assert_eq!(BlockHead::parse(b"\x81\0\0"), None);
        assert_eq!(BlockHead::parse(b""), None);
    }

    #[test]
    fn laces_of_all_kinds_are_taken_apart() {
        let block = |flags: u8, lace: &[u8], data: usize| {
            [&[0x81, 0, 0, flags][..], lace, &vec![7; data]].concat()
        };
        assert_eq!(lens(&block(0, &[], 9)), Some(vec![9]));
        assert_eq!(lens(&block(2, &[2, 255, 45, 3], 310)), Some(vec![300, 3, 7]));
        assert_eq!(lens(&block(4, &[2], 9)), Some(vec![3, 3, 3]));
        assert_eq!(lens(&block(4, &[2], 10)), None);
        // The example of RFC 9559, section 10.3.3: 800, 500 and 1000 bytes.
        assert_eq!(lens(&block(6, &[2, 0x43, 0x20, 0x5e, 0xd3], 2300)), Some(vec![800, 500, 1000]));
        assert_eq!(lens(&block(6, &[2, 0x43, 0x20, 0x5e, 0xd3], 1299)), None);
        assert_eq!(lens(&block(6, &[2, 0x81, 0x80], 9)), None, "a negative length");
        assert_eq!(lens(&block(2, &[9, 255], 0)), None);
        assert_eq!(lens(&block(4, &[], 0)), None);
    }
}
