//! As whom lives run and what they may use, around the loop: names to look up, boxes to make, limits to look after.

use super::Brain;
use super::lookups::{Answer, Lookups};
use super::measuring::Found;
use crate::call::Call;
use crate::identity::{Names, Owner};
use crate::journal::Entry;
use crate::limits::{Boxes, PERIOD, Sampler, limits_of};
use crate::log::say;
use crate::time::now;
use engine::{Bear, Event};
use model::{AppName, CgroupUse, End, InstanceId, Stage, Tick, Usage};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use sys::cgroup::Held;
use sys::clock::wall_ms;
use sys::lives::{TreeUse, descends_from};
use tokio::task::JoinHandle;

/// Everything about identity and limits that is not decided by the engine.
#[derive(Debug)]
pub(super) struct Bounds {
    pub(super) boxes: Boxes,
    pub(super) sampler: Sampler,
    pub(super) lookups: Lookups,
    /// As whom apps run, as it was found when a life of theirs was last borne (or when this steward began).
    owners: BTreeMap<Names, Option<Owner>>,
    /// A reading of /proc under way.
    pub(super) measuring: Option<JoinHandle<Found>>,
    /// Questions that wait for it.
    pub(super) asking: Vec<Call>,
    /// Apps of which it was said that their limits are sampled.
    warned: BTreeSet<AppName>,
    /// When boxes that were not empty are looked at again.
    tidy_at: Option<Tick>,
}

/// It is not known as whom something is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unknown;

/// What happened beside the loop.
#[derive(Debug)]
pub(super) enum Happened {
    /// The kernel has acted in these boxes.
    Acted(Vec<InstanceId>),
    /// Lives were measured.
    Measured(Found),
    /// Names were looked up.
    Found(Vec<Answer>),
}

impl Bounds {
    pub(super) fn new(home: &str) -> Bounds {
        Bounds {
            boxes: Boxes::find(home),
            sampler: Sampler::default(),
            lookups: Lookups::default(),
            owners: BTreeMap::new(),
            measuring: None,
            asking: Vec::new(),
            warned: BTreeSet::new(),
            tidy_at: None,
        }
    }

    /// Waits for the next happening.
    pub(super) async fn next(&mut self) -> Happened {
        let measured = async {
            match self.measuring.as_mut() {
                Some(task) => task.await.unwrap_or_else(|error| Err(std::io::Error::other(error))),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            boxes = self.boxes.acted() => Happened::Acted(boxes),
            answers = self.lookups.done() => Happened::Found(answers),
            found = measured => Happened::Measured(found),
        }
    }

    pub(super) fn deadline(&self) -> Option<Tick> {
        let sample = self.sampler.deadline().filter(|_| self.measuring.is_none());
        [sample, self.lookups.deadline(), self.tidy_at].into_iter().flatten().min()
    }
}

/// Processes that may be put into a leaf of ours: the keeper, what descends from it, and the command that has started us and waits for an answer.
fn is_ours(pid: u32, keeper: u32) -> bool {
    let command = std::env::current_exe().unwrap_or_default().with_file_name("abide");
    descends_from(pid, keeper) || sys::process::runs(pid, &command)
}

impl Brain {
    pub(super) fn take_bounds(&mut self, happened: Happened) {
        match happened {
            Happened::Acted(boxes) => boxes.into_iter().for_each(|instance| self.tell_news(instance)),
            Happened::Measured(found) => self.take_measured(found),
            Happened::Found(answers) => {
                for (names, bear, answer) in self.bounds.lookups.take(answers) {
                    match (answer, bear) {
                        (Ok(owner), bear) => {
                            self.bounds.owners.insert(names, owner);
                            bear.into_iter().for_each(|bear| self.begin_birth(bear));
                        }
                        (Err(wrong), Some(bear)) => {
                            say!("{}: {}", bear.life.slot, wrong.why);
                            let end = End::NotBorn { stage: wrong.stage, errno: wrong.errno.to_owned() };
                            self.happenings.push_back(Event::Ended { instance: bear.life.instance, end, at: now() });
                        }
                        (Err(wrong), None) => say!("{}", wrong.why),
                    }
                }
            }
        }
    }

    /// A life is to be borne once it is known as whom: asked anew each time, since users come and go.
    pub(super) fn find_owner(&mut self, bear: Box<Bear>) {
        match Names::of(&bear.definition.spec.identity) {
            Some(names) => self.bounds.lookups.ask(names, Some(bear), now()),
            None => self.begin_birth(bear),
        }
    }

    /// As whom a life of an app, or a command of it, runs: `None` = as the manager itself.
    ///
    /// # Errors
    /// It has not been found out; then nothing may be run for it.
    pub(super) fn owner_of(&self, identity: &model::Identity) -> Result<Option<&Owner>, Unknown> {
        match Names::of(identity) {
            None => Ok(None),
            Some(names) => self.bounds.owners.get(&names).map(Option::as_ref).ok_or(Unknown),
        }
    }

    pub(super) fn bounds_time(&mut self, now: Tick) {
        for bear in self.bounds.lookups.late(now) {
            say!("{}: the users of this machine cannot be asked: no answer in time", bear.life.slot);
            self.not_born(bear.life.instance, "ETIMEDOUT", now);
        }
        if self.bounds.tidy_at.is_some_and(|at| at <= now) {
            self.bounds.boxes.tidy();
            self.tidy_later(now);
        }
    }

    fn tidy_later(&mut self, now: Tick) {
        self.bounds.tidy_at = self.bounds.boxes.is_leaving().then_some(now + PERIOD);
    }

    /// Makes the box of a life that is to be born, if it gets one.
    pub(super) fn enclose(&mut self, bear: &Bear) -> Result<Option<String>, End> {
        let (life, usage) = (&bear.life, &bear.definition.spec.usage);
        let keeper = self.me.keeper_pid;
        let made = self.bounds.boxes.make(life.instance, usage, &|pid| is_ours(pid, keeper));
        let refused = match made {
            Ok(folder) => {
                self.warn(&life.slot.app, life.instance, usage);
                return Ok(folder);
            }
            Err(refused) => refused,
        };
        say!("{}: {}", life.slot, refused.why);
        let entry = Entry { reason: Some(refused.why), ..Entry::of(&life.slot, Some(life.instance), "limit.refused") };
        self.journal.write(entry, wall_ms());
        Err(End::NotBorn { stage: Stage::Cgroup, errno: refused.errno.to_owned() })
    }

    /// Says once of an app that its limits are looked after by us, which is later than the kernel would.
    fn warn(&mut self, app: &AppName, instance: InstanceId, usage: &Usage) {
        let left = self.bounds.boxes.held(instance).without(limits_of(usage).wanted());
        if left == Held::default() || usage.cgroup == CgroupUse::Off || !self.bounds.warned.insert(app.clone()) {
            return;
        }
        let keys = [(left.memory, "max_memory"), (left.cpu, "max_cpu"), (left.tasks, "max_tasks")];
        let keys: Vec<&str> = keys.iter().filter_map(|(is, key)| is.then_some(*key)).collect();
        say!(
            "{app}: the kernel does not hold it to {} here; its processes are measured every {} s",
            keys.join(", "),
            PERIOD.as_secs()
        );
    }

    /// A life could not go into a box that it need not have: it, and those after it, get none. `false` = it must have one.
    pub(super) fn forgo_box(&mut self, instance: InstanceId, errno: &str) -> bool {
        let must = self.usage_of(instance).is_none_or(|usage| usage.cgroup == CgroupUse::Required);
        if !must {
            say!("{instance} could not be put into its cgroup ({errno}); lives get none of that kind from now on");
            self.bounds.boxes.deny(instance, "EACCES");
        }
        !must
    }

    fn usage_of(&self, instance: InstanceId) -> Option<Usage> {
        let life = self.lives.remembered().lives.get(&instance)?;
        Some(self.store.state().app(&life.slot.app)?.definition.spec.usage.clone())
    }

    /// A life begins, or its process has ended: whether it is sampled.
    pub(super) fn bind(&mut self, instance: InstanceId, living: bool) {
        let wanted = self.usage_of(instance).map(|usage| limits_of(&usage).wanted()).unwrap_or_default();
        let unheld = self.bounds.boxes.held(instance).without(wanted) != Held::default();
        let sampled = living && (unheld || self.bounds.boxes.is_mute(instance));
        self.bounds.sampler.watch(instance, sampled, now());
    }

    /// A life is over.
    pub(super) fn unbind(&mut self, instance: InstanceId) {
        let now = now();
        self.bounds.sampler.watch(instance, false, now);
        self.bounds.boxes.close(instance);
        self.samples.forget(instance);
        self.tidy_later(now);
    }

    /// Limits may be others now: lives that run get them at once.
    pub(super) fn review_bounds(&mut self) {
        let running = |life: &model::LifeRecord| life.pid.is_some() && life.ended.is_none();
        let lives = self.lives.remembered().lives.values().filter(|life| running(life));
        let lives: Vec<InstanceId> = lives.map(|life| life.instance).collect();
        self.prefetch_owners();
        let keeper = self.me.keeper_pid;
        for instance in lives {
            if let Some(usage) = self.usage_of(instance) {
                self.bounds.boxes.limit(instance, &usage, &|pid| is_ours(pid, keeper));
            }
            self.bind(instance, true);
        }
    }

    /// Commands of apps that run need to know as whom, also when this steward has borne no life of theirs.
    fn prefetch_owners(&mut self) {
        let apps = self.store.state().apps.iter();
        let names: BTreeSet<Names> = apps.filter_map(|app| Names::of(&app.definition.spec.identity)).collect();
        for names in names.into_iter().filter(|names| !self.bounds.owners.contains_key(names)) {
            self.bounds.lookups.ask(names, None, now());
        }
    }

    /// Finds the boxes that an earlier steward has made.
    pub(super) fn recall_boxes(&mut self) {
        let known = &self.lives.remembered().lives;
        let leaders = known.values().filter_map(|life| life.pid);
        self.bounds.boxes.recall(&self.me.home, leaders, |instance| known.contains_key(&instance));
        self.tidy_later(now());
    }

    /// Tells what the kernel has done in a box.
    pub(super) fn tell_news(&mut self, instance: InstanceId) {
        let news = self.bounds.boxes.news(instance);
        if news.killed > 0 {
            self.happenings.push_back(Event::OutOfMemory { instance, killed: news.killed });
        }
        if !news.refused_forks {
            return;
        }
        let Some(life) = self.lives.remembered().lives.get(&instance) else { return };
        let max = self.usage_of(instance).and_then(|usage| usage.max_tasks);
        let reason = format!("the kernel lets it have no more than {} tasks (max_tasks)", max.unwrap_or_default());
        let data = json!({ "max_tasks": max });
        let entry = Entry { reason: Some(reason), data, ..Entry::of(&life.slot, Some(instance), "limit") };
        self.journal.write(entry, wall_ms());
        self.bounds.boxes.told(instance);
    }

    /// Looks into boxes of which nobody tells.
    pub(super) fn hear_mute_boxes(&mut self) {
        let mute: Vec<InstanceId> =
            self.lives.remembered().lives.keys().copied().filter(|instance| self.bounds.boxes.is_mute(*instance)).collect();
        mute.into_iter().for_each(|instance| self.tell_news(instance));
    }

    /// Looks into all boxes.
    pub(super) fn hear_boxes(&mut self) {
        let lives: Vec<InstanceId> = self.lives.remembered().lives.keys().copied().collect();
        lives.into_iter().for_each(|instance| self.tell_news(instance));
    }

    /// Compares what a life uses with what it may use.
    pub(super) fn compare(&mut self, instance: InstanceId, tree: &TreeUse, now: Tick) {
        let Some(usage) = self.usage_of(instance) else { return };
        let held = self.bounds.boxes.held(instance);
        if let Some(what) = self.bounds.sampler.take(instance, &usage, held, tree, now) {
            self.happenings.push_back(Event::Exceeded { instance, what });
        }
    }
}
