//! The server under load: the real binary as a child, on a processor of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `index-svc serve`, killed when dropped.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    pub(crate) address: String,
}

impl Served {
    /// Starts the server on a free port; `core` pins it, by `taskset`.
    pub(crate) fn start(index: &Path, core: Option<usize>, words: &[String]) -> Self {
        let binary = env!("CARGO_BIN_EXE_index-svc");
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string(), binary]);
                command
            }
            None => Command::new(binary),
        };
        command.args(["serve", "--listen", "127.0.0.1:0", "--index"]).arg(index).args(words);
        let log = std::fs::File::create(std::env::temp_dir().join("index-svc-load.log"));
        command.stdout(Stdio::piped()).stderr(log.map_or_else(|_| Stdio::null(), Stdio::from));
        let mut child = command.spawn().expect("the server starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").expect("the ready line").to_owned();
        Self { child, address }
    }

    /// Processor seconds the server has used, counted in hundredths.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = self.proc("stat");
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
        // Fields 14 and 15 of the file: the name, cut off here, is the second.
        (ticks(11) + ticks(12)) / 100.0
    }

    /// A field of the server's status in MiB.
    pub(crate) fn memory_mib(&self, field: &str) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
            .map_or(0.0, |kib| kib / 1024.0)
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap_or_default()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
