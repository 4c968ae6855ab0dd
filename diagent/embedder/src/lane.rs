//! Threads that take one text each; further texts wait.

use std::sync::{Arc, Mutex, PoisonError};

use rten::ThreadPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lane {
    places: Arc<Semaphore>,
    free: Arc<Mutex<Vec<Arc<ThreadPool>>>>,
}

/// A thread that is ours until this is dropped.
pub(crate) struct Place {
    pub(crate) threads: Arc<ThreadPool>,
    lane: Lane,
    _permit: OwnedSemaphorePermit,
}

impl Lane {
    /// So many threads, each of which runs `prepare` first.
    pub(crate) fn new(threads: usize, prepare: fn()) -> Self {
        let free: Vec<_> = (0..threads)
            .map(|_| {
                let threads = Arc::new(ThreadPool::with_num_threads(1));
                threads.run(prepare);
                threads
            })
            .collect();
        Self {
            places: Arc::new(Semaphore::new(threads)),
            free: Arc::new(Mutex::new(free)),
        }
    }

    /// The next thread that is free; in the order of asking.
    pub(crate) async fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let threads = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Place {
            threads,
            lane: self.clone(),
            _permit: permit,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut free = self.lane.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(Arc::clone(&self.threads));
    }
}
