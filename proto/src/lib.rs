//! The wire contract of Soundalike, and the one domain noun both services share: the
//! [feature schema](features).
//!
//! Belongs here: what the `.proto` files say, and what makes a vector comparable. Does not belong
//! here: servers, clients' policies, logging, configuration.

pub mod features;

/// Messages, clients and server traits generated from `schema/soundalike/v1`.
#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::missing_errors_doc,
    clippy::disallowed_methods,
    clippy::allow_attributes_without_reason,
    clippy::use_self,
    clippy::wildcard_imports,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("soundalike.v1");
}

/// The encoded `FileDescriptorSet` of the whole schema, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// Full name of the extractor service, as in `grpc.health.v1` requests.
pub const EXTRACTOR_SERVICE: &str = "soundalike.v1.ExtractorService";

/// Full name of the index service, as in `grpc.health.v1` requests.
pub const INDEX_SERVICE: &str = "soundalike.v1.IndexService";

/// Longest `track_id` in bytes of UTF-8; what names a row of a feature table is one.
pub const MAX_TRACK_ID_BYTES: usize = 512;

/// The `domain` of every `google.rpc.ErrorInfo` these services send.
pub const ERROR_DOMAIN: &str = "soundalike";
