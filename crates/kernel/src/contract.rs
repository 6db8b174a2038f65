//! Contracts: what an operation promises its callers beside its schemas.

use std::sync::Arc;

use crate::Json;
use crate::access::Condition;
use crate::cache::CacheRule;
use crate::call::OnDisconnect;
use crate::route::Route;

/// What is told of an operation on every channel. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contract {
    /// Inputs worth trying, with what came of them.
    pub examples: Vec<Example>,
    /// Why it should not be used any more, and what to use instead.
    pub deprecated: Option<String>,
    /// Paths of its own under which HTTP callers reach it.
    pub routes: Vec<Route>,
    /// What becomes of a run when the caller who waits for it goes away, unless the caller says otherwise.
    pub on_disconnect: OnDisconnect,
    /// How long calls may be answered as equal ones were before; never, unless its author says so.
    pub cache: Option<Arc<CacheRule>>,
    /// Words that group operations for people.
    pub tags: Vec<String>,
    /// When it may be called at all, beside what its callers are allowed; always when absent.
    pub when: Option<Condition>,
}

/// One input worth trying.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// What it shows.
    pub title: String,
    /// The input, fitting the operation's schema.
    pub input: Json,
    /// What comes back, when that is known.
    pub output: Option<Json>,
}
