//! How many sockets there may be: on this instance, and for one client address.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::guard::client_ip::ClientIp;

/// The most sockets; 0 is without limit.
#[derive(Debug, Clone, Copy)]
pub struct PlaceLimits {
    pub of_instance: usize,
    pub of_address: usize,
}

/// The sockets that are open.
pub(super) struct Places {
    limits: PlaceLimits,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<ClientIp, usize>,
}

/// One socket's place, until dropped.
pub(super) struct Place {
    places: Arc<Places>,
    address: ClientIp,
}

impl Places {
    pub(super) fn of(limits: PlaceLimits) -> Arc<Self> {
        let taken = Mutex::default();
        Arc::new(Self { limits, taken })
    }

    /// A place, if there is one for `address`.
    pub(super) fn take(self: &Arc<Self>, address: ClientIp) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = taken.by_address.get(&address).copied().unwrap_or(0);
        if is_full(taken.all, self.limits.of_instance) || is_full(of_address, self.limits.of_address) {
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(address, of_address + 1);
        let places = Arc::clone(self);
        Some(Place { places, address })
    }
}

const fn is_full(taken: usize, limit: usize) -> bool {
    limit > 0 && taken >= limit
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;
    use crate::guard::client_ip::TrustedProxies;

    #[test]
    fn a_place_is_free_again_when_its_socket_is_gone() {
        let places = Places::of(PlaceLimits {
            of_instance: 3,
            of_address: 2,
        });
        let (one, two) = (places.take(address(1)), places.take(address(1)));
        assert!(one.is_some() && two.is_some());
        assert!(places.take(address(1)).is_none(), "the address has its share");
        let other = places.take(address(2));
        assert!(other.is_some());
        assert!(places.take(address(3)).is_none(), "the instance is full");

        drop((one, two));

        assert!(places.take(address(1)).is_some());
        assert_eq!(
            places.taken.lock().expect("a lock").by_address.len(),
            1,
            "who is gone is forgotten"
        );
    }

    #[test]
    fn nought_is_without_limit() {
        let places = Places::of(PlaceLimits {
            of_instance: 0,
            of_address: 0,
        });
        let all: Vec<_> = (0..1_000).map(|_| places.take(address(1))).collect();
        assert!(all.iter().all(Option::is_some));
    }

    fn address(last: u8) -> ClientIp {
        TrustedProxies::default().client([192, 0, 2, last].into(), &HeaderMap::new())
    }
}
