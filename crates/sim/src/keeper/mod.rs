//! The keeper's shell over the fake kernel, after the contract of `keeper::core`. One call does one thing: a kill fits between any two.

mod perform;
mod role;

pub use role::Keeper;
