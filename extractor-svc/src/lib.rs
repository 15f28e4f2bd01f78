//! extractor-svc.

pub mod decode;
pub mod error;
pub mod limits;
pub mod mono;
pub mod window;
