//! What callers and operators do, in every life again: resets, workflow retries, starters that are attached to a run
//! which was open already, delayed starts.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nexus_engine::engine::Address;
use nexus_engine::input::Signal;
use nexus_engine::record::{Event, IdConflictPolicy};
use nexus_engine::reset::{Pin, ResetRequest, Target};
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{RunId, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::log::Log as _;
use nexus_kernel::port::runs::{RunFilter, RunRow, RunStatus};
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json};
use serde_json::json;

use super::{Mortal, check_history};
use crate::support::{Scripted, World, echo, request};

/// What is done in a life, and what must hold in the end.
struct Story {
    program: &'static str,
    /// What the callers do; whatever fails because the process died is done again in the next life.
    callers: for<'a> fn(&'a World, &'a Mortal) -> BoxFuture<'a, Option<()>>,
    check: for<'a> fn(&'a World, Vec<RunRow>) -> BoxFuture<'a, ()>,
}

fn activities() -> Scripted {
    Scripted::default()
        .with("Do", echo)
        .with("Fails", |task| Err(Failure::application("Flaky", format!("attempt {}", task.input[0]))))
}

async fn live(story: &Story, store: &Arc<MemoryStore>, clock: &SimClock, appends: usize) -> usize {
    let mortal = Arc::new(Mortal { inner: store.clone(), left: AtomicUsize::new(appends) });
    let world = World::on(mortal.clone(), clock.clone(), story.program, activities()).await;
    world.until((story.callers)(&world, &mortal)).await;
    let all_done = async {
        for turn in 0.. {
            if mortal.left.load(Ordering::SeqCst) == 0 || store.live(0, 1).await.unwrap().is_empty() {
                break;
            }
            assert!(turn < 200_000, "the work never ends");
            tokio::task::yield_now().await;
        }
    };
    world.until(all_done).await;
    world.stop().await;
    appends - mortal.left.load(Ordering::SeqCst)
}

async fn everywhere(story: Story) {
    let began = || SimClock::at(Timestamp::from_millis(1_000_000));
    let (store, clock) = (Arc::new(MemoryStore::new()), began());
    let commits = live(&story, &store, &clock, 10_000).await;
    assert!(commits > 5, "a story without commits proves nothing");
    // What is done only after a crash adds commits of its own.
    for first_life in 1..commits + 3 {
        let (store, clock) = (Arc::new(MemoryStore::new()), began());
        live(&story, &store, &clock, first_life).await;
        live(&story, &store, &clock, 10_000).await;
        let world = World::on(store, clock, story.program, activities()).await;
        let rows = world.engine.list(RunFilter { limit: 100, ..RunFilter::default() }).await.unwrap();
        for row in &rows {
            check_history(&world.engine.history(&row.run_id).await.unwrap());
            let played = world.engine.playback(&row.run_id, None).await.unwrap();
            assert!(played["stuck"].is_null(), "after {first_life} commits: {played:#}");
        }
        (story.check)(&world, rows).await;
        world.stop().await;
    }
}

fn start(workflow: &str, id: &str, input: Json) -> nexus_engine::StartRequest {
    let mut start = request(workflow, input);
    start.idempotency_key = Some(format!("start-{id}"));
    start.workflow_id = Some(WorkflowId::new(id).unwrap());
    start
}

/// Waits until a run's history has such an event, or the process has died.
async fn until_event(world: &World, mortal: &Mortal, run: &RunId, is_it: fn(&Event) -> bool) -> Option<u64> {
    while mortal.left.load(Ordering::SeqCst) > 0 {
        let history = world.engine.history(run).await.ok()?;
        if let Some(found) = history.events.iter().find(|it| is_it(&it.event)) {
            return Some(found.id);
        }
        tokio::task::yield_now().await;
    }
    None
}

async fn finish(world: &World, run: &RunId) -> Option<()> {
    let to = world.engine.address_of_run(run).await.ok()?;
    let signal = Signal { name: "Finish".into(), input: Json::Null, request_id: "finish".into() };
    world.engine.signal(&Address { run: None, ..to }, signal).await.ok().map(drop)
}

const RESET: &str = "\
workflow Work(n: int) -> (any):
    state:
        condition done
    signal Finish():
        set done
    promise early <- workflow Child(n)
    promise operation <- nexus \"default\" workflow Child(n + 1)
    activity Do(n) -> a
    await timer(10s)
    promise late <- workflow Child(n + 2)
    activity Do(n + 3) -> b
    await done
    await early -> x
    await operation -> y
    await late -> z
    close complete([a, b, x, y, z])

workflow Child(n: int) -> (int):
    await timer(1m)
    close complete(n)

activity Do(n: int) -> (int):
    ...

activity Fails(n: int) -> (int):
    ...
";

async fn reset_it(world: &World, mortal: &Mortal) -> Option<()> {
    let run = world.engine.start(start("Work", "work", json!({ "n": 1 }))).await.ok()?.run_id;
    let fired = until_event(world, mortal, &run, |event| matches!(event, Event::TimerFired { .. })).await?;
    let request = ResetRequest {
        run: None,
        target: Target::Event(fired + 1),
        reason: "again".into(),
        exclude: Vec::new(),
        pin: Pin::Current,
        request_id: "reset".into(),
    };
    let to = world.engine.address_of_run(&run).await.ok()?;
    world.engine.reset(&to, request).await.ok()?;
    finish(world, &run).await
}

#[tokio::test]
async fn a_reset_is_done_once_and_nothing_is_lost_by_it() {
    everywhere(Story {
        program: RESET,
        callers: |world, mortal| Box::pin(reset_it(world, mortal)),
        check: |world, rows| {
            Box::pin(async move {
                let works: Vec<_> = rows.iter().filter(|row| row.workflow == "Work").collect();
                assert_eq!(works.len(), 2, "{works:#?}");
                let by = |status| works.iter().find(|row| row.status == status).unwrap();
                let (old, new) = (by(RunStatus::Terminated), by(RunStatus::Completed));
                let view = world.engine.show(&new.run_id).await.unwrap();
                assert_eq!(view.result, json!([1, 4, 1, 2, 3]));
                assert_eq!(view.to_json()["reset_from"]["run_id"], json!(old.run_id));
                // The first late child made room when it was still open, and else had ended.
                let children = rows.iter().filter(|row| row.workflow == "Child");
                let children: Vec<_> = children.map(|row| row.status).collect();
                assert!((3..=4).contains(&children.len()), "{children:?}");
                let completed = children.iter().filter(|it| **it == RunStatus::Completed).count();
                assert!(completed >= 3, "{children:?}");
            })
        },
    })
    .await;
}

const RETRIES: &str = "\
workflow Tries(n: int) -> (int):
    options:
        retry_policy:
            initial_interval: 5s
            maximum_attempts: 3
    activity Fails(n) -> x
        options:
            retry_policy:
                maximum_attempts: 1
    close complete(x)

workflow Above(n: int) -> (string):
    try:
        workflow Tries(n) -> x
    catch e:
        return e.message
    return \"fine\"

activity Do(n: int) -> (int):
    ...

activity Fails(n: int) -> (int):
    ...
";

#[tokio::test]
async fn a_run_is_tried_again_as_often_as_its_policy_says() {
    everywhere(Story {
        program: RETRIES,
        callers: |world, _| {
            Box::pin(async move {
                let alone = world.engine.start(start("Tries", "alone", json!({ "n": 7 }))).await.ok()?;
                world.engine.start(start("Above", "above", json!({ "n": 8 }))).await.ok()?;
                world.engine.end(alone).await.ok().map(drop)
            })
        },
        check: |world, rows| {
            Box::pin(async move {
                let tries: Vec<_> = rows.iter().filter(|row| row.workflow == "Tries").collect();
                assert_eq!(tries.len(), 6, "three attempts alone and three as a child: {tries:#?}");
                for row in &tries {
                    assert_eq!(row.status, RunStatus::Failed);
                }
                let above = rows.iter().find(|row| row.workflow == "Above").unwrap();
                let view = world.engine.show(&above.run_id).await.unwrap();
                assert_eq!(view.result, json!("attempt 8"), "the parent hears of the last attempt only");
                let attempts = tries.iter().map(|row| world.engine.show(&row.run_id));
                let mut numbers = Vec::new();
                for view in attempts {
                    numbers.push(view.await.unwrap().about["attempt"].as_u64().unwrap());
                }
                numbers.sort_unstable();
                assert_eq!(numbers, [1, 1, 2, 2, 3, 3]);
            })
        },
    })
    .await;
}

const ATTACHED: &str = "\
workflow Shared(n: int) -> (int):
    state:
        condition done
    signal Finish():
        set done
    await done
    activity Do(n) -> x
    close complete(x)

workflow Wants(n: int) -> (int):
    workflow Shared(n) -> x
        options:
            workflow_id: \"shared\"
            workflow_id_conflict_policy: USE_EXISTING
    close complete(x)

activity Do(n: int) -> (int):
    ...

activity Fails(n: int) -> (int):
    ...
";

#[tokio::test]
async fn everybody_who_is_attached_to_a_run_hears_of_its_end() {
    everywhere(Story {
        program: ATTACHED,
        callers: |world, mortal| {
            Box::pin(async move {
                let shared = world.engine.start(start("Shared", "shared", json!({ "n": 5 }))).await.ok()?;
                for id in ["one", "two"] {
                    let wants = world.engine.start(start("Wants", id, json!({ "n": 6 }))).await.ok()?;
                    let started =
                        |event: &Event| matches!(event, Event::ChildWorkflowExecutionStarted { .. });
                    until_event(world, mortal, &wants.run_id, started).await?;
                }
                finish(world, &shared.run_id).await
            })
        },
        check: |world, rows| {
            Box::pin(async move {
                assert_eq!(rows.iter().filter(|row| row.workflow == "Shared").count(), 1);
                let wants: Vec<_> = rows.iter().filter(|row| row.workflow == "Wants").collect();
                assert_eq!(wants.len(), 2, "{wants:#?}");
                for row in wants {
                    assert_eq!(world.engine.show(&row.run_id).await.unwrap().result, json!(5));
                }
            })
        },
    })
    .await;
}

const DELAYED: &str = "\
workflow Late(n: int) -> (int):
    state:
        condition done
    signal Finish():
        set done
    activity Do(n) -> x
    close complete(x)

activity Do(n: int) -> (int):
    ...

activity Fails(n: int) -> (int):
    ...
";

#[tokio::test]
async fn a_delayed_start_keeps_its_time() {
    everywhere(Story {
        program: DELAYED,
        callers: |world, _| {
            Box::pin(async move {
                let mut late = start("Late", "late", json!({ "n": 1 }));
                late.options.start_delay_ms = Some(60_000);
                let late = world.engine.start(late).await.ok()?;
                let mut hurried = start("Late", "hurried", json!({ "n": 2 }));
                hurried.options.start_delay_ms = Some(3_600_000);
                hurried.options.conflict = IdConflictPolicy::UseExisting;
                let hurried = world.engine.start(hurried).await.ok()?;
                // A second signal of the same id is none: it may have been taken in before the process died.
                let sent = finish(world, &hurried.run_id).await;
                world.engine.end(late).await.ok()?;
                sent
            })
        },
        check: |world, rows| {
            Box::pin(async move {
                assert_eq!(rows.len(), 2, "{rows:#?}");
                for row in &rows {
                    assert_eq!(row.status, RunStatus::Completed);
                    let history = world.engine.history(&row.run_id).await.unwrap();
                    let began =
                        history.events.iter().find(|it| matches!(it.event, Event::WorkflowTaskCompleted {}));
                    let waited = began.unwrap().at.since(row.started_at);
                    let (at_least, at_most) = match row.key.workflow_id.as_str() {
                        "late" => (Duration::from_mins(1), Duration::from_secs(61)),
                        _ => (Duration::ZERO, Duration::from_secs(3_599)),
                    };
                    assert!((at_least..=at_most).contains(&waited), "{row:?} waited {waited:?}");
                }
                ready(()).await;
            })
        },
    })
    .await;
}
