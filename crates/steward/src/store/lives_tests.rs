//! The journal of lives, as far as a file can show it.

use super::lives::Remembered;
use super::tests::{disk, name};
use super::*;
use engine::LifeNote;
use model::{ByUser, Generation, InstanceId, LifeRecord, LogSpec, Rest, Signal, SlotId, SlotMemo, SlotRef, Stream, Tick};
use std::fs::{self, File};
use std::path::Path;

fn life(instance: u64) -> LifeNote {
    LifeNote::Life(Box::new(LifeRecord {
        instance: InstanceId(instance),
        slot: SlotRef::new(&name("a"), 0),
        slot_id: SlotId(0),
        generation: Generation(1),
        digest: 5,
        begun: Tick(9),
        pid: Some(7),
        ident: Some(8),
        stopping: Some((Tick(10), ByUser::Stop)),
        ready: None,
        fault: None,
        told: model::Told::default(),
        beside: None,
        retired: None,
        port: None,
        ended: None,
        stop_signal: Signal::TERM,
        stop_command: None,
        kill_tree: true,
        stop_timeout: std::time::Duration::from_secs(1),
        log: LogSpec::default(),
    }))
}

fn lived(folder: &Path) -> Remembered {
    let mut journal = LivesJournal::open(folder, "boot-1");
    for n in 1..=5 {
        journal.note(life(n)).expect("written");
    }
    journal.note(LifeNote::Sealed { instance: InstanceId(2), stream: Stream::Out }).expect("written");
    journal.note(LifeNote::Closed { instance: InstanceId(1) }).expect("written");
    let memo = SlotMemo { restarts: 3, streak: 2, rest: Rest::Backoff { at: Tick(5) }, ..SlotMemo::default() };
    journal.note(LifeNote::Memo { slot: SlotRef::new(&name("a"), 0), memo }).expect("written");
    journal.remembered().clone()
}

#[test]
fn lives_are_read_back_and_another_boot_forgets_them() {
    let folder = disk();
    let before = lived(folder.path());
    let journal = LivesJournal::open(folder.path(), "boot-1");
    assert_eq!((journal.remembered(), journal.is_of_other_boot()), (&before, false));
    assert_eq!((before.lives.len(), before.next, before.sealed.len()), (4, 6, 1));
    let journal = LivesJournal::open(folder.path(), "boot-2");
    let known = journal.remembered();
    assert!(journal.is_of_other_boot() && known.lives.is_empty() && known.next == 6);
    let memo = &known.memos[&SlotRef::new(&name("a"), 0)];
    assert_eq!((memo.restarts, memo.streak, &memo.rest), (3, 0, &Rest::None));
    assert!(!LivesJournal::open(folder.path(), "boot-2").is_of_other_boot());
}

#[test]
fn slots_remember_their_last_port() {
    let folder = disk();
    let mut journal = LivesJournal::open(folder.path(), "boot-1");
    let with = |n: u64, index, port| match life(n) {
        LifeNote::Life(life) => LifeNote::Life(Box::new(LifeRecord { port, slot: SlotRef::new(&name("a"), index), ..*life })),
        other => other,
    };
    for (n, index, port) in [(1, 0, Some(5000)), (2, 1, Some(5001)), (3, 0, Some(5002)), (4, 0, None)] {
        journal.note(with(n, index, port)).expect("written");
    }
    journal.note(LifeNote::Closed { instance: InstanceId(3) }).expect("written");
    let ports = |journal: &LivesJournal| journal.remembered().ports.values().copied().collect::<Vec<u16>>();
    assert_eq!(ports(&journal), [5002, 5001]);
    // Life 1 is still there, and has not the last word; nor has the end of this boot.
    for boot in ["boot-1", "boot-1", "boot-2"] {
        assert_eq!(ports(&LivesJournal::open(folder.path(), boot)), [5002, 5001], "{boot}");
    }
    journal.note(LifeNote::Forgotten { slot: SlotRef::new(&name("a"), 0) }).expect("written");
    assert_eq!(ports(&journal), [5001]);
}

#[test]
fn a_lives_journal_cut_at_every_byte_is_read() {
    let folder = disk();
    lived(folder.path());
    let bytes = fs::read(folder.path().join("lives")).expect("there");
    let home = disk();
    let mut most = 0;
    for cut in 0..=bytes.len() {
        fs::write(home.path().join("lives"), &bytes[..cut]).expect("cut");
        let mut journal = LivesJournal::open(home.path(), "boot-1");
        most = most.max(journal.remembered().next);
        assert_eq!(journal.remembered().next, most, "{cut}");
        journal.note(life(40)).expect("goes on");
        assert!(LivesJournal::open(home.path(), "boot-1").remembered().lives.contains_key(&InstanceId(40)));
    }
}

#[test]
fn a_lives_journal_that_could_not_be_written_is_written_whole_later() {
    let folder = disk();
    let mut journal = LivesJournal::open(folder.path(), "b");
    journal.note(life(1)).expect("written");
    journal.break_file(File::open("/dev/null").expect("read only"));
    journal.note(life(2)).expect("made good at once");
    assert_eq!(LivesJournal::open(folder.path(), "b").remembered().lives.len(), 2);
    for _ in 0..3000 {
        journal.note(life(2)).expect("written");
    }
    assert!(fs::metadata(folder.path().join("lives")).expect("there").len() < 300 << 10);
}
