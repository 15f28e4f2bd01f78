//! Packets of one logical stream, put together from its pages as libogg does.

use super::page::Page;

/// Most bytes of a packet that are kept. Only comments with pictures come near it, and of those
/// nothing is read; packets of audio have some thousands.
const MAX_PACKET_BYTES: usize = 16 << 20;

/// Joins the segments of a logical stream's pages.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// Number of the page that comes next, known after the first.
    next: Option<u32>,
    /// The packet that goes on with the next page.
    partial: Option<Vec<u8>>,
}

/// The packets that end on a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) packets: Vec<Vec<u8>>,
    /// Pages are missing before this one.
    pub(super) has_hole: bool,
}

impl Assembler {
    /// Takes the stream's next page.
    pub(super) fn take(&mut self, page: &Page) -> Taken {
        let has_hole = self.next.is_some_and(|next| next != page.sequence);
        self.next = Some(page.sequence.wrapping_add(1));
        let kept = self.partial.take().filter(|_| page.is_continued && !has_hole);
        // The rest of a packet whose beginning is lost is left out.
        let mut is_lost = page.is_continued && kept.is_none();
        let (mut packet, mut packets, mut rest) = (kept, Vec::new(), &page.body[..]);
        for &len in &page.segments {
            let Some((segment, behind)) = rest.split_at_checked(len.into()) else { break };
            rest = behind;
            if !is_lost {
                let packet = packet.get_or_insert_default();
                let room = MAX_PACKET_BYTES - packet.len();
                packet.extend_from_slice(&segment[..segment.len().min(room)]);
            }
            if len < 255 {
                packets.extend(packet.take());
                is_lost = false;
            }
        }
        self.partial = packet;
        Taken { packets, has_hole }
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::Page;
    use super::{Assembler, MAX_PACKET_BYTES};

    fn page(sequence: u32, is_continued: bool, segments: &[u8]) -> Page {
        let mut body = Vec::new();
        for (i, &len) in segments.iter().enumerate() {
            body.extend(std::iter::repeat_n(
                (sequence as u8).wrapping_mul(16).wrapping_add(i as u8),
                len.into(),
            ));
        }
        Page { sequence, is_continued, segments: segments.to_vec(), body, ..Page::default() }
    }

    /// Lengths of the packets of each page, and whether pages are missing before it.
    fn check(pages: &[Page], expected: &[(&[usize], bool)]) {
        let mut assembler = Assembler::default();
        for (page, &(lengths, has_hole)) in pages.iter().zip(expected) {
            let taken = assembler.take(page);
            let found: Vec<usize> = taken.packets.iter().map(Vec::len).collect();
            assert_eq!((&found[..], taken.has_hole), (lengths, has_hole), "{}", page.sequence);
        }
    }

    #[test]
    fn packets_end_with_a_short_segment() {
        let pages = [page(0, false, &[3, 255, 0, 255]), page(1, true, &[255]), page(2, true, &[9])];
        check(&pages, &[(&[3, 255], false), (&[], false), (&[519], false)]);
        let mut assembler = Assembler::default();
        assert_eq!(assembler.take(&page(0, false, &[1, 2])).packets, [vec![0], vec![1, 1]]);
    }

    #[test]
    fn what_a_hole_leaves_is_left_out() {
        let pages = [page(0, false, &[255]), page(2, true, &[255, 5, 6]), page(3, false, &[7])];
        check(&pages, &[(&[], false), (&[6], true), (&[7], false)]);
        // A page that ought to go on and does not.
        check(&[page(0, false, &[255]), page(1, false, &[4])], &[(&[], false), (&[4], false)]);
        // A stream that begins within a packet, at any number.
        check(&[page(8, true, &[4, 5]), page(9, false, &[6])], &[(&[5], false), (&[6], false)]);
        check(
            &[page(u32::MAX, false, &[4]), page(0, false, &[5])],
            &[(&[4], false), (&[5], false)],
        );
    }

    #[test]
    fn a_packet_without_end_is_bounded() {
        let mut assembler = Assembler::default();
        for sequence in 0..MAX_PACKET_BYTES as u32 / (255 * 255) + 10 {
            let page = page(sequence % 8, sequence > 0, &[255; 255]);
            let page = Page { sequence, ..page };
            assert!(assembler.take(&page).packets.is_empty());
        }
        assert_eq!(assembler.partial.unwrap().len(), MAX_PACKET_BYTES);
    }
}
