//! Times for people: in the zone of whoever looks.

use crate::escape::shown;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// An RFC 3339 time in this zone, `2026-11-21 08:02:12.123`. What is no time is shown as it is.
pub fn local_time(text: &str, zone: &TimeZone) -> String {
    match text.parse::<Timestamp>() {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        Err(_) => shown(text),
    }
}

/// Milliseconds since 1970 in this zone, with the time that is left; the day only where it is another one.
pub fn local_due(at_ms: i64, now_ms: i64, zone: &TimeZone) -> String {
    let left = std::time::Duration::from_millis(u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0));
    let there = |ms: i64| Timestamp::from_millisecond(ms).map(|time| time.to_zoned(zone.clone()));
    match (there(at_ms), there(now_ms)) {
        (Ok(at), Ok(now)) => {
            let form = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
            format!("{} (in {})", at.strftime(form), model::format_span(left))
        }
        _ => format!("in {}", model::format_span(left)),
    }
}

/// Milliseconds since 1970 in this zone, `2026-11-21 08:02:12`.
pub fn local_moment(ms: i64, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_zone_of_the_reader() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(local_time("2026-11-21T07:02:12.120Z", &zone), "2026-11-21 09:02:12.120");
        assert_eq!(local_time("2026-11-21T07:02:12Z", &zone), "2026-11-21 09:02:12.000");
        assert_eq!(local_time("soon\u{1b}", &zone), "soon\\x1b");
        assert_eq!(local_due(10_000, 4_000, &TimeZone::UTC), "00:00:10 (in 6s)");
        assert_eq!(local_due(10_000, 40_000, &TimeZone::UTC), "00:00:10 (in 0ms)");
        assert_eq!(local_due(90_000_000, 82_800_000, &TimeZone::UTC), "1970-01-02 01:00:00 (in 2h)");
        assert_eq!(local_moment(90_000_000, &zone), "1970-01-02 03:00:00");
        assert_eq!(local_due(i64::MAX, i64::MAX - 1000, &TimeZone::UTC), "in 1s");
    }
}
