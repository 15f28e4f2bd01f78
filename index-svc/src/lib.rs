//! index-svc.
