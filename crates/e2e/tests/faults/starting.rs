//! Starts that fail, in every way and by the hundred.

use crate::SOON;
use e2e::{App, House, Pause, app_file, children_of, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[test]
fn row_25_apps_that_end_at_once_cost_little() {
    let house = House::new();
    let backoff = "backoff = { min = \"2s\", max = \"60s\", threshold = 0 }";
    let apps: Vec<App> = (0..200).map(|n| App::new(&format!("f{n}"), ["false"]).with(backoff)).collect();
    house.write("abide.toml", app_file(&apps));
    house.abide(["start", "abide.toml", "--no-wait"]).ok();
    wait_until(Duration::from_secs(60), "each has failed at least twice", || {
        house.list().iter().all(|r| r.restarts >= 1 && r.pid.is_none() && r.status.word() == "backoff").then_some(())
    });
    let wishes = || {
        let files = fs::read_dir(house.home().join("store")).expect("the store").flatten();
        let wishes = files.filter(|e| e.file_name() != "lives");
        wishes.map(|e| (e.file_name(), e.metadata().expect("a file").len())).collect::<std::collections::BTreeMap<_, _>>()
    };
    let roles = house.roles(SOON);
    let ticks = || roles.iter().map(|r| r.cpu_ticks()).sum::<u64>();
    let restarts = || house.list().iter().map(|r| u64::from(r.restarts)).sum::<u64>();
    let (wishes_before, ticks_before, restarts_before) = (wishes(), ticks(), restarts());
    Pause::measure(Duration::from_secs(5));
    let (used, more) = (ticks() - ticks_before, restarts() - restarts_before);
    assert!(more > 0, "restarts go on");
    assert_eq!(wishes(), wishes_before, "a restart is no wish");
    assert!(used < 100, "{used} ticks of 500 for {more} restarts");
    let zombies = children_of(roles[2].pid).iter().filter(|c| c.1 == 'Z').count();
    assert!(zombies < 5, "{zombies} zombies");
    // Jitter: two hundred equal pauses would end in one moment.
    let next: std::collections::BTreeSet<_> = (0..20).filter_map(|n| house.detail(&format!("f{n}")).next_restart_at).collect();
    assert!(next.len() > 10, "the pauses are spread: {next:?}");
    house.abide(["stop", "all"]).ok();
}

#[test]
fn row_27_each_way_to_fail_at_exec_is_told() {
    let house = House::new();
    house.write("text", "no program at all\n");
    house.write("odd", [0x7f, b'E', b'L', b'F', 9, 9, 9]);
    house.write("script", "#!/no/such/interpreter\n");
    fs::copy("/bin/true", house.file("busy")).expect("a program can be copied");
    for name in ["odd", "script", "busy"] {
        fs::set_permissions(house.file(name), fs::Permissions::from_mode(0o755)).expect("our own file");
    }
    // Somebody writes to this program for as long as the test runs.
    let _writer = fs::OpenOptions::new().append(true).open(house.file("busy")).expect("our own file");
    let path = |name: &str| house.file(name).display().to_string();
    let long = "x".repeat(200_000);
    let cases: Vec<(&str, Vec<String>, String, &str, &str)> = vec![
        ("missing", vec!["/no/such/program".into()], String::new(), "exec", "ENOENT"),
        ("denied", vec![path("text")], String::new(), "exec", "EACCES"),
        ("format", vec![path("odd")], String::new(), "exec", "ENOEXEC"),
        ("interp", vec![path("script")], String::new(), "exec", "ENOENT"),
        ("folder", vec![house.work().display().to_string()], String::new(), "exec", "EACCES"),
        ("busy", vec![path("busy")], String::new(), "exec", "ETXTBSY"),
        ("big", vec!["/bin/true".into()], format!("env = {{ BIG = \"{long}\" }}"), "exec", "E2BIG"),
        ("nocwd", vec!["/bin/true".into()], "cwd = \"/no/such/folder\"".into(), "cwd", "ENOENT"),
    ];
    for (name, cmd, line, stage, errno) in cases {
        let app = App::new(name, cmd).with(&line).with("max_restarts = 1");
        let file = house.write(&format!("{name}.toml"), app_file(&[app]));
        let done = house.abide(["up", file.to_str().expect("plain")]);
        assert_eq!(done.code, Some(1), "{name}: {done:#?}");
        let row = house.until_status(&format!("{name}-0"), "errored", SOON);
        let exit = row.exit.clone().expect("an end");
        assert_eq!((exit.failed.as_deref(), exit.errno.as_deref()), (Some(stage), Some(errno)), "{name}: {row:?}");
        assert_eq!((row.restarts, row.pid), (1, None), "{name}");
        let status = house.abide(["status", name]).ok();
        assert!(status.out.contains(errno), "{name}: {status:#?}");
    }
    let [_, _, keeper] = house.roles(SOON);
    assert_eq!(children_of(keeper.pid).iter().filter(|c| c.1 == 'Z').count(), 0, "no zombie");
}
