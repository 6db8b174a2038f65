//! Resets: every run can be begun anew from every one of its workflow tasks, and ends as it did.

use std::sync::Arc;
use std::time::Duration;

use nexus_engine::engine::Address;
use nexus_engine::input::{Signal, Update};
use nexus_engine::record::Event;
use nexus_engine::reset::{Pin, Reapply, ResetRequest, Target};
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{RunId, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::Clock;
use nexus_kernel::port::runs::{RunFilter, RunStatus};
use nexus_kernel::time::Timestamp;
use nexus_kernel::{Json, code};
use serde_json::json;

use crate::support::{Scripted, World, definition, echo, names, request};

mod anywhere;

const PROGRAM: &str = "\
workflow Order(n: int) -> (any):
    options:
        workflow_run_timeout: 2h
    state:
        notes = []
        condition done
    signal Note(text: string):
        append(notes, text)
    signal Finish():
        set done
    update Add(text: string) -> (int):
        validator:
            if (len(notes) >= 3):
                reject \"enough notes\"
        append(notes, text)
        return len(notes)
    activity Work(n) -> first
    await timer(10s)
    activity Work(first + 1) -> second
    await done
    close complete([first, second, notes])

workflow Parent(n: int) -> (any):
    promise early <- workflow Child(\"early\", 100)
    await timer(10s)
    promise late <- workflow Child(\"late\", 50)
    await timer(10s)
    await early -> a
    await late -> b
    close complete([a, b])

workflow Child(name: string, seconds: int) -> (string):
    activity Note(name)
    await timer(seconds * 1s)
    close complete(name)

workflow Caller(n: int) -> (any):
    promise p <- nexus \"default\" workflow Child(\"operation\", 30)
    await timer(10s)
    activity Work(n) -> worked
    await p -> x
    close complete([x, worked])

workflow Above(n: int) -> (any):
    workflow Order(n) -> x
        options:
            workflow_id: \"below\"
    close complete(x)

activity Work(n: int) -> (int):
    ...

activity Note(name: string):
    ...
";

fn activities() -> Scripted {
    Scripted::default().with("Work", echo).with("Note", |_| Ok(Json::Null))
}

async fn world() -> World {
    World::new(PROGRAM, activities()).await
}

fn to(target: Target) -> ResetRequest {
    ResetRequest {
        run: None,
        target,
        reason: "try again".to_owned(),
        exclude: Vec::new(),
        pin: Pin::Current,
        request_id: "reset-1".to_owned(),
    }
}

async fn started(world: &World, workflow: &str, id: &str) -> Address {
    let mut start = request(workflow, json!({ "n": 1 }));
    start.workflow_id = Some(WorkflowId::new(id).unwrap());
    let started = world.engine.start(start).await.unwrap();
    world.engine.address_of_run(&started.run_id).await.unwrap()
}

async fn signal(world: &World, to: &Address, name: &str, input: Json, id: &str) {
    let signal = Signal { name: name.to_owned(), input, request_id: id.to_owned() };
    let to = Address { run: None, ..to.clone() };
    world.engine.signal(&to, signal).await.unwrap();
}

async fn reset(world: &World, at: &Address, request: ResetRequest) -> Result<RunId, Error> {
    world.engine.reset(at, request).await.map(|(run, _)| run)
}

/// Lets so much time pass, doing everything that falls due on the way.
async fn pass(world: &World, seconds: u64) {
    let until = world.clock.now().plus(Duration::from_secs(seconds));
    loop {
        world.settle().await;
        match world.clock.next_wake().filter(|at| *at <= until) {
            Some(at) => world.clock.advance(at.since(world.clock.now())),
            None => break,
        }
    }
    world.clock.advance(until.since(world.clock.now()));
    world.settle().await;
}

async fn end(world: &World, run: &RunId) -> (RunStatus, Json) {
    let row = world.engine.row(run).await.unwrap();
    let outcome = world.until(world.engine.wait(&row)).await.unwrap();
    (outcome.status, outcome.result)
}

async fn events(world: &World, run: &RunId) -> Vec<&'static str> {
    names(&world.engine.history(run).await.unwrap())
}

#[tokio::test]
async fn an_open_run_is_begun_anew_and_who_waits_hears_of_the_new_one() {
    let world = world().await;
    let order = started(&world, "Order", "order").await;
    let old = order.run.clone().unwrap();
    signal(&world, &order, "Note", json!("before"), "a").await;
    pass(&world, 60).await;
    signal(&world, &order, "Note", json!("after"), "b").await;
    let history = world.engine.history(&old).await.unwrap();
    let fired = history.events.iter().find(|it| matches!(it.event, Event::TimerFired { .. })).unwrap().id;
    let row = world.engine.row(&old).await.unwrap();
    let (waiting, new) = tokio::join!(world.engine.wait(&row), async {
        let new = reset(&world, &order, to(Target::Event(fired + 1))).await.unwrap();
        pass(&world, 60).await;
        signal(&world, &order, "Finish", Json::Null, "c").await;
        new
    });
    let outcome = waiting.unwrap();
    assert_eq!((&outcome.run_id, outcome.status), (&new, RunStatus::Completed));
    assert_eq!(outcome.result, json!([1, 2, ["before", "after"]]));
    assert_eq!(world.activities.count("Work"), 3, "the activity after the point was carried out again");

    let view = world.engine.show(&old).await.unwrap();
    assert_eq!((view.row.status, view.successor.as_ref()), (RunStatus::Terminated, Some(&new)));
    assert_eq!(view.to_json()["reset_to"], json!([new]));
    let view = world.engine.show(&new).await.unwrap().to_json();
    assert_eq!(view["reset_from"]["run_id"], json!(old));
    assert_eq!(view["reset_from"]["event"], json!(fired));
    assert_eq!(view["first_run"], json!(old));
    let made = world.engine.history(&new).await.unwrap();
    for (kept, copy) in history.events.iter().take(usize::try_from(fired).unwrap()).zip(&made.events).skip(1)
    {
        assert_eq!((kept.id, kept.at, &kept.event), (copy.id, copy.at, &copy.event));
    }
    let failed = &made.events[usize::try_from(fired).unwrap()];
    assert!(
        matches!(&failed.event, Event::WorkflowTaskFailed { failure } if failure.type_name == "ResetWorkflow")
    );
    // The new run can be stepped through like any other.
    let played = world.engine.playback(&new, None).await.unwrap();
    assert!(played["stuck"].is_null(), "{played:#}");
}

#[tokio::test]
async fn a_closed_run_is_reset_and_keeps_its_end() {
    let world = world().await;
    let order = started(&world, "Order", "order").await;
    let old = order.run.clone().unwrap();
    signal(&world, &order, "Finish", Json::Null, "c").await;
    assert_eq!(end(&world, &old).await, (RunStatus::Completed, json!([1, 2, []])));
    pass(&world, 3 * 3600).await;
    let new = reset(&world, &order, to(Target::FirstTask)).await.unwrap();
    assert_eq!(end(&world, &new).await, (RunStatus::Completed, json!([1, 2, []])), "its time began anew");
    assert_eq!(world.engine.row(&old).await.unwrap().status, RunStatus::Completed);
    assert_eq!(world.engine.show(&old).await.unwrap().to_json()["reset_to"], json!([new]));
    let rows = world.engine.list(RunFilter { limit: 10, ..RunFilter::default() }).await.unwrap();
    assert_eq!(rows.len(), 2);
    let row = rows.iter().find(|row| row.run_id == new).unwrap();
    assert!(row.started_at > Timestamp::from_millis(1_000_000 + 3 * 3600 * 1000), "{row:?}");
}

#[tokio::test]
async fn what_came_later_is_applied_again_unless_it_is_excluded() {
    let cases = [
        (vec![], json!(["s1", "u1", "s2"])),
        (vec![Reapply::Signal], json!(["u1"])),
        (vec![Reapply::Update], json!(["s1", "s2"])),
        (vec![Reapply::Signal, Reapply::Update], json!([])),
    ];
    for (exclude, expected) in cases {
        let world = world().await;
        let order = started(&world, "Order", "order").await;
        pass(&world, 60).await;
        signal(&world, &order, "Note", json!("s1"), "s1").await;
        let update = Update { id: "u1".into(), name: "Add".into(), input: json!("u1") };
        let (_, answer) = world.engine.update(&order, update.clone()).await.unwrap();
        assert_eq!(world.until(answer).await.unwrap().unwrap(), json!(2));
        signal(&world, &order, "Note", json!("s2"), "s2").await;
        let request = ResetRequest { exclude: exclude.clone(), ..to(Target::FirstTask) };
        let new = reset(&world, &order, request).await.unwrap();
        pass(&world, 60).await;
        if !exclude.contains(&Reapply::Update) {
            // Whoever asks again for the update gets the answer of the new run.
            let anyone = Address { run: None, ..order.clone() };
            let (accepted, answer) = world.engine.update(&anyone, update).await.unwrap();
            assert_eq!(accepted.run, new);
            let place = expected.as_array().unwrap().iter().position(|it| *it == "u1").unwrap() + 1;
            assert_eq!(world.until(answer).await.unwrap().unwrap(), json!(place));
        }
        signal(&world, &order, "Finish", Json::Null, "c").await;
        assert_eq!(end(&world, &new).await, (RunStatus::Completed, json!([1, 2, expected])), "{exclude:?}");
    }
}

#[tokio::test]
async fn an_update_that_no_longer_fits_is_answered_by_its_refusal() {
    let world = world().await;
    let order = started(&world, "Order", "order").await;
    let add = |id: &str| Update { id: id.into(), name: "Add".into(), input: json!(id) };
    pass(&world, 60).await;
    let _ = world.engine.update(&order, add("u1")).await.unwrap();
    let strict = PROGRAM.replace(">= 3", ">= 0");
    world.engine.deploy(definition(&strict)).await.unwrap();
    let new = reset(&world, &order, to(Target::FirstTask)).await.unwrap();
    pass(&world, 60).await;
    let history = world.engine.history(&new).await.unwrap();
    let refused = history.events.iter().filter_map(|it| match &it.event {
        Event::WorkflowExecutionUpdateCompleted { id, failure: Some(failure), .. } => {
            Some((id.as_str(), failure.message.clone()))
        }
        _ => None,
    });
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), 1, "{history:#?}");
    assert_eq!(refused[0].0, "u1");
    assert!(refused[0].1.contains("enough notes"), "{refused:?}");
}

#[tokio::test]
async fn places_that_are_none_are_refused_with_those_that_are() {
    let world = world().await;
    let order = started(&world, "Order", "order").await;
    pass(&world, 60).await;
    let error = reset(&world, &order, to(Target::Event(1))).await.unwrap_err();
    assert_eq!(error.code(), &code::RESET_INVALID);
    assert_eq!(error.message(), "event 1 is no workflow task: it is WorkflowExecutionStarted");
    let history = world.engine.history(order.run.as_ref().unwrap()).await.unwrap();
    let tasks = history.events.iter().filter(|it| matches!(it.event, Event::WorkflowTaskCompleted {}));
    let ids: Vec<_> = tasks.map(|it| it.id.to_string()).collect();
    assert_eq!(
        error.help_text(),
        Some(format!("the workflow tasks are at events {}", ids.join(", ")).as_str())
    );
    let error = reset(&world, &order, to(Target::Event(999))).await.unwrap_err();
    assert!(error.message().contains("no event 999"), "{error:?}");
    let build = |id: &str| Target::Build { id: id.to_owned(), current_run_only: false };
    let error = reset(&world, &order, to(build("0000"))).await.unwrap_err();
    assert_eq!(error.code(), &code::RESET_INVALID);
    // Nothing was ended for any of them.
    assert_eq!(world.engine.row(order.run.as_ref().unwrap()).await.unwrap().status, RunStatus::Running);

    let hash = world.engine.definition().unwrap().hash.as_str()[..12].to_owned();
    reset(&world, &order, to(build(&hash))).await.unwrap();
    let mut late = request("Order", json!({ "n": 1 }));
    late.options.start_delay_ms = Some(60_000);
    let late = world.engine.start(late).await.unwrap();
    let late = world.engine.address_of_run(&late.run_id).await.unwrap();
    let error = reset(&world, &late, to(Target::LastTask)).await.unwrap_err();
    assert!(error.message().contains("has not begun"), "{error:?}");
}

#[tokio::test]
async fn equal_requests_are_one_reset() {
    let world = world().await;
    let order = started(&world, "Order", "order").await;
    pass(&world, 60).await;
    let (first, existing) = world.engine.reset(&order, to(Target::FirstTask)).await.unwrap();
    assert!(!existing);
    assert_eq!(world.engine.reset(&order, to(Target::FirstTask)).await.unwrap(), (first.clone(), true));
    let other = ResetRequest { request_id: "another".into(), ..to(Target::FirstTask) };
    let (second, _) = world.engine.reset(&order, other).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(world.engine.row(&first).await.unwrap().status, RunStatus::Terminated, "it was the open run");
    signal(&world, &order, "Finish", Json::Null, "c").await;
    assert_eq!(end(&world, &second).await.1, json!([1, 2, []]));
}

#[tokio::test]
async fn a_changed_program_must_do_again_what_is_kept() {
    let changed =
        PROGRAM.replace("activity Work(n) -> first\n", "await timer(1s)\n    activity Work(n) -> first\n");
    let fewer =
        PROGRAM.replace("    await timer(10s)\n    activity Work(first + 1) -> second\n", "    second = 7\n");
    for (program, result) in [(changed, json!([1, 2, []])), (fewer, json!([1, 7, []]))] {
        let world = world().await;
        let order = started(&world, "Order", "order").await;
        pass(&world, 60).await;
        world.engine.deploy(definition(&program)).await.unwrap();
        let last = ResetRequest { request_id: "last".into(), ..to(Target::LastTask) };
        let error = reset(&world, &order, last.clone()).await.unwrap_err();
        assert_eq!(error.code(), &code::RESET_INVALID, "{error:?}");
        assert!(error.message().contains("does not do again"), "{error:?}");
        let pinned = ResetRequest { pin: Pin::Pinned, ..last };
        let new = reset(&world, &order, pinned).await.unwrap();
        let first =
            reset(&world, &Address { run: Some(new), ..order.clone() }, to(Target::FirstTask)).await.unwrap();
        signal(&world, &order, "Finish", Json::Null, "c").await;
        assert_eq!(
            end(&world, &first).await,
            (RunStatus::Completed, result),
            "the first task has nothing to repeat"
        );
    }
}

#[tokio::test]
async fn a_program_that_could_not_go_on_goes_on_with_a_mended_one() {
    let broken = "workflow W(n: int) -> (any):\n    activity Work(n) -> x\n    y = x.missing.field\n    close complete(y)\n\nactivity Work(n: int) -> (any):\n    ...\n";
    let world = World::new(broken, activities()).await;
    let run = started(&world, "W", "w").await;
    pass(&world, 1).await;
    assert!(world.engine.show(run.run.as_ref().unwrap()).await.unwrap().blocked.is_some());
    world.engine.deploy(definition(&broken.replace("x.missing.field", "x + 1"))).await.unwrap();
    let new = reset(&world, &run, to(Target::LastTask)).await.unwrap();
    assert_eq!(end(&world, &new).await, (RunStatus::Completed, json!(2)));
    assert_eq!(world.activities.count("Work"), 1, "what was done before the point is not done again");
}

/// The runs of the children, by the name that they were given.
async fn children(world: &World, name: &str) -> Vec<(RunId, RunStatus)> {
    let rows = world.engine.list(RunFilter { limit: 50, ..RunFilter::default() }).await.unwrap();
    let mut found = Vec::new();
    for row in rows.into_iter().filter(|row| row.workflow == "Child") {
        if world.engine.show(&row.run_id).await.unwrap().input["name"] == name {
            found.push((row.run_id, row.status));
        }
    }
    found
}

#[tokio::test]
async fn children_from_before_stay_attached_and_later_ones_make_room() {
    let world = world().await;
    let parent = started(&world, "Parent", "parent").await;
    pass(&world, 15).await;
    let history = world.engine.history(parent.run.as_ref().unwrap()).await.unwrap();
    let fired = history.events.iter().find(|it| matches!(it.event, Event::TimerFired { .. })).unwrap().id;
    let new = reset(&world, &parent, to(Target::Event(fired + 1))).await.unwrap();
    pass(&world, 1).await;
    let late: Vec<_> = children(&world, "late").await.into_iter().map(|(_, status)| status).collect();
    assert_eq!(late.len(), 2, "the second takes the place of the first: {late:?}");
    assert!(late.contains(&RunStatus::Terminated) && late.contains(&RunStatus::Running), "{late:?}");
    assert_eq!(end(&world, &new).await, (RunStatus::Completed, json!(["early", "late"])));
    let early = children(&world, "early").await;
    assert_eq!(early.len(), 1, "{early:?}");
    assert_eq!(early[0].1, RunStatus::Completed);
}

#[tokio::test]
async fn a_child_that_has_ended_is_heard_of_after_the_reset() {
    let world = world().await;
    let parent = started(&world, "Parent", "parent").await;
    let old = parent.run.clone().unwrap();
    assert_eq!(end(&world, &old).await.1, json!(["early", "late"]));
    let history = world.engine.history(&old).await.unwrap();
    let started =
        history.events.iter().filter(|it| matches!(it.event, Event::ChildWorkflowExecutionStarted { .. }));
    let first = started.map(|it| it.id).min().unwrap();
    let new = reset(&world, &parent, to(Target::Event(first + 1))).await.unwrap();
    assert_eq!(end(&world, &new).await.1, json!(["early", "late"]));
    assert_eq!(children(&world, "early").await.len(), 1);
    let names = events(&world, &new).await;
    assert_eq!(
        names.iter().filter(|name| **name == "ChildWorkflowExecutionCompleted").count(),
        2,
        "{names:?}"
    );
}

/// The end of a child that the run before did not wait for is in no history of it: the child itself tells.
#[tokio::test]
async fn a_child_that_the_parents_end_stopped_tells_how_it_ended() {
    let world = world().await;
    let parent = started(&world, "Parent", "parent").await;
    let old = parent.run.clone().unwrap();
    pass(&world, 15).await;
    world.engine.terminate(&old, "enough").await.unwrap();
    pass(&world, 1).await;
    assert_eq!(children(&world, "early").await[0].1, RunStatus::Terminated);
    let new = reset(&world, &parent, to(Target::LastTask)).await.unwrap();
    let (status, _) = end(&world, &new).await;
    assert_eq!(status, RunStatus::Failed);
    let failure = world.engine.show(&new).await.unwrap().failure.unwrap();
    assert_eq!(failure.root().type_name, "Terminated", "{failure:?}");
}

#[tokio::test]
async fn outcomes_of_operations_are_taken_over_or_left_out() {
    for exclude in [vec![], vec![Reapply::Nexus]] {
        let world = world().await;
        let caller = started(&world, "Caller", "caller").await;
        let old = caller.run.clone().unwrap();
        assert_eq!(end(&world, &old).await.1, json!(["operation", 1]));
        let history = world.engine.history(&old).await.unwrap();
        let fired = history.events.iter().find(|it| matches!(it.event, Event::TimerFired { .. })).unwrap().id;
        let request = ResetRequest { exclude: exclude.clone(), ..to(Target::Event(fired + 1)) };
        let new = reset(&world, &caller, request).await.unwrap();
        pass(&world, 3600).await;
        let view = world.engine.show(&new).await.unwrap();
        if exclude.is_empty() {
            assert_eq!((view.row.status, view.result), (RunStatus::Completed, json!(["operation", 1])));
        } else {
            assert_eq!(view.row.status, RunStatus::Running, "nobody tells it");
        }
        assert_eq!(children(&world, "operation").await.len(), 1);
    }
}

#[tokio::test]
async fn the_parent_of_a_run_that_was_reset_hears_from_the_new_one() {
    let world = world().await;
    let above = started(&world, "Above", "above").await;
    pass(&world, 60).await;
    let below = world.engine.address_of_id(&WorkflowId::new("below").unwrap(), None).await.unwrap();
    let new = reset(&world, &below, to(Target::FirstTask)).await.unwrap();
    pass(&world, 60).await;
    signal(&world, &below, "Note", json!("anew"), "n").await;
    signal(&world, &below, "Finish", Json::Null, "c").await;
    assert_eq!(end(&world, &new).await.0, RunStatus::Completed);
    let (status, result) = end(&world, above.run.as_ref().unwrap()).await;
    assert_eq!((status, result), (RunStatus::Completed, json!([1, 2, ["anew"]])));
}

#[tokio::test]
async fn a_reset_outlives_the_process_and_the_run_that_was_reset() {
    let store = Arc::new(MemoryStore::new());
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let world = World::on(store.clone(), clock.clone(), PROGRAM, activities()).await;
    let order = started(&world, "Order", "order").await;
    let old = order.run.clone().unwrap();
    pass(&world, 60).await;
    let new = reset(&world, &order, to(Target::LastTask)).await.unwrap();
    world.stop().await;

    let world = World::on(store, clock, PROGRAM, activities()).await;
    assert_eq!(world.engine.reset(&order, to(Target::LastTask)).await.unwrap(), (new.clone(), true));
    world.engine.delete(&old).await.unwrap();
    signal(&world, &order, "Finish", Json::Null, "c").await;
    assert_eq!(end(&world, &new).await.1, json!([1, 2, []]));
    assert_eq!(world.activities.count("Work"), 0, "nothing that was kept is done again");
    let played = world.engine.playback(&new, None).await.unwrap();
    assert!(played["stuck"].is_null(), "{played:#}");
}

#[tokio::test]
async fn activities_that_were_pending_begin_anew() {
    let attempts = Scripted::default().with("Work", |task| match task.attempt {
        1 | 2 => Err(Failure::application("Flaky", "not yet")),
        _ => Ok(json!(task.input[0].as_i64().unwrap())),
    });
    let world = World::new(PROGRAM, attempts).await;
    let order = started(&world, "Order", "order").await;
    world.settle().await;
    let history = world.engine.history(order.run.as_ref().unwrap()).await.unwrap();
    assert_eq!(names(&history), ["WorkflowExecutionStarted", "ActivityTaskScheduled"]);
    // A signal makes a second task, so that the scheduled activity is in the history that is kept.
    signal(&world, &order, "Note", json!("x"), "x").await;
    let new = reset(&world, &order, to(Target::LastTask)).await.unwrap();
    let pending = world.pending(&new).await;
    assert_eq!(pending.len(), 1, "{pending:?}");
    signal(&world, &order, "Finish", Json::Null, "c").await;
    assert_eq!(end(&world, &new).await.1, json!([1, 2, ["x"]]));
}
