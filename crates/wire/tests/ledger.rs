//! The ledger of an upgrade: what was written is read, what was damaged is refused as far as it can be seen.

mod support;

use proptest::prelude::*;
use support::cases;
use wire::ledger::{Writer, read};

type Lines = Vec<(String, Vec<Vec<u8>>)>;

fn lines() -> impl Strategy<Value = Lines> {
    let byte = prop_oneof![2 => prop::sample::select(&b"\t\n\r\0\\-e"[..]), 1 => any::<u8>()];
    let field = prop::collection::vec(byte, 0..12);
    prop::collection::vec(("[a-z]{1,8}(\\.[a-z]{1,4})?", prop::collection::vec(field, 0..5)), 0..8)
}

fn write(lines: &Lines) -> Vec<u8> {
    let mut ledger = Writer::default();
    for (verb, fields) in lines {
        fields.iter().fold(ledger.line(verb), |line, field| line.field(field));
    }
    ledger.finish()
}

fn parse(bytes: &[u8]) -> Option<Lines> {
    Some(read(bytes).ok()?.into_iter().map(|mut entry| (entry.verb.clone(), entry.rest())).collect())
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn there_and_back(lines in lines()) {
        prop_assert_eq!(parse(&write(&lines)), Some(lines));
    }

    /// No beginning of a ledger is one.
    #[test]
    fn a_cut_is_refused(lines in lines()) {
        let bytes = write(&lines);
        for end in 0..bytes.len() {
            prop_assert_eq!(parse(&bytes[..end]), None, "cut at {}", end);
        }
    }

    /// A changed byte is refused, or changes what stands in one line and nothing else: lines are neither lost nor made. (There is no
    /// checksum: a ledger never leaves memory.)
    #[test]
    fn a_changed_byte_changes_one_line(lines in lines(), at in any::<prop::sample::Index>(), flip in 1u8..=255) {
        let mut bytes = write(&lines);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Some(read) = parse(&bytes) {
            prop_assert_eq!(read.len(), lines.len());
            prop_assert!(read.iter().zip(&lines).filter(|(a, b)| a != b).count() <= 1);
        }
    }

    /// Anything at all.
    #[test]
    fn nonsense_is_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200), head in any::<bool>()) {
        if head {
            bytes.splice(0..0, *b"abide-ledger\t1\n");
            prop_assert_eq!(parse(&bytes), None);
        } else {
            let _ = parse(&bytes);
        }
    }
}
