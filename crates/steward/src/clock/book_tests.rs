//! Screenplays on a virtual clock.

use super::{Begins, Book, Memory, Now, Word};
use jiff::Timestamp;
use model::{AppName, AppSpec, Overlap, Schedule, Tick, Wall, When};
use std::time::Duration;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const YEAR: i64 = 365 * 24 * HOUR;

fn cron(text: &str) -> Schedule {
    Schedule {
        when: When::Cron(text.to_owned()),
        timezone: Some("UTC".to_owned()),
        overlap: Overlap::Skip,
        timeout: None,
        catch_up: false,
        jitter: Duration::ZERO,
        run_at_start: false,
    }
}

fn every(ms: u64) -> Schedule {
    Schedule { when: When::Every(Duration::from_millis(ms)), ..cron("") }
}

fn caught_up(schedule: Schedule) -> Schedule {
    Schedule { catch_up: true, ..schedule }
}

fn jitter(schedule: Schedule, ms: u64) -> Schedule {
    Schedule { jitter: Duration::from_millis(ms), ..schedule }
}

struct Scene {
    book: Book,
    specs: Vec<AppSpec>,
    memory: Option<Memory>,
    now: Now,
    boot: u32,
    writes: usize,
    /// When the newest run began, if by somebody else.
    began: Option<Tick>,
    wakes: usize,
}

impl Scene {
    fn at(text: &str) -> Scene {
        let wall = Wall(text.parse::<Timestamp>().expect("a time").as_millisecond());
        let now = Now { tick: Tick(1_000_000_000_000), wall };
        Scene {
            book: Book::new("home", "b0", None),
            specs: Vec::new(),
            memory: None,
            now,
            boot: 0,
            writes: 0,
            began: None,
            wakes: 0,
        }
    }

    fn job(mut self, schedule: Schedule) -> Scene {
        assert_eq!(self.define(schedule), [""; 0]);
        self
    }

    fn define(&mut self, schedule: Schedule) -> Vec<String> {
        let mut spec = AppSpec::new("job".parse().expect("a name"), vec!["true".to_owned()], "/".into());
        spec.schedule = Some(schedule);
        self.specs = vec![spec];
        self.follow()
    }

    fn follow(&mut self) -> Vec<String> {
        let said = self.book.follow(self.specs.iter(), self.now);
        self.take(said)
    }

    fn take(&mut self, said: Vec<(AppName, Word)>) -> Vec<String> {
        if let Some(memory) = self.book.changes() {
            let text = serde_json::to_string(&memory).expect("it can be written");
            self.memory = Some(serde_json::from_str(&text).expect("and read"));
            self.writes += 1;
        }
        said.into_iter().map(|(_, word)| shown(&word)).collect()
    }

    fn look(&mut self) -> Vec<String> {
        let began = self.began;
        let said = self.book.look(self.now, |_| began);
        self.take(said)
    }

    /// Time passes; the book is looked at when it asks for it.
    fn pass(&mut self, ms: i64) -> Vec<String> {
        let mut said = self.look();
        let mut left = ms;
        while left > 0 {
            let by_wall = self.book.wall().map(|at| at.0 - self.now.wall.0);
            let by_tick = self.book.tick().map(|at| i64::try_from(at.since(self.now.tick).as_millis()).expect("soon") + 1);
            let step = by_wall.into_iter().chain(by_tick).min().unwrap_or(left).clamp(1, left);
            self.now.wall.0 += step;
            self.now.tick.0 += step as u64 * 1_000_000;
            left -= step;
            self.wakes += 1;
            said.extend(self.look());
        }
        said
    }

    /// Somebody sets the wall clock, which wakes the book.
    fn set(&mut self, by_ms: i64) -> Vec<String> {
        self.now.wall.0 += by_ms;
        self.look()
    }

    /// The steward is away for a while.
    fn away(&mut self, ms: i64, reboot: bool) -> Vec<String> {
        self.now.wall.0 += ms;
        self.now.tick.0 += ms as u64 * 1_000_000;
        if reboot {
            self.boot += 1;
            self.now.tick = Tick(5_000_000_000);
        }
        self.book = Book::new("home", &format!("b{}", self.boot), self.memory.clone());
        let mut said = self.follow();
        said.extend(self.look());
        said
    }
}

fn shown(word: &Word) -> String {
    let time = |at: &Wall| Timestamp::from_millisecond(at.0).expect("in range").strftime("%Y-%m-%d %H:%M:%S").to_string();
    let kind = |begins: &Begins| if *begins == Begins::Run { "run" } else { "restart" };
    match word {
        Word::Due { begins, at, late: false } => format!("{} {}", kind(begins), time(at)),
        Word::Due { begins, at, late: true } => format!("late {} {}", kind(begins), time(at)),
        Word::LeftOut { begins, at } => format!("no {} {}", kind(begins), time(at)),
        Word::Unknown { why } => why.clone(),
    }
}

const NOON: &str = "2026-11-21T12:00:00Z";

#[test]
fn an_empty_book_asks_for_nothing() {
    let mut scene = Scene::at(NOON);
    assert_eq!(scene.follow(), [""; 0]);
    assert_eq!((scene.book.wall(), scene.book.tick(), scene.writes), (None, None, 0));
    assert_eq!(scene.set(YEAR), [""; 0]);
}

#[test]
fn each_time_is_told_once_and_written_once() {
    let mut scene = Scene::at(NOON).job(cron("*/10 * * * *"));
    let before = (scene.writes, scene.wakes);
    assert_eq!(scene.pass(25 * MINUTE), ["run 2026-11-21 12:10:00", "run 2026-11-21 12:20:00"]);
    assert_eq!((scene.writes - before.0, scene.wakes - before.1), (2, 3));
    assert_eq!(scene.book.next_run(&"job".parse().expect("a name"), scene.now), Some(Wall(scene.now.wall.0 + 5 * MINUTE)));
    // Another definition of the same rule changes nothing; another rule begins now.
    assert_eq!(scene.define(caught_up(cron("*/10 * * * *"))), [""; 0]);
    assert_eq!(scene.define(caught_up(cron("0 * * * *"))), [""; 0]);
    assert_eq!(scene.pass(HOUR), ["run 2026-11-21 13:00:00"]);
    scene.specs.clear();
    assert_eq!(scene.follow(), [""; 0]);
    assert_eq!(scene.pass(3 * HOUR), [""; 0]);
    assert_eq!(scene.memory.as_ref().expect("written").apps.len(), 0);
    assert_eq!(scene.define(caught_up(cron("0 * * * *"))), [""; 0], "what passed while it was not wished is not made up for");
}

#[test]
fn row_38_an_hour_forward() {
    let mut scene = Scene::at(NOON).job(cron("30 12 * * *"));
    assert_eq!(scene.set(HOUR), ["no run 2026-11-21 12:30:00"]);
    assert_eq!(scene.pass(24 * HOUR), ["run 2026-11-22 12:30:00"]);

    let mut scene = Scene::at(NOON).job(caught_up(cron("*/10 * * * *")));
    assert_eq!(scene.set(HOUR + 5 * MINUTE), ["late run 2026-11-21 12:10:00"], "one for all of them");
    assert_eq!(scene.pass(6 * MINUTE), ["run 2026-11-21 13:10:00"]);

    // So little that it was on time.
    let mut scene = Scene::at(NOON).job(cron("30 12 * * *"));
    assert_eq!(scene.set(30 * MINUTE + 40 * SECOND), ["run 2026-11-21 12:30:00"]);
    assert_eq!(scene.set(-MINUTE), [""; 0]);
    assert_eq!(scene.pass(HOUR), [""; 0]);
}

#[test]
fn row_38_an_hour_back() {
    for schedule in [cron("0 * * * *"), caught_up(cron("0 * * * *"))] {
        let mut scene = Scene::at(NOON).job(schedule);
        assert_eq!(scene.pass(HOUR), ["run 2026-11-21 13:00:00"]);
        assert_eq!(scene.set(-HOUR - 10 * MINUTE), [""; 0]);
        assert_eq!(scene.pass(2 * HOUR), [""; 0], "13:00 has run; it is 13:50 now");
        assert_eq!(scene.pass(HOUR), ["run 2026-11-21 14:00:00"]);
        // The memory of it outlives the steward.
        assert_eq!(scene.set(-HOUR), [""; 0]);
        assert_eq!(scene.away(SECOND, false), [""; 0]);
        assert_eq!(scene.pass(HOUR), [""; 0]);
    }
}

#[test]
fn row_38_ten_years_there_and_back() {
    let mut scene = Scene::at("2026-11-21T12:05:00Z").job(cron("0 * * * *"));
    assert_eq!(scene.set(10 * YEAR), ["no run 2026-11-21 13:00:00"]);
    assert_eq!(scene.pass(HOUR), ["run 2036-11-18 13:00:00"]);
    assert_eq!(scene.set(-10 * YEAR), ["no run 2026-11-21 13:00:00"], "it came while the clock was wrong");
    assert_eq!(scene.pass(HOUR), ["run 2026-11-21 14:00:00"]);

    let mut scene = Scene::at("2026-11-21T12:05:00Z").job(caught_up(cron("0 * * * *")));
    assert_eq!(scene.set(10 * YEAR), ["late run 2026-11-21 13:00:00"]);
    assert_eq!(scene.set(-10 * YEAR), [""; 0]);
    assert_eq!(scene.pass(HOUR), ["run 2026-11-21 13:00:00"]);

    let mut scene = Scene::at("2026-11-21T12:05:00Z").job(caught_up(cron("0 * * * *")));
    assert_eq!(scene.set(-10 * YEAR), [""; 0]);
    assert_eq!(scene.pass(HOUR), ["run 2016-11-23 13:00:00"], "a clock that is so far back was wrong before");
    assert_eq!(scene.set(10 * YEAR), ["late run 2026-11-21 13:00:00"]);
    assert_eq!(scene.pass(HOUR), ["run 2026-11-21 14:00:00"]);
}

#[test]
fn a_clock_that_goes_by_how_long_ago_does_not_look_at_the_wall() {
    let mut scene = Scene::at(NOON).job(every(600_000));
    assert_eq!(scene.book.wall(), None);
    let mut count = 0;
    for by in [HOUR, -HOUR, 10 * YEAR, -10 * YEAR] {
        count += scene.set(by).len();
        count += scene.pass(10 * MINUTE).len();
    }
    assert!((3..=4).contains(&count), "{count}");
}

#[test]
fn every_goes_on_by_the_beginning_of_the_run_before() {
    let mut scene = Scene::at(NOON).job(every(600_000));
    assert_eq!(scene.pass(10 * MINUTE + SECOND), ["run 2026-11-21 12:10:00"]);
    scene.began = Some(scene.now.tick);
    assert_eq!(scene.pass(10 * MINUTE), ["run 2026-11-21 12:20:00"], "our own run moves nothing");
    // Somebody runs it by hand at 12:25:01.
    assert_eq!(scene.pass(5 * MINUTE), [""; 0]);
    scene.began = Some(scene.now.tick);
    assert_eq!(scene.pass(9 * MINUTE), [""; 0]);
    assert_eq!(scene.pass(2 * MINUTE), ["run 2026-11-21 12:35:01"]);
}

#[test]
fn every_survives_steward_and_machine() {
    let mut scene = Scene::at(NOON).job(every(600_000));
    assert_eq!(scene.pass(11 * MINUTE), ["run 2026-11-21 12:10:00"]);
    assert_eq!(scene.away(5 * MINUTE, false), [""; 0]);
    assert_eq!(scene.pass(5 * MINUTE), ["run 2026-11-21 12:20:00"]);
    assert_eq!(scene.away(4 * MINUTE, true), [""; 0]);
    assert_eq!(scene.pass(6 * MINUTE), ["run 2026-11-21 12:30:00"]);
    // Away for long.
    assert_eq!(scene.away(HOUR, false), ["no run 2026-11-21 12:40:00"]);
    assert_eq!(scene.away(HOUR, true), ["no run 2026-11-21 13:41:00"]);
    assert_eq!(scene.pass(10 * MINUTE), ["run 2026-11-21 14:41:00"]);
    let mut scene = Scene::at(NOON).job(caught_up(every(600_000)));
    assert_eq!(scene.away(HOUR, false), ["late run 2026-11-21 12:10:00"]);
    assert_eq!(scene.away(HOUR, true), ["late run 2026-11-21 13:10:00"]);
    assert_eq!(scene.pass(10 * MINUTE), ["run 2026-11-21 14:10:00"]);
    // A moment only: on time, and one for all that came.
    let mut scene = Scene::at(NOON).job(every(1000));
    assert_eq!(scene.away(30 * SECOND, false).len(), 1);
    assert_eq!(scene.pass(1500).len(), 1);
}

#[test]
fn a_time_that_came_while_the_steward_was_away() {
    let mut scene = Scene::at(NOON).job(cron("0 * * * *"));
    assert_eq!(scene.away(HOUR + 10 * SECOND, false), ["run 2026-11-21 13:00:00"], "a new steward is there in a moment");
    assert_eq!(scene.away(SECOND, false), [""; 0], "and the next one knows of it");
    assert_eq!(scene.away(HOUR + 5 * MINUTE, true), ["no run 2026-11-21 14:00:00"]);
    assert_eq!(scene.away(SECOND, false), [""; 0], "said once");
    let mut scene = Scene::at(NOON).job(caught_up(cron("0 * * * *")));
    assert_eq!(scene.away(5 * HOUR + MINUTE * 5, true), ["late run 2026-11-21 13:00:00"]);
    assert_eq!(scene.away(SECOND, false), [""; 0]);
    assert_eq!(scene.pass(HOUR), ["run 2026-11-21 18:00:00"]);
    // Each second, and half a minute away: one run.
    let mut scene = Scene::at(NOON).job(cron("* * * * * *"));
    assert_eq!(scene.away(30 * SECOND, false).len(), 1);
    assert_eq!(scene.pass(2 * SECOND).len(), 2);
}

#[test]
fn jitter_is_random_within_its_bounds_and_the_same_for_a_successor() {
    let mut scene = Scene::at(NOON).job(jitter(cron("0 * * * *"), 600_000));
    let mut told = Vec::new();
    for hour in 0..40 {
        let next = Timestamp::from_millisecond(scene.now.wall.0 / HOUR * HOUR + HOUR).expect("in range");
        let at = scene.book.wall().expect("one is planned");
        let late = at.0 - next.as_millisecond();
        assert!((0..=600_000).contains(&late), "{late}");
        if hour % 3 == 0 {
            // Away from before the time until it has nearly come.
            let away = at.0 - scene.now.wall.0 - 1;
            assert_eq!(scene.away(away, false), [""; 0]);
            assert_eq!(scene.book.wall(), Some(at), "it comes to the same moment");
        }
        let said = scene.pass(at.0 - scene.now.wall.0);
        assert_eq!(said, [format!("run {}", next.strftime("%Y-%m-%d %H:%M:%S"))]);
        told.push(late);
    }
    told.sort_unstable();
    told.dedup();
    assert!(told.len() > 30 && told[0] < 150_000 && *told.last().expect("some") > 450_000, "{told:?}");
    // Never beyond the next.
    let mut scene = Scene::at(NOON).job(jitter(cron("*/20 * * * * *"), 600_000));
    assert_eq!(scene.pass(10 * MINUTE - 1).len(), 29);
    let mut scene = Scene::at(NOON).job(jitter(every(5000), 600_000));
    let count = scene.pass(5 * MINUTE).len();
    assert!((59..=60).contains(&count), "{count}");
}

#[test]
fn restarts_by_the_clock() {
    let mut scene = Scene::at(NOON);
    let mut spec = AppSpec::new("web".parse().expect("a name"), vec!["true".to_owned()], "/".into());
    spec.cron_restart = Some("*/30 * * * * *".to_owned());
    scene.specs = vec![spec];
    scene.follow();
    assert_eq!(scene.pass(MINUTE), ["restart 2026-11-21 12:00:30", "restart 2026-11-21 12:01:00"]);
    assert_eq!(scene.set(HOUR), ["no restart 2026-11-21 12:01:30", "restart 2026-11-21 13:00:30"]);
    assert_eq!(scene.book.next_run(&"web".parse().expect("a name"), scene.now), None);
}

#[test]
fn what_cannot_be_followed_is_said_once() {
    let mut scene = Scene::at(NOON);
    assert!(scene.define(cron("61 * * * *"))[0].contains("is no cron expression"));
    assert_eq!(scene.follow(), [""; 0]);
    assert_eq!((scene.book.wall(), scene.book.tick()), (None, None));
    assert_eq!(scene.define(cron("0 13 * * *")), [""; 0]);
    assert_eq!(scene.pass(HOUR), ["run 2026-11-21 13:00:00"]);
}
