//! The two buffers of a connection against models that have all the memory in the world.

mod support;

use proptest::prelude::*;
use std::collections::VecDeque;
use support::cases;
use wire::ledger::{Entry, Writer, read};
use wire::{DIALECT1_LINE, DIALECT2_LINE, Dialect, Inbox, Incoming, Outbox};

/// Lines of lengths that matter, some without an end.
fn stream(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![4 => 0..20usize, 2 => longest - 2..longest + 3, 1 => longest..3 * longest];
    let line = (prop::sample::select(&b"#ab \0"[..]), length, prop::bool::weighted(0.95)).prop_map(|(byte, length, ends)| {
        let mut line = vec![byte; length];
        line.extend(ends.then_some(b'\n'));
        line
    });
    prop::collection::vec(line, 0..10).prop_map(|lines| lines.concat())
}

/// What a stream says: lines, or `None` for one that is too long. A comment that is too long is an empty line.
fn model(stream: &[u8], longest: usize, last: bool) -> Vec<Option<Vec<u8>>> {
    let mut all: Vec<&[u8]> = stream.split(|b| *b == b'\n').collect();
    let tail = all.pop().filter(|tail| last && !tail.is_empty() && tail.len() <= longest);
    let said = |line: &[u8]| match line.len() > longest {
        true if line[0] == b'#' => Some(Vec::new()),
        true => None,
        false => Some(line.to_vec()),
    };
    all.into_iter().chain(tail).map(said).collect()
}

/// What another executable reads of what this one writes.
fn crossed(save: impl FnOnce(&mut Writer)) -> Entry {
    let mut ledger = Writer::default();
    save(ledger.line("box"));
    read(&ledger.finish()).expect("ours").remove(0)
}

/// Gives a stream in chunks, taking out a few lines or all after each; `moves` says where another box takes over.
fn play(stream: &[u8], two: bool, chunks: &[(u16, u8)], moves: usize, last: bool) -> Vec<Option<Vec<u8>>> {
    let fresh = || {
        let mut inbox = Inbox::default();
        if two {
            inbox.speak_two();
        }
        inbox
    };
    let (mut inbox, mut lines, mut line, mut rest) = (fresh(), Vec::new(), Vec::new(), stream);
    let mut chunks = chunks.iter().cycle().enumerate();
    let mut stuck = 0;
    while !rest.is_empty() {
        let (at, (size, takes)) = chunks.next().expect("it goes round and round");
        let count = usize::from(*size).min(inbox.room()).min(rest.len());
        inbox.receive(&rest[..count]);
        rest = &rest[count..];
        assert!(inbox.waiting().len() <= if two { DIALECT2_LINE } else { DIALECT1_LINE } + 1);
        // Whoever takes nothing out is stuck once it is full.
        stuck = if count == 0 { stuck + 1 } else { 0 };
        let takes = if stuck > 0 { usize::MAX } else { usize::from(*takes) };
        for _ in 0..takes {
            let had = inbox.has_line();
            match inbox.next_line(&mut line, false) {
                Some(Incoming::Whole) => lines.push(Some(line.clone())),
                Some(Incoming::TooLong) => lines.push(None),
                None => {
                    assert!(!had, "a line was there");
                    break;
                }
            }
        }
        if at == moves {
            let mut next = fresh();
            next.restore(&mut crossed(|ledger| inbox.save(ledger))).expect("ours");
            inbox = next;
        }
    }
    while let Some(incoming) = inbox.next_line(&mut line, last) {
        lines.push((incoming == Incoming::Whole).then(|| line.clone()));
    }
    lines
}

fn chunks() -> impl Strategy<Value = Vec<(u16, u8)>> {
    prop::collection::vec((prop_oneof![1u16..4, 1u16..1100], 0u8..4), 1..12)
}

fn large_chunks() -> impl Strategy<Value = Vec<(u16, u8)>> {
    prop::collection::vec((500u16..u16::MAX, 0u8..4), 1..12)
}

/// What is done with an outbox.
#[derive(Debug, Clone)]
enum Op {
    Say(usize),
    Offer(usize),
    Sent(usize),
    Drain,
    StopHeeding,
    SpeakTwo,
    HandOver,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let length = || prop_oneof![6 => 0..200usize, 2 => 900..2100usize, 1 => 2030..2060usize, 1 => 60_000..66_000usize];
    let op = prop_oneof![
        10 => length().prop_map(Op::Say),
        6 => length().prop_map(Op::Offer),
        6 => prop_oneof![0..60usize, 0..3000usize, 0..300_000usize].prop_map(Op::Sent),
        3 => Just(Op::Drain),
        1 => Just(Op::StopHeeding),
        1 => Just(Op::SpeakTwo),
        1 => Just(Op::HandOver),
    ];
    prop::collection::vec(op, 1..80)
}

/// An outbox and what must come out of it.
struct Reader {
    out: Outbox,
    dialect: Dialect,
    /// Lines that were taken, whole, in order.
    expected: VecDeque<Vec<u8>>,
    /// The first event that was lost, when some were.
    lost: Option<u64>,
    number: u64,
    read: Vec<u8>,
    total: u64,
}

impl Reader {
    fn bound(&self) -> usize {
        if self.dialect == Dialect::Two { 256 * 1024 } else { 2048 }
    }

    fn line(&self, number: u64, length: usize) -> Vec<u8> {
        let head = if self.dialect == Dialect::Two { format!("#{number}\t") } else { String::new() };
        let mut line = format!("{head}say\t{number}\t{}", ".".repeat(length)).into_bytes();
        if line.len() >= self.bound() {
            line.truncate(self.bound() - 4);
            line.extend_from_slice(b"...");
        }
        line.push(b'\n');
        line
    }

    fn put(&mut self, length: usize, must: bool) {
        let (number, before) = (self.number + 1, self.out.unsent().len());
        let text = ".".repeat(length);
        let line = self.line(number, length);
        let fits = line.len() <= self.bound() - before;
        let write = |line: &mut wire::Line<'_>| _ = line.raw("say").number(number).field(&text);
        let said = if must {
            self.out.say(self.dialect, write);
            let said = self.out.unsent().len() > before;
            assert_eq!(said, fits && self.lost.is_none(), "an event is taken whenever it fits");
            if !said {
                self.lost.get_or_insert(number);
            }
            said
        } else {
            let said = self.out.offer(self.dialect, write);
            assert!(!said || (fits && self.lost.is_none()));
            assert!(said || before > 0 || self.lost.is_some(), "an empty buffer takes any line");
            said
        };
        self.number += u64::from(must || said);
        if said {
            self.expected.push_back(line);
        }
    }

    fn take(&mut self, count: usize) {
        let count = count.min(self.out.unsent().len());
        self.read.extend_from_slice(&self.out.unsent()[..count]);
        let all = count == self.out.unsent().len();
        self.out.note_sent(count, self.dialect);
        self.total += count as u64;
        if all && let Some(first) = self.lost.take() {
            self.number += 1;
            let number = self.number;
            let line =
                if self.dialect == Dialect::Two { format!("#{number}\toverflow\t{first}\n") } else { "overflow\n".to_owned() };
            self.expected.push_back(line.into_bytes());
        }
        while let Some(end) = self.read.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.read.drain(..=end).collect();
            let expected = self.expected.pop_front().expect("nothing comes that was not said");
            assert!(line == expected, "{} instead of {}", line.escape_ascii(), expected.escape_ascii());
        }
    }

    fn perform(&mut self, op: &Op) {
        match op {
            Op::Say(length) => self.put(*length, true),
            Op::Offer(length) => self.put(*length, false),
            Op::Sent(count) => self.take(*count),
            Op::Drain => self.take(usize::MAX),
            Op::StopHeeding => {
                self.out.stop_heeding();
                self.lost.get_or_insert(self.number + 1);
                assert!(self.out.can_answer(self.dialect));
            }
            Op::SpeakTwo => {
                self.dialect = Dialect::Two;
                self.out.speak_two();
                self.number = 0;
                self.lost = self.lost.map(|_| 1);
            }
            Op::HandOver => {
                let mut next = Outbox::default();
                if self.dialect == Dialect::Two {
                    next.speak_two();
                }
                next.restore(&mut crossed(|ledger| self.out.save(ledger))).expect("ours");
                self.out = next;
            }
        }
        assert!(self.out.unsent().len() <= self.bound(), "{} bytes wait", self.out.unsent().len());
        assert_eq!(self.out.place(), self.total + self.out.unsent().len() as u64);
    }
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn lines_do_not_depend_on_chunks(stream in stream(DIALECT1_LINE), chunks in chunks(), moves in 0usize..40, last in any::<bool>()) {
        prop_assert_eq!(play(&stream, false, &chunks, moves, last), model(&stream, DIALECT1_LINE, last));
    }

    /// Bounded, whole lines only, in order; what is lost is said once, by number.
    #[test]
    fn an_outbox_says_what_it_was_told(ops in ops()) {
        let (out, expected, read) = (Outbox::default(), VecDeque::new(), Vec::new());
        let mut reader = Reader { out, dialect: Dialect::One, expected, lost: None, number: 0, read, total: 0 };
        for op in &ops {
            reader.perform(op);
        }
        // At most what waits, then one overflow.
        for _ in 0..2 {
            reader.perform(&Op::Drain);
        }
        prop_assert!(reader.expected.is_empty() && reader.read.is_empty());
        prop_assert!(reader.out.unsent().is_empty() && reader.out.can_answer(reader.dialect));
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn long_lines_too(stream in stream(DIALECT2_LINE), chunks in large_chunks(), moves in 0usize..40, last in any::<bool>()) {
        prop_assert_eq!(play(&stream, true, &chunks, moves, last), model(&stream, DIALECT2_LINE, last));
    }
}
