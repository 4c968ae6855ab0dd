//! What is left to say of an answer that has ended, when its frames are not all there.
//!
//! Three clients meet here: one that has seen nothing gets the answer as one token; one that has seen a beginning which can
//! be proven to be one gets the rest; any other gets a `restart` first, so that it drops what it shows.

use events::{
    ConversationId, MessageId,
    conversation::{Conversation, ConversationEvent, Message, visible_messages},
    tokens::{Frame, FrameBody, FrameKind},
};

/// How a turn ended, as far as the visitor may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is an answer.
    Answered(Box<Message>),
    /// There is none, for this reason in `snake_case`.
    Failed { code: String },
    /// Nobody waits for it any more: cleared, closed, or taken over by a person.
    Ended,
}

/// What one client was sent of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shown {
    /// The text; none when it cannot be told, since its frames have expired.
    text: Option<String>,
    citations: bool,
}

impl Outcome {
    /// From the conversation as it is, when that says enough.
    pub(super) fn from_state(state: &Conversation, answer_id: MessageId) -> Option<Self> {
        let message = state.recent_messages().find(|message| message.id == answer_id)?;
        Some(Self::Answered(Box::new(message.clone())))
    }

    /// From all of the conversation's events.
    pub(super) fn from_events(events: Vec<ConversationEvent>, answer_id: MessageId) -> Self {
        let failed = events.iter().find_map(|event| match event {
            ConversationEvent::MessageFailed { message_id, code, .. } if *message_id == answer_id => Some(code.clone()),
            _ => None,
        });
        match failed {
            Some(code) => Self::Failed { code },
            None => visible_messages(events)
                .into_iter()
                .find(|message| message.id == answer_id)
                .map_or(Self::Ended, |message| Self::Answered(Box::new(message))),
        }
    }
}

impl Shown {
    /// What a client was sent that has seen everything before the index `next`, if `stored` still holds all of it.
    pub(super) fn before(next: u32, stored: &[Frame]) -> Self {
        let mut shown = Self {
            text: Some(String::new()),
            citations: false,
        };
        let mut attempt = 0;
        let mut expected = 0;
        for frame in stored {
            // What a responder wrote after it was given up was shown to nobody.
            if frame.index >= next || frame.attempt < attempt {
                continue;
            }
            if frame.index > expected && frame.kind != FrameKind::Restart {
                return Self { text: None, ..shown };
            }
            attempt = frame.attempt;
            expected = frame.index + 1;
            match (serde_json::from_slice(&frame.payload), &mut shown.text) {
                (Ok(FrameBody::Token { token }), Some(text)) => text.push_str(&token),
                (Ok(FrameBody::Restart { .. }), Some(text)) => text.clear(),
                _ => shown.citations |= frame.kind == FrameKind::Citations,
            }
        }
        if expected < next {
            Self { text: None, ..shown }
        } else {
            shown
        }
    }
}

/// The frames that end the stream of a client that was shown `shown`; `attempt` is the last one it knows.
pub(super) fn frames(
    outcome: Outcome,
    shown: &Shown,
    attempt: u32,
    (conversation_id, message_id): (ConversationId, MessageId),
) -> Vec<FrameBody> {
    let done = |finish_reason, low_confidence| FrameBody::Done {
        conversation_id,
        message_id,
        finish_reason,
        low_confidence,
    };
    let message = match outcome {
        Outcome::Answered(message) => *message,
        Outcome::Failed { code } => {
            let message = "The answer could not be given.".to_owned();
            return vec![FrameBody::Error {
                code,
                message,
                retryable: true,
            }];
        }
        Outcome::Ended => return vec![done(None, false)],
    };
    let content = message.content.into_exposed();
    let mut frames = Vec::new();
    let rest = shown.text.as_deref().and_then(|text| content.strip_prefix(text));
    let restarts = rest.is_none();
    if restarts {
        frames.push(FrameBody::Restart { attempt: attempt + 1 });
    }
    let rest = rest.unwrap_or(&content).to_owned();
    if !rest.is_empty() {
        frames.push(FrameBody::Token { token: rest });
    }
    if restarts || !shown.citations {
        frames.push(FrameBody::Citations {
            citations: message.citations,
        });
    }
    frames.push(done(message.finish_reason, message.low_confidence.unwrap_or(false)));
    frames
}

#[cfg(test)]
mod tests {
    use events::{
        Timestamp,
        conversation::{FinishReason, Role},
    };

    use super::*;

    const IDS: (ConversationId, MessageId) = (ConversationId::from_bits(1), MessageId::from_bits(2));

    #[test]
    fn who_saw_nothing_gets_the_answer_as_one_token() {
        let shown = Shown::before(0, &[]);
        assert_eq!(
            frames(answered(), &shown, 0, IDS),
            [token("Our policy."), citations(), done()]
        );
    }

    #[test]
    fn who_saw_a_beginning_gets_the_rest() {
        let shown = Shown::before(2, &[frame(1, 0, token("Our ")), frame(1, 1, token("poli"))]);
        assert_eq!(frames(answered(), &shown, 1, IDS), [token("cy."), citations(), done()]);
    }

    #[test]
    fn who_saw_all_but_the_end_gets_the_end() {
        let shown = Shown::before(2, &[frame(1, 0, token("Our policy.")), frame(1, 1, citations())]);
        assert_eq!(frames(answered(), &shown, 1, IDS), [done()]);
    }

    #[test]
    fn who_saw_what_cannot_be_told_starts_anew() {
        let restart = FrameBody::Restart { attempt: 2 };
        for stored in [
            vec![],
            vec![frame(1, 1, token("poli"))],
            vec![frame(1, 0, token("Your ")), frame(1, 1, token("x"))],
        ] {
            let shown = Shown::before(2, &stored);
            let expected = [restart.clone(), token("Our policy."), citations(), done()];
            assert_eq!(frames(answered(), &shown, 1, IDS), expected, "{stored:?}");
        }
    }

    #[test]
    fn a_restart_voids_what_was_shown_before_it() {
        let stored = [
            frame(1, 0, token("Your ")),
            frame(2, 1, FrameBody::Restart { attempt: 2 }),
            frame(2, 2, token("Our ")),
        ];
        let shown = Shown::before(3, &stored);
        assert_eq!(
            frames(answered(), &shown, 2, IDS),
            [token("policy."), citations(), done()]
        );
    }

    #[test]
    fn a_failure_is_an_error_and_an_end_is_an_end() {
        let failed = frames(
            Outcome::Failed {
                code: "model_away".to_owned(),
            },
            &Shown::default(),
            1,
            IDS,
        );
        assert!(matches!(&failed[..], [FrameBody::Error { code, retryable: true, .. }] if code == "model_away"));
        let ended = FrameBody::Done {
            conversation_id: IDS.0,
            message_id: IDS.1,
            finish_reason: None,
            low_confidence: false,
        };
        assert_eq!(frames(Outcome::Ended, &Shown::default(), 1, IDS), [ended]);
    }

    fn answered() -> Outcome {
        Outcome::Answered(Box::new(Message {
            id: IDS.1,
            role: Role::Assistant,
            content: "Our policy.".into(),
            citations: vec![],
            low_confidence: Some(false),
            finish_reason: Some(FinishReason::Complete),
            rating: None,
            author: None,
            created_at: Timestamp::from_unix_millis(0),
        }))
    }

    fn token(text: &str) -> FrameBody {
        FrameBody::Token { token: text.to_owned() }
    }

    fn citations() -> FrameBody {
        FrameBody::Citations { citations: vec![] }
    }

    fn done() -> FrameBody {
        let finish_reason = Some(FinishReason::Complete);
        FrameBody::Done {
            conversation_id: IDS.0,
            message_id: IDS.1,
            finish_reason,
            low_confidence: false,
        }
    }

    fn frame(attempt: u32, index: u32, body: FrameBody) -> Frame {
        Frame {
            attempt,
            index,
            kind: body.kind(),
            payload: body.to_json(),
        }
    }
}
