//! Plans, history, and the way back.

use super::reply::{Answer, invalid, json, read, read_maybe};
use super::routes::{APPLY_BODY, Asking, BODY, House, Write, asked, check, wish};
use super::server::Client;
use crate::call::{Back, Call, Wish};
use api::{ApplyRequest, RestartRequest, RollbackRequest};
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};

/// What an apply would do, or why it would be refused.
pub(super) async fn plan(State(house): State<House>, headers: HeaderMap, body: Body) -> Answer {
    let request: ApplyRequest = read(&headers, body, APPLY_BODY).await?;
    check(&house, request.definitions.clone()).await?;
    let reply = house.door.ask(|reply| Call::Plan { request: Box::new(request), reply }).await?;
    Ok(json(StatusCode::OK, &reply))
}

pub(super) async fn projects(State(house): State<House>) -> Answer {
    Ok(json(StatusCode::OK, &house.door.ask(|reply| Call::Projects { reply }).await?))
}

pub(super) async fn history(State(house): State<House>, query: Asking) -> Answer {
    let asked = asked(query)?;
    let (lines, select) = (asked.lines(), asked.app);
    Ok(json(StatusCode::OK, &house.door.ask(|reply| Call::History { select, lines, reply }).await?))
}

pub(super) async fn roll_apps_back(
    (State(house), Extension(client), Path(selector), headers, query): Write,
    body: Body,
) -> Answer {
    roll(&house, client, Back::Apps(selector), &headers, query, body).await
}

pub(super) async fn roll_back((State(house), Extension(client), Path(id), headers, query): Write, body: Body) -> Answer {
    let id = id.parse().map_err(|_| invalid(400, "an operation has a number"))?;
    roll(&house, client, Back::Operation(id), &headers, query, body).await
}

/// With a body, the session of which the variables are taken.
pub(super) async fn reload((State(house), Extension(client), Path(selector), headers, query): Write, body: Body) -> Answer {
    let follow = asked(query)?.follow;
    let session = read_maybe::<RestartRequest>(&headers, body, BODY).await?;
    if session.as_ref().is_some_and(|session| session.port.is_some() || session.keep_env) {
        return Err(invalid(422, "a reload takes another session's variables, and no port: that is for `restart`"));
    }
    wish(&house, client, &headers, follow, Wish::Reload(session, selector)).await
}

pub(super) async fn plan_reload(State(house): State<House>, Path(select): Path<String>) -> Answer {
    Ok(json(StatusCode::OK, &house.door.ask(|reply| Call::PlanReload { select, reply }).await?))
}

async fn roll(house: &House, client: Client, back: Back, headers: &HeaderMap, query: Asking, body: Body) -> Answer {
    let follow = asked(query)?.follow;
    let request: RollbackRequest = read_maybe(headers, body, BODY).await?.unwrap_or_default();
    let there = back.clone();
    let definitions = house.door.ask(|reply| Call::Definitions { back: there, reply }).await?;
    // What was good then may have no program any more.
    check(house, definitions).await?;
    if request.dry_run {
        let reply = house.door.ask(|reply| Call::PlanRollback { back, reply }).await?;
        return Ok(json(StatusCode::OK, &reply));
    }
    wish(house, client, headers, follow, Wish::Rollback(back, request.plan)).await
}
