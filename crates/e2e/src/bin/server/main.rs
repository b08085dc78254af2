//! A web server that drains: told to end (SIGTERM), it takes no more connections, answers what is under way and whatever still comes on the open
//! ones, says `Connection: close` with each of these answers, and ends when the last connection has. So nobody loses a request by it.
//!
//! It listens on the sockets that it is given (`LISTEN_FDS`), else on 127.0.0.1 and the port `PORT`. What it says is `VERSION PID SLOT`.
//!
//! Arguments are words as below; with `release:FILE` those in the file are read as well, at every start, which is how a test puts another
//! version in place.
//!
//! | word | |
//! |---|---|
//! | `version:V` | what it says it is |
//! | `delay:MS` | each answer takes so long |
//! | `slow:MS` | it becomes ready so long after its start |
//! | `never-ready` | it never says that it is ready |
//! | `dies:MS` | it ends with 3 so long after it became ready |
//! | `bind:ADDRESS` | it needs that address as well, and ends with 1 if it cannot have it |

mod given;
mod serve;
mod words;

use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use words::Words;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime of one thread");
    match Words::read(std::env::args().skip(1)).map(|words| runtime.block_on(run(words))) {
        Ok(Ok(code)) => code,
        Ok(Err(wrong)) | Err(wrong) => {
            eprintln!("server: {wrong}");
            ExitCode::FAILURE
        }
    }
}

async fn run(words: Words) -> Result<ExitCode, String> {
    let mut told = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let listener = given::listener()?;
    // Held until the end.
    let _more = words.bind.map(|address| given::bind(&address)).transpose()?;
    println!("{} starts", words.version);
    tokio::time::sleep(words.slow).await;
    let serving = tokio::spawn(serve::serve(listener, words.version.clone(), words.delay));
    if !words.never_ready {
        given::ready().map_err(|error| format!("NOTIFY_SOCKET: {error}"))?;
        println!("{} is ready", words.version);
    }
    let death = tokio::time::sleep(words.dies.unwrap_or(Duration::MAX));
    tokio::select! {
        _ = told.recv() => {}
        () = death, if words.dies.is_some() => {
            eprintln!("server: {} has no database any more", words.version);
            return Ok(ExitCode::from(3));
        }
    }
    serve::DRAINS.send_replace(true);
    serving.await.map_err(|error| error.to_string())?;
    println!("{} has drained", words.version);
    Ok(ExitCode::SUCCESS)
}
