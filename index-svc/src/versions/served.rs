//! The version that answers, and the one before it.
//!
//! A call takes an [`Arc`] of one version at its beginning and keeps it to its end: a swap in between
//! changes nothing for it, and no answer mixes two. The version before stays open until another one
//! is to be opened, so that a caller who holds its name (`expected_index_version`) can finish what it
//! began, and so that going back is immediate.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::searcher::Searcher;

/// Open versions of one index.
#[derive(Debug)]
pub struct Served {
    open: ArcSwap<OpenVersions>,
}

#[derive(Clone, Debug)]
struct OpenVersions {
    current: Arc<Searcher>,
    previous: Option<Arc<Searcher>>,
}

impl Served {
    /// Serves `index`.
    #[must_use]
    pub fn new(index: Arc<Searcher>) -> Self {
        let open = OpenVersions { current: index, previous: None };
        Self { open: ArcSwap::from_pointee(open) }
    }

    /// The version that answers now.
    #[must_use]
    pub fn current(&self) -> Arc<Searcher> {
        Arc::clone(&self.open.load().current)
    }

    /// The version that a call should be answered by: the one it expects, as long as that is open;
    /// else the current one, which refuses a call that expects another.
    #[must_use]
    pub fn pick(&self, expected: &str) -> Arc<Searcher> {
        let open = self.open.load();
        match &open.previous {
            Some(previous) if previous.version() == expected => Arc::clone(previous),
            _ => Arc::clone(&open.current),
        }
    }

    /// The version before the current one.
    #[must_use]
    pub fn previous(&self) -> Option<Arc<Searcher>> {
        self.open.load().previous.clone()
    }

    /// Lets `next` answer from the next call on.
    pub(super) fn swap(&self, next: Arc<Searcher>) {
        let previous = Some(self.current());
        self.open.store(Arc::new(OpenVersions { current: next, previous }));
    }

    /// Closes the version before the current one, as soon as the last call that holds it ends.
    pub(super) fn let_go(&self) {
        self.open.store(Arc::new(OpenVersions { current: self.current(), previous: None }));
    }
}
