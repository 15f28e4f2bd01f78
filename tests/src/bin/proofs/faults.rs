//! What happens to replicas.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use e2e::process::Signal;

use crate::fleet::Fleet;

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// Each replica in turn is told to end, ends, and is started again.
    RollingRestart,
    /// Each replica in turn ends, and another executable takes its place.
    NewBinary,
    /// The index's pointer moves to another version, which all replicas follow.
    NewVersion,
    /// One replica of each service is killed, and started again.
    Kill,
    /// One replica of each service runs a tenth of the time.
    Slow,
    /// One replica of each service stands still, and goes on.
    Pause,
    /// All connections of one replica after the other are reset.
    Resets,
}

impl Fault {
    pub(crate) fn all() -> [Self; 7] {
        [
            Self::RollingRestart,
            Self::NewBinary,
            Self::NewVersion,
            Self::Kill,
            Self::Slow,
            Self::Pause,
            Self::Resets,
        ]
    }

    /// Versions of the index that answers may be from.
    pub(crate) fn versions(self) -> usize {
        1 + usize::from(self == Self::NewVersion)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RollingRestart => "rolling restart",
            Self::NewBinary => "new binary",
            Self::NewVersion => "new version",
            Self::Kill => "SIGKILL of one",
            Self::Slow => "slow replica",
            Self::Pause => "SIGSTOP of one",
            Self::Resets => "resets",
        }
    }

    /// Makes it, and undoes it. Returns how often a replica with its uploads died, or could not be
    /// told from a dead one.
    pub(crate) async fn make(self, fleet: &mut Fleet) -> Result<u64> {
        match self {
            Self::RollingRestart | Self::NewBinary => {
                if self == Self::NewBinary {
                    fleet.replace_binaries()?;
                }
                for turn in 0..fleet.index.len() {
                    for replicas in [&mut fleet.index, &mut fleet.extractor] {
                        replicas[turn].restart().await?;
                    }
                    pause(1500).await;
                }
                Ok(0)
            }
            Self::NewVersion => {
                fleet.move_pointer()?;
                // Servers look once a second; then the new version is verified and warmed.
                pause(4000).await;
                Ok(0)
            }
            Self::Kill => {
                for replicas in [&mut fleet.index, &mut fleet.extractor] {
                    replicas[1].kill()?;
                }
                pause(2000).await;
                for replicas in [&mut fleet.index, &mut fleet.extractor] {
                    replicas[1].start()?;
                }
                pause(2000).await;
                Ok(1)
            }
            Self::Slow => {
                let mut slowed = Vec::new();
                for replicas in [&fleet.index, &fleet.extractor] {
                    slowed.push(Slowed::begin(replicas[2].process()?)?);
                }
                pause(5000).await;
                drop(slowed);
                Ok(0)
            }
            Self::Pause => {
                for replicas in [&fleet.index, &fleet.extractor] {
                    replicas[0].signal(Signal::Stop)?;
                }
                pause(6000).await;
                for replicas in [&fleet.index, &fleet.extractor] {
                    replicas[0].signal(Signal::Cont)?;
                }
                pause(2000).await;
                Ok(1)
            }
            Self::Resets => {
                let mut cuts = 0;
                for _ in 0..3 {
                    for turn in 0..fleet.index.len() {
                        for replicas in [&fleet.index, &fleet.extractor] {
                            replicas[turn].cut();
                        }
                        cuts += 1;
                        pause(400).await;
                    }
                }
                Ok(cuts)
            }
        }
    }
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// A process that is stopped nine tenths of the time, until this is dropped.
struct Slowed {
    toggling: Child,
    process: u32,
}

impl Slowed {
    fn begin(process: u32) -> Result<Self> {
        let script = "while kill -s STOP $0; do sleep 0.09; kill -s CONT $0; sleep 0.01; done";
        let toggling = Command::new("sh")
            .args(["-c", script, &process.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run sh")?;
        Ok(Self { toggling, process })
    }
}

impl Drop for Slowed {
    fn drop(&mut self) {
        // The script may stop the process once more before it is gone itself, so the end comes first.
        let _ = self.toggling.kill();
        let _ = self.toggling.wait();
        let _ = Signal::Cont.send(self.process);
    }
}
