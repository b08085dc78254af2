//! What clients ask of the scribe through us: to empty log files, to open them anew. Each question has a number, and is asked again of a new
//! scribe; an errand is over when every question has been answered, or nobody has answered in time.

use super::Brain;
use crate::call::{Errand, Reply};
use crate::journal::Entry;
use crate::time::now;
use api::{LogFileRef, LogsDone, Problem};
use logs::Source;
use model::{Stream, Tick, ToScribe};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::time::Duration;
use sys::clock::wall_ms;

/// How long the scribe may take. A disk that hangs takes longer, and the client should know.
const ANSWERS: Duration = Duration::from_secs(10);
/// So many errands at once.
const MOST: usize = 32;
/// Answers that are remembered for clients who ask again with the same key.
const KEYS: usize = 64;

/// Errands under way, and answers of those that are over.
#[derive(Debug, Default)]
pub(super) struct Errands {
    next: u64,
    open: Vec<Open>,
    over: VecDeque<(String, Result<LogsDone, Problem>)>,
}

#[derive(Debug)]
struct Open {
    questions: BTreeSet<u64>,
    done: LogsDone,
    /// What did not work: path and errno.
    failed: BTreeMap<String, String>,
    until: Tick,
    key: Option<String>,
    actor: String,
    replies: Vec<Reply<LogsDone>>,
}

impl Errands {
    /// Numbers of questions go on where no earlier steward has been.
    pub(super) fn new(epoch: u64) -> Errands {
        Errands { next: epoch, ..Errands::default() }
    }

    pub(super) fn deadline(&self) -> Option<Tick> {
        self.open.iter().map(|open| open.until).min()
    }
}

impl Brain {
    /// Begins an errand. The answer comes when it is done.
    pub(super) fn errand(&mut self, errand: Errand, actor: String, key: Option<String>, reply: Reply<LogsDone>) {
        if let Some((_, answer)) = self.errands.over.iter().find(|(known, _)| Some(known) == key.as_ref()) {
            let _ = reply.send(answer.clone());
            return;
        }
        if let Some(open) = self.errands.open.iter_mut().find(|open| key.is_some() && open.key == key) {
            return open.replies.push(reply);
        }
        match self.questions(errand) {
            Err(problem) => _ = reply.send(Err(problem)),
            Ok((done, questions)) if questions.is_empty() => _ = reply.send(Ok(done)),
            Ok((done, questions)) => {
                let first = self.errands.next;
                for (ask, question) in (first..).zip(questions) {
                    self.errands.next = ask + 1;
                    self.scribe.ask(ask, with_number(question, ask));
                }
                let (questions, failed) = ((first..self.errands.next).collect(), BTreeMap::new());
                let until = now() + ANSWERS;
                self.errands.open.push(Open { questions, done, failed, until, key, actor, replies: vec![reply] });
            }
        }
    }

    /// What there is to ask for an errand, and what will have been done then.
    fn questions(&self, errand: Errand) -> Result<(LogsDone, Vec<ToScribe>), Problem> {
        if self.shutdown.is_some() {
            return Err(Problem::new(503, "stopping", "the manager is stopping").hint("try again when it has stopped"));
        }
        self.refuse_during_upgrade()?;
        if self.errands.open.len() >= MOST {
            let detail = format!("{MOST} requests about logs are under way");
            return Err(Problem::new(503, "starting_up", detail).hint("try again in a moment"));
        }
        match errand {
            Errand::Reopen => Ok((LogsDone { what: "reopen".to_owned(), files: Vec::new() }, vec![ToScribe::Reopen { ask: 0 }])),
            Errand::Clear { select, stream } => {
                let mut sources = self.sources(&select, stream)?;
                // A file of both streams counts as standard output: who wants to empty standard error means no more than that.
                sources.retain(|source| stream.is_none_or(|stream| source.stream.unwrap_or(Stream::Out) == stream));
                if stream.is_none() {
                    let mut seen: BTreeSet<String> = sources.iter().map(|source| source.path.clone()).collect();
                    let combined = self.combined_sources(&select)?.into_iter();
                    sources.extend(combined.filter(|source| seen.insert(source.path.clone())));
                }
                let questions = sources.iter().map(|source| ToScribe::Clear { ask: 0, file: source.path.clone() }).collect();
                let files = sources.into_iter().map(|source| reference(source, &self.me.home)).collect();
                Ok((LogsDone { what: "clear".to_owned(), files }, questions))
            }
        }
    }

    /// The scribe has answered.
    pub(super) fn take_answer(&mut self, ask: u64, failed: Option<(String, String)>) {
        self.scribe.answered(ask);
        let Some(at) = self.errands.open.iter().position(|open| open.questions.contains(&ask)) else { return };
        let open = &mut self.errands.open[at];
        open.questions.remove(&ask);
        open.failed.extend(failed);
        if open.questions.is_empty() {
            let open = self.errands.open.swap_remove(at);
            self.end_errand(open);
        }
    }

    /// Errands that nobody has answered in time.
    pub(super) fn late_errands(&mut self, now: Tick) {
        while let Some(at) = self.errands.open.iter().position(|open| open.until <= now) {
            let open = self.errands.open.swap_remove(at);
            self.end_errand(open);
        }
    }

    fn end_errand(&mut self, open: Open) {
        open.questions.iter().for_each(|ask| self.scribe.answered(*ask));
        let (event, verb) = if open.done.what == "clear" { ("log.cleared", "emptied") } else { ("log.reopened", "opened anew") };
        let answer = if !open.questions.is_empty() {
            let detail = format!("the scribe has not answered for {}", model::format_span(ANSWERS));
            Err(Problem::new(504, "timeout", detail).hint("a disk may hang; `abide events` and daemon.log in the home say more"))
        } else if let Some((path, errno)) = open.failed.first_key_value() {
            let more = open.failed.len() - 1;
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            Err(Problem::new(409, "not_writable", format!("{path} cannot be {verb}: {errno}{more}"))
                .hint("mend that and ask again; the other files were taken care of"))
        } else {
            Ok(open.done)
        };
        if let Ok(done) = &answer {
            let files: Vec<&str> = done.files.iter().map(|file| file.file.as_str()).collect();
            let apps: BTreeSet<&str> = done.files.iter().map(|file| file.app.as_str()).collect();
            let app = if apps.len() == 1 { apps.first().map(|app| (*app).to_owned()) } else { None };
            let data = json!({ "files": files });
            self.journal.write(Entry { app, event, actor: Some(open.actor), data, ..Entry::default() }, wall_ms());
        }
        if let Some(key) = open.key {
            self.errands.over.push_back((key, answer.clone()));
            if self.errands.over.len() > KEYS {
                self.errands.over.pop_front();
            }
        }
        // Who has gone away meanwhile needs no answer.
        open.replies.into_iter().for_each(|reply| _ = reply.send(answer.clone()));
    }
}

fn with_number(question: ToScribe, number: u64) -> ToScribe {
    match question {
        ToScribe::Clear { file, .. } => ToScribe::Clear { ask: number, file },
        ToScribe::Reopen { .. } => ToScribe::Reopen { ask: number },
        other => other,
    }
}

fn reference(source: Source, home: &str) -> LogFileRef {
    LogFileRef {
        app: source.slot.app.to_string(),
        slot: source.slot.to_string(),
        stream: source.stream.unwrap_or(Stream::Out).word().to_owned(),
        file: Path::new(home).join(&source.path).to_string_lossy().into_owned(),
    }
}
