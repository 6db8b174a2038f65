//! Servers that share a real Redis: what one has made the others find, what one forgets nobody gives, and nothing that is kept
//! is given by whoever cannot ask.

use nexus_kernel::port::rng::SystemRng;

use super::*;
use crate::redis::{Address, RedisOptions};

#[path = "../../../tests/it/redis_server.rs"]
mod redis_server;
use redis_server::RedisServer;

/// A Redis, and the clock of those who ask it.
struct Common {
    server: RedisServer,
    clock: SimClock,
}

impl Common {
    fn start() -> Common {
        let clock = SimClock::at(Timestamp::from_millis(1_000));
        Common { server: RedisServer::start(), clock }
    }

    fn redis(&self) -> Redis {
        let address = Address::parse(&self.server.url()).unwrap();
        let options = RedisOptions { address, prefix: "t:".to_owned(), timeout: Duration::from_millis(50) };
        Redis::new(options, Arc::new(self.clock.clone()), Arc::new(SystemRng))
    }

    /// A server with a store of its own.
    fn world(&self) -> World {
        self.world_on(Arc::default())
    }

    fn world_on(&self, store: Arc<MemoryStore>) -> World {
        World::sharing(rule(), store, OPTIONS, Some(self.redis()))
    }

    /// Lets those who have found it away ask again.
    fn rest(&self) {
        self.clock.advance(Duration::from_secs(1));
    }

    /// Waits until as many answers are in it.
    async fn holds(&self, answers: usize) {
        let count = || self.server.keys().iter().filter(|key| key.starts_with("t:cache:answer:")).count();
        while count() != answers {
            tokio::task::yield_now().await;
        }
    }
}

fn from(answer: &Answer) -> &'static str {
    match answer.cached {
        Some(Cached::Hit { level, .. }) => level.as_str(),
        _ => word(answer),
    }
}

const ONE: fn() -> Json = || json!({ "id": 1 });

#[tokio::test]
async fn an_answer_of_one_server_is_found_by_the_others() {
    let common = Common::start();
    let [first, second] = [common.world(), common.world()];
    let made = first.call(ONE()).await;
    common.holds(1).await;
    second.clock.advance(Duration::from_secs(20));
    let found = second.call(ONE()).await;
    let (age, left) = (Duration::from_secs(20), Duration::from_secs(40));
    assert_eq!(found.cached, Some(Cached::Hit { level: Level::Redis, age, left }));
    assert_eq!((&found.output, &found.run), (&made.output, &made.run));
    assert_eq!(from(&second.call(ONE()).await), "memory", "it was promoted");
    assert_eq!((first.runs(), second.runs()), (1, 0));
    assert_eq!(word(&second.call(json!({ "id": 2 })).await), "miss");
    // It is there for as long as it may be given, and names of nobody are in its key.
    let keys = common.server.keys();
    let answer = keys.iter().find(|key| key.starts_with("t:cache:answer:")).unwrap();
    let left: u64 = common.server.tell(&["pttl", answer]).parse().unwrap();
    assert!((1..=90_000).contains(&left), "{left}");
    assert!(keys.iter().all(|key| !key.contains("Price") && !key.contains("shop")), "{keys:?}");
}

#[tokio::test]
async fn what_one_server_forgets_no_other_gives() {
    let common = Common::start();
    for input in [
        json!({ "tag": "customer:1" }),
        json!({ "operation": "Price" }),
        json!({}),
        json!({ "everywhere": true }),
    ] {
        let [first, second] = [common.world(), common.world()];
        first.call(ONE()).await;
        common.holds(1).await;
        second.call(ONE()).await;
        assert_eq!(from(&second.call(ONE()).await), "memory");
        first.settle().await;
        first.forget(input.clone()).await;
        assert_eq!(word(&second.call(ONE()).await), "miss", "{input}: neither from memory nor from Redis");
        assert_eq!(second.runs(), 1);
        // Who starts again with what is in the store does not give it either.
        let third = common.world_on(Arc::clone(&first.store));
        assert_ne!(from(&third.call(ONE()).await), "store", "{input}");
        common.server.tell(&["flushall"]);
    }
}

#[tokio::test]
async fn work_that_began_before_another_server_forgot_is_not_joined() {
    let common = Common::start();
    let (first, second) = (Arc::new(common.world()), common.world());
    first.close();
    let call = || {
        let world = Arc::clone(&first);
        tokio::spawn(async move { world.call(ONE()).await })
    };
    let has_begun = async |runs| {
        while first.runs() != runs {
            tokio::task::yield_now().await;
        }
    };
    let before = call();
    has_begun(1).await;
    second.forget(json!({ "tag": "customer:1" })).await;
    let after = call();
    has_begun(2).await;
    first.open();
    assert_eq!((before.await.unwrap().output, after.await.unwrap().output), (json!(1), json!(2)));
    assert_eq!(first.call(ONE()).await.output, json!(2));
    common.holds(1).await;
    let found = second.call(ONE()).await;
    assert_eq!((from(&found), found.output), ("redis", json!(2)));
}

#[tokio::test]
async fn while_redis_is_away_nothing_kept_is_given_and_nobody_waits() {
    let mut common = Common::start();
    let world = Arc::new(common.world());
    world.call(ONE()).await;
    common.holds(1).await;
    common.server.kill();
    for run in 2..5 {
        let answer = world.call(ONE()).await;
        assert_eq!((answer.cached, answer.output), (Some(Cached::Miss { is_kept: false }), json!(run)));
    }
    // Who asks the same at the same time still is one piece of work.
    world.close();
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.call(ONE()).await })
        })
        .collect();
    world.settle().await;
    world.open();
    for call in calls {
        assert_eq!(call.await.unwrap().output, json!(5));
    }
    let untold = world.try_to_forget(json!({})).await.unwrap_err();
    assert_eq!((untold.code().id, untold.retry_seconds()), ("NX-2092", Some(1)));
    // It is back with nothing in it: what was made before is not trusted.
    common.server.restart();
    common.rest();
    assert_eq!(word(&world.call(ONE()).await), "miss");
    assert_eq!(from(&world.call(ONE()).await), "memory");
    world.forget(json!({})).await;
}

#[tokio::test]
async fn a_redis_that_comes_back_older_than_it_was_brings_no_answer_back() {
    let mut common = Common::start();
    let [first, second] = [common.world(), common.world()];
    first.call(ONE()).await;
    common.holds(1).await;
    second.call(ONE()).await;
    first.settle().await;
    // What it saves is from before the answers are forgotten.
    assert_eq!(common.server.tell(&["save"]), "OK");
    first.forget(json!({ "tag": "customer:1" })).await;
    common.server.kill();
    common.server.restart();
    common.holds(1).await;
    let third = common.world_on(Arc::clone(&first.store));
    for world in [&first, &second, &third] {
        while !matches!(word(&world.call(ONE()).await), "miss")
            || world.cache.0.agreement.as_ref().unwrap().0.complaint().is_some()
        {
            common.rest();
        }
        let made = world.call(ONE()).await;
        assert_eq!(
            (from(&made), made.output == json!(world.runs())),
            ("memory", true),
            "their own, made since"
        );
        world.forget(json!({})).await;
    }
}

#[tokio::test]
async fn a_redis_that_hangs_delays_one_call_and_changes_no_answer() {
    let common = Common::start();
    let world = Arc::new(common.world());
    let made = world.call(ONE()).await;
    common.holds(1).await;
    world.settle().await;
    common.server.hang();
    let waiting = {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.call(ONE()).await })
    };
    while common.clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    common.clock.advance(Duration::from_millis(50));
    assert_eq!(waiting.await.unwrap().output, json!(2));
    assert_eq!(world.call(ONE()).await.output, json!(3));
    common.server.go_on();
    common.rest();
    // It is the same Redis and nothing was forgotten: what was made before is as good as it was.
    let again = world.call(ONE()).await;
    assert_eq!((from(&again), again.output), ("memory", made.output));
}

#[tokio::test]
async fn what_is_lost_or_nonsense_in_redis_is_a_miss() {
    let common = Common::start();
    let [first, second] = [common.world(), common.world()];
    first.call(ONE()).await;
    common.holds(1).await;
    let key = |kind: &str| common.server.keys().into_iter().find(|key| key.starts_with(kind)).unwrap();
    let answer = key("t:cache:answer:");
    for nonsense in ["", "x", "00000000000000000001{}", "00000000000000000001{\"v\":1}"] {
        common.server.tell(&["set", &answer, nonsense]);
        assert_eq!(word(&second.call(ONE()).await), "miss");
        second.forget(json!({})).await;
    }
    // A tag that was evicted, or everything, is as good as forgotten.
    assert_eq!(word(&first.call(ONE()).await), "miss");
    assert_eq!(from(&first.call(ONE()).await), "memory");
    common.server.tell(&["del", &key("t:cache:tag:")]);
    assert_eq!(word(&first.call(ONE()).await), "miss");
    common.server.tell(&["flushall"]);
    assert_eq!(word(&first.call(ONE()).await), "miss");
}

#[tokio::test]
async fn what_was_made_with_redis_is_not_given_without_and_the_other_way_round() {
    let common = Common::start();
    let sharing = common.world();
    sharing.call(ONE()).await;
    sharing.settle().await;
    common.holds(1).await;
    let alone = World::with(rule(), Arc::clone(&sharing.store), OPTIONS);
    assert_eq!(word(&alone.call(ONE()).await), "miss", "others may have forgotten it");
    let alone = World::new();
    alone.call(ONE()).await;
    alone.settle().await;
    let sharing = common.world_on(Arc::clone(&alone.store));
    common.server.tell(&["flushall"]);
    assert_eq!(word(&sharing.call(ONE()).await), "miss");
}

#[tokio::test]
async fn whose_answer_it_is_holds_across_servers() {
    let common = Common::start();
    let [first, second] = [common.world(), common.world()];
    let ask = async |world: &World, name: &str| {
        let grants = Arc::new(Grants::everything("a test"));
        let caller = Caller { identity: format!("key:{name}").into(), grants, ..Caller::anonymous() };
        let operation = world.pipeline.find(Target::Workflow("Price"), &Caller::local()).unwrap();
        // The pipeline takes everybody for the owner while there is no authentication; the stage does not.
        let context = CallContext { caller, reach: Reach::everything(), ..world.context() };
        let (cache, pipeline) = (&world.cache, &world.pipeline);
        let answer = crate::stage::cache::answer(cache, pipeline, &operation, &ONE(), &context).await;
        from(&answer.unwrap().unwrap())
    };
    assert_eq!(ask(&first, "ada").await, "miss");
    common.holds(1).await;
    assert_eq!(ask(&second, "bob").await, "miss");
    assert_eq!(ask(&second, "ada").await, "redis");
}
