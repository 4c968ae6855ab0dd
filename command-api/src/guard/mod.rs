//! Who may come in: tokens, origins, limits, quota. Each is an extractor or one function, so that a handler without a guard
//! shows in its signature.

pub mod body;
pub mod caller;
pub mod client_ip;
pub mod cors;
pub mod dashboard;
pub mod limits;
pub mod operator;
pub mod origin;
pub mod quota;
pub mod token;
pub mod visitor;
