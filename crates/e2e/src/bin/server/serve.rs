//! Answering.

use std::io;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// A client that wants no other answer on this connection.
const CLOSE: &[u8] = b"connection: close";

/// Whether it has been told to end.
pub static DRAINS: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Answers until it drains and the last connection has ended.
pub async fn serve(listener: TcpListener, version: String, delay: Duration) {
    let slot = std::env::var("INSTANCE_ID").unwrap_or_default();
    let body = format!("{version} {} {slot}\n", std::process::id());
    let mut drains = DRAINS.subscribe();
    // Every connection holds one end; the other end sees when the last has gone.
    let (here, mut gone) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = drains.wait_for(|drains| *drains) => break,
        };
        if let Ok((stream, _)) = accepted {
            let (body, here) = (body.clone(), here.clone());
            tokio::spawn(async move {
                let _ = connection(stream, &body, delay).await;
                drop(here);
            });
        }
    }
    // What waits on the socket is for the next one.
    drop((listener, here));
    let _ = gone.recv().await;
}

async fn connection(mut stream: TcpStream, body: &str, delay: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut got = Vec::new();
    loop {
        while !got.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut got).await? == 0 {
                return Ok(());
            }
        }
        // Who wants it says so; heads of tests are written as here.
        let wanted = got.windows(CLOSE.len()).any(|part| part.eq_ignore_ascii_case(CLOSE));
        got.clear();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let last = wanted || *DRAINS.borrow();
        let end = if last { "connection: close\r\n" } else { "" };
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{end}\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await?;
        if last {
            return Ok(());
        }
    }
}
