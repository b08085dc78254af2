//! Somebody who plays with the house: defines, starts, stops, and hits processes.

use crate::adorn::adorn;
use crate::dice::Dice;
use crate::home::{Home, Op};
use engine::Target;
use model::{AppName, AppSpec, Backoff, LogFormat, LogOverflow, LogPolicy, LogSpec, LogTarget, Reload, Restart};
use std::time::Duration;

/// Programs, the quiet ones more often.
const PROGRAMS: [&str; 9] = ["printer", "printer", "flood", "crasher", "job", "stubborn", "leaver", "silent", "missing"];
/// Names of apps.
const NAMES: [&str; 4] = ["web", "db", "jobs", "cron"];

/// What apps are like.
#[derive(Debug, Clone, Copy)]
pub struct Like {
    /// They have readiness, health, dependencies and so on.
    pub mixed: bool,
    /// They have strategies of reload, and users reload them.
    pub rolls: bool,
}

fn name(dice: &mut Dice) -> AppName {
    AppName::new(dice.pick(&NAMES)).expect("a name")
}

fn spec(dice: &mut Dice, name: AppName, like: Like) -> AppSpec {
    let argv = vec!["app".to_owned(), dice.pick(&PROGRAMS).to_owned(), dice.below(3).to_string()];
    let mut spec = AppSpec::new(name, argv, "/".into());
    spec.instances = dice.between(1, 2) as u32;
    spec.restart = dice.pick(&[Restart::OnFailure, Restart::OnFailure, Restart::Always, Restart::Never]);
    spec.stop_timeout = Duration::from_millis(dice.pick(&[0, 300, 2000]));
    spec.start_delay = Duration::from_millis(dice.pick(&[0, 0, 0, 700]));
    spec.backoff = Backoff { min: Duration::from_millis(100), max: Duration::from_secs(5), ..Backoff::default() };
    spec.log = LogSpec::with(LogPolicy::plain(dice.pick(&[0, 20_000, 200_000]), dice.between(0, 3) as u32));
    // A part of what makes a process: a file that changes in the middle of a life is more than the checks can follow.
    spec.log.merge = spec.argv[2] == "2";
    let number = PROGRAMS.iter().position(|program| *program == spec.argv[1]).unwrap_or(0) + usize::from(spec.argv[2] == "1");
    spec.log.format = [LogFormat::Raw, LogFormat::Text, LogFormat::Raw, LogFormat::Json][number % 4];
    spec.log.overflow = if spec.argv[2] == "0" { LogOverflow::Drop } else { LogOverflow::Block };
    for target in [&mut spec.log.out, &mut spec.log.err] {
        if dice.once_in(6) {
            *target = LogTarget::Nowhere;
        }
    }
    if like.rolls {
        rolls(&mut spec, dice);
    }
    if like.mixed {
        let place = NAMES.iter().position(|known| *known == spec.name.as_str()).unwrap_or(0);
        adorn(&mut spec, dice, &NAMES[..place]);
    }
    spec
}

/// How it is reloaded.
fn rolls(spec: &mut AppSpec, dice: &mut Dice) {
    let renewal = &mut spec.renewal;
    renewal.strategy =
        dice.pick(&[Reload::Restart, Reload::Hup, Reload::Rolling, Reload::Rolling, Reload::Bluegreen, Reload::Socket]);
    renewal.drain = Duration::from_millis(dice.pick(&[0, 0, 600]));
    renewal.soak = Duration::from_millis(dice.pick(&[0, 400, 1500]));
    renewal.max_parallel = dice.between(1, 2) as u32;
    spec.min_uptime = Duration::from_millis(dice.pick(&[0, 0, 500]));
}

/// The apps that the house begins with.
pub fn first_ops(dice: &mut Dice, like: Like) -> Vec<Op> {
    let count = dice.between(1, if like.mixed { 4 } else { 3 }) as usize;
    let define = |word: &&str| Op::Define(Box::new(spec(dice, AppName::new(word).expect("a name"), like)), true);
    NAMES[..count].iter().map(define).collect()
}

/// Something that a user does.
pub fn next_op(dice: &mut Dice, home: &Home, like: Like) -> Op {
    let name = name(dice);
    let instances = home.app(&name).map_or(0, |app| app.definition.spec.instances);
    let slots = (instances > 0 && dice.once_in(4)).then(|| vec![dice.below(u64::from(instances)) as u32]);
    let target = Target { app: name.clone(), slots };
    match (dice.below(if like.rolls { 18 } else { 12 }), home.app(&name)) {
        (_, None) => {
            let run = !dice.once_in(8);
            Op::Define(Box::new(spec(dice, name, like)), run)
        }
        (0..=1, Some(_)) => Op::Start(target),
        (2..=3, Some(_)) => Op::Stop(target),
        (4..=5, Some(_)) => Op::Restart(target),
        (6..=7, Some(app)) => {
            // More or fewer of the same.
            let mut spec = app.definition.spec.clone();
            spec.instances = dice.below(4) as u32;
            Op::Define(Box::new(spec), dice.once_in(2))
        }
        (8..=9, Some(_)) => Op::Define(Box::new(spec(dice, name, like)), true),
        (10, Some(_)) => Op::Delete(name),
        (12.., Some(_)) => Op::Reload(name),
        _ if dice.once_in(3) => Op::Shutdown,
        _ => Op::Restart(target),
    }
}
