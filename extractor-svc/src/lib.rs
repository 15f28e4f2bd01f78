//! extractor-svc.
