//! Hooks: what is told to the outside, and the one that comes before a birth.
//!
//! Nothing waits for a hook but the birth that `pre_start` stands before. What waits to be told is in memory only: a steward that ends
//! takes it along. A life that waits for its `pre_start` is an intent without a process; the next steward begins it anew.

use super::Brain;
use super::run_command::{Wanted, with_line};
use crate::birth::{For, filled_with};
use crate::hooks::{Job, Payload, Post, Queue, Quiet, TIMEOUT, deliver, points};
use crate::journal::Entry;
use crate::probe::Pool;
use crate::runner::{Aim, Ended};
use crate::time::{now, rfc3339};
use api::EventLine;
use engine::{Bear, Event, Note, What};
use model::{AppName, End, Generation, Hook, HookPoint, InstanceId, SlotRef, Stage, Tick};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use sys::clock::wall_ms;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long hooks may take when the house ends, before they are killed; and how long that may take.
const LAST_HOOKS: Duration = Duration::from_secs(5);
const LAST_KILLS: Duration = Duration::from_secs(2);
/// Webhooks that have ended and were not looked at. There are never more than events in the queue and births.
const TOLD: usize = 256;

/// Everything that is told to the outside.
#[derive(Debug)]
pub(super) struct Outside {
    queue: Queue,
    quiet: Quiet,
    /// What is being told of each app.
    telling: BTreeMap<AppName, (SlotRef, HookPoint)>,
    /// Births that wait for their `pre_start`.
    gates: BTreeMap<InstanceId, Gate>,
    tell: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
    /// The threads that webhooks may take: theirs alone, so that a name that nobody knows makes no probe wait.
    pool: Pool,
    /// The house is empty, and ends when hooks have ended, at the latest then.
    ending: Option<Last>,
}

#[derive(Debug)]
struct Gate {
    bear: Box<Bear>,
    /// Where it is a webhook.
    task: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy)]
enum Last {
    Hooks(Tick),
    Kills(Tick),
}

/// A webhook has been told, or could not be.
#[derive(Debug)]
pub(super) struct Told {
    whom: Whom,
    done: Result<(), String>,
}

#[derive(Debug)]
enum Whom {
    App(AppName),
    Gate(InstanceId),
    Switch(AppName, Generation),
}

impl Default for Outside {
    fn default() -> Self {
        let (tell, told) = mpsc::channel(TOLD);
        let (queue, quiet, telling, gates) = (Queue::default(), Quiet::default(), BTreeMap::new(), BTreeMap::new());
        Outside { queue, quiet, telling, gates, tell, told, pool: Pool::default(), ending: None }
    }
}

impl Outside {
    /// The next webhook that has ended.
    pub(super) async fn told(&mut self) -> Option<Told> {
        self.told.recv().await
    }

    pub(super) fn deadline(&self) -> Option<Tick> {
        self.ending.map(|(Last::Hooks(at) | Last::Kills(at))| at)
    }
}

impl Brain {
    /// An event of an app was written down: its hooks are told.
    pub(super) fn tell_hooks(&mut self, note: &Note, event: &Arc<EventLine>) {
        if note.what == What::Deleted {
            self.outside.queue.forget(&note.app);
            self.outside.quiet.forget(&note.app);
        }
        let Some(slot) = &note.slot else { return };
        let Some(definition) = self.definition_of(slot) else { return };
        let points = points(&note.what, &definition.spec);
        if points.is_empty() {
            return;
        }
        let pid = note.instance.and_then(|instance| self.lives.remembered().lives.get(&instance)?.pid);
        for point in points {
            let payload = Payload { hook: point, event: event.clone(), dropped: 0 };
            let hook = definition.spec.hooks[&point].clone();
            let job = Job { slot: slot.clone(), hook, definition: definition.clone(), pid, payload };
            self.outside.queue.offer(job, now());
        }
        self.next_hooks();
    }

    fn next_hooks(&mut self) {
        while let Some(job) = self.outside.queue.next() {
            let app = job.slot.app.clone();
            self.outside.telling.insert(app.clone(), (job.slot.clone(), job.payload.hook));
            match &job.hook {
                Hook::Command { argv } => {
                    let port = self.engine.slot(&job.slot).and_then(|view| view.port);
                    self.run_hook(Aim::Hook(app), &job, port, argv);
                }
                Hook::Webhook { .. } => {
                    let (tell, pool) = (self.outside.tell.clone(), self.outside.pool.clone());
                    let post = post(&job.hook, &job.payload);
                    tokio::spawn(async move {
                        let done = deliver(post, pool).await;
                        let _ = tell.send(Told { whom: Whom::App(app), done }).await;
                    });
                }
            }
        }
    }

    fn run_hook(&mut self, aim: Aim, job: &Job, port: Option<u16>, argv: &[String]) {
        self.run_command(Wanted {
            aim,
            definition: job.definition.clone(),
            slot: job.slot.clone(),
            argv: filled_with(&job.definition, argv, For { slot: &job.slot, port, home: &self.me.home }).argv,
            env: job.payload.env(),
            pid: job.pid,
            port,
            input: Some(job.payload.json()),
            timeout: TIMEOUT,
        });
    }

    /// A webhook has ended.
    pub(super) fn take_told(&mut self, told: Told) {
        match told.whom {
            Whom::App(app) => self.hook_done(&app, told.done),
            Whom::Switch(app, generation) => {
                self.switched(app, generation, told.done.map_err(|why| format!("the webhook failed: {why}")))
            }
            Whom::Gate(instance) => self.gate_done(instance, told.done.map_err(|why| ("the webhook failed".to_owned(), why))),
        }
    }

    /// A hook of an app has ended; the next one follows.
    pub(super) fn hook_done(&mut self, app: &AppName, done: Result<(), String>) {
        if let (Some((slot, point)), Err(why)) = (self.outside.telling.remove(app), done) {
            self.note_failed_hook(&slot, None, point, &why);
        }
        self.outside.queue.done(app);
        self.next_hooks();
        self.after_hooks(now());
    }

    fn note_failed_hook(&mut self, slot: &SlotRef, instance: Option<InstanceId>, point: HookPoint, why: &str) {
        let Some(times) = self.outside.quiet.failed(&slot.app, point, now()) else { return };
        let data = json!({ "hook": point.word(), "times": times });
        let entry = Entry { reason: Some(format!("{}: {why}", point.word())), data, ..Entry::of(slot, instance, "hook.failed") };
        self.journal.write(entry, wall_ms());
    }

    /// A life is to be born: at once, or after its `pre_start`.
    pub(super) fn begin_birth(&mut self, bear: Box<Bear>) {
        let Some(mut bear) = self.through_sockets(bear) else { return };
        if !self.lease(&mut bear) {
            return;
        }
        let Some(hook) = bear.definition.spec.hooks.get(&HookPoint::PreStart).cloned() else { return self.bear(&bear) };
        let (instance, slot, port) = (bear.life.instance, bear.life.slot.clone(), bear.life.port);
        let payload =
            Payload { hook: HookPoint::PreStart, event: Arc::new(starting(self.journal.last(), instance, &slot)), dropped: 0 };
        let job = Job { slot, hook, definition: bear.definition.clone(), pid: None, payload };
        let mut task = None;
        if let Hook::Webhook { .. } = &job.hook {
            task = Some(self.post_in_time(Whom::Gate(instance), &job));
        }
        self.outside.gates.insert(instance, Gate { bear, task });
        if let Hook::Command { argv } = &job.hook {
            self.run_hook(Aim::Gate(instance), &job, port, argv);
        }
    }

    /// Posts `on_switch`.
    pub(super) fn post_switch(&mut self, app: AppName, generation: Generation, job: &Job) {
        self.post_in_time(Whom::Switch(app, generation), job);
    }

    /// A webhook for which something waits.
    fn post_in_time(&self, whom: Whom, job: &Job) -> JoinHandle<()> {
        let (tell, pool, post) = (self.outside.tell.clone(), self.outside.pool.clone(), post(&job.hook, &job.payload));
        tokio::spawn(async move {
            let late = || Err(format!("it took longer than {}", model::format_span(TIMEOUT)));
            let done = timeout(TIMEOUT, deliver(post, pool)).await.unwrap_or_else(|_| late());
            let _ = tell.send(Told { whom, done }).await;
        })
    }

    /// The command `pre_start` has ended.
    pub(super) fn gate_ended(&mut self, instance: InstanceId, ended: &Ended, line: &str) {
        if let (Ended::By(end @ End::NotBorn { .. }), true) = (ended, ended.is_shortage()) {
            // Ours, not the app's: it is tried again later, and is no failure.
            self.outside.gates.remove(&instance);
            return self.happenings.push_back(Event::Ended { instance, end: end.clone(), at: now() });
        }
        let short = match ended {
            Ended::CalledOff => "stopped before it ended".to_owned(),
            ended => ended.to_string(),
        };
        let done = if ended.is_good() { Ok(()) } else { Err((short.clone(), with_line(&short, line))) };
        self.gate_done(instance, done);
    }

    /// `pre_start` has ended: the birth follows, or the life is over. An error is told in short and at length.
    fn gate_done(&mut self, instance: InstanceId, done: Result<(), (String, String)>) {
        let Some(gate) = self.outside.gates.remove(&instance) else { return };
        match done {
            Ok(()) => self.bear(&gate.bear),
            Err((short, long)) => {
                self.note_failed_hook(&gate.bear.life.slot, Some(instance), HookPoint::PreStart, &long);
                let end = End::NotBorn { stage: Stage::Hook, errno: short };
                self.happenings.push_back(Event::Ended { instance, end, at: now() });
            }
        }
    }

    /// Somebody wants this life to end. `true`: it waits to be known as whom it runs, for its sockets, or for its `pre_start`, which is ended; no birth follows.
    pub(super) fn close_gate(&mut self, instance: InstanceId) -> bool {
        if self.bounds.lookups.give_up(instance) || self.sockets.give_up(instance) || self.give_up_birth(instance) {
            self.not_born(instance, "EINTR", now());
            return true;
        }
        let Some(gate) = self.outside.gates.get_mut(&instance) else { return false };
        if let Some(task) = gate.task.take() {
            task.abort();
            self.outside.gates.remove(&instance);
            let end = End::NotBorn { stage: Stage::Hook, errno: "stopped before it ended".to_owned() };
            self.happenings.push_back(Event::Ended { instance, end, at: now() });
        } else {
            self.call_off(|aim| *aim == Aim::Gate(instance));
        }
        true
    }

    /// The house is empty and is to end. `true`: not before hooks have ended, which is seen to.
    pub(super) fn await_hooks(&mut self) -> bool {
        self.call_off(|aim| matches!(aim, Aim::Probe { .. }));
        if self.is_told() {
            return false;
        }
        self.outside.ending = Some(Last::Hooks(now() + LAST_HOOKS));
        true
    }

    fn is_told(&self) -> bool {
        self.outside.queue.is_idle() && self.commands.is_empty()
    }

    /// Whether the end of the house, if it waits for hooks, goes on now.
    pub(super) fn after_hooks(&mut self, now: Tick) {
        let Some(ending) = self.outside.ending else { return };
        let over = self.is_told();
        match ending {
            _ if over => {}
            Last::Hooks(until) if until <= now => {
                self.outside.queue.clear();
                self.outside.ending = Some(Last::Kills(now + LAST_KILLS));
                return self.call_off(|_| true);
            }
            Last::Kills(until) if until <= now => {}
            Last::Hooks(_) | Last::Kills(_) => return,
        }
        self.outside.ending = None;
        self.farewell();
    }
}

fn post(hook: &Hook, payload: &Payload) -> Post {
    let (url, secret_file) = match hook {
        Hook::Webhook { url, secret_file } => (url.clone(), secret_file.clone()),
        Hook::Command { .. } => (String::new(), None),
    };
    let is_question = matches!(payload.hook, HookPoint::PreStart | HookPoint::OnSwitch);
    Post { url, secret_file, event: payload.event.event.clone(), body: payload.json(), is_question }
}

/// What `pre_start` is told: the life is being begun, which is the entry that was written just before.
pub(super) fn starting(seq: u64, instance: InstanceId, slot: &SlotRef) -> EventLine {
    EventLine {
        seq,
        time: rfc3339(wall_ms()),
        app: Some(slot.app.to_string()),
        slot: Some(slot.to_string()),
        instance: Some(instance.to_string()),
        event: "starting".to_owned(),
        reason: None,
        actor: "abide".to_owned(),
        data: serde_json::Value::Null,
    }
}
