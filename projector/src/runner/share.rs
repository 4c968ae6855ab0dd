//! How many partitions of a version one worker should have. Every worker computes it from the same rows, so they agree
//! without talking; nothing moves that need not.

use std::collections::BTreeMap;

/// The share of `me` in `partitions`, when each live worker has what `held` says (`me` is one of them). Shares differ by one
/// at most, and the larger ones go to those who have most already; among equals `salt` decides, so that one worker does not
/// get the larger share of every projection.
pub(super) fn share(partitions: usize, held: &BTreeMap<String, usize>, me: &str, salt: usize) -> usize {
    let workers = held.len().max(1);
    let place = |index: usize| (index + salt) % workers;
    let Some((my_index, (_, mine))) = held.iter().enumerate().find(|(_, (worker, _))| *worker == me) else {
        return 0;
    };
    let ahead = held
        .values()
        .enumerate()
        .filter(|(index, count)| *count > mine || (*count == mine && place(*index) < place(my_index)));
    partitions / workers + usize::from(ahead.count() < partitions % workers)
}

/// The salt of a projection.
pub(super) fn salt(projection: &str) -> usize {
    projection.bytes().map(usize::from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_complete() {
        for workers in 1..6 {
            for partitions in 0..20 {
                let held = held(&vec![0; workers]);
                let mut shares: Vec<usize> = held.keys().map(|me| share(partitions, &held, me, 3)).collect();
                shares.sort_unstable();
                assert_eq!(shares.iter().sum::<usize>(), partitions, "{workers} workers");
                assert!(shares[workers - 1] - shares[0] <= 1, "{shares:?}");
            }
        }
    }

    #[test]
    fn nothing_moves_that_need_not() {
        let held = held(&[2, 3, 3]);
        let shares: Vec<usize> = held.keys().map(|me| share(8, &held, me, 1)).collect();
        assert_eq!(shares, [2, 3, 3]);
    }

    #[test]
    fn who_joins_gets_its_part() {
        let held = held(&[8, 0]);
        assert_eq!((share(8, &held, "worker 0", 0), share(8, &held, "worker 1", 0)), (4, 4));
    }

    #[test]
    fn one_worker_does_not_get_the_larger_share_of_everything() {
        let held = held(&[0, 0]);
        assert_ne!(share(1, &held, "worker 0", 0), share(1, &held, "worker 0", 1));
    }

    fn held(counts: &[usize]) -> BTreeMap<String, usize> {
        counts
            .iter()
            .enumerate()
            .map(|(index, count)| (format!("worker {index}"), *count))
            .collect()
    }
}
