//! Files that are refused for what they say of ports, sockets and reloads, and the exact words.

mod support;

use support::World;

fn report(files: &[&str]) -> String {
    let one = |text: &&str| format!("{}\n----\n{}", text.trim_end(), World::default().wrong(text));
    files.iter().map(one).collect::<Vec<_>>().join("\n========\n\n")
}

/// An app `a` that is good but for these lines.
fn lines(lines: &[&str]) -> String {
    let files: Vec<String> = lines.iter().map(|lines| format!("[apps.a]\ncmd = \"x\"\n{lines}\n")).collect();
    report(&files.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn ports() {
    insta::assert_snapshot!(lines(&[
        "port = 3000\ninstances = 3",
        "port = '3000-3001'\ninstances = 3",
        "port = 'auto:5000-5001'\ninstances = 3",
        "port = 65535\ninstances = 2",
        "port = '3003-3000'",
        "port = 'auto:3003-3000'",
        "port = 0",
        "port = 'auto:0-5'",
        "port = 70000",
        "port = 'any'",
        "port = true",
        "port = 3000\nlisten = 'tcp://127.0.0.1:3000'",
        "port = '3000-3009'\nlisten = 'tcp://127.0.0.1:3005'",
    ]));
}

#[test]
fn names_that_are_filled() {
    insta::assert_snapshot!(report(&[
        "[apps.a]\ncmd = 'x --port {{port}}'\n",
        "[apps.a]\ncmd = 'x'\nenv = { URL = 'http://127.0.0.1:{{port}}/' }\nlisten = 'udp://*:53'\n",
        "[defaults]\nhealth_tcp = '{{port}}'\n[apps.a]\ncmd = 'x'\nport = 'auto'\n[apps.b]\ncmd = 'y'\n",
        "[apps.a]\ncmd = 'x ${PORT}'\nport = 3000\n",
        "[apps.a]\ncmd = 'x'\nport = '{{slot}}'\nlisten = 'unix:{{slot}}.sock'\n",
        "[apps.a]\ncmd = 'x {{port}}'\nport = 'many'\n",
        "[apps.a]\ncmd = 'x'\nport = 'auto'\nout_file = '{{port}}.log'\n",
    ]));
}

#[test]
fn listen() {
    insta::assert_snapshot!(lines(&[
        "listen = 3000",
        "listen = ['127.0.0.1:3000', 'http://localhost:80/', 5.5, '/run/x.sock']",
        "listen = ['tcp://db:80', 'tcp://:80', 'tcp://::1:80', 'tcp://*', 'tcp://*:0', 'udp://*:http', 'tcp://*:80/x']",
        "listen = ['unix:', 'unix:@x', 'unix://run/x.sock', 'unix:~bob/x']",
        "listen = [{ adress = 'tcp://*:80' }, { name = 'x' }]",
        "listen = { address = 'tcp://*:80', mode = '660', name = 'a:b', backlog = 0 }",
        "listen = { address = 'unix:x', reuse_port = true, mode = 660 }",
        "listen = { address = 'unix:x', mode = '888' }",
        "listen = { address = 'udp://*:53', backlog = 10 }",
        "listen = ['tcp://127.0.0.1:80', 'tcp://localhost:80']",
        "listen = ['unix:x.sock', 'tcp://127.0.0.1:80', 'unix:./x.sock', 'tcp://*:80', 'udp://*:80']",
        "listen = [{ address = 'tcp://*:80', name = 'http' }, { address = 'tcp://*:81', name = 'http' }]",
        "listen = ['tcp://*:80', { address = 'tcp://*:81', name = '80' }]",
        "listen = ['tcp://*:80', 'tcp://*:81']\nready.fd = 4",
    ]));
    let long = format!("listen = 'unix:/{}'", "x".repeat(107));
    assert!(lines(&[&long]).contains("has 108 bytes"));
    let many: Vec<String> = (1..=65).map(|port| format!("'tcp://*:{port}'")).collect();
    assert!(lines(&[&format!("listen = [{}]", many.join(", "))]).contains("65 sockets, more than 64"));
}

#[test]
fn behind_a_shell() {
    insta::assert_snapshot!(report(&["[apps.a]\ncmd = 'cd web && node server.js'\nshell = true\nlisten = 'tcp://*:80'\n"]));
}

#[test]
fn between_apps() {
    insta::assert_snapshot!(report(&[
        "[apps.a]\ncmd = 'x'\nlisten = 'tcp://127.0.0.1:80'\n[apps.b]\ncmd = 'y'\nlisten = [\n  'unix:b.sock',\n  'tcp://127.0.0.1:80',\n]\n",
        "[apps.a]\ncmd = 'x'\nlisten = 'udp://*:53'\n[apps.b]\ncmd = 'y'\nlisten = 'udp://127.0.0.1:53'\n",
        "[apps.a]\ncmd = 'x'\nlisten = 'tcp://[::1]:80'\n[apps.b]\ncmd = 'y'\nlisten = ['tcp://*:80', 'tcp://[::]:80']\n",
        "[defaults]\nlisten = 'unix:web.sock'\n[apps.a]\ncmd = 'x'\n[apps.b]\ncmd = 'y'\n",
    ]));
}

#[test]
fn sticky() {
    insta::assert_snapshot!(lines(&[
        "sticky = 'cookie'\ninstances = 2",
        "sticky = 'source-ip'\ninstances = 2",
        "sticky = 'source-ip'\nlisten = 'tcp://*:80'",
        "sticky = 'source-ip'\ninstances = 2\nlisten = ['tcp://*:80', 'unix:x.sock']",
        "sticky = 'source-ip'\ninstances = 2\nlisten = { address = 'tcp://*:80', reuse_port = false }",
    ]));
}

#[test]
fn reload() {
    insta::assert_snapshot!(lines(&[
        "reload = 'blue-green'",
        "reload = 'graceful'",
        "reload = 'socket'",
        "reload = 'socket'\nlisten = []\nport = 3000",
        "reload = 'bluegreen'\nport = 3000",
        "reload = 'rolling'\nmax_parallel = 0",
        "reload_signal = 'SIGNONE'\ndrain = 5\nsoak = 'x'",
        "hooks.on_switch = 5",
    ]));
}

#[test]
fn variables_of_instances() {
    insta::assert_snapshot!(lines(&[
        "instance_var = 'A-B'",
        "instance_var = '1A'",
        "instance_var = ''",
        "instance_var = 'PORT'",
        "instance_var = 'LISTEN_FDS'"
    ]));
}
