//! The relay on a real NATS server. The HTTP contract is tested in `diagent/tests/it`, with all roles.

mod turn;
