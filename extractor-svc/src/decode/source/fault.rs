//! Why a source stopped, for those that see it through a container's reader.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::error::ExtractError;

/// A question that may be asked at any time, from any thread: whether the work is to stop. Once it
/// says yes, it says so for good.
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// The first failure of the source itself, a bound gone over, or the wish to stop; kept apart
/// because container readers may swallow it.
#[derive(Clone)]
pub(in crate::decode) struct Fault {
    first: Arc<OnceLock<ExtractError>>,
    stop: Option<Stop>,
    /// What a container's reader found behind the end of its recording.
    trailing: Arc<OnceLock<String>>,
    /// Bytes that the container's reader may still take before the audio, and of how many.
    header_left: Arc<AtomicU64>,
    max_header_bytes: u64,
}

impl Fault {
    /// None yet. A container's reader may take `max_header_bytes` before the audio.
    pub(super) fn new(max_header_bytes: u64, stop: Option<Stop>) -> Self {
        Self {
            first: Arc::default(),
            stop,
            trailing: Arc::default(),
            header_left: Arc::new(AtomicU64::new(max_header_bytes)),
            max_header_bytes,
        }
    }

    /// Fails with the recorded fault, if there is one.
    pub(in crate::decode) fn check(&self) -> Result<(), ExtractError> {
        if self.stop.as_ref().is_some_and(|stop| stop()) {
            return Err(ExtractError::Cancelled);
        }
        self.first.get().map_or(Ok(()), |fault| Err(fault.clone()))
    }

    /// Leaves a sentence on audio that follows the recording and is not read.
    pub(in crate::decode) fn leave_trailing(&self, text: String) {
        let _ = self.trailing.set(text);
    }

    /// What was left there.
    pub(in crate::decode) fn trailing(&self) -> Option<&str> {
        self.trailing.get().map(String::as_str)
    }

    /// What is read from here on is audio.
    pub(in crate::decode) fn header_ends(&self) {
        self.header_left.store(u64::MAX, Ordering::Relaxed);
    }

    /// Counts `bytes` that were read for a header, if this is still before the audio.
    pub(super) fn count_header(&self, bytes: usize) -> io::Result<()> {
        let left = self.header_left.load(Ordering::Relaxed);
        if left == u64::MAX {
            return Ok(());
        }
        match left.checked_sub(bytes as u64) {
            Some(left) => self.header_left.store(left, Ordering::Relaxed),
            None => {
                let error = ExtractError::HeaderTooLarge { limit: self.max_header_bytes };
                let error = io::Error::other(error);
                self.record(&error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Keeps `error`, if it is the first.
    pub(super) fn record(&self, error: &io::Error) {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ExtractError>());
        let fault = inner
            .cloned()
            .unwrap_or_else(|| ExtractError::SourceFailed { detail: error.to_string() });
        // Only the first fault counts; later ones follow from it.
        let _ = self.first.set(fault);
    }
}
