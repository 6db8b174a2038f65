//! The port of the counters: a bill of everything that one request is counted by, charged as a whole.

use nexus_kernel::BoxFuture;
use nexus_kernel::error::Error;
use nexus_kernel::time::Timestamp;

use super::gcra::{Rate, Verdict};

/// What is counted. Each kind has room of its own, so that many of one kind leave the others alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Requests of one caller.
    Caller,
    /// Requests of one namespace.
    Namespace,
    /// Requests of one caller for one operation.
    Operation,
    /// Requests for one operation, whoever calls.
    Total,
    /// Requests of one address that show nothing.
    Anonymous,
    /// Wrong credentials of one address.
    FailedAuth,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::Caller, Kind::Namespace, Kind::Operation, Kind::Total, Kind::Anonymous, Kind::FailedAuth];

    /// What it is called in headers and in `nexus.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Caller => "principal",
            Kind::Namespace => "namespace",
            Kind::Operation => "operation",
            Kind::Total => "total",
            Kind::Anonymous => "anonymous",
            Kind::FailedAuth => "failed_auth",
        }
    }
}

/// One thing that a request is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// What is counted.
    pub kind: Kind,
    /// Whose it is: a hash that only this process can make, unless servers share their counters.
    pub key: u64,
    /// How often it may.
    pub rate: Rate,
    /// What was decided, once it is.
    pub verdict: Option<Verdict>,
}

/// The most things that one request is counted by.
pub const CHARGES_MAX: usize = 6;

/// All that one request is counted by. What does not fit is not there: nothing has more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bill {
    charges: [Option<Charge>; CHARGES_MAX],
}

impl Bill {
    /// Adds something to be counted by.
    pub fn add(&mut self, kind: Kind, key: u64, rate: Rate) {
        if let Some(free) = self.charges.iter_mut().find(|charge| charge.is_none()) {
            *free = Some(Charge { kind, key, rate, verdict: None });
        }
    }

    /// Everything on it.
    pub fn charges(&self) -> impl Iterator<Item = &Charge> {
        self.charges.iter().flatten()
    }

    /// Everything on it, to be decided.
    pub fn charges_mut(&mut self) -> impl Iterator<Item = &mut Charge> {
        self.charges.iter_mut().flatten()
    }

    /// Whether there is nothing to count.
    pub fn is_empty(&self) -> bool {
        self.charges.iter().all(Option::is_none)
    }

    /// Takes over what was decided about the same things elsewhere.
    pub(super) fn take_verdicts(&mut self, other: &Bill) {
        for (charge, decided) in self.charges_mut().zip(other.charges()) {
            charge.verdict = decided.verdict;
        }
    }

    /// What was refused.
    pub fn refusal(&self) -> Option<(Kind, Verdict)> {
        let refused =
            |charge: &Charge| charge.verdict.filter(|it| !it.is_allowed).map(|it| (charge.kind, it));
        self.charges().find_map(refused)
    }
}

/// Whether to count, or only to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Count, unless something on the bill refuses: then nothing is counted.
    Take,
    /// Say how things stand.
    Look,
}

/// When the verdicts on a bill are there: at once from memory, later from a store that others share.
pub enum Charged {
    /// They are on it.
    Now,
    /// A bill with them comes.
    Later(BoxFuture<'static, Result<Bill, Error>>),
}

impl Charged {
    /// Waits until the verdicts are on the bill that was charged.
    pub async fn settle(self, bill: &mut Bill) -> Result<(), Error> {
        if let Charged::Later(settled) = self {
            *bill = settled.await?;
        }
        Ok(())
    }
}

/// Where counters are kept.
pub trait Counters: Send + Sync {
    /// Decides about everything on a bill.
    fn charge(&self, bill: &mut Bill, mode: Mode, now: Timestamp) -> Charged;

    /// Whether several servers have them, and so have to find a counter by the same number.
    fn is_shared(&self) -> bool {
        false
    }
}
