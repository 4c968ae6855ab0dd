//! What the read API serves when everything is over: the same as whoever folds the log finds.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use serde_json::Value;

use super::cluster::Cluster;
use crate::{
    apart,
    support::{client, send},
};

/// Questions that are on their way at a time.
const AT_ONCE: usize = 8;

/// An agent's conversations and leads, as its team sees them.
#[derive(Debug, Default, PartialEq)]
struct Team {
    /// By id, what was said: role, text, and what became of it.
    conversations: BTreeMap<String, Vec<[String; 3]>>,
    /// By address, how often it was left.
    leads: BTreeMap<String, u64>,
}

/// Compares what is served with these events, those of the whole log.
pub(super) async fn check(cluster: &Cluster, events: &[Value], seeded: &str) {
    let served = Team::served(cluster).await;
    let folded = Team::folded(events);
    assert_eq!(served.leads, folded.leads, "{seeded}: leads, served and in the log");
    let ids = |team: &Team| team.conversations.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        ids(&served),
        ids(&folded),
        "{seeded}: conversations, served and in the log"
    );
    for (id, said) in &served.conversations {
        assert_eq!(said, &folded.conversations[id], "{seeded}: {id}, served and in the log");
    }
}

impl Team {
    fn folded(events: &[Value]) -> Self {
        let mut team = Self::default();
        for event in events {
            team.apply(event);
        }
        team
    }

    fn apply(&mut self, event: &Value) {
        let data = &event["data"];
        let said = |role: &str, became: &str| [role, text(&data["content"]), became].map(str::to_owned);
        let id = || text(&event["conversationid"]).to_owned();
        match text(&event["type"]) {
            "diagent.conversation.started" => {
                let id = text(&data["conversation_id"]).to_owned();
                self.conversations.entry(id).or_default();
            }
            "diagent.message.posted" => {
                let said = said("visitor", "posted");
                self.conversations.entry(id()).or_default().push(said);
            }
            "diagent.message.answered" => {
                let conversation = self.conversations.entry(id()).or_default();
                conversation.last_mut().expect("a question")[2] = "answered".to_owned();
                conversation.push(said("assistant", "answered"));
            }
            "diagent.message.failed" => {
                let conversation = self.conversations.entry(id()).or_default();
                conversation.last_mut().expect("a question")[2] = "failed".to_owned();
            }
            "diagent.lead.captured" => *self.leads.entry(text(&data["email"]).to_owned()).or_default() += 1,
            _ => {}
        }
    }

    async fn served(cluster: &Cluster) -> Self {
        let agent = format!("agents/{}", cluster.agent_id());
        let leads = rows(cluster, &format!("{agent}/leads")).await;
        let conversations = rows(cluster, &format!("{agent}/conversations")).await;
        let conversations = stream::iter(conversations).map(async |row| {
            let id = text(&row["conversation_id"]).to_owned();
            let conversation = get(cluster, &format!("conversations/{id}")).await;
            (id, messages(&conversation["data"]))
        });
        Self {
            conversations: conversations.buffer_unordered(AT_ONCE).collect().await,
            leads: leads
                .iter()
                .map(|lead| {
                    (
                        text(&lead["email"]).to_owned(),
                        lead["submissions"].as_u64().expect("a number"),
                    )
                })
                .collect(),
        }
    }
}

fn messages(conversation: &Value) -> Vec<[String; 3]> {
    let messages = conversation["messages"].as_array().expect("messages");
    let said = messages
        .iter()
        .map(|message| ["role", "content", "status"].map(|name| text(&message[name]).to_owned()));
    said.collect()
}

/// Everything of a list, page by page.
async fn rows(cluster: &Cluster, path: &str) -> Vec<Value> {
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let mut page = get(cluster, &format!("{path}?limit=200{after}")).await;
        rows.append(page["data"].as_array_mut().expect("rows"));
        match page["next_cursor"].as_str() {
            Some(cursor) => after = format!("&cursor={cursor}"),
            None => return rows,
        }
    }
}

async fn get(cluster: &Cluster, path: &str) -> Value {
    let url = format!("{}/{path}", cluster.read_api());
    send(client().get(url).bearer_auth(apart::token())).await
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
