//! The shape of an upload: `config` first, then `chunk`s, each in time and none too large, and all of
//! them together what was declared.

use std::time::Duration;

use bytes::Bytes;
use proto::features::hex;
use proto::v1::{ExtractFeaturesRequest, ExtractionConfig, extract_features_request::Payload};
use sha2::{Digest as _, Sha256};
use tonic::{Status, Streaming};

use crate::{config::UploadLimits, error::ExtractError};

/// Largest `chunk`, in bytes; part of the contract.
pub const MAX_CHUNK_BYTES: usize = 1 << 20;

/// Bytes that are digested without a pause: a third of a millisecond where the processor has no
/// instructions for it.
const DIGEST_BYTES: usize = 64 << 10;

/// What a sender declares of a whole upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Number of bytes.
    pub bytes: Option<u64>,
    /// Digest of the bytes.
    pub sha256: Option<[u8; 32]>,
}

/// The bytes of an upload, counted and digested as they come.
#[derive(Debug)]
pub struct Tally {
    declared: Declared,
    bytes: u64,
    digest: Option<Sha256>,
}

impl Tally {
    /// Nothing has come yet of what is declared.
    #[must_use]
    pub fn new(declared: &Declared) -> Self {
        let digest = declared.sha256.is_some().then(Sha256::new);
        Self { declared: declared.clone(), bytes: 0, digest }
    }

    /// Takes note of a chunk; lets others run while it is digested.
    pub async fn add(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        let Some(digest) = &mut self.digest else { return };
        for part in chunk.chunks(DIGEST_BYTES) {
            digest.update(part);
            tokio::task::yield_now().await;
        }
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Compares what came, once all has come, with what was declared.
    ///
    /// # Errors
    /// [`ExtractError::UploadIncomplete`] and [`ExtractError::UploadCorrupt`].
    pub fn check(self) -> Result<(), ExtractError> {
        if let Some(expected) = self.declared.bytes.filter(|expected| *expected != self.bytes) {
            return Err(ExtractError::UploadIncomplete { got: self.bytes, expected });
        }
        if let (Some(digest), Some(expected)) = (self.digest, self.declared.sha256) {
            let got = digest.finalize();
            if got[..] != expected {
                let (got, expected) = (hex(&got), hex(&expected));
                return Err(ExtractError::UploadCorrupt { got, expected });
            }
        }
        Ok(())
    }
}

/// Why an upload ended before its time.
#[derive(Debug)]
pub enum UploadError {
    /// What was sent is not an upload.
    Extract(ExtractError),
    /// The transport, or the client, ended the stream.
    Stream(Status),
}

impl From<ExtractError> for UploadError {
    fn from(error: ExtractError) -> Self {
        Self::Extract(error)
    }
}

/// An upload whose first message has been read.
#[derive(Debug)]
pub struct Upload {
    stream: Streaming<ExtractFeaturesRequest>,
    max_idle: Duration,
    messages: u64,
}

impl Upload {
    /// Reads the first message, which must be `config`.
    ///
    /// # Errors
    /// When the stream ends, stalls or begins with anything else.
    pub async fn open(
        stream: Streaming<ExtractFeaturesRequest>,
        limits: &UploadLimits,
    ) -> Result<(Self, ExtractionConfig), UploadError> {
        let mut upload = Self { stream, max_idle: limits.max_idle, messages: 0 };
        match upload.next().await? {
            Some(Payload::Config(config)) => Ok((upload, config)),
            Some(Payload::Chunk(_)) => Err(out_of_order(1, "a chunk", "config").into()),
            None => Err(out_of_order(1, "the end of the stream", "config").into()),
        }
    }

    /// The next chunk, or `None` at the end of the upload. Empty chunks are passed over.
    ///
    /// # Errors
    /// When a chunk is too large or too late, or another message comes.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, UploadError> {
        loop {
            match self.next().await? {
                Some(Payload::Chunk(chunk)) if chunk.len() > MAX_CHUNK_BYTES => {
                    let error =
                        ExtractError::ChunkTooLarge { got: chunk.len(), limit: MAX_CHUNK_BYTES };
                    return Err(error.into());
                }
                Some(Payload::Chunk(chunk)) if chunk.is_empty() => {}
                Some(Payload::Chunk(chunk)) => return Ok(Some(chunk)),
                Some(Payload::Config(_)) => {
                    return Err(out_of_order(self.messages, "a second config", "a chunk").into());
                }
                None => return Ok(None),
            }
        }
    }

    /// The payload of the next message, or `None` at the end.
    async fn next(&mut self) -> Result<Option<Payload>, UploadError> {
        let message = tokio::time::timeout(self.max_idle, self.stream.message())
            .await
            .map_err(|_| ExtractError::StreamIdle { limit: self.max_idle })?
            .map_err(UploadError::Stream)?;
        let Some(message) = message else { return Ok(None) };
        self.messages += 1;
        let payload = message
            .payload
            .ok_or_else(|| out_of_order(self.messages, "an empty message", "config or chunk"))?;
        Ok(Some(payload))
    }
}

fn out_of_order(message: u64, got: &'static str, expected: &'static str) -> ExtractError {
    ExtractError::MessageOrder { message, got, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(declared: &Declared, chunks: &[&[u8]]) -> Result<(), ExtractError> {
        let mut tally = Tally::new(declared);
        for chunk in chunks {
            tally.add(chunk).await;
        }
        assert_eq!(tally.bytes(), chunks.concat().len() as u64);
        tally.check()
    }

    #[tokio::test]
    async fn an_upload_is_as_long_as_declared() {
        let of = |bytes| Declared { bytes, sha256: None };
        let audio: [&[u8]; 2] = [b"aud", b"io"];
        for bytes in [None, Some(5)] {
            assert_eq!(told(&of(bytes), &audio).await, Ok(()));
        }
        for expected in [0, 4, 6, u64::MAX] {
            let error = ExtractError::UploadIncomplete { got: 5, expected };
            assert_eq!(told(&of(Some(expected)), &audio).await, Err(error));
        }
        assert_eq!(told(&of(Some(0)), &[]).await, Ok(()));
    }

    #[tokio::test]
    async fn an_upload_has_the_digest_that_was_declared() {
        // FIPS 180-2, B.1, and a million times "a", B.3.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        let audio = vec![b'a'; 1_000_000];
        let of =
            |content: &[u8]| Declared { bytes: None, sha256: Some(Sha256::digest(content).into()) };
        assert_eq!(told(&of(&audio), &[&audio]).await, Ok(()));
        assert_eq!(told(&of(&audio), &[&audio[..70_000], &audio[70_000..]]).await, Ok(()));
        let (got, expected) = (million.to_owned(), abc.to_owned());
        let error = ExtractError::UploadCorrupt { got, expected };
        assert_eq!(told(&of(b"abc"), &[&audio]).await, Err(error));
    }
}
