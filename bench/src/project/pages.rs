//! Pages of a few agents' sites, as a crawl puts them.

use events::{AgentId, Clock, DocumentId, Log, Partition, Subject, document::DocumentEvent};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::fill::{AGENTS, meta};

const CONCURRENCY: usize = 64;
const SECTIONS: u64 = 5;

/// Puts as many pages as `pages` says beside those that are there.
pub(crate) async fn put(log: &Log, pages: usize) -> anyhow::Result<()> {
    let first = log.last_sequence(Partition::Control).await?;
    stream::iter((first..first + pages as u64).map(|number| put_one(log, number)))
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await
}

async fn put_one(log: &Log, number: u64) -> anyhow::Result<()> {
    let agent_id = AgentId::from_bits(u128::from(number % AGENTS) + 1);
    let url = format!("https://shop.example/help/{number}");
    let subject = Subject::Document {
        agent_id,
        document_id: DocumentId::derive(agent_id, &url),
    };
    let page = DocumentEvent::Put {
        url,
        title: format!("What to know of tent {number}"),
        text: (0..SECTIONS).map(|index| section(number, index)).collect(),
        at: Clock::default().now(),
        crawled: None,
    };
    log.append(&subject, &[page], &meta(agent_id)).await?;
    Ok(())
}

/// Some 600 bytes.
fn section(number: u64, index: u64) -> String {
    let sentence = format!(
        "The tent number {number} weighs {index} kilograms and takes {} people; its poles are of aluminium, and whoever \
         loses one orders it with the code P{} in the shop, which sends it on the same day. ",
        number % 7 + 1,
        number * SECTIONS + index,
    );
    format!("## Chapter {index} of tent {number}\n\n{}\n\n", sentence.repeat(3))
}
