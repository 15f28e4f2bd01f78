//! What breaks inside one extraction ends that extraction alone, and its caller is told INTERNAL.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use extractor_svc::decode::EncodedAudio;
use extractor_svc::decode::Window;
use extractor_svc::error::ExtractError;
use extractor_svc::limits::Limits;
use extractor_svc::pipeline::{self, Extraction};
use extractor_svc::recipe::Profile;
use extractor_svc::serve::status::CallError;
use proto::features::DEFAULT_PROFILE;
use serving::{CpuPool, PoolError};
use symphonia::core::io::MediaSource;
use tonic::{Code, Status};

/// Bytes that break the decoder in the middle of its work.
struct Breaking {
    bytes: Cursor<Vec<u8>>,
    at: u64,
}

impl Read for Breaking {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        assert!(self.bytes.position() < self.at, "bytes that nobody expected");
        self.bytes.read(buf)
    }
}

impl Seek for Breaking {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl MediaSource for Breaking {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}

/// One extraction on a worker, as the service runs it.
async fn on_a_worker(pool: &CpuPool, at: u64) -> Result<Extraction, CallError> {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/audio/drums_s16_11025.flac");
    let bytes = Cursor::new(std::fs::read(clip).expect("the clip is there"));
    let job = move |cancel: &serving::Cancel| {
        let audio = EncodedAudio::from_source(Box::new(Breaking { bytes, at }));
        let profile = Profile::parse(DEFAULT_PROFILE).expect("the default profile");
        let cancel = cancel.clone();
        let stop = move || cancel.is_cancelled();
        pipeline::extract(audio, &Window::whole(), &profile, &Limits::default(), &stop)
    };
    Ok(pool.run(job).await??)
}

#[tokio::test]
async fn a_panic_of_the_decoder_is_internal_for_that_call_alone() {
    let pool = CpuPool::new("panics", 1, 8).expect("a thread");
    let good = on_a_worker(&pool, u64::MAX).await.expect("good audio");
    for at in [20, 10_000] {
        let error = on_a_worker(&pool, at).await.expect_err("the decoder breaks");
        let detail = "bytes that nobody expected".to_owned();
        let CallError::Extract(found) = &error else { panic!("{error:?}") };
        assert_eq!(*found, ExtractError::DecoderPanicked { detail });
        let status = Status::from(error);
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("nobody"), "{}", status.message());
        let again = on_a_worker(&pool, u64::MAX).await.expect("the worker goes on");
        assert_eq!(again.values, good.values);
    }
}

#[tokio::test]
async fn a_panic_of_anything_else_is_internal_too() {
    let pool = CpuPool::new("panics", 1, 8).expect("a thread");
    let broken = pool.run(|_| -> u32 { panic!("a mistake of ours") }).await;
    assert_eq!(broken, Err(PoolError::Panicked));
    let status = Status::from(CallError::from(PoolError::Panicked));
    assert_eq!(status.code(), Code::Internal);
    on_a_worker(&pool, u64::MAX).await.expect("the worker goes on");

    let error = ExtractError::Panicked { detail: "a mistake of ours".to_owned() };
    assert_eq!(error.reason(), "INTERNAL");
    let status = Status::from(CallError::from(error));
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("mistake"), "{}", status.message());
}
