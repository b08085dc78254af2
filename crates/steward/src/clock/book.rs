//! The book of everything that the clock begins: for each app its job and its restarts.
//!
//! Wake-ups are told as one time of each clock; with an empty book there is none. What the book says is at most once: what is remembered
//! must be written before it is done, so a death between the two costs a run and never makes one twice.

use super::line::{At, Line, Now, Terms};
use super::memory::{Memory, Past};
use model::{AppName, AppSpec, Tick, Wall};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// Clocks that differ by more than this from how they stood to each other: somebody has set the wall clock, or the machine has slept.
const SET_MS: u64 = 1000;

/// What the clock begins of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Begins {
    /// A run of a job.
    Run,
    /// A restart.
    Restart,
}

/// What the book says of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A time has come.
    Due {
        /// What it begins.
        begins: Begins,
        /// The time.
        at: Wall,
        /// It was missed, and is made up for.
        late: bool,
    },
    /// A time was missed, and is left out; perhaps others after it too.
    LeftOut {
        /// What it would have begun.
        begins: Begins,
        /// The first of them.
        at: Wall,
    },
    /// The rule cannot be followed.
    Unknown {
        /// In words.
        why: String,
    },
}

/// The book.
#[derive(Debug)]
pub(crate) struct Book {
    seed: u64,
    boot: String,
    lines: BTreeMap<(AppName, Begins), (Terms, Line)>,
    /// What is remembered of apps that are not followed yet.
    memory: Option<Memory>,
    /// What cannot be followed, so that it is said once.
    unknown: BTreeMap<(AppName, Begins), Terms>,
    /// How the clocks stood to each other when they were last looked at.
    stood: Option<Now>,
    changed: bool,
}

impl Book {
    /// An empty one that goes on with what an earlier one remembered. `seed`: of the random times.
    pub(crate) fn new(seed: &str, boot: &str, memory: Option<Memory>) -> Book {
        let mut hash = std::hash::DefaultHasher::new();
        seed.hash(&mut hash);
        Book {
            seed: hash.finish(),
            boot: boot.to_owned(),
            lines: BTreeMap::new(),
            memory,
            unknown: BTreeMap::new(),
            stood: None,
            changed: false,
        }
    }

    /// Follows these apps and no others.
    pub(crate) fn follow<'a>(&mut self, apps: impl Iterator<Item = &'a AppSpec>, now: Now) -> Vec<(AppName, Word)> {
        let mut wanted = BTreeMap::new();
        for spec in apps {
            if let Some(schedule) = &spec.schedule {
                wanted.insert((spec.name.clone(), Begins::Run), Terms::of(schedule));
            }
            if let Some(cron) = &spec.cron_restart {
                wanted.insert((spec.name.clone(), Begins::Restart), Terms::of_restarts(cron));
            }
        }
        self.stood.get_or_insert(now);
        let mut said = Vec::new();
        let before = self.lines.len();
        self.lines.retain(|key, _| wanted.contains_key(key));
        self.unknown.retain(|key, terms| wanted.get(key) == Some(terms));
        self.changed |= self.lines.len() != before;
        for (key, terms) in wanted {
            self.follow_one(key, terms, now, &mut said);
        }
        self.memory = None;
        said
    }

    fn follow_one(&mut self, key: (AppName, Begins), terms: Terms, now: Now, said: &mut Vec<(AppName, Word)>) {
        if self.lines.get(&key).is_some_and(|(known, _)| *known == terms) || self.unknown.contains_key(&key) {
            return;
        }
        // The same rule with another jitter is still the same rule.
        if let Some((known, line)) = self.lines.get_mut(&key).filter(|(known, _)| known.rule() == terms.rule()) {
            line.take(&terms);
            *known = terms;
            return self.plan(&key, now, said);
        }
        let past = self.remembered(&key);
        let mut hash = std::hash::DefaultHasher::new();
        (self.seed, key.0.as_str()).hash(&mut hash);
        match Line::new(&terms, hash.finish(), past, now) {
            Ok(line) => {
                self.lines.insert(key.clone(), (terms, line));
                self.changed = true;
                self.plan(&key, now, said);
            }
            Err(why) => {
                said.push((key.0.clone(), Word::Unknown { why }));
                self.lines.remove(&key);
                self.unknown.insert(key, terms);
            }
        }
    }

    fn remembered(&self, (app, begins): &(AppName, Begins)) -> Option<(Past, bool)> {
        let memory = self.memory.as_ref()?;
        let past = memory.apps.get(app)?[*begins as usize].clone()?;
        Some((past, memory.boot == self.boot))
    }

    fn plan(&mut self, key: &(AppName, Begins), now: Now, said: &mut Vec<(AppName, Word)>) {
        let Some((_, line)) = self.lines.get_mut(key) else { return };
        if let Some(at) = line.plan(now) {
            self.changed = true;
            said.push((key.0.clone(), Word::LeftOut { begins: key.1, at }));
        }
    }

    /// Looks at the clocks: everything that is due is told, once. `began`: when the newest run of an app began.
    pub(crate) fn look(&mut self, now: Now, began: impl Fn(&AppName) -> Option<Tick>) -> Vec<(AppName, Word)> {
        let set = self.was_set(now);
        let mut said = Vec::new();
        let keys: Vec<_> =
            self.lines.iter().filter(|(_, (_, line))| set || line.is_due(now)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            if let Some((_, line)) = self.lines.get_mut(&key).filter(|(_, line)| line.goes_by_runs()) {
                began(&key.0).into_iter().for_each(|at| line.began(at, now));
            }
            // What was on time when it was planned may have been missed since.
            self.plan(&key, now, &mut said);
            let Some((_, line)) = self.lines.get_mut(&key).filter(|(_, line)| line.is_due(now)) else { continue };
            if let Some((at, late)) = line.tell(now) {
                self.changed = true;
                said.push((key.0.clone(), Word::Due { begins: key.1, at, late }));
            }
            self.plan(&key, now, &mut said);
        }
        said
    }

    fn was_set(&mut self, now: Now) -> bool {
        let set = self.stood.is_some_and(|then| {
            let (by_tick, by_wall) = (now.tick.0.abs_diff(then.tick.0) / 1_000_000, now.wall.0.saturating_sub(then.wall.0));
            by_wall.abs_diff(i64::try_from(by_tick).unwrap_or(i64::MAX)) > SET_MS
        });
        if set {
            self.stood = Some(now);
        }
        set
    }

    /// When the wall clock has to be looked at.
    pub(crate) fn wall(&self) -> Option<Wall> {
        let tells = self.lines.values().filter_map(|(_, line)| line.next.map(|next| next.tell));
        tells.filter_map(|at| if let At::Wall(at) = at { Some(at) } else { None }).min()
    }

    /// When the monotonic clock has to be looked at.
    pub(crate) fn tick(&self) -> Option<Tick> {
        let tells = self.lines.values().filter_map(|(_, line)| line.next.map(|next| next.tell));
        tells.filter_map(|at| if let At::Tick(at) = at { Some(at) } else { None }).min()
    }

    /// When a job runs next.
    pub(crate) fn next_run(&self, app: &AppName, now: Now) -> Option<Wall> {
        self.lines.get(&(app.clone(), Begins::Run))?.1.coming(now)
    }

    /// What is to be written before what was told is done, if it has changed.
    pub(crate) fn changes(&mut self) -> Option<Memory> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let mut memory = Memory { boot: self.boot.clone(), ..Memory::default() };
        for ((app, begins), (_, line)) in &self.lines {
            memory.apps.entry(app.clone()).or_default()[*begins as usize] = Some(line.past.clone());
        }
        Some(memory)
    }
}
