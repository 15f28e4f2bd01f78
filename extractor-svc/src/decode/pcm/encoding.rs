//! How one sample of PCM is written.

/// Order of the bytes of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Order {
    Little,
    Big,
}

/// Form of one sample. Those of several bytes are little-endian unless their name ends in `Be`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Encoding {
    U8,
    S8,
    S16,
    S16Be,
    S24,
    S24Be,
    S32,
    S32Be,
    F32,
    F32Be,
    F64,
    F64Be,
    ALaw,
    MuLaw,
}

impl Encoding {
    /// Signed integers of 1 to 4 bytes.
    pub(in crate::decode) fn signed(bytes: usize, order: Order) -> Option<Self> {
        Some(match (bytes, order) {
            (1, _) => Self::S8,
            (2, Order::Little) => Self::S16,
            (2, Order::Big) => Self::S16Be,
            (3, Order::Little) => Self::S24,
            (3, Order::Big) => Self::S24Be,
            (4, Order::Little) => Self::S32,
            (4, Order::Big) => Self::S32Be,
            _ => return None,
        })
    }

    /// Floats of 4 or 8 bytes.
    pub(in crate::decode) fn float(bytes: usize, order: Order) -> Option<Self> {
        Some(match (bytes, order) {
            (4, Order::Little) => Self::F32,
            (4, Order::Big) => Self::F32Be,
            (8, Order::Little) => Self::F64,
            (8, Order::Big) => Self::F64Be,
            _ => return None,
        })
    }

    pub(in crate::decode) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::S8 | Self::ALaw | Self::MuLaw => 1,
            Self::S16 | Self::S16Be => 2,
            Self::S24 | Self::S24Be => 3,
            Self::S32 | Self::S32Be | Self::F32 | Self::F32Be => 4,
            Self::F64 | Self::F64Be => 8,
        }
    }

    pub(in crate::decode) fn codec(self) -> &'static str {
        match self {
            Self::U8 => "pcm_u8",
            Self::S8 => "pcm_s8",
            Self::S16 => "pcm_s16le",
            Self::S16Be => "pcm_s16be",
            Self::S24 => "pcm_s24le",
            Self::S24Be => "pcm_s24be",
            Self::S32 => "pcm_s32le",
            Self::S32Be => "pcm_s32be",
            Self::F32 => "pcm_f32le",
            Self::F32Be => "pcm_f32be",
            Self::F64 => "pcm_f64le",
            Self::F64Be => "pcm_f64be",
            Self::ALaw => "pcm_alaw",
            Self::MuLaw => "pcm_mulaw",
        }
    }
}
