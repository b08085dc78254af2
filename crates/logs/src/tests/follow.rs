//! What comes, whatever becomes of the file.

use super::*;
use crate::{Cursor, LAG_BYTES};

fn more(merge: &mut Merge) -> Vec<String> {
    merge.wake(None);
    let (lines, notes) = drain(merge);
    assert_eq!(notes, []);
    texts(&lines)
}

fn begun() -> (Scene, Merge) {
    let mut scene = Scene::new();
    scene.write(b"before\n", Some(1));
    let mut merge = Merge::new(vec![scene.source()], &following());
    assert!(more(&mut merge).is_empty());
    (scene, merge)
}

#[test]
fn across_rotation_the_rest_comes_first() {
    let (mut scene, mut merge) = begun();
    scene.write(b"one\ntw", Some(2));
    assert_eq!(more(&mut merge), ["one"]);
    scene.write(b"o\nrest\n", Some(3));
    scene.rotate();
    scene.write(b"middle\n", Some(4));
    scene.rotate();
    scene.write(b"three\n", Some(5));
    assert_eq!(more(&mut merge), ["two", "rest", "middle", "three"]);
    scene.rotate();
    assert!(more(&mut merge).is_empty());
    scene.write(b"four\n", None);
    assert_eq!(more(&mut merge), ["four"]);
}

#[test]
fn across_compression() {
    let (mut scene, mut merge) = begun();
    scene.write(b"one\n", Some(2));
    scene.rotate();
    scene.write(b"two\n", Some(3));
    scene.rotate();
    scene.compress(2);
    scene.compress(1);
    scene.write(b"three\n", Some(4));
    assert_eq!(more(&mut merge), ["one", "two", "three"]);
}

#[test]
fn clearing_is_told_and_reading_goes_on() {
    let (mut scene, mut merge) = begun();
    scene.clear();
    scene.write(b"longer than what was there before\n", Some(9));
    merge.wake(None);
    let (lines, notes) = drain(&mut merge);
    assert_eq!((texts(&lines), notes), (vec!["longer than what was there before".to_owned()], vec![Note::Cleared]));
    fs::remove_file(scene.path()).expect("remove");
    fs::remove_file(scene.path() + ".idx").expect("remove");
    assert!(more(&mut merge).is_empty());
    scene.write(b"anew\n", Some(10));
    assert_eq!(more(&mut merge), ["anew"]);
}

#[test]
fn a_file_that_is_removed_leaves_older_ones_alone() {
    let mut scene = Scene::new();
    scene.write(b"old\n", Some(1));
    scene.rotate();
    scene.write(b"now\n", Some(2));
    let mut merge = Merge::new(vec![scene.source()], &following());
    fs::remove_file(scene.path()).expect("remove");
    fs::remove_file(scene.path() + ".idx").expect("remove");
    assert!(more(&mut merge).is_empty());
    scene.write(b"new\n", Some(3));
    assert_eq!(more(&mut merge), ["new"]);
}

#[test]
fn a_log_that_appears_later() {
    let mut scene = Scene::new();
    let mut merge = Merge::new(Vec::new(), &following());
    merge.add(scene.source());
    assert!(more(&mut merge).is_empty());
    scene.write(b"first\n", Some(1));
    assert_eq!(more(&mut merge), ["first"]);
    merge.add(scene.source());
    scene.write(b"second\n", Some(2));
    assert_eq!(more(&mut merge), ["second"]);
}

#[test]
fn who_is_far_behind_is_told_how_far() {
    let (mut scene, mut merge) = begun();
    let count = LAG_BYTES / 16 + 1000;
    scene.write(&b"0123456789abcde\n".repeat(count as usize), Some(2));
    let kept = |merge: &mut Merge| {
        merge.wake(None);
        let (lines, notes) = drain(merge);
        let [Note::Skipped(skipped)] = notes[..] else { panic!("{notes:?}") };
        (lines.len() as u64, skipped)
    };
    let (seen, skipped) = kept(&mut merge);
    assert!(seen > 1000 && seen + skipped == count, "{seen} + {skipped} = {count}");
    scene.rotate();
    for _ in 0..3 {
        scene.write(&b"0123456789abcde\n".repeat(count as usize / 2), Some(3));
        scene.rotate();
        scene.compress(1);
    }
    scene.write(b"end\n", Some(4));
    let (seen, skipped) = kept(&mut merge);
    assert_eq!(seen + skipped, count / 2 * 3 + 1);
    let calm = Merge::new(vec![scene.source()], &Query { follow: true, ..Query::default() });
    assert_eq!(lines(calm).len() as u64, count + count / 2 * 3 + 2, "who asks for what was is shown all of it");
}

#[test]
fn another_goes_on_at_the_cursor() {
    let (mut scene, mut merge) = begun();
    scene.write(b"one\ntwo\n", Some(2));
    merge.wake(None);
    while merge.is_holding() {
        merge.wake_holding();
    }
    let (_, found) = merge.next().expect("a line");
    assert!(matches!(found, Found::Line(line) if line.bytes == b"one"));
    let word = merge.cursor().to_string();
    drop(merge);
    let resumed = |scene: &Scene| {
        let cursor: Cursor = word.parse().expect("ours");
        lines(Merge::resume(vec![scene.source()], &cursor, &following()))
    };
    assert_eq!(texts(&resumed(&scene)), ["two"]);
    scene.rotate();
    scene.write(b"three\n", Some(3));
    scene.rotate();
    scene.compress(2);
    scene.write(b"four\n", Some(4));
    assert_eq!(texts(&resumed(&scene)), ["two", "three", "four"]);
    // Where it stood is gone; what is older than that has been read.
    fs::remove_file(scene.place(2) + ".gz").expect("remove");
    fs::remove_file(scene.place(2) + ".idx").expect("remove");
    let cursor: Cursor = word.parse().expect("ours");
    let (left, notes) = drain(&mut Merge::resume(vec![scene.source()], &cursor, &following()));
    assert_eq!((texts(&left), notes), (vec!["three".to_owned(), "four".to_owned()], vec![Note::Gone]));
}

/// Row of issue 4: who reads between the bytes and their record is not told the time and the life of what stands before.
#[test]
fn lines_wait_for_the_record_of_theirs() {
    let (mut scene, mut merge) = begun();
    scene.write(b"one\n", None);
    merge.wake(None);
    assert!(merge.next().is_none() && merge.is_holding());
    // Half a record is none.
    let offset = b"before\n".len() as u64;
    let wall = Wall(i64::MAX / 2);
    let record = IndexRecord { offset, wall, tick: Tick(9), instance: InstanceId(9), flags: IndexFlags::default() };
    let record = record.encode();
    let (half, other) = record.split_at(TORN);
    let index = scene.path() + ".idx";
    append(&index, half);
    merge.wake_holding();
    if merge.is_holding() {
        append(&index, other);
        merge.wake_holding();
        let found = merge.next().map(|(_, found)| found);
        let Some(Found::Line(line)) = found else { panic!("{found:?}") };
        assert_eq!((line.bytes.as_slice(), line.time, line.instance), (&b"one"[..], Some(wall), Some(InstanceId(9))));
        assert!(!merge.is_holding());
    }
}

#[test]
fn a_record_that_does_not_come_is_not_waited_for() {
    let (mut scene, mut merge) = begun();
    scene.write(b"one\n", None);
    merge.wake(None);
    let begun = std::time::Instant::now();
    while merge.is_holding() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "held for ever");
        merge.wake_holding();
    }
    let (lines, _) = drain(&mut merge);
    assert_eq!((texts(&lines), lines[0].time), (vec!["one".to_owned()], Some(Wall(1))));
}

#[test]
fn files_that_are_removed_before_they_are_read_are_told() {
    let mut scene = Scene::new();
    for (n, text) in ["one\n", "two\n", "three\n"].into_iter().enumerate() {
        scene.write(text.as_bytes(), Some(n as i64));
        scene.rotate();
    }
    let remove = |scene: &Scene, n: u32| {
        for end in ["", ".idx"] {
            fs::remove_file(scene.place(n) + end).expect("remove");
        }
    };
    let reads = |merge: &mut Merge| {
        let (lines, notes) = drain(merge);
        (texts(&lines), notes)
    };
    let everything = Query { follow: true, ..Query::default() };
    // What it reads may go, and nothing is lost.
    let mut merge = Merge::new(vec![scene.source()], &everything);
    remove(&scene, 3);
    assert_eq!(reads(&mut merge), (vec!["one".to_owned(), "two".to_owned(), "three".to_owned()], vec![]));
    // What comes after it may not.
    let mut merge = Merge::new(vec![scene.source()], &everything);
    scene.write(b"four\n", Some(4));
    remove(&scene, 2);
    remove(&scene, 1);
    assert_eq!(reads(&mut merge), (vec!["two".to_owned(), "four".to_owned()], vec![Note::Gone]));
    // At the end of the newest: everything that was, and more, is pushed out.
    for text in ["five\n", "six\n", "seven\n"] {
        scene.rotate();
        scene.write(text.as_bytes(), Some(5));
    }
    remove(&scene, 3);
    remove(&scene, 2);
    merge.wake(None);
    assert_eq!(reads(&mut merge), (vec!["six".to_owned(), "seven".to_owned()], vec![Note::Gone]));
}
