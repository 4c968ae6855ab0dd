//! Three NATS servers, and the wires between them.

use std::collections::BTreeMap;

use embedded::testing::{self, Member, TestNats};
use futures::future::join_all;

use super::{
    SERVERS,
    wire::{State, Wire},
};
use crate::support::free_addresses;

/// One wire for each direction: from a server to another one's port.
#[derive(Default)]
pub(super) struct Routes(BTreeMap<(usize, usize), Wire>);

impl Routes {
    /// Three servers that reach each other by these wires.
    pub(super) async fn three() -> (Vec<TestNats>, Self) {
        let addresses: [String; SERVERS] = free_addresses();
        let mut routes = BTreeMap::new();
        for from in 0..SERVERS {
            for to in (0..SERVERS).filter(|to| *to != from) {
                let wire = Wire::to(&format!("nats://route:{PASSWORD}@{}", addresses[to])).await;
                routes.insert((from, to), wire);
            }
        }
        let routes = Self(routes);
        let servers = addresses.iter().enumerate().map(|(number, address)| {
            let (_, port) = address.rsplit_once(':').expect("a port");
            let member = Member {
                name: format!("nats-{number}"),
                port: port.parse().expect("a number"),
                routes: routes.from(number),
            };
            testing::nats_member(PASSWORD, member)
        });
        (join_all(servers).await, routes)
    }

    fn from(&self, number: usize) -> Vec<String> {
        let own = self.0.iter().filter(|((from, _), _)| *from == number);
        own.map(|(_, wire)| wire.url().to_owned()).collect()
    }

    /// What becomes of the wires between a server and the others.
    pub(super) fn become_of(&self, number: usize, state: State) {
        let touching = self.0.iter().filter(|((from, to), _)| [*from, *to].contains(&number));
        touching.for_each(|(_, wire)| wire.becomes(state));
    }
}

const PASSWORD: &str = "of-servers-for-a-test";
