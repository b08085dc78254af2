//! Base64 (RFC 4648, section 4) for bytes that are not text.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes as text.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    append(bytes, &mut out);
    String::from_utf8(out).expect("the letters are ASCII")
}

/// Appends the bytes as text.
pub fn append(bytes: &[u8], out: &mut Vec<u8>) {
    for three in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|at| u32::from(three.get(at).copied().unwrap_or(0)));
        let bits = a << 16 | b << 8 | c;
        let mut four = [18, 12, 6, 0].map(|shift| LETTERS[(bits >> shift & 63) as usize]);
        four[three.len() + 1..].fill(b'=');
        out.extend_from_slice(&four);
    }
}

/// The bytes that a text stands for; `None` when it is no base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for four in text.as_bytes().chunks(4) {
        let kept = four.len() - four.iter().rev().take_while(|b| **b == b'=').count();
        if four.len() != 4 || kept < 2 {
            return None;
        }
        let mut bits = 0u32;
        for byte in &four[..kept] {
            bits = bits << 6 | u32::try_from(LETTERS.iter().position(|letter| letter == byte)?).ok()?;
        }
        bits <<= 6 * (4 - kept);
        out.extend_from_slice(&bits.to_be_bytes()[1..kept]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_standard() {
        let table = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, text) in table {
            assert_eq!(encode(plain.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(plain.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
        for wrong in ["Z", "Zg=", "Z===", "Z?==", "===="] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
