//! Any bytes, cut into any files: the reader gives back the same lines.

use super::*;
use crate::Cursor;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Act {
    Write(Vec<u8>),
    Rotate,
    Compress(u32),
    Look,
    Resume,
}

fn act() -> impl Strategy<Value = Act> {
    let line = prop_oneof![
        8 => vec(any::<u8>(), 0..40),
        1 => (60_000usize..140_000).prop_map(|length| vec![b'x'; length]),
    ];
    prop_oneof![
        6 => vec(line, 1..6).prop_map(|lines| Act::Write(lines.join(&b'\n'))),
        2 => Just(Act::Rotate),
        1 => (1u32..4).prop_map(Act::Compress),
        3 => Just(Act::Look),
        1 => Just(Act::Resume),
    ]
}

/// What was read, put together again: parts that we cut have no line feed of their own.
fn bytes_of(lines: &[Line]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(&line.bytes);
        if !line.partial {
            bytes.push(b'\n');
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_missed_doubled_or_changed(acts in vec(act(), 1..40), indexed in any::<bool>()) {
        let mut scene = Scene::new();
        let query = Query { follow: true, ..Query::default() };
        let mut merge = Merge::new(vec![scene.source()], &query);
        let (mut all, mut seen) = (Vec::new(), Vec::new());
        for (time, act) in acts.into_iter().enumerate() {
            match act {
                Act::Write(bytes) => {
                    all.extend_from_slice(&bytes);
                    scene.write(&bytes, indexed.then_some(time as i64 + 1));
                }
                // The scribe cuts no line in two by rotation, unless it is endless.
                Act::Rotate if all.last() == Some(&b'\n') && scene.is_there(0) => scene.rotate(),
                Act::Compress(n) if indexed && std::path::Path::new(&scene.place(n)).exists() => scene.compress(n),
                Act::Look => {
                    merge.wake(None);
                    let (lines, notes) = drain(&mut merge);
                    prop_assert_eq!(notes, []);
                    seen.extend(lines);
                }
                Act::Resume => {
                    let cursor: Cursor = merge.cursor().to_string().parse().expect("ours");
                    merge = Merge::resume(vec![scene.source()], &cursor, &query);
                }
                Act::Rotate | Act::Compress(_) => {}
            }
        }
        merge.wake(None);
        seen.extend(drain(&mut merge).0);
        let whole = all.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let said = bytes_of(&seen);
        prop_assert!(all.starts_with(&said) && said.len() >= whole, "followed {} of {} bytes", said.len(), all.len());
        let at_once = scene.read(&Query::default());
        prop_assert_eq!(bytes_of(&at_once), all);
        for count in [1, 7, 100] {
            let some = scene.read(&last(count));
            let most = at_once.len().min(count);
            // Parts of an endless line may be cut elsewhere when they are looked for from the end.
            if at_once.iter().all(|line| !line.partial) {
                prop_assert_eq!(&some[..], &at_once[at_once.len() - most..]);
            }
        }
    }
}
