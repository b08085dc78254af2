//! The program: from its arguments to its exit code.

use crate::brain::{Brain, Identity, Leave};
use crate::call::Door;
use crate::home;
use crate::http::{House, router, serve};
use crate::keeper_link::KeeperLink;
use crate::log::{self, say};
use crate::previous;
use crate::scribe_link::ScribeLink;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use sys::lock::RoleLock;
use sys::peer::{inherited, listen, remove_socket};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

/// Descriptors that the keeper gives us.
const KEEPER: i32 = 3;
const SCRIBE: i32 = 4;
/// How long clients may take to hear that the house is empty.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// How long the keeper may take to end.
const LAST_KEEPER: Duration = Duration::from_secs(2);

/// Exit code for a wrong command line.
const USAGE: u8 = 2;

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
struct Args {
    home: PathBuf,
    foreground: bool,
}

/// Runs the steward: `abide-steward --home HOME [--foreground]`, the arguments without the program's name. Started by the keeper, with
/// its control socket at descriptor 3 and the link to the scribe at 4.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match parse(args) {
        Ok(args) => args,
        Err(why) => {
            eprintln!("abide-steward: {why}\nusage: abide-steward --home HOME [--foreground]; the keeper starts it");
            return ExitCode::from(USAGE);
        }
    };
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            say!("ends: {error}");
            log::last_words();
            eprintln!("abide-steward: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Args, String> {
    let mut args = args.into_iter();
    let (mut home, mut foreground) = (None, false);
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--home") => home = Some(PathBuf::from(args.next().ok_or("--home needs a folder")?)),
            Some("--foreground") => foreground = true,
            _ => return Err(format!("{} is not understood", arg.to_string_lossy().escape_debug())),
        }
    }
    Ok(Args { home: home.ok_or("--home is missing")?, foreground })
}

fn run(args: &Args) -> io::Result<ExitCode> {
    // Asked first: an upgrade may replace the files behind these names, and the keeper may end at any time.
    let keeper_exe = sys::daemon::sibling("abide-keeper")?;
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| io::Error::new(error.kind(), format!("failed to {what}: {error}"))
    };
    let keeper = inherited(KEEPER).map_err(failed("take descriptor 3, the keeper's control socket"))?;
    let scribe = inherited(SCRIBE).map_err(failed("take descriptor 4, the link to the scribe"))?;
    std::env::set_current_dir(&args.home).map_err(failed("enter the home"))?;
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
    home::make_folders().map_err(failed("make the folders of the home"))?;
    log::begin(args.foreground);
    // Until here nothing was read: an older steward may still be at work.
    let Some(lock) = RoleLock::wait_under(Path::new(home::LOCK), &keeper).map_err(failed("lock the steward's role"))? else {
        // Whoever is at work may be of another keeper, or about to end.
        rescue(&keeper_exe);
        return Ok(ExitCode::SUCCESS);
    };
    let keeper_pid = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    let me = Identity {
        home: home::canonical(Path::new("."))?.to_string_lossy().into_owned(),
        boot: sys::clock::boot_id()?,
        keeper_pid,
        // A keeper that is gone already is noticed on its line; nothing can be later than this.
        keeper_ident: sys::lives::identity(keeper_pid).unwrap_or(u64::MAX),
        keeper_exe: keeper_exe.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Only for what may hang on a disk: reading logs, looking at programs and at /proc.
        // More than can hang for long at once: names, users, a disk of logs, a file with a secret.
        .max_blocking_threads(8)
        .thread_stack_size(256 << 10)
        .thread_keep_alive(Duration::from_secs(1))
        .build()?;
    let leave = runtime.block_on(live(me, keeper, scribe))?;
    if leave == Leave::Stopped {
        log::last_words();
    }
    // A task that hangs on a dead disk is not waited for.
    runtime.shutdown_background();
    match leave {
        Leave::Orphaned => rescue(&keeper_exe),
        Leave::Unfinished => start_keeper(&keeper_exe),
        _ => {}
    }
    // Released last: the next steward begins where this one has ended entirely.
    drop(lock);
    Ok(ExitCode::SUCCESS)
}

/// The keeper is gone. The house must not stay without one, unless it was stopped.
fn rescue(keeper_exe: &Path) {
    if !Path::new(home::STOPPED).exists() {
        start_keeper(keeper_exe);
    }
}

fn start_keeper(exe: &Path) {
    say!("the keeper is gone; another is started");
    if let Err(error) = home::canonical(Path::new(".")).and_then(|home| sys::daemon::rescue(exe, &home)) {
        say!("failed to start a keeper: {error}");
    }
}

async fn live(me: Identity, keeper: std::os::fd::OwnedFd, scribe: std::os::fd::OwnedFd) -> io::Result<Leave> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let mut asked = async || {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    let shown: std::sync::Arc<str> = me.home.as_str().into();
    say!("begins in {shown}, pid {}, keeper {}", std::process::id(), me.keeper_pid);
    let begun = tokio::select! {
        begun = Brain::begin(me, KeeperLink::new(keeper)?, ScribeLink::new(scribe)?) => begun?,
        () = asked() => return Ok(Leave::Asked),
    };
    let Some(mut brain) = begun else { return Ok(Leave::Orphaned) };
    let (door, mut calls) = Door::new();
    let mut server = None;
    let mut leave = brain.run(&mut calls, &mut asked).await;
    if leave == Leave::Reconciled {
        // Clients come in only now: what they see is complete.
        let listener = listen(Path::new(home::SOCKET))?;
        listener.set_nonblocking(true)?;
        server = Some(tokio::spawn(serve(UnixListener::from_std(listener)?, router(House { door, home: shown }))));
        leave = brain.run(&mut calls, &mut asked).await;
    }
    if matches!(leave, Leave::Stopped | Leave::Renewed) {
        if leave == Leave::Stopped {
            brain.say_end();
        }
        // Nobody new comes in; those who listen are told.
        if let Some(server) = server {
            server.abort();
        }
        let told = async {
            while brain.is_being_heard() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let _ = timeout(LAST_ANSWERS, told).await;
    }
    if leave == Leave::Stopped {
        let _ = remove_socket(Path::new(home::SOCKET));
        // Who starts the house again wants what is installed then.
        previous::forget();
        say!("the house is empty; the keeper ends");
        // Before it: who has asked takes the end of the keeper for the end of everything, and may read the log at once.
        log::last_words();
        brain.terminate();
        let _ = timeout(LAST_KEEPER, brain.await_end()).await;
    }
    Ok(leave)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let parse = |args: &[&str]| parse(args.iter().map(OsString::from));
        assert_eq!(parse(&["--home", "/h"]), Ok(Args { home: "/h".into(), foreground: false }));
        assert_eq!(parse(&["--foreground", "--home", "/h"]), Ok(Args { home: "/h".into(), foreground: true }));
        for wrong in [&[][..], &["--home"], &["--home", "/h", "extra"], &["\u{1b}"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
