//! Schedules and restarts by the clock, in short: times of the wall clock that are whole multiples of so many seconds, or so long after the
//! time before. What has come is remembered on disk before it is told, so a death between the two costs a run and never makes one twice.

use super::run::Steward;
use crate::home::{Home, Told};
use crate::kernel::Kernel;
use engine::Event;
use model::{AppName, AppSpec, Wall, When};

const MS: u64 = 1_000_000;
/// A time that came longer ago than this was missed.
const MISSED: i64 = 1000;

/// When the clocks are looked at.
#[derive(Debug, Default)]
pub(super) struct Book {
    next: Option<u64>,
}

impl Book {
    pub(super) fn next(&self) -> Option<u64> {
        self.next
    }

    /// Something is followed that was not before.
    pub(super) fn look_again(&mut self, now: u64) {
        self.next = Some(now);
    }
}

/// What an app is begun by: a run or a restart, every so many milliseconds, of the wall clock or not.
struct Line {
    restarts: bool,
    period: i64,
    by_wall: bool,
    catch_up: bool,
    jitter: i64,
}

fn lines(spec: &AppSpec) -> Vec<Line> {
    let seconds = |text: &str| text.parse::<i64>().unwrap_or(60) * 1000;
    let job = spec.schedule.iter().map(|job| {
        let (period, by_wall) = match &job.when {
            When::Cron(text) => (seconds(text), true),
            When::Every(span) => (span.as_millis() as i64, false),
        };
        Line { restarts: false, period, by_wall, catch_up: job.catch_up, jitter: job.jitter.as_millis() as i64 }
    });
    let line = |cron: &String| Line { restarts: true, period: seconds(cron), by_wall: true, catch_up: false, jitter: 0 };
    job.chain(spec.cron_restart.iter().map(line)).collect()
}

impl Steward {
    pub(super) fn look_at_book(&mut self, kernel: &mut Kernel, home: &mut Home) -> bool {
        if home.stopped {
            // Nothing is due any more.
            self.around.book.next = None;
        }
        if self.around.book.next.is_none_or(|at| at > kernel.now) {
            return false;
        }
        let wanted: Vec<AppSpec> =
            home.apps.iter().filter(|app| app.is_wanted()).map(|app| app.definition.spec.clone()).collect();
        let mut next: Option<u64> = None;
        for spec in wanted {
            for line in lines(&spec) {
                let at = self.follow(&spec.name, &line, kernel, home);
                next = Some(next.map_or(at, |known| known.min(at)));
            }
        }
        self.around.book.next = next;
        true
    }

    /// Tells what is due by one line; when it is due next.
    fn follow(&mut self, app: &AppName, line: &Line, kernel: &mut Kernel, home: &mut Home) -> u64 {
        let clock = if line.by_wall { kernel.wall() } else { (kernel.now / MS) as i64 };
        let terms = (line.period, line.by_wall);
        let following = |at: i64| (at.div_euclid(line.period) + 1) * line.period;
        let told = home.told.entry((app.clone(), line.restarts)).or_insert(Told { terms, last: clock, tells: 0 });
        if told.terms != terms {
            *told = Told { terms, last: clock, tells: told.tells };
        }
        // Somebody has set the clock back: from here on it goes on as it now stands.
        if told.last > clock + line.period {
            told.last = clock;
        }
        let mut due = if line.by_wall { following(told.last) } else { told.last + line.period };
        let mut late = false;
        if due + line.jitter + MISSED < clock {
            // The newest of those that were missed stands for all.
            let newest = if line.by_wall { following(clock - line.period) } else { clock };
            (due, late) = (newest, true);
        }
        let tells = due + if late { 0 } else { told.tells % (line.jitter + 1) };
        if tells > clock {
            let away = (tells - clock).min(if line.by_wall { 1000 } else { i64::MAX });
            return kernel.now + away as u64 * MS;
        }
        if due <= told.last {
            kernel.checks.fail(format!("clock: {app} was told of {due} after {}", told.last));
        }
        (told.last, told.tells) = (due, told.tells + 97);
        kernel.checks.allow(300);
        if line.restarts && !late {
            self.events.push_back(Event::RestartDue { app: app.clone() });
        } else if !line.restarts && (!late || line.catch_up) {
            kernel.checks.reach("a time of a job");
            self.events.push_back(Event::Due { app: app.clone(), at: Wall(due), late });
        }
        kernel.now + MS
    }
}
