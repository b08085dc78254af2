//! A house with one app, `web`, that is reloaded again and again.

use e2e::{Dice, Done, House, Load, Pause, Tally, Target, free_port};
use std::net::SocketAddr;
use std::time::Duration;

pub const CONNECTIONS: usize = 64;
pub const RELOADS: usize = 50;
/// In each so many-th reload the steward is killed.
const KILLED: usize = 5;
/// How long anything may take. Generous: it only ends a test that hangs.
const SOON: Duration = Duration::from_secs(60);

/// A house, the port of its app, and chance.
#[derive(Debug)]
pub struct Scene {
    pub house: House,
    pub port: u16,
    dice: Dice,
}

/// What happened in a row of reloads.
#[derive(Debug)]
pub struct Course {
    pub tally: Tally,
    /// How long each reload took; those with a kill stand not here.
    pub took: Vec<Duration>,
    pub kills: usize,
}

impl Scene {
    pub fn new() -> Scene {
        Scene { house: House::new(), port: free_port(), dice: Dice::new() }
    }

    /// Puts a version in place. Servers read it when they start.
    pub fn deploy(&self, release: impl std::fmt::Display) {
        self.house.replace("release", format!("{release}\n"));
    }

    /// The Rust server with these words besides.
    pub fn server(&self, words: &str) -> String {
        let words = words.split_whitespace().map(|word| format!(", {}", e2e::toml_string(word)));
        format!("cmd = [{}, \"release:release\"{}]\n", path(&self.house, "server"), words.collect::<String>())
    }

    /// Brings up `web` with these keys.
    pub fn up(&self, keys: &str) {
        self.house.up(&self.file(keys));
    }

    /// The file in which `web` has these keys.
    pub fn file(&self, keys: &str) -> String {
        format!("version = 1\n[apps.web]\n{keys}\n")
    }

    pub fn listen(&self) -> String {
        format!("listen = [\"tcp://127.0.0.1:{}\"]\n", self.port)
    }

    /// Begins to ask.
    pub fn load(&self, port: u16, pause: Duration) -> Load {
        self.load_of(Target { address: SocketAddr::from(([127, 0, 0, 1], port)), connections: CONNECTIONS, pause, requests: 0 })
    }

    /// The same of any kind.
    pub fn load_of(&self, target: Target) -> Load {
        let load = Load::start(target);
        e2e::wait_until(SOON, "every connection has had an answer", || {
            (load.so_far().answered > CONNECTIONS as u64).then_some(())
        });
        load
    }

    pub fn reload(&self) -> Done {
        self.house.abide(["reload", "web"])
    }

    /// Reloads fifty times under this load, each time with another version that has been put in place, and now and then with a SIGKILL to the steward in
    /// the middle. Nothing failed, and every version has answered.
    #[track_caller]
    pub fn course_of(&mut self, name: &str, load: Load, deploy: impl Fn(&Scene, usize)) -> Course {
        let (mut took, mut kills) = (Vec::new(), 0);
        for number in 1..=RELOADS {
            // A reload may take some hundredths of a second: one that is replaced at once would have answered nobody, and all fifty would have met no load.
            let least = (CONNECTIONS * number) as u64;
            e2e::wait_until(SOON, "the one before has answered, and each connection has asked", || {
                let so_far = load.so_far();
                (so_far.by.len() >= number && so_far.answered >= least).then_some(())
            });
            deploy(self, number);
            if number % KILLED == 0 {
                kills += self.killed(took.iter().copied().max().unwrap_or_default());
            } else {
                took.push(self.reload().ok().took);
            }
        }
        took.sort();
        let before = load.so_far().answered;
        e2e::wait_until(SOON, "the last version has answered everybody", || {
            let so_far = load.so_far();
            (so_far.by.len() > RELOADS && so_far.answered > before + 2 * CONNECTIONS as u64).then_some(())
        });
        let course = Course { tally: load.stop(), took, kills };
        eprintln!("{name}: {course}");
        course.tally.is_clean((CONNECTIONS * RELOADS) as u64);
        assert_eq!(course.tally.by.len(), RELOADS + 1, "every version has answered: {:?}", course.tally.by);
        course
    }

    /// The same with servers that read `release`. In the end the lives of one generation are all that is left.
    #[track_caller]
    pub fn course(&mut self, name: &str, load: Load, instances: usize) {
        self.course_of(name, load, |scene, number| scene.deploy(format_args!("version:v{number}")));
        // A new steward does not wait for the old ones to have gone before it says how a reload ended.
        e2e::wait_until(SOON, "the old ones have gone", || (self.lives().len() == instances).then_some(()));
        self.is_whole(instances);
    }

    /// One reload in which the steward is killed at some moment of it.
    #[track_caller]
    fn killed(&mut self, most: Duration) -> usize {
        let after = self.dice.span(most);
        let house = &self.house;
        let mut hit = 0;
        std::thread::scope(|scope| {
            let killer = scope.spawn(|| {
                Pause::measure(after);
                house.role("abide-steward").into_iter().filter(|steward| steward.kill()).count()
            });
            self.reload().ok();
            hit = killer.join().expect("a kill does not panic");
        });
        hit
    }

    /// So many lives run, and no other process of an app.
    #[track_caller]
    pub fn is_whole(&self, instances: usize) {
        let rows = self.house.list();
        let pids: Vec<u32> = rows.iter().filter_map(|row| row.pid).collect();
        assert_eq!(pids.len(), instances, "{rows:#?}");
        let lives = self.lives();
        assert!(lives.len() == instances && lives.iter().all(|life| pids.contains(life)), "{lives:?} live; {rows:#?}");
    }

    /// Every process that was started as a life, whatever the table says.
    pub fn lives(&self) -> Vec<u32> {
        let members = self.house.members().into_iter();
        members.filter(|p| p.env("ABIDE_INSTANCE").is_some()).map(|p| p.pid).collect()
    }
}

impl std::fmt::Display for Course {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |percent: usize| self.took[(self.took.len() - 1) * percent / 100];
        let (low, high, kills) = (at(50), at(100), self.kills);
        write!(f, "{}; {RELOADS} reloads, median {low:?}, longest {high:?}, {kills} kills", self.tally)
    }
}

/// A program of the kit, as it stands in a file.
pub fn path(house: &House, program: &str) -> String {
    e2e::toml_string(house.bins().path(program).to_str().expect("target folders have plain names"))
}
