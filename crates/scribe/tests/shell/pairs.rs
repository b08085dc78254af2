//! Streams that go into two files.

use super::forms::Dice;
use super::house::{House, hold, never, print, until};
use super::lines::line;
use model::LogFormat;

const OWN: &str = "logs/web-0.out.log";
const ALL: &str = "logs/all.log";
const LINES: u32 = 150_000;

/// Nothing is lost from either file, and after a kill what comes twice is no more than the pipe holds.
pub fn killed_twenty_times() {
    for format in [LogFormat::Raw, LogFormat::Text] {
        let mut house = House::of(format);
        house.form.also = Some(ALL.to_owned());
        let app = house.app(1);
        house.open(1, OWN, never(), true);
        let fifo = house.path(&house.fifo(1));
        let writer = std::thread::spawn(move || {
            let mut app = hold(&fifo);
            (0..LINES).for_each(|n| print(&mut app, &format!("line {n}\n")));
        });
        let (mut dice, mut kills) = (Dice(11), 0u32);
        while kills < 20 && !writer.is_finished() {
            kills += 1;
            let file = [OWN, ALL][kills as usize % 2];
            let goal = house.size(file) + dice.next() % 20_000 + 1;
            until("the log moves on", || house.size(file) >= goal || writer.is_finished());
            house.kill();
            house.start();
            house.open(1, OWN, never(), true);
        }
        writer.join().expect("writer");
        drop(app);
        house.hear_sealed(1);
        for file in [OWN, ALL] {
            let (mut next, mut again, mut torn) = (0, 0, 0);
            for raw in house.read(file).lines() {
                let bytes = match format {
                    LogFormat::Raw => Some(raw.as_bytes().to_vec()),
                    _ => line(format, raw.as_bytes()).map(|line| line.bytes),
                };
                let words = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                let Some(n) = words.and_then(|words| words.strip_prefix("line ")?.parse::<u32>().ok()) else {
                    torn += 1;
                    continue;
                };
                assert!(n <= next, "{format:?} {file}: {n} comes where {next} is wanted");
                again += u32::from(n < next);
                next = next.max(n + 1);
            }
            // A line has at least eight bytes, so the pipe holds 8192 at most.
            assert_eq!(next, LINES, "{format:?} {file}");
            assert!(kills > 5 && torn <= 2 * kills && again <= 8192 * kills, "{kills} kills, {again} again, {torn} torn");
            println!("{format:?} {file}: {kills} kills, {again} lines again, {torn} torn");
        }
    }
}
