//! Limits in words for people.

/// A size as it is written in a configuration: `512M`, `1.5G`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    let Some((unit, name)) = UNITS.iter().find(|(unit, _)| bytes >= *unit) else { return bytes.to_string() };
    let tenths = (u128::from(bytes) * 10 + u128::from(unit / 2)) / u128::from(*unit);
    if tenths % 10 == 0 || tenths >= 100 {
        format!("{}{name}", (tenths + 5) / 10)
    } else {
        format!("{}.{}{name}", tenths / 10, tenths % 10)
    }
}

/// A share of one core.
pub(super) fn percent(percent: f64) -> String {
    let rounded = (percent * 10.0).round() / 10.0;
    if rounded.fract() == 0.0 || rounded >= 100.0 { format!("{rounded:.0}%") } else { format!("{rounded:.1}%") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, want) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1K"),
            (1536, "1.5K"),
            (612 << 20, "612M"),
            (3 << 29, "1.5G"),
            (u64::MAX, "17179869184G"),
        ] {
            assert_eq!(size(bytes), want);
        }
        assert_eq!((percent(50.0), percent(0.25), percent(180.44)), ("50%".into(), "0.3%".into(), "180%".into()));
    }
}
