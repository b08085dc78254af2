//! The end of a life that speaks: what it said before is heard first.
//!
//! The keeper may tell of an end before we have read what the life sent to its socket in its last moment. That may be a descriptor for its
//! successor (`FDSTORE=1`), which must be with the keeper before that is borne; or the name of the process with which the life goes on
//! (`MAINPID=`). So the engine is told of the end when the socket has been read and everything that came with it is put away.

use super::Brain;
use crate::log::say;
use crate::time::now;
use engine::{Event, FactState, KeeperFact};
use model::{End, InstanceId, SlotId, Tick};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long an end waits for that at most: a process that hangs in the kernel may hold up whoever asks what it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// A life whose end is not told yet.
#[derive(Debug)]
pub(super) struct Leaving {
    /// What is to be told.
    ended: Event,
    /// Whose successor gets what it leaves.
    slot: SlotId,
    /// Its socket has been read to the end.
    heard: bool,
    /// Then it is told in any case.
    until: Tick,
}

impl Brain {
    /// The process of a life has ended. That is told at once if it has no socket, else when it has been heard to the end.
    pub(super) fn hear_to_the_end(&mut self, instance: InstanceId, ended: Event) {
        let notify = wire::handles(&instance.to_string()).notify;
        if self.voices.fresh.contains_key(&instance) || self.voices.held.contains(&notify) {
            // Nobody may listen yet: so short was its life, or so new are we.
            self.listen(instance, &model::Readiness::Notify);
        }
        let slot = self.lives.remembered().lives.get(&instance).map(|life| life.slot_id);
        let hears = self.voices.overs.contains_key(&instance) || self.voices.is_asked_for(instance);
        match slot.filter(|_| hears) {
            None => self.happenings.push_back(ended),
            Some(slot) => {
                // An end before this one waits no longer: the life has gone on with another process, which has ended too.
                let leaving = Leaving { ended, slot, heard: false, until: now() + PATIENCE };
                if let Some(earlier) = self.voices.leaving.insert(instance, leaving) {
                    self.happenings.push_back(earlier.ended);
                }
                self.say_over(instance);
            }
        }
    }

    /// Lives that have ended while no steward was there and whose sockets were not read to the end: they are taken for alive until they are
    /// heard. Gives back what is to be told then.
    pub(super) fn hold_ends_back(&self, facts: &mut [KeeperFact], held: &BTreeSet<String>) -> Vec<(InstanceId, Event)> {
        let mut ends = Vec::new();
        for fact in facts {
            let (instance, FactState::Down { end, at }) = (fact.instance, &fact.state) else { continue };
            let (end, at) = (end.clone(), *at);
            let Some(life) = self.lives.remembered().lives.get(&instance) else { continue };
            let open = life.ended.is_none() && life.stopping.is_none() && matches!(end, End::Exited(_));
            if let (Some(pid), Some(ident), true) = (life.pid, life.ident, open)
                && held.contains(&wire::handles(&instance.to_string()).notify)
            {
                fact.state = FactState::Up { pid, ident, at: life.begun };
                ends.push((instance, Event::Ended { instance, end, at }));
            }
        }
        ends
    }

    /// Tells the listener of a life that has ended to come to its end; later, if the keeper has still to give us the socket.
    pub(super) fn say_over(&mut self, instance: InstanceId) {
        if self.voices.leaving.contains_key(&instance)
            && let Some(over) = self.voices.overs.get(&instance)
        {
            over.notify_one();
        }
    }

    /// Everything that was in the socket of a life has been taken.
    pub(super) fn heard_to_the_end(&mut self, instance: InstanceId) {
        // Its words are told before its end.
        self.take_up();
        if let Some(leaving) = self.voices.leaving.get_mut(&instance) {
            leaving.heard = true;
        }
        self.tell_ends();
    }

    /// Takes up what tasks of ours have told by now.
    pub(super) fn take_up(&mut self) {
        while let Ok(event) = self.told.try_recv() {
            self.happenings.push_back(event);
        }
    }

    /// Tells the ends of those who have been heard and whose descriptors are with the keeper.
    pub(super) fn tell_ends(&mut self) {
        let desk = &self.voices.desk;
        let told =
            self.voices.leaving.extract_if(.., |_, leaving| leaving.heard && !desk.is_busy(&format!("s{}.", leaving.slot)));
        self.happenings.extend(told.map(|(_, leaving)| leaving.ended));
    }

    /// When an end is told in any case.
    pub(super) fn last_words_deadline(&self) -> Option<Tick> {
        self.voices.leaving.values().map(|leaving| leaving.until).min()
    }

    /// Tells the ends that have waited too long.
    pub(super) fn late_last_words(&mut self, now: Tick) {
        for (instance, leaving) in self.voices.leaving.extract_if(.., |_, leaving| leaving.until <= now) {
            say!("{instance}: what it said last could not be heard in time");
            self.happenings.push_back(leaving.ended);
        }
    }
}
