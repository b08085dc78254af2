//! The keeper of releases is one program that needs nothing beside the kernel.

use e2e::StaticKeeper;
use std::fs;
use std::path::Path;

/// Program headers: who is to load the program, and what it wants loaded beside it.
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const DT_NEEDED: u64 = 1;

/// What of a 64-bit little-endian ELF program the machine would have to have: a loader, libraries.
fn needs(path: &Path) -> Vec<String> {
    let elf = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(&elf[..6], b"\x7fELF\x02\x01", "{} is no 64-bit little-endian ELF", path.display());
    let number = |at: u64, bytes: usize| {
        let at = usize::try_from(at).expect("a program fits into memory");
        elf[at..at + bytes].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let (first, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let headers: Vec<u64> = (0..count).map(|n| first + n * size).collect();
    assert!(!headers.is_empty(), "a program has headers");
    let mut found = Vec::new();
    for header in headers {
        let (from, bytes) = (number(header + 8, 8), number(header + 32, 8));
        match number(header, 4) {
            PT_INTERP => found.push("a loader".to_owned()),
            PT_DYNAMIC => {
                let needed = (0..bytes / 16).filter(|n| number(from + n * 16, 8) == DT_NEEDED).count();
                found.extend((0..needed).map(|_| "a library".to_owned()));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn what_is_dynamic_is_seen() {
    let me = std::env::current_exe().expect("a test knows its own path");
    let found = needs(&me);
    assert!(found.contains(&"a loader".to_owned()) && found.contains(&"a library".to_owned()), "{found:?}");
}

/// Needs no download, so it can always be built.
#[test]
fn with_glibc_it_needs_no_loader() {
    let built = StaticKeeper::build("glibc", "quick").expect("it can be built");
    assert_eq!(built.libc, "glibc", "{}", built.said);
    assert_eq!(needs(&built.path), [""; 0], "{}", built.said);
}

/// What a release does: with musl, or with glibc and a word about it.
#[test]
fn a_release_needs_no_loader() {
    let built = StaticKeeper::build("auto", "release").expect("it can be built");
    assert!(built.libc == "musl" || built.libc.starts_with("glibc ("), "{}", built.said);
    assert_eq!(needs(&built.path), [""; 0], "{}", built.said);
    assert_eq!(fs::metadata(&built.path).expect("it was built").len(), built.size, "{}", built.said);
}
