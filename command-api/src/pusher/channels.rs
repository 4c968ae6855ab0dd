//! Who listens to which conversation on this instance.
//!
//! Nothing here waits: whoever does not take its news in time is cut off, and reads what it missed when it comes back.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use events::ConversationId;
use tokio::sync::Notify;

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
    mailbox: Arc<Mailbox>,
    side: Side,
}

/// What waits for one listener. Most of them wait for something all day, so an empty one holds no room for news, as a channel
/// of tokio's would.
#[derive(Default)]
struct Mailbox {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    news: VecDeque<News>,
    ending: Option<Ending>,
}

/// The receiving end. Dropping it leaves every conversation.
pub struct Listener {
    channels: Arc<Channels>,
    joined: Vec<ConversationId>,
    mailbox: Arc<Mailbox>,
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
            ears.retain(|ear| ear.mailbox.put(&news));
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
                Side::Visitor => ear.mailbox.end(Ending::Erased),
                Side::Team => _ = ear.mailbox.put(&news),
            }
        }
    }

    /// Somebody who listens to nothing yet.
    pub fn listener(self: &Arc<Self>) -> Listener {
        Listener {
            channels: Arc::clone(self),
            joined: Vec::new(),
            mailbox: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, Vec<Ear>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    /// Whether the listener goes on.
    fn put(&self, news: &News) -> bool {
        let mut waiting = self.lock();
        let has_room = waiting.news.len() < WAITING_MAX;
        if has_room {
            waiting.news.push_back(news.clone());
        } else {
            waiting.ending.get_or_insert(Ending::TooSlow);
        }
        drop(waiting);
        self.changed.notify_one();
        has_room
    }

    /// The first ending counts.
    fn end(&self, ending: Ending) {
        self.lock().ending.get_or_insert(ending);
        self.changed.notify_one();
    }

    fn take(&self) -> Option<Result<News, Ending>> {
        let mut waiting = self.lock();
        match waiting.ending {
            Some(ending) => Some(Err(ending)),
            None => waiting.news.pop_front().map(Ok),
        }
    }

    fn is_waiting(&self) -> bool {
        let waiting = self.lock();
        waiting.ending.is_some() || !waiting.news.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
            mailbox: Arc::clone(&self.mailbox),
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
            ears.retain(|ear| !Arc::ptr_eq(&ear.mailbox, &self.mailbox));
            if ears.is_empty() {
                listeners.remove(&conversation_id);
            }
        }
    }

    /// How many conversations it listens to.
    pub const fn joined(&self) -> usize {
        self.joined.len()
    }

    /// Whether there is something that it has not taken.
    pub fn is_behind(&self) -> bool {
        self.mailbox.is_waiting()
    }

    /// The next news, or why there is none any more. May be dropped while it waits; nothing is lost by that.
    ///
    /// # Errors
    /// It hears nothing more.
    pub async fn next(&mut self) -> Result<News, Ending> {
        loop {
            match self.mailbox.take() {
                Some(heard) => return heard,
                None => self.mailbox.changed.notified().await,
            }
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
        assert!(listener.mailbox.take().is_none(), "once");
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
