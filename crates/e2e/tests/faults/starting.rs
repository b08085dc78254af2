//! Starts that fail, in every way and by the hundred.

use crate::SOON;
use e2e::{App, House, Pause, app_file, children_of, toml_string, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

#[test]
fn row_25_apps_that_end_at_once_cost_little() {
    let house = House::new();
    let backoff = "backoff = { min = \"2s\", max = \"60s\", threshold = 0 }";
    let apps: Vec<App> = (0..200).map(|n| App::new(&format!("f{n}"), ["false"]).with(backoff)).collect();
    house.write("abide.toml", app_file(&apps));
    house.abide(["start", "abide.toml", "--no-wait"]).ok();
    wait_until(2 * SOON, "each pauses for eight seconds at least", || {
        house.list().iter().all(|r| r.restarts >= 3 && r.pid.is_none() && r.status.word() == "backoff").then_some(())
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
    let begun = Instant::now();
    Pause::measure(Duration::from_secs(5));
    let (used, more) = (ticks() - ticks_before, restarts() - restarts_before);
    let half = begun.elapsed().as_millis() as u64 / 20;
    eprintln!("{used} ticks for {more} restarts, {half} were half a processor");
    assert!(more > 0, "restarts go on");
    assert_eq!(wishes(), wishes_before, "a restart is no wish");
    // A tick is 10 ms of processor; what one restart costs, the bench says. Here it must not be out of all proportion, on any machine: who
    // spins uses all of one.
    assert!(used < half, "{used} ticks for {more} restarts");
    let zombies = children_of(roles[2].pid).iter().filter(|c| c.1 == 'Z').count();
    assert!(zombies < 5, "{zombies} zombies");
    // Jitter: two hundred equal pauses would end in one moment.
    let next: std::collections::BTreeSet<_> = (0..20).filter_map(|n| house.detail(&format!("f{n}")).next_restart_at).collect();
    assert!(next.len() > 10, "the pauses are spread: {next:?}");
    house.abide(["stop", "all"]).ok();
}

/// What can be known beforehand is refused before anything is changed.
#[test]
fn row_27_what_cannot_run_is_refused_beforehand() {
    let house = House::new();
    house.abide(["daemon", "start"]).ok();
    let text = house.write("text", "no program at all\n").display().to_string();
    let folder = house.work().display().to_string();
    let cases: &[(&str, &str, &str, &str)] = &[
        ("missing", "/no/such/program", "", "ENOENT"),
        ("unknown", "no-such-program-anywhere", "", "ENOENT"),
        ("denied", &text, "", "EACCES"),
        ("folder", &folder, "", "EACCES"),
        ("nocwd", "/bin/true", "cwd = \"/no/such/folder\"", "ENOENT"),
    ];
    for (name, program, line, errno) in cases {
        let good = App::puppet("good", &house.puppet(), "hang");
        let file = house.write("abide.toml", app_file(&[good, App::new(name, [*program]).with(line)]));
        let named = if line.is_empty() { program } else { "/no/such/folder" };
        house.abide(["up", file.to_str().expect("plain")]).code(1).says(&[name, named, errno]);
        assert_eq!(house.list(), [], "{name}: all or nothing");
    }
    house.abide(["start", "no-such-program-anywhere"]).code(1).says(&["no-such-program-anywhere"]);
    assert_eq!(house.list(), []);
    assert_eq!(house.events(None).iter().filter(|e| e.event == "defined").count(), 0);
}

/// What the system refuses later is a failed birth, with its stage and errno.
#[test]
fn row_27_each_way_to_fail_at_exec_is_told() {
    let house = House::new();
    house.write("odd", [0x7f, b'E', b'L', b'F', 9, 9, 9]);
    house.write("script", "#!/no/such/interpreter\n");
    for name in ["busy", "fleeting"] {
        fs::copy("/bin/sleep", house.file(name)).expect("a program can be copied");
    }
    for name in ["odd", "script", "busy", "fleeting"] {
        fs::set_permissions(house.file(name), fs::Permissions::from_mode(0o755)).expect("our own file");
    }
    fs::create_dir(house.file("place")).expect("our own folder");
    // Somebody writes to this program for as long as the test runs.
    let _writer = fs::OpenOptions::new().append(true).open(house.file("busy")).expect("our own file");
    let path = |name: &str| house.file(name).display().to_string();
    let app = |name: &str, cmd: &[&str]| App::new(name, cmd.iter().copied()).with("max_restarts = 1");
    house.up(&app_file(&[
        app("fleeting", &[&path("fleeting"), "1000"]),
        app("placed", &["sleep", "1000"]).with(&format!("cwd = {}", toml_string(&path("place")))),
    ]));
    fs::remove_file(house.file("fleeting")).expect("our own file");
    fs::remove_dir(house.file("place")).expect("our own folder");
    house.abide(["restart", "fleeting", "placed"]).code(1);
    house.write(
        "abide.toml",
        app_file(&[app("format", &[&path("odd")]), app("interp", &[&path("script")]), app("busy", &[&path("busy"), "1000"])]),
    );
    house.abide(["up"]).code(1);
    let cases = [
        ("fleeting", "exec", "ENOENT"),
        ("placed", "cwd", "ENOENT"),
        ("format", "exec", "ENOEXEC"),
        ("interp", "exec", "ENOENT"),
        ("busy", "exec", "ETXTBSY"),
    ];
    for (name, stage, errno) in cases {
        let row = house.until_status(&format!("{name}-0"), "errored", SOON);
        let exit = row.exit.clone().expect("an end");
        assert_eq!((exit.failed.as_deref(), exit.errno.as_deref()), (Some(stage), Some(errno)), "{name}: {row:?}");
        assert_eq!((row.restarts, row.pid), (1, None), "{name}");
        let status = house.abide(["status", name]).ok();
        assert!(status.out.contains(errno), "{name}: {status:#?}");
    }
    let [_, _, keeper] = house.roles(SOON);
    wait_until(SOON, "there is no zombie", || (!children_of(keeper.pid).iter().any(|child| child.1 == 'Z')).then_some(()));
}
