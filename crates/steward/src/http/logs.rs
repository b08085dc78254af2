//! `GET /api/v1/apps/{app}/logs`: lines of logs, and on request those that are still to come.

use super::reply::{Answer, Refused, invalid};
use super::routes::House;
use super::streams::answer_as;
use crate::call::{Call, Door, Grown, Logs};
use crate::logfile::{Form, Grew, batch};
use crate::store::Writers;
use api::{Problem, TIMES};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use logs::{Cursor, Filter, Merge, Source};
use model::{Stream, Wall};
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use tokio::task::spawn_blocking;

/// Lines of each log, unless asked for otherwise.
const LINES: usize = 100;
/// Batches that wait for a client at most.
const WAITING: usize = 2;
/// How often to look at the files though nobody says that they grew: hints may be lost, and who empties or removes a file says nothing.
const LOOK: Duration = Duration::from_secs(2);
/// Lines that have just been written are looked at again after this, when it was not known yet who wrote them.
const HOLD: Duration = Duration::from_millis(2);
/// The longest cursor in a body: some hundred thousand logs.
const CURSOR: usize = 16 << 20;

/// What can be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    lines: Option<usize>,
    since: Option<String>,
    until: Option<String>,
    grep: Option<String>,
    stream: Option<Stream>,
    follow: bool,
    cursor: bool,
    from: Option<String>,
}

type Asking = Result<Query<Asked>, QueryRejection>;

/// The lines.
pub(super) async fn logs(house: State<House>, Path(select): Path<String>, headers: HeaderMap, query: Asking) -> Answer {
    let asked = asked(query)?;
    let from = asked.from.clone();
    answer(house, select, &headers, asked, from).await
}

/// The same with `from` in the body, for cursors that are too long for an address.
pub(super) async fn logs_from(
    house: State<House>,
    Path(select): Path<String>,
    headers: HeaderMap,
    query: Asking,
    body: axum::body::Body,
) -> Answer {
    let from: String = super::reply::read(&headers, body, CURSOR).await?;
    answer(house, select, &headers, asked(query)?, Some(from)).await
}

fn asked(query: Asking) -> Result<Asked, Refused> {
    query.map(|Query(asked)| asked).map_err(|error| invalid(400, format!("the query is not understood: {}", error.body_text())))
}

async fn answer(State(house): State<House>, select: String, headers: &HeaderMap, asked: Asked, from: Option<String>) -> Answer {
    let form = form(headers, asked.cursor)?;
    let from = match from {
        Some(word) => Some(word.parse::<Cursor>().map_err(|_| {
            unprocessable("`from` is no cursor of this manager")
                .hint("ask with cursor=true, and send back the last cursor that came")
        })?),
        None => None,
    };
    let (stream, follow) = (asked.stream, asked.follow);
    let query = wanted(asked)?;
    let Logs { sources, grown, writers } =
        house.door.ask(|reply| Call::Logs { select: select.clone(), stream, follow, reply }).await?;
    let (out, lines) = mpsc::channel(WAITING);
    let task = Task { door: house.door, select, stream, form, others: HashSet::new(), sources: Vec::new(), writers };
    tokio::spawn(task.run(sources, query, from, grown, out));
    let kind = if form == Form::Text { "text/plain; charset=utf-8" } else { "application/x-ndjson" };
    Ok(answer_as(kind, StatusCode::OK, lines))
}

fn unprocessable(detail: impl Into<String>) -> Problem {
    Problem::new(422, "invalid_request", detail)
}

fn wanted(asked: Asked) -> Result<logs::Query, Problem> {
    let now = jiff::Zoned::now();
    let time = |name: &str, text: Option<String>| -> Result<Option<Wall>, Problem> {
        let read = |text: String| api::when(&text, &now).map(Wall);
        text.map(read).transpose().map_err(|error| unprocessable(format!("{name}: {error}")).hint(TIMES))
    };
    let since = time("since", asked.since)?;
    let until = time("until", asked.until)?;
    if until.is_some() && asked.follow {
        return Err(
            unprocessable("what is to come has no end: follow and until do not go together").hint("leave one of them out")
        );
    }
    let mut filter = Filter { since, until, stream: asked.stream, ..Filter::default() };
    if let Some(pattern) = &asked.grep {
        filter = filter.with_grep(pattern).map_err(|error| {
            unprocessable(format!("grep: the pattern is no regular expression: {error}"))
                .hint("put \\ before a character that stands for itself")
        })?;
    }
    let lines = asked.lines.or((since.is_none()).then_some(LINES));
    Ok(logs::Query { lines, filter, follow: asked.follow, ..logs::Query::default() })
}

/// What the client takes. Everybody is given JSON who does not like plain text better.
fn form(headers: &HeaderMap, cursors: bool) -> Result<Form, Problem> {
    let accept: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut best: Option<(f32, Form)> = accept.is_empty().then_some((1.0, Form::Json { cursors }));
    for range in accept.iter().flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "*/*" | "application/*" | "application/x-ndjson" => Form::Json { cursors },
            "text/*" | "text/plain" => Form::Text,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if quality > best.map_or(0.0, |(so_far, _)| so_far) {
            best = Some((quality, form));
        }
    }
    best.map(|(_, form)| form).ok_or_else(|| {
        Problem::new(406, "invalid_request", "logs are application/x-ndjson or text/plain").hint("send one of them as Accept")
    })
}

/// One answer that goes on.
struct Task {
    door: Door,
    select: String,
    stream: Option<Stream>,
    form: Form,
    /// Files that grew and are none of ours.
    others: HashSet<Arc<str>>,
    /// Logs that have appeared.
    sources: Vec<Source>,
    writers: Writers,
}

impl Task {
    async fn run(
        mut self,
        sources: Vec<Source>,
        query: logs::Query,
        from: Option<Cursor>,
        mut grown: Option<Grown>,
        out: mpsc::Sender<axum::body::Bytes>,
    ) {
        let begin = move || match from {
            Some(cursor) => Merge::resume(sources, &cursor, &query),
            None => Merge::new(sources, &query),
        };
        let Ok(mut merge) = spawn_blocking(begin).await else { return };
        let mut grew = Grew::Nothing;
        let mut first = grown.is_some();
        loop {
            let (form, new, writers) = (self.form, std::mem::take(&mut self.sources), self.writers.clone());
            let read = spawn_blocking(move || {
                new.into_iter().for_each(|source| merge.add(source));
                let (bytes, more) = batch(&mut merge, &grew, form, first, &writers);
                (merge, bytes, more)
            });
            let Ok((back, bytes, more)) = read.await else { return };
            (merge, grew, first) = (back, Grew::Nothing, false);
            if !bytes.is_empty() && out.send(bytes.into()).await.is_err() {
                return;
            }
            if more {
                continue;
            }
            let Some(grown) = &mut grown else { return };
            // A log that is always written to may always hold something back; the others are heard all the same.
            let (pause, then) = if merge.is_holding() { (HOLD, Grew::Nothing) } else { (LOOK, Grew::Any) };
            grew = tokio::select! {
                hint = grown.recv() => match hint {
                    Ok(file) => Grew::These([file].into()),
                    Err(broadcast::error::RecvError::Lagged(_)) => Grew::Any,
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                () = tokio::time::sleep(pause) => then,
                () = out.closed() => return,
            };
            // Many hints at once need one look.
            loop {
                match (grown.try_recv(), &mut grew) {
                    (Ok(file), Grew::These(files)) => _ = files.insert(file),
                    (Err(broadcast::error::TryRecvError::Lagged(_)), _) => grew = Grew::Any,
                    (Ok(file), Grew::Nothing) => grew = Grew::These([file].into()),
                    (Ok(_), Grew::Any) => {}
                    (Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed), _) => break,
                }
            }
            self.look_for_new(&merge, &grew).await;
        }
    }

    /// A file that grew and that is not known may be of a slot that is meant and is new.
    async fn look_for_new(&mut self, merge: &Merge, grew: &Grew) {
        let unknown: Vec<Arc<str>> = match grew {
            Grew::These(files) => files.iter().filter(|file| !merge.has(file) && !self.others.contains(*file)).cloned().collect(),
            Grew::Any | Grew::Nothing => Vec::new(),
        };
        if unknown.is_empty() && *grew != Grew::Any {
            return;
        }
        let (select, stream) = (self.select.clone(), self.stream);
        // An app that is deleted meanwhile has no new slots.
        let asked = self.door.ask(|reply| Call::Logs { select, stream, follow: false, reply }).await;
        let sources = asked.unwrap_or_default().sources;
        self.others.extend(unknown.into_iter().filter(|file| sources.iter().all(|source| source.path != **file)));
        self.sources = sources.into_iter().filter(|source| !merge.has(&source.path)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_takes() {
        let json = Some(Form::Json { cursors: true });
        let table = [
            (None, json),
            (Some("*/*"), json),
            (Some("application/json, application/x-ndjson"), json),
            (Some("text/plain"), Some(Form::Text)),
            (Some("text/html, text/plain;q=0.9, */*;q=0.8"), Some(Form::Text)),
            (Some("text/plain;q=0.1, application/x-ndjson; q=0.5"), json),
            (Some("text/plain;q=0"), None),
            (Some("image/png"), None),
            (Some("application/json"), None),
        ];
        for (accept, want) in table {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, accept.parse().expect("a header"));
            }
            assert_eq!(form(&headers, true).ok(), want, "{accept:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_says_what_to_do() {
        let asked = |query: &str| {
            let uri: axum::http::Uri = format!("/?{query}").parse().expect("an address");
            wanted(Query::<Asked>::try_from_uri(&uri).expect("a query").0)
        };
        assert_eq!(asked("").expect("fine").lines, Some(LINES));
        assert_eq!(asked("since=10m").expect("fine").lines, None);
        assert_eq!(asked("since=10m&lines=3").expect("fine").lines, Some(3));
        for (query, word) in
            [("since=soon", "since"), ("until=10", "until"), ("grep=%28", "grep"), ("follow=true&until=now", "follow")]
        {
            let problem = asked(query).expect_err("refused");
            assert!(problem.status == 422 && problem.detail.contains(word) && problem.hint.is_some(), "{problem:?}");
        }
    }
}
