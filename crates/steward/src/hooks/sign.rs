//! The signature of a webhook's body.

use ring::hmac;
use std::fmt::Write;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// No secret is longer.
const LONGEST: u64 = 64 << 10;

/// `sha256=` and the HMAC-SHA256 of the body in hexadecimal.
pub(crate) fn signature(secret: &[u8], body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body);
    tag.as_ref().iter().fold("sha256=".to_owned(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The secret in a file, without the line feed at its end. Blocking.
///
/// # Errors
/// Why it is none, in words; never what stands in it.
pub(crate) fn secret(path: &Path) -> Result<Vec<u8>, String> {
    let named = |why: String| format!("secret_file {}: {why}", path.display());
    // A FIFO in its place keeps nobody waiting.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path);
    let file: File = file.map_err(|error| named(sys::errno::name_of(&error).to_owned()))?;
    let meta = file.metadata().map_err(|error| named(sys::errno::name_of(&error).to_owned()))?;
    if !meta.is_file() {
        return Err(named("it is no regular file".to_owned()));
    }
    if meta.mode() & 0o007 != 0 {
        return Err(named(format!("others may use it (mode {:03o}); nothing was sent. chmod 600 it", meta.mode() & 0o777)));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).map_err(|error| named(sys::errno::name_of(&error).to_owned()))?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    if bytes.is_empty() { Err(named("it is empty".to_owned())) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    /// RFC 4231, test cases 1, 2 and 6.
    #[test]
    fn signatures_are_those_of_the_rfc() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, data, want) in cases {
            assert_eq!(signature(key, data), format!("sha256={want}"));
        }
    }

    #[test]
    fn a_secret_is_read_only_from_a_file_of_ours() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("secret");
        let with = |text: &str, mode| {
            write(&path, text).expect("write");
            set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
            secret(&path)
        };
        assert_eq!(with("geheim\n", 0o600), Ok(b"geheim".to_vec()));
        assert_eq!(with("geheim\r\n", 0o640), Ok(b"geheim".to_vec()));
        assert_eq!(with("a\n\n", 0o400), Ok(b"a\n".to_vec()), "one line feed, no more");
        for (text, mode, want) in [("geheim\n", 0o644, "chmod 600"), ("geheim", 0o602, "mode 602"), ("\n", 0o600, "empty")] {
            let why = with(text, mode).expect_err("refused");
            assert!(why.contains(want) && why.contains("/secret") && !why.contains("geheim"), "{why}");
        }
        assert!(secret(folder.path()).expect_err("refused").contains("no regular file"));
        assert!(secret(&folder.path().join("none")).expect_err("refused").contains("ENOENT"));
    }
}
