//! An index from where it is built to where it is served, through an object store.
//!
//! A *place* in a store holds the versions of one index, laid out as a folder of versions is:
//!
//! ```text
//! s3://bucket/library/
//!   CURRENT                          the version that is wanted, and those before it
//!   VERSION/manifest.json            written last: a version with a manifest is whole
//!   VERSION/data.mdb                 and the other files that it lists
//!   VERSION/build.json               when and by which program it was built, for people
//! ```
//!
//! The name of a version is its index version, which is the digest of its manifest; the manifest has
//! the digests of the other files. So whoever has the name can tell whether what came is what was
//! built, and no listing of its own is needed. Versions never change; only `CURRENT` does, by
//! compare-and-swap.
//!
//! | file | holds |
//! |---|---|
//! | `place` | the layout: names of objects, which versions are there, digests of what comes |
//! | `pointer` | the text of `CURRENT` |
//! | `publish` | upload what is missing or damaged, then move the pointer, once |
//! | `rollback`, `prune` | the pointer moved back; versions nobody needs removed |
//! | `cache` | versions on local disk: fetched, resumed, verified, trimmed |
//! | `source` | a place as a source of versions for a server |

mod cache;
mod error;
mod place;
mod pointer;
mod prune;
mod publish;
mod rollback;
mod source;

pub use self::{
    cache::{Cache, Fetching},
    error::DistributionError,
    place::{Place, PublishedVersion},
    pointer::Pointer,
    prune::{Pruned, prune},
    publish::{Published, Publisher, publish},
    rollback::{RolledBack, rollback},
    source::Remote,
};
