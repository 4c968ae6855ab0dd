//! One turn at a time, repeats are not errors, and an answer that nobody waits for any more is refused.

use std::time::Duration;

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde_json::{Map, Value};

use super::{
    Citation, ClosedBy, Conversation, ConversationEvent as Event, FinishReason, Operator, Rating, Satisfaction,
    TokenUsage,
};
use crate::{MessageId, Personal, Timestamp};

/// An open turn blocks the next message this long. Answers take seconds; after this the responders were all away, and a
/// visitor who tries again should not be turned down.
pub const TURN_PATIENCE: Duration = Duration::from_mins(5);

/// What is done in a conversation, and when.
#[derive(Debug, Clone)]
pub struct Command {
    pub at: Timestamp,
    pub action: Action,
}

/// What is done in a conversation.
#[derive(Debug, Clone)]
pub enum Action {
    /// The visitor writes. `answer_id` names the turn, if one opens.
    PostMessage {
        message_id: MessageId,
        answer_id: MessageId,
        client_message_id: Option<String>,
        content: Personal<String>,
        page_url: Option<Personal<String>>,
        page_context: Option<Personal<Map<String, Value>>>,
    },
    /// The responder is done with the turn `message_id`.
    CompleteAnswer {
        message_id: MessageId,
        content: Personal<String>,
        citations: Vec<Citation>,
        low_confidence: bool,
        finish_reason: FinishReason,
        answerer: String,
        usage: Option<TokenUsage>,
        first_token_ms: Option<u64>,
    },
    /// The responder gives the turn `message_id` up.
    FailAnswer {
        message_id: MessageId,
        code: String,
        reason: String,
    },
    /// The visitor has read enough of the answer `message_id`.
    RequestStop { message_id: MessageId },
    /// The visitor judges an answer.
    RateMessage {
        message_id: MessageId,
        rating: Option<Rating>,
        comment: Option<Personal<String>>,
    },
    /// The visitor wants a blank page.
    Clear,
    /// The visitor asks for a person.
    RequestHuman { reason: Option<Personal<String>> },
    /// The visitor judges the conversation.
    RateConversation {
        rating: Satisfaction,
        comment: Option<Personal<String>>,
    },
    /// A person of the team takes it over.
    Claim {
        operator: Operator,
        /// The id of somebody who has the conversation and is gone: it is taken from them, and from nobody else.
        instead_of: Option<String>,
    },
    /// The person who has it writes.
    Reply {
        message_id: MessageId,
        content: Personal<String>,
        operator: Operator,
    },
    /// The person gives it back to the agent.
    Release { operator: Operator },
    /// It ends.
    Close { by: ClosedBy },
}

/// Why an action is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The answer to the message before is still being written.
    #[error("the previous message is still being answered")]
    TurnInProgress { answer_id: MessageId },
    /// The conversation is over.
    #[error("the conversation is closed")]
    Closed,
    /// No message of this conversation has this id.
    #[error("no such message in this conversation")]
    MessageUnknown,
    /// Nobody waits for this answer: it was given, cleared away, closed or taken over.
    #[error("the turn is not open")]
    TurnNotOpen,
    /// Somebody else has the conversation.
    #[error("the conversation is claimed by another person")]
    ClaimedByAnother { name: String },
    /// Nobody has the conversation.
    #[error("the conversation is not claimed")]
    NotClaimed,
}

impl Conversation {
    #[expect(
        clippy::too_many_lines,
        reason = "one arm per action: the whole rule book on one page"
    )]
    fn decide(&self, Command { at, action }: Command) -> Result<Vec<Event>, Refusal> {
        let one = |event| Ok(vec![event]);
        match action {
            Action::PostMessage {
                message_id,
                answer_id,
                client_message_id,
                content,
                page_url,
                page_context,
            } => {
                if client_message_id
                    .as_deref()
                    .is_some_and(|name| self.post_named(name).is_some())
                {
                    return Ok(vec![]);
                }
                self.accepts_message(at)?;
                let answer_id = self.claimed_by.is_none().then_some(answer_id);
                one(Event::MessagePosted {
                    message_id,
                    answer_id,
                    client_message_id,
                    content,
                    page_url,
                    page_context,
                    at,
                })
            }
            Action::CompleteAnswer {
                message_id,
                content,
                citations,
                low_confidence,
                finish_reason,
                answerer,
                usage,
                first_token_ms,
            } => {
                self.waits_for(message_id)?;
                one(Event::MessageAnswered {
                    message_id,
                    content,
                    citations,
                    low_confidence,
                    finish_reason,
                    answerer,
                    usage,
                    first_token_ms,
                    at,
                })
            }
            Action::FailAnswer {
                message_id,
                code,
                reason,
            } => {
                self.waits_for(message_id)?;
                one(Event::MessageFailed {
                    message_id,
                    code,
                    reason,
                    at,
                })
            }
            Action::RequestStop { message_id } => self.stop(message_id, at),
            Action::RateMessage { message_id, .. } if !self.has_answer(message_id) => Err(Refusal::MessageUnknown),
            Action::RateMessage {
                message_id,
                rating,
                comment,
            } => one(Event::MessageRated {
                message_id,
                rating,
                comment,
                at,
            }),
            Action::Clear => one(Event::Cleared { at }),
            Action::RequestHuman { .. } if self.closed => Err(Refusal::Closed),
            Action::RequestHuman { .. } if self.human_requested || self.claimed_by.is_some() => Ok(vec![]),
            Action::RequestHuman { reason } => one(Event::HumanRequested { reason, at }),
            Action::RateConversation { rating, comment } => one(Event::ConversationRated { rating, comment, at }),
            Action::Close { .. } if self.closed => Ok(vec![]),
            Action::Close { by } => one(Event::Closed { by, at }),
            Action::Claim { operator, instead_of } => self.claim(operator, instead_of.as_deref(), at),
            Action::Reply { message_id, .. } if self.has_answer(message_id) => Ok(vec![]),
            Action::Reply {
                message_id,
                content,
                operator,
            } => {
                self.is_claimed_by(&operator)?;
                one(Event::MessageReplied {
                    message_id,
                    content,
                    operator,
                    at,
                })
            }
            Action::Release { .. } if self.claimed_by.is_none() => Ok(vec![]),
            Action::Release { operator } => {
                self.is_claimed_by(&operator)?;
                one(Event::Released { operator, at })
            }
        }
    }

    fn accepts_message(&self, at: Timestamp) -> Result<(), Refusal> {
        match &self.open_turn {
            _ if self.closed => Err(Refusal::Closed),
            Some(turn) if at.since(turn.posted_at) < TURN_PATIENCE => Err(Refusal::TurnInProgress {
                answer_id: turn.answer_id,
            }),
            _ => Ok(()),
        }
    }

    fn waits_for(&self, answer_id: MessageId) -> Result<(), Refusal> {
        match &self.open_turn {
            Some(turn) if turn.answer_id == answer_id => Ok(()),
            _ => Err(Refusal::TurnNotOpen),
        }
    }

    fn stop(&self, message_id: MessageId, at: Timestamp) -> Result<Vec<Event>, Refusal> {
        match &self.open_turn {
            Some(turn) if turn.answer_id == message_id && !turn.stop_requested => {
                Ok(vec![Event::StopRequested { message_id, at }])
            }
            _ if self.post_of_turn(message_id).is_some() => Ok(vec![]),
            _ => Err(Refusal::MessageUnknown),
        }
    }

    fn claim(&self, operator: Operator, instead_of: Option<&str>, at: Timestamp) -> Result<Vec<Event>, Refusal> {
        match &self.claimed_by {
            _ if self.closed => Err(Refusal::Closed),
            Some(holder) if holder.id == operator.id => Ok(vec![]),
            Some(holder) if instead_of == Some(&*holder.id) => {
                let holder = holder.clone();
                Ok(vec![
                    Event::Released { operator: holder, at },
                    Event::Claimed { operator, at },
                ])
            }
            Some(holder) => Err(Refusal::ClaimedByAnother {
                name: holder.name.clone(),
            }),
            None => Ok(vec![Event::Claimed { operator, at }]),
        }
    }

    fn is_claimed_by(&self, operator: &Operator) -> Result<(), Refusal> {
        match &self.claimed_by {
            _ if self.closed => Err(Refusal::Closed),
            Some(holder) if holder.id == operator.id => Ok(()),
            Some(holder) => Err(Refusal::ClaimedByAnother {
                name: holder.name.clone(),
            }),
            None => Err(Refusal::NotClaimed),
        }
    }
}

impl Aggregate for Conversation {
    const TYPE: &'static str = "conversation";
    type Command = Command;
    type Event = Event;
    type Error = Refusal;
    type Services = ();

    async fn handle(&mut self, command: Command, (): &(), sink: &EventSink<Self>) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        self.on(event);
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
