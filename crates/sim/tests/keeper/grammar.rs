//! Runs from a seed: commands that mean something, commands that nearly do, and noise.

use super::ops::Op;
use keeper::core::Ending;
use sim::dice::Dice;

const SERVICES: [&str; 9] =
    ["a", "b", "c", "web", "x.y-z_1", "a", "b", "0123456789012345678901234567890", "01234567890123456789012345678901"];
const HANDLES: [&str; 16] = [
    "null",
    "null",
    "control.cmd",
    "control.event",
    "control.socket",
    "stdin",
    "p",
    "q",
    "r",
    "w",
    "l",
    "-",
    "p",
    "q",
    "nosuch",
    "bad name",
];
const SIGNALS: [&str; 10] = ["TERM", "SIGHUP", "HUP", "USR1", "INT", "9", "15", "0", "NOSUCH", "70000"];
const INTEGERS: [&str; 14] =
    ["0", "1", "2", "3", "10", "60", "-1", "2147483647", "2147483648", "18446744073709551616", "x", "-", "", "100000000000"];
const TEXTS: [&str; 10] = ["x", "", "/bin/sh", "-c", "k=v", "A=1", "\\t", "\\\\", "two words", "#"];
const PATHS: [&str; 6] = ["/bin/true", "run/x", "", "/tmp", "a/b/c", "/no/such"];
const FLAGS: [&str; 14] = [
    "read",
    "write",
    "read,write",
    "write,create,append",
    "read,nonblock",
    "read,write,handoff",
    "read,write,create,lock,handoff",
    "",
    "-",
    "unix,seqpacket,nonblock",
    "unix,stream",
    "nonsense",
    "read,mkdir,trunc",
    "inet,tcp,bind,listen=5",
];

/// Verbs, and what each field is: N service, H handle, S signal, I integer, T text, P path, F flags; `*` repeats the last.
const COMMANDS: [(&str, &str); 52] = [
    ("echo", "T*"),
    ("statedump", ""),
    ("service.tags", "NT*"),
    ("service.args", "NT*"),
    ("service.args", "NPT*"),
    ("service.args", "NPT*"),
    ("service.fds", "NH*"),
    ("service.fds", "NH*"),
    ("service.auto_up", "NIA"),
    ("service.auto_up", "NIAS*"),
    ("service.auto_up", "N-"),
    ("service.start", "N"),
    ("service.start", "N"),
    ("service.start", "N"),
    ("service.start", "NI"),
    ("service.start", "N-"),
    ("service.signal", "NS"),
    ("service.signal", "NSG"),
    ("service.signal", "NSgII"),
    ("service.delete", "N"),
    ("service.delete", "N"),
    ("fd.pipe", "HHF"),
    ("fd.pipe", "HH"),
    ("fd.open", "HFP"),
    ("fd.open", "HFP"),
    ("fd.socket", "HFP"),
    ("fd.take", "H"),
    ("fd.delete", "H"),
    ("chdir", "P"),
    ("socket.create", "-P"),
    ("socket.delete", ""),
    ("conn.event_timeout", "II"),
    ("signal.clear", "SI"),
    ("log.filter", "L"),
    ("log.dest", "DH"),
    ("terminate.guard", "LI"),
    ("terminate.exec_args", "T*"),
    ("service.env", "NT*"),
    ("service.env_add", "NT*"),
    ("service.cwd", "NP"),
    ("service.umask", "NI"),
    ("service.nice", "NI"),
    ("service.oom", "NI"),
    ("service.user", "NIII*"),
    ("service.rlimit", "NRII"),
    ("service.cgroup", "NP"),
    ("service.opt", "NO*"),
    ("service.adopt", "NII"),
    ("service.keep", "N"),
    ("fd.give", "H"),
    ("fd.list", "H*"),
    ("reap.adopted", ""),
];

/// Said less often, for they stop much of the rest.
const RARE: [(&str, &str); 8] = [
    ("exit", ""),
    ("pen.take", "I"),
    ("upgrade", "U"),
    ("terminate", "I"),
    ("terminate", "II"),
    ("version", ""),
    ("hello", ""),
    ("fd.inherit", "H"),
];

fn field(dice: &mut Dice, kind: char) -> Vec<u8> {
    let text = match kind {
        'N' => dice.pick(&SERVICES),
        'H' => dice.pick(&HANDLES),
        'S' => dice.pick(&SIGNALS),
        'I' => dice.pick(&INTEGERS),
        'P' => dice.pick(&PATHS),
        'F' => dice.pick(&FLAGS),
        'A' => dice.pick(&["always", "always", "HUP", "USR1", "nonsense", ""]),
        'G' => dice.pick(&["group", "tree", "nonsense"]),
        'g' => "pid",
        'L' => dice.pick(&["+", "-", "none", "trace", "debug", "info", "warning", "error", "fatal", "x"]),
        'D' => dice.pick(&["fd", "fd", "x"]),
        'R' => dice.pick(&["nofile", "core", "as", "nonsense"]),
        'O' => dice.pick(&["session", "group", "no_new_privs", "listen_pid", "tty", "0", "death_signal", "TERM", "x"]),
        '-' => "-",
        'U' => "/keeper/keeper/keeper",
        _ if dice.once_in(30) => return vec![b'x'; dice.below(1500) as usize],
        _ => dice.pick(&TEXTS),
    };
    text.as_bytes().to_vec()
}

/// One command line.
fn command(dice: &mut Dice, out: &mut Vec<u8>) {
    let (verb, kinds) = if dice.once_in(25) { dice.pick(&RARE) } else { dice.pick(&COMMANDS) };
    let begin = out.len();
    out.extend_from_slice(verb.as_bytes());
    if verb == "echo" {
        // Nothing that is said back is taken for an event.
        out.extend_from_slice(b"\techoed");
    }
    let kinds: Vec<char> = kinds.chars().collect();
    for (at, kind) in kinds.iter().enumerate().filter(|(_, kind)| **kind != '*') {
        let times = if kinds.get(at + 1) == Some(&'*') { dice.below(4) } else { 1 };
        for _ in 0..times {
            out.push(b'\t');
            out.extend(field(dice, *kind));
        }
    }
    if dice.once_in(12) {
        // A field too many, too few, or a byte that does not belong there.
        match dice.below(4) {
            0 => out.extend_from_slice(b"\tx"),
            1 => out.truncate(out.iter().rposition(|b| *b == b'\t').unwrap_or(begin).max(begin)),
            2 => out.push(dice.pick(b"\\\0\r \t\x01\xff")),
            _ => {
                let at = begin + dice.below((out.len() - begin) as u64 + 1) as usize;
                out.insert(at, dice.roll() as u8);
            }
        }
    }
    out.push(b'\n');
}

fn say(dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    match dice.below(24) {
        0 => {
            let count = dice.below(60);
            out.extend((0..count).map(|_| dice.roll() as u8));
        }
        1 => {
            let (byte, count) = (dice.pick(b"x#\t\\"), dice.pick(&[1022, 1023, 1024, 1025, 5000, 65_536, 65_537, 70_000]));
            out.resize(count, byte);
            out.push(b'\n');
        }
        2 | 3 => out.extend_from_slice(b"dialect\t2\n"),
        4 => {
            // Much at once.
            for _ in 0..dice.below(80) {
                command(dice, &mut out);
            }
        }
        5 => {
            command(dice, &mut out);
            out.pop();
        }
        6..=9 => {
            // One that will run.
            let (name, dice_args) = (dice.pick(&SERVICES[..5]), dice.below(4));
            out.extend_from_slice(format!("service.args\t{name}\t/bin/x\n").as_bytes());
            match dice_args {
                0 => out.extend_from_slice(format!("service.fds\t{name}\tnull\tcontrol.socket\n").as_bytes()),
                1 => out.extend_from_slice(format!("service.auto_up\t{name}\t{}\talways\n", dice.between(1, 3)).as_bytes()),
                2 => out.extend_from_slice(format!("service.keep\t{name}\n").as_bytes()),
                _ => {}
            }
            out.extend_from_slice(format!("service.start\t{name}\n").as_bytes());
        }
        _ => {
            for _ in 0..dice.between(1, 3) {
                command(dice, &mut out);
            }
        }
    }
    out
}

fn ending(dice: &mut Dice) -> Ending {
    match dice.below(5) {
        0 => Ending::Unseen,
        1 => Ending::Signal { number: dice.pick(&[9, 11, 15, 34, 64]), core: dice.once_in(2) },
        _ => Ending::Code(dice.pick(&[0, 1, 3, 127, 255])),
    }
}

/// The next thing that happens.
fn op(dice: &mut Dice) -> Op {
    let who = dice.below(8) as usize;
    match dice.below(64) {
        0..=2 => Op::Connect,
        3..=28 => Op::Say(who, say(dice)),
        29 => Op::Reads(who, dice.pick(&[0, 0, 1, 7, 100, 3000, -1])),
        30 | 31 => Op::Read(who),
        32 => Op::Ends(who),
        33 => Op::Breaks(who),
        34 => Op::Passes(who),
        35 | 36 => Op::Refuse(dice.between(1, 3) as u32),
        37..=40 => Op::Executes(who),
        41 => Op::Refuses(who),
        42..=46 => Op::Exits(who, ending(dice)),
        47..=49 => Op::Passed(dice.pick(&[0, 1, 20, 999, 1000, 1001, 3000, 15_000, 60_000, 100_000_000_000])),
        50..=53 => Op::Due,
        54 | 55 => Op::Signal(dice.pick(&[1, 2, 3, 10, 12, 15])),
        56 => Op::Orphan(dice.between(2, 20) as u32),
        57 => Op::Logged(dice.below(2000) as usize),
        58 => Op::NotLogged,
        59 | 60 => Op::Upgrade,
        61 => Op::NotUpgraded,
        _ => Op::Dump,
    }
}

/// A run.
pub fn ops(dice: &mut Dice) -> Vec<Op> {
    let count = dice.pick(&[20, 60, 150]);
    (0..count).map(|_| op(dice)).collect()
}
