//! All that is known of one file: how it was read, every matrix on the way, and its vector; as a
//! report, or drawn on a page.

mod inspected;
mod paint;
mod plot;
mod report;

pub use self::{
    inspected::{Inspected, inspect},
    plot::draw,
    report::Report,
};
