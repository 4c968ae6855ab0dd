//! Questions that are like each other are one gap, in whatever order and form their words come.

use events::MessageId;

use crate::support::{Bench, Someone, answered, posted_for};

const QUESTIONS: [&str; 8] = [
    "Do you ship to Norway?",
    "are you SHIPPING to  Norway",
    "Norway: do you ship there?",
    "Do you ship to Sweden?",
    "Habt ihr Fahrräder für Kinder?",
    "Ein Fahrrad für die Kinder, habt ihr das?",
    "what is it?",
    "¿?",
];

#[tokio::test]
async fn questions_that_are_like_each_other_are_one_gap() {
    let bench = Bench::start().await;
    let process = bench.projector();
    let someone = Someone::in_partition(1);
    bench.append(&someone.visitor(), &[someone.started()]).await;
    for question in QUESTIONS {
        let answer_id = MessageId::generate();
        let turn = [
            posted_for(question, answer_id),
            answered(answer_id, "I do not know.", true),
        ];
        bench.append(&someone.conversation(), &turn).await;
    }
    bench.caught_up("gaps").await;

    let groups: Vec<Vec<String>> = sqlx::query_scalar(
        "SELECT array_agg(question ORDER BY message_id) FROM read.gaps GROUP BY grouping_key ORDER BY min(message_id)",
    )
    .fetch_all(&bench.pool)
    .await
    .expect("gaps");
    let expected = [
        &QUESTIONS[..3],
        &QUESTIONS[3..4],
        &QUESTIONS[4..6],
        &QUESTIONS[6..7],
        &QUESTIONS[7..],
    ];
    assert_eq!(groups, expected);
    process.stop().await;
}
