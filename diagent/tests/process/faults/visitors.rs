//! Visitors who ask, click and leave their address whatever happens, and remember what was acknowledged.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use events::AgentId;
use futures::future::join_all;
use tokio::task::JoinHandle;

use super::stay::{Wish, stay};
use crate::support::until;

/// Where visitors of one shop come in: either of two instances.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) command_apis: [String; 2],
    pub(super) agent_id: AgentId,
}

/// What visitors were told, and may rely on.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// Names of telemetry events, each of them sent once, alone or with others in an array.
    pub(super) clicks: Vec<String>,
    /// By visitor, the `client_message_id`s of questions, in the order in which they were acknowledged.
    pub(super) questions: Vec<Vec<String>>,
    /// Answers that were read to their end: the message's id, and the text.
    pub(super) answers: Vec<(String, String)>,
    /// Names that leads were left under, each of them sent once.
    pub(super) leads: Vec<String>,
    /// Everybody who came.
    pub(super) visitors: Vec<Visitor>,
    /// Those who are erased.
    pub(super) erased: Vec<Visitor>,
}

/// Who somebody was, to whom they spoke, and in which conversation.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) id: String,
    pub(super) agent: AgentId,
    pub(super) conversation: String,
}

/// Everybody who is there.
pub(super) struct Visitors {
    crowd: Vec<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
    stays: Arc<AtomicU64>,
    acknowledged: Arc<Mutex<Acknowledged>>,
}

impl Visitors {
    /// Lets `count` of them come at a time, by each door as many; one of so many, `shy`, wants to be forgotten.
    #[expect(clippy::disallowed_methods, reason = "visitors leave before the test ends")]
    pub(super) fn start(doors: &[Door], count: u64, shy: u64) -> Self {
        let (is_over, stays) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
        let place = |(place, door): (u64, &Door)| {
            let (door, is_over, stays, acknowledged) = (
                door.clone(),
                Arc::clone(&is_over),
                Arc::clone(&stays),
                Arc::clone(&acknowledged),
            );
            tokio::spawn(async move {
                for number in 0_u64.. {
                    let name = format!("{place}-{number}");
                    let wish = match number {
                        0 => Wish::Talk,
                        _ if number % shy == shy - 1 => Wish::BeForgotten,
                        _ => Wish::Ask,
                    };
                    let one = stay(&door, &name, wish).await;
                    acknowledged.lock().expect("nobody panicked").add(one);
                    stays.fetch_add(1, Ordering::Relaxed);
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            })
        };
        Self {
            crowd: (0..count).zip(doors.iter().cycle()).map(place).collect(),
            is_over,
            stays,
            acknowledged,
        }
    }

    /// Waits until as many stays as there are places have ended: it works.
    pub(super) async fn go_on(&self, when: &str) {
        let enough = self.stays.load(Ordering::Relaxed) + self.crowd.len() as u64;
        until(&format!("{when}: visitors are served"), async || {
            assert!(
                !self.crowd.iter().any(JoinHandle::is_finished),
                "{when}: a visitor gave up"
            );
            self.stays.load(Ordering::Relaxed) >= enough
        })
        .await;
    }

    /// Lets everybody finish.
    pub(super) async fn leave(self) -> Acknowledged {
        self.is_over.store(true, Ordering::Relaxed);
        for one in join_all(self.crowd).await {
            one.expect("no visitor panicked");
        }
        std::mem::take(&mut *self.acknowledged.lock().expect("nobody panicked"))
    }
}

impl Acknowledged {
    fn add(&mut self, other: Self) {
        self.visitors.extend(other.visitors);
        self.clicks.extend(other.clicks);
        self.questions.extend(other.questions);
        self.answers.extend(other.answers);
        self.leads.extend(other.leads);
        self.erased.extend(other.erased);
    }
}
