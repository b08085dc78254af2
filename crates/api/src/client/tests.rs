use super::*;
use std::collections::VecDeque;

/// A peer that says what it is told to, piece by piece, and keeps what it hears. An empty piece is a read that times out.
#[derive(Debug, Default)]
struct Peer {
    says: VecDeque<Vec<u8>>,
    heard: Vec<u8>,
}

impl Read for Peer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.says.pop_front() else { return Ok(0) };
        if piece.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let take = piece.len().min(buffer.len());
        buffer[..take].copy_from_slice(&piece[..take]);
        piece.drain(..take);
        if !piece.is_empty() {
            self.says.push_front(piece);
        }
        Ok(take)
    }
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn peer(pieces: &[&[u8]]) -> Peer {
    Peer { says: pieces.iter().map(|p| p.to_vec()).collect(), heard: Vec::new() }
}

fn all_lines(peer: Peer) -> Result<Vec<u64>, ClientError> {
    let mut lines = exchange(peer, &Request::get("/"))?.lines::<u64>();
    let mut out = Vec::new();
    while let Some(line) = lines.next_line()? {
        out.push(line);
    }
    Ok(out)
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n\
    3\r\n11\n\r\n4;ext=1\r\n22\n3\r\n0002\r\n3\n\r\n1\r\n\n\r\n2\r\n44\r\n0\r\nTrailer: x\r\n\r\n";

#[test]
fn chunked_in_two_pieces_cut_at_every_byte() {
    for cut in 1..CHUNKED.len() {
        let got = all_lines(peer(&[&CHUNKED[..cut], &CHUNKED[cut..]]));
        assert_eq!(got.expect("complete"), [11, 22, 33, 44], "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = CHUNKED.chunks(1).collect();
    assert_eq!(all_lines(peer(&bytes)).expect("complete"), [11, 22, 33, 44]);
}

#[test]
fn an_early_close_is_a_break_at_every_byte() {
    for cut in 1..CHUNKED.len() {
        assert!(matches!(all_lines(peer(&[&CHUNKED[..cut]])), Err(ClientError::Broken(_))), "cut at {cut}");
    }
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[1]";
    let answer = exchange(peer(&[short]), &Request::get("/")).expect("head");
    assert!(matches!(answer.json::<Vec<u8>>(), Err(ClientError::Broken(_))));
}

#[test]
fn by_length_and_until_close() {
    let whole = b"HTTP/1.1 200 OK\r\ncontent-length:  7 \r\n\r\n[1,2,3]and more";
    for cut in 1..whole.len() - 8 {
        let answer = exchange(peer(&[&whole[..cut], &whole[cut..]]), &Request::get("/")).expect("head");
        assert_eq!(answer.json::<Vec<u8>>().expect("body"), [1, 2, 3]);
    }
    let open = b"HTTP/1.1 202 Accepted\r\n\r\n[1,2,3]";
    let answer = exchange(peer(&[&[b"HTTP/1.1 100 Continue\r\n\r\n", &open[..]].concat()]), &Request::get("/")).expect("head");
    assert_eq!((answer.status, answer.json::<Vec<u8>>().expect("body")), (202, vec![1, 2, 3]));
}

#[test]
fn a_timeout_loses_nothing() {
    let at = CHUNKED.len() - 30;
    let mut lines = exchange(peer(&[&CHUNKED[..at], b"", b"", &CHUNKED[at..]]), &Request::get("/")).expect("head").lines::<u64>();
    let (mut got, mut pauses) = (Vec::new(), 0);
    loop {
        match lines.next_line() {
            Ok(Some(line)) => got.push(line),
            Ok(None) => break,
            Err(ClientError::NotYet) => pauses += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((got, pauses), (vec![11, 22, 33, 44], 2));
}

#[test]
fn garbage_is_named_and_bounded() {
    let cases: [&[u8]; 7] = [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x00\x01\x02",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n11\r\n",
    ];
    for bytes in cases {
        assert!(matches!(all_lines(peer(&[bytes])), Err(ClientError::Garbage(_))), "{:?}", String::from_utf8_lossy(bytes));
    }
    let endless = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'a'; 200_000]].concat();
    assert!(matches!(all_lines(peer(&[&endless])), Err(ClientError::TooLong(HEAD_LIMIT))));
    assert!(matches!(all_lines(peer(&[])), Err(ClientError::Broken(_))));
}

#[test]
fn refusals_carry_their_problem() {
    let text = br#"{"status":404,"code":"unknown_app","detail":"no app `wbe`","nearest":["web"]}"#;
    let head = format!("HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n", text.len());
    let Err(ClientError::Refused(problem)) = exchange(peer(&[head.as_bytes(), text]), &Request::get("/")) else {
        panic!("a refusal")
    };
    assert_eq!((problem.code.as_str(), problem.nearest.as_slice()), ("unknown_app", ["web".to_owned()].as_slice()));
    let Err(ClientError::Refused(problem)) = exchange(peer(&[b"HTTP/1.1 502 Bad\r\n\r\n\x1b[31mboo"]), &Request::get("/")) else {
        panic!("a refusal")
    };
    assert_eq!(problem.detail, "the manager answered 502 \\u{1b}[31mboo");
}

#[test]
fn what_is_sent() {
    let mut peer = peer(&[b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let request = Request::post("/api/v1/apply").json(&[1, 2]).expect("json").idempotency_key("k1");
    exchange(&mut peer, &request).expect("answered");
    assert_eq!(
        String::from_utf8_lossy(&peer.heard),
        "POST /api/v1/apply HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, application/x-ndjson\r\nConnection: close\r\n\
         Idempotency-Key: k1\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n[1,2]"
    );
}
