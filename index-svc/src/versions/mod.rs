//! The versions of an index over time: where they are, which one is wanted, which are open.
//!
//! A *folder of versions* holds index directories side by side and a small file, `CURRENT`, with the
//! name of the one that is wanted:
//!
//! ```text
//! library/
//!   CURRENT       the line `2026-02`
//!   2026-02/      manifest.json, the files that it lists, build.json
//!   2026-01/      the version before
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `pointer` | `CURRENT`: read, checked, moved by a rename |
//! | `source` | where versions come from: a folder of them, one directory or a link to it |
//! | `served` | the version that answers, the one before it, and the swap |
//! | `places` | room for two open versions |
//! | `follow` | a look at the source; a new version verified, opened, warmed and swapped in |
//!
//! Whoever wants versions from elsewhere implements [`VersionSource`]; nothing else knows where they
//! come from.

mod follow;
mod places;
mod pointer;
mod served;
mod source;

pub use self::{
    follow::{Follower, Opening, Seen},
    pointer::{
        POINTER_FILE, PointerError, is_folder, move_pointer, read_pointer, version_directory,
    },
    served::Served,
    source::{Folder, Single, VersionSource, source_at},
};
pub(crate) use self::{places::Place, pointer::is_version_name, source::resolve};
