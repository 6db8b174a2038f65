//! Calls under way: how many of one kind at a time. A seat is given back when it is dropped, however the call ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::counters::Kind;

/// Calls that are under way. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<(Kind, u64), u32>>>);

/// A place among those that are under way.
#[derive(Debug)]
pub struct Seat {
    flights: Flights,
    at: (Kind, u64),
}

impl Flights {
    /// Takes a place, unless as many as may be are under way.
    pub(super) fn board(&self, kind: Kind, key: u64, most: u32) -> Option<Seat> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = flights.entry((kind, key)).or_insert(0);
        if *under_way >= most {
            return None;
        }
        *under_way += 1;
        Some(Seat { flights: self.clone(), at: (kind, key) })
    }

    /// How many are under way.
    pub(super) fn count(&self, kind: Kind, key: u64) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(kind, key)).copied().unwrap_or(0)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut flights = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = flights.get_mut(&self.at) {
            *under_way -= 1;
            if *under_way == 0 {
                flights.remove(&self.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back_and_nothing_is_kept_of_those_who_left() {
        let flights = Flights::default();
        let first = flights.board(Kind::Caller, 1, 2).unwrap();
        let second = flights.board(Kind::Caller, 1, 2).unwrap();
        assert!(flights.board(Kind::Caller, 1, 2).is_none());
        assert!(
            flights.board(Kind::Caller, 2, 2).is_some() && flights.board(Kind::Namespace, 1, 1).is_some()
        );
        drop(first);
        let third = flights.board(Kind::Caller, 1, 2).unwrap();
        assert_eq!(flights.count(Kind::Caller, 1), 2);
        drop((second, third));
        assert!(flights.0.lock().unwrap().is_empty());
    }
}
