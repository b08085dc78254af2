//! Upgrades during which, at random moments, one of the roles is killed.

use crate::SOON;
use crate::whole::Choir;
use e2e::{Dice, Pause, wait_until};
use std::process::Stdio;
use std::time::Duration;

const ROUNDS: usize = 24;
/// An upgrade of such a house takes about so long.
const SPAN_MS: u64 = 120;

#[test]
fn a_role_dies_at_any_moment_of_an_upgrade() {
    let choir = Choir::new(6, 50);
    let house = &choir.house;
    let mut dice = Dice::new();
    let mut refused = 0;
    for round in 0..ROUNDS {
        let program = ["abide-steward", "abide-scribe", "abide-keeper"][round % 3];
        let before = house.roles(SOON);
        let mut command = house.command(["daemon", "upgrade"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let command = command.spawn().expect("abide can be run");
        // The moment is what is chosen; nothing is waited for.
        Pause::measure(Duration::from_millis(dice.below(SPAN_MS)));
        house.role(program).iter().for_each(|role| _ = role.kill());
        let done = command.wait_with_output().expect("our own child");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let died = house.roles(SOON)[2] != before[2];
        match done.status.code() {
            Some(0) => {}
            // Only the death of the keeper is a reason, and it is named.
            Some(1) if died && said.contains("not upgraded") && said.contains("next:") => refused += 1,
            code => panic!("round {round}, {program} killed: {code:?}\n{said}"),
        }
        choir.is_whole();
    }
    println!("{refused} of {ROUNDS} upgrades were cut short by the death of the keeper");
    wait_until(SOON, "the house stands", || house.daemon());
    house.abide(["daemon", "upgrade"]).ok();
    assert!(!house.home().join("run/abide-keeper.previous").exists(), "nothing is left over");
    choir.sang_every_line();
}
