//! Every figure of the responder: name, unit, meaning.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

pub(crate) fn describe() {
    describe_counter!(
        "responder_turns_total",
        "Turns by outcome: answered, stopped, failed, void (nobody waited any more), given_back (to another instance)"
    );
    describe_counter!(
        "responder_turns_redelivered_total",
        "Turns that came after another attempt at them was lost or given back"
    );
    describe_histogram!(
        "responder_first_token_seconds",
        Unit::Seconds,
        "From a turn's start to its first token"
    );
    describe_histogram!(
        "responder_turn_seconds",
        Unit::Seconds,
        "From a turn's start to its last frame"
    );
    describe_histogram!(
        "responder_retrieval_seconds",
        Unit::Seconds,
        "Time to find the passages of a question"
    );
    describe_counter!(
        "responder_questions_embedded_total",
        "Vectors of questions by outcome: embedded, failed, passed_over (soon after a failure)"
    );
    describe_histogram!(
        "responder_question_embedding_seconds",
        Unit::Seconds,
        "Time that the embedding model took for a question"
    );
    describe_counter!("responder_passages_embedded_total", "Passages that were given a vector");
    describe_gauge!(
        "responder_turns_running",
        "Turns that are being answered or wait for their place"
    );
}

pub(crate) fn turn_ended(outcome: &'static str, elapsed: Duration) {
    counter!("responder_turns_total", "outcome" => outcome).increment(1);
    histogram!("responder_turn_seconds").record(elapsed);
}

/// It did not end here, so it has no duration.
pub(crate) fn turn_given_back() {
    counter!("responder_turns_total", "outcome" => "given_back").increment(1);
}

pub(crate) fn turn_redelivered() {
    counter!("responder_turns_redelivered_total").increment(1);
}

pub(crate) fn first_token(elapsed: Duration) {
    histogram!("responder_first_token_seconds").record(elapsed);
}

pub(crate) fn retrieval(elapsed: Duration) {
    histogram!("responder_retrieval_seconds").record(elapsed);
}

/// `elapsed` of one that was embedded.
pub(crate) fn question_embedded(outcome: &'static str, elapsed: Option<Duration>) {
    counter!("responder_questions_embedded_total", "outcome" => outcome).increment(1);
    if let Some(elapsed) = elapsed {
        histogram!("responder_question_embedding_seconds").record(elapsed);
    }
}

pub(crate) fn passages_embedded(passages: usize) {
    counter!("responder_passages_embedded_total").increment(passages as u64);
}

/// Counts a turn while it lives.
pub(crate) struct Running;

impl Running {
    pub(crate) fn begin() -> Self {
        gauge!("responder_turns_running").increment(1);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        gauge!("responder_turns_running").decrement(1);
    }
}
