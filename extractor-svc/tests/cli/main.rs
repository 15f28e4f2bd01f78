//! The real binary, as people run it: `extract` on the project's own clips.

#![allow(clippy::print_stdout, reason = "tests say how much of a bound is used")]

mod exits;
mod hostile;
mod inspect;
mod interrupt;
mod limits;
mod process;
mod resume;
mod tables;
mod work;
