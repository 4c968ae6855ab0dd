//! One process with all roles: idle, and with a thousand streams that wait for their next token.

use crate::{
    model::Model,
    product::Product,
    report::{Figure, Report},
    visitor::{Visitor, read_until},
};

const STREAMS: u32 = 1_000;

const PATIENT: [(&str, &str); 3] = [
    ("MAX_TURNS", "2000"),
    ("ANSWER_TIMEOUT_SECONDS", "600"),
    ("LLM_STALL_SECONDS", "600"),
];

pub(super) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let model = Model::start_hesitant().await?;
    let product = Product::start(&[&model.settings()[..], &PATIENT].concat()).await?;
    // The embedding model is in memory then.
    product.embedded().await?;
    let idle = product.memory_mb()?;
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let mut visitor = Visitor::init(&product.address).await?;
        let mut answer = visitor.ask("How long does shipping take?").await?.into_body();
        read_until(&mut answer, b"\"event\":\"token\"").await?;
        streams.push((visitor, answer));
    }
    let busy = product.memory_mb()?;
    model.go_on();
    let mut finished = 0;
    for (_visitor, answer) in &mut streams {
        finished += u32::from(read_until(answer, b"\"event\":\"done\"").await.is_ok());
    }
    product.stop().await?;

    report.row(
        "idle, all roles",
        Figure {
            unit: "MB",
            diagent: idle,
            limit: None,
        },
        "",
    );
    report.row(
        format!("with {STREAMS} open streams"),
        Figure {
            unit: "MB",
            diagent: busy,
            limit: None,
        },
        "",
    );
    report.row(
        "one open stream, its turn included",
        Figure {
            unit: "KB",
            diagent: (busy - idle) * 1024.0 / f64::from(STREAMS),
            limit: None,
        },
        "",
    );
    report.row(
        "streams that ended in done",
        Figure {
            unit: "",
            diagent: f64::from(finished),
            limit: Some(f64::from(STREAMS)),
        },
        "1.00",
    );
    Ok(())
}
