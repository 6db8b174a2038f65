//! Versions: which definition new runs get, what outlives a restart, what is kept and what goes.

use std::sync::Arc;

use nexus_engine::version::{Deployed, UNUSED_KEPT, UNUSED_KEPT_FOR};
use nexus_kernel::code;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::blob::Blobs as _;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::support::{Scripted, World, definition, request};

/// A workflow that answers with its version once it is told to.
fn program(version: u32) -> String {
    format!(
        "workflow Tell(n: int) -> (int):\n    signal Go():\n        pass\n    await signal Go\n    return {version}\n"
    )
}

async fn world(store: &Arc<MemoryStore>, clock: &SimClock, version: u32) -> World {
    World::on(store.clone(), clock.clone(), &program(version), Scripted::default()).await
}

/// Which version a new run gets.
async fn asked(world: &World) -> Json {
    let started = world.start("Tell", json!({ "n": 1 })).await;
    answer(world, started).await
}

async fn answer(world: &World, started: nexus_engine::engine::Started) -> Json {
    world.signal(&started.run_id, "Go", json!([])).await;
    let outcome = world.until(world.engine.end(started)).await.unwrap();
    assert_eq!(outcome.status, RunStatus::Completed, "{outcome:?}");
    outcome.result
}

#[tokio::test]
async fn open_runs_keep_their_version_and_new_ones_get_the_current_one() {
    let world = World::new(&program(1), Scripted::default()).await;
    let first = world.start("Tell", json!({ "n": 1 })).await;
    assert_eq!(world.engine.deploy(definition(&program(2))).await.unwrap().deployed, Deployed::New);
    let second = world.start("Tell", json!({ "n": 1 })).await;
    let promotion = world.engine.promote(None, (true, false)).await.unwrap();
    assert_eq!((promotion.current.number, promotion.before.unwrap().number), (1, 2));
    assert_eq!(asked(&world).await, 1);
    let runs = world.engine.runs_by_version(None, Some("Tell")).await.unwrap();
    let ledger = world.engine.versions();
    let of = |number| runs[ledger.get(number).unwrap().build_id()];
    assert_eq!([(of(1).open, of(1).closed), (of(2).open, of(2).closed)], [(1, 1), (1, 0)]);
    assert_eq!(answer(&world, first).await, 1);
    assert_eq!(answer(&world, second).await, 2);
    world.stop().await;
}

#[tokio::test]
async fn a_rollback_outlives_a_restart_until_files_change() {
    let (store, clock) = (Arc::new(MemoryStore::new()), SimClock::at(Timestamp::from_millis(1_000_000)));
    for version in 1..=3 {
        world(&store, &clock, version).await.stop().await;
    }
    let third = world(&store, &clock, 3).await;
    let waiting = third.start("Tell", json!({ "n": 1 })).await.run_id;
    third.engine.promote(Some("1"), (true, false)).await.unwrap();
    third.stop().await;
    let again = world(&store, &clock, 3).await;
    assert_eq!(again.engine.versions().current, 1);
    assert_eq!(asked(&again).await, 1, "the files are unchanged");
    let error = again.engine.promote(None, (true, false)).await.unwrap_err();
    assert_eq!(error.code(), &code::VERSION_FIRST);
    let error = again.engine.promote(Some("9"), (false, false)).await.unwrap_err();
    assert_eq!(error.code(), &code::VERSION_UNKNOWN);
    assert_eq!(again.engine.show(&waiting).await.unwrap().to_json()["version"], 3);
    again.stop().await;
    let fourth = world(&store, &clock, 4).await;
    assert_eq!(asked(&fourth).await, 4, "changed files are a new version");
    fourth.engine.promote(Some("2"), (false, true)).await.unwrap();
    fourth.stop().await;
    let fifth = world(&store, &clock, 5).await;
    assert_eq!(asked(&fifth).await, 2, "a held version stays");
    let ledger = fifth.engine.versions();
    assert_eq!((ledger.files, ledger.current, ledger.held), (5, 2, true));
    fifth.stop().await;
}

#[tokio::test]
async fn versions_go_when_nobody_can_want_them_and_never_under_an_open_run() {
    let (store, clock) = (Arc::new(MemoryStore::new()), SimClock::at(Timestamp::from_millis(1_000_000)));
    let world = world(&store, &clock, 1).await;
    let waiting = world.start("Tell", json!({ "n": 1 })).await;
    for version in 2..=u32::try_from(UNUSED_KEPT).unwrap() + 5 {
        world.engine.deploy(definition(&program(version))).await.unwrap();
    }
    let second = world.engine.versions().get(2).unwrap().definition.clone();
    assert_eq!(world.engine.versions().versions.len(), UNUSED_KEPT + 5, "an hour is not over");
    clock.advance(UNUSED_KEPT_FOR);
    world.engine.deploy(definition(&program(1_000))).await.unwrap();
    let ledger = world.engine.versions();
    let numbers: Vec<_> = ledger.versions.iter().map(|version| version.number).collect();
    assert_eq!(numbers[..3], [1, 7, 8], "the first one has an open run");
    assert!(store.blob_get(&second).await.unwrap().is_none(), "its sources are gone");
    assert_eq!(answer(&world, waiting).await, 1);
    world.stop().await;
}

#[tokio::test]
async fn versions_are_operations_and_runs_are_found_by_them() {
    let world = World::new(&program(1), Scripted::default()).await;
    world.engine.deploy(definition(&program(2))).await.unwrap();
    let started = world.engine.start(request("Tell", json!({ "n": 1 }))).await.unwrap();
    let listed = world.call("workflow.versions", json!({ "workflow": "Tell" })).await.unwrap();
    let versions = listed["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    let newest = &versions[0];
    assert_eq!(
        (&newest["version"], &newest["current"], &newest["open_runs"]),
        (&json!(2), &json!(true), &json!(1))
    );
    assert_eq!((&newest["changed"], &newest["file_changed"]), (&json!(["test.twf"]), &json!(true)));
    let build = newest["build_id"].as_str().unwrap();
    for input in [
        json!({ "version": 2 }),
        json!({ "version": build }),
        json!({ "filter": format!("TemporalWorkerDeploymentVersion = '{build}'") }),
    ] {
        let found = world.call("run.list", input).await.unwrap();
        assert_eq!(found["runs"][0]["run_id"], started.run_id.as_str(), "{found}");
        assert_eq!(found["runs"][0]["build_id"], build);
    }
    assert_eq!(world.call("run.list", json!({ "version": "1" })).await.unwrap()["runs"], json!([]));
    let counted = world.call("run.count", json!({ "group_by": "TemporalWorkerDeploymentVersion" })).await;
    assert_eq!(counted.unwrap()["groups"], json!([{ "value": build, "count": 1 }]));
    let back = world.call("workflow.rollback", json!({})).await.unwrap();
    assert_eq!((&back["version"], &back["before"]), (&json!(1), &json!(2)));
    let refused = world.call("workflow.promote", json!({ "version": "nine" })).await.unwrap_err();
    assert_eq!(refused.code(), &code::VERSION_UNKNOWN);
    world.stop().await;
}
