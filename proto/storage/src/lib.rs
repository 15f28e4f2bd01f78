//! Objects in S3, Google Cloud Storage, Azure or a folder: named by a URL, created once, replaced by
//! compare-and-swap, listed and streamed. Knows no message, no server, and not what the objects mean.
//!
//! Calls block: those who fetch an index or walk through millions of files are threads of their own.
//! Inside async code they must not be made.
//!
//! # Example
//! ```
//! use storage::{Created, Location, StorageOptions, Store};
//!
//! # fn main() -> Result<(), storage::StorageError> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! # let url = format!("file://{}/shards", folder.path().display());
//! let location: Location = url.parse()?; // or s3://bucket/prefix, gs://…, az://…
//! let store = Store::open(&location, &StorageOptions::default())?;
//! assert_eq!(store.create("part-0", b"rows".as_slice().into())?, Created::New);
//! assert_eq!(store.create("part-0", b"rows".as_slice().into())?, Created::Same);
//! assert_eq!(store.create("part-0", b"more".as_slice().into())?, Created::Other);
//! for object in store.list("")? {
//!     let object = object?;
//!     let mut text = Vec::new();
//!     std::io::Read::read_to_end(&mut store.read(&object.name, 0)?, &mut text).expect("readable");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//! - [`args`]: the flags, flattened into a command line; [`options`]: their values
//! - [`location`]: a URL, read and checked
//! - [`store`]: what can be done with objects, blocking
//! - [`read`]: an object as a stream that goes on where the wire broke; [`list`]: names under a prefix
//! - [`error`]: what went wrong, at which URL, and what to do
//! - private: `open` (from a URL to a client), `upload` (files in parts), `folder` (compare-and-swap
//!   under a lock)

#![forbid(unsafe_code)]

pub mod args;
pub mod error;
mod folder;
pub mod list;
pub mod location;
mod open;
pub mod options;
pub mod read;
pub mod store;
mod upload;

pub use args::StorageArgs;
pub use error::StorageError;
pub use list::{Listing, Object};
pub use location::{Location, is_url};
pub use options::StorageOptions;
pub use read::ObjectReader;
pub use store::{Created, Snapshot, Store, Swap};
