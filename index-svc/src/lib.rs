//! index-svc.

pub mod engine {
    //! Engines that find nearest rows.
    pub mod blocks;
}
