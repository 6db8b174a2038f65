//! Counters that several servers share: the same decisions as in memory, made by a script inside Redis, by its clock.
//!
//! Every server counts in its own memory first, as it would alone. What that refuses is refused without asking, so a flood
//! stays where it came in; what it allows, Redis decides for all of them. So when Redis is away each server goes on from what
//! it has let in itself: there is no burst for an outage, and nobody gets more than what each server by itself would give.

mod script;

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::rng::Rng;
use nexus_kernel::time::Timestamp;

use super::counters::{Bill, Charge, Charged, Counters, Mode};
use super::gcra::{self, State};
use super::table::MemoryCounters;
use crate::redis::{Away, Redis};

/// What becomes of a call while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenAway {
    /// Every server counts for itself.
    #[default]
    Local,
    /// It is refused.
    Refuse,
}

/// Counters in Redis, and nowhere else.
#[derive(Clone)]
pub struct RedisCounters(Redis);

/// Counters in Redis, with those of this server before them.
pub struct SharedCounters {
    own: Arc<MemoryCounters>,
    redis: RedisCounters,
    when_away: WhenAway,
    /// Servers find a counter by the same number, which anybody can work out; in memory it is found by another one.
    secret: [u8; 32],
}

impl RedisCounters {
    /// Counters in this Redis.
    pub fn new(redis: Redis) -> RedisCounters {
        RedisCounters(redis)
    }

    async fn settle(&self, mut bill: Bill, mode: Mode) -> Result<Bill, Away> {
        let invocation = script::invocation(&self.0, &bill, mode);
        let asked = self.0.ask(async |mut line| invocation.invoke_async(&mut line).await);
        let numbers: Vec<i64> = asked.await?.value;
        let mut numbers = numbers.into_iter();
        let now = Timestamp::from_micros(numbers.next().unwrap_or_default());
        replay(&mut bill, mode, now, &mut numbers.map(State::from_micros));
        // A bill that was not decided lets nobody in.
        let is_decided = bill.refusal().is_some() || bill.charges().all(|charge| charge.verdict.is_some());
        if is_decided { Ok(bill) } else { Err(Away { wait: Duration::ZERO }) }
    }
}

/// Puts the verdicts on a bill that follow from how the counters stood. What the script decided follows from the same.
fn replay(bill: &mut Bill, mode: Mode, now: Timestamp, states: &mut dyn Iterator<Item = State>) {
    for (charge, state) in bill.charges_mut().zip(states) {
        let verdict = match mode {
            Mode::Look => gcra::stand(state, charge.rate, now),
            Mode::Take => gcra::decide(state, charge.rate, now).1,
        };
        charge.verdict = Some(verdict);
    }
}

impl Counters for RedisCounters {
    fn charge(&self, bill: &mut Bill, mode: Mode, _: Timestamp) -> Charged {
        let (counters, bill) = (self.clone(), bill.clone());
        Charged::Later(Box::pin(async move { counters.settle(bill, mode).await.map_err(unreachable) }))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl SharedCounters {
    /// Counters in this Redis, and how to do without it.
    pub fn new(redis: Redis, when_away: WhenAway, rng: &dyn Rng) -> SharedCounters {
        let mut secret = [0; 32];
        rng.fill(&mut secret);
        SharedCounters { own: Arc::default(), redis: RedisCounters::new(redis), when_away, secret }
    }

    /// A bill as this server has it.
    fn own_bill(&self, bill: &Bill) -> Bill {
        let mut own = Bill::default();
        for Charge { kind, key, rate, .. } in bill.charges() {
            let mut hasher = DefaultHasher::new();
            hasher.write(&self.secret);
            hasher.write_u64(*key);
            own.add(*kind, hasher.finish(), *rate);
        }
        own
    }
}

impl Counters for SharedCounters {
    fn charge(&self, bill: &mut Bill, mode: Mode, now: Timestamp) -> Charged {
        let mut own = self.own_bill(bill);
        drop(self.own.charge(&mut own, mode, now)); // memory never waits
        if own.refusal().is_some() {
            bill.take_verdicts(&own);
            return Charged::Now;
        }
        let (counters, redis, when_away) = (Arc::clone(&self.own), self.redis.clone(), self.when_away);
        let mut bill = bill.clone();
        Charged::Later(Box::pin(async move {
            let is_counted = mode == Mode::Take;
            match (redis.settle(bill.clone(), mode).await, when_away) {
                (Ok(settled), _) => {
                    if is_counted && settled.refusal().is_some() {
                        counters.give_back_all(&own, now);
                    }
                    Ok(settled)
                }
                (Err(_), WhenAway::Local) => {
                    bill.take_verdicts(&own);
                    Ok(bill)
                }
                (Err(away), WhenAway::Refuse) => {
                    if is_counted {
                        counters.give_back_all(&own, now);
                    }
                    Err(unreachable(away))
                }
            }
        }))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

fn unreachable(away: Away) -> Error {
    Error::new(&code::COUNTERS_AWAY, "the limits that servers share cannot be reached")
        .retry_after(away.wait)
        .help("try again in a moment; nothing was started")
}
