//! `cargo bench -p abide-bench [-- ROW…]`: Abide against the least code that can supervise.
//!
//! Absolute times shift from machine to machine and from minute to minute; what counts is the ratio to a floor that was measured in the
//! same run, turn by turn with ours. What each row means stands in `docs/performance.md`.

mod floor;
mod ground;
mod house;
mod proc;
mod report;
mod rows;
mod stamps;
mod stats;

use ground::Ground;
use report::Report;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Row = fn(&Ground, &mut Report) -> io::Result<()>;

const ROWS: [(&str, Row); 15] = [
    ("crash", rows::crash::crash),
    ("boot", rows::boot::boot),
    ("list", rows::command::list),
    ("restart", rows::command::restart),
    ("reload", rows::reload::reload),
    ("stop", rows::command::stop),
    ("storm", rows::storm::storm),
    ("memory", rows::rest::memory),
    ("idle", rows::rest::idle),
    ("logs", rows::log_rows),
    ("logs-read", rows::logs::read),
    ("spawns", rows::keeper::spawns::spawns),
    ("ends", rows::keeper::ends::ends),
    ("kept", rows::keeper::rest::memory),
    ("asleep", rows::keeper::rest::idle),
];
/// The rows that need the keeper alone, which is built faster than all programs.
const KEEPER_ALONE: [&str; 4] = ["spawns", "ends", "kept", "asleep"];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, root] = args.as_slice()
        && first == "janitor"
    {
        ground::janitor(Path::new(root));
        return ExitCode::SUCCESS;
    }
    // `cargo bench` gives this flag; `cargo test --all-targets` does not, and waits for no measurement.
    if !args.iter().any(|arg| arg == "--bench") {
        println!("only `cargo bench` measures");
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    if let Some(unknown) = chosen.iter().find(|name| ROWS.iter().all(|(row, _)| row != *name)) {
        eprintln!("no row is called {unknown}; there are {}", ROWS.map(|(row, _)| row).join(" "));
        return ExitCode::FAILURE;
    }
    match measure(&chosen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failed to measure: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every row could be measured.
fn measure(chosen: &[&String]) -> io::Result<bool> {
    let alone = !chosen.is_empty() && chosen.iter().all(|name| KEEPER_ALONE.contains(&name.as_str()));
    let ground = Ground::new(if alone { PathBuf::new() } else { ground::build()? })?;
    let load = proc::load();
    let (begun, mut report, mut whole) = (sys::clock::now(), Report::default(), true);
    for (name, row) in ROWS.iter().filter(|(name, _)| chosen.is_empty() || chosen.iter().any(|wanted| wanted == name)) {
        eprintln!("{name} …");
        if let Err(error) = row(&ground, &mut report) {
            whole = false;
            report.count(name, &format!("could not be measured: {}", error.to_string().replace('\n', " ")), "");
        }
    }
    let said = |mut command: Command| {
        let text = command
            .stdout(std::process::Stdio::piped())
            .output()
            .map(|done| String::from_utf8_lossy(&done.stdout).into_owned())
            .unwrap_or_default();
        text.lines().next().unwrap_or_default().to_owned()
    };
    let version = |program: &str| {
        let mut command = Command::new(program);
        command.arg("--version");
        said(command)
    };
    let abide = if alone {
        "the keeper alone".to_owned()
    } else {
        let mut abide = ground.abide("abide");
        abide.arg("version");
        said(abide)
    };
    println!("\n{}; {abide}, {}, {}", proc::machine(), version("rustc"), version("cc"));
    let took = (sys::clock::now() - begun) / 1_000_000_000;
    println!("{} C programs; load before the run {load}; {took} s\n", ground.linked);
    println!("{}", report.markdown());
    Ok(whole)
}
