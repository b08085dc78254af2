//! `hup`: nginx reads its configuration again and replaces its workers itself.

use crate::kit::Scene;
use std::time::Duration;

/// Debian's nginx closes connections without a request on a reload, also those on which a request is just on its way (`keepalive_min_timeout`, which
/// heals that, is newer). So a connection has one request here, and its end is announced.
fn conf(scene: &Scene, version: usize) {
    let file = |name: &str| scene.house.file(name).display().to_string();
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {};", file(of)));
    let answer = format!("location / {{ return 200 v{version}; }}");
    let server = format!("server {{ listen 127.0.0.1:{} backlog=1024; keepalive_timeout 0; {answer} }}", scene.port);
    let main = format!("daemon off; worker_processes 2; pid {}; error_log stderr;", file("nginx.pid"));
    scene.house.write("nginx.conf", format!("{main} events {{}} http {{ access_log off; {} {server} }}\n", temp.join(" ")));
}

#[test]
fn nginx() {
    let mut scene = Scene::new();
    conf(&scene, 0);
    let file = e2e::toml_string(scene.house.file("nginx.conf").to_str().expect("plain"));
    let check = format!("healthcheck = {{ http = \"http://127.0.0.1:{}/\", interval = \"1s\" }}\n", scene.port);
    let how = "reload = \"hup\"\nstop_signal = \"SIGQUIT\"\n";
    scene.up(&format!("cmd = [\"nginx\", \"-e\", \"stderr\", \"-c\", {file}]\n{check}{how}"));
    let load = scene.load(scene.port, Duration::from_millis(20));
    let pid = scene.house.slot("web-0").pid;
    scene.course_of("nginx, hup", load, conf);
    assert_eq!(scene.house.slot("web-0").pid, pid, "it is the same process");
}
