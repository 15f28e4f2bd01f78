//! Errors as they go on the wire: the one place that decides codes, reasons and details.

#![deny(clippy::wildcard_enum_match_arm)]

use std::time::Duration;

use serving::{PoolError, Refusal};
use tonic::{Code, Status};

use crate::{
    error::Error,
    filter::{FilterError, Problem},
    pages::{MAX_LISTED, PageTokenError},
    query::{MAX_DEVIATIONS, QueryError},
};

/// Kind of the `ResourceInfo` and of preconditions about a track.
const TRACK: &str = "soundalike.v1.Track";
const INDEX: &str = "soundalike.v1.Index";
/// When to try again an index that cannot be read for now; another server may be asked at once.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<QueryError> for Status {
    fn from(error: QueryError) -> Self {
        refusal(&error, "", &error.to_string()).into_status()
    }
}

/// The refusal of a request, or of the part of it at `path`.
fn refusal(error: &QueryError, path: &str, message: &str) -> Refusal {
    let refuse = |code, reason| Refusal::new(proto::ERROR_DOMAIN, code, reason, message);
    let invalid = |reason| refuse(Code::InvalidArgument, reason);
    let at = |field: &str| match (path, field) {
        ("", field) => field.to_owned(),
        (path, "") => path.to_owned(),
        (path, field) => format!("{path}.{field}"),
    };
    match error {
        QueryError::In { path: part, source } => refusal(source, &at(part), message),
        QueryError::PageSize { got } => {
            invalid("INVALID_PAGE_SIZE").fact("page_size", got).field(at("options.page_size"))
        }
        QueryError::PageToken(error) => page_token(error, message).field(at("options.page_token")),
        QueryError::SearchK { got } => {
            invalid("INVALID_SEARCH_K").fact("search_k", got).field(at("options.search_k"))
        }
        QueryError::TargetRecall { got } => invalid("INVALID_TARGET_RECALL")
            .fact("target_recall", got)
            .field(at("options.target_recall")),
        QueryError::MaxDistance { got } => invalid("INVALID_MAX_DISTANCE")
            .fact("max_distance", got)
            .field(at("options.max_distance")),
        QueryError::MaxPerArtist { got } => invalid("INVALID_MAX_PER_ARTIST")
            .fact("max_per_artist", got)
            .field(at("options.max_per_artist")),
        QueryError::Diversity { got } => {
            invalid("INVALID_DIVERSITY").fact("diversity", got).field(at("options.diversity"))
        }
        QueryError::Filter(error) => filter(error, message).field(at("options.filter")),
        QueryError::UnknownGroup { name, known } => invalid("UNKNOWN_FEATURE_GROUP")
            .fact("group", name)
            .fact("known_groups", known.join(","))
            .field(at(&format!("options.group_weights[{name}]"))),
        QueryError::GroupWeight { name, got } => invalid("INVALID_GROUP_WEIGHT")
            .fact("group", name)
            .fact("weight", got)
            .field(at(&format!("options.group_weights[{name}]"))),
        QueryError::NoGroupWeight => {
            invalid("INVALID_GROUP_WEIGHT").field(at("options.group_weights"))
        }
        QueryError::View { got } => {
            invalid("INVALID_VIEW").fact("view", got).field(at("options.view"))
        }
        QueryError::Strategy { got } => {
            invalid("INVALID_STRATEGY").fact("strategy", got).field(at("strategy"))
        }
        QueryError::SeedCount { got } => {
            invalid("INVALID_SEED_COUNT").fact("seeds", got).field(at("seeds"))
        }
        QueryError::SeedMissing => invalid("SEED_MISSING").field(at("")),
        QueryError::SeedWeight { got } => {
            invalid("INVALID_SEED_WEIGHT").fact("weight", got).field(at("weight"))
        }
        QueryError::NothingWanted => invalid("NO_WANTED_SEED").field(at("seeds")),
        QueryError::BatchRequests { got } => {
            invalid("BATCH_TOO_LARGE").fact("requests", got).field(at("requests"))
        }
        QueryError::BatchResults { got } => {
            invalid("BATCH_TOO_LARGE").fact("results", got).field(at("requests"))
        }
        QueryError::BatchLookups { got } => {
            invalid("BATCH_TOO_LARGE").fact("track_ids", got).field(at("track_ids"))
        }
        QueryError::VectorMissing => invalid("VECTOR_MISSING").field(at("feature_vector")),
        QueryError::ProfileMissing { expected } => invalid("PROFILE_MISSING")
            .fact("index_profile", expected)
            .field(at("feature_vector.profile_id")),
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
            .field(at("feature_vector.values")),
        QueryError::NotFinite { index, name, value } => invalid("VALUE_NOT_FINITE")
            .fact("feature", name)
            .fact("value", value)
            .field(at(&format!("feature_vector.values[{index}]"))),
        QueryError::OutOfRange { index, name, value, deviations } => invalid("VALUE_OUT_OF_RANGE")
            .fact("feature", name)
            .fact("value", value)
            .fact("deviations", deviations)
            .fact("max_deviations", MAX_DEVIATIONS)
            .field(at(&format!("feature_vector.values[{index}]"))),
        QueryError::RowMissing => invalid("TRACK_INDEX_MISSING").field(at("track_index")),
        QueryError::NegativeRow { got } => {
            invalid("INVALID_TRACK_INDEX").fact("track_index", got).field(at("track_index"))
        }
        QueryError::RowOutOfRange { got, rows } => {
            refuse(Code::OutOfRange, "TRACK_INDEX_OUT_OF_RANGE")
                .fact("track_index", got)
                .fact("track_count", rows)
                .field(at("track_index"))
        }
        QueryError::TrackIdLength { got } => {
            invalid("INVALID_TRACK_ID").fact("bytes", got).field(at("track_id"))
        }
        QueryError::UnknownTrack { track_id } => {
            refuse(Code::NotFound, "TRACK_NOT_FOUND").resource(TRACK, track_id)
        }
        QueryError::LookupView { got } => {
            invalid("INVALID_VIEW").fact("view", got).field(at("view"))
        }
        QueryError::VersionMismatch { got, expected } => {
            refuse(Code::Aborted, "INDEX_VERSION_MISMATCH")
                .fact("index_version", got)
                .fact("expected_index_version", expected)
                .precondition("INDEX_VERSION", INDEX)
        }
        QueryError::WorkTooLarge { work, limit } => {
            refuse(Code::ResourceExhausted, "WORK_TOO_LARGE")
                .fact("work", work)
                .fact("max_work", limit)
                .quota("max_work")
        }
        QueryError::Index(Error::Stopped) => refuse(Code::Cancelled, "CANCELLED"),
        QueryError::Index(error) if error.is_passing() => {
            refuse(Code::Unavailable, "INDEX_UNAVAILABLE").retry_after(RETRY_AFTER)
        }
        QueryError::Index(_) => refuse(Code::Internal, "INTERNAL"),
    }
}

fn page_token(error: &PageTokenError, message: &str) -> Refusal {
    let refuse = |code, reason| Refusal::new(proto::ERROR_DOMAIN, code, reason, message);
    match error {
        PageTokenError::Malformed => refuse(Code::InvalidArgument, "INVALID_PAGE_TOKEN"),
        PageTokenError::OtherQuery => refuse(Code::InvalidArgument, "PAGE_TOKEN_QUERY_MISMATCH"),
        PageTokenError::OtherVersion { got, expected } => {
            refuse(Code::Aborted, "PAGE_TOKEN_VERSION_MISMATCH")
                .fact("page_token_version", got)
                .fact("index_version", expected)
                .precondition("INDEX_VERSION", INDEX)
        }
        PageTokenError::TooDeep => refuse(Code::ResourceExhausted, "LIST_TOO_LONG")
            .fact("max_listed", MAX_LISTED)
            .quota("max_listed"),
    }
}

fn filter(error: &FilterError, message: &str) -> Refusal {
    let refuse = |reason| {
        Refusal::new(proto::ERROR_DOMAIN, Code::InvalidArgument, reason, message)
            .fact("column", error.column)
    };
    match &error.problem {
        Problem::Unexpected { .. } | Problem::Unterminated | Problem::Escape { .. } => {
            refuse("INVALID_FILTER")
        }
        Problem::UnknownField { name, known } => refuse("UNKNOWN_FILTER_FIELD")
            .fact("filter_field", name)
            .fact("known_fields", known.join(",")),
        Problem::TooLong { .. } | Problem::TooDeep | Problem::TooManyTerms => {
            refuse("FILTER_TOO_LARGE")
        }
    }
}

/// A refusal as a batch carries it: a serialized `google.rpc.Status`.
#[must_use]
pub fn encoded(error: QueryError) -> Vec<u8> {
    // The details of a refusal are that status, whole.
    Status::from(error).details().to_vec()
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
        let inner = Error::Unsound("secret".into());
        let status = Status::from(QueryError::Index(inner));
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("secret"), "{}", status.message());
    }

    #[test]
    fn what_passes_is_to_be_tried_again() {
        let full = std::io::ErrorKind::StorageFull.into();
        let error = Error::Io { path: "secret".into(), source: full };
        let details =
            check(QueryError::Index(error).at("seeds[3]"), Code::Unavailable, "INDEX_UNAVAILABLE");
        assert_eq!(details.retry_info().and_then(|info| info.retry_delay), Some(RETRY_AFTER));
        let stopped = QueryError::Index(Error::Stopped);
        assert!(check(stopped, Code::Cancelled, "CANCELLED").retry_info().is_none());
    }
}
