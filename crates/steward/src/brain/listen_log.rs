//! Readiness by a line of output: the log files of a life are read from its beginning on, as the scribe writes them, until the line is found.
//!
//! What was printed while no steward lived stands in the files too, so a new one finds it.

use super::Brain;
use crate::call::Grown;
use crate::fill::readable;
use crate::log::say;
use crate::logfile::sources_of;
use crate::probe::Pool;
use engine::{Event, Word};
use logs::{Found, Merge, Query, Source};
use model::InstanceId;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::AbortHandle;

/// How often to look at the files though nobody says that they grew: hints may be lost.
const LOOK: Duration = Duration::from_secs(1);
/// Lines that have just been written are looked at again after this, when it was not known yet who wrote them.
const HOLD: Duration = Duration::from_millis(5);
/// A reading ends after this time, so that others get their turn.
const TURN: Duration = Duration::from_millis(10);

/// Lives whose output is listened to.
#[derive(Debug, Default)]
pub(crate) struct LogListeners(BTreeMap<InstanceId, (String, AbortHandle)>);

impl LogListeners {
    /// Nobody listens any more.
    pub(super) fn end(&mut self, instance: InstanceId) {
        if let Some((_, task)) = self.0.remove(&instance) {
            task.abort();
        }
    }

    fn has(&self, instance: InstanceId, pattern: &str) -> bool {
        self.0.get(&instance).is_some_and(|(known, _)| known == pattern)
    }
}

impl Brain {
    /// Says [`Word::Ready`] for a life, once, when it has printed a line in which this is found. Asked again for the same pattern, nothing
    /// changes; another pattern takes its place.
    pub(super) fn listen_log(&mut self, instance: InstanceId, pattern: &str) {
        let Some(life) = self.lives.remembered().lives.get(&instance) else { return };
        if self.log_listeners.has(instance, pattern) {
            return;
        }
        let regex = match Regex::new(pattern) {
            Ok(regex) => regex,
            Err(error) => return say!("{instance} cannot become ready: `{pattern}` is no regular expression: {error}"),
        };
        let sources = sources_of(&life.slot, life.log.format, readable(&life.log, &life.slot, &self.me.home));
        self.scribe.watch(true);
        let search = Search { instance, sources, regex, pool: self.probes.pool.clone(), grown: self.grew.subscribe() };
        let tell = self.tell.clone();
        let task = tokio::spawn(async move {
            if search.run().await {
                // Whoever ends the steward has no use for it.
                let _ = tell.send(Event::Said { instance, word: Word::Ready });
            }
        });
        self.log_listeners.end(instance);
        self.log_listeners.0.insert(instance, (pattern.to_owned(), task.abort_handle()));
    }
}

/// One search for a line.
struct Search {
    instance: InstanceId,
    sources: Vec<Source>,
    regex: Regex,
    pool: Pool,
    grown: Grown,
}

/// What a reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// The line is there.
    Found,
    /// There is more to read.
    More,
    /// Not yet.
    Nothing,
}

impl Search {
    /// Reads until the line is found; `false`: the steward ends.
    async fn run(mut self) -> bool {
        let (sources, query) = (self.sources.clone(), Query { life: Some(self.instance), follow: true, ..Query::default() });
        let Some(mut merge) = self.pool.look(move || Merge::new(sources, &query)).await else { return false };
        loop {
            let (instance, regex) = (self.instance, self.regex.clone());
            let read = move || {
                merge.wake(None);
                let read = read(&mut merge, instance, &regex);
                (merge, read)
            };
            let Some((back, read)) = self.pool.look(read).await else { return false };
            merge = back;
            match read {
                Read::Found => return true,
                Read::More => continue,
                Read::Nothing => {}
            }
            let pause = if merge.is_holding() { HOLD } else { LOOK };
            if !self.until_grown(pause).await {
                return false;
            }
        }
    }

    /// Waits until one of the files may have grown.
    async fn until_grown(&mut self, pause: Duration) -> bool {
        let until = tokio::time::sleep(pause);
        tokio::pin!(until);
        loop {
            tokio::select! {
                hint = self.grown.recv() => match hint {
                    Ok(file) if self.sources.iter().any(|source| *source.path == *file) => return true,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return true,
                    Err(RecvError::Closed) => return false,
                },
                () = &mut until => return true,
            }
        }
    }
}

/// Looks for the line in what is there, for a while. Blocking.
fn read(merge: &mut Merge, instance: InstanceId, regex: &Regex) -> Read {
    let begun = Instant::now();
    while let Some((_, found)) = merge.next() {
        if let Found::Line(line) = found
            && line.instance.is_none_or(|writer| writer == instance)
            && regex.is_match(&String::from_utf8_lossy(&line.bytes))
        {
            return Read::Found;
        }
        if begun.elapsed() > TURN {
            return Read::More;
        }
    }
    Read::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AppName, IndexFlags, IndexRecord, LogFormat, SlotRef, Stream, Tick, Wall};
    use std::io::Write;
    use tokio::sync::broadcast;

    struct Scene {
        folder: tempfile::TempDir,
        grew: broadcast::Sender<std::sync::Arc<str>>,
    }

    impl Scene {
        fn new() -> Scene {
            Scene { folder: tempfile::tempdir().expect("tempdir"), grew: broadcast::channel(16).0 }
        }

        fn path(&self) -> String {
            self.folder.path().join("log").to_string_lossy().into_owned()
        }

        /// Appends as the scribe does, and hints at it.
        fn write(&self, life: u64, text: &str) {
            let append = |path: String, bytes: &[u8]| {
                let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
                file.and_then(|mut file| file.write_all(bytes)).expect("written");
            };
            let offset = std::fs::metadata(self.path()).map_or(0, |meta| meta.len());
            append(self.path(), text.as_bytes());
            let (flags, tick) = (IndexFlags::default(), Tick(offset));
            let record = IndexRecord { offset, wall: Wall(0), tick, instance: InstanceId(life), flags };
            append(model::beside::index_path(&self.path()), &record.encode());
            let _ = self.grew.send(self.path().into());
        }

        fn search(&self, life: u64, pattern: &str) -> tokio::task::JoinHandle<bool> {
            let app: AppName = "web".parse().expect("a name");
            let (slot, stream) = (SlotRef::new(&app, 0), Some(Stream::Out));
            let source = Source { slot, stream, path: self.path(), format: LogFormat::Raw, shared: false };
            let regex = Regex::new(pattern).expect("an expression");
            let (pool, grown) = (Pool::default(), self.grew.subscribe());
            tokio::spawn(Search { instance: InstanceId(life), sources: vec![source], regex, pool, grown }.run())
        }
    }

    async fn ends(task: tokio::task::JoinHandle<bool>) -> bool {
        let task = tokio::time::timeout(Duration::from_secs(60), task);
        task.await.expect("it ends").expect("no panic")
    }

    #[tokio::test]
    async fn the_line_is_found_whenever_it_was_printed() {
        let scene = Scene::new();
        scene.write(1, "starting\nlistening on 80\n");
        // Nobody listened when it was printed.
        assert!(ends(scene.search(1, "^listening on [0-9]+$")).await);
        let later = scene.search(1, "^reload");
        scene.write(1, "more\n");
        scene.write(1, "reloaded\n");
        assert!(ends(later).await);
    }

    #[tokio::test]
    async fn the_line_of_a_predecessor_is_not_its_own() {
        let scene = Scene::new();
        scene.write(1, "listening\n");
        scene.write(2, "starting\n");
        let task = scene.search(2, "listening");
        scene.write(1, "listening still\n");
        // A line that only this life could be looked through for.
        assert!(ends(scene.search(2, "starting")).await);
        assert!(!task.is_finished());
        scene.write(2, "listening at last\n");
        assert!(ends(task).await);
    }

    #[tokio::test]
    async fn a_steward_that_ends_waits_for_nothing() {
        let scene = Scene::new();
        let task = scene.search(1, "never");
        drop(scene.grew);
        assert!(!ends(task).await);
    }
}
