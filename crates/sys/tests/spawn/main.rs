//! Children with every wish there is, by the real kernel.

#![expect(unsafe_code, reason = "a test of the crate that may: faults are put into the kernel's answers")]

#[path = "../../src/alone.rs"]
mod alone;
mod cgroup;
mod exec;
mod keys;
mod kit;
mod user;
