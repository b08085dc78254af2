//! Keeper core, scribe core and engine together in one thread, on a virtual clock over a fake kernel, with SIGKILL between any two effects.
//!
//! [`play`] plays one seed: a house with apps, users who change their minds, accidents, shortages and kills; then calm. After each step the
//! invariants I1–I6 of `reliability.md` are judged by what only the fake kernel knows, and at the end I9, convergence and quiescence.
//! Chance comes from the seed alone, so a failing run can be had again:
//!
//! ```text
//! ABIDE_SIM_SEED=417 cargo test -p abide-sim --test seeds every_seed_holds -- --nocapture
//! ABIDE_SIM_SEED=417 cargo test -p abide-sim --test seeds every_mixed_seed_holds -- --nocapture
//! ```
//!
//! In mixed plays (the second line) apps have what issue 5 is about: readiness, health, dependencies, groups, schedules, limits, watched files,
//! `pre_start`; programs fall ill, hang and grow, and `judge` asks of every end and every birth whether there was a reason for it.
//!
//! The essays: [`kernel`] (what is faked), [`world`] (who acts when, who is killed), [`check`] (what must hold).

mod adorn;
pub mod check;
pub mod dice;
mod home;
mod judge;
mod keeper;
pub mod kernel;
mod operator;
mod run;
mod scribe;
mod steward;
mod trace;
pub mod world;

pub use check::Sabotage;
pub use run::play;
pub use world::{Figures, Settings};
