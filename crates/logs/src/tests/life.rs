//! All lines of one life, from its first on.

use super::*;
use crate::LAG_BYTES;
use std::sync::atomic::{AtomicI64, Ordering};

const LIFE: InstanceId = InstanceId(7);

fn of_life() -> Query {
    Query { life: Some(LIFE), follow: true, ..Query::default() }
}

/// Writes as this life, with a record like no other.
fn write(scene: &mut Scene, life: u64, bytes: &[u8]) {
    static TIME: AtomicI64 = AtomicI64::new(100);
    scene.tick = life - 1;
    scene.write(bytes, Some(TIME.fetch_add(1, Ordering::Relaxed)));
}

/// What is new of the life, lines of others aside.
fn own(merge: &mut Merge) -> Vec<String> {
    merge.wake(None);
    let (lines, notes) = drain(merge);
    assert_eq!(notes, []);
    let own: Vec<Line> = lines.into_iter().filter(|line| line.instance.is_none_or(|writer| writer == LIFE)).collect();
    texts(&own)
}

#[test]
fn it_begins_where_the_life_does() {
    for packed in [false, true] {
        let mut scene = Scene::new();
        write(&mut scene, 6, b"before\n");
        write(&mut scene, 7, b"one\n");
        write(&mut scene, 6, b"last words of another\n");
        scene.rotate();
        write(&mut scene, 7, b"two\n");
        scene.rotate();
        if packed {
            scene.compress(2);
        }
        // The newest file is still empty.
        append(&scene.path(), b"");
        let mut merge = Merge::new(vec![scene.source()], &of_life());
        assert_eq!(own(&mut merge), ["one", "two"], "packed: {packed}");
        write(&mut scene, 7, b"three\n");
        assert_eq!(own(&mut merge), ["three"]);
    }
}

#[test]
fn a_life_that_has_said_nothing_yet_is_waited_for() {
    let mut scene = Scene::new();
    let mut early = Merge::new(vec![scene.source()], &of_life());
    assert!(own(&mut early).is_empty(), "there is no file");
    write(&mut scene, 6, b"before\nand more\n");
    let mut merge = Merge::new(vec![scene.source()], &of_life());
    assert!(own(&mut merge).is_empty());
    write(&mut scene, 7, b"one\n");
    assert_eq!((own(&mut early), own(&mut merge)), (vec!["one".to_owned()], vec!["one".to_owned()]));
}

#[test]
fn its_first_line_waits_for_its_record() {
    let mut scene = Scene::new();
    write(&mut scene, 6, b"before\n");
    let mut merge = Merge::new(vec![scene.source()], &of_life());
    assert!(own(&mut merge).is_empty());
    // The bytes are there, and the record is late: for others the line would be of the life before.
    let path = scene.path();
    append(&path, b"ready\n");
    merge.wake(None);
    assert!(merge.next().is_none() && merge.is_holding());
    let flags = IndexFlags::default();
    let record = IndexRecord { offset: 7, wall: Wall(7), tick: Tick(7), instance: LIFE, flags };
    append(&format!("{path}.idx"), &record.encode());
    assert_eq!(own(&mut merge), ["ready"]);
    // From now on it is known whose lines come.
    append(&path, b"again\n");
    merge.wake(None);
    assert!(merge.next().is_some());
}

#[test]
fn nothing_is_passed_over() {
    let mut scene = Scene::new();
    write(&mut scene, 7, b"begin\n");
    let mut merge = Merge::new(vec![scene.source()], &of_life());
    assert_eq!(own(&mut merge), ["begin"]);
    let count = usize::try_from(LAG_BYTES / 16).expect("small") + 1000;
    write(&mut scene, 7, &b"0123456789abcde\n".repeat(count));
    scene.rotate();
    write(&mut scene, 7, &b"0123456789abcde\n".repeat(count));
    assert_eq!(own(&mut merge).len(), 2 * count);
}
