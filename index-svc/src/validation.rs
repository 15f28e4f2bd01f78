//! The story of a validation: open, verify, measure, judge, and gather what the report draws.

use std::{collections::BTreeMap, path::Path, path::PathBuf};

use index::card::Card;

use crate::{
    calibration::{CALIBRATION_K, CARD_SAMPLE},
    card,
    error::Error,
    gate::{Figures, Threshold},
    planner::Wanted,
    recall::{Probe, Trial, sample_rows},
    report::{Findings, Pictures, Report},
    searcher::Searcher,
    verify::{self, Check},
};

/// The values of `k` recall is measured at.
const RECALL_AT: [usize; 2] = [10, 100];

/// What to validate an index by.
#[derive(Clone, Debug, Default)]
pub struct Validation {
    /// Tables it was built from, in order; none leaves the comparison out.
    pub inputs: Vec<PathBuf>,
    /// Rows to ask, where there are no held-out vectors.
    pub sample: usize,
    /// Held-out vectors to measure recall with.
    pub held_out: Option<Vec<Probe>>,
    /// What queries ask for.
    pub wanted: Wanted,
    /// The attribute that names a genre, if not the first of [`crate::card::GENRE_COLUMNS`].
    pub genre_column: Option<String>,
    /// Figures it is held to.
    pub thresholds: Vec<Threshold>,
    /// Whether to gather what a report with pictures draws.
    pub pictures: bool,
}

impl Validation {
    /// Examines `index`, which was opened from `directory`.
    ///
    /// # Errors
    /// When a source table cannot be read, or the genre column is not one of the index. An index that
    /// cannot be read is a failed check.
    pub fn run(&self, index: &Searcher, directory: &Path) -> Result<Report, Error> {
        if let Some(column) = &self.genre_column {
            let known = &index.manifest().attribute_names;
            if !known.contains(column) {
                let column = column.clone();
                return Err(Error::UnknownAttribute { column, known: known.clone() });
            }
        }
        let sources = match self.inputs.as_slice() {
            [] => Vec::new(),
            inputs => verify::check_sources(index, inputs)?,
        };
        Ok(match self.examine(index, directory) {
            Ok(report) => report,
            Err(error) => Report::unreadable(&error),
        }
        .with_checks(sources))
    }

    fn examine(&self, index: &Searcher, directory: &Path) -> Result<Report, Error> {
        let manifest = index.manifest();
        let mut checks = vec![files_check(index, directory)];
        checks.extend(verify::check_contents(index)?);
        checks.extend(verify::check_answers(index, self.sample)?);
        checks.extend(verify::check_curve(index, self.sample)?);

        let seed = manifest.forest.seed;
        let card_rows = sample_rows(index.rows(), CARD_SAMPLE, seed);
        let card_trial = Trial::new(index, &card_rows, CALIBRATION_K)?;
        let mut card = card::measure(index, &card_trial, None)?;
        checks.extend(verify::check_card(manifest.card.as_ref(), &card));
        if let Some(column) = &self.genre_column {
            card::set_genre_column(&mut card, index, &card_trial, column)?;
        }

        let (probes, recall_source) = match &self.held_out {
            Some(probes) => (probes.clone(), "held-out vectors"),
            None => (sample_rows(index.rows(), self.sample, seed), "rows of the index"),
        };
        let trial = Trial::new(index, &probes, RECALL_AT[1])?;
        let measured = trial.measure(&RECALL_AT, self.wanted)?;
        let recall = [measured.recall.first().copied(), measured.recall.get(1).copied()];
        let figures = Figures::of(&card, recall, manifest);
        checks.extend(self.thresholds.iter().map(|threshold| figures.check(*threshold)));

        let pictures =
            if self.pictures { Some(Pictures::gather(index, &trial, &card)?) } else { None };
        let plan = index.plan(self.wanted, RECALL_AT[0]);
        let findings = Findings {
            recall: RECALL_AT.iter().map(|k| format!("recall@{k}")).zip(measured.recall).collect(),
            recall_probes: probes.len(),
            recall_source,
            plan: format!("{} {}", plan.engine, plan.effort),
            p50_us: measured.p50.as_micros(),
            exact_p50_us: measured.exact_p50.as_micros(),
            figures,
            track_ids: track_ids(index, &card)?,
            card,
            ..Findings::of_manifest(index)
        };
        Ok(Report::new(checks, self.thresholds.len(), findings, pictures))
    }
}

fn files_check(index: &Searcher, directory: &Path) -> Check {
    let verified = Searcher::verify_files(directory, index.manifest());
    let failure = verified.err().map(|error| error.to_string());
    Check::new("file digests", failure, "as in the manifest".to_owned())
}

/// Ids of the rows that the card names.
fn track_ids(index: &Searcher, card: &Card) -> Result<BTreeMap<u32, String>, Error> {
    let named = [card.duplicates.largest_group_row, card.hubness.largest_hub_row];
    named.into_iter().flatten().map(|row| Ok((row, index.metadata(row)?.track_id))).collect()
}
