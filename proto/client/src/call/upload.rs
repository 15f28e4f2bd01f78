//! An upload: sent to one endpoint, and once more only when its source can be read from the start
//! again and no server has answered.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::{Instant, timeout_at};
use tonic::{Response, Status};

use super::{Attempt, Caller, Shared};
use crate::{
    deadline::Deadline,
    error::CallError,
    upload::{Messages, Upload},
};

impl Caller {
    /// Makes the call. Dropped, it is cancelled.
    pub(crate) async fn upload<T, F, A>(
        &self,
        deadline: Deadline,
        upload: Upload,
        send: F,
    ) -> Result<T, CallError>
    where
        F: Fn(Attempt, Messages) -> A,
        A: Future<Output = Result<Response<T>, Status>>,
    {
        let attempts = AtomicU32::new(0);
        self.0.begin();
        let made = self.0.send_upload(deadline, upload, send, &attempts);
        timeout_at(deadline.instant(), made).await.unwrap_or_else(|_| {
            let attempts = attempts.load(Ordering::Relaxed);
            Err(CallError::DeadlineExceeded { attempts, last: None })
        })
    }
}

impl Shared {
    async fn send_upload<T, F, A>(
        &self,
        deadline: Deadline,
        mut upload: Upload,
        send: F,
        attempts: &AtomicU32,
    ) -> Result<T, CallError>
    where
        F: Fn(Attempt, Messages) -> A,
        A: Future<Output = Result<Response<T>, Status>>,
    {
        let mut pauses = self.pauses();
        let mut tried = Vec::new();
        loop {
            let waited = self.options.max_wait;
            let made = tried.len() as u32;
            let picked = self.endpoints.wait(&tried, Instant::now() + waited).await;
            let picked = picked.ok_or(CallError::NoEndpoint { waited, attempts: made })?;
            tried.push(picked.state());
            attempts.fetch_add(1, Ordering::Relaxed);
            let made = made + 1;
            let (messages, failed) = upload.open().await.map_err(CallError::Source)?;
            let outcome = tokio::select! {
                outcome = send(self.attempt(&picked, deadline), messages) => outcome,
                error = failed => return Err(CallError::Source(error)),
            };
            let status = match outcome {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => status,
            };
            let broken = self.learn(&picked, &status);
            drop(picked);
            if !(broken && upload.is_replayable() && self.permits(made)) {
                return Err(CallError::of(status, made));
            }
            tokio::time::sleep(pauses.next()).await;
        }
    }
}
