//! One turn from start to end. The answer is in the log before its `done` is on the bus.

use std::time::Instant;

use events::{
    AgentId, ConversationId, MessageId, Subject, Timestamp,
    agent::AgentDefinition,
    cloud_event::Meta,
    conversation::{Conversation, Message, OpenTurn, Role},
    log::{FrameWriter, LogError},
};
use tokio_util::sync::CancellationToken;

use crate::{
    answer::{self, AnswerError},
    end, metrics,
    retrieve::{self, Asked, RetrieveError},
    speak::{Said, speak},
    worker::{Due, Worker},
};

/// After so many responders were lost over one turn, it is given up.
const ATTEMPTS_MAX: u32 = 5;

/// Everything that an answer is made from, but the passages.
pub(crate) struct Question<'a> {
    pub(crate) agent: &'a AgentDefinition,
    pub(crate) turn: &'a OpenTurn,
    /// What was said before, oldest first.
    pub(crate) history: Vec<&'a Message>,
}

/// One attempt at one turn: where it stands, and what events of it carry.
pub(crate) struct Turn {
    pub(crate) subject: Subject,
    pub(crate) conversation_id: ConversationId,
    pub(crate) answer_id: MessageId,
    /// 1 for the first responder.
    pub(crate) attempt: u32,
    pub(crate) posted_at: Timestamp,
    pub(crate) meta: Meta,
}

/// Why nothing was said. The code goes to the visitor, the text to operators.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the passages cannot be read")]
    Retrieval(#[from] RetrieveError),
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
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Retrieval(_) => "knowledge_unavailable",
            Self::Timeout => "answer_timeout",
            Self::Answer(_) | Self::NoAgent | Self::Poison | Self::Log(_) => "answer_failed",
        }
    }

    /// Whether the same message may be answered another time.
    pub(crate) const fn is_retryable(&self) -> bool {
        !matches!(self, Self::NoAgent | Self::Poison)
    }
}

impl Turn {
    fn of(due: &Due) -> Option<Self> {
        let Subject::Conversation { conversation_id, .. } = due.recorded.subject else {
            return None;
        };
        let attributes = &due.recorded.attributes;
        Some(Self {
            subject: due.recorded.subject,
            conversation_id,
            answer_id: due.answer_id,
            attempt: due.attempt,
            posted_at: due.recorded.stored_at,
            meta: Meta {
                workspace_id: attributes.workspaceid,
                conversation_id: attributes.conversationid,
                correlation_id: attributes.correlationid.clone(),
                causation_id: Some(attributes.id),
                traceparent: attributes.traceparent.clone(),
            },
        })
    }
}

/// Answers one turn.
///
/// # Errors
/// The log cannot be read or written: the turn has to be delivered again.
pub(crate) async fn run(worker: &Worker, due: Due) -> Result<(), LogError> {
    let started = Instant::now();
    let Some(turn) = Turn::of(&due) else {
        return Ok(());
    };
    let stop = worker.stops.register(turn.answer_id);
    // A state from before the question would say that nobody waits for an answer.
    let asked = due.recorded.position.sequence;
    let loaded = worker.log.load_with::<Conversation>(&turn.subject, asked).await?;
    let state = &loaded.state;
    let Some(open) = state.open_turn().filter(|open| open.answer_id == turn.answer_id) else {
        end::conclude(worker, &turn, state).await?;
        metrics::turn_ended("void", started.elapsed());
        return Ok(());
    };
    let ids = (turn.conversation_id, turn.answer_id);
    let mut frames = FrameWriter::begin(&worker.log, ids, turn.attempt, turn.posted_at).await?;
    let said = if turn.attempt > ATTEMPTS_MAX {
        Err(Failure::Poison)
    } else {
        let answered = answer(
            worker,
            (&turn.subject, state, open),
            (&stop.requested, started),
            &mut frames,
        );
        tokio::time::timeout(worker.config.answer_timeout(), answered)
            .await
            .unwrap_or(Err(Failure::Timeout))
    };
    let outcome = match said {
        Ok(said) => end::complete(worker, &turn, said, &mut frames).await?,
        Err(Failure::Log(error)) => return Err(error),
        Err(failure) => end::fail(worker, &turn, failure, &mut frames).await?,
    };
    metrics::turn_ended(outcome, started.elapsed());
    end::snapshot(worker, &turn.subject, state.messages()).await;
    Ok(())
}

/// Streams the answer, until it ends or is stopped. Passages are looked up only for what needs them.
async fn answer(
    worker: &Worker,
    (subject, state, open): (&Subject, &Conversation, &OpenTurn),
    (stop, started): (&CancellationToken, Instant),
    frames: &mut FrameWriter,
) -> Result<Said, Failure> {
    if open.stop_requested {
        stop.cancel();
    }
    let agent_id = subject.agent_id().ok_or(Failure::NoAgent)?;
    let agent = worker.directory.find_agent(agent_id).await.map_err(Failure::Log)?;
    let agent = agent.ok_or(Failure::NoAgent)?;
    let question = Question {
        agent: &agent,
        turn: open,
        history: state
            .recent_messages()
            .filter(|message| message.id != open.message_id)
            .collect(),
    };
    let answer = if let Some(answer) = answer::known(&question) {
        answer
    } else {
        let asked = Instant::now();
        let retrieved = retrieve::passages(&worker.pool, &worker.questions, asked_in(agent_id, &question)).await?;
        metrics::retrieval(asked.elapsed());
        worker.answerer.answer(&question, &retrieved)
    };
    speak(answer, stop, started, frames).await
}

/// What is looked up for `question`.
fn asked_in<'a>(agent_id: AgentId, question: &'a Question<'_>) -> Asked<'a> {
    let mut said_before = question.history.iter().rev();
    let before = said_before.find(|message| message.role == Role::Visitor);
    Asked {
        agent_id,
        question: question.turn.question.expose(),
        before: before.map(|message| message.content.expose().as_str()),
        page_url: question.turn.page_url.as_ref().map(|url| url.expose().as_str()),
    }
}
