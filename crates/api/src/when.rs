//! Times as people write them.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, Zoned};

/// The text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time")]
pub struct BadTime(pub String);

/// What to write instead.
pub const TIMES: &str = "write for example 10m or 2h (ago), 14:00, \"today 14:00\", \"yesterday 9:30\", 2026-11-21, \"2026-11-21 14:00\" or 2026-11-21T13:00:00Z";

/// Milliseconds since 1970 of a time as people write it, seen from `now` and in its zone: RFC 3339; a span, which is so long ago; `now`, `today`,
/// `yesterday`, each day with a time of day behind it; a time of day, which is today; a date, with or without a time of day.
///
/// # Errors
/// [`BadTime`].
pub fn when(text: &str, now: &Zoned) -> Result<i64, BadTime> {
    let wrong = || BadTime(text.chars().take(80).collect());
    let plain = text.trim();
    if let Ok(time) = plain.parse::<Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let span = plain.strip_suffix("ago").unwrap_or(plain).trim();
    if let Ok(span) = model::parse_span(span) {
        let ago = SignedDuration::try_from(span).map_err(|_| wrong())?;
        return Ok(now.timestamp().checked_sub(ago).map_err(|_| wrong())?.as_millisecond());
    }
    if plain == "now" {
        return Ok(now.timestamp().as_millisecond());
    }
    let (day, rest) = match plain.split_once([' ', 'T']) {
        Some((day, rest)) => (day, Some(rest.trim())),
        None if plain.contains(':') => ("today", Some(plain)),
        None => (plain, None),
    };
    let date = match day {
        "today" => now.date(),
        "yesterday" => now.date().yesterday().map_err(|_| wrong())?,
        other => other.parse::<Date>().map_err(|_| wrong())?,
    };
    let time = rest.map_or(Some(Time::midnight()), time_of_day).ok_or_else(wrong)?;
    let there = DateTime::from_parts(date, time).to_zoned(now.time_zone().clone()).map_err(|_| wrong())?;
    Ok(there.timestamp().as_millisecond())
}

/// `9:30`, `14:00`, `14:00:05`, `14:00:05.250`.
fn time_of_day(text: &str) -> Option<Time> {
    if !text.contains(':') {
        return None;
    }
    let padded = if text.as_bytes().get(1) == Some(&b':') { format!("0{text}") } else { text.to_owned() };
    padded.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        let now: Zoned = "2026-11-21T16:30:00+01:00[Europe/Berlin]".parse().expect("a time");
        let said = |text: &str| when(text, &now).map(|ms| Timestamp::from_millisecond(ms).expect("in range").to_string());
        let table = [
            ("2026-11-21T13:00:00Z", "2026-11-21T13:00:00Z"),
            ("2026-11-21T13:00:00.5+02:00", "2026-11-21T11:00:00.5Z"),
            ("10m", "2026-11-21T15:20:00Z"),
            ("1h30m", "2026-11-21T14:00:00Z"),
            ("2d ago", "2026-11-19T15:30:00Z"),
            ("now", "2026-11-21T15:30:00Z"),
            ("today", "2026-11-20T23:00:00Z"),
            ("today 14:00", "2026-11-21T13:00:00Z"),
            ("yesterday 9:30", "2026-11-20T08:30:00Z"),
            ("14:00", "2026-11-21T13:00:00Z"),
            ("9:05:07", "2026-11-21T08:05:07Z"),
            ("2026-06-01", "2026-05-31T22:00:00Z"),
            ("2026-06-01 12:00", "2026-06-01T10:00:00Z"),
            (" 2026-06-01T12:00:01 ", "2026-06-01T10:00:01Z"),
        ];
        for (text, want) in table {
            assert_eq!(said(text).as_deref(), Ok(want), "{text}");
        }
        for wrong in ["", "10", "soon", "tomorrow", "25:00", "today 14", "2026-13-01", "2026-11-21 x", "-5m", "ago"] {
            assert!(when(wrong, &now).is_err(), "{wrong}");
        }
    }
}
