//! `pre_start`: what stands between the decision to bear a life and its birth. A gate is in memory only; the next steward finds an intent
//! without a process.

use super::run::Steward;
use crate::kernel::Kernel;
use engine::{Bear, Event};
use model::{End, HookPoint, InstanceId, Stage, Tick};

const MS: u64 = 1_000_000;

/// A birth that waits for its hook.
#[derive(Debug)]
pub(super) struct Gate {
    bear: Box<Bear>,
    /// When the hook ends.
    pub(super) until: u64,
    succeeds: bool,
}

impl Steward {
    /// A life is to be born: at once, or after its `pre_start`.
    pub(super) fn begin_birth(&mut self, bear: Box<Bear>, kernel: &mut Kernel) {
        if !bear.definition.spec.hooks.contains_key(&HookPoint::PreStart) {
            return self.bear(&bear, kernel);
        }
        let kind = kernel.weather.kind;
        let pause = if !kind && kernel.luck.once_in(10) { 8000 } else { kernel.luck.between(1, 300) };
        let succeeds = kind || !kernel.luck.once_in(5);
        self.around.gates.insert(bear.life.instance, Gate { bear, until: kernel.now + pause * MS, succeeds });
    }

    /// A hook has ended: the birth follows, or the life is over.
    pub(super) fn open_gate(&mut self, kernel: &mut Kernel) -> bool {
        let due = self.around.gates.iter().find(|(_, gate)| gate.until <= kernel.now).map(|(instance, _)| *instance);
        let Some(gate) = due.and_then(|instance| self.around.gates.remove(&instance)) else { return false };
        if gate.succeeds {
            kernel.checks.reach("a birth after its hook");
            self.bear(&gate.bear, kernel);
        } else {
            kernel.checks.reach("a hook that failed");
            self.not_begun(gate.bear.life.instance, kernel.now);
        }
        true
    }

    /// Somebody wants this life to end. `true`: it waited for its hook, and no birth follows.
    pub(super) fn close_gate(&mut self, instance: InstanceId, kernel: &mut Kernel) -> bool {
        let closed = self.around.gates.remove(&instance).is_some();
        if closed {
            kernel.checks.reach("a hook called off");
            self.not_begun(instance, kernel.now);
        }
        closed
    }

    fn not_begun(&mut self, instance: InstanceId, now: u64) {
        let end = End::NotBorn { stage: Stage::Hook, errno: "exit code 1".to_owned() };
        self.events.push_back(Event::Ended { instance, end, at: Tick(now) });
    }
}
