//! What lives may use: boxes that the kernel holds them to, and samples where there is none.
//!
//! Which of the two: [`choice::choose`], the one place that knows the rule of `cgroup` (`auto`, `required`, `off`).

mod boxes;
mod choice;
mod sampler;
mod words;

pub(crate) use boxes::Boxes;
pub(crate) use choice::{limits_of, refusal};
pub(crate) use sampler::{PERIOD, Sampler};
