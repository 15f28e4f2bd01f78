//! What is measured, as a process of its own on one processor.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// A running process, killed when dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    line: String,
}

impl Child {
    /// `index-svc serve`, as it is by default; its log goes nowhere, but is written.
    pub(crate) fn real(core: usize, index: &Path, words: &[String]) -> Self {
        let mut command = pinned(core, Path::new(env!("CARGO_BIN_EXE_index-svc")));
        command.args(["serve", "--listen", "127.0.0.1:0", "--index"]).arg(index).args(words);
        Self::start(command)
    }

    /// A server that has nothing but tonic.
    pub(crate) fn bare(core: usize, folder: &Path) -> Self {
        Self::start(role(core, "bare", folder))
    }

    /// The library on one thread, asked directly.
    pub(crate) fn library(core: usize, folder: &Path, calls: usize) -> Self {
        let mut command = role(core, "library", folder);
        command.args(["--calls", &calls.to_string()]);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the process starts");
        let mut line = String::new();
        let out = process.stdout.take().expect("its output is piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        Self { process, line }
    }

    /// Where it listens, by its first line.
    pub(crate) fn address(&self) -> String {
        self.line.trim().strip_prefix("listening on ").expect("the ready line").to_owned()
    }

    /// The number that its first line is.
    pub(crate) fn figure(&self) -> f64 {
        self.line.trim().parse().expect("a number")
    }

    /// Nanoseconds that all threads of the process have run.
    pub(crate) fn processor_nanos(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id()));
        let nanos = |thread: std::io::Result<std::fs::DirEntry>| {
            let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<f64>().ok()
        };
        threads.expect("the process lives").filter_map(nanos).sum()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

fn role(core: usize, role: &str, folder: &Path) -> Command {
    let mut command = pinned(core, &std::env::current_exe().expect("this program"));
    command.args(["--role", role]).arg(folder);
    command
}
