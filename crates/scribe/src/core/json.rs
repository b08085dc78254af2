//! What JSON asks of a line.

use std::str;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The rest of an object whose `line` has been opened: the line, whether it is partial, and its exact bytes when it is not UTF-8.
pub(crate) fn line(line: &[u8], part: bool, out: &mut Vec<u8>) {
    let text = str::from_utf8(line);
    match text {
        Ok(text) => escape(text, out),
        Err(_) => {
            for chunk in line.utf8_chunks() {
                escape(chunk.valid(), out);
                chunk.invalid().iter().for_each(|_| out.extend_from_slice("\u{fffd}".as_bytes()));
            }
        }
    }
    out.extend_from_slice(if part { b"\",\"partial\":true" } else { b"\",\"partial\":false" });
    if text.is_err() {
        out.extend_from_slice(b",\"bytes\":\"");
        model::base64::append(line, out);
        out.push(b'"');
    }
    out.push(b'}');
}

/// The text as it stands between the quotes of a JSON string.
pub(crate) fn escape(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = next_special(bytes, from) {
        out.extend_from_slice(&bytes[from..at]);
        match bytes[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                let [high, low] = [other >> 4, other & 15].map(|half| HEX[usize::from(half)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
}

/// Control characters, the quote, the backslash; DEL too, which terminals do not love.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || byte == 0x7f
}

/// The next byte that must be escaped. Eight at once are looked at first, for most lines have none.
fn next_special(bytes: &[u8], mut from: usize) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    while let Some(eight) = bytes.get(from..from + 8).and_then(|eight| eight.try_into().ok()).map(u64::from_le_bytes) {
        // A byte that is zero after the change borrows from its highest bit; so does one that is too small. Borrows reach only bytes
        // above one that was found, so they cost a second look, never a miss.
        let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
        let small = eight.wrapping_sub(ONES * 0x20) & !eight & HIGHS;
        if small | zero(eight ^ (ONES * 0x22)) | zero(eight ^ (ONES * 0x5c)) | zero(eight ^ (ONES * 0x7f)) != 0
            && let Some(at) = bytes[from..from + 8].iter().position(|byte| is_special(*byte))
        {
            return Some(from + at);
        }
        from += 8;
    }
    bytes[from..].iter().position(|byte| is_special(*byte)).map(|at| from + at)
}
