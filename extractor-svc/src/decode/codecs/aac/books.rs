//! Huffman codebooks of AAC (ISO/IEC 14496-3, 4.A.1), as far as the length of what is coded hangs
//! on them: no value is decoded.
//!
//! All of them are canonical: words of one length follow each other, shorter ones first. So the
//! number of words of each length is the whole code, and what follows a word (signs, escapes) is
//! listed in the order of the words.

use super::bits::Bits;

/// A codebook.
pub(super) struct Book {
    /// Coefficients that a word stands for.
    pub(super) dimension: usize,
    /// Words of each length, from one bit on.
    counts: &'static [u16],
    /// What follows each word, in the words' order; empty if nothing ever does. A digit is a number
    /// of signs; `a` is two signs and an escape, `b` two and two, `c` one and one.
    tails: &'static [u8],
}

impl Book {
    /// Skips a word and what follows it. `None` at the end of the bits, or if an escape is too long.
    pub(super) fn skip(&self, bits: &mut Bits<'_>) -> Option<()> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in self.counts {
            let count = u32::from(count);
            code = code << 1 | bits.read(1)?;
            first <<= 1;
            if code - first < count {
                let word = (index + code - first) as usize;
                return self.tails.get(word).map_or(Some(()), |&tail| skip_tail(tail, bits));
            }
            first += count;
            index += count;
        }
        // The codes are complete: all bits are spent on some word.
        None
    }
}

fn skip_tail(tail: u8, bits: &mut Bits<'_>) -> Option<()> {
    let (signs, escapes) = match tail {
        b'a' => (2, 1),
        b'b' => (2, 2),
        b'c' => (1, 1),
        digit => (usize::from(digit - b'0'), 0),
    };
    bits.skip(signs)?;
    for _ in 0..escapes {
        let mut ones = 0;
        while bits.flag()? {
            ones += 1;
        }
        // Values end at 8191 (4.6.3.3).
        if ones > 8 {
            return None;
        }
        bits.skip(ones + 4)?;
    }
    Some(())
}

/// The codebook of scale factors.
pub(super) static SCALE_FACTORS: Book = Book {
    dimension: 1,
    counts: &[1, 0, 1, 3, 2, 4, 3, 5, 4, 6, 6, 6, 5, 8, 4, 7, 3, 7, 46],
    tails: b"",
};

/// The codebook of spectral coefficients with a number, from 1 on; none beyond 11.
pub(super) fn spectral(number: usize) -> Option<&'static Book> {
    SPECTRAL.get(number.checked_sub(1)?)
}

static SPECTRAL: [Book; 11] = [
    Book { dimension: 4, counts: &[1, 0, 0, 0, 8, 0, 24, 0, 24, 8, 16], tails: b"" },
    Book { dimension: 4, counts: &[0, 0, 1, 1, 7, 24, 15, 19, 14], tails: b"" },
    Book {
        dimension: 4,
        counts: &[1, 0, 0, 4, 2, 6, 3, 5, 15, 15, 8, 9, 3, 3, 5, 2],
        tails: b"01111222223234331122323233122122433432324433233322324334423333334444223343444323\
                 3",
    },
    Book {
        dimension: 4,
        counts: &[0, 0, 0, 10, 6, 0, 9, 21, 8, 14, 11, 2],
        tails: b"43333120222212114444333333333333222222222222111144444433333333343334442222224333\
                 3",
    },
    Book { dimension: 2, counts: &[1, 0, 0, 4, 4, 0, 4, 12, 12, 12, 18, 10, 4], tails: b"" },
    Book { dimension: 2, counts: &[0, 0, 0, 9, 0, 16, 13, 8, 23, 8, 4], tails: b"" },
    Book {
        dimension: 2,
        counts: &[1, 0, 2, 1, 0, 4, 5, 10, 14, 15, 8, 4],
        tails: b"0112221122211222222221122212122222222211222222222222112222222222",
    },
    Book {
        dimension: 2,
        counts: &[0, 0, 1, 5, 7, 10, 14, 15, 8, 4],
        tails: b"2212120112222222221122222222221212222222121222222222221212222112",
    },
    Book {
        dimension: 2,
        counts: &[1, 0, 2, 1, 0, 4, 3, 8, 11, 20, 31, 38, 32, 14, 4],
        tails: b"01122211222112222222211222222212122222222122222222122212222122221122222222222221\
                 22212222222222222222222212212222222122222222222222212212222122222222222222222222\
                 222222222",
    },
    Book {
        dimension: 2,
        counts: &[0, 0, 0, 3, 8, 14, 17, 25, 31, 41, 22, 8],
        tails: b"22221122222112222022112222222222221212222222222221212222222222222222221222221222\
                 22222222222222121222222212222221222222222222222221212122222222222222212122212221\
                 222222122",
    },
    Book {
        dimension: 2,
        counts: &[0, 0, 0, 2, 6, 7, 16, 59, 55, 95, 43, 6],
        tails: b"02b11222222121222222211222222222222222aaaaa2a121a2aaaa22222aa22aaa22a2aaa2a22aa2\
                 221aa222212aa22a2a2222222a221222222122222222222222122222222222c222222c2122222222\
                 22222222222222222222221222222222222222222122222222222222222222222222211222222222\
                 2222222222222222212212122212222211222212212112112",
    },
];

#[cfg(test)]
mod tests {
    use super::{Bits, Book, SCALE_FACTORS, SPECTRAL};

    /// Words of a book, and whether they leave no bit pattern over.
    fn shape(book: &Book) -> (usize, f64) {
        let words = book.counts.iter().map(|&count| usize::from(count)).sum();
        let share =
            |(length, &count): (usize, &u16)| f64::from(count) / f64::exp2(length as f64 + 1.0);
        (words, book.counts.iter().enumerate().map(share).sum())
    }

    #[test]
    fn codes_are_complete_and_have_their_words() {
        let words = [81, 81, 81, 81, 81, 81, 64, 64, 169, 169, 289];
        for (book, expected) in SPECTRAL.iter().zip(words) {
            assert_eq!(shape(book), (expected, 1.0));
            assert!(book.tails.is_empty() || book.tails.len() == expected);
        }
        assert_eq!(shape(&SCALE_FACTORS), (121, 1.0));
    }

    #[test]
    fn tails_agree_with_the_number_of_values() {
        // Of n values per coefficient, (n - 1)^d words have no zero.
        let count = |book: usize, tails: &[u8]| {
            SPECTRAL[book - 1].tails.iter().filter(|tail| tails.contains(tail)).count()
        };
        assert_eq!([count(3, b"4"), count(3, b"0"), count(4, b"4")], [16, 1, 16]);
        assert_eq!([count(7, b"2"), count(8, b"2")], [49, 49]);
        assert_eq!([count(9, b"2"), count(10, b"2")], [144, 144]);
        assert_eq!(
            [count(11, b"2ab"), count(11, b"a"), count(11, b"b"), count(11, b"c")],
            [256, 30, 1, 2]
        );
    }

    #[test]
    fn a_word_is_skipped_with_its_signs_and_escapes() {
        let skipped = |book: usize, bytes: &[u8]| {
            let mut bits = Bits::new(bytes);
            SPECTRAL[book - 1].skip(&mut bits).map(|()| bits.position())
        };
        // The shortest words: all zero in book 1 and 3, (1, 1) in book 11 is of five bits.
        assert_eq!(skipped(1, &[0]), Some(1));
        assert_eq!(skipped(3, &[0]), Some(1));
        assert_eq!(skipped(11, &[0b0000_0000]), Some(4));
        // (16, 16): 5 bits, two signs, and two escapes of 1 + 4 bits.
        assert_eq!(skipped(11, &[0b0010_0000, 0, 0]), Some(5 + 2 + 10));
        // An escape of nine ones is longer than any value.
        assert_eq!(skipped(11, &[0b0010_0001, 0xff, 0xff, 0]), None);
    }
}
