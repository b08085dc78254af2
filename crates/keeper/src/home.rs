//! The keeper of a home: what it is before the first command, and the commands with which it begins.

use crate::core::{Core, Settings};
use crate::shell::Shell;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use sys::daemon::{Kept, NotKept};
use wire::Request;

/// Keeps a home until told to end; gives the exit code.
///
/// # Errors
/// Why it cannot be kept.
pub(crate) fn keep(home: &Path, foreground: bool) -> Result<i32, NotKept> {
    let refused = |what: &'static str| move |error: io::Error| NotKept::Refused(format!("failed to {what}: {error}"));
    // Resolved before anything changes: an upgrade may replace our own file later.
    let scribe = sys::daemon::sibling("abide-scribe").map_err(refused("find the scribe"))?;
    let steward = sys::daemon::sibling("abide-steward").map_err(refused("find the steward"))?;
    let Kept { lock, home } = sys::daemon::keep_home(home, foreground)?;
    sys::process::raise_nofile();
    sys::process::become_subreaper().map_err(refused("become a subreaper"))?;
    let code = serve(&script(&scribe, &steward, &home, foreground)).map_err(refused("serve"))?;
    // Held to the end.
    drop(lock);
    Ok(code)
}

fn serve(script: &[u8]) -> io::Result<i32> {
    let mut core = Core::new(Settings::default());
    let null = core.inherit("null", "read,write", "/dev/null", true);
    let standard =
        [("stdin", "read"), ("stdout", "write"), ("stderr", "write")].map(|(name, flags)| core.inherit(name, flags, name, false));
    core.script(script);
    let mut shell = Shell::new(core, true)?;
    shell.hold(null, sys::handle::null()?);
    for (number, token) in (0..).zip(standard) {
        shell.hold(token, sys::handle::standard(number)?);
    }
    shell.run()
}

/// The commands of every start: two roles, always there, and a link between them that outlives both.
fn script(scribe: &Path, steward: &Path, home: &Path, foreground: bool) -> Vec<u8> {
    let [scribe, steward, home] = [scribe, steward, home].map(|path| path.as_os_str().as_bytes());
    let line = |fields: &[&[u8]]| {
        let verb = std::str::from_utf8(fields[0]).expect("our own words");
        fields[1..].iter().fold(Request::new(verb), |request, field| request.field(field))
    };
    let mut stewards_args: Vec<&[u8]> = vec![b"service.args", b"steward", steward, b"--home", home];
    if foreground {
        stewards_args.push(b"--foreground");
    }
    let mut out = Vec::new();
    for request in [
        line(&[b"fd.pipe", b"link.scribe", b"link.steward", b"unix,seqpacket,nonblock"]),
        line(&[b"service.args", b"scribe", scribe, b"--home", home]),
        line(&[b"service.fds", b"scribe", b"null", b"null", b"stderr", b"control.cmd", b"link.scribe"]),
        line(&stewards_args),
        line(&[b"service.fds", b"steward", b"null", b"stdout", b"stderr", b"control.socket", b"link.steward"]),
        line(&[b"service.keep", b"scribe"]),
        line(&[b"service.keep", b"steward"]),
    ] {
        request.write_to(&mut out);
    }
    out
}
