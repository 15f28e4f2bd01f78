//! `import`: the model folder of the Python system to an index.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
    time::Instant,
};

use index_svc::{
    import::{ImportPlan, import},
    printable::Lines,
};

use crate::cli::ImportArgs;

pub(crate) fn run(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let plan = ImportPlan::from(args);
    let start = Instant::now();
    let imported = import(&plan)?;
    let manifest = &imported.manifest;
    let mut out = Lines(stdout().lock());
    writeln!(out, "imported {} in {:.1} s", plan.output.display(), start.elapsed().as_secs_f64())?;
    writeln!(out, "index version   {}", imported.version)?;
    writeln!(out, "profile         {}", manifest.profile_id)?;
    writeln!(out, "tracks          {}", manifest.rows)?;
    writeln!(out, "features        {}", manifest.dims)?;
    writeln!(out, "recall at 10    {:.3}", manifest.recall_at_10)?;
    writeln!(
        out,
        "scaled again    within {:.1e} of features.npy, in standard deviations",
        imported.worst_deviation
    )?;
    if !manifest.constant_features.is_empty() {
        writeln!(out, "constant        {}", manifest.constant_features.join(", "))?;
    }
    Ok(ExitCode::SUCCESS)
}
