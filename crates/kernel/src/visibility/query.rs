//! Questions about the list of runs.

use crate::id::Namespace;
use crate::limits::PAGE_ROWS_DEFAULT;
use crate::visibility::cursor::Cursor;
use crate::visibility::filter::{Filter, Scalar};
use crate::visibility::order::Order;
use crate::visibility::schema::Attribute;

/// Most groups of one count.
pub const GROUPS_MAX: usize = 1_000;

/// Which runs to list, in which order.
#[derive(Debug, Clone)]
pub struct RunQuery {
    /// Only this namespace.
    pub namespace: Option<Namespace>,
    /// Only runs that fit.
    pub filter: Option<Filter>,
    /// The order.
    pub order: Order,
    /// Only runs behind this place.
    pub after: Option<Cursor>,
    /// At most this many.
    pub limit: usize,
}

impl Default for RunQuery {
    /// A first page of everything.
    fn default() -> RunQuery {
        RunQuery {
            namespace: None,
            filter: None,
            order: Order::default(),
            after: None,
            limit: PAGE_ROWS_DEFAULT,
        }
    }
}

/// Which runs to count, and by what.
#[derive(Debug, Clone, Default)]
pub struct RunCount {
    /// Only this namespace.
    pub namespace: Option<Namespace>,
    /// Only runs that fit.
    pub filter: Option<Filter>,
    /// One figure for each value of this attribute.
    pub group: Option<Attribute>,
}

/// One figure of a count.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The value; absent for runs that lack the attribute, and when nothing is grouped.
    pub value: Option<Scalar>,
    /// How many runs.
    pub count: u64,
}
