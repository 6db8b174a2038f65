//! Whoever takes note of calls that runs make from one namespace into another: such calls come through no channel, and are
//! in the audit log of both sides all the same.

use std::sync::Arc;

use crate::id::{Key, Namespace, RunId};

/// The port. It is told of a call once it is known whether it was taken; after a crash it may be told again.
pub trait Witness: Send + Sync {
    /// Takes note of a call.
    fn crossed(&self, crossing: Crossing);
}

/// A witness as parts hold it.
pub type SharedWitness = Arc<dyn Witness>;

/// A call from one namespace into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The same for every attempt of a call.
    pub request_id: String,
    /// The run that calls.
    pub from: (Key, RunId),
    /// Where it is carried out; nothing when that is elsewhere, or nowhere.
    pub to: Option<Namespace>,
    /// What is called, as the program names it.
    pub operation: String,
    /// The run that carries it out, when one of this server does.
    pub by: Option<(Key, RunId)>,
    /// Why it was refused, as the type of a failure.
    pub refusal: Option<String>,
}
