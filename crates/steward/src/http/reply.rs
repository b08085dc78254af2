//! Answers, and what is refused at the door.

use api::Problem;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A problem document (RFC 9457).
#[derive(Debug)]
pub(super) struct Refused(pub(super) Problem);

/// What a handler gives back.
pub(super) type Answer = Result<Response, Refused>;

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        with_json(status, "application/problem+json", &self.0)
    }
}

/// A JSON document.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    with_json(status, "application/json", value)
}

fn with_json(status: StatusCode, kind: &'static str, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => (status, [(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// One line of a stream.
pub(super) fn line(value: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    text.into()
}

/// Something is wrong with the request itself.
pub(super) fn invalid(status: u16, detail: impl Into<String>) -> Refused {
    Refused(Problem::new(status, "invalid_request", detail))
}

/// Reads a JSON body of at most so many bytes.
pub(super) async fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Body, limit: usize) -> Result<T, Refused> {
    is_json(headers)?;
    parse(&bytes_of(body, limit).await?)
}

/// The same where there may be no body at all.
pub(super) async fn read_maybe<T: DeserializeOwned>(headers: &HeaderMap, body: Body, limit: usize) -> Result<Option<T>, Refused> {
    let bytes = bytes_of(body, limit).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    is_json(headers)?;
    parse(&bytes).map(Some)
}

fn is_json(headers: &HeaderMap) -> Result<(), Refused> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let plain = kind.split(';').next().unwrap_or("").trim();
    if plain.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(invalid(415, "the body must be application/json")) }
}

async fn bytes_of(body: Body, limit: usize) -> Result<Bytes, Refused> {
    to_bytes(body, limit).await.map_err(|_| invalid(413, format!("the body is broken off or larger than {limit} bytes")))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(bytes).map_err(|error| invalid(400, format!("the body is not what is expected here: {error}")))
}
