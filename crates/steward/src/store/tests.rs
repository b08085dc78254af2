//! Row 12 to 15 of reliability.md, as far as a file can show them.

use super::record::Record;
use super::state::State;
use super::*;
use model::{AppName, AppSpec, Definition, Generation, InstanceId, Rest, SlotId, SlotRef};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A folder for one store; in memory where there is one, as thousands of stores are written to their disks here.
pub(super) fn disk() -> TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(place).expect("tempdir")
}

pub(super) fn name(text: &str) -> AppName {
    AppName::new(text).expect("name")
}

fn define(app: &str, id: u32, run: bool) -> Act {
    let spec = AppSpec::new(name(app), vec!["sleep".into(), "1".into()], "/".into());
    let definition = Definition { spec, session_env: BTreeMap::new(), umask: 0o22, source: None, project: None };
    let slot_ids = BTreeMap::from([(0, SlotId(id))]);
    let (definition, generation) = (Arc::new(definition), Generation(1));
    Act::define(vec![Defined {
        definition,
        generation,
        run,
        slot_ids,
        slot_wishes: BTreeMap::new(),
        first: None,
        rolling: None,
        failed: None,
    }])
}

fn wish(app: &str, slots: Option<Vec<u32>>, run: bool) -> Act {
    Act::Wish { targets: vec![StoredTarget { app: name(app), slots }], run }
}

fn save(store: &mut Store, act: Act) -> u64 {
    store.save(act, "uid 1", None, None, Some(Told::default()), 7).expect("saved")
}

fn open(folder: &Path) -> Store {
    Store::open(folder, 1000).expect("readable")
}

fn names(store: &Store) -> Vec<&str> {
    store.state().apps.iter().map(|app| app.name().as_str()).collect()
}

fn sample(folder: &Path) -> State {
    let mut store = open(folder);
    for (id, app) in ["a", "b", "c", "d"].iter().enumerate() {
        save(&mut store, define(app, id as u32, true));
    }
    save(&mut store, wish("b", None, false));
    save(&mut store, wish("c", Some(vec![0]), false));
    store.note(Act::Errored { slot: SlotRef::new(&name("d"), 0), why: "loop".into() }, 7).expect("noted");
    store.note(Act::Reserve { until: 1001 }, 7).expect("noted");
    store.state().clone()
}

#[test]
fn what_was_wished_is_read_back() {
    let folder = disk();
    let before = sample(folder.path());
    let store = open(folder.path());
    assert_eq!(*store.state(), before);
    assert_eq!((store.state().op, store.state().next_slot_id, store.state().reserve), (8, 4, 1001));
    assert!(store.damage().is_empty() && store.read_only().is_none());
    let app = store.state().app(&name("c")).expect("there");
    assert!(app.running && !app.slot_wishes[&0]);
    let mut memos = BTreeMap::new();
    store.state().put_errored(&mut memos);
    assert_eq!(memos[&SlotRef::new(&name("d"), 0)].rest, Rest::Errored { why: "loop".into() });
}

#[test]
fn a_reset_forgets_that_it_was_given_up_and_wishes_nothing() {
    let folder = disk();
    let before = sample(folder.path());
    let mut store = open(folder.path());
    let targets = vec![StoredTarget { app: name("c"), slots: None }, StoredTarget { app: name("d"), slots: Some(vec![0]) }];
    save(&mut store, Act::Reset { targets });
    drop(store);
    let store = open(folder.path());
    assert!(store.state().errored.is_empty());
    assert_eq!(store.state().apps, before.apps);
}

#[test]
fn a_wish_clears_what_was_given_up_and_a_deleted_app_is_gone_after_a_restart() {
    let folder = disk();
    sample(folder.path());
    let mut store = open(folder.path());
    save(&mut store, wish("d", Some(vec![0]), true));
    save(&mut store, Act::Delete { apps: vec![name("a")] });
    assert!(store.state().errored.is_empty() && store.state().app(&name("a")).expect("going").deleting);
    drop(store);
    let mut store = open(folder.path());
    assert_eq!(names(&store), ["b", "c", "d"]);
    save(&mut store, define("a", 4, true));
    assert_eq!(store.state().next_slot_id, 5, "ids are never used again");
}

#[test]
fn cut_at_every_byte_keeps_everything_before() {
    let folder = disk();
    sample(folder.path());
    let bytes = fs::read(folder.path().join("operations")).expect("there");
    let mut last = 0;
    for cut in (0..=bytes.len()).step_by(if cfg!(miri) { 97 } else { 1 }) {
        let home = disk();
        fs::write(home.path().join("operations"), &bytes[..cut]).expect("cut");
        let mut store = open(home.path());
        assert!(store.state().op >= last, "{cut}");
        last = store.state().op;
        // And it goes on from there.
        let op = save(&mut store, define("later", 99, false));
        assert_eq!(op, last + 1);
        drop(store);
        let store = open(home.path());
        assert_eq!(store.state().op, op, "{cut}");
        assert!(store.damage().is_empty(), "{cut}: said once, then mended");
        assert!(names(&store).contains(&"later"));
    }
    assert_eq!(last, 8);
}

#[test]
fn a_damaged_record_takes_no_other_with_it() {
    let folder = disk();
    sample(folder.path());
    let bytes = fs::read(folder.path().join("operations")).expect("there");
    let second = bytes.iter().position(|b| *b == b'\n').expect("a line") + 40;
    for hurt in [second, second - 41] {
        let home = disk();
        let mut copy = bytes.clone();
        copy[hurt] ^= 0x10;
        fs::write(home.path().join("operations"), &copy).expect("hurt");
        let store = open(home.path());
        assert!(names(&store).len() >= 3, "{:?}", names(&store));
        assert!(store.damage()[0].contains("damaged"), "{:?}", store.damage());
        let evidence = fs::read(home.path().join("damaged-1000")).expect("set aside");
        assert!(!evidence.is_empty());
        assert_eq!(names(&open(home.path())), names(&store));
    }
}

#[test]
fn a_zeroed_tail_and_random_flips_never_panic() {
    let folder = disk();
    sample(folder.path());
    let bytes = fs::read(folder.path().join("operations")).expect("there");
    for at in (0..bytes.len()).step_by(3) {
        let home = disk();
        let mut copy = bytes.clone();
        copy[at..].fill(0);
        fs::write(home.path().join("operations"), &copy).expect("zeroed");
        fs::write(home.path().join("snapshot"), &bytes[at / 2..at]).expect("nonsense");
        let store = open(home.path());
        let _ = names(&store);
    }
}

#[test]
fn a_future_version_is_left_alone() {
    let folder = disk();
    sample(folder.path());
    let path = folder.path().join("operations");
    let mut text = fs::read_to_string(&path).expect("there");
    text.push_str(&frame::frame("{\"v\":2,\"op\":9,\"at\":1,\"actor\":\"x\",\"do\":{\"teleport\":{}}}"));
    fs::write(&path, &text).expect("from the future");
    let mut store = open(folder.path());
    assert_eq!(names(&store).len(), 4, "what is understood is served");
    assert!(store.read_only().expect("refused").contains("later abide"));
    assert!(matches!(store.save(define("e", 9, true), "x", None, None, None, 7), Err(SaveError::Refused(_))));
    let _ = store.note(Act::Reserve { until: 5000 }, 7);
    drop(store);
    assert_eq!(fs::read_to_string(&path).expect("there"), text, "not a byte changed");
    assert!(!folder.path().join("snapshot").exists());
}

#[test]
fn a_failed_save_changes_nothing_and_is_healed_by_the_next() {
    let folder = disk();
    let mut store = open(folder.path());
    save(&mut store, define("a", 0, true));
    let before = store.state().clone();
    let good = store.swap_file(File::open("/dev/null").expect("read only"));
    assert!(matches!(store.save(define("b", 1, true), "x", None, None, None, 7), Err(SaveError::Io(_))));
    assert_eq!(*store.state(), before);
    assert!(store.note(Act::Reserve { until: 77 }, 7).is_err());
    assert_eq!(store.state().reserve, 77, "our own facts count at once");
    assert!(store.read_only().is_some());
    store.swap_file(good);
    save(&mut store, define("c", 1, true));
    assert!(store.read_only().is_none());
    drop(store);
    let store = open(folder.path());
    assert_eq!((names(&store), store.state().reserve), (vec!["a", "c"], 77));
}

#[test]
fn compaction_keeps_everything_and_may_be_cut_short() {
    let folder = disk();
    let mut store = open(folder.path());
    save(&mut store, define("a", 0, true));
    let stale = fs::read(folder.path().join("operations")).expect("there");
    for n in 0..1100 {
        save(&mut store, wish("a", None, n % 2 == 0));
    }
    let before = store.state().clone();
    drop(store);
    let size = fs::metadata(folder.path().join("operations")).expect("there").len();
    assert!(size < 64 << 10 && folder.path().join("snapshot").exists(), "{size}");
    assert_eq!(*open(folder.path()).state(), before);
    // The snapshot was renamed, the operations were not begun anew: nothing is done twice.
    let home = disk();
    fs::copy(folder.path().join("snapshot"), home.path().join("snapshot")).expect("copy");
    fs::write(home.path().join("operations"), stale).expect("stale");
    let store = open(home.path());
    assert!(!store.state().app(&name("a")).expect("there").running || store.state().op > 1);
}

#[test]
fn recent_operations_survive_a_snapshot() {
    let folder = disk();
    let mut store = open(folder.path());
    let goal = Goal::Run { floor: InstanceId(5), patient: true, ready: true };
    let slots = vec![(SlotRef::new(&name("a"), 0), goal)];
    let track = Track { kind: api::OperationKind::Apply, slots, apply: None };
    let op = store.save(define("a", 0, true), "uid 7", Some("k1"), Some(track.clone()), Some(Told::default()), 7).expect("saved");
    for n in 0..1100 {
        save(&mut store, wish("a", None, n % 2 == 0));
    }
    drop(store);
    let store = open(folder.path());
    let recent = &store.state().recent[0];
    assert_eq!((recent.op, recent.key.as_deref(), &recent.track), (op, Some("k1"), &track));
}

#[test]
fn records_have_the_written_form() {
    let record =
        Record { v: 1, op: 4, at: 9, actor: "uid 1".into(), key: None, track: None, told: None, act: wish("a", None, true) };
    let json = serde_json::to_string(&record).expect("json");
    assert_eq!(json, r#"{"v":1,"op":4,"at":9,"actor":"uid 1","do":{"wish":{"targets":[{"app":"a"}],"run":true}}}"#);
}

#[test]
fn the_managers_settings_outlive_compaction_and_older_records_name_nobody() {
    let folder = disk();
    let total = |max| model::DaemonSettings { log_total_max: Some(max), ..model::DaemonSettings::default() };
    let files = |count| model::DaemonSettings { log_max_files: Some(count), ..model::DaemonSettings::default() };
    let mut store = open(folder.path());
    let mut set = |source: &str, new: &model::DaemonSettings| {
        let Act::Define { apps, start, remove, profiles, daemon, .. } = Act::define(Vec::new()) else { panic!("that is one") };
        let of = |source: &str| vec![model::SettingsOf { source: source.to_owned(), settings: new.clone() }];
        let (daemon, settings) = if source.is_empty() { (new.clone(), Vec::new()) } else { (daemon, of(source)) };
        save(&mut store, Act::Define { apps, start, daemon, settings, remove, profiles })
    };
    set("", &model::DaemonSettings { log_max_files: Some(3), ..total(7) });
    set("/a", &files(4));
    let second = set("/b", &total(9));
    set("/a", &files(5));
    set("/a", &total(9));
    store.note(Act::Settings { of: model::SettingsOf { source: "daemon.toml".into(), settings: total(9) } }, 7).expect("noted");
    let want = model::DaemonSettings { log_max_files: Some(3), ..total(9) };
    assert_eq!(store.state().daemon(), want);
    assert_eq!(store.state().settings.origins()["log_max_files"], "an earlier apply");
    let before: Vec<_> =
        store.state().past.iter().filter(|past| past.op > second).flat_map(|past| past.done.settings.clone()).collect();
    assert_eq!(
        before.iter().map(|of| of.settings.log_max_files).collect::<Vec<_>>(),
        [Some(4), Some(5)],
        "what a rollback goes back to"
    );
    let mut again = State::default();
    again.restore(&store.state().records(0));
    assert_eq!(&again, store.state());
    drop(store);
    assert_eq!(open(folder.path()).state().settings, again.settings);
    let older = r#"{"v":1,"op":1,"at":0,"actor":"x","do":{"base":{"next_slot_id":1,"reserve":2}}}"#;
    let record: Record = serde_json::from_str(older).expect("read");
    let mut state = State::default();
    state.apply(&record);
    assert!(state.daemon().is_empty());
}
