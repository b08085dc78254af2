//! A web server in plain `std`: one small page that says who answers.
//!
//! `HELLO_PORT` is the port on 127.0.0.1 (8377), `HELLO_SLOT` the name to show. SIGTERM ends it at once (the default action).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static REQUESTS: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    let port = std::env::var("HELLO_PORT").unwrap_or_else(|_| "8377".to_owned());
    let slot = std::env::var("HELLO_SLOT").unwrap_or_else(|_| "web".to_owned());
    let address = format!("127.0.0.1:{port}");
    let listener = match TcpListener::bind(&address) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("cannot listen on {address}: {error}; choose another port with HELLO_PORT");
            return ExitCode::FAILURE;
        }
    };
    println!("{slot} (pid {}) listens on http://{address}", std::process::id());
    for stream in listener.incoming() {
        let slot = slot.clone();
        match stream {
            Ok(stream) => {
                std::thread::spawn(move || {
                    if let Err(error) = answer(stream, &slot) {
                        eprintln!("a visitor went away: {error}");
                    }
                });
            }
            Err(error) => eprintln!("accept: {error}"),
        }
    }
    ExitCode::SUCCESS
}

/// One request, one answer. The head of a request is at most 16 KiB and comes within ten seconds.
fn answer(mut stream: TcpStream, slot: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut lines = BufReader::new(Read::by_ref(&mut stream).take(16 * 1024)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut words = request.split_ascii_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    let (status, body) = match (method, path) {
        ("GET" | "HEAD", "/") => ("200 OK", page(slot, count)),
        ("GET" | "HEAD", "/health") => ("200 OK", "ok\n".to_owned()),
        _ => ("404 Not Found", "nothing here; try /\n".to_owned()),
    };
    println!("{count} {} {} -> {status}", method.escape_debug(), path.escape_debug());
    let kind = if body.starts_with('<') { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes())?;
    }
    stream.flush()
}

fn page(slot: &str, count: u64) -> String {
    let slot: String = slot.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).collect();
    let pid = std::process::id();
    format!(
        "<!doctype html><meta charset=utf-8><title>{slot}</title>\n<h1>Hello from {slot}</h1>\n<p>process {pid}, request {count}</p>\n\
         <p>Try <code>abide restart web</code> and load this page again.</p>\n"
    )
}
