//! What has to be true of the log and of the read models, whatever happened.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Instant,
};

use events::Position;
use serde_json::Value;

use super::{PAUSE, beside, cluster::Cluster, served, visitors::Acknowledged};
use crate::{
    apart::Shop,
    support::{PATIENCE, until},
};

/// How often the log is read: each partition by one of its servers, whichever it is.
const READINGS: usize = 5;

/// Checks everything. `seeded` repeats the run.
#[expect(clippy::print_stdout, reason = "a run tells how much it has seen")]
pub(super) async fn check(cluster: &Cluster, acknowledged: &Acknowledged, seeded: &str) {
    until(&format!("{seeded}: every question has an outcome"), async || {
        Log::of(cluster.replay().await).unanswered().is_empty()
    })
    .await;
    let log = forgotten(cluster, acknowledged, seeded).await;
    println!(
        "{seeded}: {} events, {} questions, {} answers read to their end, {} clicks, {} leads, {} erased",
        log.events.len(),
        acknowledged.questions.iter().flatten().count(),
        acknowledged.answers.len(),
        acknowledged.clicks.len(),
        acknowledged.leads.len(),
        acknowledged.erased.len(),
    );
    for _ in 0..READINGS {
        let again = Log::of(cluster.replay().await);
        assert_eq!(
            lasting(&again.events),
            lasting(&log.events),
            "{seeded}: every server says the same"
        );
    }
    log.holds_once(acknowledged, seeded);
    log.has_arrays_whole(seeded);
    log.has_questions_in_order(acknowledged, seeded);
    log.has_one_outcome_each(seeded);
    log.keeps_shops_apart(cluster.shops(), acknowledged, seeded);
    log.has_answers_as_read(acknowledged, seeded);
    for projection in ["conversations", "leads", "telemetry", "usage", "gaps", "documents"] {
        let verified = cluster.verify(projection).await;
        let verified: Value = serde_json::from_str(&verified).expect("JSON");
        assert_eq!(
            verified["same"], true,
            "{seeded}: {projection} is what the log says: {verified}"
        );
    }
    served::check(cluster, &log.events, seeded).await;
    beside::check(cluster, acknowledged, seeded).await;
}

/// The log, when nothing is left of those who are erased. What a server that was away stored late goes a minute later.
#[expect(clippy::print_stdout, reason = "what came late is worth knowing")]
async fn forgotten(cluster: &Cluster, acknowledged: &Acknowledged, seeded: &str) -> Log {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = Log::of(cluster.replay().await);
        let left = log.left_of_erased(acknowledged);
        if left.is_empty() {
            return log;
        }
        assert!(
            Instant::now() < deadline,
            "{seeded}: left of erased visitors: {left:#?}"
        );
        println!("{seeded}: still left of erased visitors: {left:#?}");
        tokio::time::sleep(PAUSE).await;
    }
}

struct Log {
    events: Vec<Value>,
}

impl Log {
    const fn of(events: Vec<Value>) -> Self {
        Self { events }
    }

    fn of_type(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["type"] == name)
    }

    fn counts(&self, name: &str, key: impl Fn(&Value) -> &Value) -> HashMap<&str, usize> {
        let mut counts = HashMap::new();
        for key in self.of_type(name).filter_map(|event| key(&event["data"]).as_str()) {
            *counts.entry(key).or_default() += 1;
        }
        counts
    }

    /// By the id of the answer, how many outcomes there are.
    fn outcomes(&self) -> BTreeMap<&str, usize> {
        let asked = self
            .of_type("diagent.message.posted")
            .filter_map(|event| event["data"]["answer_id"].as_str());
        let mut outcomes: BTreeMap<&str, usize> = asked.map(|answer_id| (answer_id, 0)).collect();
        for name in ["diagent.message.answered", "diagent.message.failed"] {
            for event in self.of_type(name) {
                let answer_id = event["data"]["message_id"].as_str().expect("an id");
                *outcomes.entry(answer_id).or_default() += 1;
            }
        }
        outcomes
    }

    fn unanswered(&self) -> Vec<&str> {
        self.outcomes()
            .into_iter()
            .filter(|(_, count)| *count == 0)
            .map(|(answer_id, _)| answer_id)
            .collect()
    }

    fn holds_once(&self, acknowledged: &Acknowledged, seeded: &str) {
        let ids: HashSet<&str> = self.events.iter().filter_map(|event| event["id"].as_str()).collect();
        assert_eq!(
            ids.len(),
            self.events.len(),
            "{seeded}: every event has an id of its own"
        );
        let clicks = self.counts("diagent.telemetry.recorded", |data| &data["metadata"]["click"]);
        let questions = self.counts("diagent.message.posted", |data| &data["client_message_id"]);
        let leads = self.counts("diagent.lead.captured", |data| &data["name"]);
        let told = [
            (&clicks, acknowledged.clicks.iter().collect::<Vec<_>>()),
            (&questions, acknowledged.questions.iter().flatten().collect()),
            (&leads, acknowledged.leads.iter().collect()),
        ];
        for (stored, told) in told {
            for one in told {
                assert_eq!(stored.get(one.as_str()), Some(&1), "{seeded}: {one} was acknowledged");
            }
            let twice: Vec<_> = stored.iter().filter(|(_, count)| **count > 1).collect();
            assert!(twice.is_empty(), "{seeded}: {twice:?} are there more than once");
        }
    }

    /// Events of one request stand all or none, in their order and with nothing between them: acknowledged or not.
    fn has_arrays_whole(&self, seeded: &str) {
        let mut requests = BTreeMap::<_, Vec<_>>::new();
        for event in self.of_type("diagent.telemetry.recorded") {
            let metadata = &event["data"]["metadata"];
            let text = |name: &str| metadata[name].as_str().expect("a text");
            let events = metadata["events"].as_u64().expect("a number");
            let stored = requests.entry((text("request"), events)).or_default();
            stored.push((text("click").to_owned(), sequence(event)));
        }
        for ((request, events), stored) in requests {
            let (_, first) = stored[0];
            let sent = (0..events).map(|index| (format!("{request}-{index}"), first + index));
            assert_eq!(
                stored,
                sent.collect::<Vec<_>>(),
                "{seeded}: {request} stands as it was sent"
            );
        }
    }

    /// A visitor's questions stand in one conversation, in the order in which they were acknowledged, and no others do.
    fn has_questions_in_order(&self, acknowledged: &Acknowledged, seeded: &str) {
        let mut conversations: HashMap<&str, Vec<&str>> = HashMap::new();
        for event in self.of_type("diagent.message.posted") {
            let conversation = event["conversationid"].as_str().expect("an id");
            let question = event["data"]["client_message_id"].as_str().expect("an id");
            conversations.entry(conversation).or_default().push(question);
        }
        let whose: HashMap<&str, &Vec<&str>> = conversations
            .values()
            .flat_map(|stored| stored.iter().map(move |question| (*question, stored)))
            .collect();
        for asked in &acknowledged.questions {
            let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
            assert_eq!(whose.get(asked[0]), Some(&&asked), "{seeded}: stored, and acknowledged");
        }
    }

    /// One outcome for each question, and before it no other question of the conversation.
    fn has_one_outcome_each(&self, seeded: &str) {
        let outcomes = self.outcomes();
        let others: Vec<_> = outcomes.iter().filter(|(_, count)| **count != 1).collect();
        assert!(others.is_empty(), "{seeded}: outcomes that are not one: {others:?}");
        let mut open: HashMap<&str, &str> = HashMap::new();
        for event in &self.events {
            let conversation = event["conversationid"].as_str().unwrap_or_default();
            let data = &event["data"];
            match event["type"].as_str().expect("a type") {
                "diagent.message.posted" => {
                    let answer_id = data["answer_id"].as_str().expect("an id");
                    let before = open.insert(conversation, answer_id);
                    assert_eq!(before, None, "{seeded}: {conversation} has one turn at a time");
                }
                "diagent.message.answered" | "diagent.message.failed" => {
                    let turn = open.remove(conversation);
                    assert_eq!(turn, data["message_id"].as_str(), "{seeded}: {conversation}");
                }
                _ => {}
            }
        }
    }

    fn has_answers_as_read(&self, acknowledged: &Acknowledged, seeded: &str) {
        let stored: HashMap<&str, &str> = self
            .of_type("diagent.message.answered")
            .filter_map(|event| {
                Some((
                    event["data"]["message_id"].as_str()?,
                    event["data"]["content"].as_str()?,
                ))
            })
            .collect();
        for (message_id, text) in &acknowledged.answers {
            assert_eq!(
                stored.get(message_id.as_str()),
                Some(&text.as_str()),
                "{seeded}: {message_id}"
            );
        }
    }

    /// Every event of an agent is of that agent's workspace, and every event of a visitor of the agent that they spoke to.
    fn keeps_shops_apart(&self, shops: &[Shop], acknowledged: &Acknowledged, seeded: &str) {
        let workspaces: HashMap<String, String> = shops
            .iter()
            .map(|shop| (shop.agent_id.to_string(), shop.workspace_id.to_string()))
            .collect();
        let agents: HashMap<&str, String> = acknowledged
            .visitors
            .iter()
            .map(|visitor| (visitor.id.as_str(), visitor.agent.to_string()))
            .collect();
        for event in self.events.iter().filter(|event| !event["agentid"].is_null()) {
            let text = |name: &str| event[name].as_str().unwrap_or_default();
            let workspace = workspaces.get(text("agentid")).map(String::as_str);
            assert_eq!(
                workspace,
                Some(text("workspaceid")),
                "{seeded}: the workspace of {event}"
            );
            if let Some(agent) = agents.get(text("visitorid")) {
                assert_eq!(agent, text("agentid"), "{seeded}: the agent of {event}");
            }
        }
    }

    /// What stands of erased visitors, but for tombstones.
    fn left_of_erased(&self, acknowledged: &Acknowledged) -> Vec<String> {
        let erased = acknowledged.erased.iter();
        let erased: HashSet<&str> = erased.map(|visitor| visitor.id.as_str()).collect();
        let is_left = |event: &&Value| {
            let visitor_id = event["visitorid"].as_str();
            visitor_id.is_some_and(|id| erased.contains(id)) && event["type"] != "diagent.visitor.erased"
        };
        let left = self.events.iter().filter(is_left);
        left.map(|event| format!("{} {} of {}", event["position"], event["type"], event["visitorid"]))
            .collect()
    }
}

/// Ids of all events but tombstones, of which another one may come.
pub(super) fn lasting<'a>(events: impl IntoIterator<Item = &'a Value>) -> BTreeSet<&'a str> {
    let lasting = events
        .into_iter()
        .filter(|event| event["type"] != "diagent.visitor.erased");
    lasting.filter_map(|event| event["id"].as_str()).collect()
}

/// Where the event stands in its partition.
fn sequence(event: &Value) -> u64 {
    let position = event["position"].as_str().expect("a position");
    position.parse::<Position>().expect("a position").sequence
}
