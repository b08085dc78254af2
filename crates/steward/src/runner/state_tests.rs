use super::*;

const T: Duration = Duration::from_secs(5);

fn at(seconds: u64) -> Tick {
    Tick(seconds * 1_000_000_000)
}

fn probe() -> Aim {
    Aim::Probe { instance: InstanceId(7), number: 1 }
}

fn code(code: i32) -> End {
    End::Exited(Verdict::Code(code))
}

fn begun(runner: &mut Runner, aim: Aim) -> u64 {
    runner.begin(aim, T, at(0))
}

/// What follows from one step.
fn acts(runner: &mut Runner, step: impl FnOnce(&mut Runner, &mut Vec<Act>)) -> Vec<Act> {
    let mut out = Vec::new();
    step(runner, &mut out);
    out
}

#[test]
fn a_command_that_ends_is_told_when_nothing_is_left() {
    let mut runner = Runner::default();
    assert_eq!(begun(&mut runner, probe()), 1);
    assert_eq!(acts(&mut runner, |r, out| r.up(1, 70, 900, out)), []);
    assert_eq!((runner.process(1), runner.deadline()), ((Some((70, 900)), at(0)), Some(at(5))));
    assert_eq!(acts(&mut runner, |r, out| r.ended(1, code(3), at(1), out)), [Act::Clear(1)]);
    assert!(runner.probes(InstanceId(7)));
    let told = acts(&mut runner, |r, out| r.cleared(1, 0, at(1), out));
    assert_eq!(told, [Act::Tell(1, probe(), Ended::By(code(3))), Act::Remove(1)]);
    assert!(runner.is_empty() && runner.deadline().is_none());
    assert_eq!(runner.begin(probe(), T, at(2)), 2, "numbers are never used again");
}

#[test]
fn a_command_that_hangs_is_killed_and_told() {
    let mut runner = Runner::default();
    begun(&mut runner, probe());
    acts(&mut runner, |r, out| r.up(1, 70, 900, out));
    assert_eq!(acts(&mut runner, |r, out| r.late(at(5), out)), [Act::Kill(1)]);
    let end = End::Exited(Verdict::Signal { number: model::Signal::KILL, core: false });
    assert_eq!(acts(&mut runner, |r, out| r.ended(1, end, at(5), out)), [Act::Clear(1)]);
    let told = acts(&mut runner, |r, out| r.cleared(1, 0, at(5), out));
    assert_eq!(told, [Act::Tell(1, probe(), Ended::TimedOut(T)), Act::Remove(1)]);
}

#[test]
fn what_cannot_be_killed_keeps_nobody_waiting() {
    let mut runner = Runner::default();
    begun(&mut runner, probe());
    assert_eq!(acts(&mut runner, |r, out| r.late(at(5), out)), [Act::Kill(1)]);
    assert_eq!(acts(&mut runner, |r, out| r.up(1, 70, 900, out)), [Act::Kill(1)], "it was not there before");
    let told = acts(&mut runner, |r, out| r.late(at(6), out));
    assert_eq!(told, [Act::Tell(1, probe(), Ended::TimedOut(T)), Act::Kill(1)]);
    assert!(runner.probes(InstanceId(7)), "still being killed");
    assert_eq!(acts(&mut runner, |r, out| r.late(at(11), out)), [Act::Kill(1)], "and told once");
    assert_eq!(acts(&mut runner, |r, out| r.ended(1, code(0), at(12), out)), [Act::Clear(1)]);
    assert_eq!(acts(&mut runner, |r, out| r.cleared(1, 2, at(12), out)), []);
    assert_eq!(acts(&mut runner, |r, out| r.late(at(17), out)), [Act::Clear(1)]);
    assert_eq!(acts(&mut runner, |r, out| r.cleared(1, 0, at(17), out)), [Act::Remove(1)]);
    assert!(!runner.probes(InstanceId(7)));
}

#[test]
fn what_was_never_born_leaves_nothing() {
    let mut runner = Runner::default();
    begun(&mut runner, Aim::Gate(InstanceId(9)));
    let end = End::NotBorn { stage: Stage::Exec, errno: "ENOENT".into() };
    let told = acts(&mut runner, |r, out| r.ended(1, end.clone(), at(1), out));
    assert_eq!(told, [Act::Tell(1, Aim::Gate(InstanceId(9)), Ended::By(end)), Act::Remove(1)]);
}

#[test]
fn a_command_can_be_called_off_before_it_runs() {
    let mut runner = Runner::default();
    begun(&mut runner, probe());
    begun(&mut runner, Aim::Gate(InstanceId(9)));
    let gate = |aim: &Aim| *aim == Aim::Gate(InstanceId(9));
    assert_eq!(acts(&mut runner, |r, out| r.call_off(gate, at(1), out)), [Act::Kill(2)]);
    assert_eq!(acts(&mut runner, |r, out| r.call_off(gate, at(1), out)), [], "once");
    assert_eq!(acts(&mut runner, |r, out| r.up(2, 70, 900, out)), [Act::Kill(2)]);
    assert_eq!(acts(&mut runner, |r, out| r.ended(2, code(0), at(1), out)), [Act::Clear(2)]);
    let told = acts(&mut runner, |r, out| r.cleared(2, 0, at(1), out));
    assert_eq!(told, [Act::Tell(2, Aim::Gate(InstanceId(9)), Ended::CalledOff), Act::Remove(2)]);
}

#[test]
fn what_an_earlier_steward_left_is_ended_and_told_nobody() {
    let mut runner = Runner::default();
    assert_eq!(acts(&mut runner, |r, out| r.found(4, false, at(0), out)), [Act::Kill(4)]);
    assert_eq!(acts(&mut runner, |r, out| r.found(6, true, at(0), out)), [Act::Clear(6)]);
    assert_eq!(acts(&mut runner, |r, out| r.ended(4, code(0), at(0), out)), [Act::Clear(4)]);
    assert_eq!(acts(&mut runner, |r, out| r.cleared(4, 0, at(0), out)), [Act::Remove(4)]);
    assert_eq!(acts(&mut runner, |r, out| r.cleared(6, 0, at(0), out)), [Act::Remove(6)]);
    assert_eq!(runner.begin(probe(), T, at(0)), 7);
}

#[test]
fn ends_in_words() {
    let cases = [
        (Ended::By(code(3)), "exit code 3"),
        (Ended::By(End::NotBorn { stage: Stage::Exec, errno: "ENOENT".into() }), "the command cannot be executed (ENOENT)"),
        (Ended::TimedOut(T), "it took longer than 5s and was killed"),
    ];
    for (ended, words) in cases {
        assert_eq!(ended.to_string(), words);
        assert!(!ended.is_good() && !ended.is_shortage());
    }
    assert!(Ended::By(code(0)).is_good());
    assert!(Ended::By(End::NotBorn { stage: Stage::Fork, errno: "EAGAIN".into() }).is_shortage());
}
