//! `socket`: the next ones take over the very sockets that the keeper holds.

use crate::kit::Scene;
use std::time::Duration;

#[test]
fn a_rust_server() {
    let mut scene = Scene::new();
    scene.deploy("version:v0");
    let how = "instances = 2\nreload = \"socket\"\nready = { notify = true }\n";
    scene.up(&format!("{}{}{how}", scene.server("delay:10"), scene.listen()));
    let load = scene.load(scene.port, Duration::ZERO);
    scene.course("Rust, socket", load, 2);
}

#[test]
fn a_node_server() {
    let mut scene = Scene::new();
    scene.house.write("server.js", include_str!("servers/server.js"));
    scene.deploy("version:v0");
    let how = "cmd = \"node server.js 20\"\nreload = \"socket\"\nready = { node_ipc = true }\n";
    scene.up(&format!("{how}{}", scene.listen()));
    let load = scene.load(scene.port, Duration::ZERO);
    scene.course("Node, socket", load, 1);
}

#[test]
fn a_python_server() {
    let mut scene = Scene::new();
    scene.house.write("server.py", include_str!("servers/server.py"));
    scene.deploy("version:v0");
    let target = scene.house.bins().dir().parent().expect("a target folder").join("e2e-python/bin/python");
    assert!(target.is_file(), "{} is missing: ./test makes it", target.display());
    let python = e2e::toml_string(target.to_str().expect("target folders have plain names"));
    let how = format!("cmd = [{python}, \"server.py\", \"40\"]\nreload = \"socket\"\nready = {{ notify = true }}\n");
    scene.up(&format!("{how}{}", scene.listen()));
    let load = scene.load(scene.port, Duration::ZERO);
    scene.course("Python (uvicorn), socket", load, 1);
}
