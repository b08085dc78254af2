//! `bluegreen` on ports that Abide chooses, behind a proxy that is told by the hook `on_switch`.

use crate::kit::Scene;
use crate::proxy::{DRAIN, Proxy};
use e2e::free_ports;
use std::time::Duration;

#[test]
fn bluegreen_on_ports_of_its_own() {
    let mut scene = Scene::new();
    scene.deploy("version:v0");
    let told = "hooks.on_switch = [\"sh\", \"-c\", \"echo $$ABIDE_PORTS_TO > ports.new && mv ports.new ports\"]\n";
    let first = free_ports(20);
    let how = format!(
        "instances = 2\nport = \"auto:{first}-{}\"\nreload = \"bluegreen\"\ndrain = \"{}ms\"\nready = {{ notify = true }}\n",
        first + 19,
        DRAIN.as_millis()
    );
    scene.up(&format!("{}{how}{told}", scene.server("delay:20")));
    let ports: Vec<String> = scene.house.list().iter().filter_map(|row| row.port).map(|port| port.to_string()).collect();
    assert_eq!(ports.len(), 2, "{ports:?}");
    let file = scene.house.write("ports", ports.join(" "));
    let proxy = Proxy::start(&file);
    let load = scene.load(proxy.port, Duration::ZERO);
    scene.course("Rust, bluegreen, ports and a proxy", load, 2);
}
