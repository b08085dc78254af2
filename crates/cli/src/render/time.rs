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

/// Milliseconds since 1970 in this zone, with the time that is left.
pub fn local_due(at_ms: i64, now_ms: i64, zone: &TimeZone) -> String {
    let left = std::time::Duration::from_millis(u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0));
    match Timestamp::from_millisecond(at_ms) {
        Ok(time) => format!("{} (in {})", time.to_zoned(zone.clone()).strftime("%H:%M:%S"), model::format_span(left)),
        Err(_) => format!("in {}", model::format_span(left)),
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
        assert_eq!(local_due(i64::MAX, i64::MAX - 1000, &TimeZone::UTC), "in 1s");
    }
}
