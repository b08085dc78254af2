//! Spans of time: `500ms`, `10s`, `1h30m`.

use std::time::Duration;

/// The text is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write for example \"500ms\", \"10s\", \"2m\" or \"1h30m\"")]
pub struct ParseSpanError(pub String);

/// Reads `"500ms"`, `"10s"`, `"1.5s"`, `"2m"`, `"1h30m"`, `"14d"`. Units ms, s, m, h, d from large to small, each at most once;
/// spaces between parts are fine. A bare number is refused here: what it would mean depends on the key.
///
/// # Errors
/// Anything else, and spans of more than 100 years.
pub fn parse_span(text: &str) -> Result<Duration, ParseSpanError> {
    let wrong = || ParseSpanError(text.to_owned());
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    let mut smallest = u64::MAX;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" | "sec" | "secs" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        if unit_ms >= smallest {
            return Err(wrong());
        }
        smallest = unit_ms;
        let part = if number.contains('.') {
            let value: f64 = number.parse().map_err(|_| wrong())?;
            let span = Duration::try_from_secs_f64(value * unit_ms as f64 / 1000.0).map_err(|_| wrong())?;
            // Whole milliseconds are what is stored and compared.
            Duration::from_millis(u64::try_from((span.as_micros() + 500) / 1000).map_err(|_| wrong())?)
        } else {
            let value: u64 = number.parse().map_err(|_| wrong())?;
            Duration::from_millis(value.checked_mul(unit_ms).ok_or_else(wrong)?)
        };
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = tail.trim_start();
    }
    if total > Duration::from_secs(100 * 366 * 86_400) { Err(wrong()) } else { Ok(total) }
}

/// Says a span for people, two units at most: `340ms`, `12s`, `4m 5s`, `3h 20m`, `12d 4h`.
pub fn format_span(span: Duration) -> String {
    let secs = span.as_secs();
    let pair = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big}{big_unit}") } else { format!("{big}{big_unit} {small}{small_unit}") }
    };
    match secs {
        0 => format!("{}ms", span.as_millis()),
        1..60 => format!("{secs}s"),
        60..3600 => pair(secs / 60, "m", secs % 60, "s"),
        3600..86_400 => pair(secs / 3600, "h", secs % 3600 / 60, "m"),
        _ => pair(secs / 86_400, "d", secs % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        let cases = [
            ("500ms", 500),
            ("10s", 10_000),
            ("1.5s", 1500),
            ("1.0005s", 1001),
            ("0.4ms", 0),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("14d", 1_209_600_000),
            ("0s", 0),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in ["", "10", "s", "-1s", "1s1s", "1ms1s", "1w", "1..s", "99999999999999999d", "10 seconds please"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn says() {
        for (ms, text) in
            [(0, "0ms"), (340, "340ms"), (12_900, "12s"), (245_000, "4m 5s"), (12_000_000, "3h 20m"), (1_051_200_000, "12d 4h")]
        {
            assert_eq!(format_span(Duration::from_millis(ms)), text);
        }
    }
}
