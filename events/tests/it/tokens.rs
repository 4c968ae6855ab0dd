//! Frames of an answer, kept for those who come late.

use events::{
    ConversationId, MessageId,
    log::FrameWriter,
    tokens::{FrameBody, FrameKind},
};

use crate::support::Bench;

#[tokio::test]
async fn frames_are_kept_in_order_and_read_from_anywhere() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let (conversation_id, answer_id) = (ConversationId::generate(), MessageId::generate());
    let mut writer = FrameWriter::begin(&log, conversation_id, answer_id, 1)
        .await
        .expect("a writer");
    for index in 0..100 {
        writer
            .send(FrameBody::Token {
                token: format!("{index} "),
            })
            .await
            .expect("sent");
    }
    writer
        .send(FrameBody::Citations { citations: vec![] })
        .await
        .expect("sent");
    writer.send(done(conversation_id, answer_id)).await.expect("sent");

    let all = log.frames_after(conversation_id, answer_id, 0).await.expect("frames");
    let late = log.frames_after(conversation_id, answer_id, 99).await.expect("frames");

    assert_eq!(
        all.iter().map(|frame| frame.index).collect::<Vec<_>>(),
        (0..102).collect::<Vec<_>>()
    );
    assert_eq!(
        late.iter().map(|frame| frame.kind).collect::<Vec<_>>(),
        [FrameKind::Token, FrameKind::Citations, FrameKind::Done]
    );
}

#[tokio::test]
async fn a_second_attempt_continues_and_says_so() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let (conversation_id, answer_id) = (ConversationId::generate(), MessageId::generate());
    let mut first = FrameWriter::begin(&log, conversation_id, answer_id, 1)
        .await
        .expect("a writer");
    first
        .send(FrameBody::Token {
            token: "Our ".to_owned(),
        })
        .await
        .expect("sent");
    while log
        .frames_after(conversation_id, answer_id, 0)
        .await
        .expect("frames")
        .is_empty()
    {
        tokio::task::yield_now().await;
    }

    let mut second = FrameWriter::begin(&log, conversation_id, answer_id, 2)
        .await
        .expect("a writer");
    second.send(done(conversation_id, answer_id)).await.expect("sent");

    let frames = log.frames_after(conversation_id, answer_id, 0).await.expect("frames");
    let told: Vec<_> = frames
        .iter()
        .map(|frame| (frame.attempt, frame.index, frame.kind))
        .collect();
    assert_eq!(
        told,
        [
            (1, 0, FrameKind::Token),
            (2, 1, FrameKind::Restart),
            (2, 2, FrameKind::Done)
        ]
    );
}

#[tokio::test]
async fn a_second_attempt_at_an_answer_that_nobody_saw_is_like_a_first() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let (conversation_id, answer_id) = (ConversationId::generate(), MessageId::generate());

    let mut second = FrameWriter::begin(&log, conversation_id, answer_id, 2)
        .await
        .expect("a writer");
    second.send(done(conversation_id, answer_id)).await.expect("sent");

    let frames = log.frames_after(conversation_id, answer_id, 0).await.expect("frames");
    assert_eq!(
        frames.iter().map(|frame| (frame.index, frame.kind)).collect::<Vec<_>>(),
        [(0, FrameKind::Done)]
    );
}

fn done(conversation_id: ConversationId, message_id: MessageId) -> FrameBody {
    FrameBody::Done {
        conversation_id,
        message_id,
        finish_reason: None,
        low_confidence: false,
    }
}
