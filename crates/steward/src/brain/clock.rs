//! Schedules and restarts by the clock: the book, and the alarm that has it looked at.

use super::Brain;
use crate::clock::{Begins, Book, Now, Terms, Word};
use crate::home::STORE;
use crate::journal::Entry;
use crate::log::say;
use crate::store::{recall_times, remember_times};
use crate::time::now;
use api::Problem;
use engine::{Engine, Event};
use model::{AppName, AppSpec, Definition, SlotRef, Tick, Wall};
use serde_json::json;
use std::io;
use std::path::Path;
use std::time::Duration;
use sys::alarm::Alarm;
use sys::clock::wall_ms;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How often the wall clock is looked at while there can be no alarm.
const BLIND: Duration = Duration::from_secs(1);

/// The book and its alarm. With nothing in the book there is no descriptor, and nothing wakes.
#[derive(Debug)]
pub(super) struct Clock {
    book: Book,
    alarm: Option<AsyncFd<Alarm>>,
    /// What the alarm is set to.
    set: Option<Wall>,
    /// There should be an alarm, and there is none: when the clock is looked at without.
    blind: Option<Tick>,
    failing: bool,
    /// The house ends: nothing is due any more, and what is remembered stays.
    closed: bool,
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of descriptors that change; an alarm keeps its own until it is dropped"
)]
fn open_alarm() -> io::Result<AsyncFd<Alarm>> {
    AsyncFd::with_interest(Alarm::new()?, Interest::READABLE)
}

fn both() -> Now {
    Now { tick: now(), wall: Wall(wall_ms()) }
}

impl Clock {
    /// Goes on with what is remembered.
    pub(super) fn new(home: &str, boot: &str) -> Clock {
        let book = Book::new(home, boot, recall_times(Path::new(STORE)));
        Clock { book, alarm: None, set: None, blind: None, failing: false, closed: false }
    }

    /// Waits until the wall clock is to be looked at: a time has come, or somebody has set it.
    pub(super) async fn rings(&self) {
        match &self.alarm {
            Some(alarm) => match alarm.readable().await {
                Ok(mut guard) => {
                    alarm.get_ref().clear();
                    guard.clear_ready();
                }
                // The runtime ends.
                Err(_) => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }

    /// When the loop has to look by itself.
    pub(super) fn deadline(&self) -> Option<Tick> {
        if self.closed {
            return None;
        }
        self.book.tick().into_iter().chain(self.blind).min()
    }

    fn set_alarm(&mut self) {
        let wanted = self.book.wall().filter(|_| !self.closed);
        if wanted.is_none() {
            (self.alarm, self.set, self.blind) = (None, None, None);
            return;
        }
        if self.alarm.is_none() {
            match open_alarm() {
                Ok(alarm) => (self.alarm, self.set, self.blind) = (Some(alarm), None, None),
                Err(error) => return self.go_blind(&error),
            }
        }
        if wanted == self.set {
            return;
        }
        let done = self.alarm.as_ref().map_or(Ok(()), |alarm| alarm.get_ref().set(wanted.map(|at| at.0)));
        match done {
            Ok(()) => self.set = wanted,
            Err(error) => self.go_blind(&error),
        }
    }

    fn go_blind(&mut self, error: &io::Error) {
        if self.blind.replace(now() + BLIND).is_none() {
            say!("failed to set an alarm on the wall clock: {error}; it is looked at every second");
        }
        (self.alarm, self.set) = (None, None);
    }
}

impl Brain {
    /// What is wished has changed: whatever begins apps by itself follows those that are to run.
    pub(super) fn follow_wishes(&mut self) {
        self.follow_clock();
        self.follow_files();
    }

    fn follow_clock(&mut self) {
        if self.shutdown.is_some() {
            self.clock.closed = true;
            return self.clock.set_alarm();
        }
        let wanted = self.store.state().apps.iter().filter(|app| app.is_wanted()).map(|app| &app.definition.spec);
        let said = self.clock.book.follow(wanted, both());
        self.take_words(said);
    }

    /// Looks at the clocks.
    pub(super) fn look_at_clock(&mut self) {
        if self.clock.closed {
            return;
        }
        // Whatever rang is not set any more.
        self.clock.set = None;
        let (engine, store) = (&self.engine, &self.store);
        let said = self.clock.book.look(both(), |app| {
            let slots = store.state().app(app)?.definition.spec.instances;
            (0..slots).filter_map(|index| began(engine, &SlotRef::new(app, index))).max()
        });
        self.take_words(said);
    }

    /// The same, if it is time.
    pub(super) fn clock_time(&mut self, now: Tick) {
        if self.clock.blind.into_iter().chain(self.clock.book.tick()).any(|at| at <= now) {
            self.look_at_clock();
        }
    }

    fn take_words(&mut self, said: Vec<(AppName, Word)>) {
        // First it is remembered, then it is done: nothing runs twice.
        if let Some(memory) = self.clock.book.changes() {
            match remember_times(Path::new(STORE), &memory) {
                Ok(()) => self.clock.failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut self.clock.failing, true) {
                        say!(
                            "failed to write store/schedule: {error}; jobs run on, and it is tried again with each time that comes"
                        );
                    }
                }
            }
        }
        for (app, word) in said {
            match word {
                Word::Due { begins: Begins::Run, at, late } => self.happenings.push_back(Event::Due { app, at, late }),
                Word::Due { begins: Begins::Restart, .. } => self.happenings.push_back(Event::RestartDue { app }),
                Word::LeftOut { begins, at } => self.note_left_out(&app, begins, at),
                Word::Unknown { why } => {
                    say!("{app}: {why}; nothing is due by it");
                    let entry =
                        Entry { app: Some(app.to_string()), event: "schedule.failed", reason: Some(why), ..Entry::default() };
                    self.journal.write(entry, wall_ms());
                }
            }
        }
        self.clock.set_alarm();
    }

    fn note_left_out(&mut self, app: &AppName, begins: Begins, at: Wall) {
        let (what, key) =
            if begins == Begins::Run { ("run", "catch_up is off") } else { ("restart", "restarts are not made up for") };
        let when = crate::time::rfc3339(at.0);
        let reason = format!("the {what} of {when} was missed and is left out ({key}); others may have followed it");
        let data = json!({ "at": at.0, "what": what });
        let app = Some(app.to_string());
        self.journal.write(Entry { app, event: "schedule.missed", reason: Some(reason), data, ..Entry::default() }, wall_ms());
    }

    /// When a job runs next.
    pub(super) fn next_run(&self, app: &AppName) -> Option<Wall> {
        self.clock.book.next_run(app, both()).filter(|_| !self.clock.closed)
    }
}

/// When the newest run of a slot began.
fn began(engine: &Engine, slot: &SlotRef) -> Option<Tick> {
    let view = engine.slot(slot)?;
    view.since.into_iter().chain(view.runs.last().map(|run| run.at)).max()
}

/// Whether what begins apps by itself can be followed at all.
pub(super) fn check(definitions: &[&Definition]) -> Result<(), Problem> {
    super::watch::check(definitions)?;
    for Definition { spec, .. } in definitions {
        let AppSpec { name, schedule, cron_restart, .. } = spec;
        let schedule = schedule.as_ref().map(|schedule| ("schedule", Terms::of(schedule)));
        let restarts = cron_restart.as_ref().map(|cron| ("cron_restart", Terms::of_restarts(cron)));
        for (key, terms) in schedule.into_iter().chain(restarts) {
            terms
                .check(Wall(wall_ms()))
                .map_err(|why| Problem::new(422, "invalid_request", format!("`{name}`: {key}: {why}")))?;
        }
    }
    Ok(())
}
