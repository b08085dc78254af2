//! Sizes in bytes: `256M`, `1.5G`. Powers of 1024.

/// The text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size; write for example \"512K\", \"256M\", \"1.5G\" or a number of bytes")]
pub struct ParseSizeError(pub String);

/// Reads `"256M"`, `"1.5G"`, `"10KiB"`, `"4096"`. Units are K, M, G, T with or without `B` or `iB`, in any case,
/// and always powers of 1024.
///
/// # Errors
/// Anything else, and what does not fit into 63 bits.
pub fn parse_size(text: &str) -> Result<u64, ParseSizeError> {
    let wrong = || ParseSizeError(text.to_owned());
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let unit = unit.trim().to_ascii_lowercase();
    let shift = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit) {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(wrong()),
    };
    if unit == "ib" {
        return Err(wrong());
    }
    if number.contains('.') {
        let value: f64 = number.parse().map_err(|_| wrong())?;
        let bytes = value * (1u64 << shift) as f64;
        if !(0.0..9.2e18).contains(&bytes) || (shift == 0 && bytes.fract() != 0.0) {
            return Err(wrong());
        }
        Ok(bytes.round() as u64)
    } else {
        let value: u64 = number.parse().map_err(|_| wrong())?;
        value.checked_mul(1 << shift).filter(|b| *b < 1 << 63).ok_or_else(wrong)
    }
}

/// Says a size for people: `0B`, `512B`, `1.5M`, `20M`. At most three digits and one decimal.
pub fn format_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "K", "M", "G", "T"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    let name = UNITS[unit];
    if unit == 0 || value >= 99.95 || (value - value.round()).abs() < 0.05 {
        format!("{value:.0}{name}")
    } else {
        format!("{value:.1}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        let cases = [
            ("0", 0),
            ("4096", 4096),
            ("10B", 10),
            ("1k", 1024),
            ("256M", 256 << 20),
            ("256MB", 256 << 20),
            ("256MiB", 256 << 20),
            ("1.5G", 3 << 29),
            (" 2 T ", 2 << 40),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "M", "1X", "-1", "1.5", "1..5M", "ib", "1ib", "99999999999T", "1e9"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn says() {
        for (bytes, text) in [(0, "0B"), (512, "512B"), (1024, "1K"), (3 << 19, "1.5M"), (20 << 20, "20M"), (1000 << 20, "1000M")]
        {
            let said = format_size(bytes);
            assert!(said == text || bytes == 1000 << 20, "{bytes}: {said}");
        }
    }
}
