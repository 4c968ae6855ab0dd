//! One turn from start to end. The answer is in the log before its `done` is on the bus.

use std::time::{Duration, Instant};

use backon::{ConstantBuilder, Retryable as _};
use events::{
    ConversationId, MessageId, Subject,
    agent::AgentDefinition,
    cloud_event::Meta,
    conversation::{Action, Citation, Command, Conversation, FinishReason, Message, OpenTurn, Refusal, TokenUsage},
    log::{ExecuteError, FrameWriter, LogError},
    tokens::FrameBody,
};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::{
    answer::{Answer, AnswerError, Piece},
    metrics,
    retrieve::{self, Retrieved},
    worker::{Due, Worker},
};

/// After so many responders were lost over one turn, it is given up.
const ATTEMPTS_MAX: u32 = 5;

/// Everything that an answer is made from.
pub(crate) struct Question<'a> {
    pub(crate) agent: &'a AgentDefinition,
    pub(crate) turn: &'a OpenTurn,
    /// What was said before, oldest first.
    pub(crate) history: Vec<&'a Message>,
    pub(crate) retrieved: &'a Retrieved,
}

/// What was said.
struct Said {
    content: String,
    citations: Vec<Citation>,
    low_confidence: bool,
    finish_reason: FinishReason,
    answerer: String,
    usage: Option<TokenUsage>,
    first_token: Option<Duration>,
}

/// Why nothing was said; `code` goes to the visitor, the text to operators.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the passages cannot be read")]
    Retrieval(#[from] sqlx::Error),
    #[error("the answer failed")]
    Answer(#[from] AnswerError),
    #[error("the answer took too long")]
    Timeout,
    #[error("the agent is not defined")]
    NoAgent,
    #[error("{ATTEMPTS_MAX} responders were lost over it")]
    Poison,
    #[error(transparent)]
    Log(LogError),
}

impl Failure {
    const fn code(&self) -> &'static str {
        match self {
            Self::Retrieval(_) => "knowledge_unavailable",
            Self::Timeout => "answer_timeout",
            Self::Answer(_) | Self::NoAgent | Self::Poison | Self::Log(_) => "answer_failed",
        }
    }
}

/// Answers one turn.
///
/// # Errors
/// The log cannot be read or written: the turn has to be delivered again.
pub(crate) async fn run(worker: &Worker, due: Due) -> Result<(), LogError> {
    let started = Instant::now();
    let subject = due.recorded.subject;
    let Subject::Conversation { conversation_id, .. } = subject else {
        return Ok(());
    };
    let loaded = worker.log.load::<Conversation>(&subject).await?;
    let ids = (conversation_id, due.answer_id);
    let state = &loaded.state;
    let Some(turn) = state.open_turn().filter(|turn| turn.answer_id == due.answer_id) else {
        metrics::turn_ended("void", started.elapsed());
        return conclude(worker, ids, state, due.attempt).await;
    };
    let mut frames = FrameWriter::begin(&worker.log, conversation_id, due.answer_id, due.attempt).await?;
    let meta = meta(&due);
    let said = if due.attempt > ATTEMPTS_MAX {
        Err(Failure::Poison)
    } else {
        let answered = answer(worker, &subject, state, turn, &mut frames);
        tokio::time::timeout(worker.config.answer_timeout(), answered)
            .await
            .unwrap_or(Err(Failure::Timeout))
    };
    let outcome = match said {
        Ok(said) => complete(worker, (&subject, &meta), ids, said, &mut frames).await?,
        Err(Failure::Log(error)) => return Err(error),
        Err(failure) => fail(worker, (&subject, &meta), ids, failure, &mut frames).await?,
    };
    metrics::turn_ended(outcome, started.elapsed());
    snapshot(worker, &subject).await;
    Ok(())
}

fn meta(due: &Due) -> Meta {
    let attributes = &due.recorded.attributes;
    Meta {
        workspace_id: attributes.workspaceid,
        conversation_id: attributes.conversationid,
        correlation_id: attributes.correlationid.clone(),
        causation_id: Some(attributes.id),
        traceparent: attributes.traceparent.clone(),
    }
}

/// Finds the passages and streams the answer, until it ends or is stopped.
async fn answer(
    worker: &Worker,
    subject: &Subject,
    state: &Conversation,
    turn: &OpenTurn,
    frames: &mut FrameWriter,
) -> Result<Said, Failure> {
    let started = Instant::now();
    let stop = worker.stops.register(turn.answer_id);
    if turn.stop_requested {
        stop.requested.cancel();
    }
    let agent_id = subject.agent_id().ok_or(Failure::NoAgent)?;
    let agent = worker.directory.agent(agent_id).ok_or(Failure::NoAgent)?;
    let retrieved = (|| retrieve::passages(&worker.pool, agent_id, turn.question.expose()))
        .retry(
            ConstantBuilder::default()
                .with_delay(Duration::from_millis(400))
                .with_max_times(4),
        )
        .await?;
    metrics::retrieval(started.elapsed());
    let history = state
        .recent_messages()
        .filter(|message| message.id != turn.message_id)
        .collect();
    let question = Question {
        agent: &agent,
        turn,
        history,
        retrieved: &retrieved,
    };
    let mut said = speak(worker.answerer.answer(&question), &stop.requested, started, frames).await?;
    said.keep_used_citations();
    Ok(said)
}

/// Sends the pieces as they come.
async fn speak(
    answer: Answer,
    stop: &CancellationToken,
    started: Instant,
    frames: &mut FrameWriter,
) -> Result<Said, Failure> {
    let Answer {
        mut pieces,
        citations,
        low_confidence,
        answerer,
    } = answer;
    let mut said = Said {
        content: String::new(),
        citations,
        low_confidence,
        finish_reason: FinishReason::Complete,
        answerer,
        usage: None,
        first_token: None,
    };
    loop {
        let piece = tokio::select! {
            biased;
            () = stop.cancelled() => {
                said.finish_reason = FinishReason::Stopped;
                return Ok(said);
            }
            piece = pieces.next() => piece,
        };
        match piece.transpose()? {
            None => return Ok(said),
            Some(Piece::Token(token)) => {
                if said.first_token.is_none() {
                    said.first_token = Some(started.elapsed());
                    metrics::first_token(started.elapsed());
                }
                said.content.push_str(&token);
                frames.send(FrameBody::Token { token }).await.map_err(Failure::Log)?;
            }
            Some(Piece::Length) => said.finish_reason = FinishReason::Length,
            Some(Piece::Usage(usage)) => said.usage = Some(usage),
            Some(Piece::FellBack {
                answerer,
                low_confidence,
                citations,
            }) => {
                said = Said {
                    citations,
                    low_confidence,
                    answerer,
                    ..said
                };
            }
        }
    }
}

impl Said {
    /// What the text does not refer to was not used; a text without any reference used all of it.
    fn keep_used_citations(&mut self) {
        let content = &self.content;
        let referred = |citation: &Citation| content.contains(&format!("[{}]", citation.id));
        if content.is_empty() {
            self.citations.clear();
        } else if self.citations.iter().any(referred) {
            self.citations.retain(referred);
        }
    }
}

async fn complete(
    worker: &Worker,
    (subject, meta): (&Subject, &Meta),
    (conversation_id, message_id): (ConversationId, MessageId),
    said: Said,
    frames: &mut FrameWriter,
) -> Result<&'static str, LogError> {
    let Said {
        content,
        citations,
        low_confidence,
        finish_reason,
        answerer,
        usage,
        first_token,
    } = said;
    frames
        .send(FrameBody::Citations {
            citations: citations.clone(),
        })
        .await?;
    let action = Action::CompleteAnswer {
        message_id,
        content: content.into(),
        citations,
        low_confidence,
        finish_reason,
        answerer,
        usage,
        first_token_ms: first_token.map(|elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)),
    };
    let done = |finish_reason| FrameBody::Done {
        conversation_id,
        message_id,
        finish_reason,
        low_confidence,
    };
    let command = Command {
        at: worker.log.clock().now(),
        action,
    };
    match worker.log.execute::<Conversation>(subject, command, meta).await {
        Ok(_) => {
            frames.send(done(Some(finish_reason))).await?;
            Ok(if finish_reason == FinishReason::Stopped {
                "stopped"
            } else {
                "answered"
            })
        }
        Err(ExecuteError::Refused(refusal)) => {
            over(&refusal, message_id);
            frames.send(done(None)).await?;
            Ok("void")
        }
        Err(ExecuteError::Log(error)) => Err(error),
    }
}

async fn fail(
    worker: &Worker,
    (subject, meta): (&Subject, &Meta),
    (conversation_id, message_id): (ConversationId, MessageId),
    failure: Failure,
    frames: &mut FrameWriter,
) -> Result<&'static str, LogError> {
    tracing::warn!(error = &failure as &dyn std::error::Error, message.id = %message_id, "a turn failed");
    let code = failure.code().to_owned();
    let action = Action::FailAnswer {
        message_id,
        code: code.clone(),
        reason: failure.to_string(),
    };
    let command = Command {
        at: worker.log.clock().now(),
        action,
    };
    match worker.log.execute::<Conversation>(subject, command, meta).await {
        Ok(_) => {
            let message = "No answer could be given right now. Please try again.".to_owned();
            frames
                .send(FrameBody::Error {
                    code,
                    message,
                    retryable: true,
                })
                .await?;
            Ok("failed")
        }
        Err(ExecuteError::Refused(refusal)) => {
            over(&refusal, message_id);
            let done = FrameBody::Done {
                conversation_id,
                message_id,
                finish_reason: None,
                low_confidence: false,
            };
            frames.send(done).await?;
            Ok("void")
        }
        Err(ExecuteError::Log(error)) => Err(error),
    }
}

/// Ends the stream of a turn that was closed already: answered by a responder that died before it said so, cleared, or
/// taken over.
async fn conclude(
    worker: &Worker,
    (conversation_id, message_id): (ConversationId, MessageId),
    state: &Conversation,
    attempt: u32,
) -> Result<(), LogError> {
    let written = worker.log.frames_after(conversation_id, message_id, 0).await?;
    let Some(last) = written.last().filter(|frame| !frame.kind.is_last()) else {
        return Ok(());
    };
    let answer = state.recent_messages().find(|message| message.id == message_id);
    let mut frames = FrameWriter::resume(
        &worker.log,
        (conversation_id, message_id),
        attempt.max(last.attempt),
        last.index + 1,
    );
    if let Some(answer) = answer {
        // A client that follows the bus alone has not seen all of it.
        frames.send(FrameBody::Restart { attempt }).await?;
        frames
            .send(FrameBody::Token {
                token: answer.content.expose().clone(),
            })
            .await?;
        frames
            .send(FrameBody::Citations {
                citations: answer.citations.clone(),
            })
            .await?;
    }
    let finish_reason = answer.and_then(|answer| answer.finish_reason);
    let low_confidence = answer.and_then(|answer| answer.low_confidence).unwrap_or(false);
    frames
        .send(FrameBody::Done {
            conversation_id,
            message_id,
            finish_reason,
            low_confidence,
        })
        .await
}

fn over(refusal: &Refusal, message_id: MessageId) {
    tracing::info!(%refusal, message.id = %message_id, "nobody waits for this answer any more");
}

/// Only a shortcut, so a failure is no failure of the turn.
async fn snapshot(worker: &Worker, subject: &Subject) {
    let saved = async {
        let loaded = worker.log.load::<Conversation>(subject).await?;
        worker.log.save_snapshot(subject, &loaded).await
    };
    if let Err(error) = saved.await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "a snapshot could not be saved"
        );
    }
}
