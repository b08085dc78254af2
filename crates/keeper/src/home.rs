//! The keeper of a home: what it is before the first command, and the commands with which it begins.

use crate::options::Options;
use crate::program::{EXIT_ENVIRONMENT, Failure, run};
use crate::shell::Shell;
use crate::start::{constants, core};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use sys::daemon::{Kept, NotKept};
use wire::Request;

/// Keeps a home until told to end; gives the exit code, which is 0 when another keeper keeps it.
///
/// # Errors
/// Why it cannot be kept.
pub(crate) fn keep(home: &Path, options: Options) -> Result<i32, Failure> {
    let refused = |what: &'static str| move |error: io::Error| (EXIT_ENVIRONMENT, format!("failed to {what}: {error}"));
    // Resolved before anything changes: an upgrade may replace our own file later.
    let program = |name: &str| match &options.programs {
        Some(folder) => std::path::absolute(folder.join(name)),
        None => sys::daemon::sibling(name),
    };
    let scribe = program("abide-scribe").map_err(refused("find the scribe"))?;
    let steward = program("abide-steward").map_err(refused("find the steward"))?;
    let Kept { lock, home } = match sys::daemon::keep_home(home, options.foreground) {
        Ok(kept) => kept,
        Err(NotKept::Taken) => return Ok(0),
        Err(NotKept::Refused(why)) => return Err((EXIT_ENVIRONMENT, why)),
    };
    if options.lock_memory {
        sys::process::lock_memory().map_err(refused("lock memory"))?;
    }
    sys::process::raise_nofile();
    sys::process::become_subreaper().map_err(refused("become a subreaper"))?;
    let (mut core, settings) = core(&options);
    let held = constants(&mut core, &options).map_err(refused("open /dev/null"))?;
    options.remarks.iter().for_each(|(level, text)| core.log(*level, &[text.as_bytes()]));
    core.script(&script(&scribe, &steward, &home, options.foreground));
    let mut shell = Shell::new(core, settings).map_err(refused("begin"))?;
    held.into_iter().for_each(|(token, fd)| shell.hold(token, fd));
    // Held to the end, by whatever executable we are by then.
    shell.keep_across(lock.into());
    run(shell)
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
