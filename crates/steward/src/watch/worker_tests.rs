//! The whole watcher on real folders: with the system's word, and without it.

use super::eyes::{Blind, Eyes, Open, Sight, native};
use super::wanted::{Wanted, Word};
use super::worker::Watching;
use model::AppName;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const LIMIT: Duration = Duration::from_secs(30);

struct Scene {
    folder: TempDir,
    watching: Watching,
    said: UnboundedReceiver<(AppName, Word)>,
    runtime: Runtime,
    marks: u32,
}

impl Scene {
    fn new(open: Open, paths: &[&str]) -> Scene {
        let folder = tempfile::tempdir().expect("tempdir");
        fs::create_dir_all(folder.path().join("src")).expect("made");
        fs::write(folder.path().join("src/main.js"), "1").expect("written");
        fs::write(folder.path().join(".gitignore"), "dist/\n*.tmp\n").expect("written");
        let (say, said) = unbounded_channel();
        let watching = Watching::begin_with(open, say).expect("a thread");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let mut scene = Scene { folder, watching, said, runtime, marks: 0 };
        scene.watching.watch(vec![scene.wanted(paths)]);
        // The last path is not there, so when that is told the others are watched.
        while !matches!(scene.word(), Word::Missing { path } if path.ends_with("absent")) {}
        scene
    }

    fn wanted(&self, paths: &[&str]) -> Wanted {
        let cwd = self.folder.path().to_owned();
        Wanted {
            app: "web".parse().expect("a name"),
            paths: paths.iter().chain([&"absent"]).map(|path| cwd.join(path)).collect(),
            ignore: vec!["*.log".to_owned()],
            logs: vec![cwd.join("web.out")],
            home: cwd.join("home"),
            debounce: Duration::from_millis(80),
            cwd,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).expect("written");
    }

    fn word(&mut self) -> Word {
        self.runtime.block_on(async { tokio::time::timeout(LIMIT, self.said.recv()).await }).expect("in time").expect("a word").1
    }

    fn changed(&mut self) -> Vec<String> {
        match self.word() {
            Word::Changed { paths } => paths,
            other => panic!("{other:?}"),
        }
    }

    /// Writes something that counts, and gives back everything that is told until then.
    fn until_marked(&mut self) -> Vec<String> {
        self.marks += 1;
        let mark = format!("src/mark-{}", self.marks);
        self.write(&mark, "");
        let mut told = Vec::new();
        while !told.contains(&mark) {
            told.extend(self.changed());
        }
        told.retain(|path| *path != mark);
        told
    }
}

#[test]
fn a_burst_is_one_word() {
    let mut scene = Scene::new(native, &["."]);
    for n in 0..50 {
        scene.write("src/main.js", &n.to_string());
        scene.write(&format!("file-{}", n % 2), "x");
    }
    assert_eq!(scene.changed(), ["file-0", "file-1", "src/main.js"]);
    assert_eq!(scene.until_marked(), [""; 0]);
}

#[test]
fn what_does_not_count_is_not_told() {
    let mut scene = Scene::new(native, &["."]);
    fs::create_dir_all(scene.at("dist/deep")).expect("made");
    fs::create_dir_all(scene.at("home/logs")).expect("made");
    fs::create_dir_all(scene.at("empty")).expect("made");
    for name in
        ["dist/deep/x.js", "x.tmp", "src/y.tmp", "x.log", "web.out", "web.out.1", "web.out.idx", "home/logs/x", "src/.x.js.swp"]
    {
        scene.write(name, "x");
    }
    fs::read(scene.at("src/main.js")).expect("read");
    fs::OpenOptions::new().append(true).open(scene.at("src/main.js")).expect("opened and closed");
    let mut rights = fs::metadata(scene.at("src/main.js")).expect("there").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o600);
    fs::set_permissions(scene.at("src/main.js"), rights).expect("changed");
    fs::remove_dir(scene.at("empty")).expect("removed");
    assert_eq!(scene.until_marked(), [""; 0]);
    // But a touch does.
    let file = fs::OpenOptions::new().append(true).open(scene.at("src/main.js")).expect("opened");
    let touch = |at| file.set_times(fs::FileTimes::new().set_accessed(at).set_modified(at)).expect("touched");
    touch(std::time::SystemTime::now());
    assert_eq!(scene.changed(), ["src/main.js"]);
    touch(std::time::SystemTime::UNIX_EPOCH);
    assert_eq!(scene.until_marked(), [""; 0], "a time of long ago says nothing");
}

#[test]
fn renames_new_folders_and_rules_that_change() {
    let mut scene = Scene::new(native, &["."]);
    // As editors save.
    scene.write("src/main.js.tmp", "2");
    fs::rename(scene.at("src/main.js.tmp"), scene.at("src/main.js")).expect("renamed");
    assert_eq!(scene.changed(), ["src/main.js"]);
    // A folder with files in it, at once and later.
    fs::create_dir_all(scene.at("lib/deep")).expect("made");
    scene.write("lib/deep/a.js", "1");
    assert_eq!(scene.changed(), ["lib/deep/a.js"]);
    scene.write("lib/deep/b.js", "1");
    assert_eq!(scene.changed(), ["lib/deep/b.js"]);
    // Moved away, and back under another name.
    fs::rename(scene.at("lib"), scene.at("dist")).expect("renamed");
    assert_eq!(scene.changed(), ["lib"]);
    scene.write("dist/deep/c.js", "1");
    assert_eq!(scene.until_marked(), [""; 0]);
    fs::rename(scene.at("dist"), scene.at("other")).expect("renamed");
    assert_eq!(scene.changed(), ["other/deep/a.js", "other/deep/b.js", "other/deep/c.js"]);
    fs::remove_dir_all(scene.at("other")).expect("removed");
    assert_eq!(scene.changed().len(), 3);
    // A folder that is not left out any more.
    fs::create_dir_all(scene.at("dist")).expect("made");
    scene.write(".gitignore", "*.tmp");
    assert_eq!(scene.changed(), [".gitignore"]);
    scene.write("dist/x.js", "1");
    assert_eq!(scene.changed(), ["dist/x.js"]);
}

#[test]
fn folders_and_files_that_go_and_come_back() {
    let mut scene = Scene::new(native, &["conf", "src/main.js"]);
    assert!(!scene.at("conf").exists());
    fs::create_dir(scene.at("conf")).expect("made");
    scene.write("conf/a", "1");
    assert_eq!(scene.word(), Word::Found { path: scene.at("conf").display().to_string() });
    assert_eq!(scene.changed(), ["conf"]);
    scene.write("conf/a", "2");
    assert_eq!(scene.changed(), ["conf/a"]);
    fs::remove_dir_all(scene.at("conf")).expect("removed");
    fs::create_dir(scene.at("conf")).expect("made again");
    while !scene.changed().contains(&"conf".to_owned()) {}
    // Whether it was there again when its end was seen is a matter of moments; if not, it is found later, and that is told in between.
    let mut tries = 0;
    loop {
        tries += 1;
        scene.write("conf/b", &tries.to_string());
        if scene.changed().contains(&"conf/b".to_owned()) {
            break;
        }
    }
    // Of a file, neighbours do not matter.
    scene.write("src/other.js", "1");
    scene.write("src/main.js.new", "2");
    fs::rename(scene.at("src/main.js.new"), scene.at("src/main.js")).expect("renamed");
    assert_eq!(scene.changed(), ["src/main.js"]);
    fs::remove_file(scene.at("src/main.js")).expect("removed");
    assert_eq!(scene.changed(), ["src/main.js"]);
    scene.write("src/main.js", "3");
    assert_eq!(scene.changed(), ["src/main.js"]);
}

/// A system that watches one folder, and then says that it has watched enough.
struct Tired(Box<dyn Eyes>, u32);

impl Eyes for Tired {
    fn watch(&mut self, folder: &Path) -> Result<(), Blind> {
        self.1 += 1;
        if self.1 > 1 { Err(Blind::Cannot("enough".to_owned())) } else { self.0.watch(folder) }
    }

    fn unwatch(&mut self, folder: &Path) {
        self.0.unwatch(folder);
    }
}

fn tired(tell: Box<dyn Fn(Sight) + Send>) -> Result<Box<dyn Eyes>, String> {
    Ok(Box::new(Tired(native(tell)?, 0)))
}

fn blind(_: Box<dyn Fn(Sight) + Send>) -> Result<Box<dyn Eyes>, String> {
    Err("no eyes".to_owned())
}

#[test]
fn without_the_systems_word_files_are_looked_at() {
    for (open, reason) in [(tired as Open, "enough"), (blind as Open, "no eyes")] {
        let folder = tempfile::tempdir().expect("tempdir");
        let mut scene = Scene::new(open, &[]);
        // The scene's own folder holds nothing that was told of.
        drop(folder);
        let wanted =
            Wanted { paths: vec![scene.at(""), scene.at("absent")], debounce: Duration::from_millis(90), ..scene.wanted(&[]) };
        scene.watching.watch(vec![wanted]);
        assert_eq!(scene.word(), Word::Polling { why: reason.to_owned() });
        assert!(matches!(scene.word(), Word::Missing { .. }));
        scene.write("src/main.js", "22");
        scene.write("x.log", "1");
        scene.write("x.tmp", "1");
        assert_eq!(scene.changed(), ["src/main.js"]);
        fs::remove_file(scene.at("src/main.js")).expect("removed");
        assert_eq!(scene.changed().len(), 1);
    }
}

#[test]
fn a_lost_word_is_a_change() {
    fn forgetful(tell: Box<dyn Fn(Sight) + Send>) -> Result<Box<dyn Eyes>, String> {
        native(Box::new(move |_| tell(Sight::Lost)))
    }
    let mut scene = Scene::new(forgetful, &["src"]);
    scene.write("src/x.js", "1");
    assert_eq!(scene.changed(), ["src"]);
}

#[test]
fn others_are_watched_or_nobody() {
    let mut scene = Scene::new(native, &["src"]);
    let other = Wanted { app: "other".parse().expect("a name"), ..scene.wanted(&["."]) };
    scene.watching.watch(vec![other.clone(), scene.wanted(&["src"])]);
    assert!(matches!(scene.word(), Word::Missing { .. }));
    scene.write("src/x.js", "1");
    let mut apps = Vec::new();
    for _ in 0..2 {
        let word = scene.runtime.block_on(async { tokio::time::timeout(LIMIT, scene.said.recv()).await });
        apps.push(word.expect("in time").expect("a word").0.to_string());
    }
    apps.sort();
    assert_eq!(apps, ["other", "web"]);
    scene.watching.watch(vec![other]);
    scene.write("src/x.js", "2");
    let word = scene.runtime.block_on(async { tokio::time::timeout(LIMIT, scene.said.recv()).await });
    assert_eq!(word.expect("in time").expect("a word").0.to_string(), "other");
    let Scene { watching, mut said, runtime, .. } = scene;
    drop(watching);
    // The thread ends, and with it its end of the channel.
    let end = runtime.block_on(async { tokio::time::timeout(LIMIT, async { while said.recv().await.is_some() {} }).await });
    assert!(end.is_ok());
}
