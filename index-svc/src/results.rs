//! From the rows of a list to results: the order that diversity gives them, metadata, explanations, and the names
//! of the seeds.

use engine::Stop;
use index::metadata::TrackMetadata;

use crate::{
    answer::Neighbor,
    diversity,
    error::Error,
    explain::{Explanation, explain},
    list::{Chosen, List, Span},
    query::{Query, Seed},
    searcher::Searcher,
    target::Target,
};

impl Searcher {
    /// The rows of the page that was asked for, in their order.
    pub(crate) fn page(
        &self,
        query: &Query,
        span: &Span,
        list: &List,
        stop: Stop<'_>,
    ) -> Result<Vec<Chosen>, Error> {
        let diversity = query.options.diversity;
        if span.block == 1 {
            let page = list.chosen.iter().skip(span.begin).take(span.size);
            return Ok(page.copied().collect());
        }
        let mut page = Vec::with_capacity(span.size);
        for (block, rows) in list.chosen.chunks(span.block).enumerate() {
            let start = block * span.block;
            let (from, to) = (span.begin.max(start), span.end().min(start + rows.len()));
            if from >= to {
                continue;
            }
            let scores: Vec<f64> = rows.iter().map(|chosen| chosen.score).collect();
            let vectors = rows.iter().map(|chosen| self.scaled(chosen.row));
            let vectors: Vec<_> = vectors.collect::<Result<_, _>>()?;
            let mut ordered = diversity::Block::new(scores, vectors);
            for earlier in &list.chosen[..start] {
                stop.check()?;
                ordered.behind(&self.scaled(earlier.row)?);
            }
            let order = ordered.order(diversity, to - start, stop)?;
            page.extend(order[from - start..].iter().map(|place| rows[*place]));
        }
        Ok(page)
    }

    pub(crate) fn join(
        &self,
        target: &Target,
        page: &[Chosen],
        explained: bool,
    ) -> Result<Vec<Neighbor>, Error> {
        let plain = target.is_plain();
        let explain_row = |row| -> Result<Explanation, Error> {
            let scaled = self.scaled(row)?;
            Ok(explain(self.schema().names(), target.nearest(&scaled), &scaled))
        };
        page.iter()
            .map(|chosen| {
                Ok(Neighbor {
                    row: chosen.row,
                    metadata: self.metadata(chosen.row)?,
                    distance: chosen.distance,
                    score: (!plain).then_some(chosen.score),
                    similarity_percentile: self.pairs().share_farther(chosen.distance),
                    explanation: explained.then(|| explain_row(chosen.row)).transpose()?,
                })
            })
            .collect()
    }

    /// The track that a query by one row starts from.
    pub(crate) fn named(&self, query: &Query) -> Result<Option<(u32, TrackMetadata)>, Error> {
        match &query.examples[..] {
            [only] => self.track_of(&only.seed),
            _ => Ok(None),
        }
    }

    pub(crate) fn track_of(&self, seed: &Seed) -> Result<Option<(u32, TrackMetadata)>, Error> {
        match seed {
            Seed::Row(row) => Ok(Some((*row, self.metadata(*row)?))),
            Seed::Vector(_) => Ok(None),
        }
    }

    /// The id of a seed's track; empty for a vector.
    pub(crate) fn id_of(&self, seed: &Seed) -> Result<String, Error> {
        match seed {
            Seed::Row(row) => Ok(self.track_id(*row)?),
            Seed::Vector(_) => Ok(String::new()),
        }
    }
}
