//! Tells `abide-keeper --version` what it was built from. The same source gives the same answers, and a source without git builds too.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed={}", source().join("build.rs").display());
    println!("cargo::rerun-if-env-changed=ABIDE_SOURCE");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    // Only our own repository counts: a tarball may have been unpacked within somebody else's.
    let ours = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    if ours {
        watch_head();
    }
    let ask = |args: &[&str]| if ours { git(args) } else { None };
    let head = ask(&["rev-parse", "HEAD"]);
    let seconds = std::env::var("SOURCE_DATE_EPOCH").ok().or_else(|| ask(&["log", "-1", "--format=%ct"]));
    let built = seconds.and_then(|text| text.trim().parse().ok()).map(utc);
    println!("cargo::rustc-env=ABIDE_GIT_HEAD={}", head.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=ABIDE_BUILT={}", built.as_deref().unwrap_or("unknown"));
}

/// Builds again when another commit is checked out. A path that is not there would mean: build again always.
fn watch_head() {
    let branch = git(&["symbolic-ref", "-q", "HEAD"]);
    for name in ["HEAD", "logs/HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).map(|path| source().join(path))
            && path.exists()
        {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
}

/// The folder of this file. `tools/static-keeper` builds the keeper as a package of its own elsewhere, and says where the source is.
fn source() -> std::path::PathBuf {
    std::env::var_os("ABIDE_SOURCE").or_else(|| std::env::var_os("CARGO_MANIFEST_DIR")).unwrap_or_default().into()
}

/// What git answers, if there is one and it does.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(source()).args(args).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Seconds since 1970 as a date and time. Days are counted in the years that begin in March, so that a leap day is a year's last.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year + u64::from(month >= 10), if month < 10 { month + 3 } else { month - 9 });
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}Z")
}
