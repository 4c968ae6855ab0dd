//! Parsers of what strangers wrote, away from everything else.

use std::{thread, time::Duration};

use tokio::{sync::oneshot, time::timeout};

/// Enough for the largest page that is fetched.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Parsers that recurse get more than a thread usually has.
const STACK_BYTES: usize = 32 * 1_024 * 1_024;

/// The parser did not come to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it breaks its parser")]
    Panicked,
    #[error("it takes longer than {} s to read", TIMEOUT.as_secs())]
    TooLong,
    #[error("there is no thread to read it on")]
    NoThread,
}

/// Runs `read` on a thread of its own: a panic or an endless loop costs one page, not the run, and the process may end
/// without waiting for it.
///
/// # Errors
/// It panicked, or took too long.
pub(super) async fn isolated<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T, Unreadable> {
    let (sender, receiver) = oneshot::channel();
    let answer = move || {
        // Nobody waits any more when it took too long.
        drop(sender.send(read()));
    };
    let thread = thread::Builder::new()
        .name("reader".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(answer);
    thread.map_err(|_| Unreadable::NoThread)?;
    match timeout(TIMEOUT, receiver).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => Err(Unreadable::Panicked),
        Err(_) => Err(Unreadable::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error() {
        assert_eq!(isolated(|| 7).await, Ok(7));
        assert_eq!(
            isolated(|| -> u8 { panic!("hostile") }).await,
            Err(Unreadable::Panicked)
        );
    }
}
