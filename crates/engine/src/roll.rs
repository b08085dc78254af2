//! Reloads: how lives of one generation are replaced by those of another.

use crate::engine::Engine;
use crate::{Effect, LifeNote, RollView};
use model::{AppName, Generation, InstanceId, Rolling, Tick};

impl Engine {
    /// The life has its port.
    pub(crate) fn leased(&mut self, instance: InstanceId, port: u16, out: &mut Vec<Effect>) {
        if let Some(life) = self.lives.get_mut(&instance).filter(|life| life.record.port != Some(port)) {
            life.record.port = Some(port);
            out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
        }
    }

    pub(crate) fn reload(&mut self, _: &AppName, _: Generation, _: Box<Rolling>, _: Tick, _: &mut Vec<Effect>) {}

    pub(crate) fn switched(&mut self, _: &AppName, _: Generation, _: Option<String>, _: Tick, _: &mut Vec<Effect>) {}

    /// The reload of an app that is under way.
    pub fn roll(&self, _: &AppName) -> Option<RollView> {
        None
    }
}
