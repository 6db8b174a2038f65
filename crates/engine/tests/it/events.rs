//! Events: published, followed from a cursor, pruned, kept through restarts.

use std::sync::Arc;
use std::time::Duration;

use nexus_engine::event::NewEvent;
use nexus_engine::namespaces::{EventKeep, Settings};
use nexus_kernel::call::{CallContext, Channel};
use nexus_kernel::code;
use nexus_kernel::id::Namespace;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::clock::Clock as _;
use nexus_kernel::port::event::{EventPage, EventQuery, TypeFilter};
use nexus_kernel::time::Timestamp;
use nexus_store::SqliteStore;
use serde_json::json;

use crate::support::{Scripted, World};

const PROGRAM: &str = "\
workflow Nothing() -> (int):
    close complete(1)
";

async fn world(store: SharedStore) -> World {
    World::on(store, SimClock::at(Timestamp::from_millis(1_000_000)), PROGRAM, Scripted::default()).await
}

/// Lets time go by.
async fn pass(world: &World, time: Duration) {
    world.until(world.clock.sleep_until(world.clock.now().plus(time))).await;
}

async fn publish(world: &World, kind: &str, number: u64) {
    let event = NewEvent::new(kind, json!({ "number": number }));
    world.engine.publish(&Namespace::default(), vec![event]).await.unwrap();
}

fn after(after: u64) -> EventQuery {
    EventQuery { namespace: Namespace::default(), after, kind: None, limit: 100 }
}

async fn read(world: &World, query: EventQuery) -> EventPage {
    world.engine.events(query, Duration::ZERO).await.unwrap()
}

/// A reader that goes on from its cursor, over restarts and in pieces of any size, sees each event once and in order.
#[tokio::test]
async fn a_reader_sees_each_event_once_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let mut cursor = 0;
    for life in 0..3 {
        let database = SqliteStore::open(&nexus_store::Options::new(folder.path())).unwrap();
        let world = world(Arc::new(database.clone())).await;
        for number in 0..5 {
            publish(&world, if number % 2 == 0 { "even" } else { "odd" }, life * 5 + number).await;
        }
        let page = read(&world, EventQuery { limit: 3, ..after(cursor) }).await;
        seen.extend(page.events.iter().map(|event| event.fact.data["number"].as_u64().unwrap()));
        cursor = page.next;
        world.stop().await;
        database.close();
    }
    let database = SqliteStore::open(&nexus_store::Options::new(folder.path())).unwrap();
    let world = world(Arc::new(database.clone())).await;
    seen.extend(
        read(&world, after(cursor)).await.events.iter().map(|e| e.fact.data["number"].as_u64().unwrap()),
    );
    assert_eq!(seen, (0..15).collect::<Vec<_>>());
    let odd = EventQuery { kind: Some(TypeFilter::parse("odd")), ..after(0) };
    assert_eq!(read(&world, odd).await.events.len(), 6);
    world.stop().await;
    database.close();
}

/// Who waits is woken by an event that fits, is not answered by one that does not, and is answered when the wait is over.
#[tokio::test]
async fn a_wait_ends_with_an_event_that_fits_or_with_its_time() {
    let world = world(Arc::new(MemoryStore::new())).await;
    let query = EventQuery { kind: Some(TypeFilter::parse("order.*")), ..after(0) };
    let engine = world.engine.clone();
    let asked = query.clone();
    let waiting = tokio::spawn(async move { engine.events(asked, Duration::from_mins(1)).await });
    tokio::task::yield_now().await;
    publish(&world, "user.left", 1).await;
    publish(&world, "order.paid", 2).await;
    let page = waiting.await.unwrap().unwrap();
    assert_eq!(page.events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [2]);
    let began = world.clock.now();
    let engine = world.engine.clone();
    let later = EventQuery { after: 2, ..query };
    let none = world.until(async move { engine.events(later, Duration::from_secs(9)).await }).await.unwrap();
    assert_eq!((none.events.len(), none.next), (0, 2));
    assert!(world.clock.now().since(began) >= Duration::from_secs(9));
    world.stop().await;
}

#[tokio::test]
async fn an_id_and_an_idempotency_key_publish_once() {
    let world = world(Arc::new(MemoryStore::new())).await;
    let event = NewEvent { id: Some("payment-7".to_owned()), ..NewEvent::new("order.paid", json!(7)) };
    let here = Namespace::default();
    let first = world.engine.publish(&here, vec![event.clone()]).await.unwrap();
    let again = world.engine.publish(&here, vec![event]).await.unwrap();
    assert!(first[0].place.is_new && !again[0].place.is_new);
    assert_eq!(first[0].place.sequence, again[0].place.sequence);
    let operations = nexus_engine::operations::operations(&world.engine, &world.engine.definition().unwrap());
    let operations = operations.unwrap();
    let publish = operations.iter().find(|operation| operation.name == "event.publish").unwrap();
    for round in 0..2 {
        let context =
            CallContext { idempotency_key: Some("k".to_owned()), ..CallContext::new(Channel::Embedded, "r") };
        let input = json!({ "events": [{ "type": "a" }, { "type": "b", "id": "own" }] });
        let output = publish.handler.call(input, context).await.unwrap().output;
        assert_eq!(output["events"][0], json!({ "id": "key:k/0", "sequence": 2, "is_new": round == 0 }));
        assert_eq!(output["events"][1], json!({ "id": "own", "sequence": 3, "is_new": round == 0 }));
    }
    let both = json!({ "type": "a", "events": [{ "type": "a" }] });
    for bad in [both, json!({}), json!({ "events": [{ "type": "good" }, { "type": "no good" }] })] {
        let refused = publish.handler.call(bad, CallContext::new(Channel::Embedded, "r")).await.unwrap_err();
        assert_eq!(refused.code(), &code::EVENT_INVALID);
    }
    assert_eq!(read(&world, after(0)).await.last, 3, "all of a list or none");
    world.stop().await;
}

/// Age and number of a namespace's own settings hold, and a reader that comes too late is told.
#[tokio::test]
async fn old_and_surplus_events_go() {
    let store = Arc::new(MemoryStore::new());
    let world = world(store.clone()).await;
    let mut settings = Settings::default();
    settings.default.events = EventKeep { age: Some(Duration::from_mins(10)), max: 600 };
    world.engine.configure(settings);
    for number in 0..1_000 {
        publish(&world, "a", number).await;
    }
    pass(&world, Duration::from_mins(2)).await;
    let page = read(&world, after(0)).await;
    assert_eq!((page.first, page.last), (401, 1_000), "so many are kept");
    pass(&world, Duration::from_mins(12)).await;
    publish(&world, "a", 1_000).await;
    let page = read(&world, after(0)).await;
    assert_eq!((page.first, page.last, page.events.len()), (1_001, 1_001, 1), "the others were too old");
    let error = world.engine.events(after(1_002), Duration::ZERO).await.unwrap_err();
    assert_eq!(error.code(), &code::EVENT_CURSOR);
    let gone = world.engine.event(&Namespace::default(), "none").await.unwrap_err();
    assert_eq!(gone.code(), &code::EVENT_UNKNOWN);
    world.stop().await;
}
