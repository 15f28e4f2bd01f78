//! Which protocol a client speaks, by the 24 bytes that HTTP/2 begins with. They are read here, under
//! a time limit, because the protocol's own code waits for them for ever.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// RFC 9113, section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose first bytes have been read, and are read again from here.
pub(super) struct Prefaced<S> {
    seen: [u8; PREFACE.len()],
    seen_len: usize,
    told: usize,
    stream: S,
}

/// What a stream begins with.
pub(super) enum Begun<S> {
    /// The preface of HTTP/2.
    Http2(Prefaced<S>),
    /// Anything else, of which HTTP/1 makes sense or not.
    Other(Prefaced<S>),
}

/// Reads as much as tells the protocol.
///
/// # Errors
/// When the stream ends or breaks before, or begins as the preface and goes on otherwise.
pub(super) async fn await_preface<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<Begun<S>> {
    let mut seen = [0; PREFACE.len()];
    // HTTP/1 may be shorter than the preface: look at the first bytes alone before waiting for all.
    let (first, rest) = seen.split_at_mut(3);
    let first_len = first.len();
    stream.read_exact(first).await?;
    if !PREFACE.starts_with(first) {
        return Ok(Begun::Other(Prefaced { seen, seen_len: first_len, told: 0, stream }));
    }
    stream.read_exact(rest).await?;
    if seen != *PREFACE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Begun::Http2(Prefaced { seen, seen_len: PREFACE.len(), told: 0, stream }))
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefaced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { seen, seen_len, told, .. } = &*self;
        let untold = &seen[*told..*seen_len];
        if untold.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let length = untold.len().min(buffer.remaining());
        buffer.put_slice(&untold[..length]);
        self.told += length;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefaced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_preface_is_read_twice_and_the_rest_once() {
        let sent = [&PREFACE[..], b"frames"].concat();
        let begun = await_preface(&sent[..]).await.expect("begins with the preface");
        let Begun::Http2(mut stream) = begun else { panic!("this is HTTP/2") };
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.expect("in memory");
        assert_eq!(read, sent);
    }

    #[tokio::test]
    async fn anything_else_is_told_by_its_first_bytes() {
        for sent in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01"] {
            let Ok(Begun::Other(mut stream)) = await_preface(sent).await else {
                panic!("{sent:?} is another protocol")
            };
            let mut read = Vec::new();
            stream.read_to_end(&mut read).await.expect("in memory");
            assert_eq!(read, sent);
        }
        for sent in [&b"PR"[..], b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"] {
            assert!(await_preface(sent).await.is_err(), "{sent:?}");
        }
    }
}
