//! The thread that watches, for all apps together. It is there while there is something to watch: a look at a folder may take long, and the
//! loop that decides waits for nobody.

use super::eyes::{Open, Sight, native};
use super::folders::Folders;
use super::wanted::{Wanted, Word};
use super::watched::Watched;
use model::AppName;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

/// Sights that wait; when there are more, everything is looked at instead.
const WAITING: usize = 4096;
/// Sights that are taken before what is due is done.
const AT_ONCE: usize = 256;

/// The brain's end. Dropped, it ends the thread.
#[derive(Debug)]
pub(crate) struct Watching {
    orders: Arc<Orders>,
    wake: SyncSender<Wake>,
}

#[derive(Debug, Default)]
struct Orders {
    /// What is to be watched, if that has changed.
    wanted: Mutex<Option<Vec<Wanted>>>,
    /// The system, or we, could not keep up.
    lost: AtomicBool,
    end: AtomicBool,
}

enum Wake {
    Sight(Sight),
    Look,
}

impl Watching {
    /// Starts the thread. What it says is few words: one in `debounce` for each app.
    ///
    /// # Errors
    /// There can be no thread.
    pub(crate) fn begin(say: UnboundedSender<(AppName, Word)>) -> io::Result<Watching> {
        Watching::begin_with(native, say)
    }

    pub(super) fn begin_with(open: Open, say: UnboundedSender<(AppName, Word)>) -> io::Result<Watching> {
        let (wake, woken) = sync_channel(WAITING);
        let orders = Arc::new(Orders::default());
        let tell = {
            let (orders, wake) = (orders.clone(), wake.clone());
            Arc::new(move |sight: Sight| {
                if wake.try_send(Wake::Sight(sight)).is_err() {
                    orders.lost.store(true, Ordering::Release);
                }
            })
        };
        let worker = Worker { orders: orders.clone(), folders: Folders::new(open, tell), apps: BTreeMap::new(), say };
        std::thread::Builder::new().name("watch".to_owned()).stack_size(256 << 10).spawn(move || worker.run(&woken))?;
        Ok(Watching { orders, wake })
    }

    /// Watches for these apps and no others.
    pub(crate) fn watch(&self, wanted: Vec<Wanted>) {
        *self.orders.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted);
        self.look();
    }

    fn look(&self) {
        // If there is no room it is awake anyway, and looks after what it has taken.
        let _ = self.wake.try_send(Wake::Look);
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.orders.end.store(true, Ordering::Release);
        self.look();
    }
}

struct Worker {
    orders: Arc<Orders>,
    folders: Folders,
    apps: BTreeMap<AppName, Watched>,
    say: UnboundedSender<(AppName, Word)>,
}

impl Worker {
    fn run(mut self, woken: &Receiver<Wake>) {
        while !self.orders.end.load(Ordering::Acquire) && !self.say.is_closed() {
            self.take_orders();
            self.pass();
            let due = self.apps.values().filter_map(Watched::due).min();
            let first = match due {
                None => woken.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => woken.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match first {
                Ok(wake) => std::iter::once(wake).chain(woken.try_iter().take(AT_ONCE)).for_each(|wake| self.take(wake)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.orders.lost.swap(false, Ordering::AcqRel) {
                self.lost();
            }
        }
    }

    fn take_orders(&mut self) {
        let Some(wanted) = self.orders.wanted.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let same = |app: &AppName, watched: &Watched| wanted.iter().any(|wanted| wanted.app == *app && *wanted == watched.wanted);
        let gone: Vec<AppName> =
            self.apps.iter().filter(|(app, watched)| !same(app, watched)).map(|(app, _)| app.clone()).collect();
        for app in gone {
            self.apps.remove(&app);
            self.folders.leave(&app);
        }
        for wanted in wanted {
            let app = wanted.app.clone();
            if !self.apps.contains_key(&app) {
                let say = &self.say;
                // The brain may have ended: then nobody has to know.
                let watched = Watched::new(wanted, &mut self.folders, &mut |word| _ = say.send((app.clone(), word)));
                self.apps.insert(app, watched);
            }
        }
    }

    fn take(&mut self, wake: Wake) {
        match wake {
            Wake::Look => {}
            Wake::Sight(Sight::Lost) => self.orders.lost.store(true, Ordering::Release),
            Wake::Sight(Sight::At(path, happened)) => {
                for app in self.folders.apps_at(&path) {
                    self.with(&app, |watched, folders, say| watched.see(&path, happened, folders, say));
                }
            }
        }
    }

    fn lost(&mut self) {
        let apps: Vec<AppName> = self.apps.keys().cloned().collect();
        apps.iter().for_each(|app| self.with(app, Watched::lost));
    }

    fn pass(&mut self) {
        let now = Instant::now();
        let due: Vec<AppName> = self
            .apps
            .iter()
            .filter(|(_, watched)| watched.due().is_some_and(|at| at <= now))
            .map(|(app, _)| app.clone())
            .collect();
        due.iter().for_each(|app| self.with(app, |watched, folders, say| watched.pass(now, folders, say)));
    }

    fn with(&mut self, app: &AppName, act: impl FnOnce(&mut Watched, &mut Folders, &mut dyn FnMut(Word))) {
        let say = &self.say;
        if let Some(watched) = self.apps.get_mut(app) {
            act(watched, &mut self.folders, &mut |word| _ = say.send((app.clone(), word)));
        }
    }
}
