//! The turns of a connection: what it writes in one turn leaves in one write, and before its turn all
//! calls have theirs that can be answered now.
//!
//! HTTP/2 writes the end of a reply apart from its beginning, and a connection is woken by the first
//! reply that is ready. Each reply of some microseconds would cost two system calls, which are most of
//! what it costs.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that wait for the end of a turn; more are written at once.
const MAX_WAITING_BYTES: usize = 64 * 1024;
/// Memory for bytes that wait, which a connection keeps when none do.
const MAX_KEPT_BYTES: usize = 4 * 1024;

/// A stream whose writes wait. Clones are the same stream.
pub(super) struct Gathered<S>(Arc<Mutex<Gathering<S>>>);

struct Gathering<S> {
    stream: S,
    waiting: Vec<u8>,
    /// How many of them have been written.
    written: usize,
    /// Whether the writer waits for room.
    is_full: bool,
}

/// A connection over a [`Gathered`] stream, which writes at the end of its turns. Says whether it ended
/// well.
pub(super) struct Turns<C, S> {
    connection: Pin<Box<C>>,
    stream: Gathered<S>,
    /// Whether the calls have had their turn.
    is_next: bool,
}

impl<S> Gathered<S> {
    pub(super) fn new(stream: S) -> Self {
        let (waiting, written, is_full) = (Vec::new(), 0, false);
        Self(Arc::new(Mutex::new(Gathering { stream, waiting, written, is_full })))
    }

    fn lock(&self) -> MutexGuard<'_, Gathering<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Clone for Gathered<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: AsyncWrite + Unpin> Gathering<S> {
    /// Writes all that waits, and flushes: TLS may have something to say by itself.
    fn poll_write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.written = 0;
        self.waiting.clear();
        self.waiting.shrink_to(MAX_KEPT_BYTES);
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Room for bytes that wait, at least one.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.waiting.len() >= MAX_WAITING_BYTES {
            self.is_full = true;
            ready!(self.poll_write_out(context))?;
            self.is_full = false;
        }
        Poll::Ready(Ok(MAX_WAITING_BYTES - self.waiting.len()))
    }

    fn take(&mut self, bytes: &[u8], room: usize) -> usize {
        let taken = bytes.len().min(room);
        self.waiting.extend_from_slice(&bytes[..taken]);
        taken
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut gathering = self.lock();
        let room = ready!(gathering.poll_room(context))?;
        Poll::Ready(Ok(gathering.take(bytes, room)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut gathering = self.lock();
        let room = ready!(gathering.poll_room(context))?;
        let taken = slices
            .iter()
            .fold(0, |taken, bytes| taken + gathering.take(bytes, room.saturating_sub(taken)));
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The end of the turn does it.
    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathering = self.lock();
        ready!(gathering.poll_write_out(context))?;
        Pin::new(&mut gathering.stream).poll_shutdown(context)
    }
}

impl<C, S> Turns<C, S> {
    /// `connection` speaks over `stream`.
    pub(super) fn new(connection: C, stream: Gathered<S>) -> Self {
        Self { connection: Box::pin(connection), stream, is_next: false }
    }

    pub(super) fn connection(&mut self) -> Pin<&mut C> {
        self.connection.as_mut()
    }
}

impl<C, E, S> Future for Turns<C, S>
where
    C: Future<Output = Result<(), E>>,
    S: AsyncWrite + Unpin,
{
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        if !self.is_next {
            // A task that wakes itself goes behind all that are ready.
            self.is_next = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.is_next = false;
        let ended = self.connection.as_mut().poll(context);
        let mut gathering = self.stream.lock();
        let written = gathering.poll_write_out(context);
        match (ended, written) {
            // A connection ends with a shutdown, which has written all.
            (Poll::Ready(ended), _) => Poll::Ready(ended.is_ok()),
            (Poll::Pending, Poll::Ready(Err(_))) => Poll::Ready(false),
            (Poll::Pending, Poll::Ready(Ok(()))) => {
                if std::mem::take(&mut gathering.is_full) {
                    // There is room again, which nobody else would tell.
                    context.waker().wake_by_ref();
                }
                Poll::Pending
            }
            (Poll::Pending, Poll::Pending) => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A connection that writes `pieces` and ends.
    async fn write(mut stream: Gathered<impl AsyncWrite + Unpin>, pieces: usize) -> io::Result<()> {
        for piece in 0..pieces {
            stream.write_all(&[piece as u8; 1000]).await?;
            stream.flush().await?;
        }
        // Longer than it has been asked to, as one that waits for its client.
        tokio::task::yield_now().await;
        stream.shutdown().await
    }

    /// Counts writes; takes all.
    #[derive(Default)]
    struct Counted(usize);

    impl AsyncWrite for Counted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0 += 1;
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_is_written_in_a_turn_leaves_in_one_write() {
        let stream = Gathered::new(Counted::default());
        assert!(Turns::new(write(stream.clone(), 50), stream.clone()).await);
        assert_eq!(stream.lock().stream.0, 1);
        assert!(Turns::new(write(stream.clone(), 100), stream.clone()).await);
        assert_eq!(stream.lock().stream.0, 3, "more than may wait is two writes");
    }

    #[tokio::test]
    async fn calls_that_are_ready_have_their_turn_first() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let order = Arc::clone(&order);
            async move {
                order.lock().expect("not poisoned").push(what);
                Ok::<_, io::Error>(())
            }
        };
        let connection = tokio::spawn(Turns::new(note("connection"), Gathered::new(Counted(0))));
        let call = tokio::spawn(note("call"));
        assert!(connection.await.expect("no panic") && call.await.is_ok());
        assert_eq!(*order.lock().expect("not poisoned"), ["call", "connection"]);
    }

    #[tokio::test]
    async fn a_slow_reader_gets_all_of_it() {
        let (near, mut far) = tokio::io::duplex(300);
        let stream = Gathered::new(near);
        let turns = Turns::new(write(stream.clone(), 500), stream);
        let reading = async {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.expect("in memory");
            all
        };
        let (ended, all) = tokio::join!(turns, reading);
        assert!(ended);
        let expected: Vec<u8> = (0..500_usize).flat_map(|piece| [piece as u8; 1000]).collect();
        assert!(all == expected, "{} of {} bytes", all.len(), expected.len());
    }
}
