//! A look at the source: a new version is verified, opened, warmed, and swapped in; what cannot be
//! is refused, and the version that answers goes on.
//!
//! Two versions are open at most. For a third one, the version before the one that answers is let go
//! first, and while calls still hold it, the third one waits.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use index::{EngineChoice, manifest::Manifest};

use super::{
    Served, VersionSource,
    places::{Place, Places},
};
use crate::{
    error::Error,
    planner::Wanted,
    recall::{self, Probe},
    searcher::Searcher,
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
        to: Arc<Searcher>,
        /// Time from the look to the swap.
        took: Duration,
    },
    /// The version that is wanted is sound and waits until the calls on an older one have ended; it is
    /// told once, and each further look tries again.
    Waits {
        /// Its name at the source.
        name: String,
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
    /// Name of the version that was verified and waits for a place.
    waiting: Option<String>,
    places: Places,
    /// Those that are open, though no longer served.
    open: Vec<Open>,
    answered: Option<bool>,
}

/// A version as long as somebody holds it.
#[derive(Debug)]
struct Open {
    directory: PathBuf,
    index: Weak<Searcher>,
}

/// What became of a version that is wanted.
enum Next {
    Ready(Arc<Searcher>),
    /// All places are taken.
    Waits,
}

#[derive(Debug)]
struct Refused {
    name: String,
    looks_left: u32,
    next_wait: u32,
}

impl Follower {
    /// Opens the version that was last served from here, without a question to the source; without
    /// such a version, the one that is wanted. The first look goes on from there.
    ///
    /// # Errors
    /// When there is none that can be opened and verified.
    pub fn open(source: Box<dyn VersionSource>, opening: Opening) -> Result<Self, Error> {
        let follower = Unopened { source, opening, places: Places::default() };
        // The source may answer late or never, and what it wants may take an hour to come.
        if let Some(last) = follower.source.last_served() {
            match follower.first(&last) {
                Ok(index) => {
                    tracing::info!(last, "the version that was last served is served at first");
                    return Ok(follower.serving(index, last, None));
                }
                Err(error) => tracing::warn!(%error, last, "the last version cannot be opened"),
            }
        }
        let wanted = follower.source.wanted()?;
        let index = follower.first(&wanted)?;
        Ok(follower.serving(index, wanted, Some(true)))
    }

    /// Whether the source said, when it was last asked, which version is wanted; none if it has not
    /// been asked yet.
    #[must_use]
    pub fn answered(&self) -> Option<bool> {
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
        self.answered = Some(wanted.is_ok());
        let name = match wanted {
            Ok(name) => name,
            Err(error) => return self.refuse(String::new(), error),
        };
        if name == self.name {
            (self.refused, self.waiting) = (None, None);
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
            Ok(Next::Ready(next)) => self.swap(name, next, start),
            Ok(Next::Waits) if self.waiting.as_ref() == Some(&name) => Seen::Nothing,
            Ok(Next::Waits) => {
                self.waiting = Some(name.clone());
                Seen::Waits { name }
            }
            Err(error) => self.refuse(name, error),
        }
    }

    fn swap(&mut self, name: String, next: Arc<Searcher>, start: Instant) -> Seen {
        (self.refused, self.waiting) = (None, None);
        let current = self.served.current();
        if Arc::ptr_eq(&current, &next) {
            // Another name for the same directory.
            self.name = name;
            return Seen::Nothing;
        }
        let from = current.version().to_owned();
        // What was open before both is let go of: another one, if `next` was not opened but found.
        self.served.swap(Arc::clone(&next));
        self.previous_name = std::mem::replace(&mut self.name, name);
        self.source.serves(&self.name, &self.previous_name);
        Seen::Swapped { from, to: next, took: start.elapsed() }
    }

    /// The version `name`, ready to answer, or waiting for its place.
    fn next(&mut self, name: &str) -> Result<Next, Error> {
        if let Some(previous) = self.served.previous()
            && name == self.previous_name
        {
            return Ok(Next::Ready(previous));
        }
        let directory = self.source.directory(name)?;
        // A call may hold it still, and what is open in a process cannot be opened there once more.
        if let Some(open) = self.still_open(&directory) {
            return Ok(Next::Ready(open));
        }
        if self.waiting.as_deref() != Some(name) {
            self.or_reject(name, verify_files(&directory))?;
        }
        // It was verified with the version before still open, so that a bad one costs nobody that.
        self.served.let_go();
        let Some(place) = self.places.take(name) else { return Ok(Next::Waits) };
        let index = self.or_reject(name, open(&directory, self.opening.engines, place))?;
        self.open.push(Open::new(&directory, &index));
        Ok(Next::Ready(index))
    }

    fn or_reject<T>(&self, name: &str, outcome: Result<T, Error>) -> Result<T, Error> {
        if outcome.is_err() {
            self.source.rejected(name);
        }
        outcome
    }

    /// The version of this directory, if anybody holds it.
    fn still_open(&mut self, directory: &Path) -> Option<Arc<Searcher>> {
        self.open.retain(|open| open.index.strong_count() > 0);
        let directory = real(directory);
        self.open.iter().find(|open| open.directory == directory)?.index.upgrade()
    }

    /// Tells of a refusal once; the same version is tried again after 1, 2, 4, … looks.
    fn refuse(&mut self, name: String, error: Error) -> Seen {
        self.waiting = None;
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

/// A follower that has no version yet.
#[derive(Debug)]
struct Unopened {
    source: Box<dyn VersionSource>,
    opening: Opening,
    places: Places,
}

impl Unopened {
    /// The version `name`, ready to be warmed by who serves it.
    fn first(&self, name: &str) -> Result<Arc<Searcher>, Error> {
        match self.try_first(name) {
            Err(error) if self.source.rejected(name) => {
                tracing::warn!(%error, name, "a version is damaged where it lies and is fetched again");
                self.try_first(name)
            }
            outcome => outcome,
        }
    }

    fn try_first(&self, name: &str) -> Result<Arc<Searcher>, Error> {
        let directory = self.source.directory(name)?;
        if self.opening.verify {
            verify_files(&directory)?;
        }
        let place = self.places.take(name);
        placed(&directory, self.opening.engines, place.expect("nothing is open yet"))
    }

    fn serving(self, index: Arc<Searcher>, name: String, answered: Option<bool>) -> Follower {
        let Self { source, opening, places } = self;
        let directory = source.directory(&name);
        let open = directory.iter().map(|directory| Open::new(directory, &index)).collect();
        let (served, previous_name) = (Arc::new(Served::new(index)), String::new());
        source.serves(&name, &previous_name);
        let (refused, waiting) = (None, None);
        Follower {
            source,
            opening,
            served,
            name,
            previous_name,
            refused,
            waiting,
            places,
            open,
            answered,
        }
    }
}

impl Open {
    fn new(directory: &Path, index: &Arc<Searcher>) -> Self {
        Self { directory: real(directory), index: Arc::downgrade(index) }
    }
}

/// Two names may lead to one directory, which the process can have open once.
fn real(directory: &Path) -> PathBuf {
    directory.canonicalize().unwrap_or_else(|_| directory.to_owned())
}

/// A version that is to answer after another. Its files were verified before: LMDB trusts the pages it
/// maps, and a damaged one may end the process that is serving.
fn open(directory: &Path, engines: EngineChoice, place: Place) -> Result<Arc<Searcher>, Error> {
    let index = placed(directory, engines, place)?;
    warm(&index)?;
    Ok(index)
}

fn placed(directory: &Path, engines: EngineChoice, place: Place) -> Result<Arc<Searcher>, Error> {
    let mut index = Searcher::open_with(directory, engines)?;
    index.place = Some(place);
    Ok(Arc::new(index))
}

fn verify_files(directory: &Path) -> Result<(), Error> {
    let (manifest, _) = Manifest::read(directory)?;
    Searcher::verify_files(directory, &manifest)
}

/// Asks for rows of the index, so that the first callers do not wait for its pages; each row must
/// find itself, or one equal to it.
fn warm(index: &Searcher) -> Result<(), Error> {
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
