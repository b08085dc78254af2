//! From `write(2)` of a line until its bytes stand in the file, measured by the app itself, which looks at the file until it has grown.

use super::super::{SOON, settle};
use super::cat::Cat;
use crate::ground::{Ground, LIMIT};
use crate::house::{House, apps};
use crate::report::Report;
use crate::stamps::Stamps;
use crate::stats::Samples;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;

const LINES: usize = 600;
const MS: &str = "3";

/// What probes measured, once all of them have; the files go.
fn results(files: &[PathBuf]) -> io::Result<Samples> {
    let deadline = sys::clock::now() + LIMIT.as_nanos() as u64;
    let mut samples = Samples::default();
    for file in files {
        while !file.exists() {
            if sys::clock::now() > deadline {
                return Err(io::Error::other(format!("a probe has measured nothing within {LIMIT:?}")));
            }
            settle(20);
        }
        let bytes = fs::read(file)?;
        bytes.as_chunks::<8>().0.iter().for_each(|word| samples.push(u64::from_ne_bytes(*word)));
        fs::remove_file(file)?;
    }
    Ok(samples)
}

/// Children that are killed when they are dropped.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// So many probes at once, each into a `cat` of its own, beside one that floods if wanted.
fn cats(ground: &Ground, stamps: &mut Stamps, probes: usize, flood: bool) -> io::Result<Samples> {
    let (mut cats, mut children, mut files) = (Vec::new(), Children(Vec::new()), Vec::new());
    if flood {
        let cat = Cat::start(ground)?;
        let mut app = ground.plain(&ground.program("app"));
        children.0.push(app.arg(stamps.path()).args(["lines", FLOOD]).stdout(cat.writer()?).spawn()?);
        cats.push(cat);
        settle(FLOWS_MS);
    }
    for _ in 0..probes {
        let (cat, result) = (Cat::start(ground)?, ground.fresh("result"));
        let mut app = ground.plain(&ground.program("app"));
        app.arg(stamps.path()).args(["probe", &LINES.to_string(), MS]).arg(&cat.file).arg(&result);
        children.0.push(app.stdout(cat.writer()?).spawn()?);
        files.push(result);
        cats.push(cat);
    }
    stamps.take(probes + usize::from(flood), SOON)?;
    let found = results(&files);
    drop(children);
    cats.into_iter().try_for_each(Cat::end)?;
    found
}

/// The same in a house. Every app gets a definition of its own, which goes at the end.
fn carried(
    ground: &Ground,
    house: &House<'_>,
    stamps: &mut Stamps,
    probes: usize,
    keys: &str,
    flood: bool,
) -> io::Result<Samples> {
    let mut files = Vec::new();
    if flood {
        let limits = "log_max_size = \"64M\"\nlog_max_files = 1\nlog_compress = \"none\"";
        let file = apps(ground, "flood", 1, stamps, &["lines", FLOOD], limits)?;
        house.run(&["up", &file.to_string_lossy()])?;
        settle(FLOWS_MS);
    }
    for at in 0..probes {
        let (prefix, result) = (format!("probe{at}x"), ground.fresh("result"));
        let log = house.home().join(format!("logs/{prefix}0-0.out.log"));
        let words = ["probe", &LINES.to_string(), MS, &text(&log), &text(&result)].map(str::to_owned);
        let file = apps(ground, &prefix, 1, stamps, &words.each_ref().map(String::as_str), keys)?;
        house.run(&["up", &file.to_string_lossy()])?;
        files.push(result);
    }
    stamps.take(probes + usize::from(flood), SOON)?;
    let found = results(&files);
    house.run(&["delete", "all", "--yes"])?;
    found
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Lines without end, as far as a bench is concerned.
const FLOOD: &str = "1000000000000";
/// Until a flood flows.
const FLOWS_MS: u64 = 300;
const FORMS: [(&str, &str); 3] = [
    ("raw", "log_max_size = 0"),
    ("text", "log_max_size = 0\nlog_format = \"text\""),
    ("json", "log_max_size = 0\nlog_format = \"json\""),
];

/// One app, then twenty at once.
pub fn latency(ground: &Ground, report: &mut Report, probes: usize) -> io::Result<()> {
    let mut stamps = Stamps::new(ground)?;
    let low = cats(ground, &mut stamps, probes, false)?;
    for (form, keys) in FORMS {
        let house = House::warm(ground)?;
        let ours = carried(ground, &house, &mut stamps, probes, keys, false)?;
        let who = if probes == 1 { "1 app".to_owned() } else { format!("{probes} apps at once") };
        for percent in [50, 99] {
            report.percentile(
                &format!("write(2) of a line → its bytes in the file, {form}, {who}, p{percent}"),
                percent,
                &low,
                &ours,
                "",
            );
        }
    }
    Ok(())
}

/// One calm app beside one that floods; the floor is the same app in the same house without the flood.
pub fn beside_a_flood(ground: &Ground, report: &mut Report) -> io::Result<()> {
    let mut stamps = Stamps::new(ground)?;
    let keys = FORMS[0].1;
    let mut measure = |flood| carried(ground, &House::warm(ground)?, &mut stamps, 1, keys, flood);
    let (calm, beside) = (measure(false)?, measure(true)?);
    for percent in [50, 99] {
        let work = format!("write(2) → file beside an app that floods (floor: the same app of ours, no flood), p{percent}");
        report.percentile(&work, percent, &calm, &beside, "≤ 2");
    }
    let (calm, beside) = (cats(ground, &mut stamps, 1, false)?, cats(ground, &mut stamps, 1, true)?);
    for percent in [50, 99] {
        let work = format!("(the same of two `cat`s: beside a flood, and without, p{percent})");
        report.percentile(&work, percent, &calm, &beside, "");
    }
    Ok(())
}
