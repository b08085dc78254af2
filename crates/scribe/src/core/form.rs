//! The forms `text` and `json`: how lines of a stream become lines of a file. Pure, and nothing is lost: what a `json` file says is
//! exactly what was printed, and a `text` file holds the very bytes behind its prefix.
//!
//! Every line of the file ends with a line feed. Where the app wrote none (a line longer than a turn, the end of a stream) the line is
//! *partial*: the bytes go on in the next line of this stream, or there are no more.

use super::json;
use model::{LogForm, LogFormat, Stream, StreamId, Wall};

/// Bytes laid in one turn at most, unless the first line alone is longer (then it has at most some 480 KiB: each of its 64 Ki bytes
/// as six, and all of them again in base64).
pub const FORM_ROOM: usize = 256 * 1024;
/// What a buffer for laid lines may need.
pub const FORM_BUFFER: usize = FORM_ROOM + 500 * 1024;

/// What is to become of bytes after the last line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// They stay where they are.
    Stay,
    /// They are a part of a line that goes on; a character at the end that is not complete stays.
    Part,
    /// They are the last of the stream.
    End,
}

/// What stands before each line of one stream, made once.
#[derive(Debug, PartialEq, Eq)]
pub struct Lead {
    json: bool,
    whole: String,
    part: String,
}

/// How much has been laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Laid {
    /// Bytes of the stream.
    pub taken: usize,
    /// Lines of the file.
    pub lines: usize,
    /// Whether the last of them is partial.
    pub part: bool,
}

impl Lead {
    /// The lead of a stream; `None` when its bytes go as they are.
    pub fn new(form: &LogForm, id: StreamId) -> Option<Lead> {
        let name = match id.stream {
            Stream::Out => "out",
            Stream::Err => "err",
        };
        match form.format {
            LogFormat::Raw => None,
            LogFormat::Text => Some(Lead { json: false, whole: format!(" {name} "), part: format!(" {name}+ ") }),
            LogFormat::Json => {
                let mut lead = Vec::from(b"\",\"app\":\"");
                json::escape(&form.app, &mut lead);
                lead.extend_from_slice(b"\",\"slot\":\"");
                json::escape(&form.slot, &mut lead);
                lead.extend_from_slice(
                    format!("\",\"instance\":\"{}\",\"stream\":\"{name}\",\"line\":\"", id.instance).as_bytes(),
                );
                let lead = String::from_utf8(lead).expect("escaping keeps text text");
                Some(Lead { json: true, part: lead.clone(), whole: lead })
            }
        }
    }

    /// Replaces what is in `out` by lines of the file: as many of `bytes` as have room, but at least one.
    pub fn lay(&self, bytes: &[u8], rest: Rest, wall: Wall, room: u64, out: &mut Vec<u8>) -> Laid {
        out.clear();
        let room = usize::try_from(room).unwrap_or(FORM_ROOM).min(FORM_ROOM);
        let stamp = stamp(wall);
        let mut laid = Laid::default();
        while laid.taken < bytes.len() {
            let left = &bytes[laid.taken..];
            let (line, taken) = match memchr::memchr(b'\n', left) {
                Some(at) => (&left[..at], at + 1),
                None => match rest {
                    Rest::Stay => break,
                    Rest::Part => (whole_characters(left), whole_characters(left).len()),
                    Rest::End => (left, left.len()),
                },
            };
            let before = out.len();
            if before > 0 && before + line.len() > room {
                break;
            }
            let part = taken == line.len();
            self.line(&stamp, line, part, out);
            if before > 0 && out.len() > room {
                out.truncate(before);
                break;
            }
            laid = Laid { taken: laid.taken + taken, lines: laid.lines + 1, part };
            if part {
                break;
            }
        }
        laid
    }

    fn line(&self, stamp: &[u8; STAMP], line: &[u8], part: bool, out: &mut Vec<u8>) {
        let lead = if part { &self.part } else { &self.whole };
        if self.json {
            out.extend_from_slice(b"{\"time\":\"");
            out.extend_from_slice(stamp);
            out.extend_from_slice(lead.as_bytes());
            json::line(line, part, out);
        } else {
            out.extend_from_slice(stamp);
            out.extend_from_slice(lead.as_bytes());
            out.extend_from_slice(line);
        }
        out.push(b'\n');
    }

    /// The line that stands for bytes that were read and discarded.
    fn gap(&self, text: &str, bytes: u64, wall: Wall) -> Vec<u8> {
        let (mut out, stamp) = (Vec::new(), stamp(wall));
        if self.json {
            out.extend_from_slice(b"{\"time\":\"");
            out.extend_from_slice(&stamp);
            out.extend_from_slice(self.whole.as_bytes());
            out.extend_from_slice(format!("{text}\",\"partial\":false,\"dropped\":{bytes}}}\n").as_bytes());
        } else {
            self.line(&stamp, text.as_bytes(), false, &mut out);
        }
        out
    }
}

/// Replaces what is in `out` by `bytes` in a form (see [`Lead::lay`]), or as they are.
pub fn lay(lead: Option<&Lead>, bytes: &[u8], rest: Rest, wall: Wall, room: u64, out: &mut Vec<u8>) -> Laid {
    match lead {
        Some(lead) => lead.lay(bytes, rest, wall, room, out),
        None => {
            out.clear();
            out.extend_from_slice(bytes);
            let lines = memchr::memchr_iter(b'\n', bytes).count() + usize::from(!bytes.ends_with(b"\n"));
            Laid { taken: bytes.len(), lines, part: false }
        }
    }
}

/// The line that stands for bytes that were read and discarded, in the form of the stream.
pub(crate) fn gap_line(lead: Option<&Lead>, bytes: u64, cause: &str, wall: Wall) -> Vec<u8> {
    let text = format!("[abide: {bytes} bytes dropped: {cause}]");
    match lead {
        Some(lead) => lead.gap(&text, bytes, wall),
        None => (text + "\n").into_bytes(),
    }
}

impl Laid {
    /// How much of it stands in the first `written` bytes of what was laid, in whole lines: their bytes in the file, and what they took.
    pub fn up_to(self, bytes: &[u8], out: &[u8], written: usize) -> (usize, Laid) {
        if written >= out.len() {
            return (out.len(), self);
        }
        let whole = memchr::memrchr(b'\n', &out[..written]).map_or(0, |at| at + 1);
        let lines = memchr::memchr_iter(b'\n', &out[..whole]).count();
        // Not the last line, so each of them ended with a line feed in the stream.
        let taken = lines.checked_sub(1).and_then(|n| memchr::memchr_iter(b'\n', bytes).nth(n)).map_or(0, |at| at + 1);
        (whole, Laid { taken, lines, part: false })
    }
}

/// Without a character of UTF-8 that is begun and not complete at the end; all, if that is all there is.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    for back in 1..=bytes.len().min(3) {
        let at = bytes.len() - back;
        let needs = match bytes[at] {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        return if needs > back && at > 0 { &bytes[..at] } else { bytes };
    }
    bytes
}

const STAMP: usize = "2026-11-21T16:30:00.123Z".len();

/// RFC 3339 in UTC with milliseconds; times outside of the years 1970 to 9999 are the nearest within.
fn stamp(wall: Wall) -> [u8; STAMP] {
    let ms = wall.0.clamp(0, 253_402_300_799_999) as u64;
    let (mut year, mut day) = (1970, ms / 86_400_000);
    let leaps = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // Four centuries have always as many days.
    year += day / 146_097 * 400;
    day %= 146_097;
    while day >= 365 + u64::from(leaps(year)) {
        day -= 365 + u64::from(leaps(year));
        year += 1;
    }
    let mut month = 1;
    for days in [31, 28 + u64::from(leaps(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let mut out = *b"0000-00-00T00:00:00.000Z";
    let fields = [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day + 1),
        (11, 2, ms / 3_600_000 % 24),
        (14, 2, ms / 60_000 % 60),
        (17, 2, ms / 1000 % 60),
        (20, 3, ms % 1000),
    ];
    for (at, digits, mut value) in fields {
        for place in (at..at + digits).rev() {
            out[place] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    }
    out
}

#[cfg(test)]
mod tests;
