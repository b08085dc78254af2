//! From a SIGKILL to the first instruction of the next life.

use super::{SOON, settle};
use crate::floor::{Floor, Way};
use crate::ground::Ground;
use crate::house::{House, apps};
use crate::proc;
use crate::report::Report;
use crate::stamps::{Stamp, Stamps};
use crate::stats::{Samples, span};
use std::io;

const TURNS: usize = 400;
const SIGKILL: i32 = 9;

/// Whose app is killed.
struct Victim {
    stamps: Stamps,
    now: Stamp,
    took: Samples,
}

impl Victim {
    /// `stamps` on which `count` apps will have begun.
    fn meet(mut stamps: Stamps, count: usize) -> io::Result<Victim> {
        let now = stamps.take(count, SOON)?[count / 2];
        Ok(Victim { stamps, now, took: Samples::default() })
    }

    fn kill(&mut self) -> io::Result<()> {
        let handle = sys::process::pidfd_open(self.now.pid)?;
        let begun = sys::clock::now();
        sys::process::pidfd_signal(&handle, SIGKILL)?;
        self.now = self.stamps.next(SOON)?;
        self.took.push(self.now.ns.saturating_sub(begun));
        // What a crash stirs up behind the next life (records, events, logs) is not to be found in the next turn.
        settle(3);
        Ok(())
    }
}

/// Processor time, context switches and bytes written of these processes together.
fn spent(roles: &[u32]) -> io::Result<[u64; 3]> {
    roles.iter().try_fold([0; 3], |[time, switches, bytes], pid| {
        Ok([time + proc::processor(*pid)?, switches + proc::switches(*pid)?, bytes + proc::written(*pid)?])
    })
}

pub fn crash(ground: &Ground, report: &mut Report) -> io::Result<()> {
    for count in [1, 100] {
        let [low, mid, high] = [Stamps::new(ground)?, Stamps::new(ground)?, Stamps::new(ground)?];
        let _low = Floor::start(ground, Way::Vfork, count, 0, &low, &[])?;
        let _mid = Floor::start(ground, Way::Fork, count, 0, &mid, &[])?;
        let house = House::warm(ground)?;
        house.run(&["up", &apps(ground, "app", count, &high, &[], "")?.to_string_lossy()])?;
        let mut victims = [Victim::meet(low, count)?, Victim::meet(mid, count)?, Victim::meet(high, count)?];
        settle(500);
        let roles = house.roles()?.map(|(_, pid)| pid);
        let before = spent(&roles)?;
        for _ in 0..TURNS {
            victims.iter_mut().try_for_each(Victim::kill)?;
        }
        let after = spent(&roles)?;
        let [processor, switches, written] = std::array::from_fn(|at| (after[at] - before[at]) / TURNS as u64);
        let [low, mid, high] = victims.map(|victim| victim.took);
        let among = if count == 1 { String::new() } else { format!(", among {count} apps") };
        report.time(&format!("crash → next life{among}"), &low, &high, "≤ 1.3");
        report.percentile(&format!("crash → next life{among}, p99"), 99, &low, &high, "≤ 2.5");
        let words = format!("{} of processor, {switches} context switches, {written} bytes written", span(processor));
        report.count(&format!("our three processes, for each crash{among}"), &words, "");
        report.time(&format!("(the floor with `sys::spawn` instead of vfork{among})"), &low, &mid, "");
    }
    Ok(())
}
