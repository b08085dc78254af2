//! `send` and `attach`: lines for the standard input of apps.

use super::logs::{LogForm, Wanted, print_logs};
use crate::args::{Attach, Global, Send};
use crate::escape::shown_word;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::house::{House, Stopped};
use crate::screen::Screen;
use api::Sent;
use api::client::{Request, path};
use std::io::{BufRead, Read, stdin};

/// The most that the manager takes at once.
const MOST: usize = 64 << 10;

/// `send`.
///
/// # Errors
/// [`Failure`].
pub fn send(house: &House, screen: &Screen, args: &Send) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    if let [only] = args.lines.as_slice()
        && only == "-"
    {
        let mut input = stdin().lock().take(MOST as u64 + 1);
        input.read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    } else {
        for line in &args.lines {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
    }
    if bytes.len() > MOST {
        return Err(Failure::new(Exit::Usage, format!("that is more than {MOST} bytes, which is as much as goes at once"))
            .next("send it in parts"));
    }
    let sent = post(house, &args.app, bytes)?;
    if screen.json {
        return screen.print_json(&sent);
    }
    screen.say(&format!("sent {} bytes to {}", sent.bytes, sent.slots.join(", ")));
    Ok(())
}

fn post(house: &House, app: &str, bytes: Vec<u8>) -> Result<Sent, Failure> {
    house.ask_once(&Request::post(path().segment("apps").segment(app).segment("stdin")).bytes(bytes))
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Internal, format!("failed to read standard input: {error}"))
}

/// `attach`: what the app says, and to it what is typed here, line by line.
///
/// # Errors
/// [`Failure`].
pub fn attach(global: &Global, screen: &Screen, args: &Attach) -> Result<(), Failure> {
    let house = || Ok::<House, Failure>(House::new(Home::find(global.home.as_deref())?, Stopped::Leave));
    let ours = house()?;
    // Whether it takes lines at all is told before the first is typed.
    post(&ours, &args.app, Vec::new())?;
    let app = shown_word(&args.app);
    screen.say(&format!("attached to {app}: what you type goes to it, line by line; Ctrl-D or Ctrl-C leaves it, and it runs on"));
    let (theirs, its_screen) = (house()?, Screen::new(global));
    let wanted = Wanted { selector: args.app.clone(), lines: Some(0), follow: true, ..Wanted::default() };
    // It ends with this process, or ends it: the reading below cannot be interrupted.
    std::thread::spawn(move || {
        let form = LogForm::of(&its_screen, false);
        let code = match print_logs(&theirs, &its_screen, form, &wanted) {
            Ok(()) => 0,
            Err(failure) => {
                its_screen.fail(&failure);
                failure.code()
            }
        };
        std::process::exit(code.into());
    });
    let mut input = stdin().lock();
    loop {
        let mut line = Vec::new();
        // A line that is too long goes in parts.
        let read = input.by_ref().take(MOST as u64).read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
        if read == 0 {
            return Ok(());
        }
        if let Err(failure) = post(&ours, &args.app, line) {
            screen.fail(&failure);
        }
    }
}
