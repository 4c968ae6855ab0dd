//! What the roles' HTTP servers share: the listener and its drain, the envelope, extractors, the request log, operator
//! tokens, health and figures. It knows no route and no rule of any role.
//!
//! - [`serve`]: connections, limits against slow clients, graceful drain; [`tasks`]: work that a drain waits for.
//! - [`envelope`]: `{"data": …}` and `{"error": …}`; [`extract`]: JSON, path and query that answer with it.
//! - [`request`]: the request's id, its one log line and its figures.
//! - [`secret`]: settings that are never printed; [`operator`]: tokens of operators and analysts; [`health`], [`metrics`], [`docs`]: what every role serves beside.

pub mod docs;
pub mod envelope;
pub mod extract;
pub mod health;
pub mod metrics;
pub mod operator;
pub mod request;
pub mod secret;
pub mod serve;
pub mod tasks;

pub use envelope::{Answer, Committed, Data, Failure, FieldError, failure_response};
pub use extract::BadInput;
pub use request::{layers, request_id};
pub use secret::Secret;
pub use serve::{ServeLimits, serve};
pub use tasks::Tasks;
