//! What every log of events promises, as tests over `&dyn Events`. [`crate::event_contract!`] turns them into test
//! functions.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test body fails by panicking")]
#![expect(
    clippy::cognitive_complexity,
    reason = "assertions in a row count as branches, and are read in a row"
)]

use serde_json::json;

use crate::id::Namespace;
use crate::port::event::{Appended, EventQuery, Events, Fact, PAGE_BYTES_MAX, Prune, TypeFilter};
use crate::time::Timestamp;
use crate::trace::TraceContext;

/// One asynchronous test per rule. `$fresh()` gives something that dereferences to an empty store.
#[macro_export]
macro_rules! event_contract {
    ($fresh:path) => {
        $crate::event_contract!($fresh;
            events_are_numbered_by_namespace,
            events_keep_everything,
            an_id_is_one_event,
            types_are_filtered_and_passed_over_once,
            pages_end_at_their_limits,
            old_events_go_from_the_front,
            places_are_never_given_out_again,
        );
    };
    ($fresh:path; $($rule:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $rule() {
            let store = $fresh();
            $crate::testing::event_contract::$rule(&*store).await;
        })*
    };
}

/// A fact to append, of a time in seconds.
pub fn fact(id: &str, kind: &str, seconds: i64) -> Fact {
    Fact {
        id: id.to_owned(),
        source: "/tests".to_owned(),
        kind: kind.to_owned(),
        subject: None,
        time: Timestamp::from_millis(seconds * 1_000),
        data: json!({ "id": id }),
        trace: None,
    }
}

fn all(after: u64) -> EventQuery {
    EventQuery { namespace: Namespace::default(), after, kind: None, limit: 100 }
}

async fn ids(store: &dyn Events, query: EventQuery) -> Vec<String> {
    store.event_read(query).await.unwrap().events.into_iter().map(|event| event.fact.id).collect()
}

async fn put(store: &dyn Events, ids: &[&str]) -> Vec<Appended> {
    let facts = ids.iter().zip(1..).map(|(id, at)| fact(id, "t", at)).collect();
    store.event_append(&Namespace::default(), facts).await.unwrap()
}

/// Each namespace counts for itself, from 1, and sees only what is its own.
pub async fn events_are_numbered_by_namespace(store: &dyn Events) {
    let (here, there) = (Namespace::default(), Namespace::new("other").unwrap());
    let empty = store.event_read(all(0)).await.unwrap();
    assert_eq!((empty.events.len(), empty.next, empty.first, empty.last), (0, 0, 1, 0));
    let new = |sequence| Appended { sequence, is_new: true };
    assert_eq!(put(store, &["a", "b"]).await, [new(1), new(2)]);
    assert_eq!(store.event_append(&there, vec![fact("a", "t", 1)]).await.unwrap(), [new(1)]);
    assert_eq!(put(store, &["c"]).await, [new(3)]);
    assert_eq!(store.event_append(&here, Vec::new()).await.unwrap(), []);
    let page = store.event_read(all(1)).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((page.next, page.first, page.last), (3, 1, 3));
    assert_eq!(ids(store, EventQuery { namespace: there.clone(), ..all(0) }).await, ["a"]);
    assert_eq!(store.event_namespaces().await.unwrap(), [here, there]);
}

/// What was appended is what is read, field by field.
pub async fn events_keep_everything(store: &dyn Events) {
    let whole = Fact {
        subject: Some("order-1 ä🦀".to_owned()),
        time: Timestamp::from_micros(1_234_567),
        data: json!({ "z": 1, "a": [null, 1.5, "\u{0}"], "big": u64::MAX }),
        trace: TraceContext::parse(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            Some("a=1,b=2"),
        ),
        ..fact("whole", "order.paid", 0)
    };
    let bare = Fact { data: json!(null), ..fact("bare", "x", 0) };
    let both = vec![whole.clone(), bare.clone()];
    store.event_append(&Namespace::default(), both).await.unwrap();
    let page = store.event_read(all(0)).await.unwrap();
    assert_eq!(page.events[0].fact, whole);
    assert_eq!(page.events[1].fact, bare);
    let found = store.event_get(&Namespace::default(), "bare").await.unwrap().unwrap();
    assert_eq!((found.sequence, found.fact), (2, bare));
    assert_eq!(store.event_get(&Namespace::default(), "none").await.unwrap(), None);
}

/// An id that is there already keeps its place and its content, also within one list.
pub async fn an_id_is_one_event(store: &dyn Events) {
    put(store, &["a", "b"]).await;
    let again = vec![fact("b", "other", 9), fact("c", "t", 9), fact("c", "u", 9)];
    let places = store.event_append(&Namespace::default(), again).await.unwrap();
    let of = |sequence, is_new| Appended { sequence, is_new };
    assert_eq!(places, [of(2, false), of(3, true), of(3, false)]);
    let page = store.event_read(all(0)).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.fact.kind.as_str()).collect::<Vec<_>>(), ["t", "t", "t"]);
}

/// A filter gives what fits it; the cursor goes past what does not.
pub async fn types_are_filtered_and_passed_over_once(store: &dyn Events) {
    let kinds = ["order.paid", "order.sent", "order", "orders.x", "user%", "user_1"];
    let facts = kinds.iter().map(|kind| fact(kind, kind, 1)).collect();
    store.event_append(&Namespace::default(), facts).await.unwrap();
    let of = |pattern: &str| EventQuery { kind: Some(TypeFilter::parse(pattern)), ..all(0) };
    assert_eq!(ids(store, of("order")).await, ["order"]);
    assert_eq!(ids(store, of("order.*")).await, ["order.paid", "order.sent"]);
    assert_eq!(ids(store, of("order*")).await, ["order.paid", "order.sent", "order", "orders.x"]);
    assert_eq!(ids(store, of("user%*")).await, ["user%"]);
    assert_eq!(ids(store, of("user_*")).await, ["user_1"]);
    let page = store.event_read(of("order.*")).await.unwrap();
    assert_eq!((page.next, page.last), (6, 6));
    let one = store.event_read(EventQuery { limit: 1, ..of("order.*") }).await.unwrap();
    assert_eq!((one.events.len(), one.next), (1, 1));
}

/// A page has at most so many events and ends early with large ones; read on from its end, nothing is left out.
pub async fn pages_end_at_their_limits(store: &dyn Events) {
    let large = "x".repeat(PAGE_BYTES_MAX / 2);
    for id in ["a", "b", "c"] {
        let fact = Fact { data: json!(large), ..fact(id, "t", 1) };
        store.event_append(&Namespace::default(), vec![fact]).await.unwrap();
    }
    let page = store.event_read(all(0)).await.unwrap();
    assert_eq!((page.events.len(), page.next, page.last), (2, 2, 3));
    assert_eq!(ids(store, all(page.next)).await, ["c"]);
    assert_eq!(ids(store, EventQuery { limit: 1, ..all(1) }).await, ["b"]);
    let none = store.event_read(EventQuery { limit: 0, ..all(1) }).await.unwrap();
    assert_eq!((none.events.len(), none.next, none.last), (0, 1, 3));
    let beyond = store.event_read(all(7)).await.unwrap();
    assert_eq!((beyond.events.len(), beyond.next, beyond.last), (0, 7, 3));
}

/// Age and number take events from the front only, few at a time, and what stays has no hole.
pub async fn old_events_go_from_the_front(store: &dyn Events) {
    let here = Namespace::default();
    let facts = [1, 2, 9, 3, 10].iter().map(|at| fact(&format!("at-{at}"), "t", *at)).collect();
    store.event_append(&here, facts).await.unwrap();
    let five = Timestamp::from_millis(5_000);
    let old = Prune { before: Some(five), keep: None, limit: 1 };
    assert_eq!(store.event_prune(&here, old).await.unwrap(), 1);
    let old = Prune { limit: 100, ..old };
    assert_eq!(store.event_prune(&here, old).await.unwrap(), 1, "the young one shields what follows it");
    assert_eq!(ids(store, all(0)).await, ["at-9", "at-3", "at-10"]);
    let many = Prune { before: None, keep: Some(1), limit: 100 };
    assert_eq!(store.event_prune(&here, many).await.unwrap(), 2);
    assert_eq!(store.event_prune(&here, many).await.unwrap(), 0);
    let page = store.event_read(all(0)).await.unwrap();
    assert_eq!((page.events.len(), page.first, page.last), (1, 5, 5));
    assert_eq!(store.event_get(&here, "at-9").await.unwrap(), None);
    let elsewhere = Namespace::new("other").unwrap();
    assert_eq!(store.event_prune(&elsewhere, many).await.unwrap(), 0);
}

/// A log that was emptied goes on where it was; the id of an event that is gone is free again.
pub async fn places_are_never_given_out_again(store: &dyn Events) {
    put(store, &["a", "b"]).await;
    let nothing = Prune { before: None, keep: Some(0), limit: 100 };
    assert_eq!(store.event_prune(&Namespace::default(), nothing).await.unwrap(), 2);
    let page = store.event_read(all(0)).await.unwrap();
    assert_eq!((page.next, page.first, page.last), (2, 3, 2));
    assert_eq!(put(store, &["a"]).await, [Appended { sequence: 3, is_new: true }]);
    assert_eq!(store.event_namespaces().await.unwrap(), [Namespace::default()]);
}
