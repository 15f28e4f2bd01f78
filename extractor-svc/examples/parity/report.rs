//! The table: family, class, files, deviations, bound, pass.

use std::{collections::BTreeSet, fmt};

use extractor_svc::error::ExtractError;
use proto::features::{FAMILIES, FeatureSchema};

use crate::{
    bounds::{
        Bound, Class, MAX_EXCEPTION_SHARE, STATISTICS, UNBOUNDED, bound, share_within, worst_factor,
    },
    corpus::{Deviation, Recording},
};

/// A recording and what we made of it.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    recording: &'a Recording,
    values: Result<Vec<f64>, ExtractError>,
    /// The same by other instruction sets, where they are asked for.
    others: Vec<Vec<f64>>,
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(
        recording: &'a Recording,
        values: Result<Vec<f64>, ExtractError>,
        others: Vec<Vec<f64>>,
    ) -> Self {
        Self { recording, values, others }
    }
}

/// One line of the table.
struct Line {
    family: &'static str,
    statistic: &'static str,
    class: Class,
    files: usize,
    /// None in class D, where each recording has bounds of its own.
    bound: Option<Bound>,
    /// Absolute deviations at 50, 95 and 100 %.
    deviations: [f64; 3],
    within: f64,
    /// In units of the bound; recordings without one to the worst value left out.
    worst: f64,
}

impl Line {
    fn passes(&self) -> bool {
        // In class D, whose lines are short, the share is that of the class.
        let share = if self.class == Class::D { 0.0 } else { share_within(self.class) };
        self.within >= share && self.worst <= worst_factor(self.class)
    }
}

pub(crate) struct Report<'a> {
    lines: Vec<Line>,
    /// By recording: worst deviation in units of its bound, its column, values out of their bound.
    worst: Vec<(&'a Recording, f64, String, usize)>,
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
        for class in [Class::A, Class::B, Class::C, Class::D] {
            let files: Vec<_> = compared
                .iter()
                .filter(|(recording, _)| recording.table_class() == class)
                .map(|(recording, values)| (*recording, recording.deviations(values)))
                .collect();
            if files.is_empty() {
                report.broken.push(format!("class {class:?} has no recording"));
                continue;
            }
            if class == Class::D {
                report.judge_silence(&files);
            }
            for (family, _) in FAMILIES {
                for statistic in STATISTICS {
                    report.lines.push(line(family, statistic, class, &files));
                }
            }
        }
        report
    }

    /// Sets exceptions and failures apart; gives what is compared.
    fn choose(
        &mut self,
        schema: &FeatureSchema,
        outcomes: &'a [Outcome<'a>],
    ) -> Vec<(&'a Recording, &'a [f64])> {
        let mut compared = Vec::new();
        let (mut lossy, mut lossy_exceptions, mut exceptions) = (0_usize, 0_usize, 0_usize);
        for Outcome { recording, values, others } in outcomes {
            let file = &recording.file;
            lossy += usize::from(recording.class == Class::C);
            let worst = values.as_ref().ok().map(|values| recording.worst(schema, values));
            if let Some((worst, column)) = worst.clone() {
                let outside = values.iter().flat_map(|values| recording.deviations(values));
                let outside = outside.filter(|deviation| deviation.factor > 1.0).count();
                self.worst.push((recording, worst, column, outside));
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
                    if worst.is_some_and(|(worst, _)| worst <= 1.0) {
                        self.broken.push(format!("{file}: listed as an exception, but agrees"));
                    }
                }
                (None, Err(error)) => {
                    self.broken.push(format!("{file}: {}: {error}", error.reason()));
                }
                (None, Ok(values)) => {
                    let vectors = std::iter::once(values).chain(others);
                    compared.extend(vectors.map(|values| (*recording, values.as_slice())));
                }
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
        compared
    }

    /// Class D as a whole.
    fn judge_silence(&mut self, files: &[(&Recording, Vec<Deviation>)]) {
        let (unbounded, bounded): (Vec<_>, Vec<_>) =
            files.iter().partition(|(recording, _)| UNBOUNDED.contains(&&*recording.file));
        let factors = |files: &[&(&Recording, Vec<Deviation>)]| -> Vec<f64> {
            files.iter().flat_map(|(_, all)| all.iter().map(|one| one.factor)).collect()
        };
        let beyond =
            |factors: &[f64], limit: f64| factors.iter().filter(|factor| **factor > limit).count();
        let inside = factors(&bounded);
        let share = 1.0 - beyond(&inside, 1.0) as f64 / inside.len() as f64;
        self.notes.push(format!(
            "class D: {:.1} % of {} values are within the bound or twice librosa's distance from \
             itself (at least {:.0} %), {} are beyond ten times that",
            100.0 * share,
            inside.len(),
            100.0 * share_within(Class::D),
            beyond(&inside, 10.0),
        ));
        let outside = factors(&unbounded);
        self.notes.push(format!(
            "not counted there, decoded otherwise than by librosa: {UNBOUNDED:?}, {} of {} values \
             outside, {} beyond ten times",
            beyond(&outside, 1.0),
            outside.len(),
            beyond(&outside, 10.0),
        ));
        if inside.is_empty() || share < share_within(Class::D) {
            self.broken.push("class D: too few values are within their bound".to_owned());
        }
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
            .map(|(recording, factor, column, outside)| {
                let mark = if recording.exception.is_some() { " exception" } else { "" };
                let class = recording.table_class();
                format!(
                    "{class:?} {factor:9.2} {column:24} {outside:2} outside {}{mark}\n",
                    recording.file
                )
            })
            .collect()
    }
}

fn line(
    family: &'static str,
    statistic: &'static str,
    class: Class,
    files: &[(&Recording, Vec<Deviation>)],
) -> Line {
    let chosen =
        |deviation: &&Deviation| deviation.family == family && deviation.statistic == statistic;
    let all: Vec<Deviation> =
        files.iter().flat_map(|(_, all)| all.iter().filter(chosen)).copied().collect();
    let bounded = files.iter().filter(|(recording, _)| !UNBOUNDED.contains(&&*recording.file));
    let worst = bounded
        .flat_map(|(_, all)| all.iter().filter(chosen))
        .map(|deviation| deviation.factor)
        .fold(0.0, f64::max);
    let mut deviations: Vec<f64> = all.iter().map(|deviation| deviation.absolute).collect();
    deviations.sort_by(f64::total_cmp);
    let at = |share: f64| deviations[((deviations.len() - 1) as f64 * share).round() as usize];
    let within = all.iter().filter(|deviation| deviation.factor <= 1.0).count();
    let names: BTreeSet<&str> = files.iter().map(|(recording, _)| &*recording.file).collect();
    Line {
        family,
        statistic,
        class,
        files: names.len(),
        bound: (class != Class::D).then(|| bound(family, statistic, class)),
        deviations: [at(0.5), at(0.95), at(1.0)],
        within: within as f64 / all.len() as f64,
        worst,
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| family | class | files | 50 % | 95 % | 100 % | bound | worst / bound | within | pass |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        for line in &self.lines {
            let [median, most, all] = line.deviations;
            let bound = line.bound.map_or("the file's".to_owned(), |bound| bound.to_string());
            writeln!(
                f,
                "| {} {} | {:?} | {} | {median:.1e} | {most:.1e} | {all:.1e} | {bound} | {:.2} | {:.1} % | {} |",
                line.family,
                line.statistic,
                line.class,
                line.files,
                line.worst,
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
        write!(f, "{}", if self.passes() { "every class passes" } else { "a class does not pass" })
    }
}
