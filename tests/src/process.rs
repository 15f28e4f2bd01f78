//! A server as a child process: started on a free port, known ready by the line it prints, ended
//! by a signal, and killed when dropped, so that no test leaves one behind.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tonic::transport::{Channel, Endpoint};

/// Longest wait for a ready line: an index is opened, nothing is computed.
const MAX_START: Duration = Duration::from_secs(60);

/// Longest wait for an exit; above the servers' default grace of 20 s.
const MAX_EXIT: Duration = Duration::from_secs(30);

/// Between two looks at a process or its log.
const PAUSE: Duration = Duration::from_millis(5);

/// Ports for servers that are started again.
const FIRST_FREE_PORT: u32 = 20_000;
const FREE_PORTS: u32 = 12_000;

/// What the ready line starts with; the bound address follows.
const READY: &str = "listening on ";

/// A signal that asks a server to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// What an orchestrator sends.
    Term,
    /// What Ctrl-C sends.
    Int,
    /// What nobody can catch.
    Kill,
    /// Pauses the process; its sockets stay open.
    Stop,
    /// Lets a paused process go on.
    Cont,
}

impl Signal {
    /// Sends the signal to a process, by the shell's own `kill`: the standard library knows SIGKILL
    /// only, and a crate for it would change the features of dependencies the services share.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn send(self, process: u32) -> Result<()> {
        let name = match self {
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        };
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &process.to_string()])
            .status()
            .context("cannot run sh")?;
        ensure!(status.success(), "cannot send SIG{name} to process {process}");
        Ok(())
    }
}

/// An address of this machine that is free, below the ports that the system hands out by itself: a
/// server that is started there again will find it free again.
///
/// # Errors
/// When none is free.
pub fn free_address() -> Result<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes run side by side, and begin at different places.
    let first = std::process::id().wrapping_mul(61);
    for _ in 0..FREE_PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let address =
            format!("127.0.0.1:{}", FIRST_FREE_PORT + first.wrapping_add(step) % FREE_PORTS);
        if TcpListener::bind(&address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free")
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
    log: Log,
}

impl Server {
    /// Runs `binary serve --listen 127.0.0.1:0 ARGS...` and waits for its ready line.
    ///
    /// # Errors
    /// When it does not start, ends before it is ready, or prints something else first.
    pub fn start<S: AsRef<OsStr>>(binary: &Path, args: &[S]) -> Result<Self> {
        Self::start_at("127.0.0.1:0", binary, args)
    }

    /// The same, on this address.
    ///
    /// # Errors
    /// As [`Server::start`], and when the address is taken.
    pub fn start_at<S: AsRef<OsStr>>(listen: &str, binary: &Path, args: &[S]) -> Result<Self> {
        Self::spawn(listen, binary, args, std::iter::empty::<(&str, &str)>())
    }

    /// As [`Server::start`], with these variables in its environment; flags go before them.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_in<S, K, V>(
        binary: &Path,
        args: &[S],
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self>
    where
        S: AsRef<OsStr>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        Self::spawn("127.0.0.1:0", binary, args, variables)
    }

    fn spawn<S, K, V>(
        listen: &str,
        binary: &Path,
        args: &[S],
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self>
    where
        S: AsRef<OsStr>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut child = Command::new(binary)
            .args(["serve", "--listen", listen])
            .args(args)
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", binary.display()))?;
        let stdout = child.stdout.take().context("stdout was piped")?;
        let log = Log::of(child.stderr.take().context("stderr was piped")?);
        let mut server = Self { child, address: String::new(), log };

        let line = match first_line(stdout).recv_timeout(MAX_START) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Timeout) => bail!("not ready after {MAX_START:?}"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = server.wait()?;
                bail!("ended before it was ready ({status}):\n{}", server.log());
            }
        };
        let address = line.trim_end().strip_prefix(READY);
        server.address = address.with_context(|| format!("not a ready line: {line:?}"))?.to_owned();
        Ok(server)
    }

    /// `HOST:PORT` as the server printed it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Number of the process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// What was read of the server's log so far: all of it once [`Server::wait`] has returned, and
    /// before that possibly less than the server has written. Wait for a line by
    /// [`Server::logged`].
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until `count` lines of the log contain `what`; the first of them. A server's answer or
    /// ready line may well be here before a line that it logged earlier.
    ///
    /// # Errors
    /// When they are not there after 60 s.
    pub fn logged(&self, what: &str, count: usize) -> Result<String> {
        let deadline = Instant::now() + MAX_START;
        loop {
            let log = self.log();
            let mut lines = log.lines().filter(|line| line.contains(what));
            if let (Some(line), true) = (lines.next(), lines.count() + 1 >= count) {
                return Ok(line.to_owned());
            }
            ensure!(Instant::now() < deadline, "not logged {count} times: {what}\n{log}");
            thread::sleep(PAUSE);
        }
    }

    /// `GET PATH` of the metrics port of a server that was started with `--metrics-listen`: the
    /// whole response.
    ///
    /// # Errors
    /// When there is no such port or nobody answers there.
    pub fn page(&self, path: &str) -> Result<String> {
        let line = self.logged("metrics port", 1)?;
        let from = line.find("127.0.0.1:").context("not on this machine")?;
        let address: String =
            line[from..].chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
        let mut stream = TcpStream::connect(&address)?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    }

    /// Waits until the first call of `method` has come; by the metrics port.
    ///
    /// # Errors
    /// As [`Server::page`], and when none came within 60 s.
    pub fn until_called(&self, method: &str) -> Result<()> {
        let counter = format!("grpc_server_started_total{{grpc_method=\"{method}\"");
        let deadline = Instant::now() + MAX_START;
        loop {
            let page = self.page("/metrics")?;
            let line = page.lines().find(|line| line.starts_with(&counter));
            if line.is_some_and(|line| !line.ends_with(" 0")) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "no call of {method} came:\n{page}");
            thread::sleep(PAUSE);
        }
    }

    /// A new connection.
    ///
    /// # Errors
    /// When the address is not one or nobody answers there.
    pub async fn connect(&self) -> Result<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address))?;
        endpoint.connect().await.with_context(|| format!("cannot connect to {}", self.address))
    }

    /// Sends a signal and goes on.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        signal.send(self.child.id())
    }

    /// The most memory that the process had resident so far, in bytes, as Linux tells it.
    ///
    /// # Errors
    /// When the process is gone, or the system is another.
    pub fn peak_memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(1024 * kilobytes.context("no VmHWM")?.parse::<u64>()?)
    }

    /// Asks the server to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it is gone already, or still runs after 30 s.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::Term)?;
        self.wait()
    }

    /// Waits for the process to end, and for its log to be read to its end.
    ///
    /// # Errors
    /// When it still runs after 30 s, or something that it started holds its log open.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + MAX_EXIT;
        loop {
            let status = self.child.try_wait()?;
            if let (Some(status), true) = (status, self.log.has_ended()) {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("not at its end after {MAX_EXIT:?} ({status:?}):\n{}", self.log());
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the first line on a thread that then drains the rest, so that the child never blocks.
fn first_line(stdout: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // After the first line nobody listens any more.
            let _ = send.send(line);
        }
    });
    receive
}

/// A stream that is collected in the background.
#[derive(Debug)]
struct Log {
    text: Arc<Mutex<String>>,
    reader: thread::JoinHandle<()>,
}

impl Log {
    fn of(stderr: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&text);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut text = sink.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
            }
        });
        Self { text, reader }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the stream was closed, and everything in it is here.
    fn has_ended(&self) -> bool {
        self.reader.is_finished()
    }
}
