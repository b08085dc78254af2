//! Versions that are no good: the old one goes on as if nothing had been, the command ends with 1 and says why.

use crate::kit::Scene;
use std::net::TcpListener;
use std::time::Duration;

/// Each bad version in turn under load; the lives that answer are the same afterwards. Then a good one, which takes over.
#[track_caller]
fn refuses(how: &str, instances: usize) {
    let scene = Scene::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let needs = format!("bind:{}", taken.local_addr().expect("bound"));
    scene.deploy("version:good");
    let keys = format!("instances = {instances}\nready = {{ notify = true }}\nstart_timeout = \"10s\"\nsoak = \"5s\"\n{how}");
    scene.up(&format!("{}{}{keys}", scene.server("delay:10"), scene.listen()));
    let load = scene.load(scene.port, Duration::ZERO);
    let mut pids: Vec<u32> = scene.house.list().iter().filter_map(|row| row.pid).collect();
    pids.sort_unstable();
    for (release, reason, line) in [
        ("never-ready", "not ready", "silent starts"),
        ("dies:100", "exit", "server: dying has no database any more"),
        (&needs, "exit", "cannot bind 127.0.0.1"),
    ] {
        let version = match release {
            "never-ready" => "silent",
            "dies:100" => "dying",
            _ => "needy",
        };
        scene.deploy(format_args!("version:{version} {release}"));
        let done = scene.reload().code(1).says(&[reason, line]);
        eprintln!("{how}{release}: {done:#?}");
        scene.is_whole(instances);
        let mut now = scene.lives();
        now.sort_unstable();
        assert_eq!(now, pids, "the old ones were touched");
        assert!(
            scene.house.list().iter().all(|row| row.restarts == 0 && row.status.word() == "ready"),
            "{:#?}",
            scene.house.list()
        );
    }
    scene.deploy("version:better");
    scene.reload().ok();
    scene.is_whole(instances);
    assert!(scene.lives().iter().all(|life| !pids.contains(life)));
    let tally = load.stop();
    eprintln!("{how}{tally}");
    tally.is_clean(1000);
    assert!(tally.by.contains_key("good") && tally.by.contains_key("better"), "{tally:#?}");
    assert!(!tally.by.contains_key("silent") || how.contains("socket"), "{tally:#?}");
}

#[test]
fn socket() {
    refuses("reload = \"socket\"\n", 1);
}

#[test]
fn bluegreen() {
    refuses("reload = \"bluegreen\"\n", 2);
}

#[test]
fn rolling() {
    refuses("reload = \"rolling\"\n", 3);
}
