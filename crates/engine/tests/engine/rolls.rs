//! Reloads, with everything that may happen meanwhile, in every order: new ones that are never ready, die, or are not born; old ones that die, or do not
//! end; users who change their minds; stewards that die between any two effects. A world that knows nothing of the engine's own state judges each step, and
//! when everybody is quiet the state must be exact: one generation, the one of the store.
//!
//! A failing seed prints its last steps: `ROLLS_SEED=N cargo nextest run -p abide-engine rolls`.

mod calm;
mod random;
mod rules;
mod short;
mod store;
mod world;
