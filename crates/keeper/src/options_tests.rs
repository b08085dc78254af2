use super::*;

fn args(line: &[&str]) -> Vec<OsString> {
    line.iter().map(OsString::from).collect()
}

fn read_as(init: bool, line: &[&str]) -> (Options, Result<(), Stop>) {
    let mut options = Options::default();
    let answer = options.read(&args(line), init);
    (options, answer)
}

fn good(line: &[&str]) -> Options {
    let (options, answer) = read_as(false, line);
    assert_eq!(answer, Ok(()), "{line:?}");
    options
}

fn refused(line: &[&str]) -> String {
    match read_as(false, line) {
        (_, Err(Stop::Wrong(why))) => why,
        other => panic!("{line:?} was taken: {other:?}"),
    }
}

fn remark(options: &Options) -> &str {
    let [(_, text)] = options.remarks.as_slice() else { panic!("one remark: {:?}", options.remarks) };
    text
}

#[test]
fn every_option_sets_its_own() {
    let interactive = || Options { interactive: true, ..Options::default() };
    let pool = |count, bytes| Some(PoolSize { count, bytes });
    let cases: Vec<(&[&str], Options)> = vec![
        (&["-i"], interactive()),
        (&["--interactive"], interactive()),
        (&["-c", "/a b"], Options { config: Some("/a b".into()), ..Options::default() }),
        (&["--config", "-"], Options { config: Some("-".into()), ..Options::default() }),
        (&["-S", "s"], Options { socket: Some("s".into()), ..Options::default() }),
        (&["--socket", "-S"], Options { socket: Some("-S".into()), ..Options::default() }),
        (&["-iD"], Options { daemonize: true, ..interactive() }),
        (&["-i", "--daemonize"], Options { daemonize: true, ..interactive() }),
        (&["-i", "--exit-guard", "-7"], Options { guard: -7, ..interactive() }),
        (&["-i", "-E", "a\t\tb"], Options { exec: b"a\0\0b\0".to_vec(), ..interactive() }),
        (&["-i", "--exit-exec", "a", "-E", ""], interactive()),
        (&["-i", "--fd-pool", "10"], Options { fds: pool(10, 96), ..interactive() }),
        (&["-i", "--fd-pool", "1024x4k"], Options { fds: pool(1024, 4096), ..interactive() }),
        (&["-i", "--service-pool", "1kx1kB"], Options { services: pool(1024, 1000), ..interactive() }),
        (&["-i", "--service-pool", "65535"], Options { services: pool(65_535, 512), ..interactive() }),
        (&["-iM"], Options { lock_memory: true, ..interactive() }),
        (&["--mlockall", "-i"], Options { lock_memory: true, ..interactive() }),
        (&["-vvi"], Options { quieter: -2, ..interactive() }),
        (&["-i", "-q", "--verbose", "--quiet", "-q"], Options { quieter: 2, ..interactive() }),
        (&["-i", "--connections", "64"], Options { connections: Some(64), ..interactive() }),
        (&["-i", "--fds", "a,b.c"], Options { names: vec!["a".to_owned(), "b.c".to_owned()], ..interactive() }),
        (&["--home", "/h"], Options { home: Some("/h".into()), ..Options::default() }),
        (&["--foreground", "--home", "h"], Options { home: Some("h".into()), foreground: true, ..Options::default() }),
        (
            &["--home", "h", "--programs", "/p"],
            Options { home: Some("h".into()), programs: Some("/p".into()), ..Options::default() },
        ),
        (&["--can-read-ledger", "9"], Options { ask_ledger: Some(9), ..Options::default() }),
        (&["--ledger", "3"], Options { ledger: Some(3), ..Options::default() }),
    ];
    for (line, wanted) in cases {
        assert_eq!(good(line), wanted, "{line:?}");
    }
}

#[test]
fn letters_combine_and_take_their_values_in_order() {
    let options = good(&["-vicS", "file", "socket", "-D"]);
    assert!(options.interactive && options.daemonize && options.quieter == -1);
    assert_eq!((options.config, options.socket), (Some("file".into()), Some("socket".into())));
    assert_eq!(good(&["-c", "one", "-c", "two"]).config, Some("two".into()), "the last one counts");
}

#[test]
fn what_is_wrong_is_named() {
    let cases: Vec<(&[&str], &str)> = vec![
        (&[], "at least one of -i, -c, -S"),
        (&["-v"], "at least one of -i, -c, -S"),
        (&["-x"], "unknown option `-x`"),
        (&["-ix"], "unknown option `-x` in `-ix`"),
        (&["-c\u{7}"], "needs FILE"),
        (&["--bogus"], "unknown option `--bogus`"),
        (&["--"], "unknown option `--`"),
        (&["--interactiv"], "unknown option"),
        (&["-"], "unexpected argument `-`"),
        (&["file"], "unexpected argument `file`"),
        (&[""], "unexpected argument ``"),
        (&["--config=x"], "next argument"),
        (&["--interactive="], "next argument"),
        (&["-c"], "--config needs FILE"),
        (&["-i", "--socket"], "--socket needs PATH"),
        (&["-ic"], "--config needs FILE"),
        (&["--exit-guard", "0"], "other than 0"),
        (&["--exit-guard", "+1"], "`+1`"),
        (&["--exit-guard", "1 "], "`1 `"),
        (&["--exit-guard", "x"], "--exit-guard: `x`"),
        (&["--exit-guard", "99999999999999999999"], "whole number"),
        (&["--fd-pool", "x96"], "N or NxM"),
        (&["--fd-pool", "10x"], "N or NxM"),
        (&["--fd-pool", "10xx9"], "N or NxM"),
        (&["--fd-pool", "-7"], "N or NxM"),
        (&["--service-pool", ""], "--service-pool: ``"),
        (&["--fds", "a,,b"], "`` is no name"),
        (&["--fds", "a/b"], "`a/b` is no name"),
        (&["--connections", "many"], "no number"),
        (&["--connections", "-1"], "no number"),
        (&["--ledger", "2"], "no descriptor above 2"),
        (&["--can-read-ledger", "99999999999"], "no descriptor above 2"),
        (&["-i", "--programs", "p"], "--foreground and --programs go with --home"),
        (&["-i", "--foreground"], "--foreground and --programs go with --home"),
        (&["-ic", "-"], "both want standard input"),
        (&["--home", "h", "-i"], "do not go with --home"),
        (&["--home", "h", "-D"], "do not go with --home"),
        (&["-E", "x", "--home", "h"], "do not go with --home"),
        (&["--home", "h", "--fds", "a"], "do not go with --home"),
    ];
    for (line, wanted) in cases {
        let why = refused(line);
        assert!(why.contains(wanted), "{line:?}: {why}");
    }
    assert!(refused(&["--home", "h", "--exit-guard", "5"]).contains("do not go with --home"));
    assert!(refused(&["-iE", &"x".repeat(256)]).contains("exec arguments exceed buffer size (255)"));
    assert_eq!(good(&["-iE", &"x".repeat(255)]).exec.len(), 256, "with the NUL at its end");
}

#[test]
fn what_is_no_text_is_a_path_or_a_mistake() {
    let strange = OsStr::from_bytes(b"a\xff").to_owned();
    let mut options = Options::default();
    assert_eq!(options.read(&["-c".into(), strange.clone()], false), Ok(()));
    assert_eq!(options.config, Some(strange.clone().into()));
    for option in ["--exit-guard", "--fd-pool", "--connections", "--ledger", "--fds"] {
        assert!(matches!(Options::default().read(&[option.into(), strange.clone()], false), Err(Stop::Wrong(_))), "{option}");
    }
    assert!(matches!(Options::default().read(&[strange], false), Err(Stop::Wrong(_))));
}

#[test]
fn help_and_version_stop_at_once_and_keep_what_was_before() {
    for (line, wanted) in [
        (&["-i", "-E", "a", "-h", "--bogus"][..], Stop::Help),
        (&["-iE", "a", "--help"], Stop::Help),
        (&["-E", "a", "--version", "-x"], Stop::Version),
        (&["-E", "a", "-vh"], Stop::Help),
    ] {
        let (options, answer) = read_as(false, line);
        assert_eq!((answer, options.exec.as_slice()), (Err(wanted), &b"a\0"[..]), "{line:?}");
    }
}

#[test]
fn options_act_in_order() {
    let (options, answer) = read_as(false, &["-E", "rescue\tme", "-x", "-E", "never"]);
    assert!(matches!(answer, Err(Stop::Wrong(_))));
    assert_eq!(options.exec, b"rescue\0me\0");
    let (options, answer) = read_as(false, &["-x", "-E", "late"]);
    assert!(answer.is_err() && options.exec.is_empty());
}

#[test]
fn under_a_guard_a_mistake_is_a_remark() {
    let options = good(&["--exit-guard", "5", "splash", "-i", "--bogus"]);
    assert_eq!(options.remarks.len(), 2);
    assert_eq!(options.remarks[0], (Level::Fatal, "unexpected argument `splash` (attempting to continue)".to_owned()));
    // Unless something is to be executed instead of ending.
    assert!(refused(&["--exit-guard", "5", "-E", "x", "splash", "-i"]).contains("splash"));
    // Nobody could ever command it.
    assert!(refused(&["--exit-guard", "5"]).contains("at least one"));
}

#[test]
fn process_one() {
    let init = |line: &[&str]| {
        let (options, answer) = read_as(true, line);
        assert_eq!(answer, Ok(()), "{line:?}");
        options
    };
    let usual = init(&[]);
    assert_eq!((usual.config, usual.guard), (Some(INIT_CONFIG.into()), 1));
    // What a boot loader may hand over is no reason to end.
    let options = init(&["quiet", "splash", "--unknown=1"]);
    assert_eq!((options.config, options.remarks.len()), (Some(INIT_CONFIG.into()), 3));
    let options = init(&["-D", "-S", "s"]);
    assert!(!options.daemonize && options.config.is_none() && options.guard == 1);
    assert!(remark(&options).starts_with("--daemonize is ignored"));
    assert_eq!(init(&["-i", "--exit-guard", "9"]).guard, 9);
    assert_eq!(init(&["--home", "h"]).guard, 0, "a home is ended by its steward");
    assert!(read_as(true, &["-E", "sh", "--bogus"]).1.is_err(), "there is something to execute instead");
}

#[test]
fn pools_are_clamped_and_it_is_said() {
    let cases = [
        ("--fd-pool", "6", "minimum", 7, 96),
        ("--fd-pool", "1025", "maximum", 1024, 96),
        ("--fd-pool", "7x31", "minimum", 7, 32),
        ("--fd-pool", "7x4097", "maximum", 7, 4096),
        ("--fd-pool", "1tx64", "maximum", 1024, 64),
        ("--service-pool", "0", "minimum", 1, 512),
        ("--service-pool", "65536", "maximum", 65_535, 512),
        ("--service-pool", "1x63", "minimum", 1, 64),
        ("--service-pool", "1x1m", "maximum", 1, 65_536),
        ("--service-pool", "99999999999999999999999x64", "maximum", 65_535, 64),
    ];
    for (option, value, word, count, bytes) in cases {
        let options = good(&["-i", option, value]);
        let pool = if option == "--fd-pool" { options.fds } else { options.services };
        assert_eq!(pool, Some(PoolSize { count, bytes }), "{option} {value}");
        assert!(remark(&options).starts_with(&format!("{option}: ")) && remark(&options).contains(word), "{:?}", options.remarks);
    }
    for (value, word, count) in [("0", "minimum", 1), ("65", "maximum", 64)] {
        let options = good(&["-i", "--connections", value]);
        assert!(options.connections == Some(count) && remark(&options).contains(word));
    }
}

#[test]
fn sizes() {
    for (text, wanted) in [
        ("0", Some(0)),
        ("12", Some(12)),
        ("12b", Some(12)),
        ("1k", Some(1024)),
        ("2K", Some(2048)),
        ("1kB", Some(1000)),
        ("1kiB", Some(1024)),
        ("3m", Some(3 << 20)),
        ("3MB", Some(3_000_000)),
        ("3miB", Some(3 << 20)),
        ("1g", Some(1 << 30)),
        ("1gB", Some(1_000_000_000)),
        ("1t", Some(1 << 40)),
        ("1tB", Some(1_000_000_000_000)),
        ("99999999999999999999", Some(u64::MAX)),
        ("18446744073709551615t", Some(u64::MAX)),
        ("", None),
        ("k", None),
        ("-1", None),
        ("+1", None),
        ("1 k", None),
        ("1x", None),
        ("1bB", None),
        ("1biB", None),
        ("1kb", None),
        ("1ki", None),
        ("1kiBs", None),
        ("1é", None),
    ] {
        assert_eq!(size(text), wanted, "{text:?}");
    }
}

#[test]
fn the_filter_moves_and_stops_at_its_ends() {
    for (line, wanted) in [
        (&["-i"][..], Level::Debug),
        (&["-iv"], Level::Trace),
        (&["-ivv"], Level::None),
        (&["-ivvvvv"], Level::None),
        (&["-iq"], Level::Info),
        (&["-iqqqq"], Level::Fatal),
        (&["-iqqqqqqqq"], Level::Fatal),
        (&["-iqv"], Level::Debug),
    ] {
        assert_eq!(good(line).level(), wanted, "{line:?}");
    }
}

#[test]
fn the_usage_has_every_option_and_fits() {
    let text = usage("daemonproxy");
    assert!(text.starts_with("usage: daemonproxy "));
    for flag in FLAGS {
        assert_eq!(text.contains(&format!("--{} ", flag.long)), !flag.help.is_empty(), "{}", flag.long);
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let letters: std::collections::BTreeSet<u8> = FLAGS.iter().map(|f| f.short).filter(|s| *s != 0).collect();
    assert_eq!(letters.len(), FLAGS.iter().filter(|f| f.short != 0).count(), "one meaning for each letter");
}
