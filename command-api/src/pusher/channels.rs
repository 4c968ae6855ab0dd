//! Who listens to which conversation on this instance.
//!
//! Nothing here waits: whoever does not take its news in time is cut off, and reads what it missed when it comes back.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use events::ConversationId;
use tokio::sync::{mpsc, watch};

use super::news::News;

/// News that may wait for one listener.
const WAITING_MAX: usize = 64;

/// Listeners of one conversation on one instance: a visitor's tabs, and a team.
const LISTENERS_MAX: usize = 100;

/// Every conversation that somebody listens to.
#[derive(Default)]
pub struct Channels {
    listeners: Mutex<HashMap<ConversationId, Vec<Ear>>>,
}

/// Who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Visitor,
    Team,
}

/// Why a listener hears nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It did not take its news in time.
    TooSlow,
    /// The visitor was erased.
    Erased,
}

/// A listener as the channels know it.
struct Ear {
    news: mpsc::Sender<News>,
    ending: Arc<watch::Sender<Option<Ending>>>,
    side: Side,
}

/// The receiving end. Dropping it leaves every conversation.
pub struct Listener {
    channels: Arc<Channels>,
    joined: Vec<ConversationId>,
    sender: mpsc::Sender<News>,
    receiver: mpsc::Receiver<News>,
    ending: Arc<watch::Sender<Option<Ending>>>,
    ended: watch::Receiver<Option<Ending>>,
}

/// The conversation has as many listeners here as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyListeners;

impl Channels {
    /// Tells everybody who listens to `conversation_id`; `news` is made only if somebody does.
    pub(super) fn tell(&self, conversation_id: ConversationId, news: impl FnOnce() -> Option<News>) {
        if !self.lock().contains_key(&conversation_id) {
            return;
        }
        let Some(news) = news() else { return };
        if let Some(ears) = self.lock().get_mut(&conversation_id) {
            ears.retain(|ear| ear.hears(&news));
        }
    }

    /// The visitor of `conversation_id` was erased: their own listeners end, the team is told.
    pub(super) fn erase(&self, conversation_id: ConversationId) {
        let Some(ears) = self.lock().remove(&conversation_id) else {
            return;
        };
        let news = News::erased(conversation_id);
        for ear in ears {
            match ear.side {
                Side::Visitor => ear.end(Ending::Erased),
                Side::Team => _ = ear.hears(&news),
            }
        }
    }

    /// Somebody who listens to nothing yet.
    pub fn listener(self: &Arc<Self>) -> Listener {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (ending, ended) = watch::channel(None);
        Listener {
            channels: Arc::clone(self),
            joined: Vec::new(),
            sender,
            receiver,
            ending: Arc::new(ending),
            ended,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, Vec<Ear>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ear {
    /// Whether it goes on listening.
    fn hears(&self, news: &News) -> bool {
        match self.news.try_send(news.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.end(Ending::TooSlow);
                false
            }
        }
    }

    fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|already| {
            let first = already.is_none();
            already.get_or_insert(ending);
            first
        });
    }
}

impl Listener {
    /// Listens to `conversation_id` from now on. Joining twice is joining once.
    ///
    /// # Errors
    /// Too many listen already.
    pub fn join(&mut self, conversation_id: ConversationId, side: Side) -> Result<(), TooManyListeners> {
        if self.joined.contains(&conversation_id) {
            return Ok(());
        }
        let mut listeners = self.channels.lock();
        let ears = listeners.entry(conversation_id).or_default();
        if ears.len() >= LISTENERS_MAX {
            return Err(TooManyListeners);
        }
        ears.push(Ear {
            news: self.sender.clone(),
            ending: Arc::clone(&self.ending),
            side,
        });
        self.joined.push(conversation_id);
        Ok(())
    }

    /// Listens to it no more.
    pub fn leave(&mut self, conversation_id: ConversationId) {
        self.joined.retain(|joined| *joined != conversation_id);
        let mut listeners = self.channels.lock();
        if let Some(ears) = listeners.get_mut(&conversation_id) {
            ears.retain(|ear| !ear.news.same_channel(&self.sender));
            if ears.is_empty() {
                listeners.remove(&conversation_id);
            }
        }
    }

    /// How many conversations it listens to.
    pub const fn joined(&self) -> usize {
        self.joined.len()
    }

    /// The next news, or why there is none any more. May be dropped while it waits; nothing is lost by that.
    ///
    /// # Errors
    /// It hears nothing more.
    pub async fn next(&mut self) -> Result<News, Ending> {
        tokio::select! {
            biased;
            ending = self.ended.wait_for(Option::is_some) => {
                // The sender is this listener's own, so it cannot be gone.
                Err(ending.ok().and_then(|ending| *ending).unwrap_or(Ending::TooSlow))
            }
            Some(news) = self.receiver.recv() => Ok(news),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for conversation_id in std::mem::take(&mut self.joined) {
            self.leave(conversation_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ConversationId = ConversationId::from_bits(1);
    const OTHER: ConversationId = ConversationId::from_bits(2);

    #[tokio::test]
    async fn news_reach_those_who_listen_and_nobody_else() {
        let channels = Arc::new(Channels::default());
        let mut listener = listening(&channels, Side::Visitor);
        listener.join(ONE, Side::Visitor).expect("twice is once");
        channels.tell(OTHER, || unreachable!("nobody listens"));

        channels.tell(ONE, || Some(News::erased(ONE)));

        assert_eq!(listener.next().await.expect("news").conversation_id, ONE);
        assert!(listener.receiver.try_recv().is_err(), "once");
        listener.leave(ONE);
        channels.tell(ONE, || unreachable!("nobody listens any more"));
    }

    #[tokio::test]
    async fn who_takes_nothing_is_cut_off_and_holds_up_nobody() {
        let channels = Arc::new(Channels::default());
        let (mut slow, mut quick) = (listening(&channels, Side::Visitor), listening(&channels, Side::Team));

        for _ in 0..=WAITING_MAX {
            channels.tell(ONE, || Some(News::erased(ONE)));
            quick.next().await.expect("news");
        }

        assert_eq!(slow.next().await.expect_err("an end"), Ending::TooSlow);
        assert_eq!(channels.lock()[&ONE].len(), 1, "the quick one is still there");
    }

    #[tokio::test]
    async fn an_erasure_ends_the_visitor_and_tells_the_team() {
        let channels = Arc::new(Channels::default());
        let (mut visitor, mut team) = (listening(&channels, Side::Visitor), listening(&channels, Side::Team));

        channels.erase(ONE);

        assert_eq!(visitor.next().await.expect_err("an end"), Ending::Erased);
        assert_eq!(team.next().await.expect("news").event, "conversation.erased");
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let channels = Arc::new(Channels::default());
        let listeners: Vec<Listener> = (0..LISTENERS_MAX).map(|_| listening(&channels, Side::Team)).collect();
        let refused = channels.listener().join(ONE, Side::Team);
        assert_eq!(refused, Err(TooManyListeners));

        drop(listeners);

        assert!(channels.lock().is_empty());
    }

    fn listening(channels: &Arc<Channels>, side: Side) -> Listener {
        let mut listener = channels.listener();
        listener.join(ONE, side).expect("room");
        listener
    }
}
