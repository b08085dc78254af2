//! Questions to servers that are up to no good.

use super::{Asking, Get, Pool, Who};
use engine::Outcome;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use sys::lives::{Member, identity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with whoever comes.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Reads the question and says this.
    Says(&'static str),
    /// Says this, then the same over and over, as fast as it is taken.
    Floods(&'static str, &'static str),
    /// Says this, then one byte every few milliseconds.
    Drips(&'static str),
    /// Says this and nothing more, and does not hang up.
    Hangs(&'static str),
    /// Resets the connection.
    Resets,
}

async fn behave(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    if let Manner::Resets = manner {
        // A socket that is closed with bytes unread is reset.
        stream.readable().await?;
        return Ok(());
    }
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut asked).await? == 0 {
            return Ok(());
        }
    }
    match manner {
        Manner::Says("") => stream.write_all(&asked).await,
        Manner::Says(answer) => stream.write_all(answer.as_bytes()).await,
        Manner::Floods(begin, piece) => {
            stream.write_all(begin.as_bytes()).await?;
            loop {
                stream.write_all(piece.as_bytes()).await?;
            }
        }
        Manner::Drips(begin) => {
            stream.write_all(begin.as_bytes()).await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Manner::Hangs(begin) => {
            stream.write_all(begin.as_bytes()).await?;
            std::future::pending().await
        }
        Manner::Resets => Ok(()),
    }
}

/// A server for as long as the test's runtime lives; its address.
async fn server(manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(behave(stream, manner));
        }
    });
    address
}

fn asking(timeout: Duration) -> Asking {
    Asking::new(timeout, Pool::default(), Who::default())
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);
/// Over before an endless answer is, and long enough for its beginning on a machine that is busy.
const MIDDLE: Duration = Duration::from_secs(3);

/// Asks such a server; gives back `good` or what was bad.
async fn answer(manner: Manner, timeout: Duration, get: Get) -> String {
    let address = server(manner).await;
    let get = Get { url: format!("http://{address}/health?deep=1"), ..get };
    let begun = Instant::now();
    let outcome = asking(timeout).http(&get).await;
    assert!(begun.elapsed() < timeout + LONG, "it ends in time: {:?}", begun.elapsed());
    words(outcome).replace(&address.to_string(), "HERE")
}

fn words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Good => "good".to_owned(),
        Outcome::Bad(why) => why,
        Outcome::Elsewhere => "elsewhere".to_owned(),
    }
}

fn body(pattern: &str) -> Get {
    Get { body: Some(pattern.to_owned()), ..Get::default() }
}

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";

#[tokio::test]
async fn answers_are_judged() {
    let get = Get::default;
    let found = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let status = |status| Get { status, ..Get::default() };
    let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nall\r\n5\r\n well\r\n0\r\n\r\n";
    let table = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", get(), "good"),
        ("HTTP/1.0 204 No Content\r\n\r\n", get(), "good"),
        (early, get(), "good"),
        (found, get(), "good"),
        (found, status(vec![(200, 299)]), "status 302"),
        (found, status(vec![(200, 200), (301, 302)]), "good"),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", get(), "status 503"),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", status(vec![(503, 503)]), "good"),
        (chunked, body("^all well$"), "good"),
        (chunked, body("bad"), "the body does not match `bad`"),
        (chunked, body("("), "`(` is no regular expression: "),
        ("SSH-2.0-OpenSSH_9.2\r\n", get(), "its answer is not HTTP/1.1"),
        ("HTTP/1.1 2000 OK\r\n\r\n", get(), "its answer is not HTTP/1.1"),
    ];
    for (says, get, want) in table {
        let got = answer(Manner::Says(says), LONG, get).await;
        assert!(got.starts_with(want), "{says:?}: {got}");
    }
}

#[tokio::test]
async fn what_is_sent() {
    let address = server(Manner::Says("")).await;
    let mut get = body("");
    get.url = format!("http://{address}/a/b?c=d#e");
    get.headers =
        [("X-Token", "s3cret"), ("host", "example.org"), ("user-agent", "me")].map(|(k, v)| (k.into(), v.into())).into();
    // An echo is no answer in HTTP, so it is read here.
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(b"GET\r\n\r\n").await.expect("sent");
    let mut echoed = [0; 7];
    stream.read_exact(&mut echoed).await.expect("an echo");
    assert_eq!(words(asking(LONG).http(&get).await), "its answer is not HTTP/1.1");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    get.url = format!("http://{}/a/b?c=d#e", listener.local_addr().expect("bound"));
    let question = async {
        let (mut stream, _) = listener.accept().await.expect("it comes");
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut asked).await.expect("it asks");
        }
        stream.write_all(OK.as_bytes()).await.expect("it listens");
        String::from_utf8(asked).expect("text")
    };
    let asking = asking(LONG);
    let (outcome, asked) = tokio::join!(asking.http(&get), question);
    assert_eq!(outcome, Outcome::Good);
    assert!(asked.starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{asked}");
    for header in ["x-token: s3cret", "host: example.org", "user-agent: me"] {
        assert_eq!(asked.matches(header).count(), 1, "{header}: {asked}");
    }
}

/// Row 40 of `reliability.md`, for servers.
#[tokio::test]
async fn row_40_hostile_servers() {
    let table = [
        // Nothing, or never an end.
        (Manner::Hangs(""), Get::default(), SHORT, "no answer within 300ms"),
        (Manner::Hangs("HTTP/1.1 200 OK\r\nx: "), Get::default(), SHORT, "no answer within 300ms"),
        (Manner::Drips("HTTP/1.1 200 OK\r\nx: "), Get::default(), SHORT, "no answer within 300ms"),
        (Manner::Drips(OK), body("y"), MIDDLE, "the body did not end within 3s"),
        (Manner::Hangs(OK), body("y"), MIDDLE, "the body did not end within 3s"),
        (
            Manner::Floods("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"),
            Get::default(),
            SHORT,
            "no answer within 300ms",
        ),
        (Manner::Says("\r\n"), Get::default(), LONG, "closed without an answer"),
    ];
    for (manner, get, timeout, want) in table {
        assert_eq!(answer(manner, timeout, get).await, want, "{manner:?}");
    }
    // The client may see the end before it sees the reset.
    let reset = answer(Manner::Resets, LONG, Get::default()).await;
    assert!(["connection reset by HERE", "closed without an answer"].contains(&reset.as_str()), "{reset}");
    let table = [
        // Without a wish for the body, its end is not waited for.
        (Manner::Drips(OK), Get::default(), "good"),
        (Manner::Floods(OK, "endless "), Get::default(), "good"),
        // Of a body that never ends the beginning counts.
        (Manner::Floods(OK, "endless "), body("endless endless"), "good"),
        (Manner::Floods(OK, "endless "), body("(?i)the end"), "the body does not match `(?i)the end`"),
        (
            Manner::Floods("HTTP/1.1 200 OK\r\n", "x-more: 1\r\n"),
            Get::default(),
            "the head of its answer is larger than 64 KiB or",
        ),
        (
            Manner::Floods("HTTP/1.1 200 OK\r\nx-long: ", "endless "),
            Get::default(),
            "the head of its answer is larger than 64 KiB or",
        ),
        (Manner::Says("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfour"), body("four"), "the body broke off"),
        (Manner::Says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), body("four"), "the body broke off"),
    ];
    for (manner, get, want) in table {
        let got = answer(manner, LONG, get).await;
        assert!(got.starts_with(want), "{manner:?}: {got}");
    }
}

/// A port at which nobody listens, and that nobody else gets: it is bound as long as the socket is open.
fn bound_only(address: std::net::IpAddr) -> rustix::io::Result<(std::os::fd::OwnedFd, u16)> {
    let family = if address.is_ipv4() { rustix::net::AddressFamily::INET } else { rustix::net::AddressFamily::INET6 };
    let socket = rustix::net::socket(family, rustix::net::SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &SocketAddr::new(address, 0))?;
    let port = SocketAddr::try_from(rustix::net::getsockname(&socket)?).expect("an address").port();
    Ok((socket, port))
}

#[tokio::test]
async fn who_is_not_there_is_said() {
    let (_bound, port) = bound_only(std::net::Ipv4Addr::LOCALHOST.into()).expect("a free port");
    let ask = |url: String| async move { words(asking(LONG).http(&Get { url, ..Get::default() }).await) };
    assert_eq!(ask(format!("http://127.0.0.1:{port}/")).await, format!("connection refused by 127.0.0.1:{port}"));
    assert_eq!(ask(format!("http://localhost:{port}/")).await, format!("connection refused by localhost:{port}"));
    assert_eq!(
        words(asking(LONG).tcp(&format!("[::ffff:127.0.0.1]:{port}")).await),
        format!("connection refused by [::ffff:127.0.0.1]:{port}")
    );
    assert_eq!(words(asking(LONG).tcp("nobody.invalid:1").await), "the name nobody.invalid is not known");
    for (url, why) in [
        ("https://127.0.0.1/", "a URL begins with http:// here; there is no https"),
        ("/health", "a URL begins with http:// here; there is no https"),
        ("http://me:secret@127.0.0.1/", "the user goes into headers, as authorization"),
        ("http://127.0.0.1:99999/", "its port is no number from 1 to 65535"),
        ("http://a b/", "it is no URL"),
        ("http://", "it is no URL"),
    ] {
        assert_eq!(ask(url.to_owned()).await, format!("`{url}` cannot be asked: {why}"));
    }
    let odd = Get { url: "http://127.0.0.1/".to_owned(), headers: [("a b".to_owned(), String::new())].into(), ..Get::default() };
    assert_eq!(words(asking(LONG).http(&odd).await), "the header `a b` cannot be sent");
}

#[tokio::test]
async fn a_connection_is_enough_for_tcp() {
    let address = server(Manner::Hangs("")).await;
    assert_eq!(asking(LONG).tcp(&address.to_string()).await, Outcome::Good);
    // The second address of `localhost` is tried as well.
    if let Ok(listener) = TcpListener::bind("[::1]:0").await {
        let port = listener.local_addr().expect("bound").port();
        assert_eq!(asking(LONG).tcp(&format!("localhost:{port}")).await, Outcome::Good);
        let (_bound, port) = bound_only(std::net::Ipv6Addr::LOCALHOST.into()).expect("a free port");
        let get = Get { url: format!("http://[::1]:{port}"), ..Get::default() };
        assert_eq!(words(asking(LONG).http(&get).await), format!("connection refused by [::1]:{port}"));
    }
}

#[tokio::test]
async fn a_full_queue_takes_no_connection() {
    let listener = sys_listener();
    let address = listener.local_addr().expect("bound");
    // Nobody accepts; one after the other the places of the queue are taken, until a connection does not come about.
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        queue.push(stream);
        assert!(queue.len() < 64, "a queue for one has an end");
    }
    let begun = Instant::now();
    assert_eq!(words(asking(SHORT).tcp(&address.to_string()).await), format!("no connection to {address} within 300ms"));
    assert!(begun.elapsed() < LONG);
}

/// One that lets a single connection wait.
fn sys_listener() -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    rustix::net::listen(&listener, 1).expect("it listens");
    listener
}

/// Another process that listens, by a descriptor of ours: nothing but a name for somebody else.
struct Other(std::process::Child);

impl Other {
    fn new(listener: Option<&std::net::TcpListener>) -> Other {
        let stdin = listener.map_or_else(std::process::Stdio::null, |listener| {
            std::os::fd::OwnedFd::from(listener.try_clone().expect("a descriptor")).into()
        });
        Other(std::process::Command::new("sleep").arg("1000").stdin(stdin).spawn().expect("sleep can be run"))
    }

    fn member(&self) -> Member {
        member(self.0.id())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn member(pid: u32) -> Member {
    Member { pid, ident: identity(pid).expect("it lives") }
}

/// Connections that a server has been asked on: the bytes that came with each.
async fn asked_of(who: Who, listener: std::net::TcpListener, accepts: bool) -> (String, Vec<usize>) {
    listener.set_nonblocking(true).expect("set");
    let listener = TcpListener::from_std(listener).expect("a runtime");
    let get = Get { url: format!("http://{}/", listener.local_addr().expect("bound")), ..Get::default() };
    let mut came = Vec::new();
    let serve = async {
        if !accepts {
            std::future::pending::<()>().await;
        }
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") && stream.read_buf(&mut asked).await.is_ok_and(|got| got > 0) {}
            came.push(asked.len());
            let _ = stream.write_all(OK.as_bytes()).await;
        }
    };
    let asking = Asking::new(LONG, Pool::default(), who);
    let outcome = tokio::select! {
        outcome = asking.http(&get) => outcome,
        () = serve => unreachable!("it serves for ever"),
    };
    (words(outcome), came)
}

#[tokio::test]
async fn another_life_is_not_asked() {
    let bind = || std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let me = member(std::process::id());
    let idle = Other::new(None);
    // The asked life has the port.
    let who = Who { asked: Some(me), others: vec![idle.member()] };
    assert_eq!(asked_of(who, bind(), true).await.0, "good");
    // Its predecessor has it, accepting or not: nothing is said to it.
    for accepts in [true, false] {
        let who = Who { asked: Some(idle.member()), others: vec![me] };
        let (outcome, came) = asked_of(who, bind(), accepts).await;
        assert_eq!((outcome.as_str(), came.iter().sum()), ("elsewhere", 0), "accepts: {accepts}");
    }
    // A stranger has it, a proxy perhaps.
    let third = Other::new(None);
    let who = Who { asked: Some(idle.member()), others: vec![third.member()] };
    assert_eq!(asked_of(who, bind(), true).await.0, "good");
}

#[tokio::test]
async fn where_several_listen_it_is_tried_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let asked = Other::new(Some(&listener));
    // The asked one has the same listener, and never accepts; we, who are another, always do.
    let who = Who { asked: Some(asked.member()), others: vec![member(std::process::id())] };
    let (outcome, came) = asked_of(who, listener, true).await;
    assert_eq!((outcome.as_str(), came.iter().sum()), ("elsewhere", 0));
    assert!(came.len() > 1, "more than one try: {came:?}");
}
