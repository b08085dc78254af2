//! One file is the truth: what an apply touches and what it leaves alone, shown by pids; what is removed; the way back.

mod back;
mod changes;
mod deaths;
mod many;
mod settings;

use api::HistoryEntry;
use e2e::House;
use model::Step;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long anything may take. Generous: it only ends a test that hangs.
const SOON: Duration = Duration::from_secs(90);

/// The processes of all slots.
fn pids(house: &House) -> BTreeMap<String, Option<u32>> {
    house.list().into_iter().map(|row| (row.slot, row.pid)).collect()
}

/// `what slot` of each step in the answer of `plan --json` and its like.
fn steps(report: &Value) -> Vec<String> {
    let steps: Vec<Step> = serde_json::from_value(report["steps"].clone()).expect("steps");
    steps.iter().map(|step| format!("{:?} {}", step.act, step.slot).to_lowercase()).collect()
}

/// `history --json`.
fn history(house: &House) -> Vec<HistoryEntry> {
    house.abide(["history", "--json", "-n", "1000"]).ok().json()
}

/// What the steward answers to a `POST` with this JSON, head and body.
fn post(house: &House, target: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(house.home().join("run/abide.sock")).expect("the manager runs");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}
