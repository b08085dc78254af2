//! Whatever comes over the wire, nobody who reads it panics, and all who read it read the same.

mod support;

use proptest::prelude::*;
use support::cases;
use wire::{Dialect, Event, Outbox, Request, decode, fields, push_field, split_fields, take_apart};

const BOTH: [Dialect; 2] = [Dialect::One, Dialect::Two];

/// Bytes among which those that mean something are frequent.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(&b"\t\n\r\0\\#trn0-"[..]),
        3 => prop::char::range('a', 'f').prop_map(|c| c as u8),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..most)
}

/// Event lines, whole or damaged.
fn event() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "service.state",
        "service.tags",
        "dialect",
        "overflow",
        "error",
        "signal",
        "echo",
        "up",
        "down",
        "start",
        "deleted",
        "exit",
        "signal",
        "failed",
        "unseen",
        "exec:ENOENT",
        "exec",
        "-",
        "",
        "7",
        "18446744073709551616",
        "-1",
        "SIGSEGV+core",
        "i1",
        "\\",
    ]);
    let damaged =
        (0u64..3, prop::collection::vec(word, 0..12)).prop_map(|(n, words)| format!("#{n}\t{}", words.join("\t")).into_bytes());
    prop_oneof![3 => damaged, 1 => bytes(80)]
}

proptest! {
    #![proptest_config(cases(4000))]

    /// Taking apart in place agrees with taking apart by copies; what is refused is refused for a reason that is there.
    #[test]
    fn in_place_as_by_copies(line in bytes(60)) {
        for dialect in BOTH {
            let mut list = line.clone();
            let result = take_apart(&mut list, dialect);
            let copies = split_fields(&line, dialect).ok().filter(|all| all.iter().all(|field| !field.contains(&0)));
            prop_assert_eq!(result.is_ok(), copies.is_some(), "{:?}", result);
            if let Some(copies) = copies {
                prop_assert!(list.len() <= line.len() + 1, "it needs no more room than the line feed gives back");
                prop_assert_eq!(fields(&list).map(<[u8]>::to_vec).collect::<Vec<_>>(), copies.iter().map(|f| f.to_vec()).collect::<Vec<_>>());
            }
        }
    }

    /// A list is what its fields are.
    #[test]
    fn fields_are_all_there(list in bytes(60)) {
        let mut joined: Vec<u8> = fields(&list).flat_map(|field| [field, b"\0"].concat()).collect();
        if !list.is_empty() && !list.ends_with(b"\0") {
            joined.pop();
        }
        prop_assert_eq!(joined, list);
    }

    /// An event that is written can be read, whatever its fields; it is one line with the bytes that `push_field` gives.
    #[test]
    fn written_is_read(said in prop::collection::vec(bytes(40), 0..6)) {
        for dialect in BOTH {
            let mut out = Outbox::default();
            out.say(dialect, |line| _ = said.iter().fold(line.raw("echo.back"), |line, field| line.field(field)));
            let head: &[u8] = if dialect == Dialect::Two { b"#1\t" } else { b"" };
            let mut expected = [head, b"echo.back"].concat();
            for field in &said {
                expected.push(b'\t');
                push_field(&mut expected, field, dialect);
            }
            expected.push(b'\n');
            prop_assert_eq!(out.unsent(), &expected[..]);
            prop_assert_eq!(expected.iter().filter(|b| **b == b'\n').count(), 1);
            prop_assert!(!expected.iter().any(|b| matches!(b, b'\r' | 0)));
            if dialect == Dialect::Two {
                let Ok(numbered) = decode(&expected[..expected.len() - 1]) else { panic!("{}", expected.escape_ascii()) };
                let Event::Other(read) = numbered.event else { panic!("{numbered:?}") };
                prop_assert_eq!(read[1..].to_vec(), said.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect::<Vec<_>>());
            }
        }
    }

    /// Whatever a keeper says, a controller does not panic; a number that it believes stood there.
    #[test]
    fn decode_never_panics(line in event()) {
        if let Ok(numbered) = decode(&line) {
            let head = format!("#{}\t", numbered.number);
            let plus = line.starts_with(b"#+") || line.starts_with(b"#0");
            prop_assert!(plus || line.starts_with(head.as_bytes()), "{}", line.escape_ascii());
        }
    }

    /// A request is one line, and comes apart into what was put in.
    #[test]
    fn a_request_is_one_line(said in prop::collection::vec(bytes(40), 0..6)) {
        let request = said.iter().fold(Request::new("verb"), Request::field);
        let mut line = Vec::new();
        request.write_to(&mut line);
        prop_assert_eq!(line.pop(), Some(b'\n'));
        prop_assert_eq!(line.len(), request.len());
        prop_assert!(!line.contains(&b'\n'));
        let read = split_fields(&line, Dialect::Two).expect("ours");
        prop_assert_eq!(read[1..].iter().map(|f| f.to_vec()).collect::<Vec<_>>(), said);
    }
}
