//! The connections. All of them live in one thread, so that a load takes as little of the processors as it can from whom it tests.

use super::answer;
use super::tally::Tally;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// How long an answer may take. Generous: what is lost never comes.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a connection that failed is left alone, so that a server that is gone is not asked a million times.
const AFTER_FAILURE: Duration = Duration::from_millis(5);

/// Whom to ask, and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where.
    pub address: SocketAddr,
    /// So many connections, each with a request on it whenever it does not pause.
    pub connections: usize,
    /// How long a connection pauses between an answer and its next request. (Better is a server that takes its time: then requests are on
    /// their way all the time.)
    pub pause: Duration,
    /// After so many requests a connection is ended by us and another one made; 0: never.
    pub requests: u32,
}

/// A load that goes on until it is stopped, or dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    tally: Mutex<Tally>,
}

impl Shared {
    fn tally(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().expect("no counting panics"));
    }
}

impl Load {
    /// Begins.
    ///
    /// # Panics
    /// When there is no room for a thread.
    pub fn start(target: Target) -> Load {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime of one thread");
            runtime.block_on(all(&target, &theirs));
        };
        let thread = std::thread::Builder::new().name("load".to_owned()).spawn(run).expect("a thread");
        Load { shared, thread: Some(thread) }
    }

    /// What has been until now.
    pub fn so_far(&self) -> Tally {
        let mut tally = Tally::default();
        self.shared.tally(|now| tally = now.clone());
        tally
    }

    /// Ends it: every connection waits for the answer to its last request.
    pub fn stop(mut self) -> Tally {
        self.end();
        self.so_far()
    }

    fn end(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|end| end.is_ok()) || std::thread::panicking(), "the load has panicked");
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

async fn all(target: &Target, shared: &Arc<Shared>) {
    let busy: Vec<_> = (0..target.connections).map(|_| tokio::spawn(busy(target.clone(), Arc::clone(shared)))).collect();
    for one in busy {
        one.await.expect("no connection panics");
    }
}

/// One connection after the other, one request after the other.
async fn busy(target: Target, shared: Arc<Shared>) {
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", target.address);
    let mut open: Option<TcpStream> = None;
    let mut asked = 0_u32;
    while !shared.over.load(Ordering::Relaxed) {
        if open.take_if(|stream| is_closed(stream)).is_some() {
            shared.tally(|tally| tally.closed_between += 1);
        }
        let begun = Instant::now();
        let stream = match open.take() {
            Some(stream) => Ok(stream),
            None => connect(target.address, &shared).await,
        };
        asked += 1;
        match ask(stream, request.as_bytes()).await {
            Ok((stream, answer)) => {
                shared.tally(|tally| tally.answer(&answer.body, begun.elapsed()));
                let over = answer.last || (target.requests > 0 && asked.is_multiple_of(target.requests));
                open = (!over).then_some(stream);
                if !target.pause.is_zero() {
                    tokio::time::sleep(target.pause).await;
                }
            }
            Err(why) => {
                shared.tally(|tally| tally.fail(why));
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn connect(address: SocketAddr, shared: &Shared) -> Result<TcpStream, String> {
    let made = match tokio::time::timeout(LIMIT, TcpStream::connect(address)).await {
        Ok(made) => made,
        Err(_) => return Err("no connection in time".to_owned()),
    };
    shared.tally(|tally| match &made {
        Ok(_) => tally.connections += 1,
        Err(error) => tally.refused += u64::from(error.kind() == io::ErrorKind::ConnectionRefused),
    });
    let stream = made.map_err(|error| format!("no connection: {}", error.kind()))?;
    stream.set_nodelay(true).map_err(|error| format!("no connection: {}", error.kind()))?;
    Ok(stream)
}

/// Whether the server has closed a connection on which nothing is expected, or has sent what nobody asked for. Asked of the system: the runtime may not
/// know yet.
fn is_closed(stream: &TcpStream) -> bool {
    let mut byte = [0; 1];
    recv(stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) != Err(Errno::WOULDBLOCK)
}

async fn ask(stream: Result<TcpStream, String>, request: &[u8]) -> Result<(TcpStream, answer::Answer), String> {
    let mut stream = stream?;
    stream.write_all(request).await.map_err(|error| format!("{} while the request was sent", error.kind()))?;
    let answer = answer::read(&mut stream, LIMIT).await?;
    Ok((stream, answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::wait_until;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\none\n";
    const LAST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\none\n";

    /// A server that gives these answers on each connection, and then closes it.
    fn server(answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                for answer in answers {
                    let _ = stream.read(&mut [0; 1024]);
                    let _ = stream.write_all(answer.as_bytes());
                }
                // Waits for one more request, and goes without a word.
                if answers.last() == Some(&WHOLE) {
                    let _ = stream.read(&mut [0; 1024]);
                }
            }
        });
        address
    }

    fn load(address: SocketAddr) -> Tally {
        let load = Load::start(Target { address, connections: 1, pause: Duration::ZERO, requests: 0 });
        wait_until(LIMIT, "some have been answered or failed", || {
            let tally = load.so_far();
            (tally.answered + tally.failures() >= 20).then_some(())
        });
        load.stop()
    }

    #[test]
    fn an_announced_end_loses_nothing() {
        let tally = load(server(&[WHOLE, LAST]));
        tally.is_clean(20);
        assert!(tally.connections >= 10, "{tally}");
        assert_eq!(tally.by.keys().collect::<Vec<_>>(), ["one"]);
    }

    #[test]
    fn what_failed_is_counted_with_its_reason() {
        let silent = load(server(&[WHOLE, WHOLE]));
        let torn = load(server(&["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\none\n"]));
        let wrong = load(server(&["HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"]));
        let gone = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let refused = load(gone);
        for (tally, why) in
            [(&silent, "closed before any byte"), (&torn, "in the midst"), (&wrong, "503 No"), (&refused, "connection refused")]
        {
            assert!(tally.failures() > 5 && tally.failed.keys().all(|k| k.contains(why)), "{tally:#?}");
            assert!(std::panic::catch_unwind(|| tally.is_clean(0)).is_err());
        }
        assert_eq!(refused.refused, refused.failures());
        assert!(silent.answered > silent.failures(), "{silent}");
    }
}
