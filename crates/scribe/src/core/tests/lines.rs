//! Reading a file of lines in a form.

use model::LogFormat;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub stream: String,
    pub text: String,
    pub part: bool,
}

/// The lines; what is none (a kill came in the middle of a write) as its text.
pub fn lines(format: LogFormat, text: &str) -> Vec<Result<Line, String>> {
    text.lines().map(|line| read(format, line).ok_or_else(|| line.to_owned())).collect()
}

fn read(format: LogFormat, line: &str) -> Option<Line> {
    if format == LogFormat::Json {
        let object: serde_json::Value = serde_json::from_str(line).ok()?;
        let word = |key: &str| object[key].as_str().map(str::to_owned);
        assert_eq!((object["app"].as_str(), object["slot"].as_str()), (Some("web"), Some("web-0")));
        return Some(Line { stream: word("stream")?, text: word("line")?, part: object["partial"].as_bool()? });
    }
    let (stamp, rest) = line.split_at_checked(24)?;
    let (stream, text) = rest.strip_prefix(' ')?.split_once(' ')?;
    let part = stream.ends_with('+');
    stamp.ends_with('Z').then(|| Line { stream: stream.trim_end_matches('+').to_owned(), text: text.to_owned(), part })
}
