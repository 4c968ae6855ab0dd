//! What the read API serves when everything is over: the same as whoever folds the log finds, and to each team its own.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use edge::operator::Scope;
use futures::{StreamExt as _, stream};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::{checker::lasting, cluster::Cluster};
use crate::{
    apart::{self, Shop},
    support::{PATIENCE, client, send},
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

/// Compares what is served with these events, those of the whole log. Each team asks with a token of its own workspace.
pub(super) async fn check(cluster: &Cluster, events: &[Value], seeded: &str) {
    for shop in cluster.shops() {
        let (own, others): (Vec<&Value>, Vec<&Value>) = events
            .iter()
            .partition(|event| event["workspaceid"] == shop.workspace_id.to_string());
        let asker = Asker::of(cluster, shop);
        let replayed = cluster.replay_with(&asker.token).await;
        assert_eq!(
            lasting(&replayed),
            lasting(own.iter().copied()),
            "{seeded}: a team's replay holds its own events and no others"
        );
        let (own, others) = (Team::folded(own), Team::folded(others));
        assert!(!own.leads.is_empty(), "{seeded}: each shop has visitors");
        asker.check_own(shop, &own, seeded).await;
        for other in cluster.shops().iter().filter(|other| other.agent_id != shop.agent_id) {
            asker.sees_nothing_of(other, &others, seeded).await;
        }
    }
}

impl Team {
    fn folded(events: Vec<&Value>) -> Self {
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
                became(conversation, "answered");
                conversation.push(said("assistant", "answered"));
            }
            "diagent.message.failed" => became(self.conversations.entry(id()).or_default(), "failed"),
            "diagent.lead.captured" => *self.leads.entry(text(&data["email"]).to_owned()).or_default() += 1,
            _ => {}
        }
    }
}

/// A team at the read API.
struct Asker {
    client: Client,
    read_api: String,
    token: String,
}

impl Asker {
    fn of(cluster: &Cluster, shop: &Shop) -> Self {
        Self {
            client: client(),
            read_api: cluster.read_api(),
            token: apart::token_for(Scope::One(shop.workspace_id)),
        }
    }

    async fn check_own(&self, shop: &Shop, folded: &Team, seeded: &str) {
        let mut served = self.served(shop).await;
        let deadline = Instant::now() + PATIENCE;
        // Read models follow the log, after three servers' death not at once.
        while served != *folded && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(200)).await;
            served = self.served(shop).await;
        }
        assert_eq!(served.leads, folded.leads, "{seeded}: leads, served and in the log");
        let ids = |team: &Team| team.conversations.keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            ids(&served),
            ids(folded),
            "{seeded}: conversations, served and in the log"
        );
        for (id, said) in &served.conversations {
            assert_eq!(said, &folded.conversations[id], "{seeded}: {id}, served and in the log");
        }
    }

    async fn served(&self, shop: &Shop) -> Team {
        let agent = format!("agents/{}", shop.agent_id);
        let leads = self.rows(&format!("{agent}/leads")).await;
        let conversations = self.rows(&format!("{agent}/conversations")).await;
        let conversations = stream::iter(conversations).map(async |row| {
            let id = text(&row["conversation_id"]).to_owned();
            let conversation = self.get(&format!("conversations/{id}")).await;
            (id, messages(&conversation["data"]))
        });
        Team {
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

    /// What is another's does not exist.
    async fn sees_nothing_of(&self, other: &Shop, theirs: &Team, seeded: &str) {
        let agent = format!("agents/{}", other.agent_id);
        let lists = ["leads", "conversations", "telemetry", "documents"].map(|list| format!("{agent}/{list}"));
        let conversations = theirs.conversations.keys().map(|id| format!("conversations/{id}"));
        let asked = stream::iter(lists.into_iter().chain(conversations)).map(async |path| {
            let answer = self.ask(&path).send().await.expect("an answer");
            assert_eq!(answer.status(), 404, "{seeded}: {path}, of another");
        });
        asked.buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Everything of a list, page by page.
    async fn rows(&self, path: &str) -> Vec<Value> {
        let (mut rows, mut after) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("{path}?limit=200{after}")).await;
            rows.append(page["data"].as_array_mut().expect("rows"));
            match page["next_cursor"].as_str() {
                Some(cursor) => after = format!("&cursor={cursor}"),
                None => return rows,
            }
        }
    }

    async fn get(&self, path: &str) -> Value {
        send(self.ask(path)).await
    }

    fn ask(&self, path: &str) -> RequestBuilder {
        let url = format!("{}/{path}", self.read_api);
        self.client.get(url).bearer_auth(&self.token)
    }
}

fn messages(conversation: &Value) -> Vec<[String; 3]> {
    let messages = conversation["messages"].as_array().expect("messages");
    let said = messages
        .iter()
        .map(|message| ["role", "content", "status"].map(|name| text(&message[name]).to_owned()));
    said.collect()
}

/// What became of the last question.
fn became(conversation: &mut [[String; 3]], what: &str) {
    what.clone_into(&mut conversation.last_mut().expect("a question")[2]);
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
