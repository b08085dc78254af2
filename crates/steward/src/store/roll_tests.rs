//! Reloads in the store: what replays, what a failure gives back, and numbers that never come again.

use super::state::State;
use super::tests::disk;
use super::*;
use model::{AppName, AppSpec, Definition, Generation, InstanceId, Reload, Rolling, SlotId, SlotRef};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn name() -> AppName {
    AppName::new("web").expect("name")
}

fn definition(version: u64, instances: u32) -> Arc<Definition> {
    let mut spec = AppSpec::new(name(), vec!["serve".into(), format!("v{version}")], "/".into());
    spec.instances = instances;
    Arc::new(Definition { spec, session_env: BTreeMap::new(), umask: 0o22, source: None, project: None })
}

fn defined(version: u64, generation: u64, instances: u32, rolling: Option<Rolling>) -> Act {
    Act::define(vec![Defined {
        definition: definition(version, instances),
        generation: Generation(generation),
        run: true,
        slot_ids: (0..3).map(|index| (index, SlotId(index))).collect(),
        slot_wishes: BTreeMap::new(),
        first: Some(InstanceId(generation * 10)),
        rolling: rolling.map(Box::new),
        failed: None,
    }])
}

fn from(version: u64, generation: u64, instances: u32) -> Rolling {
    let before = definition(version, instances);
    Rolling { how: Reload::Rolling, before, generation: Generation(generation), back: false, given_up: false }
}

fn failed(generation: u64) -> Act {
    let (instance, slot) = (Some(InstanceId(21)), Some(SlotRef::new(&name(), 0)));
    let failed = FailedRoll { generation: Generation(generation), instance, slot, why: "it never became ready".to_owned() };
    Act::RolledBack { app: name(), failed, back: None }
}

fn open(folder: &Path) -> Store {
    Store::open(folder, 1000).expect("readable")
}

fn save(store: &mut Store, act: Act) {
    store.save(act, "uid 1", None, None, Some(Told::default()), 7).expect("saved");
}

fn note(store: &mut Store, act: Act) {
    store.note(act, 7).expect("noted");
}

fn app(store: &Store) -> &StoredApp {
    store.state().app(&name()).expect("there")
}

/// Whatever the store holds is held by the next one as well, after a replay of the operations and after one of a snapshot.
fn replays(store: &Store, folder: &Path) {
    assert_eq!(open(folder).state(), store.state(), "replayed");
    let mut restored = State::default();
    restored.restore(&store.state().records(7));
    assert_eq!(restored, *store.state(), "from a snapshot");
}

#[test]
fn a_reload_is_remembered_until_it_is_over() {
    let folder = disk();
    let mut store = open(folder.path());
    save(&mut store, defined(1, 1, 2, None));
    let roll = StoredRoll {
        app: name(),
        generation: app(&store).next_generation(),
        first: InstanceId(30),
        rolling: Box::new(from(1, 1, 2)),
    };
    save(&mut store, Act::Roll { apps: vec![roll], start: Vec::new() });
    replays(&store, folder.path());
    assert_eq!((app(&store).generation, app(&store).first), (Generation(2), Some(InstanceId(30))));
    assert_eq!(app(&store).rolling.as_deref(), Some(&from(1, 1, 2)));
    note(&mut store, Act::Rolled { app: name(), generation: Generation(1) });
    assert!(app(&store).rolling.is_some(), "that of another generation");
    note(&mut store, Act::Rolled { app: name(), generation: Generation(2) });
    replays(&store, folder.path());
    assert_eq!((app(&store).rolling.as_ref(), app(&store).next_generation()), (None, Generation(3)));
}

#[test]
fn a_failure_gives_the_old_definition_back_and_numbers_never_come_again() {
    let folder = disk();
    let mut store = open(folder.path());
    save(&mut store, defined(1, 1, 2, None));
    save(&mut store, defined(2, 2, 3, Some(from(1, 1, 2))));
    assert_eq!(app(&store).live_slot_ids().len(), 3);
    note(&mut store, failed(2));
    replays(&store, folder.path());
    assert_eq!((app(&store).generation, app(&store).definition.clone()), (Generation(1), definition(1, 2)));
    assert_eq!((app(&store).rolling.as_ref(), app(&store).live_slot_ids().len()), (None, 2));
    assert_eq!(app(&store).failed.as_ref().map(|failed| failed.why.as_str()), Some("it never became ready"));
    assert_eq!(app(&store).next_generation(), Generation(3), "lives of generation 2 may still be there");
    // Once more: what is told of the last failure says which number comes next.
    save(&mut store, defined(3, 3, 2, Some(from(1, 1, 2))));
    note(&mut store, failed(3));
    assert_eq!(app(&store).next_generation(), Generation(4));
    note(&mut store, failed(3));
    assert_eq!(app(&store).generation, Generation(1), "told twice, done once");
    save(&mut store, defined(4, 4, 2, Some(from(1, 1, 2))));
    note(&mut store, Act::Rolled { app: name(), generation: Generation(4) });
    replays(&store, folder.path());
    assert_eq!((app(&store).failed.as_ref(), app(&store).next_generation()), (None, Generation(5)));
}

#[test]
fn the_way_back_is_no_success() {
    let folder = disk();
    let mut store = open(folder.path());
    save(&mut store, defined(1, 1, 2, None));
    save(&mut store, defined(2, 2, 2, Some(from(1, 1, 2))));
    note(&mut store, failed(2));
    let rolling = Box::new(Rolling { back: true, ..from(2, 2, 2) });
    let roll = StoredRoll { app: name(), generation: Generation(3), first: InstanceId(30), rolling };
    note(&mut store, Act::Roll { apps: vec![roll], start: Vec::new() });
    replays(&store, folder.path());
    note(&mut store, Act::Rolled { app: name(), generation: Generation(3) });
    replays(&store, folder.path());
    assert_eq!((app(&store).generation, app(&store).definition.clone()), (Generation(3), definition(1, 2)));
    assert_eq!(app(&store).failed.as_ref().map(|failed| failed.generation), Some(Generation(2)), "why is still to be told");
    assert_eq!(app(&store).next_generation(), Generation(4));
}

#[test]
fn a_way_back_that_was_given_up_stays_so_until_another_reload_begins() {
    let folder = disk();
    let mut store = open(folder.path());
    save(&mut store, defined(1, 1, 2, None));
    save(&mut store, defined(2, 2, 2, Some(from(1, 1, 2))));
    let back = Box::new(Rolling { back: true, ..from(2, 2, 2) });
    let Act::RolledBack { app: of, failed, .. } = failed(2) else { unreachable!("that is what it makes") };
    note(&mut store, Act::RolledBack { app: of, failed, back: Some(back) });
    let given_up = |store: &Store| app(store).rolling.as_ref().map(|rolling| rolling.given_up);
    assert_eq!(given_up(&store), Some(false));
    note(&mut store, Act::GivenUp { app: name(), generation: Generation(2) });
    assert_eq!(given_up(&store), Some(false), "that is not what it has");
    note(&mut store, Act::GivenUp { app: name(), generation: Generation(1) });
    assert_eq!(given_up(&store), Some(true));
    replays(&store, folder.path());
    let rolling = app(&store).rolls_by(Reload::Rolling);
    let roll = StoredRoll { app: name(), generation: Generation(3), first: InstanceId(30), rolling };
    note(&mut store, Act::Roll { apps: vec![roll], start: Vec::new() });
    assert_eq!(given_up(&store), Some(false));
}

#[test]
fn a_signal_in_vain_gives_nothing_back() {
    let folder = disk();
    let mut store = open(folder.path());
    save(&mut store, defined(1, 1, 2, None));
    save(&mut store, defined(2, 2, 2, Some(Rolling { how: Reload::Hup, ..from(1, 1, 2) })));
    note(&mut store, failed(2));
    replays(&store, folder.path());
    assert_eq!((app(&store).generation, app(&store).definition.clone()), (Generation(2), definition(2, 2)));
    assert!(app(&store).rolling.is_none() && app(&store).failed.is_some());
    assert_eq!(app(&store).next_generation(), Generation(3));
}

#[test]
fn slots_that_only_the_old_definition_has_are_there_until_it_is_over() {
    let folder = disk();
    let mut store = open(folder.path());
    save(&mut store, defined(1, 1, 3, None));
    save(&mut store, defined(2, 2, 1, Some(from(1, 1, 3))));
    assert_eq!(app(&store).live_slot_ids().len(), 3);
    let target = StoredTarget { app: name(), slots: Some(vec![2]) };
    save(&mut store, Act::Wish { targets: vec![target], run: false });
    note(&mut store, Act::Rolled { app: name(), generation: Generation(2) });
    assert_eq!(app(&store).live_slot_ids().len(), 1);
}

#[test]
fn what_rests_is_started_by_the_same_record() {
    let folder = disk();
    let mut store = open(folder.path());
    save(&mut store, defined(1, 1, 1, None));
    let target = StoredTarget { app: name(), slots: None };
    save(&mut store, Act::Wish { targets: vec![target.clone()], run: false });
    save(&mut store, Act::Roll { apps: Vec::new(), start: vec![target] });
    replays(&store, folder.path());
    assert!(app(&store).running && app(&store).generation == Generation(1));
}
