//! Text from outside: bounded, and UTF-8.

use std::io::{self, Read};

/// The longest file that is read at all, in bytes. What a configuration may have is less; `config` says so with the number.
const LIMIT: u64 = 4 << 20;

/// All of it.
///
/// # Errors
/// It cannot be read, is longer than [`LIMIT`], or is not UTF-8, which is said with line and column.
pub fn text(from: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        let limit = model::format_size(LIMIT);
        return Err(io::Error::other(format!(
            "it is longer than {limit}, and a file of apps has at most 1M; is it the right one?"
        )));
    }
    String::from_utf8(bytes).map_err(|wrong| io::Error::new(io::ErrorKind::InvalidData, not_text(&wrong)))
}

fn not_text(wrong: &std::string::FromUtf8Error) -> String {
    let bytes = wrong.as_bytes();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return "it is UTF-16; save it as UTF-8".to_owned();
    }
    let at = wrong.utf8_error().valid_up_to();
    let good = String::from_utf8_lossy(&bytes[..at]);
    let (line, column) = (good.matches('\n').count() + 1, good.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
    let byte = bytes.get(at).copied().unwrap_or_default();
    format!("line {line}, column {column}: the byte 0x{byte:02X} is not UTF-8; save it as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_said_with_its_place() {
        let said = |bytes: &[u8]| text(bytes).unwrap_or_else(|wrong| wrong.to_string());
        assert_eq!(said("grüße\n".as_bytes()), "grüße\n");
        assert_eq!(said(b"a = 1\nb = \"gr\xfc\""), "line 2, column 8: the byte 0xFC is not UTF-8; save it as UTF-8");
        assert_eq!(said(b"\xff\xfea\0"), "it is UTF-16; save it as UTF-8");
        assert!(said(&vec![b'#'; (4 << 20) + 1]).starts_with("it is longer than 4M"));
    }
}
