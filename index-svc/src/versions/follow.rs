//! A look at the source: a new version is opened, verified, warmed, and swapped in; what cannot be
//! is refused, and the version that answers goes on.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Served, VersionSource};
use crate::{
    error::Error,
    index::{EngineChoice, Index},
    manifest::Manifest,
    planner::Wanted,
    recall::{self, Probe},
};

/// Rows that a new version is asked for before it answers.
const WARM_ROWS: usize = 64;
/// Looks at a source after which a refused version is tried once more, at most: what was still being
/// copied may be whole then.
const MOST_LOOKS_BETWEEN_TRIES: u32 = 64;

/// How versions are opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    /// Which engines.
    pub engines: EngineChoice,
    /// Whether the SHA-256 of every file of the first version is checked too.
    pub verify: bool,
}

/// What a look at the source showed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Seen {
    /// The version that is served is the one that is wanted, or one that was refused before.
    Nothing,
    /// Another version answers from now on.
    Swapped {
        /// Version that answered before.
        from: String,
        /// Version that answers now.
        to: Arc<Index>,
        /// Time from the look to the swap.
        took: Duration,
    },
    /// The version that is wanted cannot be served, or the source does not say which one is.
    Refused {
        /// Its name at the source; empty when the source did not say it.
        name: String,
        /// Why.
        error: Error,
    },
}

/// Serves the version that a source wants.
#[derive(Debug)]
pub struct Follower {
    source: Box<dyn VersionSource>,
    opening: Opening,
    served: Arc<Served>,
    /// Name, at the source, of the version that is served.
    name: String,
    previous_name: String,
    refused: Option<Refused>,
    answered: bool,
}

#[derive(Debug)]
struct Refused {
    name: String,
    looks_left: u32,
    next_wait: u32,
}

impl Follower {
    /// Opens the version that was last served from here, else the one that is wanted; the next looks
    /// go on to the wanted one.
    ///
    /// # Errors
    /// When there is none that can be opened and verified.
    pub fn open(source: Box<dyn VersionSource>, opening: Opening) -> Result<Self, Error> {
        let wanted = source.wanted();
        let answered = wanted.is_ok();
        // A restart answers at once with what is here; the wanted version is fetched meanwhile.
        if let (Ok(name), Some(last)) = (&wanted, source.last_served())
            && *name != last
        {
            match first(&*source, &last, opening) {
                Ok(index) => {
                    tracing::info!(wanted = name, last, "the last version is served at first");
                    return Ok(Self::serving(source, opening, index, last, answered));
                }
                Err(error) => tracing::warn!(%error, last, "the last version cannot be opened"),
            }
        }
        let opened = wanted.and_then(|name| Ok((first(&*source, &name, opening)?, name)));
        let (index, name) = match (opened, source.last_served()) {
            (Ok(opened), _) => opened,
            (Err(error), None) => return Err(error),
            (Err(error), Some(name)) => {
                tracing::error!(
                    %error, name, "the wanted version is not to be had; the last one is served"
                );
                (first(&*source, &name, opening)?, name)
            }
        };
        Ok(Self::serving(source, opening, index, name, answered))
    }

    fn serving(
        source: Box<dyn VersionSource>,
        opening: Opening,
        index: Index,
        name: String,
        answered: bool,
    ) -> Self {
        let served = Arc::new(Served::new(index));
        let previous_name = String::new();
        source.serves(&name, &previous_name);
        Self { source, opening, served, name, previous_name, refused: None, answered }
    }

    /// Whether the source said, when it was last asked, which version is wanted.
    #[must_use]
    pub fn answered(&self) -> bool {
        self.answered
    }

    /// Where calls find the version that answers.
    #[must_use]
    pub fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served)
    }

    /// Looks whether another version is wanted, and serves it.
    pub fn look(&mut self) -> Seen {
        let start = Instant::now();
        let wanted = self.source.wanted();
        self.answered = wanted.is_ok();
        let name = match wanted {
            Ok(name) => name,
            Err(error) => return self.refuse(String::new(), error),
        };
        if name == self.name {
            self.refused = None;
            return Seen::Nothing;
        }
        if let Some(refused) = &mut self.refused
            && refused.name == name
            && refused.looks_left > 0
        {
            refused.looks_left -= 1;
            return Seen::Nothing;
        }
        match self.next(&name) {
            Ok(next) => {
                let from = self.served.current().version().to_owned();
                let to = Arc::clone(&next);
                // Closed here unless a call still runs on it, and then by that call.
                drop(self.served.swap(next));
                self.previous_name = std::mem::replace(&mut self.name, name);
                self.refused = None;
                self.source.serves(&self.name, &self.previous_name);
                Seen::Swapped { from, to, took: start.elapsed() }
            }
            Err(error) => self.refuse(name, error),
        }
    }

    /// The version `name`, ready to answer.
    fn next(&self, name: &str) -> Result<Arc<Index>, Error> {
        match self.served.previous() {
            Some(previous) if name == self.previous_name => Ok(previous),
            _ => {
                let directory = self.source.directory(name)?;
                let opened = open(&directory, self.opening);
                if opened.is_err() {
                    self.source.rejected(name);
                }
                Ok(Arc::new(opened?))
            }
        }
    }

    /// Tells of a refusal once; the same version is tried again after 1, 2, 4, … looks.
    fn refuse(&mut self, name: String, error: Error) -> Seen {
        if let Some(refused) = &mut self.refused
            && refused.name == name
        {
            refused.looks_left = refused.next_wait;
            refused.next_wait = (2 * refused.next_wait).min(MOST_LOOKS_BETWEEN_TRIES);
            return Seen::Nothing;
        }
        self.refused = Some(Refused { name: name.clone(), looks_left: 1, next_wait: 2 });
        Seen::Refused { name, error }
    }
}

/// The first version, ready to be warmed by who serves it.
fn first(source: &dyn VersionSource, name: &str, opening: Opening) -> Result<Index, Error> {
    let open = || {
        let directory = source.directory(name)?;
        if opening.verify {
            verify_files(&directory)?;
        }
        Index::open_with(&directory, opening.engines)
    };
    match open() {
        Err(error) if source.rejected(name) => {
            tracing::warn!(%error, name, "a version is damaged where it lies and is fetched again");
            open()
        }
        outcome => outcome,
    }
}

/// A version that is to answer after another.
fn open(directory: &Path, opening: Opening) -> Result<Index, Error> {
    // Before the store maps the file: LMDB trusts its pages, and a damaged one may end the process
    // that is serving.
    verify_files(directory)?;
    let index = Index::open_with(directory, opening.engines)?;
    warm(&index)?;
    Ok(index)
}

fn verify_files(directory: &Path) -> Result<(), Error> {
    let (manifest, _) = Manifest::read(directory)?;
    Index::verify_files(directory, &manifest)
}

/// Asks for rows of the index, so that the first callers do not wait for its pages; each row must
/// find itself, or one equal to it.
fn warm(index: &Index) -> Result<(), Error> {
    index.warm();
    let seed = index.manifest().forest.seed;
    for probe in recall::sample_rows(index.rows(), WARM_ROWS, seed) {
        let Probe::Row(row) = probe else { continue };
        index.nearest_distance(row, Wanted::Default)?;
        let distance = index.nearest_distance(row, Wanted::Exact)?;
        if distance != Some(0.0) {
            return Err(Error::Unsound(format!(
                "row {row} finds its nearest at {distance:?}, not itself at 0"
            )));
        }
    }
    Ok(())
}
