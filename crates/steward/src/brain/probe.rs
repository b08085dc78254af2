//! Questions to lives.

use super::Brain;
use crate::birth::port_told;
use crate::fill::{Names, fill, log_files};
use crate::probe::{Asking, Get, Pool, Quiet, Who};
use engine::{Event, Outcome};
use model::{Check, InstanceId, LifeRecord, Probe, StreamId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use sys::lives::Member;
use tokio::task::AbortHandle;

/// Questions that are under way.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    pub(super) pool: Pool,
    /// One for each life at most.
    asked: BTreeMap<InstanceId, AbortHandle>,
    /// Streams whose bytes do not get into their files: what they print is not seen.
    troubled: BTreeSet<StreamId>,
}

impl Probes {
    /// The scribe cannot write what a stream says, or can again.
    pub(super) fn trouble(&mut self, id: StreamId, is_there: bool) {
        _ = if is_there { self.troubled.insert(id) } else { self.troubled.remove(&id) };
    }

    fn begin(&mut self, instance: InstanceId, task: AbortHandle) {
        self.asked.retain(|_, task| !task.is_finished());
        // The engine asks one at a time. Should it not, the answer to the question before is not wanted any more.
        if let Some(before) = self.asked.insert(instance, task) {
            before.abort();
        }
    }

    fn end(&mut self, instance: InstanceId) {
        if let Some(task) = self.asked.remove(&instance) {
            task.abort();
        }
        self.troubled.retain(|id| id.instance != instance);
    }
}

impl Brain {
    /// Asks a life, beside the loop.
    pub(super) fn probe(&mut self, instance: InstanceId, number: u64, check: Check, timeout: Duration) {
        let tell = move |outcome| Event::Probed { instance, number, outcome };
        let Some(life) = self.lives.remembered().lives.get(&instance) else {
            return self.happenings.push_back(tell(Outcome::Bad("nothing is known of it".to_owned())));
        };
        let asking = Asking::new(timeout, self.probes.pool.clone(), self.who(life));
        let home = &self.me.home;
        let (number_of_slot, name) = (life.slot.index.to_string(), life.slot.to_string());
        let definition = self.definition_of_life(life);
        let port = definition.map_or(life.port, |definition| port_told(&definition.spec, life.port)).map(|port| port.to_string());
        let names = Names { app: life.slot.app.as_str(), slot: &number_of_slot, instance: &name, port: port.as_deref(), home };
        let sender = self.tell.clone();
        // Whoever ends the steward has no use for the answer.
        let answer = move |outcome| _ = sender.send(tell(outcome));
        let task = match check {
            Check::Probe(Probe::Http { url, status, headers, body }) => {
                let get = Get { url: fill(&url, &names), status, headers, body };
                tokio::spawn(async move { answer(asking.http(&get).await) })
            }
            Check::Probe(Probe::Tcp { address }) => {
                let address = fill(&address, &names);
                tokio::spawn(async move { answer(asking.tcp(&address).await) })
            }
            Check::Probe(Probe::Exec { argv }) => {
                let argv = argv.iter().map(|arg| fill(arg, &names)).collect();
                return self.run_exec_probe(instance, number, argv, timeout);
            }
            Check::LogSilence(span) => {
                // What cannot get into the file is not silence; it is not known what it is.
                if self.probes.troubled.iter().any(|id| id.instance == instance) {
                    return self.happenings.push_back(tell(Outcome::Elsewhere));
                }
                let files = log_files(&life.log, &life.slot, home);
                let files = files.into_iter().flatten().map(|file| Path::new(home).join(file).to_string_lossy().into_owned());
                let quiet = Quiet { instance, begun: life.begun, files: files.collect() };
                tokio::spawn(async move { answer(asking.silence(quiet, span).await) })
            }
        };
        self.probes.begin(instance, task.abort_handle());
    }

    /// The life has ended: nothing is asked of it any more.
    pub(super) fn end_questions(&mut self, instance: InstanceId) {
        self.end_probes(instance);
        self.probes.end(instance);
        self.log_listeners.end(instance);
    }

    /// Who is asked, and who must not answer in its place: other lives of the same app (its predecessor, its siblings) and such as are being
    /// ended, whatever their app. Another app that runs may be what it is asked through, a proxy.
    fn who(&self, asked: &LifeRecord) -> Who {
        let member = |life: &LifeRecord| Some(Member { pid: life.pid?, ident: life.ident? });
        let rivals = self.lives.remembered().lives.values().filter(|life| {
            let related = life.slot.app == asked.slot.app || life.stopping.is_some();
            life.instance != asked.instance && life.ended.is_none() && related
        });
        Who { asked: member(asked), others: rivals.filter_map(member).collect() }
    }
}
