//! An agent as its site's team defines and teaches it.

use std::sync::Arc;

use events::{AgentId, WorkspaceId};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, Operator, Parameters, Stack, Visitor, http, schemas, send, unique, until};

/// An agent's definition and that of its workspace, before they are put.
pub(crate) struct Definition {
    agent_id: String,
    workspace_id: String,
    monthly_conversations: u64,
    origin: String,
    fields: Value,
}

impl Definition {
    /// A published agent, allowed on one site that nobody else has.
    pub(crate) fn new() -> Self {
        let (agent_id, workspace_id) = (AgentId::generate().to_string(), WorkspaceId::generate().to_string());
        let origin = format!("https://{}.example", unique("site-"));
        Self {
            monthly_conversations: 0,
            fields: json!({
                "workspace_id": workspace_id,
                "name": "Aria",
                "published": true,
                "allowed_origins": [origin],
                "persona": { "name": "Aria", "tone": "friendly" },
                "language_default": "en",
            }),
            agent_id,
            workspace_id,
            origin,
        }
    }

    /// With other values of some fields.
    pub(crate) fn with(mut self, fields: Value) -> Self {
        for (name, value) in fields.as_object().expect("fields") {
            self.fields[name] = value.clone();
        }
        self
    }

    /// With a quota.
    pub(crate) const fn quota(mut self, monthly_conversations: u64) -> Self {
        self.monthly_conversations = monthly_conversations;
        self
    }

    /// In the workspace of another agent.
    pub(crate) fn beside(mut self, other: &Agent) -> Self {
        self.workspace_id.clone_from(&other.workspace_id);
        self.fields["workspace_id"] = json!(other.workspace_id);
        self
    }
}

/// An agent that is defined.
#[derive(Clone)]
pub(crate) struct Agent {
    stack: Arc<Stack>,
    client: Client,
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    /// The site that may embed it.
    pub(crate) origin: String,
    /// Its definition as it was last put.
    pub(crate) fields: Value,
    /// Its team, which may do everything in its workspace.
    pub(crate) team: Operator,
}

impl Agent {
    /// Puts the workspace and the agent.
    pub(crate) async fn define(stack: &Arc<Stack>, definition: Definition) -> Self {
        let Definition {
            agent_id,
            workspace_id,
            monthly_conversations,
            origin,
            fields,
        } = definition;
        let team = Operator::new(stack, "robin", &workspace_id, "read write admin");
        let workspace = json!({ "name": "A shop", "monthly_conversations": monthly_conversations });
        let put = team
            .put(&format!("/api/v1/workspaces/{workspace_id}"), &workspace)
            .await;
        assert!(matches!(put.status, 200 | 201), "{put}");
        team.put(&format!("/api/v1/agents/{agent_id}"), &fields)
            .await
            .expect(201);
        Self {
            stack: Arc::clone(stack),
            client: http::client(),
            id: agent_id,
            workspace_id,
            origin,
            fields,
            team,
        }
    }

    /// Changes its definition.
    pub(crate) async fn redefine(&mut self, fields: Value) {
        for (name, value) in fields.as_object().expect("fields") {
            self.fields[name] = value.clone();
        }
        self.team.put(&self.path(""), &self.fields).await.expect(200);
    }

    /// `/api/v1/agents/<id>` and what follows.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/v1/agents/{}{rest}", self.id)
    }

    /// The address of one of its site's pages.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Somebody of the team with a token of these scopes.
    pub(crate) fn member(&self, sub: &str, scope: &str) -> Operator {
        Operator::new(&self.stack, sub, &self.workspace_id, scope)
    }

    /// The body of a plain init.
    pub(crate) fn init_body(&self) -> Value {
        json!({ "agent_id": self.id, "page_url": self.page("/pricing") })
    }

    /// Where the agent's stack has its first instance.
    pub(crate) fn command_api(&self) -> &str {
        self.stack.command_api()
    }

    /// Where the agent's stack has its read API.
    pub(crate) fn read_api(&self) -> &str {
        self.stack.read_api()
    }

    /// An init that does not say where it comes from.
    pub(crate) fn anonymous_init(&self, body: &Value) -> RequestBuilder {
        self.client
            .post(format!("{}/api/v1/widget/init", self.command_api()))
            .json(body)
    }

    /// An init that is about to be sent from the agent's site.
    pub(crate) fn init_request(&self, command_api: &str, body: &Value) -> RequestBuilder {
        let url = format!("{command_api}/api/v1/widget/init");
        self.client.post(url).header("Origin", &self.origin).json(body)
    }

    /// Where another instance is, that knows the agent.
    pub(crate) async fn second(&self) -> &str {
        let instance = self.stack.second().await;
        self.knows_at(instance).await;
        instance
    }

    /// Waits until another instance knows the agent as it is: only the one that took the definition does so at once.
    pub(crate) async fn knows_at(&self, command_api: &str) {
        let team = self.team.clone().at(command_api);
        until("the agent is known", async || {
            let answer = send(team.command(Method::GET, &self.path(""))).await;
            let known = answer.status == 200 && answer.json()["data"]["starter_prompts"] == self.prompts();
            if known { Ok(()) } else { Err(answer.to_string()) }
        })
        .await;
    }

    fn prompts(&self) -> Value {
        self.fields.get("starter_prompts").cloned().unwrap_or_else(|| json!([]))
    }

    /// Sends an init from the agent's site.
    pub(crate) async fn init(&self, body: &Value) -> Answer {
        self.init_at(self.stack.command_api(), body).await
    }

    /// The same at another instance.
    pub(crate) async fn init_at(&self, command_api: &str, body: &Value) -> Answer {
        send(self.init_request(command_api, body)).await
    }

    /// A new visitor.
    pub(crate) async fn visitor(&self) -> Visitor {
        self.visitor_at(self.stack.command_api()).await
    }

    /// A new visitor who stays at that instance.
    pub(crate) async fn visitor_at(&self, command_api: &str) -> Visitor {
        self.returning_at(command_api, &unique("anon_")).await
    }

    /// A new visitor at an instance that limits nobody.
    pub(crate) async fn busy_visitor(&self) -> Visitor {
        let instance = self.stack.unlimited().await;
        self.knows_at(instance).await;
        self.visitor_at(instance).await
    }

    /// The visitor with this anonymous id, again.
    pub(crate) async fn returning(&self, anon_id: &str) -> Visitor {
        self.returning_at(self.stack.command_api(), anon_id).await
    }

    /// The same at another instance.
    pub(crate) async fn returning_at(&self, command_api: &str, anon_id: &str) -> Visitor {
        let mut body = self.init_body();
        body["anon_id"] = json!(anon_id);
        let answer = self.init_at(command_api, &body).await;
        Visitor::new(command_api, &self.origin, &answer)
    }

    /// Puts a page; answers where that stands in the log.
    pub(crate) async fn teach(&self, path: &str, title: &str, text: &str) -> String {
        let page = json!({ "url": self.page(path), "title": title, "text": text });
        let put = self.team.put(&self.path("/documents"), &page).await;
        assert!(matches!(put.status, 200 | 201), "{put}");
        put.position()
    }

    /// Puts three pages and waits until they are known.
    pub(crate) async fn teach_pages(&self) {
        self.teach("/refunds", "Refunds", REFUNDS).await;
        self.teach("/shipping", "Shipping", SHIPPING).await;
        let position = self.teach("/about", "About us", ABOUT).await;
        self.knows(&position).await;
    }

    /// Waits until what was put is what answers are made from.
    pub(crate) async fn knows(&self, position: &str) {
        self.team.read_at(&self.path("/documents"), position).await.data(200);
    }

    /// What the log holds of this agent of one type, oldest first.
    pub(crate) async fn logged(&self, kind: &str) -> Vec<Value> {
        self.replayed(&[("type", kind)]).await
    }

    /// Everything that the log holds of this agent.
    pub(crate) async fn log(&self) -> Vec<Value> {
        self.replayed(&[]).await
    }

    async fn replayed(&self, query: &[(&str, &str)]) -> Vec<Value> {
        let request = self
            .team
            .query("/api/v1/events")
            .query(&[("agent_id", &self.id)])
            .query(query);
        let answer = send(request).await.expect(200);
        schemas::events(&answer.text())
    }
}

const REFUNDS: &str = "# Refunds\n\nThis is our refund policy. You can return any lantern within 30 days for a full refund. \
    The refund goes back to the card that you paid with. Refunds take five working days.\n\n\
    ## Damaged lanterns\n\nSend us a photograph of a damaged lantern and we replace it at once.";

const SHIPPING: &str = "# Shipping\n\nParcels leave our workshop every Tuesday and Friday. \
    Shipping costs four pounds and is free above sixty pounds.\n\n\
    ## Refund of shipping costs\n\nThe refund of a returned lantern includes the shipping costs.";

const ABOUT: &str = "# About us\n\nWe have made lanterns in Whitby since 1911. \
    Our founder was a lighthouse keeper called Matilda Thrale.";
