//! Births that wait until it is known as whom: names are looked up beside the loop, one round at a time.

use crate::identity::{Names, Owner, Wrong, owner};
use engine::Bear;
use model::{InstanceId, Tick};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};

/// How long a birth waits for the users of this machine at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found.
pub(super) type Answer = Result<Option<Owner>, Wrong>;

/// Somebody who asks.
#[derive(Debug)]
struct Asker {
    names: Names,
    until: Tick,
    /// The birth that waits; `None` = nobody waits.
    bear: Option<Box<Bear>>,
}

/// Who asks, and what is being found out.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    waiting: Vec<Asker>,
    /// Those of the round under way, in the order of its answers. A round that hangs is not left alone: there is never more than one thread that
    /// waits for a directory which does not answer.
    asked: Vec<Asker>,
    round: Option<JoinHandle<Vec<Answer>>>,
}

impl Lookups {
    /// Asks, for a birth or for later.
    pub(super) fn ask(&mut self, names: Names, bear: Option<Box<Bear>>, now: Tick) {
        self.waiting.push(Asker { names, until: now + PATIENCE, bear });
        self.begin();
    }

    fn begin(&mut self) {
        if self.round.is_some() || self.waiting.is_empty() {
            return;
        }
        self.asked = std::mem::take(&mut self.waiting);
        let names: Vec<Names> = self.asked.iter().map(|asker| asker.names.clone()).collect();
        self.round = Some(spawn_blocking(move || {
            let mut known = BTreeMap::new();
            let answer = |names: Names| known.entry(names).or_insert_with_key(owner).clone();
            names.into_iter().map(answer).collect()
        }));
    }

    /// When somebody has waited too long.
    pub(super) fn deadline(&self) -> Option<Tick> {
        let births = self.waiting.iter().chain(&self.asked).filter(|asker| asker.bear.is_some());
        births.map(|asker| asker.until).min()
    }

    /// The births that have waited too long.
    pub(super) fn late(&mut self, now: Tick) -> Vec<Bear> {
        let askers = self.waiting.iter_mut().chain(&mut self.asked).filter(|asker| asker.until <= now);
        askers.filter_map(|asker| asker.bear.take()).map(|bear| *bear).collect()
    }

    /// A birth is not wanted any more; whether it waited here.
    pub(super) fn give_up(&mut self, instance: InstanceId) -> bool {
        let mut askers = self.waiting.iter_mut().chain(&mut self.asked);
        let asks = |asker: &&mut Asker| asker.bear.as_ref().is_some_and(|bear| bear.life.instance == instance);
        askers.find(asks).is_some_and(|asker| asker.bear.take().is_some())
    }

    /// Waits for the end of the round.
    pub(super) async fn done(&mut self) -> Vec<Answer> {
        match self.round.as_mut() {
            Some(round) => round.await.unwrap_or_default(),
            None => std::future::pending().await,
        }
    }

    /// The round is over: who asked what, and what was found. The next begins.
    pub(super) fn take(&mut self, answers: Vec<Answer>) -> Vec<(Names, Option<Box<Bear>>, Answer)> {
        self.round = None;
        let mut answers = answers.into_iter();
        let mut found = Vec::new();
        for asker in std::mem::take(&mut self.asked) {
            match answers.next() {
                Some(answer) => found.push((asker.names, asker.bear, answer)),
                // A round that broke: asked again.
                None => self.waiting.push(asker),
            }
        }
        self.begin();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AppName, AppSpec, Definition, Generation, Identity, LifeRecord, SlotId, SlotRef};
    use std::sync::Arc;

    fn bear(instance: u64, user: &str) -> (Names, Option<Box<Bear>>) {
        let name = AppName::new("web").expect("name");
        let mut spec = AppSpec::new(name.clone(), vec!["x".into()], "/".into());
        spec.identity.user = Some(user.to_owned());
        let slot = SlotRef::new(&name, 0);
        let life = LifeRecord::intent(InstanceId(instance), slot, SlotId(1), Generation(1), &spec, Tick(0));
        let names = Names::of(&spec.identity).expect("asked");
        let definition = Definition { spec, session_env: BTreeMap::new(), umask: 0o22, source: None, project: None };
        (names, Some(Box::new(Bear { life, definition: Arc::new(definition) })))
    }

    #[tokio::test]
    async fn each_birth_gets_its_answer_and_late_ones_none() {
        let mut lookups = Lookups::default();
        for (instance, user) in [(1, "nobody"), (2, "no-such-user-here"), (3, "nobody"), (4, "root")] {
            let (names, bear) = bear(instance, user);
            lookups.ask(names, bear, Tick(instance));
        }
        assert_eq!(lookups.deadline(), Some(Tick(1) + PATIENCE));
        // The first is in a round of its own; the second has waited too long when the next begins.
        let answers = lookups.done().await;
        let show = |found: Vec<(Names, Option<Box<Bear>>, Answer)>| -> Vec<String> {
            let who = |bear: Option<Box<Bear>>| bear.map_or("late".into(), |bear| bear.life.instance.to_string());
            let what = |answer: Answer| {
                answer.map_or_else(|wrong| wrong.errno.into(), |owner| owner.map_or("own".into(), |o| o.uid.to_string()))
            };
            found.into_iter().map(|(_, bear, answer)| format!("{} {}", who(bear), what(answer))).collect()
        };
        assert_eq!(show(lookups.take(answers)), ["i1 65534"]);
        let late: Vec<u64> = lookups.late(Tick(2) + PATIENCE).iter().map(|bear| bear.life.instance.0).collect();
        assert_eq!((late, lookups.deadline()), (vec![2], Some(Tick(3) + PATIENCE)));
        let answers = lookups.done().await;
        let root = if rustix::process::geteuid().is_root() { "i4 own" } else { "i4 0" };
        assert_eq!(show(lookups.take(answers)), ["late ENOENT", "i3 65534", root]);
        assert_eq!(lookups.deadline(), None);
        let names = Names::of(&Identity { user: Some("nobody".into()), ..Identity::default() }).expect("asked");
        lookups.ask(names, None, Tick(0));
        assert_eq!(lookups.deadline(), None, "nobody waits for it");
    }

    /// Whoever is stopped while it is found out as whom it runs is not borne afterwards.
    #[tokio::test]
    async fn a_birth_that_is_given_up_does_not_follow() {
        let mut lookups = Lookups::default();
        for instance in [1, 2, 3] {
            let (names, bear) = bear(instance, "nobody");
            lookups.ask(names, bear, Tick(0));
        }
        // One is being found out, one waits for the next round.
        assert!(lookups.give_up(InstanceId(1)) && lookups.give_up(InstanceId(2)));
        assert!(!lookups.give_up(InstanceId(1)) && !lookups.give_up(InstanceId(9)));
        let mut born = Vec::new();
        for _ in 0..2 {
            let answers = lookups.done().await;
            born.extend(lookups.take(answers).into_iter().filter_map(|(_, bear, _)| Some(bear?.life.instance.0)));
        }
        assert_eq!(born, [3]);
    }
}
