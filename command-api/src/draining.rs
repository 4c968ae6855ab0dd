//! When the clients of a process that stops are sent away: not all at once. They come back elsewhere, and should not come back
//! at the same moment.

use std::time::Duration;

use events::MessageId;

use crate::app::App;

/// Returns when the process was told to stop and the time of the answer `answer_id` is over: in the second half of the grace
/// period, at another moment for each.
pub async fn drained(app: App, answer_id: MessageId) {
    app.tasks.drain_token().cancelled().await;
    let half = app.stream_drain_grace / 2;
    tokio::time::sleep(half + share(half, answer_id.bits())).await;
}

/// A part of `of`, in whole milliseconds, another one for each `seed`; nothing of nothing.
pub fn share(of: Duration, seed: u128) -> Duration {
    let millis = seed % of.as_millis().max(1);
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_at_once_leaves_all_over_the_time() {
        let of = Duration::from_secs(5);
        let mut seconds = [0; 5];
        for id in (0..1_000).map(|_| MessageId::generate()) {
            let share = share(of, id.bits());
            seconds[usize::try_from(share.as_secs()).expect("a small number")] += 1;
        }
        assert!(seconds.iter().all(|leave| *leave > 100), "{seconds:?}");
        assert_eq!(share(Duration::ZERO, 7), Duration::ZERO);
    }
}
