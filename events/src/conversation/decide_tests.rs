//! Given these events, when this is done, then that follows.

use cqrs_es::test::TestFramework;

use super::*;

#[path = "state_tests.rs"]
mod state;

const FIRST: u128 = 10;
const SECOND: u128 = 20;

#[test]
fn a_second_message_waits_for_the_first_answer() {
    given([posted(FIRST)])
        .when(post(SECOND))
        .then_expect_error(Refusal::TurnInProgress {
            answer_id: answer(FIRST),
        });
}

#[test]
fn an_answer_frees_the_turn() {
    given([posted(FIRST), answered(FIRST)])
        .when(post(SECOND))
        .then_expect_events(vec![posted(SECOND)]);
}

#[test]
fn a_failed_answer_frees_the_turn() {
    given([posted(FIRST), failed(FIRST)])
        .when(post(SECOND))
        .then_expect_events(vec![posted(SECOND)]);
}

#[test]
fn an_abandoned_turn_does_not_block_for_ever() {
    let late = Command {
        at: now().plus(TURN_PATIENCE),
        ..post(SECOND)
    };
    let expected = Event::MessagePosted {
        message_id: message(SECOND),
        answer_id: Some(answer(SECOND)),
        client_message_id: Some(SECOND.to_string()),
        content: "hello".into(),
        page_url: None,
        page_context: None,
        at: late.at,
    };
    given([posted(FIRST)]).when(late).then_expect_events(vec![expected]);
}

#[test]
fn a_repeated_message_changes_nothing() {
    given([posted(FIRST)]).when(post(FIRST)).then_expect_events(vec![]);
    given([posted(FIRST), answered(FIRST)])
        .when(post(FIRST))
        .then_expect_events(vec![]);
}

#[test]
fn an_answer_is_given_once() {
    given([posted(FIRST)])
        .when(complete(FIRST))
        .then_expect_events(vec![answered(FIRST)]);
    given([posted(FIRST), answered(FIRST)])
        .when(complete(FIRST))
        .then_expect_error(Refusal::TurnNotOpen);
}

#[test]
fn a_late_answer_to_an_earlier_message_is_not_taken_for_the_one_that_is_waited_for() {
    given([posted(FIRST), failed(FIRST), posted(SECOND)])
        .when(complete(FIRST))
        .then_expect_error(Refusal::TurnNotOpen);
}

#[test]
fn nobody_waits_for_an_answer_that_was_cleared_closed_or_taken_over() {
    for end in [cleared(), closed(), claimed("ann")] {
        given([posted(FIRST), end])
            .when(complete(FIRST))
            .then_expect_error(Refusal::TurnNotOpen);
    }
}

#[test]
fn stopping_twice_is_stopping_once() {
    given([posted(FIRST)])
        .when(stop(FIRST))
        .then_expect_events(vec![stop_requested(FIRST)]);
    given([posted(FIRST), stop_requested(FIRST)])
        .when(stop(FIRST))
        .then_expect_events(vec![]);
    given([posted(FIRST), answered(FIRST)])
        .when(stop(FIRST))
        .then_expect_events(vec![]);
    given([posted(FIRST)])
        .when(stop(SECOND))
        .then_expect_error(Refusal::MessageUnknown);
}

#[test]
fn only_answers_are_rated() {
    let rate = |id| {
        act(Action::RateMessage {
            message_id: answer(id),
            rating: Some(Rating::Up),
            comment: None,
        })
    };
    let rated = Event::MessageRated {
        message_id: answer(FIRST),
        rating: Some(Rating::Up),
        comment: None,
        at: now(),
    };
    given([posted(FIRST), answered(FIRST)])
        .when(rate(FIRST))
        .then_expect_events(vec![rated]);
    given([posted(FIRST)])
        .when(rate(FIRST))
        .then_expect_error(Refusal::MessageUnknown);
}

#[test]
fn nothing_is_posted_to_a_closed_conversation() {
    given([closed()]).when(post(FIRST)).then_expect_error(Refusal::Closed);
}

#[test]
fn a_message_to_a_person_opens_no_turn() {
    let Event::MessagePosted {
        message_id,
        client_message_id,
        content,
        at,
        ..
    } = posted(FIRST)
    else {
        unreachable!("posted() makes a MessagePosted")
    };
    let unanswered = Event::MessagePosted {
        message_id,
        answer_id: None,
        client_message_id,
        content,
        page_url: None,
        page_context: None,
        at,
    };
    given([claimed("ann")])
        .when(post(FIRST))
        .then_expect_events(vec![unanswered]);
}

#[test]
fn of_two_who_claim_the_first_has_it() {
    given([]).when(claim("ann")).then_expect_events(vec![claimed("ann")]);
    given([claimed("ann")]).when(claim("ann")).then_expect_events(vec![]);
    given([claimed("ann")])
        .when(claim("bob"))
        .then_expect_error(Refusal::ClaimedByAnother { name: "ann".to_owned() });
}

#[test]
fn only_who_has_the_conversation_replies() {
    let reply = |who| {
        act(Action::Reply {
            message_id: message(FIRST),
            content: "hello".into(),
            operator: operator(who),
        })
    };
    let replied = Event::MessageReplied {
        message_id: message(FIRST),
        content: "hello".into(),
        operator: operator("ann"),
        at: now(),
    };
    given([]).when(reply("ann")).then_expect_error(Refusal::NotClaimed);
    given([claimed("ann")])
        .when(reply("bob"))
        .then_expect_error(Refusal::ClaimedByAnother { name: "ann".to_owned() });
    given([claimed("ann")])
        .when(reply("ann"))
        .then_expect_events(vec![replied.clone()]);
    given([claimed("ann"), replied])
        .when(reply("ann"))
        .then_expect_events(vec![]);
}

#[test]
fn a_claim_instead_of_somebody_who_is_gone_ends_theirs_and_nobody_elses() {
    let released = Event::Released {
        operator: operator("ann"),
        at: now(),
    };
    given([claimed("ann")])
        .when(claim_instead_of("bob", Some("ann")))
        .then_expect_events(vec![released.clone(), claimed("bob")]);
    given([claimed("ann")])
        .when(claim_instead_of("bob", Some("kim")))
        .then_expect_error(Refusal::ClaimedByAnother { name: "ann".to_owned() });
    given([claimed("ann"), released, claimed("bob")])
        .when(claim_instead_of("bob", Some("ann")))
        .then_expect_events(vec![]);
}

#[test]
fn releasing_and_closing_twice_is_once() {
    let released = Event::Released {
        operator: operator("ann"),
        at: now(),
    };
    let release = || {
        act(Action::Release {
            operator: operator("ann"),
        })
    };
    given([claimed("ann")])
        .when(release())
        .then_expect_events(vec![released.clone()]);
    given([claimed("ann"), released])
        .when(release())
        .then_expect_events(vec![]);
    given([closed()])
        .when(act(Action::Close { by: ClosedBy::Visitor }))
        .then_expect_events(vec![]);
}

#[test]
fn who_closes_an_open_conversation_ends_it() {
    given([claimed("ann"), posted(FIRST)])
        .when(act(Action::Close { by: ClosedBy::Visitor }))
        .then_expect_events(vec![closed()]);
}

#[test]
fn a_closed_conversation_is_nobodys_to_claim_or_to_answer_in() {
    let reply = act(Action::Reply {
        message_id: message(FIRST),
        content: "hello".into(),
        operator: operator("ann"),
    });
    for command in [claim("ann"), reply] {
        given([claimed("ann"), closed()])
            .when(command)
            .then_expect_error(Refusal::Closed);
    }
}

#[test]
fn a_person_is_requested_once() {
    let request = || act(Action::RequestHuman { reason: None });
    let requested = Event::HumanRequested {
        reason: None,
        at: now(),
    };
    given([]).when(request()).then_expect_events(vec![requested.clone()]);
    given([requested.clone()]).when(request()).then_expect_events(vec![]);
    given([claimed("ann")]).when(request()).then_expect_events(vec![]);
    given([requested, claimed("ann"), closed()])
        .when(request())
        .then_expect_error(Refusal::Closed);
}

fn given(events: impl Into<Vec<Event>>) -> cqrs_es::test::AggregateTestExecutor<Conversation> {
    TestFramework::with(()).given(events.into())
}

fn act(action: Action) -> Command {
    Command { at: now(), action }
}

fn post(id: u128) -> Command {
    act(Action::PostMessage {
        message_id: message(id),
        answer_id: answer(id),
        client_message_id: Some(id.to_string()),
        content: "hello".into(),
        page_url: None,
        page_context: None,
    })
}

fn posted(id: u128) -> Event {
    Event::MessagePosted {
        message_id: message(id),
        answer_id: Some(answer(id)),
        client_message_id: Some(id.to_string()),
        content: "hello".into(),
        page_url: None,
        page_context: None,
        at: now(),
    }
}

fn complete(id: u128) -> Command {
    act(Action::CompleteAnswer {
        message_id: answer(id),
        content: "hi".into(),
        citations: vec![],
        low_confidence: false,
        finish_reason: FinishReason::Complete,
        answerer: "extractive".to_owned(),
        usage: None,
        first_token_ms: None,
    })
}

fn answered(id: u128) -> Event {
    Event::MessageAnswered {
        message_id: answer(id),
        content: "hi".into(),
        citations: vec![],
        low_confidence: false,
        finish_reason: FinishReason::Complete,
        answerer: "extractive".to_owned(),
        usage: None,
        first_token_ms: None,
        at: now(),
    }
}

fn failed(id: u128) -> Event {
    Event::MessageFailed {
        message_id: answer(id),
        code: "model".to_owned(),
        reason: String::new(),
        at: now(),
    }
}

fn stop(id: u128) -> Command {
    act(Action::RequestStop { message_id: answer(id) })
}

fn stop_requested(id: u128) -> Event {
    Event::StopRequested {
        message_id: answer(id),
        at: now(),
    }
}

fn cleared() -> Event {
    Event::Cleared { at: now() }
}

fn closed() -> Event {
    Event::Closed {
        by: ClosedBy::Visitor,
        at: now(),
    }
}

fn claim(who: &str) -> Command {
    claim_instead_of(who, None)
}

fn claim_instead_of(who: &str, gone: Option<&str>) -> Command {
    act(Action::Claim {
        operator: operator(who),
        instead_of: gone.map(str::to_owned),
    })
}

fn claimed(who: &str) -> Event {
    Event::Claimed {
        operator: operator(who),
        at: now(),
    }
}

fn operator(who: &str) -> Operator {
    Operator {
        id: who.to_owned(),
        name: who.to_owned(),
    }
}

fn message(id: u128) -> MessageId {
    MessageId::from_bits(id)
}

fn answer(id: u128) -> MessageId {
    MessageId::from_bits(id + 1)
}

fn now() -> Timestamp {
    Timestamp::from_unix_millis(0)
}
