//! Grants that can be taken back while a function runs.
//!
//! An execution begins with capabilities of its own. Whoever granted them has a generation, a number that grows whenever
//! anything that is granted changes. Each operation compares it with the one that the execution began with: that is all,
//! for almost every execution. One that has been overtaken asks anew, at each of its operations.

use std::borrow::Cow;
use std::sync::Arc;

use crate::capability::Capabilities;

/// Who grants, and may grant less tomorrow.
pub trait Granter: Send + Sync {
    /// Grows after every change of what is granted. It is looked at for each operation, so it must not wait for a lock.
    fn generation(&self) -> u64;

    /// What the function is granted now.
    fn granted(&self) -> Capabilities;
}

/// How long an execution's capabilities hold: as long as the granter stays at this generation.
#[derive(Clone)]
pub struct Lease {
    granter: Arc<dyn Granter>,
    generation: u64,
}

impl Lease {
    /// For capabilities that were read after this generation was.
    pub fn new(granter: Arc<dyn Granter>, generation: u64) -> Lease {
        Lease { granter, generation }
    }

    /// What holds at this moment for an execution that began with these.
    pub(crate) fn current<'a>(lease: Option<&Lease>, began: &'a Capabilities) -> Cow<'a, Capabilities> {
        match lease {
            Some(lease) if lease.granter.generation() != lease.generation => {
                Cow::Owned(lease.granter.granted())
            }
            _ => Cow::Borrowed(began),
        }
    }
}
