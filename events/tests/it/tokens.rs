//! Frames of an answer, kept for those who come late.

use events::{
    ConversationId, MessageId,
    log::FrameWriter,
    tokens::{Arrival, FrameBody, FrameKind, FrameOrder},
};

use crate::support::Bench;

#[tokio::test]
async fn frames_are_kept_in_order_and_read_from_anywhere() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let (conversation_id, answer_id) = (ConversationId::generate(), MessageId::generate());
    let mut writer = FrameWriter::begin(&log, (conversation_id, answer_id), 1, log.clock().now())
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
async fn a_long_answer_is_read_in_pages() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let ids = (ConversationId::generate(), MessageId::generate());
    let mut writer = FrameWriter::begin(&log, ids, 1, log.clock().now())
        .await
        .expect("a writer");
    for _ in 0..300 {
        let token = "word ".to_owned();
        writer.send(FrameBody::Token { token }).await.expect("sent");
    }
    writer.send(done(ids.0, ids.1)).await.expect("sent");

    let (mut first, mut indices, mut pages) = (1, Vec::new(), 0);
    loop {
        let page = log.frames_page(ids.0, ids.1, first).await.expect("a page");
        assert!(page.frames.len() <= 128, "{}", page.frames.len());
        indices.extend(page.frames.iter().map(|frame| frame.index));
        (first, pages) = (page.next, pages + 1);
        if !page.more {
            break;
        }
    }

    assert_eq!(indices, (0..301).collect::<Vec<_>>());
    assert_eq!(pages, 3);
    let nothing = log.frames_page(ids.0, ids.1, first).await.expect("a page");
    assert!(nothing.frames.is_empty() && !nothing.more);
    assert_eq!(nothing.next, first, "what comes later is read from there");
}

#[tokio::test]
async fn a_second_attempt_continues_and_says_so() {
    let Bench { log, nats: _nats } = Bench::start().await;
    let (conversation_id, answer_id) = (ConversationId::generate(), MessageId::generate());
    let mut first = FrameWriter::begin(&log, (conversation_id, answer_id), 1, log.clock().now())
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

    let mut second = FrameWriter::begin(&log, (conversation_id, answer_id), 2, log.clock().now())
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

    let mut second = FrameWriter::begin(&log, (conversation_id, answer_id), 2, log.clock().now())
        .await
        .expect("a writer");
    second.send(done(conversation_id, answer_id)).await.expect("sent");

    let frames = log.frames_after(conversation_id, answer_id, 0).await.expect("frames");
    assert_eq!(
        frames.iter().map(|frame| (frame.index, frame.kind)).collect::<Vec<_>>(),
        [(0, FrameKind::Done)]
    );
}

#[tokio::test]
async fn numbers_of_frames_that_are_lost_are_not_given_again() {
    let Bench { log, mut nats } = Bench::start().await;
    let (ids, posted_at) = ((ConversationId::generate(), MessageId::generate()), log.clock().now());
    let mut first = FrameWriter::begin(&log, ids, 1, posted_at).await.expect("a writer");
    for _ in 0..3 {
        let token = "seen ".to_owned();
        first.send(FrameBody::Token { token }).await.expect("sent");
    }

    nats.kill();
    nats.restart().await;

    // The server may have forgotten that it delivered the message: it counts as the first attempt again.
    let mut second = loop {
        if let Ok(writer) = FrameWriter::begin(&log, ids, 1, posted_at).await {
            break writer;
        }
    };
    second.send(done(ids.0, ids.1)).await.expect("sent");
    let frames = log.frames_after(ids.0, ids.1, 0).await.expect("frames");
    let kinds: Vec<FrameKind> = frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [FrameKind::Restart, FrameKind::Done]);
    let mut order = FrameOrder::after(Some(2));
    for frame in &frames {
        assert_eq!(
            order.take(frame),
            Arrival::Next,
            "who saw the lost ones goes on with these"
        );
    }
}

fn done(conversation_id: ConversationId, message_id: MessageId) -> FrameBody {
    FrameBody::Done {
        conversation_id,
        message_id,
        finish_reason: None,
        low_confidence: false,
    }
}
