//! Start as daemonproxy: what is inherited gets its name, what the options ask for is opened, then controllers are served.
//!
//! The order: descriptors that were inherited are found before anything is opened; then all that can fail is done or tried; then the
//! keeper goes to the background, if asked to; only then come the loop's own descriptors, for a poller does not see the signals of a
//! process that was forked after it was made.

use crate::core::{Bond, Core, FdToken, Level, Settings};
use crate::options::Options;
use crate::program::{EXIT_ENVIRONMENT, Failure, run, say_why};
use crate::shell::{Shell, ShellSettings};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::path::Path;
use sys::handle;

/// Files of the keeper and of its children are nobody else's, unless they say otherwise.
const UMASK: u32 = 0o077;

/// Descriptors below have names of their own.
const FIRST: RawFd = 3;

/// What was found and opened before the keeper went to the background.
struct Found {
    inherited: Vec<(RawFd, OwnedFd)>,
    /// Names for them, in order; those from socket activation come behind those of the command line.
    names: Vec<String>,
    config: Option<OwnedFd>,
    console: Option<(OwnedFd, OwnedFd)>,
}

/// Serves controllers until told to end; gives the exit code.
///
/// # Errors
/// What cannot be had, where no guard forbids to end for it.
pub(crate) fn serve(mut options: Options) -> Result<i32, Failure> {
    let found = find(&mut options)?;
    if options.lock_memory {
        options.had("lock memory", sys::process::lock_memory())?;
    }
    if options.daemonize {
        options.had("go to the background", sys::daemon::daemonize())?;
        if options.lock_memory {
            // It was possible a moment ago, and does not outlive a fork.
            options.had("lock memory", sys::process::lock_memory())?;
        }
    }
    // Orphans of a life belong to the one who bore it: without them a whole tree could not be ended.
    options.had("become a subreaper", sys::process::become_subreaper())?;
    let (mut core, settings) = core(&options);
    let mut held =
        constants(&mut core, &options).map_err(|error| (EXIT_ENVIRONMENT, format!("failed to open /dev/null: {error}")))?;
    held.extend(found.inherited.into_iter().filter_map(|(number, fd)| {
        let given = found.names.get((number - FIRST) as usize);
        receive(&mut core, number, fd, given.filter(|name| !is_none(name)))
    }));
    options.remarks.drain(..).for_each(|(level, text)| core.log(level, &[text.as_bytes()]));
    let console = found.console.map(|ends| (core.console(), ends));
    let config = found.config.map(|file| (core.config(), file));
    let mut shell = Shell::new(core, settings).map_err(|error| (EXIT_ENVIRONMENT, format!("failed to begin: {error}")))?;
    held.into_iter().for_each(|(token, fd)| shell.hold(token, fd));
    if let Some((conn, (stdin, stdout))) = console {
        shell.link_console(conn, stdin, stdout);
    }
    if let Some((conn, file)) = config {
        shell.link_config(conn, file);
    }
    if let Some(path) = options.socket.clone() {
        options.had(&format!("create control socket {}", path.display()), shell.listen(&path))?;
    }
    // The core's log is out of reach by now.
    options.remarks.iter().for_each(|(level, text)| say_why(&format!("{}: {text}\n", level.word())));
    run(shell)
}

/// Looks for everything and tries everything while somebody hears of it.
fn find(options: &mut Options) -> Result<Found, Failure> {
    let own = |number| Some((number, handle::adopt_number(number).ok()?));
    let inherited: Vec<(RawFd, OwnedFd)> = handle::inherited().into_iter().filter_map(own).collect();
    let mut names = options.names.clone();
    names.extend(listen_names().into_iter().skip(names.len()));
    for (number, name) in (FIRST..).zip(&names) {
        if !is_none(name) && inherited.iter().all(|(open, _)| *open != number) {
            options.remarks.push((Level::Warning, format!("descriptor {number} was not inherited, nothing is named {name}")));
        }
    }
    sys::process::set_umask(UMASK);
    let config = match options.config.clone() {
        Some(path) => options.had(&format!("open config file {}", path.display()), open_config(&path))?,
        None => None,
    };
    let console = match options.interactive {
        true => options.had("use standard input and output", handle::standard(0).and_then(|i| Ok((i, handle::standard(1)?))))?,
        false => None,
    };
    if let (true, Some(path)) = (options.daemonize, options.socket.clone()) {
        // It is made in the background, by the one who will remove it.
        options.had(&format!("create control socket {}", path.display()), handle::listen_at(&path).map(drop))?;
    }
    Ok(Found { inherited, names, config, console })
}

/// Whether this stands for no name in a list of names.
fn is_none(name: &str) -> bool {
    matches!(name, "" | "-")
}

impl Options {
    /// What was had of the environment. What was not is a reason to end; under a guard, when nothing can be executed instead, it is a
    /// remark.
    fn had<T>(&mut self, what: &str, result: io::Result<T>) -> Result<Option<T>, Failure> {
        let error = match result {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        let why = format!("failed to {what}: {error}");
        if self.guard == 0 || !self.exec.is_empty() {
            return Err((EXIT_ENVIRONMENT, why));
        }
        self.remarks.push((Level::Fatal, format!("{why} (attempting to continue)")));
        Ok(None)
    }
}

fn open_config(path: &Path) -> io::Result<OwnedFd> {
    if path == Path::new("-") {
        return handle::standard(0);
    }
    // It stays non-blocking: it may be a pipe whose writer is slow.
    let how = handle::OpenHow { read: true, nonblock: true, never_wait: true, ..handle::OpenHow::default() };
    if path.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { handle::open(path, how) }
}

/// The core and the settings of its shell, as the options have them.
pub(crate) fn core(options: &Options) -> (Core, ShellSettings) {
    let pools = Settings {
        connections: options.connections.unwrap_or(Settings::default().connections),
        services: options.services,
        fds: options.fds,
        init: std::process::id() == 1,
        quiet: options.level(),
    };
    let mut core = Core::new(pools);
    core.guard(options.guard);
    core.exec_on_exit(&options.exec);
    // daemonproxy waits for the other end of a FIFO; we wait for nothing. What it opens at once, we open the same.
    (core, ShellSettings { never_wait: true, lock_memory: options.lock_memory, pools })
}

/// `null` and descriptors 0 to 2; those that are a controller of ours are /dev/null for services.
pub(crate) fn constants(core: &mut Core, options: &Options) -> io::Result<Vec<(FdToken, OwnedFd)>> {
    let reads_config = options.config.as_deref() == Some(Path::new("-"));
    let mut held = Vec::new();
    if let Some(token) = core.inherit("null", (true, true), "/dev/null", Bond::Constant) {
        held.push((token, handle::null()?));
    }
    for (number, name, taken) in
        [(0, "stdin", options.interactive || reads_config), (1, "stdout", options.interactive), (2, "stderr", false)]
    {
        let (description, fd) = if taken { ("/dev/null", handle::null()?) } else { (name, handle::standard(number)?) };
        held.extend(core.inherit(name, (number == 0, number != 0), description, Bond::Standard).map(|token| (token, fd)));
    }
    Ok(held)
}

/// Gives an inherited descriptor its name: the given one, else `fd_N`.
fn receive(core: &mut Core, number: RawFd, fd: OwnedFd, given: Option<&String>) -> Option<(FdToken, OwnedFd)> {
    let access = handle::access(&fd);
    let shown = std::fs::read_link(format!("/proc/self/fd/{number}")).unwrap_or_default();
    let description = shown.to_string_lossy();
    if let Some(token) = given.and_then(|name| core.inherit(name, access, &description, Bond::Received)) {
        return Some((token, fd));
    }
    let plain = format!("fd_{number}");
    if let Some(name) = given {
        core.log(Level::Warning, &[b"descriptor ", plain.as_bytes(), b" cannot be named ", name.as_bytes()]);
    }
    let token = core.inherit(&plain, access, &description, Bond::Received);
    if token.is_none() {
        core.log(Level::Warning, &[b"no room for the inherited descriptor ", plain.as_bytes(), b", it is closed"]);
    }
    token.map(|token| (token, fd))
}

/// Names of descriptors 3, 4, … by the protocol of socket activation, when they are meant for us: `sd_listen_fds(3)`.
fn listen_names() -> Vec<String> {
    let said = |name: &str| std::env::var(name).unwrap_or_default();
    if said("LISTEN_PID") != std::process::id().to_string() {
        return Vec::new();
    }
    let names = said("LISTEN_FDNAMES");
    let count = said("LISTEN_FDS").parse().unwrap_or(0);
    names.split(':').map(str::to_owned).take(count).collect()
}
