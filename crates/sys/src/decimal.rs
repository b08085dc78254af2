//! Numbers as text without memory from the heap: for a child between fork and exec, for signal handlers, for names under `/proc`.

/// Room for any 64-bit number with its sign.
pub(crate) type Room = [u8; 20];

/// The number in decimal, at the end of `room`.
pub(crate) fn decimal(number: i64, room: &mut Room) -> &[u8] {
    let mut left = number.unsigned_abs();
    let mut start = room.len();
    while left > 0 || start == room.len() {
        start -= 1;
        room[start] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    if number < 0 {
        start -= 1;
        room[start] = b'-';
    }
    &room[start..]
}

/// The number that stands at the start of `text`, blanks before it skipped, and what follows it.
pub(crate) fn leading(text: &[u8]) -> Option<(u64, &[u8])> {
    let start = text.iter().position(|b| !b.is_ascii_whitespace())?;
    let text = &text[start..];
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length() {
        for number in [0, 7, 10, -1, i64::from(u32::MAX), i64::MAX, i64::MIN] {
            assert_eq!(decimal(number, &mut Room::default()), number.to_string().as_bytes());
        }
        assert_eq!(leading(b"  12 34"), Some((12, &b" 34"[..])));
        assert_eq!((leading(b" "), leading(b"x")), (None, None));
    }
}
