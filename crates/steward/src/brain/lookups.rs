//! Births of lives and commands that wait until it is known as whom: names are looked up beside the loop, one round at a time.

use crate::identity::{Owner, Wrong, owner};
use model::{Identity, Tick};
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};

/// How long a birth waits for the users of this machine at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found for one birth.
pub(super) type Answer = Result<Option<Owner>, Wrong>;

/// Births that wait.
#[derive(Debug)]
pub(super) struct Lookups<T> {
    waiting: Vec<Asked<T>>,
    /// Those of the round under way, in the order of its answers; `None` = it has waited too long. A round that hangs is not left alone: there is
    /// never more than one thread that waits for a directory which does not answer.
    asked: Vec<Option<Asked<T>>>,
    round: Option<JoinHandle<Vec<Answer>>>,
}

/// Until when it waits, as whom it is to run, and what it is.
type Asked<T> = (Tick, Identity, T);

impl<T> Default for Lookups<T> {
    fn default() -> Self {
        Lookups { waiting: Vec::new(), asked: Vec::new(), round: None }
    }
}

impl<T> Lookups<T> {
    /// A birth is to be performed once it is known as whom.
    pub(super) fn ask(&mut self, birth: T, identity: Identity, now: Tick) {
        self.waiting.push((now + PATIENCE, identity, birth));
        self.begin();
    }

    fn begin(&mut self) {
        if self.round.is_some() || self.waiting.is_empty() {
            return;
        }
        self.asked = std::mem::take(&mut self.waiting).into_iter().map(Some).collect();
        let identities: Vec<_> = self.asked.iter().flatten().map(|(_, identity, _)| identity.clone()).collect();
        self.round = Some(spawn_blocking(move || {
            let mut known: Vec<(Identity, Answer)> = Vec::new();
            let answer = |identity: Identity| match known.iter().find(|(same, _)| *same == identity) {
                Some((_, answer)) => answer.clone(),
                None => {
                    let answer = owner(&identity);
                    known.push((identity, answer.clone()));
                    answer
                }
            };
            identities.into_iter().map(answer).collect()
        }));
    }

    /// When somebody has waited too long.
    pub(super) fn deadline(&self) -> Option<Tick> {
        self.waiting.iter().chain(self.asked.iter().flatten()).map(|(until, ..)| *until).min()
    }

    /// Those who have waited too long.
    pub(super) fn late(&mut self, now: Tick) -> Vec<T> {
        let mut late: Vec<T> = self.waiting.extract_if(.., |(until, ..)| *until <= now).map(|(.., birth)| birth).collect();
        let asked = self.asked.iter_mut().filter_map(|asked| asked.take_if(|(until, ..)| *until <= now));
        late.extend(asked.map(|(.., birth)| birth));
        late
    }

    /// Waits for the end of the round.
    pub(super) async fn done(&mut self) -> Vec<Answer> {
        match self.round.as_mut() {
            Some(round) => round.await.unwrap_or_default(),
            None => std::future::pending().await,
        }
    }

    /// The round is over: each birth with what was found for it. The next begins.
    pub(super) fn take(&mut self, answers: Vec<Answer>) -> Vec<(T, Answer)> {
        self.round = None;
        let mut answers = answers.into_iter();
        // A round that broke has no answers; its births wait for the next.
        let found = std::mem::take(&mut self.asked).into_iter().filter_map(|asked| match (asked, answers.next()) {
            (Some((.., birth)), Some(answer)) => Some((birth, answer)),
            (Some(asked), None) => {
                self.waiting.push(asked);
                None
            }
            (None, _) => None,
        });
        let found = found.collect();
        self.begin();
        found
    }
}
