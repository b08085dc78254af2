//! §1: lines, fields, names, numbers, and who hears what.

use crate::desk::{define, obeyed, refusal, refused, start, talk, with_socket};
use rustix::process::Signal;

#[test]
fn what_is_no_command_is_named_as_it_came() {
    let mut keeper = talk();
    for (line, name) in [
        ("nonsense", "nonsense"),
        ("nonsense\ta\tb", "nonsense"),
        (" echo\ta", " echo"),
        ("\techo\ta", ""),
        ("echo \ta", "echo "),
        ("ECHO\ta", "ECHO"),
        ("service.start ", "service.start "),
        (" # no comment", " # no comment"),
        ("version", "version"),
        ("service.env\ta", "service.env"),
        ("pen.take\t1", "pen.take"),
    ] {
        let answers = keeper.answers(line);
        keeper.check(answers == [format!("error\tUnknown command: {name}")], &format!("{line:?} got {answers:?}"));
    }
    keeper.wait_stderr("error: **");
}

#[test]
fn comments_and_blank_lines_are_ignored() {
    let mut keeper = talk();
    for line in ["#", "# comment\twith fields", "", " ", "\t", " \t\r", "\r"] {
        keeper.say(line);
    }
    keeper.quiet();
}

#[test]
fn fields_may_be_empty() {
    let mut keeper = talk();
    obeyed(
        &mut keeper,
        &[
            ("echo\ta\t\tb", &["a\t\tb"]),
            ("echo\t\ta", &["\ta"]),
            ("service.tags\ta\t\tx\t", &["service.tags\ta\t\tx\t"]),
            ("echo", &[]),
        ],
    );
}

#[test]
fn a_carriage_return_belongs_to_the_field() {
    let mut keeper = talk();
    obeyed(&mut keeper, &[("echo\ta\r", &["a\r"])]);
    keeper.ask("echo\r", "error\tUnknown command: echo*");
}

#[test]
fn nothing_is_quoted_or_escaped() {
    let mut keeper = talk();
    obeyed(&mut keeper, &[("echo\ta\\tb\t\"c d\"\t'", &["a\\tb\t\"c d\"\t'"])]);
}

#[test]
fn a_command_may_come_in_pieces_and_several_at_once() {
    let mut keeper = talk();
    for piece in ["ec", "h", "o\ton", "e\necho\ttwo\necho\tth"] {
        keeper.send_raw(piece);
        keeper.stderr_lines();
    }
    keeper.expect("one");
    keeper.expect("two");
    keeper.send_raw("ree\n");
    keeper.expect("three");
    keeper.quiet();
}

#[test]
fn a_line_of_1023_bytes_is_the_longest() {
    let mut keeper = talk();
    let text = "x".repeat(1023 - "echo\t".len());
    keeper.say(&format!("echo\t{text}"));
    keeper.expect(&text);
    keeper.say(&format!("echo\t{text}x"));
    keeper.expect("error\tline too long");
    keeper.wait_stderr("*: controller[<int>] command exceeds buffer size**");
    keeper.quiet();
}

#[test]
fn a_line_far_too_long_is_one_error() {
    let mut keeper = talk();
    for length in [1025, 2048, 5000, 100_000] {
        keeper.say(&"y".repeat(length));
        let answers = keeper.barrier();
        keeper.check(answers == ["error\tline too long"], &format!("{length} bytes got {answers:?}"));
    }
}

#[test]
fn a_comment_too_long_is_skipped_silently() {
    let mut keeper = talk();
    for length in [1023, 1024, 1025, 5000] {
        keeper.say(&format!("#{}", "c".repeat(length)));
        keeper.quiet();
    }
    keeper.say("mark");
    keeper.wait_stderr("**mark**");
    let logged = keeper.stderr_lines().join("\n");
    keeper.check(!logged.contains("exceeds"), "nothing is logged of comments");
}

#[test]
fn names_have_31_characters_at_most() {
    let mut keeper = talk();
    let (most, more) = ("n".repeat(31), "n".repeat(32));
    obeyed(
        &mut keeper,
        &[
            (&format!("service.tags\t{most}\tx"), &[&format!("service.tags\t{most}\tx")]),
            ("service.tags\tAZaz09._-\tx", &["service.tags\tAZaz09._-\tx"]),
            (&format!("fd.open\t{most}\tread\t/dev/null"), &[&format!("fd.state\t{most}\tfile\tread\t/dev/null")]),
        ],
    );
    refused(
        &mut keeper,
        &[
            (&format!("service.tags\t{more}\tx"), "Invalid service name"),
            (&format!("fd.open\t{more}\tread\t/dev/null"), "Invalid file descriptor name"),
            ("service.tags\ta b\tx", "Invalid service name"),
            ("service.tags\ta/b", "Invalid service name"),
            ("service.tags\ta:b", "Invalid service name"),
            ("service.tags\tä", "Invalid service name"),
            ("service.tags\ta\\tb", "Invalid service name"),
            ("service.tags\t\tx", "* service name"),
            ("fd.open\ta=b\tread\t/dev/null", "Invalid file descriptor name"),
            ("fd.open\t\tread\t/dev/null", "* file descriptor name"),
        ],
    );
}

#[test]
fn integers_are_digits_with_a_minus_at_most() {
    let mut keeper = talk();
    keeper.ask("service.tags\ta", "service.tags\ta\t");
    for wrong in ["+1", " 1", "1 ", "0x1", "1a", "--1", "1.5", "x", "", "1e3"] {
        let command = format!("service.auto_up\ta\t{wrong}\talways");
        refused(&mut keeper, &[(&command, "Expected integer")]);
        refused(&mut keeper, &[(&format!("terminate\t{wrong}"), "Expected integer")]);
    }
    refused(&mut keeper, &[("terminate\t-", "Expected integer")]);
    obeyed(&mut keeper, &[("service.auto_up\ta\t007\tUSR1", &["service.auto_up\ta\t7\t*USR1"])]);
    // Larger than any integer: refused, whatever the words.
    refused(&mut keeper, &[("service.auto_up\ta\t99999999999999999999999\talways", "**")]);
}

#[test]
fn an_error_quotes_the_first_30_bytes() {
    let mut keeper = talk();
    let (whole, cut) = ("service.start\tabcdefghijklmnop", "service.start\tabcdefghijklmnopq");
    assert_eq!((whole.len(), cut.len()), (30, 31));
    keeper.say(whole);
    keeper.expect("error\tNo such service, for command \"service.start\tabcdefghijklmnop\"");
    keeper.say(cut);
    keeper.expect("error\tNo such service, for command \"service.start\tabcdefghijklmnop...\"");
    keeper.say("fd.delete\tx\ty\tz");
    keeper.expect("error\tNo such file descriptor, for command \"fd.delete\tx\ty\tz\"");
    assert_eq!(refusal("No such service", cut), "error\tNo such service, for command \"service.start\tabcdefghijklmnop...\"");
}

#[test]
fn a_failed_command_logs_two_lines() {
    let mut keeper = talk();
    keeper.ask("service.start\tnobody", "error\tNo such service**");
    keeper.say("the-mark");
    keeper.wait_stderr("**the-mark**");
    let logged = keeper.stderr_lines();
    let before = logged.iter().position(|l| l.contains("the-mark")).expect("it was found");
    keeper.check(before == 2, &format!("expected two lines before the mark: {logged:?}"));
}

#[test]
fn no_event_contains_a_line_feed() {
    let mut keeper = talk();
    for command in ["fd.open\tx\tbogus\t/tmp/x", "fd.pipe\tr\tw\tbogus", "fd.socket\ts\tbogus", "fd.socket\ts\tbogus\t/a"] {
        let answers = keeper.answers(command);
        let one = answers.len() == 1 && answers[0].starts_with("error\t") && answers[0].contains(", for command \"");
        keeper.check(one, &format!("{command:?} got {answers:?}"));
    }
}

#[test]
fn bytes_of_any_kind_are_taken() {
    let mut keeper = talk();
    keeper.send_raw(b"\xff\xfe\x01\n");
    keeper.expect_match("error\tUnknown command: **");
    keeper.send_raw(b"nul\0byte\n");
    keeper.expect_match("error\t**");
    keeper.quiet();
}

#[test]
fn state_events_go_to_all_and_answers_to_the_sender() {
    let mut keeper = with_socket();
    let mut client = keeper.client("ctl");
    client.quiet();
    keeper.ask("service.tags\ta\tx", "service.tags\ta\tx");
    client.expect("service.tags\ta\tx");
    client.ask("fd.pipe\tr\tw", "fd.state\tr\tpipe\tfrom\tw");
    client.expect("fd.state\tw\tpipe\tto\tr");
    keeper.expect_all(&["fd.state\tr\tpipe\tfrom\tw", "fd.state\tw\tpipe\tto\tr"]);
    define(&mut keeper, "b", "sleep\t1000");
    start(&mut keeper, "b");
    client.expect_all(&["service.args\tb\tsleep\t1000", "service.state\tb\tstart\t**", "service.state\tb\tup\t**"]);
    for own in ["echo\tmine", "log.filter", "nonsense", "service.start\tnobody", "log.dest\tfd\tnobody", "statedump"] {
        client.say(own);
    }
    client.barrier();
    keeper.quiet();
    keeper.signal(Signal::USR1);
    keeper.expect_match("signal\tSIGUSR1\t<ts>\t1");
    client.expect_match("signal\tSIGUSR1\t<ts>\t1");
}
