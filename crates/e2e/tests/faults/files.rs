//! Configurations that somebody else could have written.

use e2e::{App, House, app_file, run};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own file");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("plain")
}

#[test]
fn row_48_root_believes_no_file_that_others_can_write() {
    let house = House::new();
    let folder = house.root().join("shop");
    fs::create_dir(&folder).expect("a folder of ours");
    let (file, more) = (folder.join("abide.toml"), folder.join("more.toml"));
    // The whole path: a relative one is taken from the folder of the name by which the file is called.
    fs::write(&file, format!("include = [{}]\n", e2e::toml_string(text(&more)))).expect("written");
    let env = folder.join("app.env");
    fs::write(&env, "A=1\n").expect("written");
    fs::write(&more, app_file(&[App::puppet("web", &house.puppet(), "hang").with("env_file = \"app.env\"")])).expect("written");
    let link = house.root().join("linked.toml");
    symlink(&file, &link).expect("a link");
    for path in [&file, &more, &env] {
        mode(path, 0o644);
    }
    mode(&folder, 0o755);
    let is_good = |out: &str| assert!(out.contains("1 app: web"), "{out}");
    is_good(&house.abide(["validate", text(&file)]).ok().out);

    // Whichever of them others can write, and also through a link from a folder where nobody can.
    for (path, bad, good) in [(&file, 0o666, 0o644), (&more, 0o646, 0o644), (&env, 0o622, 0o600), (&folder, 0o777, 0o755)] {
        mode(path, bad);
        for args in [["validate", text(&file)], ["up", text(&file)], ["apply", text(&link)]] {
            let done = house.abide(args);
            done.code(3).says(&["everybody can write", &format!("(mode {bad:04o})"), "would run as root", "chmod go-w"]);
        }
        mode(path, good);
    }
    assert!(house.abide(["list", "--json"]).ok().out.trim() == "[]", "nothing was started");
    // Where everybody can put files but nobody replace ours, ours is good.
    mode(&folder, 0o1777);
    house.abide(["up", text(&link)]).ok();
    std::os::unix::fs::chown(&file, Some(65534), None).expect("we are root");
    house.abide(["up", text(&file)]).code(3).says(&["copy it to a folder of your own"]);
    house.abide(["stop", "web"]).ok();
}

#[test]
fn row_48_others_are_warned() {
    let house = House::new();
    let abide = house.root().join("abide-for-all");
    fs::copy(house.bins().path("abide"), &abide).expect("a program can be copied");
    mode(house.root(), 0o711);
    let folder = house.root().join("theirs");
    fs::create_dir(&folder).expect("a folder of ours");
    mode(&folder, 0o755);
    let file = folder.join("abide.toml");
    fs::write(&file, "[apps.web]\ncmd = \"sleep 1\"\n").expect("written");
    mode(&file, 0o666);
    let mut command = house.plain(&abide);
    command.current_dir("/").env("HOME", "/nonexistent").uid(65534).gid(65534).args(["validate", text(&file)]);
    let done = run(command, Duration::from_secs(60)).ok().says(&["warning: everybody can write it (mode 0666)", "chmod go-w"]);
    assert!(done.out.contains("1 app: web"), "{done:#?}");
}
