//! What the tests are written with: the product in processes that can be started, moved in time and killed; clients that
//! speak its public HTTP interfaces and nothing else; a language model and an embedding model that do what a test tells them to.

pub(crate) mod agent;
pub(crate) mod command_line;
pub(crate) mod described;
pub(crate) mod embeddings;
pub(crate) mod http;
pub(crate) mod jwt;
pub(crate) mod logs;
pub(crate) mod model;
pub(crate) mod operator;
pub(crate) mod process;
pub(crate) mod schemas;
pub(crate) mod site;
pub(crate) mod socket;
pub(crate) mod sse;
pub(crate) mod stack;
pub(crate) mod until;
pub(crate) mod visitor;

pub(crate) use self::{
    agent::{Agent, Definition},
    command_line::succeeds,
    http::{Answer, Parameters, send},
    operator::Operator,
    process::{Options, Process, Role},
    site::Site,
    socket::Socket,
    sse::{Line, Sse, Transcript},
    stack::Stack,
    until::until,
    visitor::Visitor,
};

/// A name that nothing else has: for addresses, questions and markers.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}{}", events::EventId::generate().to_string().to_lowercase())
}
