//! The rules of ARCHITECTURE.md and the habits of CONTRIBUTING.md, as tests. A finding names file, line
//! and reason; to allow one, change the table here and ARCHITECTURE.md together.
//!
//! A text scan after cutting comments and unit tests is enough; no parser is needed.

mod arrows;
mod circles;
mod ladder;
mod manifests;
mod shape;
mod sources;
mod variables;
