//! `rolling`, each instance with a socket of its own on the one address.

use crate::kit::Scene;
use std::time::Duration;

#[test]
fn rolling_with_reuse_port() {
    let mut scene = Scene::new();
    scene.deploy("version:v0");
    let listen = format!("listen = [{{ address = \"tcp://127.0.0.1:{}\", reuse_port = true }}]\n", scene.port);
    let how = "instances = 3\nreload = \"rolling\"\nready = { notify = true }\n";
    scene.up(&format!("{}{listen}{how}", scene.server("delay:10")));
    let load = scene.load(scene.port, Duration::ZERO);
    scene.course("Rust, rolling, reuse_port", load, 3);
}
