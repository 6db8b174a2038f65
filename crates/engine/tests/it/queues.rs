//! Task queues on a running engine: paused, limited, counted, through restarts.

use std::sync::Arc;
use std::sync::Mutex;

use nexus_engine::StartRequest;
use nexus_engine::engine::Started;
use nexus_engine::namespaces::{NamespaceSettings, Settings};
use nexus_engine::queue::{Paused, QueueConfig, QueueName, RateLimit};
use nexus_kernel::id::Namespace;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::clock::Clock as _;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use nexus_store::SqliteStore;
use serde_json::{Value, json};

use crate::support::{Scripted, World, echo};

const PROGRAM: &str = "\
workflow Fan(n: int) -> (int):
    await all (x in range(0, n)) -> all:
        activity Do(x) -> y
    close complete(n)

workflow Patient() -> (int):
    activity Wait(1) -> y
    close complete(y)

workflow Tenants() -> (int):
    await all (x in range(0, 4)) -> all:
        activity Do(x) -> y
            options:
                task_queue: \"shared\"
                priority:
                    fairness_key: \"t-{x % 2}\"
    close complete(4)

activity Do(x: int) -> (int):
    ...

activity Wait(x: int) -> (int):
    options:
        schedule_to_start_timeout: 10s
        start_to_close_timeout: 1m
        retry_policy:
            maximum_attempts: 1
    ...
";

fn name(task_queue: &str) -> QueueName {
    QueueName { namespace: Namespace::default(), task_queue: task_queue.to_owned() }
}

/// Activities that note when each attempt began.
fn noting(clock: &SimClock, times: &Arc<Mutex<Vec<i64>>>) -> Scripted {
    let (clock, times) = (clock.clone(), Arc::clone(times));
    let note = move |task: &nexus_kernel::activity::ActivityTask| {
        times.lock().unwrap().push(clock.now().millis());
        echo(task)
    };
    Scripted::default().with("Do", note).with("Wait", echo)
}

async fn world(store: &SharedStore, clock: &SimClock, times: &Arc<Mutex<Vec<i64>>>) -> World {
    World::on(Arc::clone(store), clock.clone(), PROGRAM, noting(clock, times)).await
}

fn memory() -> (SharedStore, SimClock, Arc<Mutex<Vec<i64>>>) {
    (Arc::new(MemoryStore::new()), SimClock::at(Timestamp::from_millis(1_000_000)), Arc::default())
}

async fn pause(world: &World, queue: &str, paused: bool) -> Value {
    let change = |config: &mut QueueConfig, at| {
        let reason = "maintenance".to_owned();
        config.paused = paused.then_some(Paused { at, reason });
    };
    world.engine.configure_queue(&name(queue), change).await.unwrap().to_json()
}

#[tokio::test]
async fn a_limited_queue_begins_so_many_a_second() {
    let (store, clock, times) = memory();
    let world = world(&store, &clock, &times).await;
    let limit = RateLimit { burst: Some(2), ..RateLimit::new(4.0) };
    world
        .engine
        .configure_queue(&name("default"), |config, _| config.rate_limit = Some(limit))
        .await
        .unwrap();
    let outcome = world.run("Fan", json!({ "n": 6 })).await;
    assert_eq!(outcome.status, RunStatus::Completed);
    let begun: Vec<_> = times.lock().unwrap().iter().map(|at| at - 1_000_000).collect();
    assert_eq!(begun, [0, 0, 250, 500, 750, 1_000]);
    world.stop().await;
}

#[tokio::test]
async fn every_fairness_key_has_a_rate_of_its_own() {
    let (store, clock, times) = memory();
    let world = world(&store, &clock, &times).await;
    let limit = RateLimit { burst: Some(1), ..RateLimit::new(1.0) };
    let settle = |config: &mut QueueConfig, _| {
        config.fairness_key_rate_limit = Some(limit);
        config.fairness_weights.insert("t-0".into(), 2.0);
    };
    world.engine.configure_queue(&name("shared"), settle).await.unwrap();
    world.run("Tenants", json!({})).await;
    let begun: Vec<_> = times.lock().unwrap().iter().map(|at| at - 1_000_000).collect();
    assert_eq!(begun, [0, 0, 500, 1_000], "the key of weight 2 may have two a second");
    world.stop().await;
}

/// The start of a run whose only activity waits in a paused queue, and what the queue says of it.
async fn held(world: &World) -> (Started, Value) {
    pause(world, "default", true).await;
    let started = world.start("Fan", json!({ "n": 3 })).await;
    world.settle().await;
    assert_eq!(world.activities.count("Do"), 0);
    let view = world.engine.queue(&name("default")).unwrap().to_json();
    (started, view)
}

#[tokio::test]
async fn a_paused_queue_keeps_its_tasks_through_a_restart() {
    for on_disk in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteStore::open(&nexus_store::Options::new(folder.path())).unwrap();
        let (memory, clock, times) = memory();
        let database = on_disk.then(open);
        let store = database.clone().map_or_else(|| Arc::clone(&memory), |it| Arc::new(it) as SharedStore);
        let first = world(&store, &clock, &times).await;
        let (started, view) = held(&first).await;
        assert_eq!((&view["state"], &view["backlog"]["count"]), (&json!("paused"), &json!(3)));
        assert_eq!(view["paused"]["reason"], json!("maintenance"));
        first.stop().await;
        if let Some(database) = database {
            database.close();
        }
        drop(store);
        clock.advance(std::time::Duration::from_secs(90));
        let database = on_disk.then(open);
        let store = database.clone().map_or(memory, |it| Arc::new(it) as SharedStore);
        let second = world(&store, &clock, &times).await;
        second.settle().await;
        while second.engine.queue(&name("default")).unwrap().backlog() < 3 {
            tokio::task::yield_now().await;
        }
        let view = second.engine.queue(&name("default")).unwrap().to_json();
        assert_eq!(second.activities.count("Do"), 0, "nothing begins before the pause is over");
        assert_eq!(
            view["backlog"]["oldest_age_ms"],
            json!(90_000),
            "they wait for longer than the process lives"
        );
        assert_eq!(view["paused"]["at"], json!("1970-01-01T00:16:40.000Z"));
        let view = pause(&second, "default", false).await;
        assert_eq!(view["state"], json!("active"));
        let row = second.engine.row(&started.run_id).await.unwrap();
        assert_eq!(second.until(second.engine.wait(&row)).await.unwrap().status, RunStatus::Completed);
        assert_eq!(second.activities.count("Do"), 3);
        second.stop().await;
        if let Some(database) = database {
            database.close();
        }
    }
}

#[tokio::test]
async fn schedule_to_start_counts_while_a_queue_is_paused() {
    let (store, clock, times) = memory();
    let world = world(&store, &clock, &times).await;
    pause(&world, "default", true).await;
    let outcome = world.run("Patient", json!({})).await;
    assert_eq!(outcome.status, RunStatus::Failed);
    assert_eq!(clock.now().millis(), 1_010_000);
    assert_eq!(world.activities.count("Wait"), 0);
    let view = world.engine.queue(&name("default")).unwrap();
    assert_eq!((view.backlog(), view.running()), (0, 0), "who gave up is not counted");
    world.stop().await;
}

#[tokio::test]
async fn queues_are_listed_with_what_they_do() {
    let (store, clock, times) = memory();
    let world = world(&store, &clock, &times).await;
    let listed = world.engine.queues(None);
    let names: Vec<_> = listed.iter().map(|view| view.name.task_queue.as_str()).collect();
    assert_eq!(names, ["default"], "declared, and not in use yet");
    world.run("Tenants", json!({})).await;
    let shared = world.engine.queue(&name("shared")).unwrap().to_json();
    assert_eq!(shared["add_rate"], json!(4.0 / 30.0));
    assert_eq!((&shared["declared"], &shared["running"]), (&json!(false), &json!(0)));
    let error = world.engine.queue(&name("shred")).unwrap_err();
    assert_eq!((error.code().id, error.help_text()), ("NX-2061", Some("did you mean \"shared\"?")));
    clock.advance(std::time::Duration::from_mins(1));
    assert!(world.engine.queue(&name("shared")).is_err(), "nothing is known of it any more");
    world.stop().await;
}

#[tokio::test]
async fn what_was_settled_is_forgotten_with_the_last_setting() {
    let (store, clock, times) = memory();
    let first = world(&store, &clock, &times).await;
    pause(&first, "later", true).await;
    pause(&first, "later", false).await;
    let unused = store.kv_list(&Namespace::system(), "queue/", None, 10).await.unwrap();
    assert_eq!(unused, []);
    let too_long = "q".repeat(1_001);
    assert!(first.engine.configure_queue(&name(&too_long), |_, _| {}).await.is_err());
    first.stop().await;
}

#[tokio::test]
async fn the_blocks_of_workers_limit_their_queues() {
    let program = "\
workflow Many(n: int) -> (int):
    await all (i in range(n)):
        activity Do(i)
    return n

activity Do(n: int) -> (int):
    ...

worker W:
    workflow Many
    activity Do

namespace default:
    worker W
        options:
            task_queue: \"slow\"
            task_queue_activity_rate_limit: 2
            max_concurrent_activity_executions: 3
";
    let world = World::new(program, Scripted::default().with("Do", echo)).await;
    let began = world.clock.now();
    let outcome = world.run("Many", json!({ "n": 6 })).await;
    assert_eq!(outcome.result, json!(6));
    assert_eq!(world.clock.now().since(began).as_secs(), 2, "two at once, and then two a second");
    let shown = world.call("queue.describe", json!({ "task_queue": "slow" })).await.unwrap();
    assert_eq!(shown["program"], json!({ "rate_per_second": 2.0, "running_max": 3 }), "{shown}");
}

#[tokio::test]
async fn a_namespace_has_no_more_open_runs_than_its_quota() {
    let (store, clock, times) = memory();
    let world = world(&store, &clock, &times).await;
    let mut settings = Settings::default();
    let own = NamespaceSettings { runs_max: Some(2), ..NamespaceSettings::default() };
    settings.namespaces.insert(Namespace::default(), own);
    world.engine.configure(settings);
    pause(&world, "default", true).await;
    let first = world.start("Fan", json!({ "n": 1 })).await;
    world.start("Fan", json!({ "n": 1 })).await;
    let request = StartRequest::new(Namespace::default(), "Fan", json!({ "n": 1 }));
    let refused = world.engine.start(request.clone()).await.err().unwrap();
    assert_eq!((refused.code().id, refused.retry_seconds()), ("NX-2073", Some(1)));
    assert_eq!(world.engine.open_runs(&Namespace::default()).await.unwrap(), 2);
    pause(&world, "default", false).await;
    world.until(world.engine.end(first)).await.unwrap();
    assert!(world.engine.start(request).await.is_ok(), "a run that has ended makes room");
    world.stop().await;
}
