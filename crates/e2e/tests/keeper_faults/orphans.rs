//! Row 36: grandchildren die first, by thousands.

use crate::desk::{SOON, no_zombies, one, plain, set, start_one, two, works_one, works_two};
use e2e::{Keeper, Proc, children_of, wait_until};
use std::time::Instant;

/// Grandchildren, two at a time, each orphaned by the end of its parent.
const BREED: &str = "i=0; while [ $i -lt 1500 ]; do (true & true &); i=$((i+1)); done; : > bred; exec sleep 1000";
/// How many there are.
const BRED: usize = 3000;
/// Asks for answers until they are bred; gives back how many came meanwhile.
#[track_caller]
fn answers_meanwhile(keeper: &mut Keeper) -> usize {
    let (mut asked, begun) = (0, Instant::now());
    while !keeper.file("bred").exists() {
        keeper.barrier();
        asked += 1;
        keeper.check(begun.elapsed() < 2 * SOON, "they are bred in time");
    }
    asked
}

#[test]
fn row_36_thousands_of_orphans_leave_no_zombies() {
    let mut keeper = one(plain());
    set(&mut keeper, &format!("service.args\tbreeder\tsh\t-c\t{BREED}"));
    let breeder = Proc::find(start_one(&mut keeper, "breeder")).expect("it runs");
    let asked = answers_meanwhile(&mut keeper);
    keeper.check(asked > 5, &format!("it was asked {asked} times"));
    no_zombies(keeper.pid());
    // The last ones may still be about to end.
    let left = || children_of(keeper.pid()).into_iter().map(|(pid, _)| pid).collect::<Vec<u32>>();
    wait_until(SOON, "the breeder alone is left", || (left() == [breeder.pid]).then_some(()));
    keeper.check(breeder.alive(), "the breeder lives");
    works_one(&mut keeper);
}

#[test]
fn row_36_thousands_of_orphans_are_told_to_who_asked() {
    let mut keeper = two(plain());
    let mut other = keeper.client("ctl");
    crate::desk::speak_two(&mut other);
    set(&mut keeper, "reap.adopted");
    set(&mut keeper, &format!("service.args\tbreeder\tsh\t-c\t{BREED}"));
    keeper.say("service.start\tbreeder");
    let (mut told, mut breeder, begun) = (0, None, Instant::now());
    // The first may be told before their breeder is: the keeper hears of its exec by another way.
    while told < BRED || breeder.is_none() {
        let line = keeper.next_line();
        told += usize::from(e2e::fits("#<int>\torphan\t<pid>\texit\t0\t*", &line).is_some());
        let up = e2e::fits("#<int>\tservice.state\tbreeder\tup\t<ts>\t<pid>\t**", &line);
        breeder = breeder.or(up.and_then(|found| Proc::find(found[2].parse().expect("digits"))));
        keeper.check(begun.elapsed() < 2 * SOON, &format!("only {told} of {BRED} were told of"));
    }
    let breeder = breeder.expect("the loop ends with it");
    other.barrier();
    no_zombies(keeper.pid());
    keeper.check(breeder.alive(), "the breeder lives");
    works_two(&mut keeper);
}
