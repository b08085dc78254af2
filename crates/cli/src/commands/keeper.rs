//! `keeper …`: the keeper alone, in our place.

use crate::args::{Global, Keeper};
use crate::failure::{Exit, Failure};
use crate::home::keeper_exe;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// `keeper …`. Comes back only with the reason why the keeper does not run.
pub fn keeper(global: &Global, args: &Keeper) -> Failure {
    if global.json || global.quiet || global.no_color || global.home.is_some() {
        return Failure::new(Exit::Usage, "options in front of `keeper` would mean nothing to it")
            .next("write them after `keeper`, where all options are the keeper's own: abide keeper --help");
    }
    let keeper = match keeper_exe() {
        Ok(keeper) => keeper,
        Err(failure) => return failure,
    };
    let error = Command::new(&keeper).args(&args.args).exec();
    Failure::new(Exit::Unreachable, format!("failed to run {}: {error}", keeper.display()))
        .next("every part of Abide must stand beside `abide` itself: install it again")
}
