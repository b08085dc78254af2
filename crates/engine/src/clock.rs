//! What the clock and changed files begin.

use crate::Effect;
use crate::engine::Engine;
use model::{AppName, Tick};

impl Engine {
    pub(crate) fn due(&mut self, _: &AppName, _: bool, _: Tick, _: &mut Vec<Effect>) {}
    pub(crate) fn restart_due(&mut self, _: &AppName, _: Tick, _: &mut Vec<Effect>) {}
    pub(crate) fn changed(&mut self, _: &AppName, _: Vec<String>, _: Tick, _: &mut Vec<Effect>) {}
}
