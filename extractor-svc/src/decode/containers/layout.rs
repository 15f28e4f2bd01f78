//! How chunks behind the audio of a container are written, and where the audio ends.

/// Bytes of the longest head of a chunk.
pub(in crate::decode) const CHUNK_HEAD_BYTES: usize = 24;

/// How chunks behind the audio are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Layout {
    /// There are none.
    Bare,
    /// Four letters, 32 bits of length.
    Little,
    /// The same, big-endian.
    Big,
    /// Wave64: an identifier, and 64 bits of length with the head.
    Wave64,
    /// CAF: four letters, 64 bits of length.
    Caf,
    /// MP4: 32 bits of length with the head, four letters.
    Boxes,
}

impl Layout {
    /// Chunks begin at multiples of so many bytes.
    pub(in crate::decode) fn alignment(self) -> u64 {
        match self {
            Self::Bare | Self::Caf | Self::Boxes => 1,
            Self::Little | Self::Big => 2,
            Self::Wave64 => 8,
        }
    }

    /// Bytes of the chunk that begins with `head`, if one does.
    pub(in crate::decode) fn chunk(self, head: &[u8; CHUNK_HEAD_BYTES]) -> Option<u64> {
        let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = *head;
        let is_name = |name: [u8; 4]| name.iter().all(|&x| matches!(x, 0x20..=0x7e | 0xa9));
        let long = |bytes| u64::from(u32::from_be_bytes(bytes));
        match self {
            Self::Bare => None,
            Self::Little => {
                is_name([a, b, c, d]).then(|| 8 + u64::from(u32::from_le_bytes([e, f, g, h])))
            }
            Self::Big => is_name([a, b, c, d]).then(|| 8 + long([e, f, g, h])),
            Self::Caf => is_name([a, b, c, d])
                .then(|| u64::from_be_bytes([e, f, g, h, i, j, k, l]).saturating_add(12)),
            Self::Wave64 => {
                let [.., s0, s1, s2, s3, s4, s5, s6, s7] = *head;
                let len = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
                (is_name([a, b, c, d]) && len >= CHUNK_HEAD_BYTES as u64).then_some(len)
            }
            Self::Boxes => {
                let len = match long([a, b, c, d]) {
                    1 => u64::from_be_bytes([i, j, k, l, head[12], head[13], head[14], head[15]]),
                    len => len,
                };
                (is_name([e, f, g, h]) && len >= 8).then_some(len)
            }
        }
    }
}

/// Where the audio of a container ends.
#[derive(Debug, Clone, Copy)]
pub(in crate::decode) struct End {
    pub(in crate::decode) at: u64,
    pub(in crate::decode) layout: Layout,
}
