//! What a message of sd_notify(3) says.

use engine::Word;
use std::time::Duration;

/// Characters of a status that are shown.
const STATUS: usize = 256;
/// The longest name of a stored descriptor.
const NAME: usize = 255;
/// The name of a stored descriptor that has none (sd_pid_notify_with_fds(3)).
const NAMELESS: &str = "stored";
/// Longer times are as good as for ever.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
/// Changes between ready and not that are told of one batch: the last of them.
const CHANGES: usize = 4;

/// A message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// What the engine is to know.
    pub(super) words: Vec<Word>,
    /// `MAINPID=…`: which process is named.
    pub(super) main: Option<u32>,
    /// `FDSTORE=1`: the descriptors that came with it are to be kept by this name.
    pub(super) store: Option<String>,
    /// `FDSTOREREMOVE=1`: those of this name are to be let go.
    pub(super) remove: Option<String>,
}

/// Reads a message. What is not known in it means nothing; `None`: it is no such message at all.
pub(super) fn read(text: &[u8]) -> Option<Message> {
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    if text.is_empty() || text.contains(&0) {
        return None;
    }
    let (mut message, mut name, mut known) = (Message::default(), None, false);
    let (mut store, mut remove) = (false, false);
    for line in text.split(|b| *b == b'\n') {
        let Some(equals) = line.iter().position(|b| *b == b'=') else { continue };
        let (key, value) = (&line[..equals], &line[equals + 1..]);
        known = true;
        let number = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
        let span = || number().map(|us| Duration::from_micros(us).min(LONGEST));
        let word = match (key, value) {
            (b"READY", b"1") => Some(Word::Ready),
            (b"RELOADING", b"1") => Some(Word::Reloading),
            (b"STOPPING", b"1") => Some(Word::Stopping),
            (b"WATCHDOG", b"1") => Some(Word::Alive),
            (b"WATCHDOG", b"trigger") => Some(Word::Stuck),
            (b"STATUS", status) => Some(Word::Status(String::from_utf8_lossy(status).chars().take(STATUS).collect())),
            (b"MAINPID", _) => {
                message.main = number().and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 1);
                None
            }
            (b"WATCHDOG_USEC", _) => span().filter(|span| !span.is_zero()).map(Word::AliveEvery),
            (b"EXTEND_TIMEOUT_USEC", _) => span().filter(|span| !span.is_zero()).map(Word::Extend),
            (b"FDSTORE", b"1") => {
                store = true;
                None
            }
            (b"FDSTOREREMOVE", b"1") => {
                remove = true;
                None
            }
            (b"FDNAME", value) => {
                name = Some(value.to_vec());
                None
            }
            _ => None,
        };
        message.words.extend(word);
    }
    if store || remove {
        let name = name.map_or(Some(NAMELESS.to_owned()), |name| valid_name(&name));
        message.store = name.clone().filter(|_| store);
        message.remove = name.filter(|_| remove);
    }
    known.then_some(message)
}

/// As it goes into `LISTEN_FDNAMES`: ASCII without colons and control characters.
fn valid_name(name: &[u8]) -> Option<String> {
    let fits = (1..=NAME).contains(&name.len()) && name.iter().all(|b| (b' '..=b'~').contains(b) && *b != b':');
    fits.then(|| String::from_utf8_lossy(name).into_owned())
}

/// What is told of everything that was said in one batch: of what only the last counts, the last; and the last changes between ready and not,
/// in their order. However much was said, it is few words.
pub(super) fn gist(words: impl IntoIterator<Item = Word>) -> Vec<Word> {
    let mut gist: Vec<Word> = Vec::new();
    let is_change = |word: &Word| matches!(word, Word::Ready | Word::Reloading | Word::Stopping);
    for word in words {
        if is_change(&word) {
            if gist.iter().rev().find(|word| is_change(word)) == Some(&word) {
                continue;
            }
            if gist.iter().filter(|word| is_change(word)).count() == CHANGES {
                let first = gist.iter().position(is_change).unwrap_or(0);
                gist.remove(first);
            }
        } else {
            gist.retain(|known| std::mem::discriminant(known) != std::mem::discriminant(&word));
        }
        gist.push(word);
    }
    gist
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words() {
        let said = |text: &str| read(text.as_bytes()).expect("understood").words;
        assert_eq!(said("READY=1"), [Word::Ready]);
        assert_eq!(said("RELOADING=1\nMONOTONIC_USEC=5\n"), [Word::Reloading]);
        assert_eq!(
            said("MAINPID=77\nREADY=1\nSTATUS=Serving \u{1b}[1m\nERRNO=2\nBUSERROR=x\nBARRIER=1"),
            [Word::Ready, Word::Status("Serving \u{1b}[1m".into())]
        );
        let main = |text: &str| read(text.as_bytes()).expect("understood").main;
        assert_eq!(
            (main("MAINPID=77\nREADY=1"), main("MAINPID=1"), main("MAINPID=-5"), main("READY=1")),
            (Some(77), None, None, None)
        );
        assert_eq!(said("WATCHDOG=1"), [Word::Alive]);
        assert_eq!(said("WATCHDOG=trigger"), [Word::Stuck]);
        assert_eq!(said("WATCHDOG_USEC=1500000"), [Word::AliveEvery(Duration::from_millis(1500))]);
        assert_eq!(said("EXTEND_TIMEOUT_USEC=18446744073709551615"), [Word::Extend(LONGEST)]);
        assert_eq!(said("STOPPING=1\0"), [Word::Stopping]);
        for nothing in
            ["READY=0", "READY=1 ", "ready=1", "MAINPID=1", "MAINPID=-5", "MAINPID=99999999999", "WATCHDOG_USEC=0", "X=1"]
        {
            assert_eq!(said(nothing), [], "{nothing}");
        }
        let Word::Status(long) = &said(&format!("STATUS={}", "ü".repeat(5000)))[0] else { panic!("a status") };
        assert_eq!(long.chars().count(), STATUS);
        for none in [&b""[..], b"\0", b"READY", b"REA\0DY=1", b"\n\n", b"READY=1\0\0"] {
            assert_eq!(read(none), None, "{none:?}");
        }
    }

    #[test]
    fn stored_descriptors() {
        let of = |text: &str| read(text.as_bytes()).map(|message| (message.store, message.remove)).expect("understood");
        assert_eq!(of("FDSTORE=1\nFDNAME=web socket"), (Some("web socket".into()), None));
        assert_eq!(of("FDNAME=a\nFDSTORE=1\nFDPOLL=0"), (Some("a".into()), None));
        assert_eq!(of("FDSTORE=1"), (Some("stored".into()), None));
        assert_eq!(of("FDSTOREREMOVE=1\nFDNAME=a"), (None, Some("a".into())));
        assert_eq!(of("FDSTORE=1\nFDNAME=a:b"), (None, None), "no name could say it");
        assert_eq!(of("FDNAME=a"), (None, None));
    }

    #[test]
    fn a_flood_comes_to_few_words() {
        let flood = (0..1000).flat_map(|n| [Word::Status(n.to_string()), Word::Alive, Word::Reloading, Word::Ready, Word::Ready]);
        let gist = gist(flood);
        assert_eq!(gist.len(), CHANGES + 2);
        assert!(gist.contains(&Word::Status("999".into())));
        let changes: Vec<_> = gist.iter().filter(|word| matches!(word, Word::Ready | Word::Reloading)).collect();
        assert_eq!(changes, [&Word::Reloading, &Word::Ready, &Word::Reloading, &Word::Ready]);
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(message) = read(&text) {
                prop_assert!(message.words.len() <= 300);
            }
        }
    }
}
