//! Schedules on a running engine: runs are started at their time, one after the other, through every crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nexus_engine::schedule::{Definition, NewSchedule};
use nexus_kernel::Json;
use nexus_kernel::id::{Namespace, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::log::Log;
use nexus_kernel::port::runs::{RunFilter, RunRow, RunStatus};
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::crash::Mortal;
use crate::support::{Scripted, World, request};

const PROGRAM: &str = "\
workflow Report(n: int) -> (int):
    await timer(90s)
    if (n < 0):
        close fail(TooSmall{message: \"no\"})
    close complete(n)
";

const BEGIN: &str = "2026-01-01T00:00:00Z";

fn schedule(spec: &Json, policies: &Json, remaining_actions: Option<u64>) -> NewSchedule {
    let action = json!({ "workflow": "Report", "input": { "n": 7 }, "workflow_id": "report" });
    let definition = json!({ "spec": spec, "action": action, "policies": policies });
    let definition: Definition = serde_json::from_value(definition).unwrap();
    NewSchedule { id: "s".into(), definition, paused: false, note: String::new(), remaining_actions }
}

async fn rows(world: &World) -> Vec<RunRow> {
    let mut rows = world.engine.list(RunFilter { limit: 100, ..RunFilter::default() }).await.unwrap();
    rows.sort_by_key(|row| row.started_at);
    rows
}

fn clock() -> SimClock {
    SimClock::at(Timestamp::parse(BEGIN).unwrap())
}

/// One life of a process that keeps a schedule: until its appends are used up, or the schedule is gone.
async fn live(store: &Arc<MemoryStore>, clock: &SimClock, appends: usize) {
    let mortal = Arc::new(Mortal { inner: store.clone(), left: AtomicUsize::new(appends) });
    let world = World::on(mortal.clone(), clock.clone(), PROGRAM, Scripted::default()).await;
    let new = schedule(&json!({ "cron": ["* * * * *"] }), &json!({ "overlap": "buffer_all" }), Some(3));
    // An error says that it is there already, or that the process has died.
    let _ = world.until(world.engine.create_schedule(Namespace::default(), new)).await;
    let all_done = async {
        while mortal.left.load(Ordering::SeqCst) > 0 && !store.live(0, 1).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    world.until(all_done).await;
    world.stop().await;
}

#[tokio::test]
async fn a_crash_after_every_commit_starts_nothing_twice_and_forgets_nothing() {
    for first_life in 1..24 {
        let (store, clock) = (Arc::new(MemoryStore::new()), clock());
        live(&store, &clock, first_life).await;
        // Without the schedule a second life would make it anew: it is gone once it has done all.
        if !store.live(0, 1).await.unwrap().is_empty() {
            live(&store, &clock, usize::MAX).await;
        }
        let world = World::on(store.clone(), clock.clone(), PROGRAM, Scripted::default()).await;
        let rows = rows(&world).await;
        let ids: Vec<_> = rows.iter().map(|row| row.key.workflow_id.as_str().to_owned()).collect();
        let expected: Vec<_> = (1..=3).map(|minute| format!("report-2026-01-01T00:0{minute}:00Z")).collect();
        assert_eq!(ids, expected, "died after {first_life} commits");
        assert!(rows.iter().all(|row| row.status == RunStatus::Completed));
        assert!(rows.windows(2).all(|two| two[0].closed_at <= Some(two[1].started_at)), "{rows:#?}");
        world.stop().await;
    }
}

/// Waits until something is true of a schedule, or of its absence.
async fn until(world: &World, wanted: impl Fn(&Json) -> bool) -> Json {
    let seen = async {
        loop {
            let shown = world.engine.show_schedule(Namespace::default(), "s").await.unwrap();
            let shown = serde_json::to_value(&shown).unwrap();
            if wanted(&shown) {
                return shown;
            }
            a_while().await;
        }
    };
    world.until(seen).await
}

/// Showing a schedule costs much more than a step of the engine, so it is not asked for after each.
async fn a_while() {
    for _ in 0..60 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_stopped_for_the_next() {
    for (policy, status) in
        [("cancel_other", RunStatus::Canceled), ("terminate_other", RunStatus::Terminated)]
    {
        let world = World::on(Arc::new(MemoryStore::new()), clock(), PROGRAM, Scripted::default()).await;
        let new =
            schedule(&json!({ "intervals": [{ "every": "1m" }] }), &json!({ "overlap": policy }), Some(2));
        world.engine.create_schedule(Namespace::default(), new).await.unwrap();
        let shown = until(&world, |it| it["last_result"] == json!(7)).await;
        assert_eq!(shown["counts"]["actions"], json!(2));
        let ends: Vec<_> = rows(&world).await.iter().map(|row| row.status).collect();
        assert_eq!(ends, [status, RunStatus::Completed], "{policy}");
        world.stop().await;
    }
}

#[tokio::test]
async fn failures_are_kept_and_the_list_shows_all_namespaces() {
    let world = World::on(Arc::new(MemoryStore::new()), clock(), PROGRAM, Scripted::default()).await;
    let mut new = schedule(&json!({ "cron": ["@hourly"] }), &json!({ "pause_on_failure": true }), None);
    new.definition.action.input = json!({ "n": -1 });
    world.engine.create_schedule(Namespace::default(), new.clone()).await.unwrap();
    let other = Namespace::new("other").unwrap();
    world.engine.create_schedule(other.clone(), new.clone()).await.unwrap();
    let shown = until(&world, |it| it["paused"] == json!(true)).await;
    assert_eq!(shown["last_failure"]["type"], json!("TooSmall"));
    let all = world.engine.list_schedules(None).await.unwrap();
    assert_eq!(all.iter().map(|(namespace, _)| namespace.as_str()).collect::<Vec<_>>(), ["default", "other"]);
    assert_eq!(world.engine.list_schedules(Some(&other)).await.unwrap().len(), 1);
    world.engine.delete_schedule(other.clone(), "s").await.unwrap();
    assert_eq!(world.engine.list_schedules(Some(&other)).await.unwrap().len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_once() {
    let world = World::new(PROGRAM, Scripted::default()).await;
    let good = schedule(&json!({ "cron": ["@hourly"] }), &json!({}), None);
    let mut unknown = good.clone();
    unknown.definition.action.workflow = "Raport".into();
    let mut unfit = good.clone();
    unfit.definition.action.input = json!({ "n": "seven" });
    for (new, expected) in [(unknown, "NX-2002"), (unfit, "NX-2001")] {
        let error = world.engine.create_schedule(Namespace::default(), new).await.unwrap_err();
        assert_eq!(error.code().id, expected);
    }
    let mut reserved = request("Report", json!({ "n": 1 }));
    reserved.workflow_id = Some(WorkflowId::new("nexus-schedule:s").unwrap());
    assert_eq!(world.engine.start(reserved).await.unwrap_err().code().id, "NX-2105");
    world.stop().await;
}

const CHAIN: &str = "\
workflow Report(n: int) -> (int):
    if (workflow.last_failure != null):
        close complete(workflow.last_result + 100)
    if (workflow.last_result == 9):
        close fail(Odd{message: \"nine\"})
    if (workflow.last_result != null):
        close complete(workflow.last_result + 1)
    close complete(n)
";

#[tokio::test]
async fn a_run_reads_the_last_result_and_failure_and_is_found_by_its_schedule() {
    let world = World::on(Arc::new(MemoryStore::new()), clock(), CHAIN, Scripted::default()).await;
    let new = schedule(&json!({ "cron": ["* * * * *"] }), &json!({}), Some(5));
    world.engine.create_schedule(Namespace::default(), new).await.unwrap();
    until(&world, |it| it["remaining_actions"] == json!(0) && it["last_result"] == json!(109)).await;
    let rows = rows(&world).await;
    let ends: Vec<_> = rows.iter().map(|row| row.status).collect();
    let (done, failed) = (RunStatus::Completed, RunStatus::Failed);
    assert_eq!(ends, [done, done, done, failed, done], "7, 8, 9, a failure, 109");
    let schema = world.engine.schema(Some(&Namespace::default()));
    let filter = "TemporalScheduledById = 's' AND TemporalScheduledStartTime > '2026-01-01T00:03:00Z'";
    let query = nexus_kernel::visibility::list_query(filter, &schema).unwrap();
    let found = world.engine.list(query).await.unwrap();
    assert_eq!(found.len(), 2, "the fourth and the fifth");
    world.stop().await;
}

/// A schedule that acts for days keeps a few records, whatever it dies of.
#[tokio::test]
async fn old_records_of_a_schedule_are_deleted() {
    for on_disk in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let database = nexus_store::SqliteStore::open(&nexus_store::Options::new(folder.path())).unwrap();
        let store: nexus_kernel::port::SharedStore =
            if on_disk { Arc::new(database.clone()) } else { Arc::new(MemoryStore::new()) };
        let world = World::on(store.clone(), clock(), PROGRAM, Scripted::default()).await;
        let new = schedule(&json!({ "cron": ["*/2 * * * *"] }), &json!({}), Some(60));
        world.engine.create_schedule(Namespace::default(), new).await.unwrap();
        let key = nexus_engine::schedule::key(Namespace::default(), "s").unwrap();
        let shown =
            until(&world, |it| it["counts"]["actions"] == json!(60) && it["running"] == json!([])).await;
        let records = store.read(&key, 0).await.unwrap();
        let last = records.last().unwrap().sequence;
        assert!(last > 128 && records.len() < 130, "{} of {last}", records.len());
        let clock = world.clock.clone();
        world.stop().await;
        // The next process finds the schedule as it was, and deletes what is still there.
        let world = World::on(store.clone(), clock, PROGRAM, Scripted::default()).await;
        let again = world.engine.show_schedule(Namespace::default(), "s").await.unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), shown);
        world.engine.delete_schedule(Namespace::default(), "s").await.unwrap();
        world.settle().await;
        while store.read(&key, 0).await.unwrap().len() > 64 {
            tokio::task::yield_now().await;
        }
        assert!(world.engine.show_schedule(Namespace::default(), "s").await.is_err());
        let new = schedule(&json!({ "cron": ["@hourly"] }), &json!({}), None);
        world.engine.create_schedule(Namespace::default(), new).await.unwrap();
        world.stop().await;
        database.close();
    }
}

/// One life of a schedule that acts often, to be cut short at any write.
async fn often(store: &Arc<MemoryStore>, clock: &SimClock, (appends, is_first): (usize, bool)) {
    let mortal = Arc::new(Mortal { inner: store.clone(), left: AtomicUsize::new(appends) });
    let world = World::on(mortal.clone(), clock.clone(), PROGRAM, Scripted::default()).await;
    let new = schedule(&json!({ "cron": ["*/2 * * * *"] }), &json!({}), Some(30));
    if is_first {
        world.engine.create_schedule(Namespace::default(), new).await.unwrap();
    }
    let all_done = async {
        while mortal.left.load(Ordering::SeqCst) > 0 {
            // One that has done everything is gone a week later; one whose server has died is asked in the next life.
            let Ok(shown) = world.engine.show_schedule(Namespace::default(), "s").await else { return };
            let shown = serde_json::to_value(&shown).unwrap();
            if shown["remaining_actions"] == json!(0) && shown["running"] == json!([]) {
                return;
            }
            a_while().await;
        }
    };
    world.until(all_done).await;
    world.stop().await;
}

#[tokio::test]
async fn a_crash_around_the_deletion_of_old_records_loses_no_action() {
    // The schedule's own records reach 64 at about the 127th write.
    for first_life in [122, 127, 132] {
        let (store, clock) = (Arc::new(MemoryStore::new()), clock());
        often(&store, &clock, (first_life, true)).await;
        often(&store, &clock, (usize::MAX, false)).await;
        let world = World::on(store.clone(), clock.clone(), PROGRAM, Scripted::default()).await;
        let rows = rows(&world).await;
        assert_eq!(rows.len(), 30, "died after {first_life} writes");
        let mut ids: Vec<_> = rows.iter().map(|row| row.key.workflow_id.clone()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 30);
        world.stop().await;
    }
}
