//! One rule of one app, and when it comes next.
//!
//! A time is *on time* until a minute after it has come: the manager may have been busy, or have been replaced. Later than that it was *missed*.
//! Of several that were missed, or that came while nobody looked, one run is made at most.

use super::Rule;
use super::memory::Past;
use model::{Schedule, Tick, Wall, When};
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

/// So long after it has come, a time is still on time.
const SLACK: Duration = Duration::from_secs(60);
/// Times that are looked at for the first that is still on time, when each is put off by a random time.
const STEPS: usize = 1000;

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) tick: Tick,
    pub(crate) wall: Wall,
}

/// A time by one of the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Wall(Wall),
    Tick(Tick),
}

/// A time that is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    /// The time of the rule.
    due: At,
    /// When it is told: that time and the jitter.
    pub(super) tell: At,
    /// It was missed.
    pub(super) late: bool,
}

/// A rule that is followed.
#[derive(Debug)]
pub(super) struct Line {
    pace: Pace,
    catch_up: bool,
    jitter: Duration,
    seed: u64,
    /// It goes by how long ago the last run was, and the next was due while the machine was off.
    overslept: bool,
    pub(super) past: Past,
    pub(super) next: Option<Next>,
}

#[derive(Debug)]
enum Pace {
    Cron(Arc<Rule>),
    Every(Duration),
}

/// What a line needs to know of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    when: When,
    timezone: Option<String>,
    catch_up: bool,
    jitter: Duration,
}

impl Terms {
    /// Those of a job.
    pub(crate) fn of(schedule: &Schedule) -> Terms {
        let Schedule { when, timezone, catch_up, jitter, .. } = schedule.clone();
        Terms { when, timezone, catch_up, jitter }
    }

    /// Those of restarts: a restart that was missed is left out.
    pub(crate) fn of_restarts(cron: &str) -> Terms {
        Terms { when: When::Cron(cron.to_owned()), timezone: None, catch_up: false, jitter: Duration::ZERO }
    }

    /// By this a rule is known again.
    pub(super) fn rule(&self) -> String {
        match (&self.when, &self.timezone) {
            (When::Cron(text), None) => text.clone(),
            (When::Cron(text), Some(zone)) => format!("{text} {zone}"),
            (When::Every(span), _) => format!("every {}ms", span.as_millis()),
        }
    }

    fn pace(&self) -> Result<Pace, String> {
        match &self.when {
            When::Cron(text) => Ok(Pace::Cron(Arc::new(Rule::parse(text, self.timezone.as_deref())?))),
            When::Every(span) if *span < Duration::from_millis(100) => {
                Err(format!("`every` must be at least 100ms; {}ms is too short", span.as_millis()))
            }
            When::Every(span) => Ok(Pace::Every(*span)),
        }
    }

    /// Whether it can be followed at all.
    ///
    /// # Errors
    /// In words: what is wrong with it.
    pub(crate) fn check(&self, now: Wall) -> Result<(), String> {
        match self.pace()? {
            Pace::Cron(rule) if rule.next(now).is_none() => Err(format!("`{}` never comes: there is no such day", self.rule())),
            _ => Ok(()),
        }
    }
}

impl Line {
    /// Begins to follow a rule. `past`: what is remembered of it, and whether that was in this boot.
    pub(super) fn new(terms: &Terms, seed: u64, past: Option<(Past, bool)>, now: Now) -> Result<Line, String> {
        let pace = terms.pace()?;
        let rule = terms.rule();
        let remembered = past.filter(|(past, _)| past.rule == rule);
        let same_boot = remembered.as_ref().is_some_and(|(_, same_boot)| *same_boot);
        let past = remembered.map_or_else(|| Past::new(rule, now.wall), |(past, _)| past);
        let (catch_up, jitter) = (terms.catch_up, terms.jitter);
        let mut line = Line { pace, catch_up, jitter, seed, overslept: false, past, next: None };
        if let Pace::Every(span) = line.pace {
            let fresh = (now.tick + span, later(now.wall, span));
            line.past.coming = Some(match line.past.coming {
                Some(coming) if same_boot => coming,
                Some((_, wall)) => {
                    line.overslept = later(wall, SLACK) < now.wall;
                    carried(wall, span, now)
                }
                None => fresh,
            });
        }
        Ok(line)
    }

    /// Takes another catch-up or jitter.
    pub(super) fn take(&mut self, terms: &Terms) {
        (self.catch_up, self.jitter) = (terms.catch_up, terms.jitter);
        self.next = None;
    }

    /// Finds out when it comes next. Gives back the first time that was missed and is left out, if there is one.
    pub(super) fn plan(&mut self, now: Now) -> Option<Wall> {
        match &self.pace {
            Pace::Cron(rule) => {
                let rule = rule.clone();
                self.plan_cron(&rule, now)
            }
            Pace::Every(span) => self.plan_every(*span, now),
        }
    }

    fn plan_cron(&mut self, rule: &Rule, now: Now) -> Option<Wall> {
        let Some(seen) = self.past.seen(now.wall) else {
            // The clock has never been here: nothing was missed, and nothing has run.
            self.past.mark(now.wall);
            return self.plan_cron(rule, now);
        };
        let on_time = earlier(now.wall, SLACK);
        let mut next = rule.next(seen.max(earlier(on_time, self.jitter)));
        for _ in 0..STEPS {
            match next {
                Some(due) if self.put_off(rule, due) < on_time => next = rule.next(due),
                _ => break,
            }
        }
        let first = rule.next(seen).filter(|first| next.is_none_or(|next| *first < next));
        if let Some(first) = first.filter(|_| self.catch_up) {
            self.next = Some(Next { due: At::Wall(first), tell: At::Wall(now.wall), late: true });
            return None;
        }
        self.next = next.map(|due| Next { due: At::Wall(due), tell: At::Wall(self.put_off(rule, due)), late: false });
        if first.is_some() {
            // Up to the next one, which may have come already.
            self.past.mark(next.map_or(now.wall, |next| Wall(now.wall.0.min(next.0 - 1))));
        }
        first
    }

    fn plan_every(&mut self, span: Duration, now: Now) -> Option<Wall> {
        let due = self.past.coming.map_or(now.tick + span, |(due, _)| due);
        let tell = due + self.spread(due.0 / 1_000_000, span);
        let missed = now.tick.since(tell) > SLACK || self.overslept;
        if missed && !self.catch_up {
            let left_out = self.shown(At::Tick(due), now);
            self.overslept = false;
            self.past.coming = Some((now.tick + span, later(now.wall, span)));
            self.plan_every(span, now);
            return Some(left_out);
        }
        let tell = if missed { now.tick } else { tell };
        self.next = Some(Next { due: At::Tick(due), tell: At::Tick(tell), late: missed });
        None
    }

    /// When a time is told, never beyond the one that follows.
    fn put_off(&self, rule: &Rule, due: Wall) -> Wall {
        if self.jitter.is_zero() {
            return due;
        }
        let room = rule.next(due).map_or(u64::MAX, |after| after.0.abs_diff(due.0));
        later(due, self.spread(due.0.unsigned_abs(), Duration::from_millis(room)))
    }

    /// A time below the jitter and below `room`, always the same for the same time: a successor of this steward comes to it too.
    fn spread(&self, due_ms: u64, room: Duration) -> Duration {
        let limit = self.jitter.min(room.saturating_sub(Duration::from_millis(1))).as_millis();
        // Without keys of its own: the same in every process.
        let mut hash = std::hash::DefaultHasher::new();
        hash.write_u64(self.seed);
        hash.write_u64(due_ms);
        let value = u128::from(hash.finish()) % (limit + 1);
        Duration::from_millis(u64::try_from(value).unwrap_or(0))
    }

    /// Whether it is to be told now.
    pub(super) fn is_due(&self, now: Now) -> bool {
        match self.next.map(|next| next.tell) {
            Some(At::Wall(at)) => at <= now.wall,
            Some(At::Tick(at)) => at <= now.tick,
            None => false,
        }
    }

    /// Whether it goes by how long ago the last run was.
    pub(super) fn goes_by_runs(&self) -> bool {
        matches!(self.pace, Pace::Every(_))
    }

    /// A life that began by itself shortly before: the next run is so long after it. A run of our own begins when it is told.
    pub(super) fn began(&mut self, at: Tick, now: Now) {
        let (Pace::Every(span), Some((due, _))) = (&self.pace, self.past.coming) else { return };
        let own = due + self.jitter + Duration::from_secs(1);
        if at + *span > own {
            let due = at + *span;
            self.past.coming = Some((due, wall_of(due, now)));
        }
    }

    /// Writes down that it is told now, and forgets what came next.
    pub(super) fn tell(&mut self, now: Now) -> Option<(Wall, bool)> {
        let next = self.next.take()?;
        let at = self.shown(next.due, now);
        self.overslept = false;
        match next.due {
            At::Wall(due) => self.past.mark(due.max(now.wall)),
            At::Tick(due) => {
                let Pace::Every(span) = self.pace else { return None };
                // On the raster of the last due time, if nothing was missed.
                let raster = if next.late { now.tick } else { last_of(due, span, now.tick) };
                self.past.coming = Some((raster + span, wall_of(raster + span, now)));
            }
        }
        Some((at, next.late))
    }

    /// The next time, as the wall shows it.
    pub(super) fn coming(&self, now: Now) -> Option<Wall> {
        self.next.map(|next| self.shown(next.due, now).max(if next.late { now.wall } else { Wall(i64::MIN) }))
    }

    fn shown(&self, at: At, now: Now) -> Wall {
        match (at, self.past.coming) {
            (At::Wall(at), _) => at,
            (At::Tick(_), Some((_, wall))) if self.overslept => wall,
            (At::Tick(at), _) => wall_of(at, now),
        }
    }
}

/// A time of another boot on this boot's clock: as much ahead as the wall says, at most a whole span. What has passed is due at once.
fn carried(wall: Wall, span: Duration, now: Now) -> (Tick, Wall) {
    let ahead = Duration::from_millis(u64::try_from(wall.0.saturating_sub(now.wall.0)).unwrap_or(0)).min(span);
    (now.tick + ahead, wall)
}

/// The last time of a raster that is not after `now`.
fn last_of(due: Tick, span: Duration, now: Tick) -> Tick {
    let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).max(1);
    Tick(due.0 + now.0.saturating_sub(due.0) / span * span)
}

fn later(wall: Wall, by: Duration) -> Wall {
    Wall(wall.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

fn earlier(wall: Wall, by: Duration) -> Wall {
    Wall(wall.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

fn wall_of(at: Tick, now: Now) -> Wall {
    Wall(crate::time::wall_of(at, now.tick, now.wall))
}
