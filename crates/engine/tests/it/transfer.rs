//! Exporting a run from one engine and importing it into another.

use std::sync::Arc;
use std::time::Duration;

use nexus_engine::engine::Address;
use nexus_engine::input::Signal;
use nexus_engine::reset::{Pin, ResetRequest, Target};
use nexus_engine::transfer::OpenRun;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{RunId, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::runs::{RunFilter, RunStatus};
use nexus_kernel::time::Timestamp;
use nexus_kernel::{Json, code};
use serde_json::json;

use crate::support::{Scripted, World, request};

const PROGRAM: &str = "\
workflow Order(n: int) -> (any):
    state:
        notes = []
        condition done
    signal Note(text: string):
        append(notes, text)
    signal Finish():
        set done
    set_memo({\"kind\": \"order\"})
    set_search_attributes({\"Tier\": \"gold\"})
    activity Flaky(n) -> first
    await timer(1h)
    await done
    close complete([first, notes, random(1000)])

workflow Parent(n: int) -> (any):
    workflow Order(n) -> x
    close complete(x)

activity Flaky(n: int) -> (int):
    ...
";

const ELSEWHERE: &str = "\
workflow Other() -> (int):
    close complete(1)
";

fn activities() -> Scripted {
    Scripted::default().with("Flaky", |task| match task.attempt {
        1 => Err(Failure::application("Flaky", "not yet")),
        _ => Ok(json!(task.input[0].as_i64().unwrap() * 2)),
    })
}

/// Another server, which knows nothing of the first one's programs.
async fn elsewhere() -> World {
    let clock = SimClock::at(Timestamp::from_millis(90_000_000));
    World::on(Arc::new(MemoryStore::new()), clock, ELSEWHERE, activities()).await
}

async fn started(world: &World, workflow: &str) -> Address {
    let mut start = request(workflow, json!({ "n": 21 }));
    start.workflow_id = Some(WorkflowId::new("order").unwrap());
    let started = world.engine.start(start).await.unwrap();
    world.engine.address_of_run(&started.run_id).await.unwrap()
}

async fn signal(world: &World, to: &Address, name: &str, input: Json) {
    let signal = Signal { name: name.to_owned(), input, request_id: name.to_owned() };
    world.engine.signal(to, signal).await.unwrap();
}

async fn closed(world: &World, run: &RunId) -> (RunStatus, Json) {
    let row = world.engine.row(run).await.unwrap();
    let outcome = world.until(world.engine.wait(&row)).await.unwrap();
    (outcome.status, outcome.result)
}

#[tokio::test]
async fn a_run_is_brought_to_another_server_and_is_the_same_there() {
    let here = World::new(PROGRAM, activities()).await;
    let order = started(&here, "Order").await;
    let run = order.run.clone().unwrap();
    signal(&here, &order, "Note", json!("x")).await;
    signal(&here, &order, "Finish", Json::Null).await;
    let (status, result) = closed(&here, &run).await;
    assert_eq!(status, RunStatus::Completed);
    let text = here.engine.export(&order).await.unwrap();

    let there = elsewhere().await;
    let imported = there.engine.import(&text, OpenRun::Refuse).await.unwrap();
    assert_eq!((&imported.run, imported.replays), (&run, true));
    let (mut was, is) = (here.engine.history(&run).await.unwrap(), there.engine.history(&run).await.unwrap());
    assert_eq!(was.to_json()["events"], is.to_json()["events"]);
    (was.row.attributes, was.row.history) = (is.row.attributes.clone(), is.row.history);
    assert_eq!(
        was.row, is.row,
        "and so is its row; attributes follow, and the note of the import has its bytes"
    );
    assert_eq!(is.row.attributes.to_json()["Tier"], json!("gold"));
    assert_eq!(is.row.memo["kind"], json!("order"));
    let played =
        (here.engine.playback(&run, None).await.unwrap(), there.engine.playback(&run, None).await.unwrap());
    assert_eq!(played.0["events"], played.1["events"]);
    let rows = there.engine.list(RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap();
    assert_eq!(rows.len(), 1);
    let view = there.engine.show(&run).await.unwrap();
    assert_eq!((view.row.status, &view.result), (RunStatus::Completed, &result));
    assert!(view.to_json()["imported"]["exported_at"].is_string());
    assert_eq!(there.engine.import(&text, OpenRun::Refuse).await.unwrap_err().code(), &code::RUN_EXISTS);
    // What was exported there is the same again, its own time of export aside.
    let again = there.engine.export(&order).await.unwrap();
    let third = elsewhere().await;
    third.engine.import(&again, OpenRun::Refuse).await.unwrap();
    assert_eq!(third.engine.history(&run).await.unwrap().to_json()["events"], is.to_json()["events"]);
}

#[tokio::test]
async fn an_open_run_is_brought_as_it_is_said() {
    let here = World::new(PROGRAM, activities()).await;
    let order = started(&here, "Order").await;
    let run = order.run.clone().unwrap();
    here.settle().await;
    let text = here.engine.export(&order).await.unwrap();

    let there = elsewhere().await;
    let refused = there.engine.import(&text, OpenRun::Refuse).await.unwrap_err();
    assert_eq!(refused.code(), &code::IMPORT_REFUSED);
    assert!(there.engine.row(&run).await.is_err(), "nothing was written");
    there.engine.import(&text, OpenRun::GoOn).await.unwrap();
    signal(&there, &order, "Finish", Json::Null).await;
    let (status, result) = closed(&there, &run).await;
    assert_eq!((status, &result[0]), (RunStatus::Completed, &json!(42)));
    assert_eq!(there.activities.count("Flaky"), 1, "the first attempt was made before");

    let there = elsewhere().await;
    there.engine.import(&text, OpenRun::Terminate).await.unwrap();
    assert_eq!(there.engine.row(&run).await.unwrap().status, RunStatus::Terminated);
    let request = ResetRequest {
        run: None,
        target: Target::LastTask,
        reason: "here".into(),
        exclude: Vec::new(),
        pin: Pin::Pinned,
        request_id: "r".into(),
    };
    let (new, _) = there.engine.reset(&order, request).await.unwrap();
    let to = there.engine.address_of_run(&new).await.unwrap();
    signal(&there, &to, "Finish", Json::Null).await;
    assert_eq!(closed(&there, &new).await.1, result, "chance included");
}

#[tokio::test]
async fn a_run_has_its_place_among_those_of_its_id() {
    let here = World::new(PROGRAM, activities()).await;
    let order = started(&here, "Order").await;
    here.engine.terminate(order.run.as_ref().unwrap(), "enough").await.unwrap();
    let older = here.engine.export(&order).await.unwrap();

    let there = elsewhere().await;
    let mut start = request("Other", json!({}));
    start.workflow_id = Some(WorkflowId::new("order").unwrap());
    let newer = there.engine.start(start).await.unwrap();
    there.until(there.engine.end(newer)).await.unwrap();
    let error = there.engine.import(&older, OpenRun::Refuse).await.unwrap_err();
    assert!(error.message().contains("a newer run"), "{error:?}");

    let parent = World::new(PROGRAM, activities()).await;
    let above = started(&parent, "Parent").await;
    parent.settle().await;
    let text = parent.engine.export(&above).await.unwrap();
    let error = elsewhere().await.engine.import(&text, OpenRun::GoOn).await.unwrap_err();
    assert!(error.message().contains("waits for children"), "{error:?}");
    // A closed copy has nobody to stop.
    let there = elsewhere().await;
    there.engine.import(&text, OpenRun::Terminate).await.unwrap();
    there.clock.advance(Duration::from_hours(1));
    there.settle().await;
    assert_eq!(there.engine.row(above.run.as_ref().unwrap()).await.unwrap().status, RunStatus::Terminated);
}
