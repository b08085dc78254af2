//! The command line: parse, ask, render. It holds no state and decides nothing about apps.

mod args;
mod commands;
mod edit;
mod entry;
mod escape;
mod failure;
mod files;
mod follow;
mod found;
mod home;
mod house;
mod init;
mod privilege;
mod project;
mod reading;
mod render;
mod screen;
mod session;
mod slips;
mod words;

pub use entry::main;
