//! Times for people, and the way from one clock to the other.

use model::{Tick, Wall};

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(wall_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(wall_ms).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The day in UTC, `2026-11-21`.
pub(crate) fn day(wall_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(wall_ms).unwrap_or_default().strftime("%Y-%m-%d").to_string()
}

/// The monotonic time now.
pub(crate) fn now() -> Tick {
    Tick(sys::clock::now())
}

/// Where a monotonic time stands on the wall, as seen now. For people only.
pub(crate) fn wall_of(tick: Tick, now: Tick, wall_now: Wall) -> i64 {
    let ahead = i128::from(tick.0) - i128::from(now.0);
    wall_now.0 + i64::try_from(ahead / 1_000_000).unwrap_or(0)
}

/// The instant of tokio's clock (the same clock) at a monotonic time.
pub(crate) fn instant(at: Tick) -> tokio::time::Instant {
    tokio::time::Instant::now() + at.since(now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_times() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_244_930_123), "2026-11-21T07:08:50.123Z");
        assert_eq!(day(1_795_244_930_123), "2026-11-21");
        assert_eq!(wall_of(Tick(5_000_000_000), Tick(7_000_000_000), Wall(10_000)), 8_000);
    }
}
