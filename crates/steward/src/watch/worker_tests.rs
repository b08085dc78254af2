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

const LIMIT: Duration = Duration::from_secs(60);
/// Of what is one word only if it comes without a pause: no pause of the writer is as long.
const BURST: Duration = Duration::from_secs(3);

struct Scene {
    folder: TempDir,
    watching: Watching,
    said: UnboundedReceiver<(AppName, Word)>,
    runtime: Runtime,
    marks: u32,
    debounce: Duration,
    /// What was told last: where the writer paused in the midst of it, it may be told once more.
    before: Vec<String>,
}

impl Scene {
    fn new(open: Open, paths: &[&str]) -> Scene {
        Scene::with(open, paths, Duration::from_millis(80))
    }

    fn with(open: Open, paths: &[&str], debounce: Duration) -> Scene {
        let folder = tempfile::tempdir().expect("tempdir");
        fs::create_dir_all(folder.path().join("src")).expect("made");
        fs::write(folder.path().join("src/main.js"), "1").expect("written");
        fs::write(folder.path().join(".gitignore"), "dist/\n*.tmp\n").expect("written");
        let (say, said) = unbounded_channel();
        let watching = Watching::begin_with(open, say).expect("a thread");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let mut scene = Scene { folder, watching, said, runtime, marks: 0, debounce, before: Vec::new() };
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
            debounce: self.debounce,
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

    /// The same; that something is gone or there again may be told in its place.
    fn changed_or_found(&mut self) -> Vec<String> {
        match self.word() {
            Word::Changed { paths } => paths,
            Word::Missing { .. } | Word::Found { .. } => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until all of these are told, in one word or in several, and nothing else.
    #[track_caller]
    fn tells(&mut self, wanted: &[&str]) {
        let mut left = wanted.to_vec();
        while !left.is_empty() {
            for path in self.changed() {
                let known = wanted.contains(&path.as_str()) || self.before.contains(&path);
                assert!(known, "{path} is told, and {wanted:?} was to be");
                left.retain(|wanted| *wanted != path);
            }
        }
        self.before = wanted.iter().map(|path| (*path).to_owned()).collect();
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
        told.retain(|path| *path != mark && !self.before.contains(path));
        told
    }
}

#[test]
fn a_burst_is_one_word() {
    let mut scene = Scene::with(native, &["."], BURST);
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
    scene.tells(&["src/main.js"]);
    touch(std::time::SystemTime::UNIX_EPOCH);
    assert_eq!(scene.until_marked(), [""; 0], "a time of long ago says nothing");
}

#[test]
fn renames_new_folders_and_rules_that_change() {
    let mut scene = Scene::new(native, &["."]);
    // As editors save.
    scene.write("src/main.js.tmp", "2");
    fs::rename(scene.at("src/main.js.tmp"), scene.at("src/main.js")).expect("renamed");
    scene.tells(&["src/main.js"]);
    // A folder with files in it, at once and later.
    fs::create_dir_all(scene.at("lib/deep")).expect("made");
    scene.write("lib/deep/a.js", "1");
    scene.tells(&["lib/deep/a.js"]);
    scene.write("lib/deep/b.js", "1");
    scene.tells(&["lib/deep/b.js"]);
    // Moved away, and back under another name.
    fs::rename(scene.at("lib"), scene.at("dist")).expect("renamed");
    scene.tells(&["lib"]);
    scene.write("dist/deep/c.js", "1");
    assert_eq!(scene.until_marked(), [""; 0]);
    fs::rename(scene.at("dist"), scene.at("other")).expect("renamed");
    scene.tells(&["other/deep/a.js", "other/deep/b.js", "other/deep/c.js"]);
    fs::remove_dir_all(scene.at("other")).expect("removed");
    // As many as are kept, in one word or in several.
    let gone = scene.changed();
    assert!(gone.iter().all(|path| path.starts_with("other")), "{gone:?}");
    scene.before = ["other", "other/deep", "other/deep/a.js", "other/deep/b.js", "other/deep/c.js"].map(str::to_owned).to_vec();
    // A folder that is not left out any more.
    fs::create_dir_all(scene.at("dist")).expect("made");
    scene.write(".gitignore", "*.tmp");
    scene.tells(&[".gitignore"]);
    scene.write("dist/x.js", "1");
    scene.tells(&["dist/x.js"]);
}

#[test]
fn folders_and_files_that_go_and_come_back() {
    let mut scene = Scene::new(native, &["conf", "src/main.js"]);
    assert!(!scene.at("conf").exists());
    fs::create_dir(scene.at("conf")).expect("made");
    scene.write("conf/a", "1");
    assert_eq!(scene.word(), Word::Found { path: scene.at("conf").display().to_string() });
    // It may be found before there is anything in it.
    scene.before = vec!["conf/a".to_owned()];
    scene.tells(&["conf"]);
    scene.before.push("conf/a".to_owned());
    scene.write("conf/a", "2");
    scene.tells(&["conf/a"]);
    fs::remove_dir_all(scene.at("conf")).expect("removed");
    fs::create_dir(scene.at("conf")).expect("made again");
    // Whether it was there again when its end was seen is a matter of moments; if not, it is found later, and that is told in between.
    while !scene.changed_or_found().contains(&"conf".to_owned()) {}
    let mut tries = 0;
    loop {
        tries += 1;
        scene.write("conf/b", &tries.to_string());
        if scene.changed_or_found().contains(&"conf/b".to_owned()) {
            break;
        }
    }
    scene.before = ["conf", "conf/a", "conf/b"].map(str::to_owned).to_vec();
    // Of a file, neighbours do not matter.
    scene.write("src/other.js", "1");
    scene.write("src/main.js.new", "2");
    fs::rename(scene.at("src/main.js.new"), scene.at("src/main.js")).expect("renamed");
    scene.tells(&["src/main.js"]);
    fs::remove_file(scene.at("src/main.js")).expect("removed");
    scene.tells(&["src/main.js"]);
    scene.write("src/main.js", "3");
    scene.tells(&["src/main.js"]);
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
    let mut scene = Scene::with(native, &["src"], BURST);
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
