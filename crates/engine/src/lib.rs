//! Abide's brain: wishes × facts → next action.
//!
//! Pure: no clock, no I/O, no randomness, no async. [`Engine::step`] takes what happened and the current time and appends
//! what is to be done; the shell in `steward` performs it, and results come back as events. The essays stand on the types:
//! `life::Phase` (one life), `care` (how it is), `restart` (whether another follows), `order` (who waits for whom), `recall` (how a new
//! steward picks up).

mod app;
mod ask;
mod care;
mod clock;
mod effect;
mod ending;
mod engine;
mod event;
mod life;
mod living;
mod order;
mod plan;
mod recall;
mod restart;
mod roll;
mod shown;
mod timer;
mod view;

pub use effect::{Bear, Effect, LifeNote, Note, StoreNote, What};
pub use engine::Engine;
pub use event::{Ask, Event, FactState, Finding, KeeperFact, Outcome, Recalled, RecalledApp, Target, Word};
pub use plan::{Decision, Differ, KnownApp, Scope, Start, WishedApp, begins_at_once, decide, is_proven, same_spec};
pub use roll::{Strategy, ports_beside, strategy};
pub use shown::{HealthView, NextView, RollView, SlotView};
