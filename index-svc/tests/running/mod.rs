//! The real server as a child process: its address, its log, its metrics port; killed when dropped.

#![allow(dead_code, reason = "every test binary uses a part")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use proto::v1::index_service_client::IndexServiceClient;
use serde_json::Value;
use tonic::transport::{Channel, Endpoint};

/// Longest wait for something that must happen: far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `index-svc serve`.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) address: String,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Running {
    /// Serves `index`, looking for another version every 20 ms.
    pub(crate) fn start(index: &Path, more: &[&str]) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_index-svc")), index, more)
    }

    /// The same in a control group, by the file that takes its processes.
    pub(crate) fn start_within(group: &Path, index: &Path, more: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(group);
        shell.arg(env!("CARGO_BIN_EXE_index-svc"));
        Self::start_by(shell, index, more)
    }

    fn start_by(mut command: Command, index: &Path, more: &[&str]) -> Self {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .args(["--watch-interval", "20ms", "--log-format", "json", "--index"])
            .arg(index)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, kept) = (BufReader::new(child.stderr.take().expect("piped")), Arc::clone(&log));
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                kept.lock().expect("not poisoned").push(event);
            }
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let address = line.trim().strip_prefix("listening on ").map(str::to_owned);
        let address = address.unwrap_or_else(|| panic!("not served: {log:?}"));
        Self { child, address, log }
    }

    pub(crate) async fn client(&self) -> IndexServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).expect("a URI");
        IndexServiceClient::new(endpoint.connect().await.expect("it listens"))
    }

    /// The events of the log with this message, once there are `count`; there must not be more. What
    /// the server logs comes here on a way of its own: an answer or a metric may be here before it.
    pub(crate) fn told(&self, message: &str, count: usize) -> Vec<Value> {
        let told = wait_for(message, || {
            let told = self.logged(message);
            (told.len() >= count).then_some(told)
        });
        assert_eq!(told.len(), count, "{message}: {told:?}");
        told
    }

    /// The events of the log with this message so far.
    pub(crate) fn logged(&self, message: &str) -> Vec<Value> {
        let log = self.log.lock().expect("not poisoned");
        log.iter().filter(|event| event["message"] == message).cloned().collect()
    }

    /// What the log has said so far, in its order.
    pub(crate) fn messages(&self) -> Vec<String> {
        let log = self.log.lock().expect("not poisoned");
        log.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned).collect()
    }

    /// Status line and body of a page of the metrics port.
    pub(crate) fn page(&self, path: &str) -> String {
        let ports = self.told("metrics port", 1);
        let mut stream = TcpStream::connect(ports[0]["address"].as_str().expect("an address"))
            .expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            .expect("writable");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("readable");
        text
    }

    /// The value of a series of the metrics.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let page = self.page("/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(series))?;
        line.trim().parse().ok()
    }

    /// Memory that is the process's own and no file's, in bytes.
    pub(crate) fn anonymous_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("Linux tells it");
        1024 * kib.parse::<u64>().expect("a number")
    }

    /// Ends the server as a supervisor does; returns its exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(killed.expect("kill runs").success());
        self.child.wait().expect("waitable").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `look` finds something.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} never came");
        thread::park_timeout(Duration::from_millis(5));
    }
}
