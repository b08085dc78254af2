//! `init`, `schema`, `completions`: what is written down for people and for programs.

use e2e::House;
use std::fs;
use std::process::Stdio;

const PROCFILE: &str = "web: sleep 1001\nworker: PORT=$PORT exec sleep 1002\n";

#[test]
fn a_first_file_is_written_and_runs() {
    let house = House::new();
    fs::create_dir(house.file("shop")).expect("a folder");
    house.write("shop/Procfile", PROCFILE);
    let made = house.abide(["init", "shop"]).ok();
    assert_eq!(made.out, "", "standard output is for data");
    assert!(made.err.contains("web: sleep 1001  (from Procfile, line 1)"), "{}", made.err);
    assert!(made.err.ends_with("then: abide up shop\n"), "{}", made.err);
    house.abide(["up", "shop"]).ok();
    let rows = house.list();
    let seen: Vec<_> = rows.iter().map(|row| (row.slot.as_str(), row.status.word())).collect();
    assert_eq!(seen, [("web-0", "running"), ("worker-0", "running")]);
}

#[test]
fn nothing_is_replaced_unless_it_is_said() {
    let house = House::new();
    house.write("Procfile", PROCFILE);
    house.write("abide.toml", "# mine\n");
    let refused = house.abide(["init"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("abide.toml is there already") && refused.err.contains("--force"), "{}", refused.err);
    let shown = house.abide(["init", "--stdout"]).ok();
    assert!(shown.out.contains("[apps.worker]"), "{}", shown.out);
    assert_eq!(house.read("abide.toml"), "# mine\n");
    let report = house.abide(["init", "--force", "--json"]).ok();
    let report: serde_json::Value = serde_json::from_str(&report.out).expect("one document");
    assert_eq!((&report["file"], &report["apps"][1]), (&"abide.toml".into(), &"worker".into()));
    assert_eq!(house.read("abide.toml"), shown.out);
    // A link that leads nowhere is there too, and is not followed to wherever it leads.
    fs::remove_file(house.file("abide.toml")).expect("removed");
    std::os::unix::fs::symlink("elsewhere", house.file("abide.toml")).expect("linked");
    assert_eq!(house.abide(["init"]).code, Some(1));
    assert!(!house.file("elsewhere").exists());
    assert_eq!(house.abide(["init", "no-such-folder"]).code, Some(1));
}

#[test]
fn a_folder_of_nothing_gets_a_file_to_fill_in() {
    let house = House::new();
    let mut command = house.command(["init", "empty"]);
    fs::create_dir(house.file("empty")).expect("a folder");
    command.stdin(Stdio::null());
    let made = e2e::run(command, crate::SOON).ok();
    assert!(made.err.contains("write into it what to run"), "{}", made.err);
    let checked = house.abide(["validate", "empty"]).ok();
    assert!(checked.out.contains("valid, 0 apps"), "{checked:?}");
    assert!(!house.home().join("run").exists(), "no manager is needed for it");
}

#[test]
fn the_schema_is_the_published_one() {
    let house = House::new();
    let printed = house.abide(["schema"]).ok().out;
    let published = fs::read_to_string(e2e::workspace_root().join("docs/abide.schema.json")).expect("it is there");
    assert_eq!(printed, published);
    house.abide(["schema", "--out", "s.json"]).ok();
    assert_eq!(house.read("s.json"), published);
    assert_eq!(house.abide(["schema", "--out", "no/such/folder"]).code, Some(1));
}

#[test]
fn completions_can_be_read_by_their_shell() {
    let house = House::new();
    let script = house.abide(["completions", "bash"]).ok().out;
    assert!(["up", "validate", "init", "completions", "--no-wait"].iter().all(|word| script.contains(word)));
    house.write("abide.bash", &script);
    let mut bash = house.plain("bash");
    let words =
        "source abide.bash && COMP_WORDS=(abide vali) COMP_CWORD=1 && _abide abide vali abide && echo \"${COMPREPLY[@]}\"";
    bash.args(["--norc", "-c", words]);
    let said = e2e::run(bash, crate::SOON).ok();
    assert_eq!(said.out.trim(), "validate");
    assert_eq!(house.abide(["completions", "tcsh"]).code, Some(2));
}
