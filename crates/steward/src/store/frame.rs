//! Lines with a checksum: `CRC32HEX TAB JSON LF`.

use serde_json::Deserializer;
use serde_json::de::SliceRead;

/// Length of the checksum and the TAB behind it.
const HEAD: usize = 9;

/// The line that holds a JSON document.
pub(super) fn frame(json: &str) -> String {
    format!("{:08x}\t{json}\n", crc32fast::hash(json.as_bytes()))
}

/// What stands in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// The documents, in order.
    pub(super) good: Vec<String>,
    /// Bytes that are no line of ours, with their offsets.
    pub(super) damaged: Vec<(usize, Vec<u8>)>,
    /// The file does not end in a line feed: the next line must not be appended to what is there.
    pub(super) open_end: bool,
}

/// Reads a file as far as it can be read: a torn or damaged line takes no other line with it, also when the damage hit a line feed.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    let mut found = Scan { open_end: bytes.last().is_some_and(|last| *last != b'\n'), ..Scan::default() };
    let mut start = 0;
    while start < bytes.len() {
        let end = bytes[start..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| start + at);
        match whole(&bytes[start..end]) {
            Some(json) => found.good.push(json.to_owned()),
            None => salvage(bytes, start, end, &mut found),
        }
        start = end + 1;
    }
    found
}

/// Looks for lines inside of what is not one line.
fn salvage(bytes: &[u8], start: usize, end: usize, found: &mut Scan) {
    let mut lost = start;
    let mut at = start;
    while at + HEAD < end {
        match begins(&bytes[at..end]) {
            Some((json, length)) => {
                push_damaged(found, lost, &bytes[lost..at]);
                found.good.push(json.to_owned());
                at += length;
                lost = at;
            }
            None => at += 1,
        }
    }
    push_damaged(found, lost, &bytes[lost..end]);
}

fn push_damaged(found: &mut Scan, at: usize, bytes: &[u8]) {
    if !bytes.is_empty() {
        found.damaged.push((at, bytes.to_vec()));
    }
}

fn sum(bytes: &[u8]) -> Option<u32> {
    let head = bytes.get(..HEAD).filter(|head| head[HEAD - 1] == b'\t')?;
    let hex = &head[..HEAD - 1];
    if !hex.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

fn whole(line: &[u8]) -> Option<&str> {
    let json = line.get(HEAD..)?;
    (sum(line)? == crc32fast::hash(json)).then(|| std::str::from_utf8(json).ok())?
}

/// Whether a line begins here, and how long it is without its line feed.
fn begins(bytes: &[u8]) -> Option<(&str, usize)> {
    let sum = sum(bytes)?;
    let rest = &bytes[HEAD..];
    let mut documents = Deserializer::new(SliceRead::new(rest)).into_iter::<serde::de::IgnoredAny>();
    documents.next()?.ok()?;
    let length = documents.byte_offset();
    let json = rest.get(..length).filter(|json| crc32fast::hash(json) == sum)?;
    Some((std::str::from_utf8(json).ok()?, HEAD + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file() -> (Vec<u8>, Vec<String>) {
        let documents: Vec<String> = (0..5).map(|n| format!("{{\"n\":{n},\"t\":\"{}\"}}", "x".repeat(n * 7))).collect();
        (documents.iter().map(|json| frame(json)).collect::<String>().into_bytes(), documents)
    }

    #[test]
    fn cut_at_every_byte() {
        let (bytes, documents) = file();
        for cut in 0..=bytes.len() {
            let found = scan(&bytes[..cut]);
            let whole_lines = bytes[..cut].iter().filter(|b| **b == b'\n').count();
            // A line that lacks only its line feed counts too.
            assert!(found.good.len() == whole_lines || found.good.len() == whole_lines + 1, "{cut}");
            assert_eq!(found.good, documents[..found.good.len()], "{cut}");
            assert_eq!(found.open_end, cut > 0 && bytes[cut - 1] != b'\n');
        }
    }

    #[test]
    fn every_single_bit_flipped() {
        let (bytes, documents) = file();
        for bit in 0..bytes.len() * 8 {
            let mut hurt = bytes.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            let good = scan(&hurt).good;
            let kept = documents.iter().filter(|document| good.contains(document)).count();
            assert!(kept >= documents.len() - 1, "bit {bit} took more than its own line");
            assert!(good.iter().all(|json| documents.contains(json)), "bit {bit} made something up");
        }
    }

    #[test]
    fn a_zeroed_tail() {
        let (mut bytes, documents) = file();
        let length = bytes.len();
        bytes[length - 60..].fill(0);
        let found = scan(&bytes);
        assert_eq!(found.good, documents[..found.good.len()]);
        assert!(!found.damaged.is_empty());
    }

    proptest! {
        #[test]
        fn anything_is_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            scan(&bytes);
        }
    }
}
