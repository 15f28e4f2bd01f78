//! Options of a query, each checked where it is set.

use super::{QueryError, echo};
use crate::{
    filter::Filter,
    groups::{MAX_GROUP_WEIGHT, MIN_GROUP_WEIGHT},
    planner::Wanted,
    searcher::Searcher,
};

/// Results when none are asked for.
pub const DEFAULT_PAGE_SIZE: usize = 10;
/// Most results of one page; more is cut to this.
pub const MAX_PAGE_SIZE: usize = 1000;
/// Most results of one page that is explained; more is cut to this.
pub const MAX_EXPLAINED_PAGE_SIZE: usize = 100;
/// Most candidates a query may ask the forest to inspect.
pub const MAX_SEARCH_K: usize = 1_000_000;

/// Checked options of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub(crate) k: usize,
    pub(crate) wanted: Wanted,
    pub(crate) include_seeds: bool,
    pub(crate) include_duplicates: bool,
    /// 0 is no limit.
    pub(crate) max_per_artist: usize,
    pub(crate) max_distance: Option<f64>,
    pub(crate) filter: Option<Filter>,
    /// 0 to 1.
    pub(crate) diversity: f64,
    /// One for each feature group; none where all are 1.
    pub(crate) group_weights: Option<Vec<f64>>,
    pub(crate) explained: bool,
}

impl Options {
    /// Options as a command line gives them.
    ///
    /// # Errors
    /// When a number is out of range.
    pub fn new(
        page_size: i64,
        exact: bool,
        search_k: i64,
        include_seeds: bool,
    ) -> Result<Self, QueryError> {
        let k = match usize::try_from(page_size) {
            Ok(0) => DEFAULT_PAGE_SIZE,
            Ok(size) => size.min(MAX_PAGE_SIZE),
            Err(_) => return Err(QueryError::PageSize { got: page_size }),
        };
        let wanted = match usize::try_from(search_k) {
            Ok(inspected) if exact && inspected <= MAX_SEARCH_K => Wanted::Exact,
            Ok(0) => Wanted::Default,
            Ok(inspected) if inspected <= MAX_SEARCH_K => Wanted::SearchK(inspected),
            _ => return Err(QueryError::SearchK { got: search_k }),
        };
        Ok(Self {
            k,
            wanted,
            include_seeds,
            include_duplicates: false,
            max_per_artist: 0,
            max_distance: None,
            filter: None,
            diversity: 0.0,
            group_weights: None,
            explained: false,
        })
    }

    /// With a target recall, where neither `exact` nor `search_k` says more.
    ///
    /// # Errors
    /// When it is not above 0 and at most 1.
    pub fn with_target_recall(self, target: f64) -> Result<Self, QueryError> {
        if !(target > 0.0 && target <= 1.0) {
            return Err(QueryError::TargetRecall { got: target });
        }
        let wanted = match self.wanted {
            Wanted::Default | Wanted::Recall(_) => Wanted::Recall(target),
            Wanted::Exact | Wanted::SearchK(_) => self.wanted,
        };
        Ok(Self { wanted, ..self })
    }

    /// With rows that are exactly equal to better ones, which are left out by default.
    #[must_use]
    pub fn with_duplicates(self, include_duplicates: bool) -> Self {
        Self { include_duplicates, ..self }
    }

    /// With a limit of results per artist; 0 is none.
    ///
    /// # Errors
    /// When it is negative.
    pub fn with_max_per_artist(self, limit: i64) -> Result<Self, QueryError> {
        let max_per_artist =
            usize::try_from(limit).map_err(|_| QueryError::MaxPerArtist { got: limit })?;
        Ok(Self { max_per_artist, ..self })
    }

    /// Without results that are farther than this.
    ///
    /// # Errors
    /// When it is negative or not finite.
    pub fn with_max_distance(self, most: f64) -> Result<Self, QueryError> {
        if !(most >= 0.0 && most.is_finite()) {
            return Err(QueryError::MaxDistance { got: most });
        }
        Ok(Self { max_distance: Some(most), ..self })
    }

    /// With results that pass a filter only; a blank one lets all pass.
    ///
    /// # Errors
    /// When it is no filter of this index.
    pub fn with_filter(self, index: &Searcher, text: &str) -> Result<Self, QueryError> {
        let filter = Filter::parse(text, &index.manifest().attribute_names)?;
        Ok(Self { filter, ..self })
    }

    /// With a share of diversity in the order.
    ///
    /// # Errors
    /// When it is not 0 to 1.
    pub fn with_diversity(self, diversity: f64) -> Result<Self, QueryError> {
        if !(0.0..=1.0).contains(&diversity) {
            return Err(QueryError::Diversity { got: diversity });
        }
        Ok(Self { diversity, ..self })
    }

    /// With weights of feature groups; groups not named have weight 1.
    ///
    /// # Errors
    /// When there is no such group, a weight is neither 0 nor 1e-6 to 1000, or all are 0.
    pub fn with_group_weights<'n>(
        self,
        index: &Searcher,
        weights: impl IntoIterator<Item = (&'n str, f64)>,
    ) -> Result<Self, QueryError> {
        let groups = index.groups();
        let mut of_groups = vec![1.0_f64; groups.names().len()];
        for (name, weight) in weights {
            let group = groups.names().iter().position(|group| group == name);
            let group = group.ok_or_else(|| QueryError::UnknownGroup {
                name: echo(name),
                known: groups.names().to_vec(),
            })?;
            if weight != 0.0 && !(MIN_GROUP_WEIGHT..=MAX_GROUP_WEIGHT).contains(&weight) {
                return Err(QueryError::GroupWeight { name: name.to_owned(), got: weight });
            }
            of_groups[group] = weight;
        }
        if of_groups.iter().all(|weight| *weight <= 0.0) {
            return Err(QueryError::NoGroupWeight);
        }
        let even = of_groups.iter().all(|weight| weight.total_cmp(&1.0).is_eq());
        Ok(Self { group_weights: (!even).then_some(of_groups), ..self })
    }

    /// With the shares of features and groups in each distance, and smaller pages.
    #[must_use]
    pub fn with_explanations(self) -> Self {
        Self { explained: true, k: self.k.min(MAX_EXPLAINED_PAGE_SIZE), ..self }
    }

    /// Whether nothing is asked for but the nearest: no filter to evaluate, no scan, no other order.
    pub(crate) fn is_short(&self) -> bool {
        let scans = self.group_weights.is_some() || self.diversity > 0.0;
        self.filter.is_none() && !scans && !self.explained
    }

    /// What is asked of the planner.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Options {
        Options::new(0, false, 0, false).expect("valid")
    }

    #[test]
    fn page_sizes_default_cap_and_refuse() {
        let k = |size| Options::new(size, false, 0, false).map(|options| options.k);
        assert_eq!(k(0).expect("default"), 10);
        assert_eq!(k(7).expect("as asked"), 7);
        assert_eq!(k(5000).expect("capped"), 1000);
        assert!(matches!(k(-1), Err(QueryError::PageSize { got: -1 })));
        let explained =
            |size| Options::new(size, false, 0, false).expect("valid").with_explanations();
        assert_eq!((explained(5000).k, explained(7).k), (100, 7));
    }

    #[test]
    fn search_k_has_a_limit() {
        let wanted =
            |exact, value| Options::new(0, exact, value, false).map(|options| options.wanted);
        assert_eq!(wanted(false, 0).expect("default"), Wanted::Default);
        let most = wanted(false, 1_000_000).expect("the most");
        assert_eq!(most, Wanted::SearchK(1_000_000));
        assert_eq!(wanted(true, 5).expect("exact goes first"), Wanted::Exact);
        for exact in [true, false] {
            let refused = wanted(exact, 1_000_001);
            assert!(matches!(refused, Err(QueryError::SearchK { got: 1_000_001 })));
            assert!(matches!(wanted(exact, -1), Err(QueryError::SearchK { got: -1 })));
        }
    }

    #[test]
    fn a_target_recall_is_a_share_and_yields_to_exact_and_search_k() {
        let options = |exact, search_k| Options::new(0, exact, search_k, false).expect("valid");
        let plain = |target| options(false, 0).with_target_recall(target);
        assert_eq!(plain(1.0).expect("the most").wanted, Wanted::Recall(1.0));
        for wrong in [0.0, -0.5, 1.000_001, f64::NAN, f64::INFINITY] {
            let refused = plain(wrong);
            assert!(matches!(refused, Err(QueryError::TargetRecall { .. })), "{wrong}");
        }
        let exact = options(true, 0).with_target_recall(0.9).expect("valid");
        assert_eq!(exact.wanted, Wanted::Exact);
        let by_forest = options(false, 9).with_target_recall(0.9).expect("valid");
        assert_eq!(by_forest.wanted, Wanted::SearchK(9));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for wrong in [-0.1, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                plain().with_max_distance(wrong),
                Err(QueryError::MaxDistance { .. })
            ));
        }
        for wrong in [-0.1, 1.1, f64::NAN] {
            assert!(matches!(plain().with_diversity(wrong), Err(QueryError::Diversity { .. })));
        }
        let refused = plain().with_max_per_artist(-1);
        assert!(matches!(refused, Err(QueryError::MaxPerArtist { got: -1 })));
        assert!(plain().with_max_distance(0.0).is_ok() && plain().with_diversity(1.0).is_ok());
    }
}
