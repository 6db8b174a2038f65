//! The order of lists.

use std::cmp::Ordering;

use crate::port::runs::RunRow;
use crate::visibility::cursor::Cursor;
use crate::visibility::filter::{Scalar, scalars};
use crate::visibility::schema::{Attribute, SystemAttribute};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The smallest first; runs that lack the attribute before all others.
    Ascending,
    /// The greatest first; runs that lack the attribute after all others.
    Descending,
}

/// What a list is sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortKey {
    /// The time of closing, where an open run counts as closed at the end of time.
    OpenFirst,
    /// An attribute with one value.
    By(Attribute),
}

/// The order of a list. Runs that are alike in everything else are sorted by their ids, the newest first, so that
/// every order is total and a page has a definite end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order(pub Vec<(SortKey, Direction)>);

impl Default for Order {
    /// Open runs first, then those closed last, then those started last.
    fn default() -> Order {
        let start = SortKey::By(Attribute::System(SystemAttribute::StartTime));
        Order(vec![(SortKey::OpenFirst, Direction::Descending), (start, Direction::Descending)])
    }
}

impl Order {
    /// Newest first, whatever has become of them.
    pub fn newest_first() -> Order {
        Order(Vec::new())
    }

    /// The values that a row is sorted by, without its id.
    pub fn keys(&self, row: &RunRow) -> Vec<Option<Scalar>> {
        let key = |key: &SortKey| match key {
            SortKey::OpenFirst => Some(Scalar::Int(closed_order(row))),
            SortKey::By(attribute) => scalars(row, attribute).and_then(|mut all| all.pop()),
        };
        self.0.iter().map(|(by, _)| key(by)).collect()
    }

    /// Where a list goes on after this row.
    pub fn cursor(&self, row: &RunRow) -> Cursor {
        Cursor { keys: self.keys(row), run_id: row.run_id.clone() }
    }

    /// How two places in the list compare: less comes first.
    pub fn compare(&self, left: &Cursor, right: &Cursor) -> Ordering {
        let pairs = self.0.iter().zip(left.keys.iter().zip(&right.keys));
        for ((_, direction), (left, right)) in pairs {
            let ordering = match (left, right) {
                (Some(left), Some(right)) => left.order(right),
                (left, right) => left.is_some().cmp(&right.is_some()),
            };
            let ordering = match direction {
                Direction::Ascending => ordering,
                Direction::Descending => ordering.reverse(),
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        right.run_id.cmp(&left.run_id)
    }
}

/// When a run was closed in microseconds; the end of time when it is open.
pub fn closed_order(row: &RunRow) -> i64 {
    row.closed_at.map_or(i64::MAX, crate::time::Timestamp::micros)
}
