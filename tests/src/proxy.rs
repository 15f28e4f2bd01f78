//! A network between client and server that fails when told to: bytes held back, connections reset.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// Forwards connections to one server.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    held: watch::Sender<bool>,
    cuts: watch::Sender<u64>,
    // Ends the forwarding with the proxy.
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start(server: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (held, cuts) = (watch::Sender::new(false), watch::Sender::new(0));
        let mut tasks = JoinSet::new();
        let (server, holding, cutting) = (Arc::from(server), held.clone(), cuts.clone());
        tasks.spawn(accept(listener, server, holding, cutting));
        Ok(Self { address, held, cuts, _tasks: tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on no byte passes, in either direction; connections stay open.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// What was held passes again.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Resets every open connection.
    pub fn cut(&self) {
        self.cuts.send_modify(|count| *count += 1);
    }
}

async fn accept(
    listener: TcpListener,
    server: Arc<str>,
    held: watch::Sender<bool>,
    cuts: watch::Sender<u64>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(forward(client, Arc::clone(&server), held.subscribe(), cuts.subscribe()));
    }
}

async fn forward(
    client: TcpStream,
    server: Arc<str>,
    held: watch::Receiver<bool>,
    mut cuts: watch::Receiver<u64>,
) {
    let Ok(server) = TcpStream::connect(&*server).await else { return };
    for stream in [&client, &server] {
        // Whatever ends a connection here ends it with a reset; where that cannot be set, nothing
        // is tested, and the tests that count resets fail.
        let _ = stream.set_zero_linger();
        let _ = stream.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = carry(from_client, to_server, held.clone()) => {}
        () = carry(from_server, to_client, held) => {}
        _ = cuts.changed() => {}
    }
}

/// Carries bytes in one direction until either end is gone.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut held: watch::Receiver<bool>) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if held.wait_for(|held| !held).await.is_err()
            || to.write_all(&bytes[..count]).await.is_err()
        {
            return;
        }
    }
}
