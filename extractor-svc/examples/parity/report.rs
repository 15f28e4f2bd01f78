//! The table: family, class, files, deviations, bound, pass.

use std::{collections::BTreeMap, fmt};

use extractor_svc::error::ExtractError;
use proto::features::{FAMILIES, FeatureSchema};

use crate::{
    bounds::{Bound, Class, MAX_EXCEPTION_SHARE, bound, share_within, worst_factor},
    corpus::Recording,
};

/// A recording and what we made of it.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    recording: &'a Recording,
    values: Result<Vec<f64>, ExtractError>,
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(recording: &'a Recording, values: Result<Vec<f64>, ExtractError>) -> Self {
        Self { recording, values }
    }
}

/// One line of the table.
struct Line {
    family: &'static str,
    statistic: &'static str,
    class: Class,
    files: usize,
    bound: Bound,
    /// Absolute deviations at 50, 95 and 100 %.
    deviations: [f64; 3],
    within: f64,
    worst: f64,
}

impl Line {
    fn passes(&self) -> bool {
        self.within >= share_within(self.class) && self.worst <= worst_factor(self.class)
    }
}

pub(crate) struct Report<'a> {
    lines: Vec<Line>,
    /// Worst deviation in units of its bound, with its column, by recording.
    worst: Vec<(&'a Recording, f64, String)>,
    /// Sentences that make the run fail.
    broken: Vec<String>,
    /// Sentences that are only told.
    notes: Vec<String>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(schema: &FeatureSchema, outcomes: &'a [Outcome<'a>]) -> Self {
        let mut report =
            Self { lines: Vec::new(), worst: Vec::new(), broken: Vec::new(), notes: Vec::new() };
        let compared = report.choose(schema, outcomes);
        for class in [Class::A, Class::B, Class::C] {
            let files: Vec<_> =
                compared.iter().filter(|(recording, _)| recording.class == class).collect();
            if files.is_empty() {
                report.broken.push(format!("class {class:?} has no recording"));
                continue;
            }
            let mut column = 0;
            for (family, rows) in FAMILIES {
                for statistic in ["mean", "std"] {
                    let columns = column..column + rows;
                    let pairs = files.iter().flat_map(|(recording, values)| {
                        columns.clone().map(|at| (values[at], recording.golden[at]))
                    });
                    report.lines.push(line(family, statistic, class, files.len(), pairs));
                    column += rows;
                }
            }
        }
        report
    }

    /// Sets exceptions, silent frames and failures apart; gives what is compared.
    fn choose(
        &mut self,
        schema: &FeatureSchema,
        outcomes: &'a [Outcome<'a>],
    ) -> Vec<(&'a Recording, &'a [f64])> {
        let mut compared = Vec::new();
        let mut silent: BTreeMap<Class, usize> = BTreeMap::new();
        let (mut lossy, mut lossy_exceptions, mut exceptions) = (0, 0, 0);
        for Outcome { recording, values } in outcomes {
            let file = &recording.file;
            lossy += usize::from(recording.class == Class::C);
            let worst = values.as_ref().ok().map(|values| worst_value(schema, recording, values));
            if let Some((worst, column)) = worst.clone() {
                self.worst.push((recording, worst, column));
            }
            match (&recording.exception, values) {
                (Some(exception), values) => {
                    exceptions += 1;
                    lossy_exceptions += usize::from(recording.class == Class::C);
                    let seen = values.as_ref().map_or_else(ExtractError::reason, |_| "DIFFERS");
                    if seen != exception.code {
                        self.broken
                            .push(format!("{file}: listed as {}, is {seen}", exception.code));
                    }
                    let agrees = worst.is_some_and(|(worst, _)| worst <= 1.0);
                    if agrees && !recording.silent_frames {
                        self.broken.push(format!("{file}: listed as an exception, but agrees"));
                    }
                }
                (None, Err(error)) => {
                    self.broken.push(format!("{file}: {}: {error}", error.reason()));
                }
                (None, Ok(_)) if recording.silent_frames => {
                    *silent.entry(recording.class).or_default() += 1;
                }
                (None, Ok(values)) => compared.push((*recording, values.as_slice())),
            }
        }
        let share = lossy_exceptions as f64 / lossy.max(1) as f64;
        self.notes.push(format!(
            "{exceptions} exceptions, {lossy_exceptions} of them among {lossy} lossy recordings ({:.1} %, at most {:.0} %)",
            100.0 * share,
            100.0 * MAX_EXCEPTION_SHARE,
        ));
        if share > MAX_EXCEPTION_SHARE {
            self.broken.push("too many exceptions".to_owned());
        }
        self.notes.push(format!("set apart for digitally silent frames: {silent:?}"));
        compared
    }

    pub(crate) fn passes(&self) -> bool {
        self.broken.is_empty() && self.lines.iter().all(Line::passes)
    }

    /// Every recording with its worst value in units of the bound, worst first.
    pub(crate) fn worst_files(&self) -> String {
        let mut worst: Vec<_> = self.worst.iter().collect();
        worst.sort_by(|a, b| b.1.total_cmp(&a.1));
        worst
            .iter()
            .map(|(recording, factor, column)| {
                let mark = match (&recording.exception, recording.silent_frames) {
                    (Some(_), _) => " exception",
                    (None, true) => " silent frames",
                    (None, false) => "",
                };
                format!("{:?} {factor:9.2} {column:24} {}{mark}\n", recording.class, recording.file)
            })
            .collect()
    }
}

fn worst_value(schema: &FeatureSchema, recording: &Recording, values: &[f64]) -> (f64, String) {
    let families =
        FAMILIES.iter().flat_map(|(family, rows)| std::iter::repeat_n(*family, 2 * rows));
    let factors =
        families.zip(values.iter().zip(&recording.golden)).map(|(family, (got, want))| {
            (got - want).abs() / bound(family, recording.class).at(*want).max(f64::MIN_POSITIVE)
        });
    factors
        .zip(schema.names())
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or((f64::INFINITY, String::new()), |(factor, name)| (factor, name.clone()))
}

fn line(
    family: &'static str,
    statistic: &'static str,
    class: Class,
    files: usize,
    pairs: impl Iterator<Item = (f64, f64)>,
) -> Line {
    let bound = bound(family, class);
    let (mut deviations, mut factors): (Vec<f64>, Vec<f64>) = pairs
        .map(|(got, want)| {
            let deviation = (got - want).abs();
            (deviation, deviation / bound.at(want).max(f64::MIN_POSITIVE))
        })
        .unzip();
    deviations.sort_by(f64::total_cmp);
    factors.sort_by(f64::total_cmp);
    let at = |share: f64| deviations[((deviations.len() - 1) as f64 * share).round() as usize];
    let within =
        factors.iter().filter(|factor| **factor <= 1.0).count() as f64 / factors.len() as f64;
    let worst = factors.last().copied().unwrap_or(f64::INFINITY);
    Line {
        family,
        statistic,
        class,
        files,
        bound,
        deviations: [at(0.5), at(0.95), at(1.0)],
        within,
        worst,
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| family | class | files | 50 % | 95 % | 100 % | bound | within | pass |")?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        for line in &self.lines {
            let [median, most, all] = line.deviations;
            writeln!(
                f,
                "| {} {} | {:?} | {} | {median:.1e} | {most:.1e} | {all:.1e} | {} | {:.1} % | {} |",
                line.family,
                line.statistic,
                line.class,
                line.files,
                line.bound,
                100.0 * line.within,
                if line.passes() { "yes" } else { "**NO**" },
            )?;
        }
        writeln!(f)?;
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        for broken in &self.broken {
            writeln!(f, "BROKEN: {broken}")?;
        }
        write!(f, "{}", if self.passes() { "parity holds" } else { "parity is broken" })
    }
}
