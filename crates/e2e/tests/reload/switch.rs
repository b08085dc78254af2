//! The hook `on_switch`.

use crate::{SOON, beside, lives, stage, web};
use e2e::wait_until;
use serde_json::Value;

const HOOK: &str = r#"
import json, os, sys, time
told = json.load(sys.stdin)
with open("told", "a") as out:
    print(json.dumps(told), file=out)
while os.path.exists("hold"):
    time.sleep(0.02)
if os.path.exists("no"):
    print("the proxy does not answer")
    sys.exit(3)
"#;

#[test]
fn who_sends_the_clients_has_the_last_word() {
    let house = stage();
    let hook = house.write("hook.py", HOOK).display().to_string();
    house.up(&web(&house, "1", &format!("reload = \"bluegreen\"\nhooks = {{ on_switch = [\"python3\", \"{hook}\"] }}")));
    let before = lives(&house, 2);
    house.write("no", "");
    let done = house.abide(["reload", "web"]).code(1);
    assert!(done.err.contains("on_switch: exit code 3: the proxy does not answer; rolled back"), "{}", done.err);
    assert_eq!(lives(&house, 2), before);
    std::fs::remove_file(house.file("no")).expect("there");
    // A steward that dies while it asks leaves nothing behind, and the next one asks again.
    house.write("hold", "");
    let reload = beside(&house, &["reload", "web"]);
    wait_until(SOON, "the hook runs", || (house.notes("told").len() == 2).then_some(()));
    assert!(house.roles(SOON)[0].kill());
    wait_until(SOON, "the hook runs again", || (house.notes("told").len() == 3).then_some(()));
    assert!(before.iter().all(|life| life.alive()));
    std::fs::remove_file(house.file("hold")).expect("there");
    reload.join().expect("no panic").ok();
    assert!(lives(&house, 2).iter().all(|life| !before.contains(life)));
    let told: Vec<Value> = house.notes("told").iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for one in &told {
        assert_eq!((&one["hook"], &one["event"], &one["app"]), (&"on_switch".into(), &"reload.switch".into(), &"web".into()));
        assert!(one["data"]["from"].is_array() && one["data"]["to"].is_array(), "{one}");
    }
    assert_eq!(told.len(), 3, "and not once more");
}
