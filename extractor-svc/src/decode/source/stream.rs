//! Audio that is still arriving: one side pushes chunks, a decoder on another thread reads them.
//!
//! A read blocks until it can be answered in full, so a decoder sees the same reads as over
//! complete bytes, and gives the same samples however the chunks were cut. Containers that need
//! the end of the file first (an MP4 whose index comes last, CAF) wait for it; all others are
//! decoded while they arrive, and their chunks are let go once they are read. Chunks are kept, not
//! copied; their sum is bounded, and a writer that asks is told to wait while enough lie unread.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use symphonia::core::io::MediaSource;

use crate::error::ExtractError;

/// Bounds of one stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamBounds {
    /// Bytes of all chunks.
    pub max_bytes: u64,
    /// Longest wait for the next chunk.
    pub max_idle: Duration,
    /// Unread bytes from which on [`StreamWriter::poll_ready`] asks to wait.
    pub max_unread: u64,
}

/// What the reading thread does around a wait for bytes, such as giving its place to others.
pub trait Pause: Send + Sync {
    /// Called before a wait.
    fn begin(&self);

    /// Called after it.
    ///
    /// # Errors
    /// When the reader must not go on.
    fn end(&self) -> Result<(), ExtractError>;
}

/// Does nothing around waits.
struct KeepPlace;

impl Pause for KeepPlace {
    fn begin(&self) {}

    fn end(&self) -> Result<(), ExtractError> {
        Ok(())
    }
}

/// Makes the two ends of a stream.
pub fn stream(bounds: StreamBounds) -> (StreamWriter, StreamReader) {
    let state = State {
        chunks: VecDeque::new(),
        len: 0,
        read: 0,
        end: None,
        last_arrival: Instant::now(),
        is_wanted: true,
        is_hungry: false,
        forgets: false,
        is_needed_whole: false,
        writer: None,
    };
    let shared = Arc::new(Shared { bounds, state: Mutex::new(state), changed: Condvar::new() });
    let pause = Box::new(KeepPlace);
    (StreamWriter { shared: Arc::clone(&shared) }, StreamReader { shared, pos: 0, pause })
}

type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

struct Shared {
    bounds: StreamBounds,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Chunks with the position of their first byte.
    chunks: VecDeque<(u64, Bytes)>,
    len: u64,
    /// One past the last byte that was read.
    read: u64,
    /// How the stream ended.
    end: Option<Result<(), ExtractError>>,
    last_arrival: Instant,
    is_wanted: bool,
    /// The reader waits for bytes that are not there.
    is_hungry: bool,
    /// Chunks behind the reader go.
    forgets: bool,
    /// They never do.
    is_needed_whole: bool,
    /// Who is to be told when the writer may go on.
    writer: Option<Waker>,
}

impl State {
    fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    /// Position of the first byte that is kept, or of the next one that comes.
    fn kept_from(&self) -> u64 {
        self.chunks.front().map_or(self.len, |(start, _)| *start)
    }

    /// The reader has come to `pos`.
    fn advance(&mut self, pos: u64) {
        self.read = self.read.max(pos.min(self.len));
        while self.forgets
            && let Some((start, chunk)) = self.chunks.front()
            && start + (**chunk).as_ref().len() as u64 <= pos
        {
            self.chunks.pop_front();
        }
        self.wake_writer();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: Result<(), ExtractError>) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        state.wake_writer();
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until `is_enough`, the end, or a bound; a bound ends the stream.
    fn wait(
        &self,
        is_enough: impl Fn(&State) -> bool,
        pause: &dyn Pause,
    ) -> Result<MutexGuard<'_, State>, ExtractError> {
        let is_over = |state: &State| state.end.is_some() || is_enough(state);
        let mut state = self.state();
        if !is_over(&state) {
            state.is_hungry = true;
            state.wake_writer();
            drop(state);
            // Not under the lock, for which the writer must never wait.
            pause.begin();
            self.wait_until(is_over);
            pause.end()?;
            state = self.state();
            state.is_hungry = false;
        }
        match &state.end {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(state),
        }
    }

    fn wait_until(&self, is_over: impl Fn(&State) -> bool) {
        let mut state = self.state();
        while !is_over(&state) {
            let limit = self.bounds.max_idle;
            match limit.saturating_sub(state.last_arrival.elapsed()) {
                Duration::ZERO => {
                    state.end = Some(Err(ExtractError::StreamIdle { limit }));
                    state.wake_writer();
                }
                left => {
                    let woken = self.changed.wait_timeout(state, left);
                    state = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}

/// The end that chunks go into. Dropping it before [`finish`](Self::finish) cancels the stream.
pub struct StreamWriter {
    shared: Arc<Shared>,
}

impl StreamWriter {
    /// Adds a chunk; never blocks. Bytes are shared, not copied.
    ///
    /// # Errors
    /// [`ExtractError::StreamTooLarge`] if the chunk is one too many; the reader then fails alike.
    pub fn push(
        &self,
        chunk: impl AsRef<[u8]> + Send + Sync + 'static,
    ) -> Result<(), ExtractError> {
        let len = chunk.as_ref().len() as u64;
        let mut state = self.shared.state();
        state.last_arrival = Instant::now();
        if state.end.is_none() && state.is_wanted && len > 0 {
            if len > self.shared.bounds.max_bytes - state.len {
                let limit = self.shared.bounds.max_bytes;
                state.end = Some(Err(ExtractError::StreamTooLarge { limit }));
            } else {
                let start = state.len;
                state.chunks.push_back((start, Arc::new(chunk)));
                state.len += len;
            }
        }
        let result = match &state.end {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        };
        drop(state);
        self.shared.changed.notify_all();
        result
    }

    /// Ready when another chunk should be pushed: few enough bytes lie unread, the reader waits for
    /// more, or nobody wants them.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.state();
        let is_full = state.len - state.read >= self.shared.bounds.max_unread;
        if is_full && !state.is_hungry && state.end.is_none() && state.is_wanted {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Bytes in the chunks that are kept.
    pub fn held(&self) -> u64 {
        let state = self.shared.state();
        state.len - state.kept_from()
    }

    /// Says that all bytes are there.
    pub fn finish(self) {
        self.shared.end(Ok(()));
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        self.shared.end(Err(ExtractError::Cancelled));
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWriter").field("len", &self.shared.state().len).finish()
    }
}

/// The end that a decoder reads; it blocks, so it belongs on a thread that may.
pub struct StreamReader {
    shared: Arc<Shared>,
    pos: u64,
    pause: Box<dyn Pause>,
}

/// Lets a stream drop what was read, once nobody will go back.
#[derive(Clone)]
pub(in crate::decode) struct Forgetting(Arc<Shared>);

impl Forgetting {
    /// From now on chunks go as soon as they are read, unless [`never`](Self::never) was said.
    pub(in crate::decode) fn start(&self) {
        let mut state = self.0.state();
        state.forgets = !state.is_needed_whole;
    }

    /// Somebody may go back at any time.
    pub(in crate::decode) fn never(&self) {
        self.0.state().is_needed_whole = true;
    }
}

impl StreamReader {
    /// The same reader, with something to do around its waits.
    pub fn with_pause(mut self, pause: impl Pause + 'static) -> Self {
        self.pause = Box::new(pause);
        self
    }

    pub(in crate::decode) fn forgetting(&self) -> Forgetting {
        Forgetting(Arc::clone(&self.shared))
    }

    /// Length of the whole stream; waits for its end.
    fn wait_for_len(&self) -> Result<u64, ExtractError> {
        self.shared.wait(|_| false, &*self.pause).map(|state| state.len)
    }
}

impl Read for StreamReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let wanted = self.pos.saturating_add(buf.len() as u64);
        let mut state = self
            .shared
            .wait(|state| state.len >= wanted, &*self.pause)
            .map_err(io::Error::other)?;
        // Other bytes in their place would be a wrong vector.
        if self.pos < state.kept_from() && !buf.is_empty() {
            let detail = format!("byte {} was read and let go", self.pos);
            return Err(io::Error::other(ExtractError::SourceFailed { detail }));
        }
        let mut filled = 0;
        let first = state.chunks.partition_point(|(start, _)| *start <= self.pos).saturating_sub(1);
        for (start, chunk) in state.chunks.range(first..) {
            let chunk = (**chunk).as_ref();
            let skip = (self.pos + filled as u64).saturating_sub(*start);
            let Some(rest) = usize::try_from(skip).ok().and_then(|skip| chunk.get(skip..)) else {
                continue;
            };
            let n = rest.len().min(buf.len() - filled);
            buf[filled..filled + n].copy_from_slice(&rest[..n]);
            filled += n;
            if filled == buf.len() {
                break;
            }
        }
        self.pos += filled as u64;
        // A look behind the end lets nothing go.
        if filled > 0 {
            state.advance(self.pos);
        }
        Ok(filled)
    }
}

impl Seek for StreamReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(pos) => Some(pos),
            SeekFrom::Current(by) => self.pos.checked_add_signed(by),
            SeekFrom::End(by) => {
                self.wait_for_len().map_err(io::Error::other)?.checked_add_signed(by)
            }
        };
        self.pos = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.pos)
    }
}

impl MediaSource for StreamReader {
    fn is_seekable(&self) -> bool {
        true
    }

    /// Waits for the end of the stream.
    fn byte_len(&self) -> Option<u64> {
        self.wait_for_len().ok()
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.is_wanted = false;
        state.chunks = VecDeque::new();
        state.wake_writer();
    }
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader").field("pos", &self.pos).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
