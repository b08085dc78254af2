//! What a keeper carries while it is upgraded, and whether all of it is there afterwards.

use e2e::{Keeper, Lines, Start};
pub use e2e::{body, speak_two};
use std::collections::BTreeMap;

/// Services that print numbered lines into files.
pub const TO_FILES: usize = 80;
/// Services that print them into pipes, which others read.
pub const TO_PIPES: usize = 20;

/// A keeper that speaks dialect 2 on its standard streams and has a control socket `ctl`.
#[track_caller]
pub fn keeper() -> Keeper {
    let mut keeper = Start::new(["-i", "-S", "ctl"]).start().greeted();
    speak_two(&mut keeper);
    keeper
}

/// Starts every service, and waits until they run.
#[track_caller]
pub fn sing(keeper: &mut Keeper) {
    let puppet = keeper.bins().path("puppet").display().to_string();
    let mut script = String::new();
    for n in 0..TO_FILES + TO_PIPES {
        let to = if n < TO_FILES {
            format!("fd.open\tf{n}\twrite,append,create\tlines-{n}\nservice.fds\ts{n}\tnull\tf{n}\tnull\n")
        } else {
            format!(
                "fd.pipe\tr{n}\tw{n}\t-\nfd.open\tf{n}\twrite,append,create\tlines-{n}\nservice.fds\ts{n}\tnull\tw{n}\tnull\n\
                 service.args\treader{n}\tcat\nservice.fds\treader{n}\tr{n}\tf{n}\tnull\nservice.start\treader{n}\n"
            )
        };
        script.push_str(&format!("{to}service.args\ts{n}\t{puppet}\tlines:0:20\nservice.start\ts{n}\n"));
    }
    keeper.say(script.trim_end());
    for n in 0..TO_FILES + TO_PIPES {
        keeper.wait_file(&format!("lines-{n}"), |text| !text.is_empty());
    }
}

/// The pid of every service that runs, as the dump says it.
#[track_caller]
pub fn running(lines: &mut Lines) -> BTreeMap<String, u32> {
    let said = lines.answers("statedump");
    let up = |line: &String| {
        let fields: Vec<&str> = body(line).split('\t').collect();
        match fields[..] {
            ["service.state", name, "up", _, pid, ..] => Some((name.to_owned(), pid.parse().expect("a pid"))),
            _ => None,
        }
    };
    said.iter().filter_map(up).collect()
}

/// Every singer is heard anew, and what it has sung so far is whole.
#[track_caller]
pub fn sang_every_line(keeper: &Keeper) {
    for n in 0..TO_FILES + TO_PIPES {
        let name = format!("lines-{n}");
        let length = keeper.read(&name).len();
        let text = keeper.wait_file(&name, |text| text.len() > length);
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        for (line, number) in whole.lines().zip(1..) {
            keeper.check(line == format!("line {number}"), &format!("{name}: {line:?} where `line {number}` should be"));
        }
    }
}

/// Events are numbered without a gap from `dialect 2` on.
#[track_caller]
pub fn gapless(lines: &Lines) -> usize {
    let said = lines.lines();
    let first = said.iter().find_map(|line| e2e::fits("#<int>\tdialect\t2", line)).expect("dialect 2 is spoken");
    let first: u64 = first[0].parse().expect("a number");
    let numbered = said.iter().skip_while(|line| !line.starts_with('#'));
    let count = numbered.zip(first..).map(|(line, number)| {
        lines.check(line.starts_with(&format!("#{number}\t")), &format!("{line:?} where event {number} should be"));
    });
    count.count()
}
