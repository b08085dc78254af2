//! Log files and their folders as somebody else has prepared them.

use crate::SOON;
use e2e::{App, House, Pause, app_file, is_root, skip, wait_until};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, makedev, mknodat, renameat_with};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const NOBODY: u32 = 65534;
const PRECIOUS: &str = "precious\n";

fn text(path: &Path) -> &str {
    path.to_str().expect("plain")
}

/// A folder in the house with an owner and a mode.
fn folder(house: &House, name: &str, owner: u32, mode: u32) -> PathBuf {
    let path = house.root().join(name);
    fs::create_dir(&path).expect("a folder of ours");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("our own folder");
    chown(&path, Some(owner), Some(owner)).expect("we are root");
    path
}

/// What can stand where a log is wanted, and a word of what is said of it.
const PLANTS: [(&str, &str); 7] = [
    ("symlink", "symbolic link"),
    ("dangling", "symbolic link"),
    ("fifo", "no regular file"),
    ("device", "no regular file"),
    ("folder", "no regular file"),
    ("theirs", "belongs to another user"),
    ("hardlink", "another name"),
];

/// Puts it there, as nobody would; `victim` is a file of root.
fn plant(kind: &str, at: &Path, victim: &Path) {
    let node = |kind, dev| mknodat(CWD, at, kind, Mode::from_raw_mode(0o666), dev).expect("we are root");
    match kind {
        "symlink" => symlink(victim, at).expect("a link"),
        "dangling" => symlink(victim.with_extension("new"), at).expect("a link"),
        "fifo" => node(FileType::Fifo, 0),
        // As /dev/zero: endless for who reads, a hole for who writes.
        "device" => node(FileType::CharacterDevice, makedev(1, 5)),
        "folder" => fs::create_dir(at).expect("a folder"),
        "theirs" => fs::write(at, PRECIOUS).expect("a file"),
        "hardlink" => return fs::hard_link(victim, at).expect("a link"),
        other => unreachable!("{other}"),
    }
    lchown(at, Some(NOBODY), Some(NOBODY)).expect("we are root");
}

fn remove(at: &Path) {
    let done = fs::remove_file(at).or_else(|_| fs::remove_dir(at));
    done.unwrap_or_else(|e| panic!("{}: {e}", at.display()));
}

/// Nothing was written to the victim, and no file beside it was made.
#[track_caller]
fn untouched(victim: &Path, why: &str) {
    assert_eq!(fs::read_to_string(victim).expect("it is there"), PRECIOUS, "{why}");
    let beside: Vec<_> = fs::read_dir(victim.parent().expect("a folder")).expect("there").flatten().map(|e| e.path()).collect();
    assert_eq!(beside, [victim], "{why}");
}

/// A house of root with a folder as `/tmp` is, and a file of root elsewhere.
fn sticky_house() -> (House, PathBuf, PathBuf) {
    let house = House::new();
    let sticky = folder(&house, "tmp", 0, 0o1777);
    let victim = folder(&house, "etc", 0, 0o755).join("victim");
    fs::write(&victim, PRECIOUS).expect("our own file");
    (house, sticky, victim)
}

fn talking(house: &House, name: &str) -> App {
    App::puppet(name, &house.puppet(), "lines:1000000:200 hang").with("log_max_size = \"4K\"\nlog_max_files = 3")
}

#[test]
fn row_45_what_is_no_file_of_ours_is_refused_as_a_log() {
    if !is_root() {
        return skip("row 45", "needs root, to be another user");
    }
    let (house, sticky, victim) = sticky_house();
    house.up(&app_file(&[talking(&house, "other")]));
    let other = house.process("other-0");
    for (kind, word) in PLANTS {
        let file = sticky.join(format!("{kind}.log"));
        plant(kind, &file, &victim);
        let app = talking(&house, kind).with(&format!("out_file = \"{}\"", text(&file)));
        let config = house.write("bad.toml", app_file(&[app]));
        let done = house.abide(["up", text(&config)]).code(1).says(&[kind, text(&file), word]);
        assert!(done.took < SOON, "{kind}: {done:#?}");
        assert!(house.list().iter().all(|row| row.app != kind), "{kind}: nothing was accepted");
        untouched(&victim, kind);
        assert!(kind != "theirs" || fs::read_to_string(&file).expect("there") == PRECIOUS, "their file was written");
    }
    assert!(other.alive());
    house.abide(["delete", "other"]).ok();
}

#[test]
fn row_45_what_is_planted_later_gets_nothing() {
    if !is_root() {
        return skip("row 45, later", "needs root, to be another user");
    }
    let (house, sticky, victim) = sticky_house();
    let file = sticky.join("web.log");
    house.up(&app_file(&[talking(&house, "web").with(&format!("out_file = \"{}\"", text(&file))), talking(&house, "other")]));
    let (web, other) = (house.process("web-0"), house.process("other-0"));
    let index = sticky.join("web.log.idx");
    let size = |path: &Path| fs::symlink_metadata(path).map_or(0, |seen| seen.len());
    for (kind, at) in PLANTS.iter().flat_map(|(kind, _)| [(*kind, &file), (*kind, &index)]) {
        wait_until(SOON, "it writes", || (size(&file) > 0 && index.exists()).then_some(()));
        // A stranger cannot remove a file of root in such a folder; but whoever is quick is there first after each rotation.
        let _ = fs::remove_file(&file);
        let _ = fs::remove_file(&index);
        let mut theirs = None;
        wait_until(SOON, "ours are gone", || {
            let _ = fs::remove_file(at);
            let fresh = at.with_extension("planting");
            plant(kind, &fresh, &victim);
            theirs = (kind == "theirs").then(|| fs::File::open(&fresh).expect("it was planted"));
            let placed = renameat_with(CWD, &fresh, CWD, at, RenameFlags::NOREPLACE).is_ok();
            if !placed {
                remove(&fresh);
            }
            placed.then_some(())
        });
        let grown = size(&house.log_file("other-0", "out"));
        wait_until(SOON, "the other goes on", || (size(&house.log_file("other-0", "out")) != grown).then_some(()));
        // Time for some tries; nothing is to happen.
        Pause::measure(Duration::from_millis(400));
        untouched(&victim, kind);
        // Wherever it is: a rotation may have put it aside meanwhile, with no harm.
        let text = theirs.map(|theirs| std::io::read_to_string(theirs).expect("it can be read"));
        assert!(text.is_none_or(|text| text == PRECIOUS), "their file was written: {}", at.display());
        assert!(web.alive() && other.alive());
        assert!(house.list().len() == 2, "it answers");
        if fs::symlink_metadata(at).is_ok_and(|seen| !seen.is_file() || seen.uid() != 0 || seen.nlink() > 1) {
            let _ = fs::remove_file(at).or_else(|_| fs::remove_dir(at));
        }
    }
    assert!(house.events(Some("web")).iter().any(|e| e.event == "log.trouble"), "it is told");
    wait_until(SOON, "it writes again", || (size(&file) > 0).then_some(()));
    house.abide(["delete", "web", "other"]).ok();
}

#[test]
fn row_46_a_folder_that_is_swapped_leads_nowhere() {
    if !is_root() {
        return skip("row 46", "needs root, to have something to protect");
    }
    let house = House::new();
    let target = folder(&house, "root-only", 0, 0o755);
    let names = ["out.log", "out.log.1", "out.log.2", "err.log"];
    for name in names {
        fs::write(target.join(name), PRECIOUS).expect("our own file");
    }
    let theirs = folder(&house, "theirs", NOBODY, 0o755);
    let (log, evil) = (theirs.join("log"), theirs.join("evil"));
    fs::create_dir(&log).expect("a folder");
    chown(&log, Some(NOBODY), Some(NOBODY)).expect("we are root");
    symlink(&target, &evil).expect("a link");
    lchown(&evil, Some(NOBODY), Some(NOBODY)).expect("we are root");
    let keys = format!(
        "out_file = \"{0}/out.log\"\nerr_file = \"{0}/err.log\"\nlog_max_size = \"4K\"\nlog_max_files = 3\nlog_compress = \"gzip\"",
        text(&log)
    );
    let script = "lines:1000000:2000 hang";
    house.up(&app_file(&[App::puppet("web", &house.puppet(), script).with(&keys), talking(&house, "other")]));
    wait_until(SOON, "it rotates", || log.join("out.log.2.gz").exists().then_some(()));
    let (inode, begun, over) = (fs::metadata(&log).expect("there").ino(), Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            // The names are changed at once, as often as it goes; between them is a moment for both.
            while !over.load(Ordering::Relaxed) {
                renameat_with(CWD, &log, CWD, &evil, RenameFlags::EXCHANGE).expect("both are there");
                thread::yield_now();
            }
        });
        while begun.elapsed() < Duration::from_secs(4) {
            house.abide(["logs", "web", "--clear"]);
            house.abide(["status", "web"]).ok();
        }
        over.store(true, Ordering::Relaxed);
    });
    let mut found: Vec<String> =
        fs::read_dir(&target).expect("there").flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    found.sort();
    assert_eq!(
        found,
        {
            let mut names = names.map(str::to_owned);
            names.sort();
            names
        },
        "something was made, renamed or removed as root"
    );
    for name in names {
        assert_eq!(fs::read_to_string(target.join(name)).expect("there"), PRECIOUS, "{name} was written as root");
    }
    // With the folder at rest its log goes on, in the folder that it always was.
    if fs::symlink_metadata(&log).expect("there").is_symlink() {
        renameat_with(CWD, &log, CWD, &evil, RenameFlags::EXCHANGE).expect("both are there");
    }
    assert_eq!(fs::metadata(&log).expect("there").ino(), inode);
    let _ = fs::remove_file(log.join("out.log"));
    wait_until(SOON, "it goes on", || fs::metadata(log.join("out.log")).is_ok_and(|seen| seen.len() > 0).then_some(()));
    house.abide(["delete", "web", "other"]).ok();
}
