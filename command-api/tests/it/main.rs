//! The relay and the guards on a real NATS server. The HTTP contract is tested in `diagent/tests/it`, with all roles.

mod limits;
mod listening;
mod operators;
mod quota;
mod support;
mod turn;
mod visitors;
