//! Packets of several streams: all but the last say their own length (RFC 6716, appendix B).

/// Bits of the byte that counts frames in a packet of code 3 (RFC 6716, section 3.2.5).
const IS_VARIABLE: u8 = 0x80;
const HAS_PADDING: u8 = 0x40;
const COUNT: u8 = 0x3f;

/// Replaces `packet` by the first stream's packet in the form without a length of its own, and
/// returns what is behind it; `None` if it is cut.
pub(super) fn split<'a>(data: &'a [u8], packet: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut head = Head { data, at: 1 };
    let body;
    // The added length is always the last one.
    let added = match data.first()? & 3 {
        0 => {
            body = head.size()?;
            1
        }
        1 => {
            body = 2 * head.size()?;
            1
        }
        2 => {
            let first = head.size()?;
            let added = head.at;
            body = first + head.size()?;
            added
        }
        _ => {
            let count = head.byte()?;
            let padding = if count & HAS_PADDING != 0 { head.padding()? } else { 0 };
            let frames = usize::from(count & COUNT);
            let mut listed = 0;
            if count & IS_VARIABLE != 0 {
                for _ in 1..frames {
                    listed += head.size()?;
                }
            }
            let added = head.at;
            let size = head.size()?;
            let sizes = if count & IS_VARIABLE != 0 { listed + size } else { frames * size };
            body = sizes.checked_add(padding)?;
            added
        }
    };
    let frames = data.get(head.at..)?;
    let (frames, rest) = frames.split_at_checked(body)?;
    packet.clear();
    packet.extend_from_slice(&data[..added]);
    packet.extend_from_slice(frames);
    Some(rest)
}

struct Head<'a> {
    data: &'a [u8],
    at: usize,
}

impl Head<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.data.get(self.at)?;
        self.at += 1;
        Some(*byte)
    }

    /// Bytes of a frame, in one byte or two (section 3.2.1).
    fn size(&mut self) -> Option<usize> {
        let size = usize::from(self.byte()?);
        if size < 252 { Some(size) } else { Some(size + 4 * usize::from(self.byte()?)) }
    }

    /// Bytes of padding; a byte of 255 stands for 254 and says that another follows.
    fn padding(&mut self) -> Option<usize> {
        let mut padding = 0;
        loop {
            match self.byte()? {
                255 => padding += 254,
                last => return Some(padding + usize::from(last)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    fn check(data: &[u8], packet: &[u8], rest: &[u8]) {
        let mut found = b"old".to_vec();
        assert_eq!(split(data, &mut found), Some(rest), "{data:?}");
        assert_eq!(found, packet);
        // Every byte of the packet is needed.
        for end in 0..data.len() - rest.len() {
            assert_eq!(split(&data[..end], &mut found), None, "{end} of {data:?}");
        }
    }

    #[test]
    fn the_added_length_is_left_out() {
        check(&[0, 2, 7, 8, 99], &[0, 7, 8], &[99]);
        check(&[0, 0], &[0], &[]);
        check(&[1, 2, 5, 6, 7, 8, 99, 98], &[1, 5, 6, 7, 8], &[99, 98]);
        check(&[2, 1, 2, 7, 8, 9, 99], &[2, 1, 7, 8, 9], &[99]);
        // Three frames of two bytes each, with two bytes of padding.
        let packet = [3, 0x43, 2, 1, 2, 3, 4, 5, 6, 0, 0];
        check(&[&[3, 0x43, 2, 2], &packet[3..], &[99]].concat(), &packet, &[99]);
        // Frames of 1, 2 and 3 bytes.
        check(&[3, 0x83, 1, 2, 3, 1, 2, 2, 3, 3, 3, 99], &[3, 0x83, 1, 2, 1, 2, 2, 3, 3, 3], &[99]);
        // A frame of 252 + 4 bytes, and padding of 254 + 1.
        let frame = [4; 256];
        check(&[&[0, 252, 1], &frame[..], &[99]].concat(), &[&[0], &frame[..]].concat(), &[99]);
        let padded = [&[3, 0x41, 255, 1, 1, 9], &[0; 255][..], &[99]].concat();
        let packet = [&[3, 0x41, 255, 1, 9], &[0; 255][..]].concat();
        check(&padded, &packet, &[99]);
    }
}
