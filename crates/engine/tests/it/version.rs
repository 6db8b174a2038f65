//! Versions: which definition new runs get, what outlives a restart, what is kept and what goes.

use std::sync::Arc;

use nexus_engine::StartRequest;
use nexus_engine::record::{IdConflictPolicy, StartOptions};
use nexus_engine::version::{Choice, Deployed, UNUSED_KEPT, UNUSED_KEPT_FOR};
use nexus_kernel::code;
use nexus_kernel::id::WorkflowId;
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
    let promotion =
        world.engine.choose_version(Choice::RollBack { version: None, hold: false }).await.unwrap();
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
    third.engine.choose_version(Choice::RollBack { version: Some("1"), hold: false }).await.unwrap();
    third.stop().await;
    let again = world(&store, &clock, 3).await;
    assert_eq!(again.engine.versions().current, 1);
    assert_eq!(asked(&again).await, 1, "the files are unchanged");
    let error =
        again.engine.choose_version(Choice::RollBack { version: None, hold: false }).await.unwrap_err();
    assert_eq!(error.code(), &code::VERSION_FIRST);
    let error = again.engine.choose_version(Choice::Promote { version: "9", hold: false }).await.unwrap_err();
    assert_eq!(error.code(), &code::VERSION_UNKNOWN);
    assert_eq!(again.engine.show(&waiting).await.unwrap().to_json()["version"], 3);
    again.stop().await;
    let fourth = world(&store, &clock, 4).await;
    assert_eq!(asked(&fourth).await, 4, "changed files are a new version");
    fourth.engine.choose_version(Choice::Promote { version: "2", hold: true }).await.unwrap();
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

/// Starts runs of a hundred ids, in place of those that they have, and says how many have each version.
async fn spread(world: &World) -> [u64; 2] {
    for number in 0..100 {
        let id = WorkflowId::new(&format!("id-{number}")).unwrap();
        let options =
            StartOptions { conflict: IdConflictPolicy::TerminateExisting, ..StartOptions::default() };
        let request = StartRequest { workflow_id: Some(id), options, ..request("Tell", json!({ "n": 1 })) };
        world.engine.start(request).await.unwrap();
    }
    open(world).await
}

/// How many open runs the first two versions have.
async fn open(world: &World) -> [u64; 2] {
    let runs = world.engine.runs_by_version(None, Some("Tell")).await.unwrap();
    let ledger = world.engine.versions();
    [1, 2].map(|number| runs.get(ledger.get(number).unwrap().build_id()).map_or(0, |runs| runs.open))
}

#[tokio::test]
async fn a_version_ramps_for_a_part_of_the_workflow_ids() {
    let (store, clock) = (Arc::new(MemoryStore::new()), SimClock::at(Timestamp::from_millis(1_000_000)));
    let world = self::world(&store, &clock, 1).await;
    world.engine.deploy(definition(&program(2))).await.unwrap();
    let refused = world.call("workflow.ramp", json!({ "version": 2, "percentage": 10 })).await.unwrap_err();
    assert_eq!(refused.code(), &code::VERSION_CURRENT);
    world.call("workflow.rollback", json!({})).await.unwrap();
    let refused = world.call("workflow.ramp", json!({ "version": 9, "percentage": 10 })).await.unwrap_err();
    assert_eq!(refused.code(), &code::VERSION_UNKNOWN);
    let refused = world.call("workflow.ramp", json!({ "version": 2, "percentage": 101 })).await.unwrap_err();
    assert!(refused.to_string().contains("from 0 to 100"), "{refused}");
    let done = world.call("workflow.ramp", json!({ "version": 2, "percentage": 30 })).await.unwrap();
    assert_eq!(
        (&done["version"], &done["ramping"], &done["percentage"]),
        (&json!(1), &json!(2), &json!(30.0))
    );
    let [first, second] = spread(&world).await;
    assert!((18..=42).contains(&second) && first + second == 100, "{first} {second}");
    let listed = world.call("workflow.versions", json!({})).await.unwrap();
    assert_eq!(
        (&listed["versions"][0]["ramping"], &listed["versions"][1]["current"]),
        (&json!(30.0), &json!(true))
    );
    world.stop().await;

    // A ramp outlives a restart, and changed files wait for its end.
    let world = self::world(&store, &clock, 3).await;
    let ledger = world.engine.versions();
    assert_eq!((ledger.current, ledger.files, ledger.ramp.as_ref().unwrap().version), (1, 3, 2));
    assert_eq!(spread(&world).await, [first, second], "an id keeps its version");

    // A rollback without a name takes the ramp back and nothing else.
    let back = world.call("workflow.rollback", json!({})).await.unwrap();
    assert_eq!(
        (&back["version"], &back["before"], &back["ramping_before"]),
        (&json!(1), &json!(1), &json!(2))
    );
    assert_eq!(world.engine.versions().ramp, None);
    world.call("workflow.ramp", json!({ "version": 2, "percentage": 100 })).await.unwrap();
    assert_eq!(asked(&world).await, 2);
    let done = world.call("workflow.promote", json!({ "version": 2 })).await.unwrap();
    assert_eq!(
        (&done["version"], &done["ramping"], &done["ramping_before"]),
        (&json!(2), &Json::Null, &json!(2))
    );
    world.stop().await;
}

/// What only the version that ramps has, or takes, is started with it whatever the id; and the other way round.
#[tokio::test]
async fn ids_get_the_other_version_where_their_own_cannot_serve_them() {
    let other = "workflow Tell(text: string) -> (string):\n    return text\n\nworkflow New() -> (string):\n    return \"new\"\n";
    let world = World::new(&program(1), Scripted::default()).await;
    world.engine.deploy(definition(other)).await.unwrap();
    world.call("workflow.rollback", json!({})).await.unwrap();
    for percentage in [0, 100] {
        world.call("workflow.ramp", json!({ "version": 2, "percentage": percentage })).await.unwrap();
        for (workflow, input, version) in
            [("Tell", json!({ "n": 1 }), 1), ("Tell", json!({ "text": "a" }), 2), ("New", json!({}), 2)]
        {
            let started = world.start(workflow, input.clone()).await;
            let shown = world.engine.show(&started.run_id).await.unwrap().to_json();
            assert_eq!(shown["version"], version, "{percentage} {workflow} {input}");
        }
        let refused = world.engine.start(request("Tell", json!({ "n": "one" }))).await;
        assert_eq!(refused.unwrap_err().code(), &code::INPUT_INVALID);
    }
    world.stop().await;
}
