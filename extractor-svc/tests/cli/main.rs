//! The real binary, as people run it: `extract` on the project's own clips.

#![allow(clippy::print_stdout, reason = "tests say how much of a bound is used")]

#[path = "../../examples/parity/bounds.rs"]
#[allow(dead_code, reason = "the report uses the rest of it")]
mod bounds;
mod exits;
mod faults;
mod findings;
mod hostile;
mod inspect;
mod interrupt;
mod limits;
mod outputs;
mod paths;
mod process;
mod resume;
mod shop;
mod tables;
mod work;
