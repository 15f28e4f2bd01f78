//! Audio on its way to the extractor: any `AsyncRead`, cut into messages as it is read.

use std::{
    fmt, io,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use proto::v1::{ExtractFeaturesRequest, ExtractionConfig, extract_features_request::Payload};
use tokio::{io::AsyncRead, sync::oneshot};
use tokio_stream::Stream;
use tokio_util::io::ReaderStream;

/// Most bytes of one message; the contract calls it a good size.
const CHUNK_BYTES: usize = 64 << 10;

/// The bytes of one file of audio, as they come.
pub type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// A source at its start.
struct Opened {
    reader: Reader,
    /// Bytes of it, if they are known before it is read.
    bytes: Option<u64>,
}

/// Opens a source at its start.
type Open = Box<dyn Fn() -> Pin<Box<dyn Future<Output = io::Result<Opened>> + Send>> + Send + Sync>;

/// Audio, and how to analyse it.
///
/// Where the length is known ([`bytes`](Self::bytes), [`file`](Self::file)), the server is told it as
/// `expected_bytes`, unless the config has a value of its own: audio that is cut off on its way is
/// refused then, and not analysed as far as it came.
pub struct Upload {
    config: ExtractionConfig,
    source: Source,
}

enum Source {
    /// Can be read from the start again.
    Replayable(Open),
    /// Can be read once; gone then.
    Once(Option<Reader>),
}

impl Upload {
    /// Bytes in memory. Replayable.
    #[must_use]
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let content = bytes.into();
        Self::opened_by(move || {
            let (content, bytes) = (content.clone(), Some(content.len() as u64));
            async move { Ok(Opened { reader: Box::pin(io::Cursor::new(content)), bytes }) }
        })
    }

    /// A file. Replayable.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self::opened_by(move || {
            let path = path.clone();
            async move {
                let file = tokio::fs::File::open(path).await?;
                let metadata = file.metadata().await?;
                // Pipes and devices have no length.
                let bytes = metadata.is_file().then_some(metadata.len());
                Ok(Opened { reader: Box::pin(file), bytes })
            }
        })
    }

    /// A source that can be opened at its start as often as needed.
    #[must_use]
    pub fn replayable<F, R>(open: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<Reader>> + Send + 'static,
    {
        Self::opened_by(move || {
            let opening = open();
            async move { Ok(Opened { reader: opening.await?, bytes: None }) }
        })
    }

    /// A source that can be read once, such as a socket: the upload is sent once.
    #[must_use]
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::new(Source::Once(Some(Box::pin(reader))))
    }

    /// The same audio, analysed as this says.
    #[must_use]
    pub fn with_config(self, config: ExtractionConfig) -> Self {
        Self { config, ..self }
    }

    fn opened_by<F, R>(open: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<Opened>> + Send + 'static,
    {
        Self::new(Source::Replayable(Box::new(move || Box::pin(open()))))
    }

    fn new(source: Source) -> Self {
        Self { config: ExtractionConfig::default(), source }
    }

    pub(crate) fn is_replayable(&self) -> bool {
        matches!(self.source, Source::Replayable(_))
    }

    /// The messages of one attempt, and a future that resolves if the source fails in between.
    ///
    /// # Errors
    /// When the source cannot be opened.
    pub(crate) async fn open(
        &mut self,
    ) -> io::Result<(Messages, impl Future<Output = io::Error> + Send + use<>)> {
        let Opened { reader, bytes } = match &mut self.source {
            Source::Replayable(open) => open().await?,
            Source::Once(reader) => {
                let reader = reader.take();
                let reader =
                    reader.ok_or_else(|| io::Error::other("the source was read already"))?;
                Opened { reader, bytes: None }
            }
        };
        let mut config = self.config.clone();
        // A length beyond an i64 is none that a file has.
        let known = bytes.and_then(|bytes| i64::try_from(bytes).ok());
        config.expected_bytes = config.expected_bytes.or(known);
        let (report, failed) = oneshot::channel();
        let messages = Messages {
            config: Some(config),
            chunks: ReaderStream::with_capacity(reader, CHUNK_BYTES),
            report: Some(report),
        };
        let failed = async {
            match failed.await {
                Ok(error) => error,
                // The stream ended, or is not read any more: the source did not fail.
                Err(_) => std::future::pending().await,
            }
        };
        Ok((messages, failed))
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Upload")
            .field("config", &self.config)
            .field("replayable", &self.is_replayable())
            .finish()
    }
}

/// `config`, then `chunk`s. When the source fails this stream stays open: its end would tell the
/// server that the audio is whole.
pub(crate) struct Messages {
    config: Option<ExtractionConfig>,
    chunks: ReaderStream<Reader>,
    report: Option<oneshot::Sender<io::Error>>,
}

impl Stream for Messages {
    type Item = ExtractFeaturesRequest;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<ExtractFeaturesRequest>> {
        let message =
            |payload| Poll::Ready(Some(ExtractFeaturesRequest { payload: Some(payload) }));
        if let Some(config) = self.config.take() {
            return message(Payload::Config(config));
        }
        match Pin::new(&mut self.chunks).poll_next(context) {
            Poll::Ready(Some(Ok(chunk))) => message(Payload::Chunk(chunk)),
            Poll::Ready(None) if self.report.is_some() => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                if let Some(report) = self.report.take() {
                    // Nobody listens when the call is over already.
                    let _ = report.send(error);
                }
                Poll::Pending
            }
            // After a failure the reader's stream ends; this one does not.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt as _;

    use super::*;

    /// The length that is declared, the number of chunks, and their bytes.
    async fn collect(messages: Messages) -> (Option<i64>, usize, Vec<u8>) {
        let payloads: Vec<_> = messages.filter_map(|message| message.payload).collect().await;
        let Some((Payload::Config(config), chunks)) = payloads.split_first() else {
            panic!("config comes first")
        };
        let bytes = chunks.iter().flat_map(|payload| match payload {
            Payload::Chunk(chunk) => chunk.to_vec(),
            Payload::Config(_) => panic!("config comes once"),
        });
        (config.expected_bytes, chunks.len(), bytes.collect())
    }

    #[tokio::test]
    async fn a_source_is_cut_into_messages_and_replayed_whole() {
        let audio: Vec<u8> = (0..200_000_u32).map(|i| i as u8).collect();
        let mut upload = Upload::bytes(audio.clone());
        assert!(upload.is_replayable());
        for _ in 0..2 {
            let (messages, _) = upload.open().await.expect("in memory");
            assert_eq!(collect(messages).await, (Some(200_000), 4, audio.clone()));
        }
        let config = ExtractionConfig { expected_bytes: Some(7), ..ExtractionConfig::default() };
        let (messages, _) = upload.with_config(config).open().await.expect("in memory");
        assert_eq!(collect(messages).await.0, Some(7));
    }

    #[tokio::test]
    async fn the_length_of_a_file_is_declared_and_that_of_a_stream_is_not() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/src/upload.rs");
        let (messages, _) = Upload::file(here).open().await.expect("this file");
        let (declared, _, bytes) = collect(messages).await;
        assert_eq!(declared, i64::try_from(bytes.len()).ok());
        let mut stream = Upload::replayable(|| async { Ok(Box::pin(&b"sound"[..]) as Reader) });
        let (messages, _) = stream.open().await.expect("in memory");
        assert_eq!(collect(messages).await.0, None);
    }

    #[tokio::test]
    async fn a_reader_is_read_once() {
        let mut upload = Upload::reader(&b"sound"[..]);
        assert!(!upload.is_replayable());
        let (messages, _) = upload.open().await.expect("fresh");
        assert_eq!(collect(messages).await, (None, 1, b"sound".to_vec()));
        assert!(upload.open().await.is_err());
    }

    #[tokio::test]
    async fn a_failing_source_is_told_and_never_looks_like_the_end() {
        let broken = tokio_util::io::StreamReader::new(tokio_stream::iter([
            Ok(Bytes::from_static(b"half")),
            Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        ]));
        let mut upload = Upload::reader(broken);
        let (mut messages, failed) = upload.open().await.expect("fresh");
        assert!(messages.next().await.is_some() && messages.next().await.is_some());
        tokio::select! {
            biased;
            end = messages.next() => panic!("not an end: {end:?}"),
            error = failed => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
        tokio::select! {
            biased;
            end = messages.next() => panic!("not an end: {end:?}"),
            () = std::future::ready(()) => {}
        }
    }
}
