//! Answers as they go over the wire.

use index::metadata::TrackMetadata;
use proto::v1::{self, FeatureVector, LookupResponse, LookupView, QueryStats, Track, neighbor};

use crate::{
    explain,
    query::{QueryError, row_of},
    search::{Answer, Compared, Neighbor},
    searcher::Searcher,
};

/// The answer to a look-up.
///
/// # Errors
/// When no track has the id, or the index cannot be read.
pub(crate) fn lookup(
    index: &Searcher,
    track_id: &str,
    view: LookupView,
) -> Result<LookupResponse, QueryError> {
    let row = row_of(index, track_id)?;
    let feature_vector = match view {
        LookupView::Unspecified | LookupView::Track => None,
        LookupView::Features | LookupView::Full => {
            let names = (view == LookupView::Full).then(|| index.schema().names().to_vec());
            Some(FeatureVector {
                values: index.raw(row)?,
                profile_id: index.manifest().profile_id.clone(),
                schema_sha256: index.manifest().schema_sha256.clone(),
                names: names.unwrap_or_default(),
                provenance: None,
            })
        }
    };
    Ok(LookupResponse {
        track: Some(track(row, index.metadata(row)?)),
        feature_vector,
        index_version: index.version().to_owned(),
    })
}

/// How an answer came about.
pub(crate) fn stats(index: &Searcher, answer: &Answer) -> QueryStats {
    QueryStats {
        index_version: index.version().to_owned(),
        exact: answer.plan.is_exact(),
        candidate_count: wire_long(answer.candidate_count),
        suppressed_seed_count: wire_count(answer.left_out.seeds),
        suppressed_duplicate_count: wire_count(answer.left_out.duplicates),
        suppressed_artist_count: wire_count(answer.left_out.artists),
        out_of_range_features: answer.out_of_range_features.clone(),
        engine: answer.plan.engine.to_string(),
        effort: answer.plan.effort.to_string(),
        matched_track_count: wire_long(answer.matched_count),
        suppressed_distance_count: wire_long(answer.too_far_count),
        promised_recall: answer.plan.promised_recall,
    }
}

/// An answer's results.
pub(crate) fn neighbors(found: Vec<Neighbor>) -> Vec<v1::Neighbor> {
    let wire = |neighbor: Neighbor| {
        let explanation = neighbor.explanation.unwrap_or_default();
        v1::Neighbor {
            track: Some(track(neighbor.row, neighbor.metadata)),
            distance: neighbor.distance,
            similarity_percentile: neighbor.similarity_percentile,
            contributions: contributions(explanation.features),
            group_contributions: contributions(explanation.groups),
            score: neighbor.score,
        }
    };
    found.into_iter().map(wire).collect()
}

/// An explained distance.
pub(crate) fn compared(index: &Searcher, compared: Compared) -> v1::ExplainDistanceResponse {
    v1::ExplainDistanceResponse {
        neighbor: Some(v1::Neighbor {
            track: compared.track.map(|(row, metadata)| track(row, metadata)),
            distance: compared.distance,
            similarity_percentile: compared.similarity_percentile,
            contributions: contributions(compared.explanation.features),
            group_contributions: contributions(compared.explanation.groups),
            score: None,
        }),
        out_of_range_features: compared.out_of_range_features,
        index_version: index.version().to_owned(),
        seed_track_ids: compared.track_ids.into(),
    }
}

fn contributions(of: Vec<explain::Contribution>) -> Vec<neighbor::Contribution> {
    let wire = |explain::Contribution { feature, share, delta_std }| neighbor::Contribution {
        feature,
        share,
        delta_std,
    };
    of.into_iter().map(wire).collect()
}

/// A track.
pub(crate) fn track(row: u32, metadata: TrackMetadata) -> Track {
    Track {
        track_id: metadata.track_id,
        track_title: metadata.track_title,
        artist_name: metadata.artist_name,
        album_title: metadata.album_title,
        track_index: i64::from(row),
        attributes: metadata.attributes.into_iter().collect(),
    }
}

/// A count in the wire's 32 bits; the largest there is where it does not fit.
fn wire_count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn wire_long(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
