//! What lists of runs show: rows are there when a start is answered, and carry what programs set.

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::id::Namespace;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::runs::{RunFilter, RunRow, RunStatus};
use nexus_kernel::time::Timestamp;
use nexus_kernel::visibility::{AttributeType, list_query};
use serde_json::json;

use crate::support::{Scripted, World};

const PROGRAM: &str = "\
workflow Order(tier: any) -> (int):
    set_search_attributes({Tier: tier, Step: 1})
    set_memo({opened: \"by the book\", gone: 1})
    await timer(1h)
    set_search_attributes({Step: 2})
    set_memo({gone: null})
    workflow Child(1) -> c
    close complete(c)

workflow Child(n: int) -> (int):
    workflow Grandchild(n) -> g
    close complete(g)

workflow Grandchild(n: int) -> (int):
    await timer(1h)
    close complete(n)

workflow Again(n: int) -> (int):
    if (n == 0):
        close complete(0)
    set_search_attributes({Left: n})
    set_memo({n: n})
    await timer(1s)
    close continue_as_new(n - 1)
";

async fn found(world: &World, filter: &str) -> Vec<RunRow> {
    let schema = world.engine.schema(Some(&Namespace::default()));
    let mut query = list_query(filter, &schema).unwrap();
    query.namespace = Some(Namespace::default());
    world.engine.list(query).await.unwrap()
}

/// No waiting, no flag: the row is of the transaction that was acknowledged.
#[tokio::test]
async fn whoever_starts_a_run_finds_it_at_once() {
    let world = World::new(PROGRAM, Scripted::default()).await;
    for number in 0..5 {
        let started = world.start("Order", json!({ "tier": format!("t{number}") })).await;
        let rows =
            found(&world, &format!("Tier = 't{number}' AND Step = 1 AND ExecutionStatus = 'Running'")).await;
        assert_eq!(rows.len(), 1, "{number}");
        assert_eq!(rows[0].run_id, started.run_id);
        assert_eq!(rows[0].memo, json!({ "opened": "by the book", "gone": 1 }));
        assert_eq!(rows[0].history, None);
    }
    assert!(found(&world, "Step = 2").await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_closed_run_shows_its_size_and_its_last_attributes() {
    let world = World::new(PROGRAM, Scripted::default()).await;
    let outcome = world.run("Order", json!({ "tier": "gold" })).await;
    assert_eq!(outcome.status, RunStatus::Completed, "{outcome:?}");
    let rows =
        found(&world, "Tier = 'gold' AND Step = 2 AND ExecutionDuration >= '2h' AND HistoryLength > 5").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].memo, json!({ "opened": "by the book" }));
    assert_eq!(rows[0].history.unwrap().events, world.history(&outcome).await.events.len() as u64);
    let size = rows[0].history.unwrap();
    assert!(size.bytes > 500 && size.transitions >= 3, "{size:?}");
    world.stop().await;
}

#[tokio::test]
async fn children_name_their_parent_and_the_top_of_their_tree() {
    let world = World::new(PROGRAM, Scripted::default()).await;
    let outcome = world.run("Order", json!({ "tier": "gold" })).await;
    let top = outcome.run_id.as_str();
    let tree = found(&world, &format!("RootRunId = '{top}' ORDER BY WorkflowType")).await;
    let names: Vec<_> = tree.iter().map(|row| row.workflow.as_str()).collect();
    assert_eq!(names, ["Child", "Grandchild", "Order"]);
    let children = found(&world, &format!("ParentRunId = '{top}'")).await;
    assert_eq!(children.len(), 1);
    assert_eq!(children[0].workflow, "Child");
    assert_eq!(found(&world, "ParentRunId IS NULL").await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_run_that_continues_keeps_what_was_set() {
    let world = World::new(PROGRAM, Scripted::default()).await;
    world.run("Again", json!({ "n": 3 })).await;
    let rows = found(&world, "ExecutionStatus = 'Completed'").await;
    assert_eq!(rows[0].memo, json!({ "n": 1 }), "the last run set nothing itself");
    assert_eq!(found(&world, "Left = 1").await.len(), 2);
    assert_eq!(found(&world, "Left >= 1 AND ExecutionStatus = 'ContinuedAsNew'").await.len(), 3);
    world.stop().await;
}

/// The first value settles the type; what does not fit is found as a problem, and nothing fails.
#[tokio::test]
async fn values_of_another_type_are_told() {
    let world = World::new(PROGRAM, Scripted::default()).await;
    world.start("Order", json!({ "tier": "gold" })).await;
    let misfit = world.start("Order", json!({ "tier": 7 })).await;
    let rows = found(&world, "TemporalReportedProblems = 'Tier is of type Keyword, and 7 is not'").await;
    assert_eq!(rows.iter().map(|row| row.run_id.clone()).collect::<Vec<_>>(), [misfit.run_id]);
    assert_eq!(found(&world, "Step = 1").await.len(), 2, "the others are set");
    world.stop().await;
}

/// The types that were learned, and the rows, are the same after a restart.
#[tokio::test]
async fn a_restart_changes_nothing_of_the_list() {
    let store = Arc::new(MemoryStore::new());
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let world = World::on(store.clone(), clock.clone(), PROGRAM, Scripted::default()).await;
    world.start("Order", json!({ "tier": "gold" })).await;
    let before = world.engine.list(RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap();
    world.stop().await;
    let world = World::on(store, clock, PROGRAM, Scripted::default()).await;
    let after = world.engine.list(RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap();
    assert_eq!(after, before);
    assert_eq!(world.engine.schema(None).custom("Tier"), Some(AttributeType::Keyword));
    let misfit: Json = json!({ "Tier": 1 });
    assert!(world.engine.check_search_attributes(&Namespace::default(), &misfit).is_err());
    // What is written after the restart adds to what was there.
    let outcome = world.until(world.engine.wait(&before[0])).await.unwrap();
    assert_eq!(outcome.status, RunStatus::Completed);
    let rows = found(&world, "Tier = 'gold' AND Step = 2").await;
    assert_eq!(rows[0].history.unwrap().events, world.history(&outcome).await.events.len() as u64);
    assert!(rows[0].history.unwrap().bytes > 0);
    world.stop().await;
}
