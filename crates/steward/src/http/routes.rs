//! Every route. Types stand in `api`.

use super::logs::{logs, logs_from};
use super::plans;
use super::reply::{Answer, Refused, invalid, json, read, read_maybe};
use super::server::Client;
use super::streams;
use crate::call::{Call, Door, Errand, Followed, Logs, Verb, Wish};
use crate::environment::environment;
use crate::journal::{Wanted, here};
use crate::logfile::last_lines;
use crate::preflight;
use crate::select::needs_list;
use api::{ApplyRequest, DaemonStatus, RestartRequest, ScaleRequest, SignalRequest, StartRequest, Until, VersionInfo};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use model::{Definition, InstanceId, Stream};
use serde::Deserialize;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Body of one app.
pub(super) const BODY: usize = 1 << 20;
/// Body of a whole file of apps.
pub(super) const APPLY_BODY: usize = 8 << 20;
/// Bytes for a standard input.
const INPUT: usize = 64 << 10;
/// Events, unless asked for otherwise; and at most.
const LINES: (usize, usize) = (100, 10_000);
/// Lines and events in the detail of an app.
const DETAIL: (usize, usize) = (5, 10);

/// What handlers know.
#[derive(Debug, Clone)]
pub(crate) struct House {
    /// The way to the brain.
    pub(crate) door: Door,
    /// The home, as children are told.
    pub(crate) home: Arc<str>,
}

/// Everything that can be asked in a query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    select: Option<String>,
    pub(super) follow: bool,
    since: Option<u64>,
    pub(super) app: Option<String>,
    lines: Option<usize>,
    stream: Option<Stream>,
    #[serde(rename = "for")]
    until: Until,
    lives: Option<String>,
    /// Secrets too. Whoever gets this far is the owner of the home, or root.
    reveal: bool,
}

pub(super) type Asking = Result<Query<Asked>, QueryRejection>;

/// The routes.
pub(crate) fn router(house: House) -> Router {
    let v1 = Router::new()
        .route("/apps", get(rows).post(define))
        .route("/apps/{app}", get(detail).delete(delete))
        .route("/apps/{app}/environment", get(environment_of))
        .route("/apps/{app}/start", post(start))
        .route("/apps/{app}/stop", post(stop))
        .route("/apps/{app}/restart", post(restart))
        .route("/apps/{app}/reload", post(plans::reload))
        .route("/apps/{app}/reload/plan", get(plans::plan_reload).post(plans::plan_reload))
        .route("/apps/{app}/scale", post(scale))
        .route("/apps/{app}/rollback", post(plans::roll_apps_back))
        .route("/apps/{app}/stdin", post(send))
        .route("/apps/{app}/reset", post(reset))
        .route("/apps/{app}/signal", post(signal))
        .route("/apps/{app}/wait", get(wait))
        .route("/apps/{app}/logs", get(logs).post(logs_from).delete(clear))
        .route("/logs/reopen", post(reopen))
        .route("/apply", post(apply))
        .route("/plan", post(plans::plan))
        .route("/projects", get(plans::projects))
        .route("/history", get(plans::history))
        .route("/operations/{id}", get(operation))
        .route("/operations/{id}/rollback", post(plans::roll_back))
        .route("/events", get(events))
        .route("/ports", get(ports))
        .route("/daemon", get(daemon))
        .route("/daemon/stop", post(shut_down))
        .route("/daemon/upgrade", post(upgrade))
        .route("/version", get(version));
    Router::new()
        .nest("/api/v1", v1)
        .route("/healthz", get(|| async { "ok\n" }))
        // The socket appears only when the steward is in order.
        .route("/readyz", get(|| async { "ready\n" }))
        .fallback(|| async { invalid(404, "there is nothing at this address").into_response() })
        .method_not_allowed_fallback(|| async { invalid(405, "this address does not understand that method").into_response() })
        .with_state(house)
}

pub(super) fn asked(query: Asking) -> Result<Asked, Refused> {
    query.map(|Query(asked)| asked).map_err(|error| invalid(400, format!("the query is not understood: {}", error.body_text())))
}

impl Asked {
    pub(super) fn lines(&self) -> usize {
        self.lines.unwrap_or(LINES.0).min(LINES.1)
    }
}

async fn rows(State(house): State<House>, query: Asking) -> Answer {
    let select = asked(query)?.select;
    let rows = house.door.ask(|reply| Call::Rows { select, reply }).await?;
    Ok(json(StatusCode::OK, &rows))
}

async fn detail(State(house): State<House>, Path(app): Path<String>, query: Asking) -> Answer {
    let reveal = asked(query)?.reveal;
    let mut detail = house.door.ask(|reply| Call::Detail { app, reveal, reply }).await?;
    let select = detail.app.clone();
    let Logs { sources, .. } = house.door.ask(|reply| Call::Logs { select, stream: None, follow: false, reply }).await?;
    let filled = spawn_blocking(move || {
        for slot in &mut detail.slots {
            let of = sources.iter().filter(|source| source.slot.to_string() == slot.row.slot);
            slot.last_lines = last_lines(of.cloned().collect(), DETAIL.0);
        }
        detail.last_events = here(&Wanted { lines: DETAIL.1, since: None, of: vec![detail.app.clone()] });
        detail
    });
    let detail = filled.await.map_err(|_| invalid(500, "failed to read the logs"))?;
    Ok(json(StatusCode::OK, &detail))
}

async fn environment_of(State(house): State<House>, Path(select): Path<String>, query: Asking) -> Answer {
    let reveal = asked(query)?.reveal;
    let given = house.door.ask(|reply| Call::Given { select, reply }).await?;
    let view = spawn_blocking(move || environment(&given, reveal)).await;
    Ok(json(StatusCode::OK, &view.map_err(|_| invalid(500, "failed to look at the users"))?))
}

async fn define(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    query: Asking,
    body: Body,
) -> Answer {
    let follow = asked(query)?.follow;
    let request: StartRequest = read(&headers, body, BODY).await?;
    check(&house, vec![request.definition.clone()]).await?;
    wish(&house, client, &headers, follow, Wish::Define(request)).await
}

async fn apply(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    query: Asking,
    body: Body,
) -> Answer {
    let follow = asked(query)?.follow;
    let request: ApplyRequest = read(&headers, body, APPLY_BODY).await?;
    check(&house, request.definitions.clone()).await?;
    wish(&house, client, &headers, follow, Wish::Apply(request)).await
}

/// Asks the disk beside the loop: a folder on a dead network delays nobody else.
pub(super) async fn check(house: &House, definitions: Vec<Definition>) -> Result<(), Refused> {
    let home = house.home.clone();
    let checked = spawn_blocking(move || preflight::check(&definitions, &home)).await;
    Ok(checked.map_err(|_| invalid(500, "failed to look at the programs"))??)
}

pub(super) type Write = (State<House>, Extension<Client>, Path<String>, HeaderMap, Asking);

async fn start(parts: Write) -> Answer {
    verb(Verb::Start, parts).await
}

async fn stop(parts: Write) -> Answer {
    verb(Verb::Stop, parts).await
}

/// With a body, the session of which the variables are taken, or another port.
async fn restart((State(house), Extension(client), Path(selector), headers, query): Write, body: Body) -> Answer {
    let follow = asked(query)?.follow;
    let wanted = match read_maybe::<RestartRequest>(&headers, body, BODY).await? {
        Some(request) => Wish::Renew(request, selector),
        None => Wish::About(Verb::Restart, selector),
    };
    wish(&house, client, &headers, follow, wanted).await
}

async fn scale((State(house), Extension(client), Path(selector), headers, query): Write, body: Body) -> Answer {
    let follow = asked(query)?.follow;
    let request: ScaleRequest = read(&headers, body, BODY).await?;
    wish(&house, client, &headers, follow, Wish::Scale(request, selector)).await
}

async fn reset(parts: Write) -> Answer {
    verb(Verb::Reset, parts).await
}

async fn delete(parts: Write) -> Answer {
    verb(Verb::Delete, parts).await
}

async fn verb(verb: Verb, (State(house), Extension(client), Path(selector), headers, query): Write) -> Answer {
    let follow = asked(query)?.follow;
    wish(&house, client, &headers, follow, Wish::About(verb, selector)).await
}

async fn shut_down(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    query: Asking,
) -> Answer {
    let follow = asked(query)?.follow;
    wish(&house, client, &headers, follow, Wish::Shutdown).await
}

async fn upgrade(State(house): State<House>, Extension(client): Extension<Client>, headers: HeaderMap, query: Asking) -> Answer {
    let follow = asked(query)?.follow;
    wish(&house, client, &headers, follow, Wish::Upgrade).await
}

/// The body goes to the standard input of the app as it is.
async fn send(State(house): State<House>, Path(select): Path<String>, body: Body) -> Answer {
    let bytes =
        to_bytes(body, INPUT).await.map_err(|_| invalid(413, format!("the body is broken off or larger than {INPUT} bytes")))?;
    let sent = house.door.ask(|reply| Call::Send { select, bytes: bytes.to_vec(), reply }).await?;
    Ok(json(StatusCode::OK, &sent))
}

async fn clear(parts: Write) -> Answer {
    let (State(house), Extension(client), Path(select), headers, query) = parts;
    let stream = asked(query)?.stream;
    errand(&house, client, &headers, Errand::Clear { select, stream }).await
}

async fn reopen(State(house): State<House>, Extension(client): Extension<Client>, headers: HeaderMap) -> Answer {
    errand(&house, client, &headers, Errand::Reopen).await
}

/// Has something done by the scribe; answers once it is done.
async fn errand(house: &House, client: Client, headers: &HeaderMap, errand: Errand) -> Answer {
    let key = key(headers)?;
    let actor = format!("uid {}", client.0.uid);
    let done = house.door.ask(|reply| Call::Errand { errand, actor, key, reply }).await?;
    Ok(json(StatusCode::OK, &done))
}

/// What makes a write safe to send twice.
fn key(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    match headers.get("idempotency-key").map(|key| key.to_str()) {
        None => Ok(None),
        Some(Ok(key)) if key.len() <= 128 => Ok(Some(key.to_owned())),
        Some(_) => Err(invalid(400, "an Idempotency-Key has at most 128 printable characters")),
    }
}

/// Hands a wish to the brain; answers once it is written.
pub(super) async fn wish(house: &House, client: Client, headers: &HeaderMap, follow: bool, wish: Wish) -> Answer {
    let key = key(headers)?;
    let actor = format!("uid {}", client.0.uid);
    let followed = house.door.ask(|reply| Call::Wish { wish: Box::new(wish), actor, key, reply }).await?;
    Ok(followed_or_now(followed, follow))
}

fn followed_or_now(followed: Followed, follow: bool) -> axum::response::Response {
    if follow {
        return streams::operation(followed);
    }
    let now = followed.borrow().clone();
    json(StatusCode::ACCEPTED, &*now)
}

async fn signal(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    Path(select): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let SignalRequest { signal } = read(&headers, body, BODY).await?;
    let key = key(&headers)?;
    let actor = format!("uid {}", client.0.uid);
    let done = house.door.ask(|reply| Call::Signal { select, signal, actor, key, reply }).await?;
    Ok(json(StatusCode::OK, &done))
}

async fn wait(State(house): State<House>, Path(select): Path<String>, query: Asking) -> Answer {
    let Asked { until, lives, follow, .. } = asked(query)?;
    let lives = lives_in(lives.as_deref().unwrap_or_default())?;
    let followed = house.door.ask(|reply| Call::Wait { select, until, lives, reply }).await?;
    Ok(shown(followed, follow))
}

/// Lives by their slots: `web-0:i9,db-0:i4`.
fn lives_in(text: &str) -> Result<Vec<(String, InstanceId)>, Refused> {
    let wrong = || invalid(400, "`lives` is written SLOT:LIFE,SLOT:LIFE, for example web-0:i9");
    let one = |word: &str| {
        let (slot, life) = word.split_once(':').ok_or_else(wrong)?;
        Ok((slot.to_owned(), life.parse().map_err(|_| wrong())?))
    };
    text.split(',').filter(|word| !word.is_empty()).map(one).collect()
}

async fn operation(State(house): State<House>, Path(id): Path<String>, query: Asking) -> Answer {
    let follow = asked(query)?.follow;
    let id = id.parse().map_err(|_| invalid(400, "an operation has a number"))?;
    let followed = house.door.ask(|reply| Call::Operation { id, reply }).await?;
    Ok(shown(followed, follow))
}

fn shown(followed: Followed, follow: bool) -> axum::response::Response {
    if follow {
        return streams::operation(followed);
    }
    let now = followed.borrow().clone();
    json(StatusCode::OK, &*now)
}

async fn events(State(house): State<House>, query: Asking) -> Answer {
    let asked = asked(query)?;
    let follow = match asked.follow {
        true => Some(house.door.ask(|reply| Call::Events { reply }).await?),
        false => None,
    };
    let wanted = Wanted { lines: asked.lines(), since: asked.since, of: whose(&house, asked.app).await? };
    Ok(streams::events(wanted, follow))
}

/// The apps and slots whose events are meant. Those that are gone have events too: a name is refused only when it has none either.
async fn whose(house: &House, selectors: Option<String>) -> Result<Vec<String>, Refused> {
    let mut of = Vec::new();
    for word in selectors.iter().flat_map(|all| all.split(',')).map(str::trim) {
        let select = Some(word.to_owned());
        match house.door.ask(|reply| Call::Rows { select, reply }).await {
            Ok(rows) if needs_list(word) => of.extend(rows.into_iter().map(|row| row.slot)),
            Ok(_) => of.push(word.to_owned()),
            Err(refused) => {
                let past = Wanted { lines: 1, since: None, of: vec![word.to_owned()] };
                let is_past = spawn_blocking(move || !here(&past).is_empty()).await.unwrap_or(false);
                if needs_list(word) || !is_past {
                    return Err(refused.into());
                }
                of.push(word.to_owned());
            }
        }
    }
    // Selectors of which each means nothing now mean nothing, and not everything.
    if of.is_empty() && selectors.is_some() {
        of.push(String::new());
    }
    Ok(of)
}

async fn ports(State(house): State<House>) -> Answer {
    let shown = house.door.ask(|reply| Call::Ports { reply }).await?;
    let DaemonStatus { keeper, .. } = house.door.ask(|reply| Call::Daemon { reply }).await?;
    let rows = spawn_blocking(move || crate::ports::look(shown, keeper.pid)).await;
    Ok(json(StatusCode::OK, &rows.map_err(|_| invalid(500, "failed to look at the sockets of this machine"))?))
}

async fn daemon(State(house): State<House>) -> Answer {
    Ok(json(StatusCode::OK, &house.door.ask(|reply| Call::Daemon { reply }).await?))
}

async fn version() -> Answer {
    Ok(json(StatusCode::OK, &VersionInfo { version: env!("CARGO_PKG_VERSION").to_owned() }))
}
