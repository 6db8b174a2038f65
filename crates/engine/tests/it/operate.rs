//! Pausing, looking where a run stands, and the limits of a run.

use std::sync::Arc;

use nexus_engine::engine::Address;
use nexus_engine::input::{Input, Signal, Update};
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::limits::{PAYLOAD_BYTES_MAX, PENDING_MAX, SIGNALS_MAX, UPDATES_IN_FLIGHT_MAX};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::support::{Scripted, World, definition, names};

const PROGRAM: &str = "\
workflow Box() -> (any):
    state:
        items = []
        condition done
    signal Add(item: any):
        append(items, item)
    signal Close():
        set done
    query Items() -> (any):
        return items
    update Hold(item: any) -> (int):
        await timer(1h)
        return 1
    await one:
        done:
            close complete(items)
        timer(1h):
            append(items, \"an hour\")
    await done
    close complete(items)

workflow Tries() -> (any):
    activity Fails() -> r
    close complete(r)

workflow Many(n: int) -> (any):
    for (i in range(0, n)):
        promise p <- activity Never(i)
    await timer(1h)
    close complete(n)

workflow Both() -> (any):
    await all:
        activity Fail(\"one\")
        activity Fail(\"two\")
        activity Fail(\"three\")
    close complete(1)

activity Fails() -> (any):
    ...

activity Fail(x: any) -> (any):
    ...

activity Never(x: any) -> (any):
    ...
";

fn activities() -> Scripted {
    let fail = |task: &nexus_kernel::activity::ActivityTask| {
        Err(Failure::application("Failed", task.input[0].as_str().unwrap_or_default()).final_())
    };
    Scripted::default().with("Fails", |_| Err(Failure::application("Flaky", "again"))).with("Fail", fail)
}

async fn begun(world: &World, workflow: &str, input: Json) -> Address {
    let started = world.start(workflow, input).await;
    Address { key: started.key, run: Some(started.run_id) }
}

async fn pause(world: &World, to: &Address, ends: bool) -> Result<(), Error> {
    world.engine.operate(to, Input::Pause { run: to.run.clone(), reason: "a look".into(), ends }).await
}

async fn add(world: &World, to: &Address, item: Json, id: usize) -> Result<(), Error> {
    let signal = Signal { name: "Add".into(), input: json!({ "item": item }), request_id: format!("s-{id}") };
    world.engine.signal(to, signal).await.map(|_| ())
}

async fn status(world: &World, to: &Address) -> RunStatus {
    world.engine.row(to.run.as_ref().unwrap()).await.unwrap().status
}

#[tokio::test]
async fn a_paused_run_keeps_what_happens_for_later() {
    let (store, clock) = (Arc::new(MemoryStore::new()), SimClock::at(Timestamp::from_millis(1_000_000)));
    let world = World::on(store.clone(), clock.clone(), PROGRAM, activities()).await;
    let to = begun(&world, "Box", json!({})).await;
    pause(&world, &to, false).await.unwrap();
    pause(&world, &to, false).await.unwrap();
    assert_eq!(status(&world, &to).await, RunStatus::Paused);
    add(&world, &to, json!("a"), 1).await.unwrap();
    let hold = Update { id: "u".into(), name: "Hold".into(), input: json!({ "item": 1 }) };
    assert_eq!(world.engine.update(&to, hold).await.err().unwrap().code().id, "NX-2033");
    let items = world.engine.query(&to, "Items", &Json::Null).await.unwrap();
    assert_eq!(items, json!([]), "its handler has not run");
    clock.advance(std::time::Duration::from_hours(2));
    world.stop().await;
    // The pause outlives the process, and so does what came together in it.
    let world = World::on(store, clock, PROGRAM, activities()).await;
    assert_eq!(status(&world, &to).await, RunStatus::Paused);
    add(&world, &to, json!("b"), 2).await.unwrap();
    pause(&world, &to, true).await.unwrap();
    pause(&world, &to, true).await.unwrap();
    assert_eq!(status(&world, &to).await, RunStatus::Running);
    let close = Signal { name: "Close".into(), input: Json::Null, request_id: "c".into() };
    world.engine.signal(&to, close).await.unwrap();
    let row = world.engine.row(to.run.as_ref().unwrap()).await.unwrap();
    let result = world.until(world.engine.wait(&row)).await.unwrap().result;
    assert!(
        json!([["a", "b", "an hour"], ["an hour", "a", "b"], ["a", "b"]])
            .as_array()
            .unwrap()
            .contains(&result),
        "{result}"
    );
    let history = world.engine.history(to.run.as_ref().unwrap()).await.unwrap();
    let pauses = names(&history).into_iter().filter(|name| name.ends_with("aused")).count();
    assert_eq!(pauses, 2, "repetitions are nothing: {:?}", names(&history));
    assert_eq!(pause(&world, &to, false).await.unwrap_err().code().id, "NX-2032");
    world.stop().await;
}

#[tokio::test]
async fn no_attempt_begins_while_a_run_is_paused() {
    let world = World::new(PROGRAM, activities()).await;
    let to = begun(&world, "Tries", json!({})).await;
    let tried = async {
        while world.activities.count("Fails") < 3 {
            tokio::task::yield_now().await;
        }
    };
    world.until(tried).await;
    pause(&world, &to, false).await.unwrap();
    let before = world.activities.count("Fails");
    world.clock.advance(std::time::Duration::from_hours(5));
    assert!(add(&world, &to, json!(1), 1).await.is_err(), "the shard has seen the time pass");
    assert_eq!(world.activities.count("Fails"), before);
    pause(&world, &to, true).await.unwrap();
    let tried = async {
        while world.activities.count("Fails") < before + 2 {
            tokio::task::yield_now().await;
        }
    };
    world.until(tried).await;
    world.stop().await;
}

#[tokio::test]
async fn the_stack_shows_statements_with_their_source() {
    let world = World::new(PROGRAM, activities()).await;
    let to = begun(&world, "Box", json!({})).await;
    let view = world.engine.show_at(&Address { run: None, ..to }).await.unwrap();
    assert_eq!(view.waits.len(), 1, "{:?}", view.waits);
    assert_eq!(view.waits[0]["source"], json!("await one:"));
    assert!(view.waits[0]["at"].as_str().unwrap().starts_with("test.twf:14:"), "{:?}", view.waits);
    assert!(view.waits[0]["for"].as_str().unwrap().contains("a timer"), "{:?}", view.waits);
    world.stop().await;
}

#[tokio::test]
async fn a_run_takes_in_so_many_messages_and_no_more() {
    let (store, clock) = (Arc::new(MemoryStore::new()), SimClock::at(Timestamp::from_millis(1_000_000)));
    let world = World::keeping(10, (store, clock), definition(PROGRAM), activities()).await;
    let to = begun(&world, "Box", json!({})).await;
    pause(&world, &to, false).await.unwrap();
    for id in 0..SIGNALS_MAX {
        add(&world, &to, Json::Null, id).await.unwrap();
    }
    let refused = add(&world, &to, Json::Null, SIGNALS_MAX).await.unwrap_err();
    assert_eq!(refused.code().id, "NX-2035");
    assert!(add(&world, &to, Json::Null, 0).await.is_ok(), "a repetition is no further one");
    let shown = world.engine.show(to.run.as_ref().unwrap()).await.unwrap().to_json();
    assert!(
        shown["warnings"].to_string().contains("10000 signals of at most 10000"),
        "{}",
        shown["warnings"]
    );
    let other = begun(&world, "Box", json!({})).await;
    let mut waiting = Vec::new();
    for id in 0..=UPDATES_IN_FLIGHT_MAX {
        let hold = Update { id: format!("u-{id}"), name: "Hold".into(), input: json!({ "item": id }) };
        waiting.push(world.engine.update(&other, hold).await.map(|_| ()));
    }
    let codes: Vec<_> = waiting.into_iter().filter_map(|told| Some(told.err()?.code().id)).collect();
    assert_eq!(codes, ["NX-2035"]);
    let large = add(&world, &other, json!("x".repeat(PAYLOAD_BYTES_MAX)), 1).await.unwrap_err();
    assert_eq!(large.code().id, "NX-2007");
    world.stop().await;
}

#[tokio::test]
async fn too_much_pending_blocks_the_task_and_not_the_server() {
    let world = World::new(PROGRAM, activities()).await;
    let too_many = PENDING_MAX + 1;
    let outcome = world.run("Many", json!({ "n": too_many })).await;
    assert_eq!(outcome.status, RunStatus::Running);
    assert_eq!(outcome.failure.unwrap().type_name, "PendingActivitiesLimitExceeded");
    assert_eq!(world.activities.count("Never"), 0);
    world.stop().await;
}

#[tokio::test]
async fn what_failed_beside_is_kept() {
    let world = World::new(PROGRAM, activities()).await;
    let outcome = world.run("Both", json!({})).await;
    let failure = outcome.failure.unwrap();
    assert_eq!(failure.root().message, "one");
    let beside: Vec<_> = failure.others().iter().map(|it| it.root().message.as_str()).collect();
    assert_eq!(beside, ["two", "three"]);
    world.stop().await;
}
