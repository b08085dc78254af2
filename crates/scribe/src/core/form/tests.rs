use super::*;
use crate::core::TURN_BYTES;
use model::InstanceId;
use proptest::prelude::*;

const ID: StreamId = StreamId { instance: InstanceId(91), stream: Stream::Out };
const WALL: Wall = Wall(1_795_278_600_123);

fn lead(format: LogFormat) -> Lead {
    let form = LogForm { format, app: "web".to_owned(), slot: "web-0".to_owned(), ..LogForm::default() };
    Lead::new(&form, ID).expect("it has a form")
}

fn lay(format: LogFormat, bytes: &[u8], rest: Rest, room: u64) -> (Laid, String) {
    let mut out = Vec::new();
    let laid = lead(format).lay(bytes, rest, WALL, room, &mut out);
    (laid, String::from_utf8(out).expect("utf-8"))
}

fn check(format: LogFormat, bytes: &[u8], rest: Rest, taken: usize, expected: &[&str]) {
    let (laid, text) = lay(format, bytes, rest, 1_000_000);
    assert_eq!(
        (laid.taken, laid.lines, text.split_terminator('\n').collect::<Vec<_>>()),
        (taken, expected.len(), expected.to_vec()),
        "{bytes:?}"
    );
    assert!(text.is_empty() || text.ends_with('\n'));
}

#[test]
fn text() {
    let check = |bytes: &[u8], rest, taken, expected: &[&str]| check(LogFormat::Text, bytes, rest, taken, expected);
    check(b"", Rest::End, 0, &[]);
    check(b"a\nb", Rest::Stay, 2, &["2026-11-21T16:30:00.123Z out a"]);
    check(b"a\nb", Rest::End, 3, &["2026-11-21T16:30:00.123Z out a", "2026-11-21T16:30:00.123Z out+ b"]);
    check(b"\n\r\n", Rest::End, 3, &["2026-11-21T16:30:00.123Z out ", "2026-11-21T16:30:00.123Z out \r"]);
    check("n\u{e9}".as_bytes(), Rest::Part, 3, &["2026-11-21T16:30:00.123Z out+ n\u{e9}"]);
    check(&"n\u{e9}".as_bytes()[..2], Rest::Part, 1, &["2026-11-21T16:30:00.123Z out+ n"]);
}

#[test]
fn json_lines() {
    let head = r#"{"time":"2026-11-21T16:30:00.123Z","app":"web","slot":"web-0","instance":"i91","stream":"out","line":"#;
    let check = |bytes: &[u8], rest, taken, ends: &[&str]| {
        let lines: Vec<String> = ends.iter().map(|end| format!("{head}{end}")).collect();
        check(LogFormat::Json, bytes, rest, taken, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    };
    check(b"a\n", Rest::Stay, 2, &[r#""a","partial":false}"#]);
    check(b"a", Rest::Stay, 0, &[]);
    check(b"a", Rest::End, 1, &[r#""a","partial":true}"#]);
    check(b"\0\"\\\t\x1b[1m\r\n", Rest::Stay, 10, &[r#""\u0000\"\\\t\u001b[1m\r","partial":false}"#]);
    check(b"\xff\xfex\n", Rest::Stay, 4, &["\"\u{fffd}\u{fffd}x\",\"partial\":false,\"bytes\":\"//54\"}"]);
}

#[test]
fn gaps() {
    let gap = |lead: Option<&Lead>| String::from_utf8(gap_line(lead, 12345, "ENOSPC", WALL)).expect("utf-8");
    assert_eq!(gap(None), "[abide: 12345 bytes dropped: ENOSPC]\n");
    let text = "2026-11-21T16:30:00.123Z out [abide: 12345 bytes dropped: ENOSPC]\n";
    assert_eq!(gap(Some(&lead(LogFormat::Text))), text);
    let json: serde_json::Value = serde_json::from_str(&gap(Some(&lead(LogFormat::Json)))).expect("json");
    assert_eq!((json["line"].as_str(), json["dropped"].as_u64()), (Some("[abide: 12345 bytes dropped: ENOSPC]"), Some(12345)));
}

#[test]
fn the_room_is_kept_to() {
    let (laid, text) = lay(LogFormat::Text, b"a\nb\nc\n", Rest::End, 70);
    assert_eq!((laid.taken, laid.lines, text.len()), (4, 2, 62));
    let (laid, _) = lay(LogFormat::Text, b"a\nb\nc\n", Rest::End, 0);
    assert_eq!((laid.taken, laid.lines), (2, 1));
    // The worst that a turn can bring, in lines of any length.
    for (byte, end) in [(0u8, 0u8), (0xff, 0xff), (b'\n', b'\n'), (0, 0xff)] {
        let mut bytes = vec![byte; TURN_BYTES as usize];
        *bytes.last_mut().expect("many") = end;
        let mut out = Vec::with_capacity(FORM_BUFFER);
        let laid = lead(LogFormat::Json).lay(&bytes, Rest::End, WALL, u64::MAX, &mut out);
        assert!(laid.taken > 0 && out.capacity() == FORM_BUFFER, "{byte} {} {}", out.len(), out.capacity());
    }
}

#[test]
fn times() {
    let check = |ms: i64, expected: &str| assert_eq!(stamp(Wall(ms)), *expected.as_bytes());
    check(0, "1970-01-01T00:00:00.000Z");
    check(951_782_400_000, "2000-02-29T00:00:00.000Z");
    check(951_868_799_999, "2000-02-29T23:59:59.999Z");
    check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
    check(1_767_225_599_000, "2025-12-31T23:59:59.000Z");
    check(-1, "1970-01-01T00:00:00.000Z");
    check(i64::MAX, "9999-12-31T23:59:59.999Z");
}

/// What was printed, read back from a file.
fn read_back(format: LogFormat, file: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let part = match format {
            LogFormat::Json => {
                let object: serde_json::Value = serde_json::from_slice(line).expect("json");
                let text = object["line"].as_str().expect("a line");
                match object.get("bytes").and_then(|bytes| bytes.as_str()) {
                    Some(bytes) => all.extend(model::base64::decode(bytes).expect("base64")),
                    None => all.extend(text.as_bytes()),
                }
                object["partial"].as_bool().expect("partial")
            }
            LogFormat::Text | LogFormat::Raw => {
                let part = line[STAMP..].starts_with(b" out+ ");
                all.extend(&line[STAMP + 5 + usize::from(part)..line.len() - 1]);
                part
            }
        };
        if !part {
            all.push(b'\n');
        }
    }
    all
}

/// Lays a stream turn by turn, seeing at most `window` bytes at once, with so much room; each third write is a short one.
fn carry(format: LogFormat, bytes: &[u8], window: usize, room: u64) -> Vec<u8> {
    let (lead, mut out, mut file, mut at, mut turn) = (lead(format), Vec::new(), Vec::new(), 0, 0);
    while at < bytes.len() {
        turn += 1;
        let seen = &bytes[at..bytes.len().min(at + window)];
        let rest = if at + window >= bytes.len() { Rest::End } else { Rest::Part };
        let laid = lead.lay(seen, rest, WALL, room, &mut out);
        let written = if turn % 3 == 0 { out.len() * 2 / 3 } else { out.len() };
        let (whole, laid) = laid.up_to(seen, &out, written);
        file.extend_from_slice(&out[..whole]);
        at += laid.taken;
    }
    file
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        bytes in proptest::collection::vec(prop_oneof![3 => Just(b'\n'), 1 => any::<u8>(), 6 => 0x1fu8..0x80], 0..400),
        window in 4usize..100,
        room in 0u64..1000,
    ) {
        for format in [LogFormat::Json, LogFormat::Text] {
            prop_assert_eq!(&read_back(format, &carry(format, &bytes, window, room)), &bytes);
        }
    }

    /// Whatever the chunks, no character is cut: a text is text in every line.
    #[test]
    fn characters_stay_whole(text in "[a\u{e9}\u{20ac}\u{1f600}]{0,200}", window in 4usize..60) {
        let file = carry(LogFormat::Json, text.as_bytes(), window, 1000);
        prop_assert!(!String::from_utf8(file.clone()).expect("utf-8").contains("bytes"));
        prop_assert_eq!(read_back(LogFormat::Json, &file), text.into_bytes());
    }

    #[test]
    fn escaped_is_json(text in any::<String>()) {
        let mut out = vec![b'"'];
        super::super::json::escape(&text, &mut out);
        out.push(b'"');
        prop_assert_eq!(serde_json::from_slice::<String>(&out).expect("json"), text);
    }
}
