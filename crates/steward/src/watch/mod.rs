//! Changed files: which of them count (`rules`), when many changes are one (`burst`), how they are found out: by the system (`eyes`, on the
//! `folders` that `walk` finds) or by looking (`poll`); each app that is `watched`, and the thread of them all (`worker`). The rules for people
//! stand in `docs/watch.md`.

mod burst;
mod eyes;
mod folders;
mod poll;
mod rules;
mod walk;
mod wanted;
mod watched;
mod worker;

pub(crate) use rules::check;
pub(crate) use wanted::{Wanted, Word};
pub(crate) use worker::Watching;

#[cfg(test)]
mod worker_tests;
