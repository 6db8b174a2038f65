//! The cache in a pipeline, on simulated time.

mod replicas;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nexus_kernel::access::{Grants, Reach};
use nexus_kernel::cache::{CacheRule, CacheUse, Cached, Level, TagPattern};
use nexus_kernel::call::{Answer, CallContext, Caller, Channel, RunAnswer, Wait};
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::code;
use nexus_kernel::contract::Contract;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json};
use serde_json::json;
use tokio::sync::Semaphore;

use super::{Cache, CacheOptions};
use crate::pipeline::{Pipeline, Target};
use crate::redis::Redis;

pub(super) fn rule() -> CacheRule {
    CacheRule {
        ttl: Duration::from_mins(1),
        stale: Duration::from_secs(30),
        is_public: false,
        tags: vec![TagPattern::parse("customer:{id}").unwrap()],
        key: None,
        code: "code".into(),
    }
}

/// A workflow that does nothing.
pub(super) fn workflow(namespace: &str, name: &str) -> Operation {
    let handler = |input: Json, _: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
        Box::pin(async { Ok(Answer::of(input)) })
    };
    Operation {
        contract: Contract { cache: Some(Arc::new(rule())), ..Contract::default() },
        input_bytes_max: nexus_kernel::limits::PAYLOAD_BYTES_MAX,
        name: name.into(),
        namespace: Some(Namespace::new(namespace).unwrap()),
        title: String::new(),
        doc: String::new(),
        input: json!({ "type": "object" }),
        output: json!({}),
        effect: Effect::Long,
        permission: String::new(),
        defined_at: None,
        handler: Arc::new(handler),
    }
}

/// How the work ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Well,
    Badly,
    Open,
    Panic,
}

/// A pipeline with one workflow, `Price`, whose runs are counted and wait for permits.
struct World {
    pipeline: Pipeline,
    cache: Cache,
    store: Arc<MemoryStore>,
    clock: SimClock,
    runs: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    end: Arc<std::sync::Mutex<End>>,
}

const OPTIONS: CacheOptions = CacheOptions { memory_bytes_max: 1 << 20, store_bytes_max: 1 << 20 };

impl World {
    fn new() -> World {
        World::with(rule(), Arc::new(MemoryStore::new()), OPTIONS)
    }

    fn with(rule: CacheRule, store: Arc<MemoryStore>, options: CacheOptions) -> World {
        World::sharing(rule, store, options, None)
    }

    fn sharing(
        rule: CacheRule,
        store: Arc<MemoryStore>,
        options: CacheOptions,
        redis: Option<Redis>,
    ) -> World {
        let clock = SimClock::at(Timestamp::from_millis(1_800_000_000_000));
        let (runs, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)));
        let end = Arc::new(std::sync::Mutex::new(End::Well));
        let (count, open, how) = (Arc::clone(&runs), Arc::clone(&gate), Arc::clone(&end));
        let handler = move |_: Json, context: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let (open, how) = (Arc::clone(&open), Arc::clone(&how));
            let run = RunAnswer {
                namespace: Namespace::new("shop").unwrap(),
                workflow_id: WorkflowId::new(&format!("w-{number}")).unwrap(),
                run_id: RunId::parse("run_0688ab1tdpv3h9m5x7cq2wnk4e").unwrap(),
                workflow: "Price".into(),
                status: RunStatus::Completed,
                failure: None,
            };
            context.started.note(&RunAnswer { status: RunStatus::Running, ..run.clone() });
            Box::pin(async move {
                let _permit = open.acquire().await.unwrap();
                let end = *how.lock().unwrap();
                match end {
                    End::Well => Ok(Answer { run: Some(run), ..Answer::of(json!(number)) }),
                    End::Badly => Err(Error::new(&code::RUN_FAILED, format!("run {number} failed"))),
                    End::Open => {
                        let run = RunAnswer { status: RunStatus::Paused, ..run };
                        Ok(Answer { run: Some(run), ..Answer::of(Json::Null) })
                    }
                    End::Panic => panic!("in a test"),
                }
            })
        };
        let price = Operation {
            contract: Contract { cache: Some(Arc::new(rule)), ..Contract::default() },
            handler: Arc::new(handler),
            ..workflow("shop", "Price")
        };
        let time: Arc<SimClock> = Arc::new(clock.clone());
        let cache = match redis {
            Some(redis) => Cache::shared(store.clone(), time.clone(), options, (redis, None)),
            None => Cache::new(store.clone(), time.clone(), options),
        };
        let catalogue = Catalogue::new();
        catalogue.replace([vec![price], cache.operations()].concat()).unwrap();
        let pipeline = Pipeline::new(catalogue, time, Arc::new(SeededRng::new(1))).caching(cache.clone());
        World { pipeline, cache, store, clock, runs, gate, end }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    fn ends(&self, end: End) {
        *self.end.lock().unwrap() = end;
    }

    fn context(&self) -> CallContext {
        self.pipeline.context(Channel::Embedded)
    }

    async fn call(&self, input: Json) -> Answer {
        self.call_with(input, self.context()).await.unwrap()
    }

    async fn call_with(&self, input: Json, context: CallContext) -> Result<Answer, Error> {
        self.pipeline.call(Target::Workflow("Price"), input, context).await
    }

    async fn forget(&self, input: Json) {
        self.try_to_forget(input).await.unwrap();
    }

    async fn try_to_forget(&self, input: Json) -> Result<Answer, Error> {
        let input =
            [("namespace".to_owned(), json!("shop"))].into_iter().chain(input.as_object().unwrap().clone());
        let verb = Target::Verb("cache.invalidate");
        self.pipeline.call(verb, Json::Object(input.collect()), self.context()).await
    }

    fn close(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn open(&self) {
        self.gate.add_permits(10_000);
    }

    /// Lets everything go on that can.
    async fn settle(&self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
}

fn word(answer: &Answer) -> &'static str {
    answer.cached.unwrap().word()
}

#[tokio::test]
async fn what_was_answered_is_answered_again_with_the_run_that_made_it() {
    let world = World::new();
    let first = world.call(json!({ "id": 1 })).await;
    assert_eq!((first.output.clone(), word(&first)), (json!(1), "miss"));
    world.clock.advance(Duration::from_secs(20));
    let again = world.call(json!({ "id": 1 })).await;
    let (age, left) = (Duration::from_secs(20), Duration::from_secs(40));
    assert_eq!(again.cached, Some(Cached::Hit { level: Level::Memory, age, left }));
    assert_eq!((again.output, again.run), (first.output, first.run));
    assert_eq!(world.call(json!({ "id": 2 })).await.output, json!(2), "another input");
    assert_eq!(world.runs(), 2);
}

#[tokio::test]
async fn an_operation_that_did_not_opt_in_is_always_carried_out() {
    let world = World::new();
    let mut plain = workflow("shop", "Plain");
    plain.contract.cache = None;
    let writes = Operation { effect: Effect::Write, ..workflow("shop", "Writes") };
    world.pipeline.catalogue().replace(vec![plain, writes]).unwrap();
    for name in ["Plain", "Writes"] {
        let call = || world.pipeline.call(Target::Workflow(name), json!({}), world.context());
        assert!(call().await.unwrap().cached.is_none_or(|it| it == Cached::Passed));
        assert!(call().await.unwrap().cached.is_none_or(|it| it == Cached::Passed), "{name}");
    }
}

#[tokio::test]
async fn nobody_gets_an_answer_of_somebody_else_unless_it_is_public() {
    for (is_public, runs) in [(false, 2), (true, 1)] {
        let world = World::with(CacheRule { is_public, ..rule() }, Arc::default(), OPTIONS);
        let operation = world.pipeline.find(Target::Workflow("Price"), &Caller::local()).unwrap();
        for who in ["key:a", "key:b"] {
            let caller = Caller {
                identity: who.into(),
                grants: Arc::new(Grants::everything("a test")),
                ..Caller::anonymous()
            };
            // The pipeline takes everybody for the owner while there is no authentication; the stage does not.
            let context = CallContext { caller, reach: Reach::everything(), ..world.context() };
            let input = json!({ "id": 1 });
            let stage =
                crate::stage::cache::answer(&world.cache, &world.pipeline, &operation, &input, &context);
            assert_eq!(word(&stage.await.unwrap().unwrap()) == "hit", is_public && who == "key:b");
        }
        assert_eq!(world.runs(), runs);
    }
}

#[tokio::test]
async fn failures_and_runs_that_go_on_are_not_kept() {
    let world = World::new();
    for end in [End::Badly, End::Panic, End::Open] {
        world.ends(end);
        for _ in 0..2 {
            let answer = world.call_with(json!({}), world.context()).await;
            assert!(answer.is_err() || word(&answer.unwrap()) == "miss", "{end:?}");
        }
    }
    assert_eq!(world.runs(), 6);
    world.ends(End::Well);
    assert_eq!(word(&world.call(json!({})).await), "miss");
    assert_eq!(word(&world.call(json!({})).await), "hit");
}

#[tokio::test]
async fn who_asks_for_work_of_their_own_gets_it_and_leaves_nothing() {
    let world = World::new();
    let own = |change: fn(&mut CallContext)| {
        let mut context = world.context();
        change(&mut context);
        context
    };
    world.call(json!({})).await;
    for (index, context) in [
        own(|it| it.idempotency_key = Some("k".into())),
        own(|it| it.workflow_id = Some(WorkflowId::new("mine").unwrap())),
        own(|it| it.wait = Wait::Accepted),
        own(|it| it.cache = CacheUse::Never),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = world.call_with(json!({}), context).await.unwrap();
        assert_eq!((answer.output.clone(), word(&answer)), (json!(index + 2), "passed"));
    }
    assert_eq!(world.call(json!({})).await.output, json!(1), "what was kept before is as it was");
    let renewed = world.call_with(json!({}), own(|it| it.cache = CacheUse::Renew)).await.unwrap();
    assert_eq!((renewed.output.clone(), word(&renewed)), (json!(6), "miss"));
    assert_eq!(world.call(json!({})).await.output, json!(6), "a new one is kept for others");
}

#[tokio::test]
async fn a_hundred_who_ask_the_same_are_one_run() {
    let world = Arc::new(World::new());
    world.close();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.call(json!({ "id": 1 })).await })
        })
        .collect();
    world.settle().await;
    assert_eq!(world.runs(), 1);
    // The one who leads goes away; nobody else notices.
    calls[0].abort();
    world.settle().await;
    world.open();
    let mut words = Vec::new();
    for call in calls.into_iter().skip(1) {
        let answer = call.await.unwrap();
        assert_eq!(answer.output, json!(1));
        words.push(word(&answer));
    }
    assert!(words.iter().all(|word| *word == "joined"), "{words:?}");
    assert_eq!((world.runs(), world.cache.0.flights.len()), (1, 0));
    assert_eq!(word(&world.call(json!({ "id": 1 })).await), "hit");
}

#[tokio::test]
async fn when_the_leader_fails_others_try_and_nobody_waits_for_many() {
    let world = Arc::new(World::new());
    world.close();
    world.ends(End::Badly);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.call_with(json!({}), world.context()).await })
        })
        .collect();
    world.settle().await;
    assert_eq!(world.runs(), 1);
    world.gate.add_permits(10_000);
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.code(), &code::RUN_FAILED, "its own failure, not a made-up one");
    }
    assert_eq!(world.runs(), 20, "nobody is told of somebody else's failure");
    assert_eq!(world.cache.0.flights.len(), 0);
}

#[tokio::test]
async fn whoever_waits_for_somebody_else_s_run_waits_no_longer_than_they_want() {
    let world = Arc::new(World::new());
    world.close();
    let call = |most: u64| {
        let world = Arc::clone(&world);
        let context = CallContext { wait: Wait::AtMost(Duration::from_secs(most)), ..world.context() };
        tokio::spawn(async move { world.call_with(json!({}), context).await.unwrap() })
    };
    let (patient, hasty, leader) = {
        let leader = call(5);
        world.settle().await;
        (call(60), call(10), leader)
    };
    world.settle().await;
    world.clock.advance(Duration::from_secs(10));
    for early in [leader, hasty] {
        let answer = early.await.unwrap();
        let run = answer.run.unwrap();
        assert_eq!((answer.output, run.status), (Json::Null, RunStatus::Running));
        assert_eq!(run.workflow_id.as_str(), "w-1");
    }
    world.open();
    assert_eq!(patient.await.unwrap().output, json!(1));
    assert_eq!(world.runs(), 1);
}

#[tokio::test]
async fn past_its_time_an_answer_is_given_while_one_new_is_made() {
    let world = World::new();
    world.call(json!({})).await;
    world.clock.advance(Duration::from_secs(70));
    world.close();
    for _ in 0..5 {
        let stale = world.call(json!({})).await;
        let (age, late) = (Duration::from_secs(70), Duration::from_secs(10));
        assert_eq!(stale.cached, Some(Cached::Stale { level: Level::Memory, age, late }));
        assert_eq!(stale.output, json!(1));
        world.settle().await;
    }
    assert_eq!(world.runs(), 2, "one is made anew");
    world.open();
    world.settle().await;
    let fresh = world.call(json!({})).await;
    assert_eq!((fresh.output.clone(), word(&fresh)), (json!(2), "hit"));
    world.clock.advance(Duration::from_secs(91));
    let late = world.call(json!({})).await;
    assert_eq!((late.output.clone(), word(&late)), (json!(3), "miss"), "too late to be given");
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_answer_and_is_tried_again() {
    let world = World::new();
    world.call(json!({})).await;
    world.clock.advance(Duration::from_secs(70));
    world.ends(End::Badly);
    for runs in 2..4 {
        assert_eq!(word(&world.call(json!({})).await), "stale");
        world.settle().await;
        assert_eq!(world.runs(), runs);
    }
}

#[tokio::test]
async fn a_caller_can_ask_for_a_younger_answer() {
    let world = World::new();
    world.call(json!({})).await;
    world.clock.advance(Duration::from_secs(10));
    let within =
        |seconds| CallContext { cache: CacheUse::Within(Duration::from_secs(seconds)), ..world.context() };
    assert_eq!(word(&world.call_with(json!({}), within(10)).await.unwrap()), "hit");
    assert_eq!(world.call_with(json!({}), within(9)).await.unwrap().output, json!(2));
}

#[tokio::test]
async fn forgetting_is_by_tag_by_workflow_by_namespace_or_everywhere() {
    for (input, is_forgotten) in [
        (json!({ "tag": "customer:1" }), true),
        (json!({ "tag": "customer:2" }), false),
        (json!({ "operation": "Price" }), true),
        (json!({ "operation": "shop/Price" }), true),
        (json!({ "operation": "Other" }), false),
        (json!({}), true),
        (json!({ "namespace": "bank" }), false),
        (json!({ "namespace": "bank", "tag": "customer:1" }), false),
        (json!({ "everywhere": true }), true),
    ] {
        let world = World::new();
        world.call(json!({ "id": 1 })).await;
        world.forget(input.clone()).await;
        let answer = world.call(json!({ "id": 1 })).await;
        assert_eq!(word(&answer) == "miss", is_forgotten, "{input}");
    }
}

#[tokio::test]
async fn work_that_began_before_is_neither_kept_nor_joined_after() {
    let world = Arc::new(World::new());
    world.close();
    let call = || {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.call(json!({ "id": 1 })).await })
    };
    let before = call();
    world.settle().await;
    world.forget(json!({ "tag": "customer:1" })).await;
    let after = call();
    world.settle().await;
    assert_eq!(world.runs(), 2, "who asks after does not wait for what began before");
    world.open();
    assert_eq!(before.await.unwrap().output, json!(1), "who asked before gets what they asked for");
    assert_eq!(after.await.unwrap().output, json!(2));
    assert_eq!(world.call(json!({ "id": 1 })).await.output, json!(2));
    world.close();
    world.forget(json!({ "tag": "customer:1" })).await;
    let before = call();
    world.settle().await;
    world.forget(json!({})).await;
    world.open();
    assert_eq!(before.await.unwrap().cached, Some(Cached::Miss { is_kept: false }));
    assert_eq!(word(&world.call(json!({ "id": 1 })).await), "miss");
}

#[tokio::test]
async fn a_restart_keeps_answers_and_what_was_forgotten() {
    let first = World::new();
    for id in 1..4 {
        first.call(json!({ "id": id })).await;
    }
    first.settle().await;
    first.forget(json!({ "tag": "customer:2" })).await;
    let second = World::with(rule(), Arc::clone(&first.store), OPTIONS);
    second.clock.advance(Duration::from_secs(20));
    let kept = second.call(json!({ "id": 1 })).await;
    let (age, left) = (Duration::from_secs(20), Duration::from_secs(40));
    assert_eq!(kept.cached, Some(Cached::Hit { level: Level::Store, age, left }));
    assert_eq!((kept.output.clone(), kept.run.unwrap().workflow_id.as_str()), (json!(1), "w-1"));
    let promoted = second.call(json!({ "id": 1 })).await;
    assert_eq!(promoted.cached, Some(Cached::Hit { level: Level::Memory, age, left }));
    assert_eq!(word(&second.call(json!({ "id": 2 })).await), "miss", "it was forgotten");
    second.forget(json!({})).await;
    assert_eq!(word(&second.call(json!({ "id": 3 })).await), "miss", "unread, and forgotten");
}

#[tokio::test]
async fn other_code_and_a_shorter_time_count_at_once() {
    let first = World::new();
    first.call(json!({})).await;
    first.settle().await;
    let again = |rule| World::with(rule, Arc::clone(&first.store), OPTIONS);
    let other = again(CacheRule { code: "other".into(), ..rule() });
    assert_eq!(word(&other.call(json!({})).await), "miss");
    let short = again(CacheRule { ttl: Duration::from_secs(5), stale: Duration::ZERO, ..rule() });
    short.clock.advance(Duration::from_secs(5));
    assert_eq!(word(&short.call(json!({})).await), "miss");
}

#[tokio::test]
async fn the_store_is_bounded_and_cleaned() {
    let options = CacheOptions { store_bytes_max: 40_000, ..OPTIONS };
    let world = World::with(rule(), Arc::default(), options);
    for id in 0..100 {
        world.call(json!({ "id": id })).await;
        world.settle().await;
        let (count, bytes) = world.cache.0.stored.as_ref().unwrap().size();
        assert!(bytes <= 40_000 && count <= 77, "{bytes} {count}");
    }
    let pairs =
        async || world.store.kv_list(&Namespace::system(), "cache/", None, 10_000).await.unwrap().len();
    let size = world.cache.0.stored.as_ref().unwrap().size();
    assert!(size.0 > 5);
    assert_eq!(pairs().await, usize::try_from(2 * size.0).unwrap());
    world.cache.clean().await;
    assert_eq!(world.cache.0.stored.as_ref().unwrap().size(), size, "the count was right");
    world.forget(json!({})).await;
    world.clock.advance(Duration::from_secs(91));
    world.cache.clean().await;
    assert_eq!((pairs().await, world.cache.0.stored.as_ref().unwrap().size()), (1, (0, 0)));
    world.clock.advance(Duration::from_hours(24 * 61));
    world.cache.clean().await;
    assert_eq!(pairs().await, 0, "nothing is as old as that change");
}

#[tokio::test]
async fn an_answer_too_large_is_given_and_not_kept() {
    let options = CacheOptions { memory_bytes_max: 0, store_bytes_max: 0 };
    let world = World::with(rule(), Arc::default(), options);
    assert_eq!(world.call(json!({})).await.output, json!(1));
    assert_eq!(world.call(json!({})).await.output, json!(2));
}

#[tokio::test]
async fn tags_that_nobody_uses_are_dropped_from_memory() {
    use super::tags::{Generations, TagId};
    let store = Arc::new(MemoryStore::new());
    let generations = Generations::new(store);
    let shop = Namespace::new("shop").unwrap();
    let held = generations.stamps(&[TagId::of_tag(&shop, "held")]).await.unwrap();
    for number in 0..crate::limits::CACHE_TAGS_KNOWN_MAX * 2 {
        generations.stamps(&[TagId::of_tag(&shop, &number.to_string())]).await.unwrap();
    }
    assert!(generations.known() <= crate::limits::CACHE_TAGS_KNOWN_MAX);
    generations.renew(&[TagId::of_tag(&shop, "held")], Timestamp::default()).await.unwrap();
    assert!(!held[0].is_current(), "who holds one hears of every change");
}
