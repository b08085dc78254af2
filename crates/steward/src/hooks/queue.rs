//! Which events wait to be told, and which are left out. Pure.

use super::Payload;
use model::{AppName, Definition, Hook, HookPoint, SlotRef, Tick};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Events for one hook within [`SPAN`]; more are counted and told with the next.
const RATE: usize = 10;
const SPAN: Duration = Duration::from_secs(60);
/// Events that wait or are being told, of all apps.
const HOUSE: usize = 100;
/// And of one app: one that is slow keeps no room from the others.
const APP: usize = 25;

/// An event that is to be told.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The slot that it is about.
    pub(crate) slot: SlotRef,
    /// Who is told.
    pub(crate) hook: Hook,
    /// The app as it was then.
    pub(crate) definition: Arc<Definition>,
    /// The process of the life, if there is one.
    pub(crate) pid: Option<u32>,
    /// What is told.
    pub(crate) payload: Payload,
}

/// Whom events are counted for.
type To = (AppName, HookPoint);

/// Everything that waits to be told. The hooks of an app are told one after the other, those of different apps side by side.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Job>,
    busy: BTreeSet<AppName>,
    told: BTreeMap<To, VecDeque<Tick>>,
    dropped: BTreeMap<To, u64>,
}

impl Queue {
    /// Takes an event, or counts it.
    pub(crate) fn offer(&mut self, mut job: Job, now: Tick) {
        let to = (job.slot.app.clone(), job.payload.hook);
        let recent = self.told.entry(to.clone()).or_default();
        while recent.front().is_some_and(|at| now.since(*at) >= SPAN) {
            recent.pop_front();
        }
        let of_app = self.waiting.iter().filter(|other| other.slot.app == to.0).count() + usize::from(self.busy.contains(&to.0));
        if recent.len() >= RATE || of_app >= APP || self.waiting.len() + self.busy.len() >= HOUSE {
            *self.dropped.entry(to).or_default() += 1;
            return;
        }
        recent.push_back(now);
        job.payload.dropped = self.dropped.remove(&to).unwrap_or(0);
        self.waiting.push_back(job);
    }

    /// The next event whose app is not being told of another.
    pub(crate) fn next(&mut self) -> Option<Job> {
        let at = self.waiting.iter().position(|job| !self.busy.contains(&job.slot.app))?;
        let job = self.waiting.remove(at)?;
        self.busy.insert(job.slot.app.clone());
        Some(job)
    }

    /// An event of this app has been told, or could not be.
    pub(crate) fn done(&mut self, app: &AppName) {
        self.busy.remove(app);
    }

    /// Whether nothing waits or is being told.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.busy.is_empty()
    }

    /// Forgets what was counted for an app that is gone. What waits is still told.
    pub(crate) fn forget(&mut self, app: &AppName) {
        self.told.retain(|(of, _), _| of != app);
        self.dropped.retain(|(of, _), _| of != app);
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}

/// Who keeps quiet about hooks that fail again and again: said at most once a minute for each.
#[derive(Debug, Default)]
pub(crate) struct Quiet(BTreeMap<To, (Tick, u64)>);

impl Quiet {
    /// A hook has failed. How often since it was last said, if it is to be said now.
    pub(crate) fn failed(&mut self, app: &AppName, hook: HookPoint, now: Tick) -> Option<u64> {
        let (until, held) = self.0.entry((app.clone(), hook)).or_insert((now, 0));
        if now < *until {
            *held += 1;
            return None;
        }
        *until = now + SPAN;
        Some(std::mem::take(held) + 1)
    }

    /// Forgets an app that is gone.
    pub(crate) fn forget(&mut self, app: &AppName) {
        self.0.retain(|(of, _), _| of != app);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::EventLine;
    use model::AppSpec;

    fn job(app: &str, seq: u64) -> Job {
        let name = AppName::new(app).expect("name");
        let spec = AppSpec::new(name.clone(), vec!["x".into()], "/".into());
        let definition = Definition { spec, session_env: BTreeMap::new(), umask: 0o22, source: None, project: None };
        let (time, event, actor) = (String::new(), "exited".to_owned(), "abide".to_owned());
        let (slot, instance, reason, data) = (None, None, None, serde_json::Value::Null);
        let event = EventLine { seq, time, app: Some(app.to_owned()), slot, instance, event, reason, actor, data };
        Job {
            slot: SlotRef::new(&name, 0),
            hook: Hook::Command { argv: vec!["true".into()] },
            definition: Arc::new(definition),
            pid: None,
            payload: Payload { hook: HookPoint::OnCrash, event: Arc::new(event), dropped: 0 },
        }
    }

    fn at(seconds: u64) -> Tick {
        Tick(seconds * 1_000_000_000)
    }

    fn seq(job: Option<Job>) -> Option<u64> {
        job.map(|job| job.payload.event.seq)
    }

    #[test]
    fn one_app_after_the_other_and_apps_side_by_side() {
        let mut queue = Queue::default();
        for (app, number) in [("a", 1), ("a", 2), ("b", 3)] {
            queue.offer(job(app, number), at(0));
        }
        assert_eq!((seq(queue.next()), seq(queue.next()), seq(queue.next())), (Some(1), Some(3), None));
        queue.done(&AppName::new("a").expect("name"));
        assert_eq!(seq(queue.next()), Some(2));
        queue.done(&AppName::new("a").expect("name"));
        queue.done(&AppName::new("b").expect("name"));
        assert!(queue.is_idle());
    }

    #[test]
    fn ten_a_minute_and_the_rest_counted() {
        let mut queue = Queue::default();
        let told = |queue: &mut Queue| {
            let job = queue.next();
            queue.done(&AppName::new("a").expect("name"));
            job.map(|job| (job.payload.event.seq, job.payload.dropped))
        };
        for number in 0..15 {
            queue.offer(job("a", number), at(number));
        }
        for number in 0..10 {
            assert_eq!(told(&mut queue), Some((number, 0)));
        }
        assert_eq!(told(&mut queue), None);
        queue.offer(job("a", 20), at(59));
        assert_eq!(told(&mut queue), None);
        queue.offer(job("a", 21), at(60));
        assert_eq!(told(&mut queue), Some((21, 6)), "the window slides, and what was left out is told");
        queue.offer(job("a", 22), at(60));
        assert_eq!(told(&mut queue), None);
    }

    #[test]
    fn a_slow_app_keeps_no_room_from_the_others() {
        let mut queue = Queue::default();
        // Ten a minute, for an hour, and nobody takes any.
        for minute in 0..60 {
            (0..10).for_each(|number| queue.offer(job("slow", number), at(minute * 60)));
        }
        assert_eq!(queue.waiting.len(), APP);
        queue.offer(job("quick", 7), at(3600));
        assert_eq!(seq(queue.next()), Some(0));
        assert_eq!(seq(queue.next()), Some(7));
    }

    #[test]
    fn the_house_holds_a_hundred() {
        let mut queue = Queue::default();
        for number in 0..120 {
            queue.offer(job(&format!("app{number}"), number), at(0));
        }
        let began = std::iter::from_fn(|| queue.next()).count();
        assert_eq!(began, HOUSE);
        queue.offer(job("late", 1), at(0));
        assert!(queue.next().is_none(), "those that are being told count too");
        queue.forget(&AppName::new("late").expect("name"));
        assert_eq!(queue.dropped.len(), 20);
    }

    #[test]
    fn failures_are_said_once_a_minute() {
        let mut quiet = Quiet::default();
        let app = AppName::new("a").expect("name");
        let mut failed = |seconds| quiet.failed(&app, HookPoint::OnCrash, at(seconds));
        assert_eq!((failed(0), failed(1), failed(59), failed(60), failed(61)), (Some(1), None, None, Some(3), None));
        assert_eq!(quiet.failed(&app, HookPoint::OnReady, at(61)), Some(1));
    }
}
