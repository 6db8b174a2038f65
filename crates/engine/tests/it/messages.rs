//! Signals, queries and updates from outside, alone and together with a start.

use std::sync::Arc;
use std::time::Duration;

use nexus_engine::engine::Address;
use nexus_engine::input::{Signal, Update};
use nexus_kernel::error::Error;
use nexus_kernel::id::WorkflowId;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{Json, failure::Failure};
use serde_json::json;

use crate::support::{Scripted, World, names, request};

const PROGRAM: &str = "\
workflow Cart(limit: int) -> (any):
    state:
        items = []
        condition done
    signal Add(item: string):
        append(items, item)
    signal Finish():
        set done
    query Items() -> (list[string]):
        return items
    query Item(at: int) -> (string):
        return items[at]
    update Take(item: string) -> (int):
        validator:
            if (len(items) >= limit):
                reject \"the cart is full\"
        append(items, item)
        return len(items)
    update Slow(item: string) -> (int):
        await timer(1h)
        append(items, item)
        return len(items)
    update Broken() -> (int):
        raise OutOfOrder(\"it is broken\")
    await done
    close complete(items)
";

async fn world() -> World {
    World::new(PROGRAM, Scripted::default()).await
}

fn signal(name: &str, input: Json, id: &str) -> Signal {
    Signal { name: name.to_owned(), input, request_id: id.to_owned() }
}

fn update(name: &str, input: Json, id: &str) -> Update {
    Update { id: id.to_owned(), name: name.to_owned(), input }
}

fn cart(id: &str) -> nexus_engine::StartRequest {
    let mut start = request("Cart", json!({ "limit": 3 }));
    start.workflow_id = Some(WorkflowId::new(id).unwrap());
    start
}

async fn started(world: &World) -> Address {
    let started = world.engine.start(cart("cart")).await.unwrap();
    world.engine.address_of_run(&started.run_id).await.unwrap()
}

async fn items(world: &World, to: &Address) -> Json {
    world.engine.query(to, "Items", &Json::Null).await.unwrap()
}

/// An update and its outcome, time passing as needed.
async fn updated(world: &World, to: &Address, update: Update) -> Result<Result<Json, Failure>, Error> {
    let (_, outcome) = world.engine.update(to, update).await?;
    world.until(outcome).await
}

#[tokio::test]
async fn signals_queries_and_updates_reach_an_open_run() {
    let world = world().await;
    let to = started(&world).await;
    world.engine.signal(&to, signal("Add", json!("tea"), "s-1")).await.unwrap();
    world.engine.signal(&to, signal("Add", json!({ "item": "jam" }), "s-2")).await.unwrap();
    assert_eq!(items(&world, &to).await, json!(["tea", "jam"]), "what was acknowledged is seen");
    assert_eq!(world.engine.query(&to, "Item", &json!(1)).await.unwrap(), json!("jam"));
    assert_eq!(updated(&world, &to, update("Take", json!("rye"), "u-1")).await.unwrap(), Ok(json!(3)));
    let by_id = world.engine.address_of_id(&WorkflowId::new("cart").unwrap(), None).await.unwrap();
    assert_eq!((by_id.key.clone(), by_id.run.clone()), (to.key.clone(), None));
    world.engine.signal(&by_id, signal("Finish", Json::Null, "s-3")).await.unwrap();
    let row = world.engine.row(to.run.as_ref().unwrap()).await.unwrap();
    assert_eq!(world.engine.wait(&row).await.unwrap().result, json!(["tea", "jam", "rye"]));
    world.stop().await;
}

#[tokio::test]
async fn repetitions_are_one_message() {
    let world = world().await;
    let to = started(&world).await;
    for _ in 0..3 {
        world.engine.signal(&to, signal("Add", json!("tea"), "same")).await.unwrap();
        assert_eq!(updated(&world, &to, update("Take", json!("jam"), "same")).await.unwrap(), Ok(json!(2)));
    }
    assert_eq!(items(&world, &to).await, json!(["tea", "jam"]));
    // The same holds when the run has ended meanwhile: the answer is in its history.
    world.engine.signal(&to, signal("Finish", Json::Null, "end")).await.unwrap();
    assert_eq!(updated(&world, &to, update("Take", json!("jam"), "same")).await.unwrap(), Ok(json!(2)));
    assert!(world.engine.signal(&to, signal("Finish", Json::Null, "end")).await.is_ok());
    world.stop().await;
}

#[tokio::test]
async fn what_a_workflow_does_not_take_is_refused_without_a_trace() {
    let world = world().await;
    let to = started(&world).await;
    let code = |error: Error| (error.code().id, error.help_text().unwrap_or_default().to_owned());
    let refused = |name: &str, input: Json| {
        let (engine, to, sent) = (world.engine.clone(), to.clone(), signal(name, input, "x"));
        async move { code(engine.signal(&to, sent).await.unwrap_err()) }
    };
    assert_eq!(refused("Ad", json!("tea")).await, ("NX-2031", "did you mean `Add`?".to_owned()));
    assert_eq!(refused("Zzzzzz", Json::Null).await, ("NX-2031", "it declares Add, Finish".to_owned()));
    assert_eq!(refused("Add", json!(7)).await.0, "NX-2001");
    assert_eq!(refused("Add", json!({ "itm": "tea" })).await.0, "NX-2001");
    assert_eq!(refused("Add", Json::Null).await.0, "NX-2001", "an argument is missing");
    for (name, input, expected) in [
        ("Tak", json!("tea"), "NX-2031"),
        ("Take", json!([1, 2, 3]), "NX-2001"),
        ("Add", json!("tea"), "NX-2031"),
    ] {
        let error = world.engine.update(&to, update(name, input, "x")).await.err().unwrap();
        assert_eq!(error.code().id, expected, "{name}");
    }
    let asked = world.engine.query(&to, "Item", &json!("first")).await.unwrap_err();
    assert_eq!(asked.code().id, "NX-2001");
    let failed = world.engine.query(&to, "Item", &json!(17)).await.unwrap_err();
    assert_eq!(failed.code().id, "NX-3011");
    assert!(failed.failure_ref().unwrap().at.as_ref().unwrap().starts_with("test.twf:"), "{failed:?}");
    let history = world.engine.history(to.run.as_ref().unwrap()).await.unwrap();
    assert_eq!(names(&history), ["WorkflowExecutionStarted"]);
    world.stop().await;
}

#[tokio::test]
async fn validators_and_failing_handlers_are_told_apart() {
    let world = world().await;
    let to = started(&world).await;
    for (n, item) in ["a", "b", "c"].iter().enumerate() {
        updated(&world, &to, update("Take", json!(item), &format!("u-{n}"))).await.unwrap().unwrap();
    }
    let full = world.engine.update(&to, update("Take", json!("d"), "u-3")).await.err().unwrap();
    assert_eq!(
        (full.code().id, full.failure_ref().unwrap().message.as_str()),
        ("NX-2011", "the cart is full")
    );
    let broken = updated(&world, &to, update("Broken", json!({}), "u-4")).await.unwrap().unwrap_err();
    assert_eq!(broken.type_name, "OutOfOrder");
    assert_eq!(items(&world, &to).await, json!(["a", "b", "c"]), "the run goes on");
    world.stop().await;
}

#[tokio::test]
async fn closed_and_unknown_runs() {
    let world = world().await;
    let to = started(&world).await;
    let slow = world.engine.update(&to, update("Slow", json!("x"), "slow")).await.unwrap().1;
    world.engine.signal(&to, signal("Add", json!("tea"), "s-1")).await.unwrap();
    world.engine.terminate(to.run.as_ref().unwrap(), "enough").await.unwrap();
    assert_eq!(slow.await.unwrap_err().code().id, "NX-2032", "nobody answers any more");
    let code = world.engine.signal(&to, signal("Add", json!("x"), "s-2")).await.unwrap_err().code().id;
    assert_eq!(code, "NX-2032");
    let code = world.engine.update(&to, update("Take", json!("x"), "u-9")).await.err().unwrap().code().id;
    assert_eq!(code, "NX-2032");
    assert_eq!(items(&world, &to).await, json!(["tea"]), "a closed run still answers queries");
    assert_eq!(world.engine.query(&to, "Itms", &Json::Null).await.unwrap_err().code().id, "NX-2031");
    let nobody = world.engine.address_of_id(&WorkflowId::new("nobody").unwrap(), None).await.unwrap_err();
    assert_eq!(nobody.code().id, "NX-2003");
    world.stop().await;
}

#[tokio::test]
async fn a_message_starts_the_run_that_it_is_for() {
    let world = world().await;
    let send = |id: &str| world.engine.signal_with_start(cart("cart"), signal("Add", json!("tea"), id));
    let (key, run, started) = send("s-1").await.unwrap();
    assert!(started);
    let to = Address { key, run: Some(run.clone()) };
    assert_eq!(items(&world, &to).await, json!(["tea"]));
    // A repetition is the same, another signal goes to the open run.
    assert!(matches!(send("s-1").await.unwrap(), (_, again, false) if again == run));
    assert!(matches!(send("s-2").await.unwrap(), (_, again, false) if again == run));
    assert_eq!(items(&world, &to).await, json!(["tea", "tea"]));
    let (_, accepted, outcome) =
        world.engine.update_with_start(cart("cart"), update("Take", json!("jam"), "u")).await.unwrap();
    assert_eq!((accepted.started, outcome.await.unwrap()), (false, Ok(json!(3))));
    let (key, accepted, outcome) =
        world.engine.update_with_start(cart("other"), update("Take", json!("jam"), "u")).await.unwrap();
    assert_eq!((accepted.started, outcome.await.unwrap()), (true, Ok(json!(1))));
    let history = world.engine.history(&accepted.run).await.unwrap();
    let expected =
        ["Started", "UpdateAccepted", "UpdateCompleted"].map(|name| format!("WorkflowExecution{name}"));
    assert_eq!(names(&history), expected);
    assert_eq!(items(&world, &Address { key, run: None }).await, json!(["jam"]));
    world.stop().await;
}

#[tokio::test]
async fn a_message_that_cannot_fit_starts_nothing() {
    let world = world().await;
    let error =
        world.engine.signal_with_start(cart("new"), signal("Ad", json!("tea"), "s")).await.unwrap_err();
    assert_eq!(error.code().id, "NX-2031");
    let sent = update("Take", json!({ "item": 1 }), "u");
    let error = world.engine.update_with_start(cart("new"), sent).await.err().unwrap();
    assert_eq!(error.code().id, "NX-2001");
    assert!(world.engine.address_of_id(&WorkflowId::new("new").unwrap(), None).await.is_err());
    // Only the validator knows what it refuses, and it is asked when the run is there.
    let mut full = cart("full");
    full.input = json!({ "limit": 0 });
    let error = world.engine.update_with_start(full, update("Take", json!("x"), "u")).await.err().unwrap();
    assert_eq!(error.code().id, "NX-2011");
    let view = world.engine.show(error.run_id().unwrap()).await.unwrap();
    assert_eq!(view.row.status, RunStatus::Running);
    world.stop().await;
}

#[tokio::test]
async fn messages_outlive_the_process() {
    let store = Arc::new(MemoryStore::new());
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let first = World::on(store.clone(), clock.clone(), PROGRAM, Scripted::default()).await;
    let to = started(&first).await;
    first.engine.signal(&to, signal("Add", json!("tea"), "s-1")).await.unwrap();
    drop(first.engine.update(&to, update("Slow", json!("jam"), "slow")).await.unwrap());
    first.stop().await;
    let second = World::on(store, clock.clone(), PROGRAM, Scripted::default()).await;
    assert_eq!(items(&second, &to).await, json!(["tea"]));
    second.engine.signal(&to, signal("Add", json!("tea"), "s-1")).await.unwrap();
    let (_, outcome) = second.engine.update(&to, update("Slow", json!("jam"), "slow")).await.unwrap();
    assert_eq!(second.until(outcome).await.unwrap(), Ok(json!(2)), "the repetition waits for the first one");
    let again = second.engine.update(&to, update("Slow", json!("jam"), "slow")).await.unwrap().1;
    let within = second.engine.within(Duration::ZERO, again).await;
    assert_eq!(within.unwrap().unwrap(), Ok(json!(2)));
    second.stop().await;
}
