//! Errors as they go on the wire: the one place that decides codes, reasons and details.

#![deny(clippy::wildcard_enum_match_arm)]

use serving::{PoolError, Refusal};
use tonic::{Code, Status};

use crate::query::QueryError;

/// Kind of the `ResourceInfo` and of preconditions about a track.
const TRACK: &str = "soundalike.v1.Track";
const INDEX: &str = "soundalike.v1.Index";

impl From<QueryError> for Status {
    fn from(error: QueryError) -> Self {
        let refuse =
            |code, reason| Refusal::new(proto::ERROR_DOMAIN, code, reason, error.to_string());
        let invalid = |reason| refuse(Code::InvalidArgument, reason);
        let refusal = match &error {
            QueryError::PageSize { got } => {
                invalid("INVALID_PAGE_SIZE").fact("page_size", got).field("options.page_size")
            }
            QueryError::SearchK { got } => {
                invalid("INVALID_SEARCH_K").fact("search_k", got).field("options.search_k")
            }
            QueryError::TargetRecall { got } => invalid("INVALID_TARGET_RECALL")
                .fact("target_recall", got)
                .field("options.target_recall"),
            QueryError::VectorMissing => invalid("VECTOR_MISSING").field("feature_vector"),
            QueryError::ProfileMissing { expected } => invalid("PROFILE_MISSING")
                .fact("index_profile", expected)
                .field("feature_vector.profile_id"),
            QueryError::ProfileMismatch { got, expected } => {
                refuse(Code::FailedPrecondition, "PROFILE_MISMATCH")
                    .fact("query_profile", got)
                    .fact("index_profile", expected)
                    .precondition("PROFILE", INDEX)
            }
            QueryError::SchemaMismatch { got, expected } => {
                refuse(Code::FailedPrecondition, "SCHEMA_MISMATCH")
                    .fact("query_schema_sha256", got)
                    .fact("index_schema_sha256", expected)
                    .precondition("SCHEMA", INDEX)
            }
            QueryError::Length { got, expected } => invalid("VECTOR_LENGTH")
                .fact("length", got)
                .fact("expected_length", expected)
                .field("feature_vector.values"),
            QueryError::NotFinite { index, name, value } => invalid("VALUE_NOT_FINITE")
                .fact("feature", name)
                .fact("value", value)
                .field(format!("feature_vector.values[{index}]")),
            QueryError::NegativeRow { got } => {
                invalid("INVALID_TRACK_INDEX").fact("track_index", got).field("track_index")
            }
            QueryError::RowOutOfRange { got, rows } => {
                refuse(Code::OutOfRange, "TRACK_INDEX_OUT_OF_RANGE")
                    .fact("track_index", got)
                    .fact("track_count", rows)
                    .field("track_index")
            }
            QueryError::TrackIdLength { got } => {
                invalid("INVALID_TRACK_ID").fact("bytes", got).field("track_id")
            }
            QueryError::UnknownTrack { track_id } => {
                refuse(Code::NotFound, "TRACK_NOT_FOUND").resource(TRACK, track_id)
            }
            QueryError::FeatureView { got } => {
                invalid("INVALID_FEATURE_VIEW").fact("feature_view", got).field("feature_view")
            }
            QueryError::VersionMismatch { got, expected } => {
                refuse(Code::Aborted, "INDEX_VERSION_MISMATCH")
                    .fact("index_version", got)
                    .fact("expected_index_version", expected)
                    .precondition("INDEX_VERSION", INDEX)
            }
            QueryError::Index(_) => refuse(Code::Internal, "INTERNAL"),
        };
        refusal.into_status()
    }
}

/// The status of a call that the worker pool did not finish.
#[must_use]
pub fn from_pool(error: PoolError) -> Status {
    Refusal::from_pool(proto::ERROR_DOMAIN, error).into_status()
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    fn check(error: QueryError, code: Code, reason: &str) -> tonic_types::ErrorDetails {
        let status = Status::from(error);
        assert_eq!(status.code(), code, "{status:?}");
        let details = status.get_error_details();
        let info = details.error_info().expect("every refusal has one");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, proto::ERROR_DOMAIN));
        details
    }

    #[test]
    fn a_profile_mismatch_names_both() {
        let error = QueryError::ProfileMismatch { got: "theirs".into(), expected: "ours".into() };
        let details = check(error, Code::FailedPrecondition, "PROFILE_MISMATCH");
        let metadata = &details.error_info().expect("checked").metadata;
        assert_eq!(
            (metadata["query_profile"].as_str(), metadata["index_profile"].as_str()),
            ("theirs", "ours")
        );
        assert_eq!(details.precondition_failure().expect("set").violations[0].r#type, "PROFILE");
    }

    #[test]
    fn a_bad_target_recall_is_pointed_at() {
        let error = QueryError::TargetRecall { got: f64::NAN };
        let details = check(error, Code::InvalidArgument, "INVALID_TARGET_RECALL");
        let violations = &details.bad_request().expect("set").field_violations;
        assert_eq!(violations[0].field, "options.target_recall");
    }

    #[test]
    fn a_value_is_pointed_at() {
        let error =
            QueryError::NotFinite { index: 17, name: "mfcc_mean_18".into(), value: f64::NAN };
        let details = check(error, Code::InvalidArgument, "VALUE_NOT_FINITE");
        let violations = &details.bad_request().expect("set").field_violations;
        assert_eq!(violations[0].field, "feature_vector.values[17]");
        assert_eq!(details.error_info().expect("checked").metadata["feature"], "mfcc_mean_18");
    }

    #[test]
    fn what_is_not_there_is_not_found_or_out_of_range() {
        let details = check(
            QueryError::UnknownTrack { track_id: "x".into() },
            Code::NotFound,
            "TRACK_NOT_FOUND",
        );
        assert_eq!(details.resource_info().expect("set").resource_name, "x");
        check(
            QueryError::RowOutOfRange { got: 9, rows: 9 },
            Code::OutOfRange,
            "TRACK_INDEX_OUT_OF_RANGE",
        );
        let error = QueryError::VersionMismatch { got: "a".into(), expected: "b".into() };
        check(error, Code::Aborted, "INDEX_VERSION_MISMATCH");
    }

    #[test]
    fn internals_do_not_leak() {
        let inner = crate::Error::Unsound("secret".into());
        let status = Status::from(QueryError::Index(inner));
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("secret"), "{}", status.message());
    }
}
