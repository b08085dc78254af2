//! Files about ports, sockets and reloads that load, and what they mean.

mod support;

use model::{BACKLOG, HookPoint, Listen, ListenAddress, Port, Reload, Renewal, Sticky};
use std::time::Duration;
use support::World;

fn lines(lines: &str) -> model::AppSpec {
    World::default().var("N", "3").lines(lines)
}

fn tcp(address: &str) -> Listen {
    let address = ListenAddress::Tcp(address.parse().expect("an address"));
    let name = address.port().map(|port| port.to_string()).unwrap_or_default();
    Listen { address, name, backlog: BACKLOG, reuse_port: false, mode: None }
}

fn unix(path: &str, name: &str) -> Listen {
    Listen { address: ListenAddress::Unix(path.into()), name: name.to_owned(), ..tcp("127.0.0.1:1") }
}

#[test]
fn ports() {
    for (value, want) in [
        ("3000", Some(Port::Fixed(3000))),
        ("'3000'", Some(Port::Fixed(3000))),
        ("'3000-3003'", Some(Port::Range(3000, 3003))),
        ("'3000-3000'", Some(Port::Range(3000, 3000))),
        ("'auto'", Some(Port::Auto(20_000, 29_999))),
        ("'auto:5000-5100'", Some(Port::Auto(5000, 5100))),
        ("'300${N}'", Some(Port::Fixed(3003))),
        ("'none'", None),
    ] {
        assert_eq!(lines(&format!("port = {value}")).port, want, "{value}");
    }
    assert_eq!(lines("port = '3000-3002'\ninstances = 3").port, Some(Port::Range(3000, 3002)));
    assert_eq!(lines("port = 3000\ninstances = 0").port, Some(Port::Fixed(3000)));
    let over = World::default().app("[defaults]\nport = 3000\n[apps.a]\ncmd='x'\nport='none'\ninstances=2");
    assert_eq!(over.port, None);
}

#[test]
fn a_port_is_filled_in_where_there_is_one() {
    for text in ["port = 'auto'", "listen = 'tcp://*:80'", "listen = ['unix:x', 'tcp://*:80']"] {
        let spec = lines(&format!(
            "{text}\nargs = ['{{{{port}}}}']\nenv.URL = 'http://127.0.0.1:{{{{port}}}}/'\nhealth_tcp = '{{{{port}}}}'"
        ));
        assert_eq!((spec.argv[1].as_str(), spec.env["URL"].as_str()), ("{{port}}", "http://127.0.0.1:{{port}}/"), "{text}");
    }
    assert_eq!(lines("args = ['{{{{port}}']").argv[1], "{{{{port}}", "the text itself needs none");
}

#[test]
fn sockets() {
    let udp = |text: &str| Listen { address: ListenAddress::Udp(text.parse().expect("an address")), ..tcp(text) };
    for (value, want) in [
        ("[]", vec![]),
        ("'tcp://127.0.0.1:3000'", vec![tcp("127.0.0.1:3000")]),
        ("['tcp://*:80', 'udp://*:80']", vec![tcp("0.0.0.0:80"), udp("0.0.0.0:80")]),
        ("['tcp://localhost:80', 'tcp://[::1]:80']", vec![tcp("127.0.0.1:80"), tcp("[::1]:80")]),
        ("'unix:run/web.api.sock'", vec![unix("/srv/shop/run/web.api.sock", "web.api")]),
        (
            "['unix:/run/x', 'unix:///run/a:b.sock', 'unix:~/y']",
            vec![unix("/run/x", "x"), unix("/run/a:b.sock", "a_b"), unix("/home/u/y", "y")],
        ),
        ("{ address = 'tcp://*:80' }", vec![tcp("0.0.0.0:80")]),
        (
            "[{ address = 'tcp://*:80', name = 'http', backlog = 5, reuse_port = true }]",
            vec![Listen { name: "http".into(), backlog: 5, reuse_port: true, ..tcp("0.0.0.0:80") }],
        ),
        ("{ address = 'unix:/x', mode = '660' }", vec![Listen { mode: Some(0o660), ..unix("/x", "x") }]),
        ("{ address = 'unix:/x', mode = 0o600 }", vec![Listen { mode: Some(0o600), ..unix("/x", "x") }]),
        ("'tcp://127.0.0.1:${N}'", vec![tcp("127.0.0.1:3")]),
    ] {
        assert_eq!(lines(&format!("listen = {value}")).listen, want, "{value}");
    }
    let tables = lines("[[apps.a.listen]]\naddress = 'tcp://*:80'\n[[apps.a.listen]]\naddress = 'unix:/x'");
    assert_eq!(tables.listen, [tcp("0.0.0.0:80"), unix("/x", "x")]);
    let both = lines(
        "[[apps.a.listen]]\naddress='tcp://*:80'\nreuse_port=true\n[[apps.a.listen]]\naddress='tcp://127.0.0.1:80'\nreuse_port=true",
    );
    assert_eq!(both.listen.len(), 2, "the kernel lets them stand beside each other");
    let above = lines("listen = ['tcp://*:80', 'tcp://*:81']\nready.fd = 5");
    assert_eq!(above.ready, Some(model::Readiness::Fd { number: Some(5) }));
}

#[test]
fn an_included_file_has_its_own_folder() {
    let world = World::default().file("/srv/shop/db/abide.toml", "[apps.db]\ncmd='x'\nlisten='unix:db.sock'");
    let apps = world.load("include = 'db/abide.toml'\n[apps.a]\ncmd='x'\nlisten='unix:db.sock'").expect("good").apps;
    let paths: Vec<String> = apps.iter().map(|app| app.listen[0].address.to_string()).collect();
    assert_eq!(paths, ["unix:/srv/shop/db.sock", "unix:/srv/shop/db/db.sock"]);
}

#[test]
fn sticky_gives_each_instance_a_socket() {
    let spec = lines("listen = ['tcp://*:80', 'udp://*:80']\ninstances = 2\nsticky = 'source_ip'");
    assert_eq!(spec.sticky, Some(Sticky::SourceIp));
    assert!(spec.listen.iter().all(|one| one.reuse_port));
    // How many processors there are is no mistake.
    let world = World { cpus: 1, ..World::default() };
    assert_eq!(world.lines("listen = 'tcp://*:80'\ninstances = 'cpu'\nsticky = 'source-ip'").instances, 1);
    assert_eq!(lines("sticky = 'none'").sticky, None);
}

#[test]
fn sockets_behind_a_shell_that_steps_aside() {
    for cmd in ["node server.js --id {{slot}}", "exec node server.js", "node server.js $ARGS"] {
        let argv = World::default().app(&format!("[apps.a]\ncmd = '{cmd}'\nshell = true\nlisten = 'tcp://*:80'")).argv;
        assert!(argv[2].starts_with("exec node server.js"), "{argv:?}");
    }
    // What asks it is another process, which gets no sockets.
    let probed = World::default().app("[apps.a]\ncmd = 'x'\nshell = true\nlisten = 'tcp://*:80'\nhealth_cmd = 'a | b'");
    assert_eq!(probed.argv[2], "exec x");
}

#[test]
fn reloads() {
    assert_eq!(lines("").renewal, Renewal::default());
    let text = "reload = 'rolling'\nreload_signal = 'USR2'\ndrain = '5s'\nsoak_ms = 1500\nmax_parallel = 3";
    let want = Renewal {
        strategy: Reload::Rolling,
        signal: "USR2".parse().expect("a signal"),
        drain: Duration::from_secs(5),
        soak: Duration::from_millis(1500),
        max_parallel: 3,
    };
    assert_eq!(lines(text).renewal, want);
    for (text, strategy) in [
        ("reload = 'hup'", Reload::Hup),
        ("reload = 'socket'\nlisten = 'unix:x'", Reload::Socket),
        ("reload = 'bluegreen'\nport = 'auto'", Reload::Bluegreen),
        ("reload = 'bluegreen'\nport = '3000-3001'", Reload::Bluegreen),
        ("reload = 'bluegreen'\nport = 3000\nlisten = 'tcp://*:80'", Reload::Bluegreen),
        ("reload = 'bluegreen'", Reload::Bluegreen),
        ("reload = 'rolling'\nport = 3000", Reload::Rolling),
    ] {
        assert_eq!(lines(text).renewal.strategy, strategy, "{text}");
    }
    assert!(lines("hooks.on_switch = './x'").hooks.contains_key(&HookPoint::OnSwitch));
}

#[test]
fn the_variable_of_an_instance() {
    assert_eq!(lines("instance_var = 'SLOT'").instance_var.as_deref(), Some("SLOT"));
    assert_eq!(lines("instance_var = 'NODE_APP_INSTANCE'").instance_var.as_deref(), Some("NODE_APP_INSTANCE"));
    assert_eq!(lines("instance_var = 'INSTANCE_ID'").instance_var, None, "that is the default");
}

/// What a reload has no use for is said, and not what others may have a use for.
#[test]
fn keys_of_another_reload() {
    let odd = |text: &str| -> Vec<String> {
        let found = World::default().load(text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}")).warnings;
        found.iter().map(ToString::to_string).collect()
    };
    let all = "reload_signal='USR1'\ndrain='1s'\nsoak='1s'\nmax_parallel=2\n[apps.web.hooks]\non_switch='x'\n";
    let of = |keys: &str| odd(&format!("[apps.web]\ncmd='x'\n{keys}{all}"));
    for (keys, idle) in [
        ("", &["reload_signal", "drain", "soak", "hooks.on_switch"][..]),
        ("instances=2\n", &["reload_signal", "drain", "hooks.on_switch"]),
        ("reload='hup'\n", &["drain", "max_parallel", "hooks.on_switch"]),
        ("reload='rolling'\n", &["reload_signal", "hooks.on_switch"]),
        ("reload='bluegreen'\nport='auto'\n", &["reload_signal", "max_parallel"]),
        ("reload='bluegreen'\nlisten=['tcp://127.0.0.1:4']\n", &["reload_signal", "max_parallel", "hooks.on_switch"]),
        ("reload='socket'\nlisten=['tcp://127.0.0.1:4']\n", &["reload_signal", "max_parallel", "hooks.on_switch"]),
        ("schedule='@daily'\n", &["reload_signal", "drain", "soak", "max_parallel"]),
    ] {
        let said = of(keys);
        let named: Vec<&str> = said.iter().filter_map(|text| text.split('`').nth(1)).collect();
        assert_eq!(named, idle, "{keys}: {said:#?}");
    }
    let want = "warning: `drain`: `web` is reloaded by \"restart\", which has no use for it\n  --> abide.toml:3:1\n   |\n 3 | drain='1s'\n   | ^^^^^\n   = help: it belongs to `rolling`, `bluegreen` and `socket`, where another serves meanwhile; set `reload`, or remove the key\n";
    assert_eq!(odd("[apps.web]\ncmd='x'\ndrain='1s'\n"), [want]);
    // Meant for whoever has a use for it.
    let none: [&str; 0] = [];
    assert_eq!(odd("[defaults]\ndrain='1s'\n[apps.web]\ncmd='x'\n[apps.api]\ncmd='x'\nreload='rolling'\n"), none);
    let other = "[apps.web]\ncmd='x'\nreload='rolling'\ndrain='1s'\nprofile='dev'\n[apps.web.profiles.dev]\nreload='restart'\n";
    assert_eq!(odd(other), none);
}
