//! Timers and races.

use nexus_kernel::port::runs::RunStatus;
use serde_json::json;

use crate::support::{Scripted, World, echo, names, seconds};

#[tokio::test]
async fn a_timer_fires_when_its_time_has_come() {
    let program = "\
workflow Sleep() -> (int):
    await timer(365d)
    close complete(1)
";
    let world = World::new(program, Scripted::default()).await;
    let outcome = world.run("Sleep", json!({})).await;
    assert_eq!(outcome.status, RunStatus::Completed);
    assert_eq!(seconds(&world.history(&outcome).await), 365 * 24 * 3600);
    world.stop().await;
}

const RACE: &str = "\
workflow Race(x: any) -> (string):
    await one:
        activity Do(x) -> y:
            close complete(\"done\")
        timer(5m):
            close complete(\"late\")

activity Do(x: any) -> (any):
    ...
";

#[tokio::test]
async fn the_first_to_finish_wins_and_a_losing_timer_is_cancelled() {
    let world = World::new(RACE, Scripted::default().with("Do", echo)).await;
    let outcome = world.run("Race", json!({ "x": 1 })).await;
    assert_eq!(outcome.result, json!("done"));
    let history = world.history(&outcome).await;
    assert!(names(&history).contains(&"TimerCanceled"), "{:?}", names(&history));
    assert_eq!(seconds(&history), 0);
    world.stop().await;
}

#[tokio::test]
async fn the_timer_wins_when_the_work_is_slow() {
    let world = World::new(RACE, Scripted::default()).await;
    let outcome = world.run("Race", json!({ "x": 1 })).await;
    assert_eq!(outcome.result, json!("late"));
    assert_eq!(seconds(&world.history(&outcome).await), 300);
    assert_eq!(world.engine.activities_in_flight(), 0, "the loser is abandoned when its run closes");
    world.stop().await;
}

#[tokio::test]
async fn a_loop_continues_as_new_under_the_same_id() {
    let program = "\
workflow Count(n: int) -> (int):
    if (n >= 3):
        close complete(n)
    await timer(1h)
    close continue_as_new(n + 1)
";
    let world = World::new(program, Scripted::default()).await;
    let started = world.start("Count", json!({ "n": 0 })).await;
    let (key, first) = (started.key.clone(), started.run_id.clone());
    let outcome = world.until(world.engine.end(started)).await.unwrap();
    assert_eq!(outcome.result, json!(3));
    assert_ne!(outcome.run_id, first);
    let row = world.engine.row(&outcome.run_id).await.unwrap();
    assert_eq!(row.key, key);
    assert_eq!(world.engine.row(&first).await.unwrap().status, RunStatus::ContinuedAsNew);
    world.stop().await;
}

#[tokio::test]
async fn a_program_that_cannot_go_on_is_told_and_stays_open() {
    let program = "\
workflow Stuck(x: any) -> (any):
    await timer(1s)
    y = x.missing.field
    close complete(y)
";
    let world = World::new(program, Scripted::default()).await;
    let outcome = world.run("Stuck", json!({ "x": { "a": 1 } })).await;
    assert_eq!(outcome.status, RunStatus::Running);
    let why = outcome.failure.clone().unwrap();
    assert_eq!(why.at.as_deref(), Some("test.twf:3:9"), "{why:?}");
    let view = world.engine.show(&outcome.run_id).await.unwrap();
    assert_eq!(view.blocked, Some(why));
    world.engine.terminate(&outcome.run_id, "enough").await.unwrap();
    let row = world.engine.row(&outcome.run_id).await.unwrap();
    assert_eq!(row.status, RunStatus::Terminated);
    world.stop().await;
}
