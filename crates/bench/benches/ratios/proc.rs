//! What `/proc` counts.

use std::fs;
use std::io;

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Resident.
    pub rss: u64,
    /// Proportional: a page that `n` processes share counts one `n`th.
    pub pss: u64,
    /// Its own alone, dirty: what it would cost to have one more of it.
    pub private: u64,
    /// Its own alone, clean or dirty: also pages of its program, when nobody else runs it.
    pub own: u64,
    /// Its own alone and in no file.
    pub anonymous: u64,
}

pub fn memory(pid: u32) -> io::Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0)
    };
    let (private, anonymous) = (field("Private_Dirty:"), field("Anonymous:"));
    Ok(Memory { rss: field("Rss:"), pss: field("Pss:"), private, own: private + field("Private_Clean:"), anonymous })
}

/// How often the threads of a process have been taken off or put on a processor: 0 between two looks means that it slept all the while.
pub fn switches(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("status"))?;
        let found =
            text.lines().filter_map(|line| line.split_once("ctxt_switches:")).map(|(_, number)| number.trim().parse::<u64>());
        sum += found.flatten().sum::<u64>();
    }
    Ok(sum)
}

/// Nanoseconds of processor time of a process.
pub fn processor(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

/// Bytes that a process has written, to files, sockets and pipes alike.
pub fn written(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io"))?;
    Ok(text.lines().find_map(|line| line.strip_prefix("wchar: ")).and_then(|number| number.parse().ok()).unwrap_or(0))
}

/// Processor, kernel.
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown").trim_start_matches(['\t', ':', ' ']);
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).map_or("?", str::trim);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} processors, {total}; Linux {}", kernel.trim())
}

/// How many processes wanted a processor, on average of the last minute: before a run, those of others.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
