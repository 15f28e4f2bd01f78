//! `completions` and `manual`: what is generated from the command line's own description.

use std::{
    fs,
    io::{Write as _, stdout},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArgs, ManualArgs};

/// Name of the program in what is generated.
const NAME: &str = "extractor-svc";

/// Writes the completions of one shell to standard output.
///
/// # Errors
/// When standard output is closed.
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
    stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the manual pages, one per command, to a folder, or the first page to standard output.
///
/// # Errors
/// When the folder or a page cannot be written.
pub fn manual(args: &ManualArgs) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &args.folder {
        fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
            .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        stdout().write_all(&page)?;
    }
    Ok(ExitCode::SUCCESS)
}
