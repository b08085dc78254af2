//! A share of the blocking threads.

use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// The threads that probes may take: the runtime has few, and others wait for them too.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    names: Arc<Semaphore>,
    looks: Arc<Semaphore>,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool { names: Arc::new(Semaphore::new(1)), looks: Arc::new(Semaphore::new(1)) }
    }
}

impl Pool {
    /// Does what may take as long as a name server likes. Nobody needs to wait for the end: the thread is given back when it has ended.
    pub(crate) async fn look_up<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        run(&self.names, work).await
    }

    /// Whether no name is being looked up.
    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        self.names.available_permits() > 0
    }

    /// Does what is short.
    pub(crate) async fn look<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        run(&self.looks, work).await
    }
}

/// `None` when the runtime ends, or the work panicked.
async fn run<T: Send + 'static>(permits: &Arc<Semaphore>, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let permit = permits.clone().acquire_owned().await.ok()?;
    let work = move || {
        let done = work();
        drop(permit);
        done
    };
    spawn_blocking(work).await.ok()
}
