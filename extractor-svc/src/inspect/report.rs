//! What is said of a file.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    config::InspectConfig,
    features::Stages,
    pipeline::Extraction,
    recipe::{Family, Recipe},
};

/// Facts of one file. The names are those of the JSON form.
#[derive(Debug, Serialize)]
pub struct Report {
    pub(super) path: String,
    bytes: u64,
    container: String,
    codec: String,
    pub(super) sample_rate: u32,
    pub(super) channels: usize,
    /// Of the window, at the source's rate.
    first_frame: u64,
    frames: u64,
    pub(super) duration_seconds: f64,
    /// Frames of the encoder's own that were left out.
    trimmed_at_start: u64,
    trimmed_at_end: u64,
    /// Share of the window's expected time that is missing or was replaced.
    damaged_share: f64,
    warnings: Vec<Finding>,
    profile_id: String,
    profile: String,
    analysed_samples: usize,
    spectral_frames: usize,
    peak: f32,
    /// In fractions of a bin of a third of a semitone.
    tuning: f64,
    tuning_cents: f64,
    pub(super) a4_hz: f64,
    pub(super) features: Map<String, Value>,
    #[serde(skip)]
    recipe: &'static Recipe,
    #[serde(skip)]
    values: BTreeMap<&'static str, Vec<(f64, f64)>>,
}

#[derive(Debug, Serialize)]
struct Finding {
    code: &'static str,
    message: String,
}

impl Report {
    pub(super) fn new(
        config: &InspectConfig,
        bytes: u64,
        extraction: &Extraction,
        stages: &Stages,
    ) -> Self {
        let source = &extraction.source;
        let (container, codec) =
            source.source_codec.split_once('/').unwrap_or((&source.source_codec, ""));
        let finding = |warning: &crate::findings::Warning| Finding {
            code: warning.code.name(),
            message: warning.message.clone(),
        };
        let recipe = config.profile.recipe();
        let schema = recipe.schema();
        let features =
            schema.names().iter().cloned().zip(extraction.values.iter().map(|&x| x.into()));
        let mut rest = extraction.values.as_slice();
        let values = recipe.families.iter().map(|&Family { name, rows, .. }| {
            let (mean, tail) = rest.split_at(rows);
            let (std, tail) = tail.split_at(rows);
            rest = tail;
            (name, mean.iter().copied().zip(std.iter().copied()).collect())
        });
        let octaves = extraction.tuning / recipe.tuning.steps_per_octave as f64;
        Self {
            path: config.file.display().to_string(),
            bytes,
            container: container.to_owned(),
            codec: codec.to_owned(),
            sample_rate: source.sample_rate,
            channels: source.channels,
            first_frame: source.first_frame,
            frames: source.frames,
            duration_seconds: source.seconds(),
            trimmed_at_start: source.trimmed.0,
            trimmed_at_end: source.trimmed.1,
            damaged_share: source.damaged_share,
            warnings: source.warnings.iter().map(finding).collect(),
            profile_id: config.profile.id().to_owned(),
            profile: config.profile.description(),
            analysed_samples: stages.y.len(),
            spectral_frames: stages.mel_power.ncols(),
            peak: stages.y.iter().fold(0.0, |peak, sample| peak.max(sample.abs())),
            tuning: extraction.tuning,
            tuning_cents: 1200.0 * octaves,
            a4_hz: 440.0 * octaves.exp2(),
            recipe,
            values: values.collect(),
            features: features.collect(),
        }
    }

    /// Means and standard deviations of a family's rows.
    pub(super) fn family(&self, name: &str) -> &[(f64, f64)] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// The file in one line.
    pub(super) fn summary(&self) -> String {
        let kind = if self.codec == self.container {
            self.codec.clone()
        } else {
            format!("{} in {}", self.codec, self.container)
        };
        format!(
            "{kind}, {} Hz, {} channel{}, {:.2} s",
            self.sample_rate,
            self.channels,
            if self.channels == 1 { "" } else { "s" },
            self.duration_seconds
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.path)?;
        writeln!(f, "  size        {} bytes", self.bytes)?;
        writeln!(f, "  container   {}", self.container)?;
        writeln!(f, "  codec       {}", self.codec)?;
        writeln!(f, "  rate        {} Hz", self.sample_rate)?;
        writeln!(f, "  channels    {}", self.channels)?;
        writeln!(f, "  duration    {:.3} s ({} frames)", self.duration_seconds, self.frames)?;
        match (self.trimmed_at_start, self.trimmed_at_end) {
            (0, 0) => writeln!(f, "  gapless     nothing to trim")?,
            (start, end) => {
                writeln!(f, "  gapless     {start} frames trimmed at the start, {end} at the end")?;
            }
        }
        if self.first_frame > 0 {
            writeln!(f, "  from        frame {}", self.first_frame)?;
        }
        writeln!(f, "  damaged     {:.1} % of the window", 100.0 * self.damaged_share)?;
        for warning in &self.warnings {
            writeln!(f, "  warning     {}: {}", warning.code, warning.message)?;
        }
        writeln!(f, "\nAnalysis with {}", self.profile_id)?;
        writeln!(f, "  samples     {} ({} frames)", self.analysed_samples, self.spectral_frames)?;
        writeln!(f, "  peak        {:.4} of full scale", self.peak)?;
        writeln!(f, "  tuning      {:+.1} cents (A4 = {:.1} Hz)", self.tuning_cents, self.a4_hz)?;
        writeln!(f, "\n  {:<22}{:>14}{:>14}", "feature", "mean", "std")?;
        for &Family { name: family, rows, .. } in self.recipe.families {
            for (row, (mean, std)) in self.family(family).iter().enumerate() {
                let name =
                    if rows == 1 { family.to_owned() } else { format!("{family} {}", row + 1) };
                writeln!(f, "  {name:<22}{mean:>14.5}{std:>14.5}")?;
            }
        }
        Ok(())
    }
}
