//! What is remembered for a rollback: rows 12 to 15 of reliability.md hold for it as well.

use super::past::{APPS, OPERATIONS, Past};
use super::record::Record;
use super::state::State;
use super::tests::disk;
use super::*;
use api::{OperationKind, RememberedProfile};
use model::{AppName, AppSpec, Change, Definition, Generation, InstanceId, Plan, Planned, Project, SlotId};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

fn name(text: &str) -> AppName {
    AppName::new(text).expect("name")
}

fn defined(app: &str, version: u64) -> Defined {
    let mut spec = AppSpec::new(name(app), vec!["sleep".into(), version.to_string()], "/".into());
    spec.env.insert("V".into(), version.to_string());
    let (source, project) = (Some("/shop/abide.toml".into()), Some(Project { name: "shop".into(), folder: None }));
    let session_env = BTreeMap::from([("SESSION".to_owned(), version.to_string())]);
    let definition = Arc::new(Definition { spec, session_env, umask: 0o22, source, project });
    let slot_ids = BTreeMap::from([(0, SlotId(0))]);
    let (generation, slot_wishes, first) = (Generation(version), BTreeMap::new(), Some(InstanceId(version)));
    Defined { definition, generation, run: true, slot_ids, slot_wishes, first, rolling: None, failed: None }
}

fn told(change: Change, apps: &[&str]) -> Told {
    let planned = |app: &&str| {
        let (differences, steps, notes) = (Vec::new(), Vec::new(), Vec::new());
        Planned { app: name(app), change, differences, steps, notes }
    };
    let plan = Plan { apps: apps.iter().map(planned).collect(), settings: Vec::new() };
    Told { plan, proven: apps.iter().map(|app| name(app)).collect(), back_to: None }
}

fn save(store: &mut Store, kind: OperationKind, act: Act, told: Told) -> u64 {
    let track = Track { kind, slots: Vec::new(), apply: None };
    store.save(act, "uid 1", None, Some(track), Some(told), 7).expect("saved")
}

fn apply(store: &mut Store, apps: &[&str], version: u64) -> u64 {
    let act = Act::define(apps.iter().map(|app| defined(app, version)).collect());
    save(store, OperationKind::Apply, act, told(Change::Change, apps))
}

/// Two apps that were defined, changed, stopped in part, pruned, and defined again; a profile that is remembered.
fn sample(folder: &Path) -> State {
    let mut store = Store::open(folder, 1000).expect("readable");
    apply(&mut store, &["a", "b"], 1);
    apply(&mut store, &["a"], 2);
    let slots = vec![StoredTarget { app: name("a"), slots: Some(vec![0]) }];
    let track = Track { kind: OperationKind::Stop, slots: Vec::new(), apply: None };
    store.save(Act::Wish { targets: slots, run: false }, "uid 1", None, Some(track), None, 8).expect("saved");
    let Act::Define { apps, start, daemon, settings, .. } = Act::define(vec![defined("c", 1)]) else { panic!("that is one") };
    let project = Project { name: "shop".into(), folder: None };
    let profiles = vec![RememberedProfile { project, profile: Some("prod".into()) }];
    let act = Act::Define { apps, start, daemon, settings, remove: vec![name("a"), name("b")], profiles };
    save(&mut store, OperationKind::Apply, act, Told { back_to: Some(1), ..told(Change::Remove, &["c", "a", "b"]) });
    for app in ["a", "b"] {
        store.note(Act::Gone { app: name(app) }, 9).expect("noted");
    }
    apply(&mut store, &["b"], 3);
    save(&mut store, OperationKind::Delete, Act::Delete { apps: vec![name("c")] }, told(Change::Remove, &["c"]));
    store.state().clone()
}

fn versions(state: &State) -> Vec<String> {
    let version = |was: &Option<Was>| was.as_ref().map_or("-".to_owned(), |was| was.definition.spec.env["V"].clone());
    let one = |past: &Past| {
        let apps: Vec<String> = past.done.before.iter().map(|b| format!("{} {}", b.app, version(&b.was))).collect();
        format!("{}: {}", past.op, apps.join(", "))
    };
    state.past.iter().map(one).collect()
}

#[test]
fn what_was_replaced_is_known_also_after_a_restart_and_a_snapshot() {
    let folder = disk();
    let before = sample(folder.path());
    assert_eq!(versions(&before), ["1: a -, b -", "2: a 1", "4: c -, a 2, b 1", "7: b -", "8: c 1"]);
    let removed = &before.past.iter().nth(2).expect("there").done;
    let was = removed.before[1].was.as_ref().expect("it was there");
    assert_eq!((was.run, was.slot_wishes.get(&0), was.proven, was.generation), (true, Some(&false), true, Generation(2)));
    assert_eq!((was.definition.session_env["SESSION"].as_str(), removed.back_to), ("2", Some(1)));
    assert_eq!(before.profiles.values().collect::<Vec<_>>(), ["prod"]);
    assert_eq!(removed.profiles.iter().map(|of| of.profile.as_deref()).collect::<Vec<_>>(), [None], "none was remembered before");
    let store = Store::open(folder.path(), 1000).expect("readable");
    let mut settled = before.clone();
    settled.settle();
    assert_eq!(*store.state(), settled);
    let mut again = State::default();
    again.restore(&settled.records(9));
    assert_eq!(again, settled);
}

#[test]
fn cut_and_flipped_anywhere_nothing_else_is_lost() {
    let folder = disk();
    let whole = versions(&sample(folder.path()));
    let bytes = fs::read(folder.path().join("operations")).expect("there");
    let home = disk();
    let reopen = |bytes: &[u8]| {
        for file in fs::read_dir(home.path()).expect("there").flatten() {
            fs::remove_file(file.path()).expect("removed");
        }
        fs::write(home.path().join("operations"), bytes).expect("written");
        Store::open(home.path(), 1000).expect("readable")
    };
    let step = |wide: usize| if cfg!(miri) { 997 } else { wide };
    for cut in (0..=bytes.len()).step_by(step(31)) {
        let store = reopen(&bytes[..cut]);
        let got = versions(store.state());
        assert_eq!(got, whole[..got.len()], "cut at {cut}");
    }
    for at in (0..bytes.len()).step_by(step(101)) {
        let mut hurt = bytes.clone();
        hurt[at] ^= 0x04;
        let store = reopen(&hurt);
        let known = versions(store.state());
        // One operation is lost and said to be; what the others replaced is still told, as far as it was there.
        assert!(known.len() + 1 >= whole.len() && (known == whole || !store.damage().is_empty()), "{at}: {known:?}");
    }
}

#[test]
fn records_of_an_older_steward_are_read_and_nothing_before_them_can_be_gone_back_to() {
    let folder = disk();
    let definition = serde_json::to_string(&*defined("old", 1).definition).expect("json");
    let define =
        format!(r#"{{"define":{{"apps":[{{"definition":{definition},"generation":1,"run":true,"slot_ids":{{"0":0}}}}]}}}}"#);
    let base = r#"{"base":{"next_slot_id":1,"reserve":1001}}"#;
    let record = |op: u64, act: &str| frame::frame(&format!(r#"{{"v":1,"op":{op},"at":1,"actor":"x","do":{act}}}"#));
    fs::write(folder.path().join("snapshot"), record(5, base) + &record(5, &define)).expect("written");
    fs::write(folder.path().join("operations"), record(6, r#"{"delete":{"apps":["old"]}}"#)).expect("written");
    let mut store = Store::open(folder.path(), 1000).expect("readable");
    assert!(store.read_only().is_none() && store.state().apps.is_empty());
    assert_eq!((store.state().past.earliest(), store.state().past.iter().count()), (6, 0));
    apply(&mut store, &["new"], 1);
    assert_eq!(versions(store.state()), ["7: new -"]);
    assert_eq!(store.state().past.earliest(), 6);
}

#[test]
fn a_later_kind_of_record_is_left_alone() {
    let folder = disk();
    let before = versions(&sample(folder.path()));
    let path = folder.path().join("operations");
    let mut text = fs::read_to_string(&path).expect("there");
    text.push_str(&frame::frame(r#"{"v":2,"op":99,"at":1,"actor":"x","told":{"moon":1},"do":{"define":{"apps":[]}}}"#));
    fs::write(&path, &text).expect("from the future");
    let mut store = Store::open(folder.path(), 1000).expect("readable");
    assert_eq!(versions(store.state()), before, "what is understood is served");
    let act = Act::define(vec![defined("a", 9)]);
    assert!(matches!(store.save(act, "x", None, None, Some(Told::default()), 7), Err(SaveError::Refused(_))));
    assert_eq!(versions(store.state()), before);
    drop(store);
    assert_eq!(fs::read_to_string(&path).expect("there"), text, "not a byte changed");
}

#[test]
fn what_could_not_be_written_was_not_done() {
    let folder = disk();
    sample(folder.path());
    let mut store = Store::open(folder.path(), 1000).expect("readable");
    let before = store.state().clone();
    let good = store.swap_file(File::open("/dev/null").expect("read only"));
    let act = Act::define(vec![defined("b", 4)]);
    assert!(matches!(store.save(act, "x", None, None, Some(told(Change::Change, &["b"])), 7), Err(SaveError::Io(_))));
    assert_eq!(*store.state(), before);
    store.swap_file(good);
    apply(&mut store, &["b"], 4);
    let known = versions(store.state());
    drop(store);
    assert_eq!(versions(Store::open(folder.path(), 1000).expect("readable").state()), known);
    assert!(known.last().is_some_and(|last| last.ends_with("b 3")), "{known:?}");
}

#[test]
fn so_many_are_kept_and_the_oldest_go_first() {
    let folder = disk();
    let mut store = Store::open(folder.path(), 1000).expect("readable");
    let ops: Vec<u64> = (0..OPERATIONS as u64 + 20).map(|version| apply(&mut store, &["a"], version)).collect();
    assert_eq!((store.state().past.iter().count(), store.state().past.earliest()), (OPERATIONS, ops[19]));
    // What changes nothing makes no other forgotten.
    save(&mut store, OperationKind::Apply, Act::define(Vec::new()), Told::default());
    assert_eq!(store.state().past.earliest(), ops[19]);
    let mut state = State::default();
    let names: Vec<AppName> = (0..APPS / 4).map(|at| name(&format!("app{at}"))).collect();
    for op in 1..=6u64 {
        let apps = names.iter().map(|app| defined(app.as_str(), op)).collect();
        let (act, told) = (Act::define(apps), Some(Told::default()));
        state.apply(&Record { v: 1, op, at: 1, actor: "x".into(), key: None, track: None, told, act });
    }
    assert_eq!((state.past.iter().count(), state.past.earliest()), (4, 2));
    drop(store);
    let store = Store::open(folder.path(), 1000).expect("readable");
    assert_eq!((store.state().past.iter().count(), store.state().past.earliest()), (OPERATIONS, ops[19]));
}

#[test]
fn an_operation_is_one_line_however_much_it_replaces() {
    let folder = disk();
    let mut store = Store::open(folder.path(), 1000).expect("readable");
    let lines = || fs::read_to_string(folder.path().join("operations")).expect("there").lines().count();
    apply(&mut store, &["a", "b", "c"], 1);
    apply(&mut store, &["a", "b", "c"], 2);
    assert_eq!(lines(), 2);
    let text = fs::read_to_string(folder.path().join("operations")).expect("there");
    let second = text.lines().nth(1).expect("a line");
    assert!(!second.contains(r#""V":"1""#), "what was before is not written a second time: {second}");
}
