//! The keeper as a program: by its own name, as `abide keeper`, and behind a link that is called `daemonproxy`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const KEEPER: &str = env!("CARGO_BIN_EXE_abide-keeper");
const ABIDE: &str = env!("CARGO_BIN_EXE_abide");

/// Runs a program with this input; gives its exit code, standard output and standard error.
fn run(program: impl AsRef<Path>, args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::new(program.as_ref());
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.env_remove("LISTEN_PID").spawn().expect("runs");
    // One that ends before it reads is fine.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code().expect("no signal"), text(stdout), text(stderr))
}

#[test]
fn the_version_has_its_lines() {
    for (program, args) in [(KEEPER, &["--version"][..]), (ABIDE, &["keeper", "--version"])] {
        let (code, out, err) = run(program, args, "");
        assert!(code == 1 && err.is_empty(), "{code} {err}");
        let lines: Vec<&str> = out.lines().collect();
        let [first, built, head, rights, licence] = lines[..] else { panic!("{out}") };
        assert!(first.starts_with("daemonproxy ") && first.contains(" version "), "{first}");
        assert!(built.starts_with("build timestamp: ") && head.starts_with("git HEAD: "), "{built} {head}");
        assert!(rights.starts_with("Copyright ") && licence.contains("LICENSE"), "{rights} {licence}");
        // Built from a repository of its own, or from none.
        let head = head.trim_start_matches("git HEAD: ");
        assert!(head == "unknown" || head.len() == 40 && head.bytes().all(|b| b.is_ascii_hexdigit()), "{head}");
    }
}

#[test]
fn every_option_after_the_word_is_the_keepers() {
    let (code, out, err) = run(ABIDE, &["keeper", "--help"], "");
    assert!(code == 1 && out.starts_with("usage: abide-keeper ") && err.is_empty(), "{code} {out} {err}");
    // Letters and words that `abide` has too.
    let (code, out, err) = run(ABIDE, &["keeper", "-q", "-i"], "echo\there\nterminate\t41\n");
    assert!(code == 41 && out.ends_with("\nhere\n") && err.is_empty(), "{code} {out} {err}");
    let (code, _, err) = run(ABIDE, &["keeper", "--json"], "");
    assert!(
        code == 2 && err.contains("abide-keeper: unknown option `--json`") && err.contains("abide-keeper --help"),
        "{code} {err}"
    );
    let (code, _, err) = run(ABIDE, &["keeper", "--", "-i"], "");
    assert!(code == 2 && err.contains("`--`"), "{code} {err}");
    assert_eq!(run(ABIDE, &["keeper"], ""), {
        let (code, out, err) = run(KEEPER, &[], "");
        assert!(code == 2 && err.contains("at least one of -i, -c, -S"), "{code} {err}");
        (code, out, err)
    });
    let (code, out, err) = run(ABIDE, &["--json", "keeper", "-i"], "terminate\t1\n");
    assert!(code == 2 && out.is_empty() && err.contains("abide keeper --help"), "{code} {out} {err}");
    let (code, out, _) = run(ABIDE, &["--help"], "");
    assert!(code == 0 && out.contains("keeper"), "{out}");
}

#[test]
fn a_link_that_is_called_daemonproxy() {
    let folder = tempfile::tempdir().expect("tempdir");
    let link = folder.path().join("daemonproxy");
    std::os::unix::fs::symlink(KEEPER, &link).expect("link");
    assert!(run(&link, &["-h"], "").1.starts_with("usage: daemonproxy "));
    let (code, _, err) = run(&link, &["--bogus"], "");
    assert!(
        code == 2 && err.starts_with("daemonproxy: unknown option `--bogus`") && err.contains("daemonproxy --help"),
        "{code} {err}"
    );
    let (code, out, err) = run(&link, &["-i"], "statedump\n");
    assert!(code == 0 && err.is_empty(), "the end of the input is the end: {code} {err}");
    for line in ["null\tspecial\tread,write\t/dev/null", "stdin\tspecial\tread\t/dev/null", "stdout\tspecial\twrite\t/dev/null"] {
        assert!(out.contains(&format!("fd.state\t{line}\n")), "{line}: {out}");
    }
    assert!(out.contains("fd.state\tstderr\tspecial\twrite\tstderr\n"), "{out}");
}

#[test]
fn exit_codes_and_what_is_executed_instead() {
    let rescue = "sh\t-c\techo \"$DAEMONPROXY_EXITCODE: $DAEMONPROXY_ERROR\"; exit 42";
    for (args, input, code, said) in [
        (&["-c", "/nonexistent"][..], "", 3, "/nonexistent"),
        (&["-c", "/"], "", 3, "directory"),
        (&["-S", "/nonexistent/socket"], "", 3, "/nonexistent/socket"),
        (&["-D", "-S", "/nonexistent/socket"], "", 3, "/nonexistent/socket"),
        (&["-c", "-"], "terminate\t9", 9, ""),
        (&["-i", "x"], "", 2, "`x`"),
    ] {
        let (ended, _, err) = run(KEEPER, args, input);
        assert!(ended == code && err.contains(said), "{args:?}: {ended} {err}");
        let (ended, out, _) = run(KEEPER, &[&["-E", rescue][..], args].concat(), input);
        assert!(ended == 42 && out.starts_with(&format!("{code}: ")) && out.contains(said), "{args:?}: {ended} {out}");
    }
    // Under a guard what fails is said, and it goes on.
    let (ended, out, err) = run(
        KEEPER,
        &["--exit-guard", "5", "-c", "/nonexistent", "-iS", "/nonexistent/s"],
        "terminate.guard\t-\t5\nterminate\t6\n",
    );
    assert!(ended == 6 && out.contains("info\t"), "{ended} {out}");
    assert_eq!(err.matches("(attempting to continue)").count(), 2, "{err}");
}

#[test]
fn inherited_descriptors_have_names() {
    let shell = |script: &str| run("/bin/sh", &["-c", script, KEEPER], "statedump\nterminate\t0\n");
    let (code, out, err) = shell("exec \"$0\" -i --fds first,- 3</dev/zero 4</dev/null 5>>/dev/null");
    assert!(code == 0 && err.is_empty(), "{code} {err}");
    for line in ["first\tspecial\tread\t/dev/zero", "fd_4\tspecial\tread\t/dev/null", "fd_5\tspecial\twrite\t/dev/null"] {
        assert!(out.contains(&format!("fd.state\t{line}\n")), "{line}: {out}");
    }
    let activated = "LISTEN_FDS=2 LISTEN_FDNAMES=web:api; export LISTEN_FDS LISTEN_FDNAMES; ";
    let (_, out, _) = shell(&format!("{activated}export LISTEN_PID=$$; exec \"$0\" -i 3</dev/zero 4</dev/null 5</dev/null"));
    assert!(["web", "api", "fd_5"].iter().all(|name| out.contains(&format!("\t{name}\tspecial\tread\t"))), "{out}");
    let (_, out, _) = shell(&format!("{activated}export LISTEN_PID=1; exec \"$0\" -i 3</dev/zero"));
    assert!(out.contains("\tfd_3\tspecial\tread\t/dev/zero") && !out.contains("\tweb\t"), "meant for another: {out}");
    let (_, _, err) = shell("exec \"$0\" -i --fds a,b 3</dev/zero 4<&-");
    assert!(err.contains("nothing is named b"), "{err}");
}

#[test]
fn pools_and_the_filter_are_said_and_obeyed() {
    let args = ["-i", "--fd-pool", "1x1", "--service-pool", "70000x64"];
    let (code, _, err) = run(KEEPER, &args, "terminate\t0\n");
    assert_eq!((code, err.matches("minimum").count(), err.matches("maximum").count()), (0, 2, 1), "{err}");
    assert!(err.lines().all(|line| line.starts_with("warning: ")), "{err}");
    let (code, _, err) = run(KEEPER, &[&["-qq"][..], &args].concat(), "terminate\t0\n");
    assert!(code == 0 && err.is_empty(), "{err}");
    let (_, _, err) = run(KEEPER, &["-vvi"], "echo\ta\nterminate\t0\n");
    assert!(err.contains("debug: "), "{err}");
}
