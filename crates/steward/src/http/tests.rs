//! The router with a scripted brain behind it, and the real server with clients that behave badly.

use super::routes::{House, router};
use super::server::Client;
use crate::call::{Call, Door, Wish};
use api::{Operation, OperationKind, OperationState, Problem};
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;
use sys::peer::Peer;
use tokio::sync::watch;
use tower_service::Service;

fn operation(state: OperationState) -> Arc<Operation> {
    Arc::new(Operation { id: 7, kind: OperationKind::Stop, state, slots: Vec::new(), apply: None, detail: None })
}

/// Answers every call; says what was asked.
fn house() -> (House, tokio::task::JoinHandle<Vec<String>>) {
    let (door, mut calls) = Door::new();
    let brain = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(call) = calls.recv().await {
            match call {
                Call::Rows { select, reply } => {
                    heard.push(format!("rows {select:?}"));
                    let unknown = || Err(Problem::new(404, "unknown_app", "no app matches"));
                    _ = reply.send(if select.as_deref() == Some("gone") { unknown() } else { Ok(Vec::new()) });
                }
                Call::Wish { wish, actor, key, reply } => {
                    let what = match *wish {
                        Wish::About(verb, selector) => format!("{verb:?} {selector}"),
                        other => format!("{other:?}").chars().take(20).collect(),
                    };
                    heard.push(format!("{what} by {actor} key {key:?}"));
                    let (said, followed) = watch::channel(operation(OperationState::Running));
                    tokio::spawn(async move {
                        tokio::task::yield_now().await;
                        said.send_replace(operation(OperationState::Done));
                        said.closed().await;
                    });
                    _ = reply.send(Ok(followed));
                }
                Call::Errand { errand, actor, key, reply } => {
                    heard.push(format!("{errand:?} by {actor} key {key:?}"));
                    _ = reply.send(Ok(api::LogsDone { what: "clear".to_owned(), files: Vec::new() }));
                }
                Call::Signal { select, signal, actor, key, reply } => {
                    heard.push(format!("{signal} to {select} by {actor} key {key:?}"));
                    _ = reply.send(Ok(api::SignalDone { signal, sent: Vec::new() }));
                }
                Call::Wait { select, until, lives, reply } => {
                    heard.push(format!("wait {select} {until:?} {lives:?}"));
                    _ = reply.send(Ok(watch::channel(operation(OperationState::Done)).1));
                }
                other => panic!("{other:?} was not expected"),
            }
        }
        heard
    });
    (House { door, home: "/h".into() }, brain)
}

async fn ask(house: &House, method: Method, path: &str, kind: Option<&str>, body: &str) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(path).header("idempotency-key", "k");
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    let mut request = request.body(Body::from(body.to_owned())).expect("request");
    request.extensions_mut().insert(Client(Peer { pid: 1, uid: 42, gid: 42 }));
    let response: Response<Body> = router(house.clone()).call(request).await.expect("infallible");
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("body");
    (status, String::from_utf8(bytes.to_vec()).expect("text"))
}

#[tokio::test]
async fn routes_reach_the_brain() {
    let (house, brain) = house();
    assert_eq!(ask(&house, Method::GET, "/api/v1/apps?select=web%2Capi", None, "").await, (200, "[]".into()));
    let (status, text) = ask(&house, Method::GET, "/api/v1/apps?select=gone", None, "").await;
    assert!(status == 404 && text.contains("\"code\":\"unknown_app\""), "{text}");
    let (status, text) = ask(&house, Method::POST, "/api/v1/apps/web%2Capi-*/stop", None, "").await;
    assert!(status == 202 && text.contains("\"id\":7"), "{text}");
    let (status, text) = ask(&house, Method::DELETE, "/api/v1/apps/all?follow=true", None, "").await;
    let states: Vec<bool> = text.lines().map(|line| line.contains("\"done\"")).collect();
    assert!(status == 202 && states.last() == Some(&true) && text.ends_with('\n'), "{text}");
    let (status, text) = ask(&house, Method::DELETE, "/api/v1/apps/web/logs?stream=err", None, "").await;
    assert!(status == 200 && text == r#"{"what":"clear","files":[]}"#, "{text}");
    assert_eq!(ask(&house, Method::POST, "/api/v1/logs/reopen", None, "").await.0, 200);
    drop(house);
    let heard = brain.await.expect("brain");
    assert_eq!(heard[4], "Clear { select: \"web\", stream: Some(Err) } by uid 42 key Some(\"k\")");
    assert_eq!(heard[5], "Reopen by uid 42 key Some(\"k\")");
    assert_eq!(heard[0], "rows Some(\"web,api\")");
    assert_eq!(heard[2], "Stop web,api-* by uid 42 key Some(\"k\")");
    assert_eq!(heard[3], "Delete all by uid 42 key Some(\"k\")");
}

#[tokio::test]
async fn signals_and_waits_reach_the_brain() {
    let (house, brain) = house();
    let json = Some("application/json");
    let (status, text) = ask(&house, Method::POST, "/api/v1/apps/web/signal", json, r#"{"signal":"hup"}"#).await;
    assert!(status == 200 && text == r#"{"signal":"SIGHUP","sent":[]}"#, "{text}");
    assert_eq!(ask(&house, Method::GET, "/api/v1/apps/web/wait", None, "").await.0, 200);
    let (status, text) =
        ask(&house, Method::GET, "/api/v1/apps/all/wait?for=exit&lives=web-0:i9,db-0:i4&follow=true", None, "").await;
    assert!(status == 202 && text.contains("\"done\""), "{text}");
    assert_eq!(ask(&house, Method::POST, "/api/v1/apps/web/reset", None, "").await.0, 202);
    drop(house);
    assert_eq!(
        brain.await.expect("brain"),
        [
            "SIGHUP to web by uid 42 key Some(\"k\")",
            "wait web Ready []",
            "wait all Exit [(\"web-0\", InstanceId(9)), (\"db-0\", InstanceId(4))]",
            "Reset web by uid 42 key Some(\"k\")",
        ]
    );
}

#[tokio::test]
async fn what_is_no_request_is_refused_at_the_door() {
    let (house, brain) = house();
    let json = Some("application/json");
    let huge = format!("\"{}\"", "x".repeat(2 << 20));
    let nowhere = r#"{"definition":{"spec":{},"session_env":{},"umask":0,"source":null}}"#;
    let table = [
        (Method::GET, "/api/v1/nothing", None, "", 404),
        (Method::PUT, "/api/v1/apps", None, "", 405),
        (Method::GET, "/api/v1/apps?follow=perhaps", None, "", 400),
        (Method::GET, "/api/v1/operations/x", None, "", 400),
        (Method::GET, "/api/v1/apps/web/wait?for=godot", None, "", 400),
        (Method::GET, "/api/v1/apps/web/wait?lives=web-0", None, "", 400),
        (Method::GET, "/api/v1/apps/web/wait?lives=web-0:x", None, "", 400),
        (Method::POST, "/api/v1/apps/web/signal", json, r#"{"signal":"NOPE"}"#, 400),
        (Method::POST, "/api/v1/apps/web/signal", json, "{}", 400),
        (Method::POST, "/api/v1/apps", Some("text/plain"), "{}", 415),
        (Method::POST, "/api/v1/apps", None, "{}", 415),
        (Method::POST, "/api/v1/apps", json, "{", 400),
        (Method::POST, "/api/v1/apps", json, nowhere, 400),
        (Method::POST, "/api/v1/apps", json, &huge, 413),
    ];
    for (method, path, kind, body, want) in table {
        let (status, text) = ask(&house, method, path, kind, body).await;
        assert!(status == want && text.contains("\"code\":\"invalid_request\""), "{path}: {status} {text}");
    }
    drop(house);
    assert!(brain.await.expect("brain").is_empty());
}

#[tokio::test]
async fn what_cannot_start_is_refused_before_the_brain_hears_of_it() {
    let (house, brain) = house();
    let name = model::AppName::new("web").expect("name");
    let spec = model::AppSpec::new(name, vec!["/nowhere/at/all".into()], "/".into());
    let definition = model::Definition { spec, session_env: Default::default(), umask: 0o22, source: None, project: None };
    let body = serde_json::to_string(&api::StartRequest { definition }).expect("json");
    let (status, text) = ask(&house, Method::POST, "/api/v1/apps", Some("application/json"), &body).await;
    assert!(status == 422 && text.contains("not_startable") && text.contains("web: program /nowhere"), "{text}");
    drop(house);
    assert!(brain.await.expect("brain").is_empty());
}

/// Row 51 of reliability.md, as far as one process can show it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_say_nothing_do_not_keep_others_out() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("s");
    let listener = sys::peer::listen(&path).expect("listen");
    listener.set_nonblocking(true).expect("nonblocking");
    let listener = tokio::net::UnixListener::from_std(listener).expect("listener");
    let (house, _brain) = house();
    let server = tokio::spawn(super::serve(listener, router(house)));
    let asked = tokio::task::spawn_blocking(move || {
        let mut silent: Vec<_> = (0..50).map(|_| sys::peer::connect(&path).expect("connect")).collect();
        silent[0].write_all(b"GET /healthz HT").expect("half a head");
        silent[1].write_all(&vec![b'x'; 100_000]).unwrap_or_default();
        let mut client = sys::peer::connect(&path).expect("connect");
        client.set_read_timeout(Some(Duration::from_secs(60))).expect("timeout");
        client.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("ask");
        let mut text = String::new();
        client.read_to_string(&mut text).expect("answer");
        text
    });
    let text = asked.await.expect("client");
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("ok\n"), "{text}");
    server.abort();
}
