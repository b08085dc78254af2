//! A small proxy, as people have one in front of servers on ports of their own. Whom it asks it reads from a file before each request.
//!
//! Where it is held up between the two for as long as old servers are left alone after a switch, the one that it was about to ask may be
//! gone; then, and only if the file does not name that one any more, it asks another.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// How long servers are left alone after a switch (`drain`).
pub const DRAIN: Duration = Duration::from_millis(100);

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    pub port: u16,
    _runs: oneshot::Sender<()>,
}

struct Backends {
    file: PathBuf,
    turn: AtomicUsize,
}

impl Proxy {
    /// `file` holds the ports of whom it asks in turn.
    pub fn start(file: &Path) -> Proxy {
        let (runs, over) = oneshot::channel();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let backends = Arc::new(Backends { file: file.to_owned(), turn: AtomicUsize::new(0) });
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime of one thread");
            runtime.block_on(async {
                listener.set_nonblocking(true).expect("a socket");
                let listener = TcpListener::from_std(listener).expect("a socket");
                tokio::select! {
                    () = accept(listener, backends) => {}
                    _ = over => {}
                }
            });
        });
        Proxy { port, _runs: runs }
    }
}

async fn accept(listener: TcpListener, backends: Arc<Backends>) {
    loop {
        if let Ok((client, _)) = listener.accept().await {
            let backends = Arc::clone(&backends);
            tokio::spawn(async move {
                let _ = carry(client, &backends).await;
            });
        }
    }
}

/// Each request goes to one of them on a connection of its own; what comes back stands for itself, but for the end of that connection.
async fn carry(mut client: TcpStream, backends: &Backends) -> io::Result<()> {
    let mut got = Vec::new();
    loop {
        got.clear();
        while !got.ends_with(b"\r\n\r\n") {
            if client.read_buf(&mut got).await? == 0 {
                return Ok(());
            }
        }
        let answer = match backends.ask(&got).await {
            Ok(answer) => answer,
            // The client of the test counts it as failed, with these words.
            Err(error) => format!("HTTP/1.1 502 {}\r\ncontent-length: 0\r\n\r\n", error.kind()),
        };
        client.write_all(answer.as_bytes()).await?;
    }
}

impl Backends {
    fn ports(&self) -> io::Result<Vec<u16>> {
        let text = std::fs::read_to_string(&self.file)?;
        Ok(text.split_whitespace().filter_map(|port| port.parse().ok()).collect())
    }

    async fn ask(&self, request: &[u8]) -> io::Result<String> {
        loop {
            let (begun, ports) = (Instant::now(), self.ports()?);
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let port = *ports.get(turn % ports.len().max(1)).ok_or_else(|| io::Error::other("no ports"))?;
            match ask_one(port, request).await {
                Err(_) if begun.elapsed() >= DRAIN && !self.ports()?.contains(&port) => {}
                answer => return answer,
            }
        }
    }
}

async fn ask_one(port: u16, request: &[u8]) -> io::Result<String> {
    let mut backend = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    let last = [&request[..request.len() - 2], b"Connection: close\r\n\r\n"].concat();
    backend.write_all(&last).await?;
    let mut answer = String::new();
    backend.read_to_string(&mut answer).await?;
    if answer.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer.replace("connection: close\r\n", "")) }
}
