//! The command as people type it, where no manager is needed.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        Desk { folder: tempfile::tempdir().expect("tempdir") }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("write");
    }

    fn home(&self) -> std::path::PathBuf {
        self.folder.path().join("home")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_abide"));
        command.args(args).current_dir(self.folder.path()).env("ABIDE_HOME", self.home()).env_remove("NO_COLOR");
        command.stdin(Stdio::null());
        command
    }

    /// Runs it; gives its exit code, standard output and standard error.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(args).output().expect("runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (status.code().expect("no signal"), text(stdout), text(stderr))
    }
}

#[test]
fn version_and_help() {
    let desk = Desk::new();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(desk.run(&["version"]), (0, format!("abide {version}\n"), String::new()));
    for args in [&["--version"][..], &["-V"], &["--no-color", "--version"]] {
        assert_eq!(desk.run(args), (0, format!("abide {version}\n"), String::new()), "{args:?}");
    }
    assert_eq!(desk.run(&["--json", "-V"]).1, format!("{{\"version\":\"{version}\"}}\n"));
    let (code, out, _) = desk.run(&["version", "--json"]);
    assert_eq!((code, out), (0, format!("{{\"version\":\"{version}\"}}\n")));
    for args in [&[][..], &["--help"], &["help"], &["start", "--help"], &["daemon", "--help"]] {
        let (code, out, err) = desk.run(args);
        assert!(code == 0 && out.contains("Usage: abide") && err.is_empty(), "{args:?}: {code} {out} {err}");
    }
}

#[test]
fn words_of_other_managers_are_answered_with_ours() {
    let desk = Desk::new();
    for (args, words) in [
        (&["save"][..], &["error: there is no command `save`", "next: `abide daemon start`"][..]),
        (&["monit"], &["error: `abide monit` is not there yet", "next: until then: "]),
        (&["lst"], &["error: there is no command `lst`", "next: did you mean `abide list`"]),
        (&["start", "app.js", "--max-memory-restart", "300M"], &["next: write --max-memory 300M"]),
    ] {
        let (code, out, err) = desk.run(args);
        assert!(code == 2 && out.is_empty() && words.iter().all(|word| err.contains(word)), "{args:?}: {code} {out} {err}");
    }
    assert!(!desk.home().exists());
}

#[test]
fn an_empty_home_is_left_empty() {
    let desk = Desk::new();
    let (code, out, err) = desk.run(&["list"]);
    assert!(code == 0 && out.is_empty() && err.contains("abide start"), "{code} {out} {err}");
    assert_eq!(desk.run(&["list", "--json"]), (0, "[]\n".to_owned(), String::new()));
    assert_eq!(desk.run(&["list", "-q"]), (0, String::new(), String::new()));
    for args in [&["status", "web"][..], &["logs"], &["events"], &["stop", "web"], &["restart", "all"], &["delete", "web"]] {
        let (code, out, err) = desk.run(args);
        assert!(code == 4 && out.is_empty(), "{args:?}: {code} {out} {err}");
        assert!(err.lines().last().expect("a last line").starts_with("next: "), "{args:?}: {err}");
    }
    let (code, out, err) = desk.run(&["daemon", "status", "--json"]);
    assert!(code == 4 && err.contains("daemon start"), "{code} {err}");
    assert_eq!(out, "{\"running\":false}\n");
    assert_eq!(desk.run(&["daemon", "stop", "-q"]), (0, String::new(), String::new()));
    assert!(!desk.home().exists(), "nothing was made");
}

#[test]
fn usage_errors_end_with_two() {
    let desk = Desk::new();
    let cases = [
        (&["lsit"][..], "list"),
        (&["list", "--jsno"], "--json"),
        (&["start"], "needs"),
        (&["start", "--prot", "1", "x"], "--port"),
        (&["stop"], "needs"),
        (&["stop", "a,b"], "words of their own"),
        (&["start", "--env", "novalue", "x"], "KEY=VALUE"),
        (&["start", "--stop-timeout", "soon", "./x"], "--stop-timeout"),
        (&["start", "./x", "a b", "--name", "web"], "abide start -- ./x 'a b' --name web"),
        (&["start", "./a | b"], "shell"),
    ];
    for (args, said) in cases {
        let (code, out, err) = desk.run(args);
        assert!(code == 2 && out.is_empty() && err.contains(said), "{args:?}: {code} {out} {err}");
    }
    assert!(!desk.home().exists(), "nothing was started");
}

#[test]
fn delete_all_is_not_done_unasked() {
    let desk = Desk::new();
    // A home that had a manager, so that it would be started again to delete from.
    std::fs::create_dir_all(desk.home().join("run")).expect("run");
    std::fs::write(desk.home().join("run/lock"), "").expect("lock");
    let (code, out, err) = desk.run(&["delete", "all"]);
    assert!(code == 2 && out.is_empty() && err.ends_with("next: abide delete all --yes\n"), "{code} {out} {err}");
}

#[test]
fn validate_says_what_is_wrong_and_where() {
    let desk = Desk::new();
    desk.write("good.toml", "version = 1\n[apps.web]\ncmd = \"sleep 1\"\n[apps.api]\ncmd = [\"sleep\", \"2\"]\n");
    desk.write("bad.toml", "[apps.web]\ncmd = \"sleep 1\"\nmax_restrats = 3\n");
    assert_eq!(desk.run(&["validate", "good.toml"]), (0, "good.toml: valid, 2 apps: web, api\n".to_owned(), String::new()));
    let (code, out, err) = desk.run(&["validate", "bad.toml", "good.toml"]);
    assert!(code == 3 && out.starts_with("good.toml: valid"), "{code} {out}");
    assert!(err.contains("max_restrats") && err.contains("max_restarts") && err.contains("bad.toml:3:1"), "{err}");
    let (code, out, _) = desk.run(&["validate", "bad.toml", "--json"]);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &report[0]["valid"], &report[0]["errors"][0]["line"]), (3, &Value::Bool(false), &Value::from(3)));
    let (code, _, err) = desk.run(&["validate"]);
    assert!(code == 3 && err.contains("no abide.toml in this folder"), "{code} {err}");
    std::fs::rename(desk.folder.path().join("good.toml"), desk.folder.path().join("abide.toml")).expect("rename");
    assert_eq!(desk.run(&["validate"]).0, 0);
    assert_eq!(desk.run(&["validate", "."]).0, 0);
    let (code, _, err) = desk.run(&["up", "bad.toml"]);
    assert!(code == 3 && !desk.home().exists(), "{err}");
}

#[test]
fn the_example_is_valid() {
    let desk = Desk::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello");
    let (code, out, err) = desk.run(&["validate", example.to_str().expect("UTF-8")]);
    assert!(code == 0 && out.ends_with("valid, 3 apps: web, worker, flaky\n") && err.is_empty(), "{code} {out} {err}");
}

#[test]
fn nobody_reading_is_no_error() {
    let desk = Desk::new();
    let mut child = desk.command(&["version"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.code() == Some(0) && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn no_colours_off_a_terminal() {
    let desk = Desk::new();
    for args in [&["--help"][..], &["lsit"], &["status", "x"], &["validate", "missing"]] {
        let (_, out, err) = desk.run(args);
        assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'), "{args:?}: {out} {err}");
    }
}

#[test]
fn a_home_that_cannot_be_made_is_a_refusal_or_unreachable() {
    let desk = Desk::new();
    desk.write("file", "");
    let home = desk.folder.path().join("file/home");
    let (code, out, err) = desk.run(&["daemon", "start", "--home", home.to_str().expect("UTF-8")]);
    assert!(code == 4 && out.is_empty() && err.contains("next: choose another home with --home"), "{code} {out} {err}");
    // /proc takes no folders, from nobody.
    let (code, _, err) = desk.run(&["daemon", "start", "--home", "/proc/abide"]);
    assert!(code == 4 || code == 5, "{code} {err}");
}
