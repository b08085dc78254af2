//! What else users write about an app: whom it waits for, how it is known to be well, what begins and ends it by itself. Times are short, so
//! that much of it happens in one play.

use crate::dice::Dice;
use model::{
    AppName, AppSpec, Check, Condition, Dependency, Group, Health, HealthAction, Hook, HookPoint, LogTarget, OnExit, OnLimit,
    Overlap, Probe, Readiness, Schedule, Strategy, Watch, WatchAction, When,
};
use std::time::Duration;

/// Ends of a program that no other life follows.
const LAST: i32 = 7;

fn span(dice: &mut Dice, of: &[u64]) -> Duration {
    Duration::from_millis(dice.pick(of))
}

fn probe() -> Probe {
    Probe::Tcp { address: "127.0.0.1:1".to_owned() }
}

/// Adds to a specification; `earlier` are the apps that it may depend on, so that there are no cycles.
pub fn adorn(spec: &mut AppSpec, dice: &mut Dice, earlier: &[&str]) {
    readiness(spec, dice);
    if dice.once_in(3) {
        spec.health = Some(health(dice));
    }
    for name in earlier {
        if dice.once_in(3) {
            let app = AppName::new(name).expect("a name");
            let conditions = [Condition::Started, Condition::Ready, Condition::Completed, Condition::CompletedOk];
            // Most programs here do not end.
            let condition = if dice.once_in(4) { dice.pick(&conditions) } else { dice.pick(&conditions[..2]) };
            spec.depends_on.push(Dependency { app, condition, required: !dice.once_in(4) });
        }
    }
    spec.start_order = dice.pick(&[0, 0, 0, 2, -1]);
    if dice.once_in(3) {
        let strategy = dice.pick(&[Strategy::One, Strategy::All, Strategy::Rest]);
        spec.group = Some(Group { name: "team".to_owned(), strategy });
        spec.on_exit = dice.once_in(3).then_some(OnExit::StopGroup);
    }
    if dice.once_in(4) {
        spec.schedule = Some(schedule(dice));
    }
    if dice.once_in(8) {
        // So many seconds of the wall clock.
        spec.cron_restart = Some(dice.pick(&["4", "25"]).to_owned());
    }
    if dice.once_in(4) {
        let (paths, ignore, cascade) = (vec!["/src".into()], Vec::new(), dice.once_in(2));
        spec.watch = Some(Watch { paths, ignore, debounce: span(dice, &[0, 200]), action: WatchAction::Restart, cascade });
    }
    if dice.once_in(3) {
        spec.usage.max_memory = Some(1 << 20);
        spec.usage.on_limit = dice.pick(&[OnLimit::Restart, OnLimit::Kill, OnLimit::None]);
    }
    if dice.once_in(5) {
        spec.hooks.insert(HookPoint::PreStart, Hook::Command { argv: vec!["prepare".to_owned()] });
    }
    if dice.once_in(6) {
        spec.no_restart_exit_codes = vec![LAST];
    }
    if dice.once_in(8) {
        spec.max_restarts = Some(dice.below(4) as u32);
    }
    spec.min_uptime = span(dice, &[0, 0, 0, 500]);
}

fn readiness(spec: &mut AppSpec, dice: &mut Dice) {
    // A line that goes nowhere is read by nobody.
    let log = if spec.log.out == LogTarget::Nowhere { None } else { Some(Readiness::Log { pattern: "ready".to_owned() }) };
    spec.ready = match dice.below(9) {
        0 => Some(Readiness::Probe(probe())),
        1 => log,
        2..=3 => Some(Readiness::Notify),
        4 => Some(Readiness::Fd { number: None }),
        5 => Some(Readiness::After(span(dice, &[100, 1500]))),
        _ => None,
    };
    spec.start_timeout = span(dice, &[0, 2500, 2500, 9000]);
    if spec.ready == Some(Readiness::Notify) && dice.once_in(2) {
        spec.watchdog = Some(span(dice, &[1500, 3000]));
    }
}

fn health(dice: &mut Dice) -> Health {
    let check = if dice.once_in(4) { Check::LogSilence(span(dice, &[2000, 9000])) } else { Check::Probe(probe()) };
    let mut health = Health::new(check);
    (health.interval, health.timeout) = (span(dice, &[400, 1500, 4000]), span(dice, &[200, 900]));
    (health.failures, health.successes) = (dice.between(1, 3) as u32, dice.between(1, 2) as u32);
    health.start_period = span(dice, &[0, 0, 1500]);
    health.action = dice.pick(&[HealthAction::Restart, HealthAction::Restart, HealthAction::None]);
    health
}

fn schedule(dice: &mut Dice) -> Schedule {
    let seconds = dice.pick(&[2, 5, 15]);
    let every = When::Every(Duration::from_secs(seconds));
    Schedule {
        // So many seconds of the wall clock.
        when: if dice.once_in(2) { When::Cron(seconds.to_string()) } else { every },
        timezone: None,
        overlap: dice.pick(&[Overlap::Skip, Overlap::Queue, Overlap::Replace]),
        timeout: dice.once_in(3).then(|| span(dice, &[800, 3000])),
        catch_up: dice.once_in(2),
        jitter: span(dice, &[0, 0, 300]),
        run_at_start: dice.once_in(2),
    }
}
