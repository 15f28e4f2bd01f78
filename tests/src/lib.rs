//! What the end-to-end tests and the demo share: the real binaries, run as a user runs them, and
//! calls to them over the wire.
//!
//! Nothing here knows how a service works inside; no crate may depend on this one.
//!
//! # Layout
//! - [`binaries`]: builds both services and finds the executables
//! - [`process`]: a server as a child process, from its ready line to its exit code
//! - [`calls`]: one function per kind of call, over a real channel
//! - [`refusal`]: what a refused call says, in comparable form
//! - [`clips`]: the project's test audio and its golden vectors
//! - [`close`]: how close two vectors must be, per family and class
//! - [`library`]: the test clips as feature table and index, made by the batch commands
//! - [`proxy`]: a network that fails when told to
//! - [`waveform`]: audio made in memory

pub mod binaries;
pub mod calls;
pub mod clips;
pub mod close;
pub mod library;
pub mod process;
pub mod proxy;
pub mod refusal;
pub mod waveform;
