use super::*;
use crate::follow::{Waiting, carry_out};
use crate::screen::Screen;
use api::client::path;
use api::{Operation, OperationState, SlotRow};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::thread::{JoinHandle, spawn};

pub(crate) const QUIET: Screen =
    Screen { json: true, quiet: true, out_tty: false, err_tty: false, err_live: false, out_colour: false, err_colour: false };

/// A steward that answers one connection with each of these texts, then goes away. Gives back what it heard.
pub(crate) fn steward(home: &Home, answers: Vec<String>) -> JoinHandle<Vec<String>> {
    std::fs::create_dir_all(home.path.join("run")).expect("run");
    let listener = UnixListener::bind(home.socket()).expect("bind");
    spawn(move || {
        let mut heard = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("accept");
            let request = hear(&mut stream);
            stream.write_all(answer.as_bytes()).expect("write");
            heard.push(String::from_utf8_lossy(&request).into_owned());
        }
        heard
    })
}

/// A whole request.
fn hear(stream: &mut UnixStream) -> Vec<u8> {
    let mut request = Vec::new();
    let mut block = [0; 4096];
    while !is_whole(&request) {
        let got = stream.read(&mut block).expect("read");
        request.extend_from_slice(&block[..got]);
    }
    request
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

pub(crate) fn home(folder: &tempfile::TempDir) -> Home {
    Home::find(Some(&folder.path().join("h"))).expect("home")
}

pub(crate) fn good(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn operation(state: &str) -> String {
    let line = format!("{{\"id\":7,\"kind\":\"stop\",\"state\":\"{state}\",\"slots\":[]}}\n");
    format!("{:x}\r\n{line}\r\n", line.len())
}

pub(crate) const STREAM: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn keys_differ() {
    let keys: std::collections::BTreeSet<String> = (0..100).map(|_| fresh_key()).collect();
    assert!(keys.len() == 100 && keys.iter().all(|key| key.len() == 32));
}

#[test]
fn a_house_that_never_was_is_stopped_and_stays_so() {
    let folder = tempfile::tempdir().expect("tempdir");
    let house = House::new(home(&folder), Stopped::Leave);
    assert_eq!((house.is_stopped(), house.is_up()), (Ok(true), Ok(false)));
    let refused = house.ask::<Vec<u8>>(&Request::get("/api/v1/apps")).expect_err("stopped");
    assert_eq!(refused.code(), 4);
    assert!(!folder.path().join("h").exists());
}

#[test]
fn not_yet_and_broken_answers_are_asked_again() {
    let folder = tempfile::tempdir().expect("tempdir");
    let house = House::new(home(&folder), Stopped::Look);
    let problem = "{\"status\":503,\"code\":\"starting_up\",\"detail\":\"wait\"}";
    let starting = format!("HTTP/1.1 503 Service Unavailable\r\nContent-Length: {}\r\n\r\n{problem}", problem.len());
    let whole = good("[]");
    let answers = vec![String::new(), starting, whole[..whole.len() - 1].to_owned(), whole];
    let steward = steward(&house.home, answers);
    assert_eq!(house.ask::<Vec<SlotRow>>(&Request::get("/api/v1/apps")), Ok(Vec::new()));
    let heard = steward.join().expect("steward");
    assert!(heard.len() == 4 && heard.iter().all(|request| request.starts_with("GET /api/v1/apps HTTP/1.1\r\n")));
}

#[test]
fn a_write_whose_stream_breaks_is_sent_again_under_the_same_key() {
    let folder = tempfile::tempdir().expect("tempdir");
    let house = House::new(home(&folder), Stopped::Look);
    let answers = vec![
        format!("{STREAM}{}", operation("running")),
        format!("{STREAM}0\r\n\r\n"),
        format!("{STREAM}{}{}0\r\n\r\n", operation("running"), operation("done")),
    ];
    let steward = steward(&house.home, answers);
    let target = path().segment("apps").segment("web").segment("stop");
    let done: Operation = carry_out(&house, &QUIET, target, Request::post, None::<&()>, Waiting::For(None)).expect("carried out");
    assert_eq!((done.id, done.state), (7, OperationState::Done));
    let heard = steward.join().expect("steward");
    assert!(
        heard[0].starts_with("POST /api/v1/apps/web/stop?follow=true HTTP/1.1\r\n") && heard[0].contains("Idempotency-Key: ")
    );
    assert!(heard.len() == 3 && heard.iter().all(|request| *request == heard[0]), "{heard:#?}");
}

/// What must not happen twice is asked again where it cannot have happened, and only there.
#[test]
fn what_was_never_read_is_asked_again() {
    let folder = tempfile::tempdir().expect("tempdir");
    let house = House::new(home(&folder), Stopped::Look);
    std::fs::create_dir_all(house.home.path.join("run")).expect("run");
    let listener = UnixListener::bind(house.home.socket()).expect("bind");
    let request = Request::post("/api/v1/apps/web/stdin").bytes(b"x".repeat(20));
    let whole = good("[1]");
    let reader = spawn(move || {
        // Goes away with a part unread; then answers; then reads all and goes away.
        let (mut stream, _) = listener.accept().expect("accept");
        stream.read_exact(&mut [0; 10]).expect("read");
        drop(stream);
        let mut rounds = Vec::new();
        for answer in [&whole, ""] {
            let (mut stream, _) = listener.accept().expect("accept");
            rounds.push(hear(&mut stream));
            stream.write_all(answer.as_bytes()).expect("write");
        }
        assert_eq!(rounds[0], rounds[1]);
    });
    assert_eq!(house.ask_once::<Vec<u8>>(&request), Ok(vec![1]));
    let unknown = house.ask_once::<Vec<u8>>(&request).expect_err("it was read whole");
    assert!(format!("{unknown:?}").contains("nobody knows whether it was done"), "{unknown:?}");
    reader.join().expect("reader");
}

#[test]
fn a_wait_that_takes_too_long_says_what_it_waits_for() {
    let folder = tempfile::tempdir().expect("tempdir");
    let house = House::new(home(&folder), Stopped::Look);
    std::fs::create_dir_all(house.home.path.join("run")).expect("run");
    let listener = UnixListener::bind(house.home.socket()).expect("bind");
    let holder = spawn(move || {
        let (mut stream, _) = listener.accept().expect("accept");
        stream.write_all(format!("{STREAM}{}", operation("running")).as_bytes()).expect("write");
        // Until the client goes away.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("read");
    });
    let waiting = Waiting::For(Some(Duration::from_millis(50)));
    let late = carry_out(&house, &QUIET, path().segment("apply"), Request::post, None::<&()>, waiting).expect_err("late");
    assert_eq!(late.code(), 1);
    drop(house);
    holder.join().expect("holder");
}

#[test]
fn refusals_are_final() {
    let folder = tempfile::tempdir().expect("tempdir");
    let house = House::new(home(&folder), Stopped::Look);
    let problem = "{\"status\":404,\"code\":\"unknown_app\",\"detail\":\"no app `x`\"}";
    let answer = format!("HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{problem}", problem.len());
    let steward = steward(&house.home, vec![answer]);
    assert_eq!(house.ask::<Vec<SlotRow>>(&Request::get("/api/v1/apps")).expect_err("refused").code(), 1);
    steward.join().expect("steward");
}

/// Row 50 of reliability.md, our side: whoever answers must be us, root, or (for root) the owner of the home.
#[test]
fn who_is_trusted() {
    let folder = tempfile::tempdir().expect("tempdir");
    let own = home(&folder).own;
    let as_user = |uid| House::new(Home { own: crate::session::Own { uid, ..own }, ..home(&folder) }, Stopped::Look);
    for (we, they, trusted) in [(1000, 1000, true), (1000, 0, true), (1000, 1001, false), (0, 0, true), (0, 1001, false)] {
        assert_eq!(as_user(we).trusts(they), trusted, "{we} asks {they}");
    }
    std::fs::create_dir(folder.path().join("h")).expect("home");
    assert!(as_user(0).trusts(own.uid), "root asks the owner of the home");
    if own.uid != 4711 {
        let stranger = as_user(4711);
        let steward = steward(&stranger.home, vec![]);
        assert_eq!(stranger.is_up().is_ok(), own.uid == 0, "the answer of another user is refused");
        steward.join().expect("steward");
    }
}

#[test]
fn a_closed_home_is_a_refusal() {
    let folder = tempfile::tempdir().expect("tempdir");
    let home = home(&folder);
    std::fs::create_dir_all(home.path.join("run")).expect("run");
    std::fs::set_permissions(&home.path, std::fs::Permissions::from_mode(0o000)).expect("chmod");
    let is_up = House::new(home.clone(), Stopped::Look).is_up();
    std::fs::set_permissions(&home.path, std::fs::Permissions::from_mode(0o700)).expect("chmod");
    // Root is refused nowhere.
    assert_eq!(is_up.map_err(|failure| failure.code()), if home.own.uid == 0 { Ok(false) } else { Err(5) });
}
