//! The commands about the keeper itself: its end, its log, its socket, where it stands, who takes over.

use super::args::{Args, Done, Refusal, Speaker, number};
use super::effect::Effect;
use super::log::Level;
use super::state::{Ask, Core};

/// The longest list for exec-on-exit.
pub(super) const LONGEST_EXEC: usize = 255;
/// A timeout is at most this.
const LARGEST_S: i64 = i32::MAX as i64;

impl Core {
    /// Sets the guard code; 0 is none.
    pub fn guard(&mut self, code: i64) {
        self.guard = code;
    }

    /// Whether only the guard code ends the keeper.
    pub fn guarded(&self) -> bool {
        self.guard != 0
    }

    /// Sets what is executed instead of ending: fields ended by NUL, none for nothing. The shell is not told.
    pub fn exec_on_exit(&mut self, list: &[u8]) {
        self.exec_args.clear();
        self.exec_args.extend_from_slice(list);
    }

    /// What is executed instead of ending.
    pub fn exec_args(&self) -> &[u8] {
        &self.exec_args
    }

    /// The end, children untouched.
    pub(super) fn end(&mut self, code: i32) {
        if self.over {
            return;
        }
        self.over = true;
        for at in 0..self.services.places().len() {
            let service = &self.services[self.services.places()[at]];
            if let Some((_, pid)) = service.state.alive() {
                let (name, mut digits) = (service.name, [0; 10]);
                let pid = super::args::decimal(pid, &mut digits);
                self.log(Level::Warning, &[b"service ", name.as_ref(), b" is left running as pid ", pid]);
            }
        }
        self.effects.push_back(Effect::End { code });
    }

    pub(super) fn terminate(&mut self, args: &mut Args<'_>) -> Done {
        let code: i32 = args.number()?;
        if self.guard != 0 {
            let said: i64 = number(args.next().ok_or("terminate guard code required")?).ok_or("Expected integer")?;
            if said != self.guard {
                return Err("incorrect terminate guard code".into());
            }
            // The first process of a container ends with it, and the code says that this is meant.
            if self.exec_args.is_empty() && !self.settings.init {
                return Err("cannot exit, and exec-on-exit is not configured".into());
            }
        } else {
            // A code that nobody asks for.
            let _ = args.next();
        }
        args.end()?;
        self.end(code);
        Ok(())
    }

    pub(super) fn terminate_guard(&mut self, args: &mut Args<'_>) -> Done {
        let set = match args.need()? {
            b"+" => true,
            b"-" => false,
            _ => return Err("expected + or -".into()),
        };
        let code: i64 = args.number()?;
        args.end()?;
        match (set, self.guard) {
            (true, _) if code == 0 => return Err("code cannot be 0".into()),
            (true, 0) => self.guard = code,
            (true, _) => return Err("terminate guard code is already set".into()),
            (false, 0) => return Err("terminate guard was not set".into()),
            (false, guard) if guard == code => self.guard = 0,
            (false, _) => return Err("incorrect guard code".into()),
        }
        Ok(())
    }

    pub(super) fn terminate_exec_args(&mut self, args: &mut Args<'_>) -> Done {
        let list = args.rest();
        // The last end is not said, so it does not count.
        if list.len().saturating_sub(1) > LONGEST_EXEC {
            return Err("exec arguments exceed buffer size (255)".into());
        }
        self.exec_on_exit(list);
        self.effects.push_back(Effect::Arm);
        Ok(())
    }

    pub(super) fn event_timeout(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let mut one = || -> Result<u32, Refusal> {
            let seconds: i64 = args.number()?;
            if (0..=LARGEST_S).contains(&seconds) {
                Ok(seconds as u32)
            } else {
                Err("invalid timeout (must be 0..7FFFFFFF)".into())
            }
        };
        let (reset, close) = (one()?, one()?);
        args.end()?;
        if reset > close {
            return Err("reset timeout is greater than close timeout".into());
        }
        self.on_speaker(speaker, |conn| conn.timeouts = Some((reset, close)))
    }

    pub(super) fn chdir(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let path = args.next().filter(|path| !path.is_empty()).ok_or("missing path argument")?;
        args.end().map_err(|_| "unexpected argument after path")?;
        self.set_text(path);
        self.ask(speaker, Effect::Chdir, Ask::Chdir)
    }

    pub(super) fn socket_create(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        if !matches!(args.need()?, b"" | b"-") {
            return Err("Invalid options".into());
        }
        let path = args.next().filter(|path| !path.is_empty()).ok_or("missing path argument")?;
        args.end().map_err(|_| "unexpected argument after path")?;
        self.set_text(path);
        self.ask(speaker, Effect::Listen, Ask::Listen)
    }

    pub(super) fn socket_delete(&mut self) -> Done {
        self.effects.push_back(Effect::Unlisten);
        Ok(())
    }

    pub(super) fn log_filter(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        self.log.filter = match args.next() {
            None | Some(b"") => self.log.filter,
            Some(b"+") => self.log.filter.moved(1),
            Some(b"-") => self.log.filter.moved(-1),
            Some(word) => Level::of(word).ok_or("Invalid loglevel argument")?,
        };
        let word = self.log.filter.word();
        self.say_to(speaker.conn, |line| _ = line.raw("log.filter").field(word));
        Ok(())
    }

    pub(super) fn log_dest(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        if args.need()? != b"fd" {
            return Err("Unknown logging type".into());
        }
        let name = args.handle()?;
        args.end()?;
        if self.held.find(&name).is_none() {
            self.say_to(speaker.conn, |line| _ = line.raw("warning").field("fd \"").text(name).text("\" does not exist"));
        }
        self.log.dest = Some(name);
        Ok(())
    }

    pub(super) fn upgrade(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let path = args.next().filter(|path| !path.is_empty()).ok_or("missing path argument")?;
        args.end().map_err(|_| "unexpected argument after path")?;
        if self.upgrading.is_some() {
            return Err("an upgrade is under way".into());
        }
        self.upgrading = Some(*speaker);
        self.upgrade_path.clear();
        self.upgrade_path.extend_from_slice(path);
        self.effects.push_back(Effect::Upgrade);
        Ok(())
    }

    /// The executable of an upgrade that is being looked into.
    pub fn upgrade_path(&self) -> &[u8] {
        &self.upgrade_path
    }

    /// Says to whom asked for it that another executable goes on now.
    pub(super) fn say_upgraded(&mut self) {
        if let Some(speaker) = self.upgrading.take() {
            self.say_to(speaker.conn, |line| _ = line.raw("upgrade").field(env!("CARGO_PKG_VERSION")));
        }
    }

    pub(super) fn on_not_upgraded(&mut self, why: &str) {
        if let Some(speaker) = self.upgrading.take() {
            self.say_to(speaker.conn, |line| _ = line.raw("error").field("upgrade ").text(why));
        }
        self.log(Level::Error, &[b"upgrade refused: ", why.as_bytes()]);
    }
}
