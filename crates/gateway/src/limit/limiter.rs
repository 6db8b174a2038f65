//! The limiter: who is counted by what, under the policy of the moment.

use std::hash::{DefaultHasher, Hasher as _};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use nexus_kernel::address::sender;
use nexus_kernel::allowance::Allowance;
use nexus_kernel::code;
use nexus_kernel::error::{Code, Error};
use nexus_kernel::id::Namespace;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::rng::Rng;
use ring::digest::{Context, SHA256};

use super::counters::{Bill, Charge, Counters, Kind, Mode};
use super::flights::{Flights, Seat};
use super::gcra::{Rate, Verdict};
use super::policy::Policy;

/// How long somebody should wait for a place among calls that are under way: nobody knows when one ends.
const SEAT_WAIT: Duration = Duration::from_secs(1);

/// Decides whether a request comes too early. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Limiter(Arc<Parts>);

struct Parts {
    counters: Arc<dyn Counters>,
    flights: Flights,
    policy: RwLock<Arc<Policy>>,
    clock: SharedClock,
    /// Makes the hashes that counters are found by, so that nobody can choose two names with one hash.
    secret: [u8; 32],
}

/// What a call is counted by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    /// Who calls, where that is limited.
    pub(crate) caller: Option<String>,
    /// Whether that is an address only.
    pub(crate) is_anonymous: bool,
    /// The namespace that the call is about.
    pub(crate) namespace: Option<Namespace>,
    /// The operation, and the workflow that it starts when it is told which.
    pub(crate) operations: Vec<String>,
}

/// What became of a request that was counted: how its sender stands, and whether it may go on.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) allowances: Vec<Allowance>,
    pub(crate) outcome: Result<T, Error>,
}

impl<T> From<Error> for Entry<T> {
    fn from(error: Error) -> Entry<T> {
        Entry { allowances: Vec::new(), outcome: Err(error) }
    }
}

impl Limiter {
    /// A limiter with counters in this place.
    pub fn new(counters: Arc<dyn Counters>, policy: Policy, clock: SharedClock, rng: &dyn Rng) -> Limiter {
        let mut secret = [0; 32];
        rng.fill(&mut secret);
        let policy = RwLock::new(Arc::new(policy));
        Limiter(Arc::new(Parts { counters, flights: Flights::default(), policy, clock, secret }))
    }

    /// Goes by another policy from now on. What was counted stays counted.
    pub fn follow(&self, policy: Policy) {
        *self.0.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.0.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether calls are limited at all.
    pub(crate) fn limits_calls(&self) -> bool {
        self.policy().limits_calls()
    }

    /// How many calls in a namespace are under way, of those that are counted.
    pub fn under_way(&self, namespace: &Namespace) -> u32 {
        self.0.flights.count(Kind::Namespace, self.key(Kind::Namespace, &[namespace.as_str().as_bytes()]))
    }

    /// Counts a request that shows nothing.
    pub(crate) async fn knock(&self, address: IpAddr) -> Entry<()> {
        self.count(Kind::Anonymous, address, self.policy().anonymous, Mode::Take).await
    }

    /// Refuses an address that has shown too many wrong credentials. Nothing is counted.
    pub(crate) async fn check_failures(&self, address: IpAddr) -> Result<(), Error> {
        self.count(Kind::FailedAuth, address, self.policy().failed_auth, Mode::Look).await.outcome
    }

    /// Counts a wrong credential. What is told to whoever showed it: that there were too many, once that is so.
    pub(crate) async fn failed(&self, address: IpAddr) -> Result<(), Error> {
        self.count(Kind::FailedAuth, address, self.policy().failed_auth, Mode::Take).await.outcome
    }

    async fn count(&self, kind: Kind, address: IpAddr, rate: Option<Rate>, mode: Mode) -> Entry<()> {
        let Some(rate) = rate else { return Entry { allowances: Vec::new(), outcome: Ok(()) } };
        let mut bill = Bill::default();
        let key = match sender(address) {
            IpAddr::V4(v4) => self.key(kind, &[&v4.octets()]),
            IpAddr::V6(v6) => self.key(kind, &[&v6.octets()]),
        };
        bill.add(kind, key, rate);
        self.decide(&mut bill, mode).await
    }

    /// Counts a call by everything that limits it, or by nothing when a rate refuses it.
    pub(crate) async fn enter(&self, subject: &Subject) -> Entry<Vec<Seat>> {
        let policy = self.policy();
        let Entry { allowances, outcome } = self.decide(&mut self.bill(&policy, subject), Mode::Take).await;
        Entry { allowances, outcome: outcome.and_then(|()| self.board(&policy, subject)) }
    }

    async fn decide(&self, bill: &mut Bill, mode: Mode) -> Entry<()> {
        if bill.is_empty() {
            return Entry { allowances: Vec::new(), outcome: Ok(()) };
        }
        let charged = self.0.counters.charge(bill, mode, self.0.clock.now());
        match charged.settle(bill).await {
            Ok(()) => Entry {
                allowances: allowances(bill),
                outcome: bill.refusal().map_or(Ok(()), |(kind, verdict)| Err(refused(kind, verdict))),
            },
            Err(error) => error.into(),
        }
    }

    /// The caller comes first: whoever is over their own limit uses up nothing that others share.
    fn bill(&self, policy: &Policy, subject: &Subject) -> Bill {
        let mut bill = Bill::default();
        let mut add = |kind: Kind, of: &[&[u8]], rate: Option<Rate>| {
            if let Some(rate) = rate {
                bill.add(kind, self.key(kind, of), rate);
            }
        };
        let caller = subject.caller.as_ref().map(String::as_bytes);
        if let Some(caller) = caller {
            let rate = if subject.is_anonymous { policy.anonymous } else { None };
            add(Kind::Caller, &[caller], policy.principal.or(rate));
        }
        for id in &subject.operations {
            let own = policy.of_operation(id);
            if let Some(caller) = caller {
                add(Kind::Operation, &[caller, id.as_bytes()], own.rate);
            }
            add(Kind::Total, &[id.as_bytes()], own.total);
        }
        if let Some(namespace) = &subject.namespace {
            let rate = policy.of_namespace(namespace).rate;
            add(Kind::Namespace, &[namespace.as_str().as_bytes()], rate);
        }
        bill
    }

    fn board(&self, policy: &Policy, subject: &Subject) -> Result<Vec<Seat>, Error> {
        let mut seats = Vec::new();
        let mut take = |kind: Kind, of: &str, most: Option<u32>| -> Result<(), Error> {
            let Some(most) = most else { return Ok(()) };
            let seat = self.0.flights.board(kind, self.key(kind, &[of.as_bytes()]), most);
            seats.push(seat.ok_or_else(|| crowded(kind, most))?);
            Ok(())
        };
        if let Some(caller) = &subject.caller {
            take(Kind::Caller, caller, policy.concurrent.principal)?;
        }
        for id in &subject.operations {
            take(Kind::Operation, id, policy.of_operation(id).concurrent)?;
        }
        if let Some(namespace) = &subject.namespace {
            take(Kind::Namespace, namespace.as_str(), policy.of_namespace(namespace).concurrent)?;
        }
        Ok(seats)
    }

    /// What a counter is found by. The lengths are hashed too, so that no two lists of parts run into one.
    fn key(&self, kind: Kind, parts: &[&[u8]]) -> u64 {
        if self.0.counters.is_shared() {
            return shared_key(kind, parts);
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0.secret);
        hasher.write_u8(kind as u8);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }
}

/// The same number on every server, whatever it was built with and whenever it was started.
fn shared_key(kind: Kind, parts: &[&[u8]]) -> u64 {
    let mut context = Context::new(&SHA256);
    context.update(kind.name().as_bytes());
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        context.update(part);
    }
    let hash = context.finish();
    hash.as_ref().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn allowances(bill: &Bill) -> Vec<Allowance> {
    let of = |charge: &Charge| {
        let verdict = charge.verdict?;
        Some(Allowance {
            policy: charge.kind.name(),
            limit: charge.rate.count(),
            window: charge.rate.period(),
            remaining: verdict.remaining,
            next: verdict.next,
            reset: verdict.reset,
        })
    };
    bill.charges().filter_map(of).collect()
}

fn refused(kind: Kind, verdict: Verdict) -> Error {
    let (code, message): (&'static Code, _) = match kind {
        Kind::Caller => (&code::RATE_LIMITED, "you call more often than you may"),
        Kind::Namespace => (&code::RATE_LIMITED, "the namespace is called more often than it may be"),
        Kind::Operation => (&code::RATE_LIMITED, "you call this operation more often than you may"),
        Kind::Total => (&code::RATE_LIMITED, "this operation is called more often than it may be"),
        Kind::Anonymous => {
            (&code::RATE_LIMITED, "too many requests without a credential come from this address")
        }
        Kind::FailedAuth => (&code::AUTH_LIMITED, "too many wrong credentials have come from this address"),
    };
    later(Error::new(code, message).retry_after(verdict.next))
}

fn crowded(kind: Kind, most: u32) -> Error {
    let whose = match kind {
        Kind::Namespace => "of the namespace",
        Kind::Operation | Kind::Total => "of this operation",
        Kind::Caller | Kind::Anonymous | Kind::FailedAuth => "of yours",
    };
    let message = format!("as many calls {whose} are under way as may be: {most}");
    let error = Error::new(&code::CONCURRENCY_LIMITED, message).retry_after(SEAT_WAIT);
    error.help("wait until one of them has ended; a run that nobody waits for holds no place")
}

/// Says when to come again, for people; programs read the figure beside.
fn later(error: Error) -> Error {
    let help = match error.retry_seconds() {
        None | Some(0 | 1) => "try again in a second".to_owned(),
        Some(seconds) => format!("try again in {seconds} seconds"),
    };
    error.help(help)
}
