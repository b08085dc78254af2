//! More instances and fewer, under load.

use crate::kit::Scene;
use std::time::Duration;

#[test]
fn one_twenty_three() {
    let scene = Scene::new();
    scene.deploy("version:v0");
    scene.up(&format!("{}{}ready = {{ notify = true }}\n", scene.server("delay:10"), scene.listen()));
    let load = scene.load(scene.port, Duration::ZERO);
    let first = scene.lives();
    for (to, count) in [("20", 20), ("3", 3), ("+17", 20), ("-17", 3), ("20", 20), ("3", 3)] {
        scene.house.abide(["scale", "web", to]).ok();
        scene.is_whole(count);
        assert!(scene.lives().contains(&first[0]), "only the difference is touched");
    }
    let tally = load.stop();
    eprintln!("scale 1 → 20 → 3 three times: {tally}");
    tally.is_clean(1000);
    scene.house.abide(["scale", "web", "1"]).ok();
    assert_eq!(scene.lives(), first);
}
