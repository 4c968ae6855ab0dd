//! What the state shows of what has happened.

use super::*;

#[test]
fn nobody_has_a_closed_conversation() {
    let state = folded([claimed("ann"), closed()]);
    assert!(state.is_closed());
    assert_eq!(state.claimed_by(), None);
}

#[test]
fn the_state_says_what_happened_last() {
    let fresh = Conversation::default();
    assert_eq!(
        (fresh.last_turn(), fresh.last_message_at(), fresh.cleared_at()),
        (None, None, None)
    );
    let requested = Event::HumanRequested {
        reason: None,
        at: now(),
    };
    let asked = [posted(FIRST), answered(FIRST), requested];
    let state = folded(asked.clone());
    assert!(state.is_human_requested() && !state.is_closed());
    assert_eq!(
        (state.last_turn(), state.last_message_at()),
        (Some(answer(FIRST)), Some(now()))
    );
    let state = folded(asked.into_iter().chain([claimed("ann"), cleared()]));
    assert!(!state.is_human_requested(), "somebody came");
    assert_eq!(state.cleared_at(), Some(now()));
}

#[test]
fn a_turn_is_open_and_whoever_claims_has_the_conversation() {
    let state = folded([posted(FIRST)]);
    let open = state.open_turn().expect("a turn");
    assert_eq!((open.message_id, open.answer_id), (message(FIRST), answer(FIRST)));

    let state = folded([posted(FIRST), claimed("ann")]);
    assert_eq!(state.open_turn(), None);
    assert_eq!(state.claimed_by(), Some(&operator("ann")));
}

#[test]
fn an_answer_is_shown_with_all_that_was_said_of_it_and_a_reply_with_who_wrote_it() {
    let source = crate::conversation::Citation {
        id: 1,
        url: "https://your-site.com/returns#how".to_owned(),
        title: Some("Returns".to_owned()),
        snippet: None,
    };
    let mut unsure = answered(FIRST);
    if let Event::MessageAnswered {
        citations,
        low_confidence,
        finish_reason,
        ..
    } = &mut unsure
    {
        citations.push(source.clone());
        *low_confidence = true;
        *finish_reason = FinishReason::Stopped;
    }
    let reply = Event::MessageReplied {
        message_id: answer(SECOND),
        content: "I am here.".into(),
        operator: operator("ann"),
        at: now(),
    };

    let state = folded([posted(FIRST), unsure, claimed("ann"), reply]);

    let said: Vec<_> = state.recent_messages().skip(1).collect();
    assert_eq!(said[0].citations, [source]);
    assert_eq!(said[0].low_confidence, Some(true));
    assert_eq!(said[0].finish_reason, Some(FinishReason::Stopped));
    assert_eq!(said[1].author, Some(operator("ann").name));
}

#[test]
fn a_rating_is_of_one_answer_and_is_no_message() {
    let rated = Event::MessageRated {
        message_id: answer(FIRST),
        rating: Some(Rating::Up),
        comment: None,
        at: now(),
    };
    let events = [posted(FIRST), answered(FIRST), posted(SECOND), answered(SECOND), rated];
    let recent = folded(events.clone()).recent_messages().cloned().collect();
    for messages in [recent, crate::conversation::visible_messages(events)] {
        let ratings: Vec<_> = messages.iter().map(|message| message.rating).collect();
        assert_eq!(ratings, [None, Some(Rating::Up), None, None]);
    }
}

#[test]
fn the_state_shows_the_last_thirty_messages_since_the_clear() {
    let turns = |from: u128, to| (from..to).flat_map(|id| [posted(id * 10), answered(id * 10)]);
    let state = folded(turns(0, 40));
    assert_eq!(state.recent_messages().len(), 30);
    assert_eq!(state.messages(), 80);

    let state = folded(turns(0, 3).chain([cleared()]).chain(turns(5, 6)));
    assert_eq!(
        state.recent_messages().map(|message| message.id).collect::<Vec<_>>(),
        [message(50), answer(50)]
    );
}

#[test]
fn paging_back_shows_more_than_the_state_keeps() {
    let events: Vec<_> = (0..40).flat_map(|id| [posted(id * 10), answered(id * 10)]).collect();
    assert_eq!(crate::conversation::visible_messages(events.clone()).len(), 80);
    assert_eq!(
        crate::conversation::visible_messages(events.into_iter().chain([cleared()])).len(),
        0
    );
}

fn folded(events: impl IntoIterator<Item = Event>) -> Conversation {
    let mut state = Conversation::default();
    events.into_iter().for_each(|event| state.apply(event));
    state
}
