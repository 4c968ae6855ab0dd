//! From the first signal to the last connection.

use std::time::Duration;

use edge::Tasks;
use tokio::signal::unix::{SignalKind, signal};

/// How long a drain may take before the process goes anyway.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns at the first SIGTERM or SIGINT; a second one ends the process at once.
///
/// # Errors
/// Signals cannot be listened to.
pub async fn signalled() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
        _ = interrupt.recv() => tracing::info!("SIGINT: draining"),
    }
    #[expect(clippy::disallowed_methods, reason = "it must outlive the drain that it cuts short")]
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("a second signal: ending at once");
        std::process::exit(130);
    });
    Ok(())
}

/// Tells everybody to finish, and waits for `roles` and for all tasks, together no longer than a drain may take. Who has
/// not finished by then is left; what they had acknowledged is in the log.
///
/// # Errors
/// What the roles say.
pub async fn drain(tasks: &Tasks, roles: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tasks.start_drain();
    let finished = async {
        let ended = roles.await;
        tasks.drained(DRAIN_TIMEOUT).await;
        ended
    };
    let Ok(ended) = tokio::time::timeout(DRAIN_TIMEOUT, finished).await else {
        tracing::warn!("some work was not finished when the drain's time was over");
        return Ok(());
    };
    ended
}
