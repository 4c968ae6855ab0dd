//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// What takes longer than this does not come.
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(15);

/// Looks again and again until `look` finds what it looks for, and answers it.
///
/// # Panics
/// It did not come in time: with what was last seen.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(
                started.elapsed() < PATIENCE,
                "waited in vain until {what}; last seen: {seen}"
            ),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
