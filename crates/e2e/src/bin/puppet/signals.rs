//! What a puppet does when it is asked to end.

use crate::actions::append;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, mpsc};
use std::thread;
use tokio::signal::unix::{SignalKind, signal};

static INSTALLED: Once = Once::new();
static IGNORES: AtomicBool = AtomicBool::new(false);
static NOTE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on the asking signals do nothing.
pub fn ignore() {
    IGNORES.store(true, Ordering::SeqCst);
    install();
}

/// From now on a SIGTERM is noted in this file.
pub fn note_term(file: PathBuf) {
    *NOTE.lock().expect("no holder of this lock panics") = Some(file);
    install();
}

fn install() {
    INSTALLED.call_once(|| {
        let (ready, wait) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime for signals").block_on(watch(ready));
        });
        wait.recv().expect("the handlers are in place");
    });
}

async fn watch(ready: mpsc::Sender<()>) {
    let on = |kind| signal(kind).expect("these signals can be handled");
    let mut term = on(SignalKind::terminate());
    let mut others = [on(SignalKind::interrupt()), on(SignalKind::hangup()), on(SignalKind::quit())];
    let _ = ready.send(());
    let [int, hup, quit] = &mut others;
    loop {
        let asked = tokio::select! {
            _ = term.recv() => true,
            _ = int.recv() => false,
            _ = hup.recv() => false,
            _ = quit.recv() => false,
        };
        if asked && let Some(file) = NOTE.lock().expect("no holder of this lock panics").as_ref() {
            append(file, &format!("term {}\n", std::process::id()));
        }
        if !IGNORES.load(Ordering::SeqCst) {
            std::process::exit(if asked { 0 } else { 98 });
        }
    }
}
