//! What a plain scalar of YAML is: the core schema of YAML 1.2.2, section 10.3.2. `no`, `on`, `1_000` and `12:30` are texts in it.

use crate::layer::Value;

/// The value of a scalar without quotes; `None` = null.
pub(super) fn value(text: &str) -> Result<Option<Value>, TooLarge> {
    Ok(Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(None),
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        // Somebody wrote a zero in front for a reason: where a number is wanted it is one, elsewhere it stays as it is written.
        _ if is_decimal(text) && has_leading_zero(text) => Value::Verbatim(text.to_owned()),
        _ => match integer(text)? {
            Some(number) => Value::Int(number),
            None if is_float(text) => Value::Float(text.to_owned()),
            None => Value::Text(text.to_owned()),
        },
    }))
}

/// An integer that does not fit into 64 bits.
#[derive(Debug, PartialEq)]
pub(super) struct TooLarge;

/// The number, if it is written as one.
fn integer(text: &str) -> Result<Option<i128>, TooLarge> {
    let (digits, radix) = match text.get(..2) {
        Some("0o") => (&text[2..], 8),
        Some("0x") => (&text[2..], 16),
        _ if is_decimal(text) => (text, 10),
        _ => return Ok(None),
    };
    // A sign belongs to decimal numbers only.
    if digits.is_empty() || (radix != 10 && !digits.chars().all(|c| c.is_digit(radix))) {
        return Ok(None);
    }
    i64::from_str_radix(digits, radix).map(|number| Some(number.into())).map_err(|_| TooLarge)
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn is_decimal(text: &str) -> bool {
    is_digits(unsigned(text))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn has_leading_zero(text: &str) -> bool {
    unsigned(text).len() > 1 && unsigned(text).starts_with('0')
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") || matches!(unsigned(text), ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (mantissa, exponent) = match unsigned(text).split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned(text), None),
    };
    let mantissa_is = match mantissa.split_once('.') {
        Some(("", fraction)) => is_digits(fraction),
        Some((whole, fraction)) => is_digits(whole) && (fraction.is_empty() || is_digits(fraction)),
        None => is_digits(mantissa),
    };
    mantissa_is && exponent.is_none_or(is_decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let text = |text: &str| Value::Text(text.to_owned());
        for plain in
            ["no", "yes", "on", "off", "y", "N", "tRue", "1_000", "12:30:45", "22:22", "2001-12-14", "0b1", "0o8", "0x", "--1"]
        {
            assert_eq!(value(plain), Ok(Some(text(plain))), "{plain}");
        }
        for plain in ["-0x1", "+0o7", "1e", "e1", ".", "-", "+", ".e1", "1.2.3", "nan", "inf", "=", "١", "0o", "nULL", "1 2"] {
            assert_eq!(value(plain), Ok(Some(text(plain))), "{plain}");
        }
        for (plain, number) in [("0", 0), ("-0", 0), ("12", 12), ("+12", 12), ("-19", -19), ("0o17", 15), ("0x1F", 31)] {
            assert_eq!(value(plain), Ok(Some(Value::Int(number))), "{plain}");
        }
        for plain in ["1.5", "-0.", ".5", "1e3", "12e03", "-2E+05", "1.", ".inf", "-.INF", ".NaN", "0.10"] {
            assert_eq!(value(plain), Ok(Some(Value::Float(plain.to_owned()))), "{plain}");
        }
        for plain in ["012", "-007", "00"] {
            assert_eq!(value(plain), Ok(Some(Value::Verbatim(plain.to_owned()))), "{plain}");
        }
        for plain in ["", "~", "null", "NULL", "Null"] {
            assert_eq!(value(plain), Ok(None), "{plain}");
        }
        for plain in ["9223372036854775808", "-9223372036854775809", "0xFFFFFFFFFFFFFFFFF"] {
            assert_eq!(value(plain), Err(TooLarge), "{plain}");
        }
        assert_eq!(value("-9223372036854775808"), Ok(Some(Value::Int(i64::MIN.into()))));
    }
}
