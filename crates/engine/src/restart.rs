//! Whether another life is born, and when (semantics.md, "Restart").
//!
//! The history of a slot is a pruned list of monotonic times, as in Erlang's supervisor. Words: a life is *failed* if it ended unasked
//! with a code outside `success_exit_codes`, by a signal, or unseen; a *streak* is a run of restarts none of whose lives lasted
//! `window`.

use model::{AppSpec, End, Fault, Rest, Restart, SlotMemo, Tick, Verdict};
use std::fmt;
use std::time::Duration;

/// A clean life of this length is restarted without delay under `always`.
const CALM: Duration = Duration::from_secs(1);

/// Whether this end, unasked, makes a failed life.
pub(crate) fn is_failed(spec: &AppSpec, end: &End) -> bool {
    match end {
        End::Exited(Verdict::Code(code)) => !spec.success_exit_codes.contains(code),
        End::Exited(Verdict::Signal { .. } | Verdict::Unseen) => true,
        End::NotBorn { .. } => !end.is_shortage(),
    }
}

/// An end that nobody asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending<'a> {
    /// What was seen.
    pub end: &'a End,
    /// Why we made it end, if we did; then it has failed whatever was seen.
    pub fault: Option<&'a Fault>,
    /// How long the program ran.
    pub lived: Duration,
}

impl fmt::Display for Ending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Some(fault) => fault.fmt(f),
            None => self.end.fmt(f),
        }
    }
}

/// Takes an unasked end into the slot's memory: counts it, and leaves in `memo.rest` what happens next. `spread` is a random number
/// from 0 to 1 for the jitter.
pub(crate) fn take_end(spec: &AppSpec, memo: &mut SlotMemo, ending: &Ending<'_>, now: Tick, spread: f64) {
    let Ending { end, fault, lived } = *ending;
    memo.last_end = Some(end.clone());
    let window = spec.backoff.window;
    if lived >= window {
        memo.streak = 0;
    }
    memo.failures.retain(|at| now.since(*at) < window);
    let failed = fault.is_some() || is_failed(spec, end);
    if let (None, End::Exited(Verdict::Code(code))) = (fault, end)
        && spec.no_restart_exit_codes.contains(code)
    {
        let why = format!("{end}, which is one of no_restart_exit_codes");
        memo.rest = if failed { Rest::Errored { why } } else { Rest::Completed };
        return;
    }
    if failed {
        // Without a threshold nobody reads the list, and it must not grow.
        if spec.backoff.threshold.is_some() {
            memo.failures.push(now);
        }
        memo.rest = match give_up(spec, memo, ending) {
            Some(why) => Rest::Errored { why },
            None => Rest::Backoff { at: now + pause(spec, memo.streak + 1, spread) },
        };
        return;
    }
    memo.rest = match spec.restart {
        Restart::OnFailure | Restart::Never => Rest::Completed,
        Restart::Always if lived >= CALM => {
            memo.streak = 0;
            Rest::Backoff { at: now + spec.restart_delay }
        }
        Restart::Always => Rest::Backoff { at: now + pause(spec, memo.streak + 1, spread) },
    };
}

fn give_up(spec: &AppSpec, memo: &SlotMemo, end: &Ending<'_>) -> Option<String> {
    let failed = memo.failures.len();
    if spec.restart == Restart::Never {
        return Some(format!("{end}; restart = \"never\""));
    }
    if spec.max_restarts.is_some_and(|most| memo.streak >= most) {
        return Some(format!("{end}; gave up after {} restarts in a row (max_restarts)", memo.streak));
    }
    if spec.backoff.threshold.is_some_and(|most| failed > most as usize) {
        let window = model::format_span(spec.backoff.window);
        return Some(format!("{end}; crash loop: {failed} failed lives within {window}"));
    }
    None
}

/// The pause before restart number `k` (from 1) of a streak: none for the first, then `min · factor^(k-2)` up to `max`, spread by
/// ±20 % where jitter is on; never below `restart_delay`.
pub(crate) fn pause(spec: &AppSpec, k: u32, spread: f64) -> Duration {
    let backoff = &spec.backoff;
    if k <= 1 {
        return spec.restart_delay;
    }
    let grown = backoff.min.as_secs_f64() * backoff.factor.powi(i32::try_from(k - 2).unwrap_or(i32::MAX));
    // Also what has grown to infinity, or to nothing a number can say, ends at `max`.
    let bounded = if grown.is_finite() { grown.min(backoff.max.as_secs_f64()) } else { backoff.max.as_secs_f64() };
    let jittered = if backoff.jitter { bounded * (0.8 + 0.4 * spread) } else { bounded };
    Duration::from_secs_f64(jittered).max(spec.restart_delay)
}

/// A small generator of spread (splitmix64): the seed comes from outside, so a run can be repeated.
#[derive(Debug, Clone)]
pub(crate) struct Spread(pub(crate) u64);

impl Spread {
    /// A number from 0 (included) to 1 (excluded).
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AppName, Signal};

    fn spec() -> AppSpec {
        AppSpec::new(AppName::new("web").expect("name"), vec!["x".into()], "/".into())
    }

    fn take(spec: &AppSpec, memo: &mut SlotMemo, end: &End, lived: Duration, now: Tick) {
        take_end(spec, memo, &Ending { end, fault: None, lived }, now, 0.5);
    }

    const FAIL: End = End::Exited(Verdict::Code(1));
    const DONE: End = End::Exited(Verdict::Code(0));

    #[test]
    fn pauses_grow_and_stop_growing() {
        let mut spec = spec();
        spec.backoff.jitter = false;
        let ms: Vec<u128> = [1, 2, 3, 4, 8, 9, 10, 4_000_000_000].map(|k| pause(&spec, k, 0.5).as_millis()).to_vec();
        assert_eq!(ms, [0, 500, 1000, 2000, 32_000, 60_000, 60_000, 60_000]);
        spec.restart_delay = Duration::from_secs(3);
        assert_eq!(pause(&spec, 1, 0.5).as_secs(), 3);
        assert_eq!(pause(&spec, 2, 0.5).as_secs(), 3);
        spec.restart_delay = Duration::ZERO;
        spec.backoff.jitter = true;
        assert_eq!(pause(&spec, 2, 0.0).as_millis(), 400);
        assert!(pause(&spec, 2, 0.999).as_millis() >= 599);
    }

    #[test]
    fn a_crash_loop_is_given_up_by_the_window() {
        let spec = spec();
        let mut memo = SlotMemo::default();
        for n in 1..=6u64 {
            let now = Tick(n * 1_000_000_000);
            take(&spec, &mut memo, &FAIL, Duration::from_millis(10), now);
            assert_eq!(matches!(memo.rest, Rest::Errored { .. }), n == 6, "life {n}: {:?}", memo.rest);
            memo.streak += 1;
        }
    }

    #[test]
    fn failures_outside_the_window_are_forgotten() {
        let spec = spec();
        let mut memo = SlotMemo::default();
        for n in 1..=100u64 {
            // One failed life every 25 s: never more than five in two minutes.
            take(&spec, &mut memo, &FAIL, Duration::from_secs(20), Tick(n * 25_000_000_000));
            assert!(matches!(memo.rest, Rest::Backoff { .. }), "life {n}");
            memo.streak += 1;
        }
        assert!(memo.failures.len() <= 5);
    }

    #[test]
    fn a_long_life_ends_the_streak() {
        let mut spec = spec();
        spec.backoff.threshold = None;
        let mut memo = SlotMemo { streak: 7, ..SlotMemo::default() };
        take(&spec, &mut memo, &FAIL, Duration::from_secs(120), Tick(1));
        assert_eq!((memo.streak, memo.rest), (0, Rest::Backoff { at: Tick(1) }));
    }

    #[test]
    fn policies() {
        let kill = End::Exited(Verdict::Signal { number: Signal::KILL, core: false });
        let odd = End::Exited(Verdict::Code(3));
        let gone = End::NotBorn { stage: model::Stage::Exec, errno: "ENOENT".into() };
        let full = End::NotBorn { stage: model::Stage::Fork, errno: "EAGAIN".into() };
        let rest = |restart, end: &End, codes: &[i32]| {
            let mut spec = spec();
            spec.restart = restart;
            spec.success_exit_codes = codes.to_vec();
            let mut memo = SlotMemo::default();
            take(&spec, &mut memo, end, Duration::from_millis(5), Tick(9));
            match memo.rest {
                Rest::None => "none",
                Rest::Backoff { .. } => "again",
                Rest::Completed => "completed",
                Rest::Errored { .. } => "errored",
            }
        };
        use Restart::{Always, Never, OnFailure};
        let table = [
            (Always, &DONE, "again"),
            (Always, &FAIL, "again"),
            (Always, &kill, "again"),
            (OnFailure, &DONE, "completed"),
            (OnFailure, &FAIL, "again"),
            (OnFailure, &kill, "again"),
            (OnFailure, &End::Exited(Verdict::Unseen), "again"),
            (OnFailure, &gone, "again"),
            (Never, &DONE, "completed"),
            (Never, &FAIL, "errored"),
            (Never, &kill, "errored"),
        ];
        for (policy, end, want) in table {
            assert_eq!(rest(policy, end, &[0]), want, "{policy:?} {end}");
        }
        assert_eq!(rest(OnFailure, &odd, &[0, 3]), "completed");
        assert_eq!(rest(OnFailure, &DONE, &[3]), "again");
        assert!(!is_failed(&spec(), &full), "a shortage of ours is nobody's failure");
    }

    #[test]
    fn codes_that_end_it_and_faults_that_count() {
        let mut spec = spec();
        spec.no_restart_exit_codes = vec![0, 7];
        let rest = |spec: &AppSpec, end: &End, fault: Option<&Fault>| {
            let mut memo = SlotMemo::default();
            take_end(spec, &mut memo, &Ending { end, fault, lived: Duration::ZERO }, Tick(9), 0.5);
            memo.rest
        };
        let odd = End::Exited(Verdict::Code(7));
        assert_eq!(rest(&spec, &DONE, None), Rest::Completed);
        let why = "exit code 7, which is one of no_restart_exit_codes".to_owned();
        assert_eq!(rest(&spec, &odd, None), Rest::Errored { why });
        assert!(matches!(rest(&spec, &FAIL, None), Rest::Backoff { .. }));
        // It was ended by us: that it did so politely does not help it.
        assert!(matches!(rest(&spec, &DONE, Some(&Fault::Watchdog)), Rest::Backoff { .. }));
        spec.restart = Restart::Never;
        let why = "no WATCHDOG=1 in time; restart = \"never\"".to_owned();
        assert_eq!(rest(&spec, &DONE, Some(&Fault::Watchdog)), Rest::Errored { why });
    }

    #[test]
    fn max_restarts_counts_the_streak() {
        let mut spec = spec();
        spec.backoff.threshold = None;
        spec.max_restarts = Some(2);
        let mut memo = SlotMemo::default();
        for n in 0..3 {
            take(&spec, &mut memo, &FAIL, Duration::ZERO, Tick(n));
            assert_eq!(matches!(memo.rest, Rest::Errored { .. }), n == 2, "{n}");
            memo.streak += 1;
        }
        spec.max_restarts = Some(0);
        let mut memo = SlotMemo::default();
        take(&spec, &mut memo, &FAIL, Duration::ZERO, Tick(0));
        assert!(matches!(memo.rest, Rest::Errored { .. }));
    }

    #[test]
    fn a_quick_clean_life_under_always_is_slowed_down_but_never_given_up() {
        let mut spec = spec();
        spec.restart = Restart::Always;
        spec.backoff.jitter = false;
        let mut memo = SlotMemo::default();
        for n in 0..50 {
            take(&spec, &mut memo, &DONE, Duration::from_millis(3), Tick(0));
            let Rest::Backoff { at } = memo.rest else { panic!("life {n}: {:?}", memo.rest) };
            assert_eq!(at == Tick(0), n == 0);
            memo.streak += 1;
        }
        take(&spec, &mut memo, &DONE, Duration::from_secs(1), Tick(0));
        assert_eq!((memo.streak, memo.rest), (0, Rest::Backoff { at: Tick(0) }));
    }
}
