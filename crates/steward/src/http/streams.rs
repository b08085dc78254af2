//! Answers that go on: one JSON object a line.

use super::reply::line;
use crate::call::Followed;
use crate::journal::{Wanted, here};
use api::{EventLine, OperationState};
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{broadcast, mpsc};
use tokio::task::spawn_blocking;

/// Lines that wait for a client at most.
const WAITING: usize = 16;

/// Lines as they come.
struct Lines(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

fn answer(status: StatusCode, lines: mpsc::Receiver<Bytes>) -> Response {
    answer_as("application/x-ndjson", status, lines)
}

/// An answer of this type that goes on.
pub(super) fn answer_as(kind: &'static str, status: StatusCode, lines: mpsc::Receiver<Bytes>) -> Response {
    let head = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
    (status, head, Body::new(Lines(lines))).into_response()
}

/// An operation, now and after each change, until it is over. A client that goes away ends the stream, never the operation.
pub(super) fn operation(mut followed: Followed) -> Response {
    let (out, lines) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        loop {
            let now = followed.borrow_and_update().clone();
            if out.send(line(&*now)).await.is_err() || now.state != OperationState::Running {
                return;
            }
            tokio::select! {
                changed = followed.changed() => if changed.is_err() { return },
                () = out.closed() => return,
            }
        }
    });
    answer(StatusCode::ACCEPTED, lines)
}

/// Entries of the journal, and then those that come.
pub(super) fn events(wanted: Wanted, follow: Option<broadcast::Receiver<Arc<EventLine>>>) -> Response {
    let (out, lines) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let question = wanted.clone();
        let known = spawn_blocking(move || here(&question)).await.unwrap_or_default();
        let mut last = known.last().map_or(0, |entry| entry.seq);
        for entry in known {
            if out.send(line(&entry)).await.is_err() {
                return;
            }
        }
        let Some(mut coming) = follow else { return };
        loop {
            let entry = tokio::select! {
                entry = coming.recv() => entry,
                () = out.closed() => return,
            };
            let told = match entry {
                Ok(entry) if entry.seq > last && wanted.means(&entry) => {
                    last = entry.seq;
                    out.send(line(&*entry)).await
                }
                Ok(_) => Ok(()),
                Err(broadcast::error::RecvError::Lagged(missed)) => out.send(line(&lagged(last, missed))).await,
                Err(broadcast::error::RecvError::Closed) => return,
            };
            if told.is_err() {
                return;
            }
        }
    });
    answer(StatusCode::OK, lines)
}

/// What a follower is told that could not keep up.
fn lagged(seq: u64, missed: u64) -> EventLine {
    EventLine {
        seq,
        time: crate::time::rfc3339(sys::clock::wall_ms()),
        app: None,
        slot: None,
        instance: None,
        event: "lagged".to_owned(),
        reason: Some(format!("{missed} events were not told because the reader was too slow")),
        actor: "abide".to_owned(),
        data: serde_json::json!({ "missed": missed }),
    }
}
