//! A store that is reached by HTTP and keeps everybody waiting until it is told to answer: the objects
//! of a folder, as S3 hands them out.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// Where the objects are in the store's one bucket.
pub(crate) const URL: &str = "s3://bucket/library";

/// A running store.
pub(crate) struct SlowStore {
    pub(crate) endpoint: String,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Default)]
struct State {
    is_open: bool,
    asked: usize,
}

impl SlowStore {
    pub(crate) fn start(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let gate = Arc::new(Gate::default());
        let shared = Arc::clone(&gate);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (gate, folder) = (Arc::clone(&shared), folder.clone());
                // A client that gave up is nobody's fault.
                thread::spawn(move || drop(answer(&stream, &gate, &folder)));
            }
        });
        Self { endpoint, gate }
    }

    /// Requests that have come.
    pub(crate) fn asked(&self) -> usize {
        self.gate.state.lock().expect("not poisoned").asked
    }

    /// Answers from now on, and to all who wait.
    pub(crate) fn open(&self) {
        self.gate.state.lock().expect("not poisoned").is_open = true;
        self.gate.opened.notify_all();
    }
}

fn answer(mut stream: &TcpStream, gate: &Gate, folder: &Path) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    let mut range = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some((from, to)) = line.strip_prefix("range: bytes=").and_then(|r| r.split_once('-'))
        {
            range = from.parse::<usize>().ok().zip(to.parse::<usize>().ok());
        }
    }
    let mut state = gate.state.lock().expect("not poisoned");
    state.asked += 1;
    drop(gate.opened.wait_while(state, |state| !state.is_open).expect("not poisoned"));

    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let name = path.strip_prefix("/bucket/library/").unwrap_or_default();
    let Ok(object) = fs::read(folder.join(name)) else {
        return stream.write_all(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    };
    let all = object.len();
    let (status, from, end) = match range {
        Some((from, to)) => ("206 Partial Content", from.min(all), (to + 1).min(all)),
        None => ("200 OK", 0, all),
    };
    let length = end.saturating_sub(from);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nETag: \"{all}\"\r\nLast-Modified: Mon, 30 Nov 2026 00:00:00 GMT\r\n\
         Content-Length: {length}\r\nConnection: close\r\n"
    )?;
    if range.is_some() {
        write!(stream, "Content-Range: bytes {from}-{}/{all}\r\n", end.saturating_sub(1))?;
    }
    stream.write_all(b"\r\n")?;
    if method == "GET" { stream.write_all(&object[from..end]) } else { Ok(()) }
}
