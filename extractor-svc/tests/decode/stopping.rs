//! Nobody waits any more: opening and searching stop as well as decoding.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use extractor_svc::decode::EncodedAudio;
use extractor_svc::decode::Window;
use extractor_svc::error::ExtractError;
use extractor_svc::limits::Limits;
use extractor_svc::pipeline;
use extractor_svc::recipe::Profile;
use proto::features::DEFAULT_PROFILE;
use symphonia::core::io::MediaSource;

/// Bytes whose caller leaves while some of them are read.
struct Leaving {
    bytes: Cursor<Vec<u8>>,
    is_gone: Arc<AtomicBool>,
    /// Reads until the caller leaves, and reads after that.
    left: u64,
    late: Arc<AtomicU64>,
}

impl Read for Leaving {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                self.late.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.is_gone.store(self.left == 0, Ordering::Relaxed);
        self.bytes.read(buf)
    }
}

impl Seek for Leaving {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl MediaSource for Leaving {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.bytes.get_ref().len() as u64)
    }
}

#[test]
fn a_source_is_left_at_once() {
    let profile = Profile::parse(DEFAULT_PROFILE).unwrap();
    let mp3 = include_bytes!("../../testdata/audio/band_cbr128_44100_stereo.mp3");
    let aac = include_bytes!("../../testdata/audio/chords_aac96_44100_adts.aac");
    // In the head, in the search for the first frame, and among the frames.
    let sources = [
        include_bytes!("../../testdata/audio/chords_alac_22050.m4a").to_vec(),
        [&[0x20; 500_000][..], mp3].concat(),
        [&aac[..], &[0x55; 500_000], &aac[..]].concat(),
    ];
    for (index, bytes) in sources.into_iter().enumerate() {
        for left in [1, 3] {
            let (is_gone, late) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
            let source = Leaving {
                bytes: Cursor::new(bytes.clone()),
                is_gone: Arc::clone(&is_gone),
                left,
                late: Arc::clone(&late),
            };
            let audio = EncodedAudio::from_source(Box::new(source));
            let host = move || is_gone.load(Ordering::Relaxed);
            let limits = Limits::default();
            let result = pipeline::extract(audio, &Window::whole(), &profile, &limits, &host);
            assert_eq!(result.err(), Some(ExtractError::Cancelled), "{index}");
            assert_eq!(late.load(Ordering::Relaxed), 0, "{index}");
        }
    }
}
