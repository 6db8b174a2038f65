//! Counters in memory and counters in Redis decide alike: one body of tests for both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexus_gateway::limit::counters::{Bill, Kind, Mode};
use nexus_gateway::limit::gcra::{PERIOD_MAX, Rate};
use nexus_gateway::limit::{Counters, MemoryCounters, RedisCounters, SharedCounters, WhenAway};
use nexus_gateway::redis::Address;
use nexus_gateway::{Redis, RedisOptions};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::port::clock::{Clock as _, SystemClock};
use nexus_kernel::port::rng::SystemRng;
use nexus_kernel::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::redis_server::RedisServer;

pub(crate) fn redis(server: &RedisServer) -> Redis {
    let address = Address::parse(&server.url()).unwrap();
    let options = RedisOptions { address, prefix: "t:".to_owned(), timeout: Duration::from_secs(5) };
    Redis::new(options, Arc::new(SystemClock), Arc::new(SystemRng))
}

fn shared(server: &RedisServer) -> SharedCounters {
    SharedCounters::new(redis(server), WhenAway::Refuse, &SystemRng)
}

/// One of many a day: nothing comes back while a test runs.
fn rate(burst: u32) -> Rate {
    Rate::new(1, PERIOD_MAX, Some(burst)).unwrap()
}

/// Numbers that no other test uses.
fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1_000, Ordering::Relaxed)
}

async fn charge(counters: &dyn Counters, charges: &[(Kind, u64, Rate)], mode: Mode) -> Bill {
    let mut bill = Bill::default();
    for (kind, key, rate) in charges {
        bill.add(*kind, *key, *rate);
    }
    counters.charge(&mut bill, mode, SystemClock.now()).settle(&mut bill).await.unwrap();
    bill
}

/// What is said of everything on a bill: whether it may, how often still, and how long it is until all may, in hours.
fn told(bill: &Bill) -> Vec<Option<(bool, u32, u64)>> {
    let hours = |wait: Duration| wait.as_secs().div_ceil(3_600);
    bill.charges().map(|it| it.verdict.map(|it| (it.is_allowed, it.remaining, hours(it.reset)))).collect()
}

/// Runs a body for every kind of counters there is.
macro_rules! for_all {
    ($server:ident, $counters:ident, $body:block) => {
        let $server = RedisServer::start();
        let all: [(&str, Box<dyn Counters>); 3] = [
            ("memory", Box::new(MemoryCounters::default())),
            ("redis", Box::new(RedisCounters::new(redis(&$server)))),
            ("shared", Box::new(shared(&$server))),
        ];
        for (name, $counters) in &all {
            println!("{name}");
            $body
        }
    };
}

#[tokio::test]
async fn what_is_refused_is_counted_nowhere_in_either() {
    for_all!(server, counters, {
        let key = fresh();
        let bill = [(Kind::Caller, key, rate(10)), (Kind::Namespace, key, rate(1))];
        assert_eq!(charge(&**counters, &bill, Mode::Take).await.refusal(), None);
        for _ in 0..20 {
            let refused = charge(&**counters, &bill, Mode::Take).await;
            assert_eq!(refused.refusal().unwrap().0, Kind::Namespace);
        }
        let caller = charge(&**counters, &bill[..1], Mode::Take).await;
        assert_eq!(told(&caller)[0].unwrap().1, 8);
    });
}

#[tokio::test]
async fn kinds_are_counted_apart_and_looking_counts_nothing_in_either() {
    for_all!(server, counters, {
        let key = fresh();
        for kind in Kind::ALL {
            let bill = [(kind, key, rate(1))];
            for _ in 0..3 {
                assert_eq!(charge(&**counters, &bill, Mode::Look).await.refusal(), None, "{kind:?}");
            }
            assert_eq!(charge(&**counters, &bill, Mode::Take).await.refusal(), None, "{kind:?}");
            assert!(charge(&**counters, &bill, Mode::Look).await.refusal().is_some(), "{kind:?}");
            assert!(charge(&**counters, &bill, Mode::Take).await.refusal().is_some(), "{kind:?}");
        }
    });
}

/// A course of things: the rates of the counters, of which every kind has three, and who is charged for which, and how.
type Course = (Vec<Rate>, Vec<(Vec<usize>, Mode)>);

const COUNTERS: usize = 3 * Kind::ALL.len();

fn courses() -> impl Strategy<Value = Course> {
    let rates = (1_u32..1_000, prop::sample::select(vec![3_600_u64, 86_400]), 1_u32..6);
    let rates = rates.prop_map(|(count, period, burst)| {
        // At most one in twenty seconds.
        let count = count.min(u32::try_from(period / 20).unwrap());
        Rate::new(count, Duration::from_secs(period), Some(burst)).unwrap()
    });
    let mode = prop::sample::select(vec![Mode::Take, Mode::Take, Mode::Look]);
    let step = (prop::collection::vec(0..COUNTERS, 1..7), mode);
    (prop::collection::vec(rates, COUNTERS), prop::collection::vec(step, 1..40))
}

/// Any course of things, with bills that have one thing twice on them as well, is decided alike in memory and in Redis.
#[test]
fn any_course_of_things_is_decided_alike_in_memory_and_in_redis() {
    let server = RedisServer::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let in_redis = RedisCounters::new(redis(&server));
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&courses(), |(rates, steps)| {
        let (in_memory, base) = (MemoryCounters::default(), fresh());
        for (counters, mode) in steps {
            let charge_of = |&counter: &usize| {
                let key = base + u64::try_from(counter / Kind::ALL.len()).unwrap();
                (Kind::ALL[counter % Kind::ALL.len()], key, rates[counter])
            };
            let charges: Vec<_> = counters.iter().map(charge_of).collect();
            let expected = runtime.block_on(charge(&in_memory, &charges, mode));
            let found = runtime.block_on(charge(&in_redis, &charges, mode));
            prop_assert_eq!(told(&found), told(&expected));
        }
        Ok(())
    });
    outcome.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_one_over_many_servers_whatever_their_clocks_say() {
    let server = RedisServer::start();
    let key = fresh();
    let mut tasks = Vec::new();
    for number in 0..4 {
        let counters = shared(&server);
        // One lives in 1970, others decades later.
        let now = Timestamp::from_millis(number * 1_000_000_000_000);
        tasks.push(tokio::spawn(async move {
            let mut allowed = 0;
            for _ in 0..50 {
                let mut bill = Bill::default();
                bill.add(Kind::Caller, key, rate(60));
                counters.charge(&mut bill, Mode::Take, now).settle(&mut bill).await.unwrap();
                allowed += u32::from(bill.refusal().is_none());
            }
            allowed
        }));
    }
    let mut allowed = 0;
    for task in tasks {
        allowed += task.await.unwrap();
    }
    assert_eq!(allowed, 60);
}

#[tokio::test]
async fn what_is_in_redis_is_a_number_that_goes_away_by_itself() {
    let server = RedisServer::start();
    let counters = RedisCounters::new(redis(&server));
    let quick = Rate::new(1_000, Duration::from_secs(1), None).unwrap();
    charge(&counters, &[(Kind::Caller, fresh(), rate(3))], Mode::Take).await;
    assert_eq!(server.keys().len(), 1);
    let key = &server.keys()[0];
    assert!(key.starts_with("t:limit:principal:"), "{key}");
    let left: u64 = server.tell(&["pttl", key]).parse().unwrap();
    assert!((1..=86_400_001).contains(&left), "{left}");
    assert!(server.tell(&["get", key]).parse::<i64>().is_ok());
    // Whoever is back at rest leaves nothing, and the largest burst there may be is counted exactly.
    charge(&counters, &[(Kind::Namespace, fresh(), quick)], Mode::Take).await;
    assert!((0..100_000).any(|_| server.keys().len() == 1));
    let widest = Rate::new(1, PERIOD_MAX, Some(26_000)).unwrap();
    let bill = [(Kind::Total, fresh(), widest)];
    for left in [25_999, 25_998] {
        assert_eq!(told(&charge(&counters, &bill, Mode::Take).await)[0].unwrap().1, left);
    }
}

#[tokio::test]
async fn without_redis_each_server_goes_on_from_what_it_has_let_in() {
    let mut server = RedisServer::start();
    let (bill, clock) = ([(Kind::Caller, fresh(), rate(5))], SystemClock);
    let [one, other] = [(); 2].map(|()| SharedCounters::new(redis(&server), WhenAway::Local, &SystemRng));
    let take =
        async |counters: &SharedCounters| charge(counters, &bill, Mode::Take).await.refusal().is_none();
    assert!(take(&one).await && take(&one).await && take(&one).await && take(&other).await);
    server.kill();
    // Together they let in no more than the limit of each.
    let (mut first, mut second) = (3, 1);
    for _ in 0..10 {
        first += u32::from(take(&one).await);
        second += u32::from(take(&other).await);
    }
    assert_eq!((first, second), (5, 5));
    // A Redis that has forgotten everything opens no door either.
    server.restart();
    assert!(server.keys().is_empty());
    for _ in 0..10 {
        assert!(!take(&one).await && !take(&other).await);
    }
    let strict = SharedCounters::new(redis(&server), WhenAway::Refuse, &SystemRng);
    assert!(take(&strict).await);
    server.kill();
    for _ in 0..10 {
        let mut refused = Bill::default();
        refused.add(Kind::Caller, bill[0].1, rate(5));
        let error =
            strict.charge(&mut refused, Mode::Take, clock.now()).settle(&mut refused).await.unwrap_err();
        assert_eq!((error.code().id, error.retry_seconds()), ("NX-2091", Some(1)));
    }
}

#[tokio::test]
async fn a_redis_that_hangs_costs_one_wait_and_comes_back_by_itself() {
    let server = RedisServer::start();
    let clock = SimClock::at(Timestamp::from_millis(1_000));
    let address = Address::parse(&server.url()).unwrap();
    let options = RedisOptions { address, prefix: "t:".to_owned(), timeout: Duration::from_millis(50) };
    let redis = Redis::new(options, Arc::new(clock.clone()), Arc::new(SystemRng));
    redis.look().await.unwrap();
    server.hang();
    let asking = tokio::spawn({
        let redis = redis.clone();
        async move { redis.look().await }
    });
    while clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_millis(50));
    assert!(asking.await.unwrap().unwrap_err().contains("has not answered within 50 ms"));
    // Nobody waits now, for a second.
    for _ in 0..100 {
        assert!(redis.look().await.is_err());
        assert_eq!(clock.next_wake(), None);
    }
    server.go_on();
    assert!(redis.look().await.is_err());
    clock.advance(Duration::from_secs(1));
    redis.look().await.unwrap();
    assert_eq!(redis.complaint(), None);
    // Who goes away while asking leaves no door shut.
    server.hang();
    let asking = tokio::spawn({
        let redis = redis.clone();
        async move { redis.look().await }
    });
    while clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    asking.abort();
    let _ = asking.await;
    server.go_on();
    redis.look().await.unwrap();
}
