//! Reading back what a log file says was printed.

use model::LogFormat;

/// One line of a file.
pub struct Line {
    pub stream: String,
    pub bytes: Vec<u8>,
    pub part: bool,
}

/// A line of a `text` or `json` file, without its line feed; `None` = it is none.
pub fn line(format: LogFormat, raw: &[u8]) -> Option<Line> {
    if format == LogFormat::Text {
        let rest = raw.get(24..).filter(|_| raw[23] == b'Z')?.strip_prefix(b" ")?;
        let at = rest.iter().position(|byte| *byte == b' ')?;
        let stream = String::from_utf8(rest[..at].to_vec()).ok()?;
        let part = stream.ends_with('+');
        return Some(Line { stream: stream.trim_end_matches('+').to_owned(), bytes: rest[at + 1..].to_vec(), part });
    }
    let object: serde_json::Value = serde_json::from_slice(raw).ok()?;
    let bytes = match object.get("bytes") {
        Some(bytes) => model::base64::decode(bytes.as_str()?)?,
        None => object["line"].as_str()?.as_bytes().to_vec(),
    };
    Some(Line { stream: object["stream"].as_str()?.to_owned(), bytes, part: object["partial"].as_bool()? })
}

/// The bytes that were printed; the first line that is none as an error.
pub fn printed(format: LogFormat, file: &[u8]) -> Result<Vec<u8>, String> {
    if format == LogFormat::Raw {
        return Ok(file.to_vec());
    }
    let mut all = Vec::new();
    for raw in file.split_inclusive(|byte| *byte == b'\n') {
        let whole = raw.strip_suffix(b"\n").ok_or("no line feed at the end")?;
        let line = line(format, whole).ok_or_else(|| format!("no line: {}", String::from_utf8_lossy(whole)))?;
        all.extend(&line.bytes);
        if !line.part {
            all.push(b'\n');
        }
    }
    Ok(all)
}
