//! Uploads: from any source, and sent again only when nothing was answered and nothing is lost.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use client::{CallError, ExtractorClient, Options, Reader, Target, Upload};
use e2e::{
    calls::full_view,
    clips,
    library::Library,
    process::{Server, Signal},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf},
    sync::Notify,
};
use tonic::Code;

use super::{PATIENCE, brisk, retries::Occupied, soon};

/// `first`, then nothing until released, then `rest`.
pub(super) fn held(
    first: impl AsyncRead + Send + 'static,
    release: Arc<Notify>,
    rest: impl AsyncRead + Send + 'static,
) -> Reader {
    let gate = Gate(Box::pin(async move { release.notified().await }));
    Box::pin(Box::pin(first).chain(gate).chain(Box::pin(rest)))
}

/// A source without bytes that ends when its future does.
struct Gate(Pin<Box<dyn Future<Output = ()> + Send>>);

impl AsyncRead for Gate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        _buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.as_mut().poll(context).map(Ok)
    }
}

fn client(servers: &[Server], options: Options) -> ExtractorClient {
    let target = Target::fixed(servers.iter().map(Server::address)).expect("addresses");
    ExtractorClient::new(target, options).expect("sound options")
}

/// The one of the servers that has the upload.
async fn busy(client: &ExtractorClient, servers: &[Server]) -> usize {
    let found = async {
        loop {
            let busy = client.activity().endpoints.into_iter().find(|one| one.in_flight > 0);
            let at =
                busy.and_then(|busy| servers.iter().position(|one| one.address() == busy.address));
            if let Some(at) = at {
                return at;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("one has it")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_source_gives_the_same_vector() {
    let library = Library::shared().expect("the library builds");
    let servers = [library.start_extractor().expect("it starts")];
    let client = client(&servers, brisk());
    let file = "chords_s16_44100.flac";
    let audio = clips::read(file).expect("the clip is there");
    let channel = servers[0].connect().await.expect("it listens");
    let expected = e2e::calls::extract(&channel, full_view(), &audio, 4096).await.expect("sound");

    let (reader, mut writer) = tokio::io::simplex(1000);
    let bytes = audio.clone();
    tokio::spawn(async move {
        writer.write_all(&bytes).await?;
        writer.shutdown().await
    });
    for upload in [
        Upload::bytes(audio),
        Upload::file(clips::audio_folder().join(file)),
        Upload::reader(reader),
    ] {
        let kind = format!("{upload:?}");
        let upload = upload.with_config(full_view());
        let extraction = client.extract(upload, soon()).await.expect("sound audio");
        assert_eq!(extraction.vector, expected, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayable_upload_survives_the_death_of_its_replica() {
    let library = Library::shared().expect("the library builds");
    let servers = [(); 2].map(|()| library.start_extractor().expect("it starts"));
    let client = client(&servers, brisk());
    let audio = clips::read("chords_s16_44100.flac").expect("the clip is there");
    let opened = Arc::new(AtomicUsize::new(0));
    let upload = {
        let (audio, opened) = (audio.clone(), Arc::clone(&opened));
        // The first time it stops halfway, and goes on never.
        Upload::replayable(move || {
            let first_time = opened.fetch_add(1, Ordering::SeqCst) == 0;
            let (half, rest) = audio.split_at(audio.len() / 2);
            let release = Arc::new(Notify::new());
            if !first_time {
                release.notify_one();
            }
            let (half, rest) = (io::Cursor::new(half.to_vec()), io::Cursor::new(rest.to_vec()));
            async move { Ok(held(half, release, rest)) }
        })
    };
    let caller = client.clone();
    let call = tokio::spawn(async move { caller.extract(upload, soon()).await });
    let at = busy(&client, &servers).await;
    servers[at].signal(Signal::Kill).expect("it runs");
    let extraction = call.await.expect("no panic").expect("the other replica answers");
    assert_eq!(extraction.vector.values.len(), 74);
    assert_eq!((opened.load(Ordering::SeqCst), client.activity().attempts), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_cannot_be_replayed_ends_with_a_retryable_error() {
    let library = Library::shared().expect("the library builds");
    let servers = [(); 2].map(|()| library.start_extractor().expect("it starts"));
    let client = client(&servers, brisk());
    let release = Arc::new(Notify::new());
    let upload = Upload::reader(held(&b"fLaC"[..], Arc::clone(&release), &b""[..]));
    let caller = client.clone();
    let call = tokio::spawn(async move { caller.extract(upload, soon()).await });
    let at = busy(&client, &servers).await;
    servers[at].signal(Signal::Kill).expect("it runs");
    let error = call.await.expect("no panic").expect_err("its replica died");
    assert!(matches!(error, CallError::Unreachable { attempts: 1, .. }), "{error:?}");
    assert_eq!((error.code(), error.is_retryable()), (Code::Unavailable, true));
}

/// The server has answered, if only that it is full: a whole file is not sent again unasked.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_is_not_sent_again() {
    let library = Library::shared().expect("the library builds");
    let full = Occupied::new(&library, &["--max-uploads", "1"], brisk()).await;
    let before = full.client.activity().attempts;
    let error = full.client.extract(Upload::bytes(&b"fLaC"[..]), soon()).await;
    let error = error.expect_err("the only place is taken");
    assert_eq!((error.code(), error.reason()), (Code::Unavailable, Some("OVERLOADED".into())));
    assert_eq!(full.client.activity().attempts, before + 1);
    full.free().await;

    let silence = vec![0; 100_000];
    let error = full.client.extract(Upload::bytes(silence), soon()).await.expect_err("no audio");
    assert_eq!(error.reason().as_deref(), Some("UNSUPPORTED_CONTAINER"));
}

/// Half a file must never pass for a whole one.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_fails_the_call_and_not_the_server() {
    let library = Library::shared().expect("the library builds");
    let servers = [library.start_extractor().expect("it starts")];
    let client = client(&servers, brisk());
    let audio = clips::read("band_cbr128_44100_stereo.mp3").expect("the clip is there");
    let half = io::Cursor::new(audio[..audio.len() / 2].to_vec());
    let error = client.extract(Upload::reader(half.chain(Broken)), soon()).await;
    let error = error.expect_err("the source broke");
    assert!(
        matches!(&error, CallError::Source(error) if error.kind() == io::ErrorKind::BrokenPipe),
        "{error:?}"
    );
    let missing = client.extract(Upload::file("no such file"), soon()).await;
    let missing = missing.expect_err("not there");
    assert!(
        matches!(&missing, CallError::Source(error) if error.kind() == io::ErrorKind::NotFound),
        "{missing:?}"
    );
    let extraction = client.extract(Upload::bytes(audio), soon()).await.expect("it goes on");
    assert_eq!(extraction.vector.values.len(), 74);
    assert!(!server_answered_ok_twice(&servers[0]), "{}", servers[0].log());
}

/// Whether the server took the half file for a whole one.
fn server_answered_ok_twice(server: &Server) -> bool {
    server.log().matches("features extracted").count() > 1
}

/// A source that is nothing but an error.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        _buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }
}
