//! An index through a store: published, fetched, followed, rolled back, with faults between the steps.
//! The store is a folder, which needs no other program; `tests/faults/storage/run.sh` does the same with S3.

#[path = "../catalogue/mod.rs"]
mod catalogue;
mod library;
mod publishing;
#[path = "../running/mod.rs"]
mod running;
mod serving;
mod slow_store;
