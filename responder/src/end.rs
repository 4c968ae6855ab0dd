//! How a turn ends: the log first, then the last frame.

use std::time::Duration;

use events::{
    LogEvent, MessageId, Subject,
    conversation::{
        Action, Command, Conversation, ConversationEvent, FinishReason, Message, Refusal, visible_messages,
    },
    log::{ExecuteError, FrameWriter, LogError},
    tokens::FrameBody,
};

use crate::{
    speak::Said,
    turn::{Failure, Turn},
    worker::Worker,
};

/// Frames are kept this long; after that nobody waits for them.
const FRAMES_KEPT: Duration = Duration::from_mins(10);

/// How a turn that was closed before ended, as far as the visitor may know.
enum Outcome {
    Answered(Box<Message>),
    Failed {
        code: String,
    },
    /// Cleared, closed, or taken over by a person.
    Void,
}

/// Stores the answer, then says that it is done.
pub(crate) async fn complete(
    worker: &Worker,
    turn: &Turn,
    said: Said,
    frames: &mut FrameWriter,
) -> Result<&'static str, LogError> {
    let (finish_reason, low_confidence) = (said.finish_reason, said.low_confidence);
    let citations = FrameBody::Citations {
        citations: said.citations.clone(),
    };
    frames.send(citations).await?;
    let answered = Action::CompleteAnswer {
        message_id: turn.answer_id,
        content: said.content.into(),
        citations: said.citations,
        low_confidence,
        finish_reason,
        answerer: said.answerer,
        usage: said.usage,
        first_token_ms: said
            .first_token
            .map(|elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)),
    };
    if !store(worker, turn, answered).await? {
        return give_way(worker, turn, frames).await;
    }
    frames.send(turn.done(Some(finish_reason), low_confidence)).await?;
    Ok(match finish_reason {
        FinishReason::Stopped => "stopped",
        FinishReason::Complete | FinishReason::Length => "answered",
    })
}

/// Stores that there is no answer, then says so.
pub(crate) async fn fail(
    worker: &Worker,
    turn: &Turn,
    failure: Failure,
    frames: &mut FrameWriter,
) -> Result<&'static str, LogError> {
    let reason = reason(&failure);
    // The whole chain: of an error alone a JSON log keeps the first sentence, which says nothing of the cause.
    tracing::warn!(error = %reason, message.id = %turn.answer_id, "a turn failed");
    let failed = Action::FailAnswer {
        message_id: turn.answer_id,
        code: failure.code().to_owned(),
        reason,
    };
    if !store(worker, turn, failed).await? {
        return give_way(worker, turn, frames).await;
    }
    frames.send(error(failure.code(), failure.is_retryable())).await?;
    Ok("failed")
}

/// Whether the turn took the end; it does not when it was cleared, closed or taken over meanwhile.
async fn store(worker: &Worker, turn: &Turn, action: Action) -> Result<bool, LogError> {
    let command = Command {
        at: worker.log.clock().now(),
        action,
    };
    let stored = worker.log.execute::<Conversation>(&turn.subject, command, &turn.meta);
    match stored.await {
        Ok(_) => Ok(true),
        Err(ExecuteError::Refused(refusal)) => {
            let Refusal::TurnNotOpen = refusal else {
                tracing::error!(%refusal, message.id = %turn.answer_id, "a turn's end was refused");
                return Ok(false);
            };
            tracing::info!(message.id = %turn.answer_id, "nobody waits for this answer any more");
            Ok(false)
        }
        Err(ExecuteError::Log(error)) => Err(error),
    }
}

/// Ends the stream of a turn that was closed before, when its frames have no end: answered by a responder that died before
/// it said so, or cleared, closed or taken over before anybody began.
pub(crate) async fn conclude(worker: &Worker, turn: &Turn, state: &Conversation) -> Result<(), LogError> {
    if worker.log.clock().now().since(turn.posted_at) >= FRAMES_KEPT {
        return Ok(());
    }
    let written = worker.log.frames_after(turn.conversation_id, turn.answer_id, 0).await?;
    let newest = written.iter().map(|frame| frame.attempt).max().unwrap_or(0);
    // The end that an older attempt wrote after a newer one began was shown to nobody.
    if written
        .iter()
        .any(|frame| frame.kind.is_last() && frame.attempt == newest)
    {
        return Ok(());
    }
    let next = written.iter().map(|frame| frame.index + 1).max().unwrap_or(0);
    let attempt = newest.max(turn.attempt);
    let ids = (turn.conversation_id, turn.answer_id);
    let mut frames = FrameWriter::resume(&worker.log, ids, attempt, next);
    match outcome(worker, &turn.subject, state, turn.answer_id).await? {
        // Its frames were said and are lost, with a server's memory: who listens may have seen some, under the numbers that
        // would be given again here. The relay knows what each of them has seen, and says the rest from the log.
        Outcome::Answered(_) if next == 0 => Ok(()),
        outcome => tell(turn, outcome, attempt, &mut frames).await,
    }
}

/// Says how the turn ended instead: it was cleared, closed or taken over, or a responder that was thought dead has answered it,
/// in other words than were said here.
async fn give_way(worker: &Worker, turn: &Turn, frames: &mut FrameWriter) -> Result<&'static str, LogError> {
    let state = worker.log.load::<Conversation>(&turn.subject).await?.state;
    let outcome = outcome(worker, &turn.subject, &state, turn.answer_id).await?;
    tell(turn, outcome, turn.attempt, frames).await?;
    Ok("void")
}

async fn tell(turn: &Turn, outcome: Outcome, attempt: u32, frames: &mut FrameWriter) -> Result<(), LogError> {
    let last = match outcome {
        Outcome::Answered(answer) => {
            // Whoever listens has seen a part, and perhaps not all that was written.
            frames.send(FrameBody::Restart { attempt }).await?;
            let (finish_reason, low_confidence) = (answer.finish_reason, answer.low_confidence.unwrap_or(false));
            let token = answer.content.into_exposed();
            if !token.is_empty() {
                frames.send(FrameBody::Token { token }).await?;
            }
            let citations = answer.citations;
            frames.send(FrameBody::Citations { citations }).await?;
            turn.done(finish_reason, low_confidence)
        }
        Outcome::Failed { code } => error(&code, true),
        Outcome::Void => turn.done(None, false),
    };
    frames.send(last).await
}

async fn outcome(
    worker: &Worker,
    subject: &Subject,
    state: &Conversation,
    answer_id: MessageId,
) -> Result<Outcome, LogError> {
    if let Some(answer) = state.recent_messages().find(|message| message.id == answer_id) {
        return Ok(Outcome::Answered(Box::new(answer.clone())));
    }
    let recorded = worker.log.events_of(subject).await?;
    let events = recorded.into_iter().filter_map(|recorded| match recorded.event {
        LogEvent::Conversation(event) => Some(event),
        _ => None,
    });
    let events: Vec<ConversationEvent> = events.collect();
    let failed = events.iter().find_map(|event| match event {
        ConversationEvent::MessageFailed { message_id, code, .. } if *message_id == answer_id => Some(code.clone()),
        _ => None,
    });
    Ok(match failed {
        Some(code) => Outcome::Failed { code },
        None => visible_messages(events)
            .into_iter()
            .find(|message| message.id == answer_id)
            .map_or(Outcome::Void, |answer| Outcome::Answered(Box::new(answer))),
    })
}

fn error(code: &str, retryable: bool) -> FrameBody {
    let message = if retryable {
        "No answer could be given right now. Please try again."
    } else {
        "No answer can be given to this message."
    };
    FrameBody::Error {
        code: code.to_owned(),
        message: message.to_owned(),
        retryable,
    }
}

/// The failure with all that led to it, for operators.
fn reason(failure: &Failure) -> String {
    let failure: &dyn std::error::Error = failure;
    let causes = std::iter::successors(Some(failure), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl Turn {
    fn done(&self, finish_reason: Option<FinishReason>, low_confidence: bool) -> FrameBody {
        FrameBody::Done {
            conversation_id: self.conversation_id,
            message_id: self.answer_id,
            finish_reason,
            low_confidence,
        }
    }
}

/// Messages from one snapshot of a conversation to the next: what is folded on top of one when it is read cold.
const SNAPSHOT_EVERY: u64 = 8;

/// Keeps a snapshot of a conversation whose turn is over, if it is time for one; `messages` were written up to the
/// question. Without it the conversation is only slower to load, so a failure is no failure of the turn.
pub(crate) async fn snapshot(worker: &Worker, subject: &Subject, messages: u64) {
    let (before, after) = (messages.saturating_sub(1), messages + 1);
    if after / SNAPSHOT_EVERY == before / SNAPSHOT_EVERY {
        return;
    }
    let saved = async {
        let loaded = worker.log.load::<Conversation>(subject).await?;
        if loaded.sequence == 0 {
            // Erased meanwhile: nothing of it is kept.
            return Ok(());
        }
        worker.log.save_snapshot(subject, &loaded).await
    };
    let saved: Result<(), LogError> = saved.await;
    if let Err(error) = saved {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "a snapshot could not be saved"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{AnswerError, ModelError};

    #[test]
    fn a_failure_is_told_with_its_cause() {
        let table = [
            (
                ModelError::Malformed { column: 7 },
                "the model sent what is no chunk (column 7)",
            ),
            (
                ModelError::Reported {
                    code: "overloaded".to_owned(),
                },
                "the model reported an error (overloaded)",
            ),
            (ModelError::Stalled, "the model said nothing for too long"),
            (ModelError::EndlessLine, "the model sent a line without end"),
        ];
        for (error, cause) in table {
            let told = reason(&Failure::Answer(AnswerError::from(error)));
            assert_eq!(
                told,
                format!("the answer failed: the model's answer broke off: {cause}")
            );
        }
    }
}
