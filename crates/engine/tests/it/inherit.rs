//! What a run hands on to what it calls, and how much it may say at once.

use nexus_engine::record::{Event, Priority};
use nexus_kernel::Json;
use nexus_kernel::activity::ActivityTask;
use nexus_kernel::code;
use nexus_kernel::id::{SessionId, WorkflowId};
use nexus_kernel::limits::PAYLOAD_BYTES_MAX;
use nexus_kernel::port::runs::{RunFilter, RunStatus};
use serde_json::json;

use crate::support::{Scripted, World, echo, request};

const PROGRAM: &str = "\
workflow Above(n: int) -> (int):
    activity Do(n) -> a
    activity Do(n) -> b
        options:
            priority:
                priority_key: 1
    workflow Below(n) -> c
    workflow Below(n) -> d
        options:
            priority:
                priority_key: 5
                fairness_key: \"own\"
    close complete(a + b + c + d)

workflow Below(n: int) -> (int):
    activity Do(n) -> a
    close complete(a)

workflow Doubles(text: string) -> (any):
    close complete(text + text)

workflow Notes(text: string) -> (any):
    set_memo({\"a\": text + text})
    close complete(1)

workflow Passes(text: string) -> (any):
    workflow Doubles(text + text) -> x
    close complete(x)

activity Do(n: int) -> (int):
    ...
";

async fn priorities(world: &World) -> Vec<(usize, Json)> {
    let rows = world.engine.list(RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap();
    let mut found = Vec::new();
    for row in rows {
        for event in world.engine.history(&row.run_id).await.unwrap().events {
            if let Event::ActivityTaskScheduled { options, .. } = event.event {
                found.push((row.key.workflow_id.as_str().split('/').count(), json!(options.priority)));
            }
        }
    }
    found.sort_by_key(|(depth, priority)| (*depth, priority["key"].as_u64()));
    found
}

#[tokio::test]
async fn a_priority_is_inherited_unless_a_call_has_its_own() {
    let world = World::new(PROGRAM, Scripted::default().with("Do", echo)).await;
    let mut start = request("Above", json!({ "n": 1 }));
    start.workflow_id = Some(WorkflowId::new("above").unwrap());
    let (key, fairness, weight) = (Some(2), Some("ada".to_owned()), Some(3.0));
    start.options.run.priority =
        Some(Priority { priority_key: key, fairness_key: fairness, fairness_weight: weight });
    let started = world.engine.start(start).await.unwrap();
    let ended = world.until(world.engine.end(started)).await.unwrap();
    assert_eq!((ended.status, ended.result), (RunStatus::Completed, json!(4)));
    let with =
        |key: u32, fairness: &str| json!({ "key": key, "fairness_key": fairness, "fairness_weight": 3.0 });
    let expected = [(1, with(1, "ada")), (1, with(2, "ada")), (3, with(2, "ada")), (3, with(5, "own"))];
    assert_eq!(priorities(&world).await, expected);
}

#[tokio::test]
async fn what_a_start_brings_is_bounded() {
    let world = World::new(PROGRAM, Scripted::default()).await;
    let short = || request("Notes", json!({ "text": "short" }));
    let long = "x".repeat(PAYLOAD_BYTES_MAX);
    let error = world.engine.start(request("Notes", json!({ "text": long }))).await.unwrap_err();
    assert_eq!(error.code(), &code::TOO_LARGE);
    assert!(error.message().contains("the input of the start"), "{error:?}");
    let mut start = short();
    start.options.memo.insert("note".into(), json!(long));
    let error = world.engine.start(start).await.unwrap_err();
    assert!(error.message().contains("the memo of the start"), "{error:?}");
    let mut start = short();
    start.options.search_attributes.insert("Note".into(), json!("x".repeat(3_000)));
    assert_eq!(world.engine.start(start).await.unwrap_err().code(), &code::ATTRIBUTES_INVALID);
    assert!(world.engine.list(RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_program_says_at_once_is_bounded() {
    let half = "x".repeat(PAYLOAD_BYTES_MAX / 2 + 10);
    for (workflow, told) in
        [("Doubles", "result of the run"), ("Notes", "memo"), ("Passes", "input of a child")]
    {
        let world = World::new(PROGRAM, Scripted::default()).await;
        let input = json!({ "text": half });
        let started = world.start(workflow, input).await;
        world.settle().await;
        let view = world.engine.show(&started.run_id).await.unwrap();
        let Some(blocked) = view.blocked else { panic!("{workflow} said too much: {told}") };
        assert_eq!(blocked.type_name, "PayloadLimitExceeded");
        assert!(blocked.message.contains(told), "{workflow}: {}", blocked.message);
        assert_eq!(view.row.status, RunStatus::Running, "it stays open and can be reset or terminated");
    }
}

const SESSIONS: &str = "\
workflow Above(n: int) -> (any):
    activity Who() -> own
    workflow Below() -> below
    if (n > 0):
        close continue_as_new(n - 1)
    close complete([own, below])

workflow Below() -> (any):
    activity Who() -> own
    close complete(own)

activity Who() -> (any):
    ...
";

#[tokio::test]
async fn runs_that_follow_and_children_carry_the_session_of_the_start() {
    let who = |task: &ActivityTask| Ok(json!(task.session));
    let world = World::new(SESSIONS, Scripted::default().with("Who", who)).await;
    let session = SessionId::parse("ses_0688ab1tdpv3h9m5x7cq2wnk4e").unwrap();
    let mut start = request("Above", json!({ "n": 1 }));
    start.options.run.session = Some(session.clone());
    let started = world.engine.start(start).await.unwrap();
    let ended = world.until(world.engine.end(started)).await.unwrap();
    assert_eq!((ended.status, ended.result), (RunStatus::Completed, json!([session, session])));
    let rows = world.engine.list(RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap();
    assert_eq!(rows.len(), 4, "two runs with a child each");
    for row in rows {
        let shown = world.engine.show(&row.run_id).await.unwrap().to_json();
        assert_eq!(shown["session_id"], json!(session), "{}", row.workflow);
    }
    let without = world.run("Above", json!({ "n": 0 })).await;
    assert_eq!(without.result, json!([null, null]));
}
