use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

#[test]
fn urls_are_understood() {
    let place = |tls, host: &str, port, authority: &str, path: &str| {
        let (host, authority, path) = (host.to_owned(), authority.to_owned(), path.to_owned());
        Ok(Place { tls, host, port, authority, path })
    };
    assert_eq!(Place::of("http://h/x?y=1"), place(false, "h", 80, "h", "/x?y=1"));
    assert_eq!(Place::of("https://h.example:8443"), place(true, "h.example", 8443, "h.example:8443", "/"));
    assert_eq!(Place::of("http://[::1]:80/a"), place(false, "::1", 80, "[::1]:80", "/a"));
    for (url, want) in [
        ("", "not understood"),
        ("example.com/x", "not understood"),
        ("/x", "no scheme"),
        ("ftp://h/secret-token", "ftp://"),
        ("http://user:secret-token@h/", "password"),
        ("http:///secret-token", "not understood"),
        ("http://h:99999/secret-token", "port"),
        ("http://h:/secret-token", "port"),
        ("http://h /secret-token", "not understood"),
    ] {
        let why = Place::of(url).expect_err(url);
        assert!(why.contains(want) && !why.contains("secret-token"), "{url}: {why}");
    }
}

/// Answers one request on each connection; what it was told.
async fn receiver(answers: Vec<&'static str>) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("bound").port();
    let serve = async move {
        let mut told = Vec::new();
        for answer in answers {
            let (mut socket, _) = listener.accept().await.expect("accept");
            told.push(request(&mut socket).await);
            socket.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await.expect("write");
        }
        told
    };
    (port, tokio::spawn(serve))
}

/// Reads one request, whose body ends with a line feed.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&text).split_once("\r\n\r\n").is_some_and(|(_, body)| body.ends_with('\n')) {
        match stream.read(&mut buffer).await.expect("read") {
            0 => break,
            count => text.extend_from_slice(&buffer[..count]),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn post(url: String) -> Post {
    Post { url, secret_file: None, event: "exited".to_owned(), body: b"{\"a\":1}\n".to_vec(), is_question: false }
}

#[tokio::test]
async fn a_request_is_signed_and_complete() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("tempdir");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "geheim\n").expect("write");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    let (port, told) = receiver(vec!["204 No Content"]).await;
    let post = Post { secret_file: Some(secret), ..post(format!("http://127.0.0.1:{port}/in?t=1")) };
    deliver(post, Pool::default()).await.expect("delivered");
    let told = told.await.expect("no panic").remove(0);
    let (head, body) = told.split_once("\r\n\r\n").expect("a request");
    let head = head.to_lowercase();
    assert!(head.starts_with("post /in?t=1 http/1.1\r\n"), "{head}");
    let signature = sign::signature(b"geheim", body.as_bytes());
    for header in [
        format!("host: 127.0.0.1:{port}"),
        "content-type: application/json".to_owned(),
        "content-length: 8".to_owned(),
        "x-abide-event: exited".to_owned(),
        format!("x-abide-signature: {signature}"),
    ] {
        assert!(head.lines().any(|line| line == header), "{header} is not in {head}");
    }
    assert_eq!(body, "{\"a\":1}\n");
}

/// The clock is the real one: the kernel's sockets know no other.
const QUICK: Patience = Patience { one: Duration::from_secs(60), pauses: [Duration::from_millis(5); 3] };

#[tokio::test]
async fn what_fails_is_tried_again_and_then_given_up() {
    let began = std::time::Instant::now();
    let (port, told) = receiver(vec!["503 Busy", "302 Found", "404 Not Found", "200 OK"]).await;
    deliver_within(QUICK, post(format!("http://127.0.0.1:{port}/")), Pool::default()).await.expect("delivered at last");
    assert_eq!(told.await.expect("no panic").len(), 4);
    assert!(began.elapsed() >= QUICK.pauses[0] * 3);
    let (port, told) = receiver(vec!["500 No"; 4]).await;
    let given_up = deliver_within(QUICK, post(format!("http://127.0.0.1:{port}/token")), Pool::default()).await;
    let want = format!("http://127.0.0.1:{port}: the answer was 500 Internal Server Error (tried 4 times)");
    assert_eq!(given_up, Err(want));
    assert_eq!(told.await.expect("no panic").len(), 4);
}

#[tokio::test]
async fn a_no_to_a_question_is_an_answer() {
    let ask = |port: u16| Post { is_question: true, ..post(format!("http://127.0.0.1:{port}/token")) };
    let (port, told) = receiver(vec!["503 Busy", "429 Later", "409 Conflict"]).await;
    let no = deliver_within(QUICK, ask(port), Pool::default()).await;
    assert_eq!(no, Err(format!("http://127.0.0.1:{port}: the answer was 409 Conflict")));
    assert_eq!(told.await.expect("no panic").len(), 3);
}

#[tokio::test]
async fn who_never_answers_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("bound").port();
    let hold = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.expect("accept"));
        }
    });
    let patience = Patience { one: Duration::from_millis(50), ..QUICK };
    let left = deliver_within(patience, post(format!("http://127.0.0.1:{port}/")), Pool::default()).await;
    let why = left.expect_err("given up");
    assert!(why.contains("no answer within 50ms"), "{why}");
    hold.abort();
}

#[tokio::test]
async fn https_is_spoken_and_certificates_are_checked() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    let certificate = made.cert.der().clone();
    let key = made.signing_key.serialize_der().try_into().expect("a key");
    let config = ServerConfig::builder_with_provider(std::sync::Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("fits");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("bound").port();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    let serve = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.expect("accept");
        acceptor.accept(socket).await.expect_err("the certificate is not trusted");
        let (socket, _) = listener.accept().await.expect("accept");
        let mut stream = acceptor.accept(socket).await.expect("TLS");
        let told = request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("write");
        told
    });
    let (place, post) = (Place::of(&format!("https://localhost:{port}/x")).expect("a URL"), post(String::new()));
    let connect = || TcpStream::connect(("127.0.0.1", port));
    let why = tls::wrap(RootCertStore::empty(), "localhost", connect().await.expect("connect")).await.expect_err("refused");
    assert!(why.contains("TLS: ") && why.contains("certificate"), "{why}");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    let stream = tls::wrap(roots, "localhost", connect().await.expect("connect")).await.expect("trusted");
    exchange(stream, &place, &post, None).await.expect("delivered");
    assert!(serve.await.expect("no panic").starts_with("POST /x HTTP/1.1\r\n"));
}
