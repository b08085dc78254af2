//! What a program says of itself, and how it truly is: whether it is ready, sick, hung, too big. Only the kernel knows the truth of it; the
//! steward is told by answers and words, and what it does for their sake is judged by this.

use super::process::Proc;
use super::state::Kernel;
use engine::Word;
use model::{InstanceId, Readiness};
use std::collections::VecDeque;
use std::time::Duration;

const MS: u64 = 1_000_000;
/// Messages that a socket holds.
const ROOM: usize = 40;
/// From one sign of life to the next.
const SIGN: u64 = 250 * MS;

/// A life as it is.
#[derive(Debug, Default)]
pub struct Voice {
    /// The process that speaks.
    pub leader: Option<u32>,
    /// The channel that it was born with, if it has one.
    pub channel: Option<Readiness>,
    /// Whether it gives signs of life.
    pub signs: bool,
    /// The keeper that holds the channel: with it goes what has not been read.
    pub holder: Option<u32>,
    /// What has been said and not been heard.
    pub queue: VecDeque<Word>,
    /// When it is ready, after its birth or a reload.
    pub ready_due: u64,
    /// Since when it is.
    pub ready_since: Option<u64>,
    /// It has printed that it is ready.
    pub printed: bool,
    /// The word that it is ready was lost: refused, gone with a keeper, or read by a steward that did not live to write it down.
    pub lost: bool,
    /// Who has read that word.
    pub reader: Option<u32>,
    /// It is not well until then.
    pub sick_until: u64,
    /// It says nothing until then.
    pub hung_until: u64,
    /// The last sign of life that got into the channel.
    pub sign: u64,
    /// It asked to be ended.
    pub stuck: bool,
    /// It uses more than it may.
    pub fat: bool,
    /// When it says something next.
    pub next: u64,
}

impl Voice {
    /// Whether it answers well when it is asked.
    pub fn is_well(&self, now: u64) -> bool {
        self.ready_since.is_some() && self.sick_until <= now
    }
}

impl Kernel {
    /// A life is about to be born with this channel.
    pub fn give_voice(&mut self, instance: InstanceId, channel: Option<Readiness>, signs: bool, holder: u32) {
        let voice = Voice { channel, signs, holder: Some(holder), ..Voice::default() };
        self.voices.insert(instance, voice);
    }

    /// Its program begins.
    pub fn begin_voice(&mut self, pid: u32) {
        let Some(instance) = self.procs.get(&pid).and_then(|proc| proc.truth).filter(|_| self.weather.mixed) else { return };
        let slow = if self.luck.once_in(6) { 20_000 } else { 900 };
        let pause = if self.weather.kind { 200 } else { self.luck.between(0, slow) };
        let voice = self.voices.entry(instance).or_default();
        if voice.leader.is_none() {
            (voice.leader, voice.ready_due) = (Some(pid), self.now + pause * MS);
            (voice.next, voice.sign) = (voice.ready_due, self.now);
        }
    }

    /// The voice of a leader that lives.
    pub fn voice_of(&self, proc: &Proc) -> Option<&Voice> {
        self.voices.get(&proc.truth?).filter(|voice| voice.leader == Some(proc.pid) && proc.lives())
    }

    /// Whether the leader of a life lives.
    pub fn leads(&self, instance: InstanceId) -> bool {
        let leader = self.voices.get(&instance).and_then(|voice| voice.leader);
        leader.and_then(|pid| self.procs.get(&pid)).is_some_and(|proc| proc.lives() && proc.truth == Some(instance))
    }

    /// Lets a leader whose time has come say what it has to say. Whether it did.
    pub fn speak(&mut self, pid: u32) -> bool {
        let (now, kind) = (self.now, self.weather.kind);
        let due = |proc: &&Proc| self.voice_of(proc).is_some_and(|voice| voice.next <= now);
        let Some(instance) = self.procs.get(&pid).filter(due).and_then(|proc| proc.truth) else { return false };
        let roll = if kind { 99 } else { self.luck.below(60) };
        let Some(voice) = self.voices.get_mut(&instance) else { return false };
        let hung = voice.hung_until > now && !kind;
        let talks = voice.channel == Some(Readiness::Notify);
        let mut word = None;
        if voice.ready_since.is_none() {
            if kind {
                voice.ready_due = voice.ready_due.min(now);
            }
            if voice.ready_due <= now {
                (voice.ready_since, voice.printed) = (Some(now), true);
                word = Some(Word::Ready).filter(|_| talks || matches!(voice.channel, Some(Readiness::Fd { .. })));
            }
        } else if talks && !hung {
            word = match roll {
                0 => {
                    voice.ready_since = None;
                    voice.ready_due = now + 700 * MS;
                    Some(Word::Reloading)
                }
                1 => Some(Word::Status("at work".to_owned())),
                2 => Some(Word::MainPid { pid, ident: 1 }),
                3 => Some(Word::Extend(Duration::from_millis(800))),
                4 if now % 7 == 0 => {
                    voice.stuck = true;
                    Some(Word::Stuck)
                }
                _ if voice.signs => Some(Word::Alive),
                _ => None,
            };
        }
        voice.next = match voice.ready_since {
            None => voice.ready_due.max(now + MS),
            Some(_) if voice.signs => now + SIGN,
            // One that nobody waits for is left alone when nothing is to happen.
            Some(_) if talks && !kind => now + 8 * SIGN,
            Some(_) => u64::MAX,
        };
        if let Some(word) = word {
            self.send_word(instance, word);
        }
        true
    }

    fn send_word(&mut self, instance: InstanceId, word: Word) {
        self.clear_voice(instance);
        let now = self.now;
        let Some(voice) = self.voices.get_mut(&instance) else { return };
        if voice.holder.is_none() || voice.queue.len() >= ROOM {
            if word == Word::Ready {
                self.checks.reach("a ready word refused");
                voice.lost = true;
            }
            return;
        }
        if matches!(word, Word::Alive | Word::Ready) {
            voice.sign = now;
        }
        if word == Word::Ready {
            (voice.lost, voice.reader) = (false, None);
        }
        voice.queue.push_back(word);
    }

    /// A channel goes with the keeper that holds it.
    fn clear_voice(&mut self, instance: InstanceId) {
        let Some(voice) = self.voices.get_mut(&instance) else { return };
        // The program itself holds a reading end of its FIFO.
        if matches!(voice.channel, Some(Readiness::Fd { .. })) {
            return;
        }
        let holds = |pid: u32| self.procs.get(&pid).is_some_and(|proc| proc.lives() && proc.role().is_some());
        if voice.holder.is_some_and(|pid| !holds(pid)) {
            voice.lost |= voice.queue.contains(&Word::Ready);
            voice.queue.clear();
            voice.holder = None;
        }
    }

    /// A steward listens: where the channel went with its keeper, there is another of the same name.
    pub fn bind_voice(&mut self, instance: InstanceId, keeper: u32) {
        self.clear_voice(instance);
        if let Some(voice) = self.voices.get_mut(&instance) {
            voice.holder.get_or_insert(keeper);
        }
    }

    /// The next word in a channel, which `reader` takes out of it.
    pub fn hear_voice(&mut self, instance: InstanceId, reader: u32) -> Option<Word> {
        self.clear_voice(instance);
        let voice = self.voices.get_mut(&instance)?;
        let word = voice.queue.pop_front()?;
        if word == Word::Ready {
            voice.reader = Some(reader);
        }
        Some(word)
    }
}
