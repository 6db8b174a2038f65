//! Activities: the four timeouts, heartbeats, completion from outside, and what operators do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nexus_engine::activity::handle::ActivityTarget;
use nexus_engine::activity::input::{ActivityInput, OptionsPatch, Outcome as Ending};
use nexus_engine::engine::Started;
use nexus_kernel::Json;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::Clock;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::retry::{RetryPolicy, RetryState};
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::support::{Scripted, World, echo, names, seconds};

/// A workflow of one activity with these lines of options.
fn program(options: &str) -> String {
    let lines: Vec<String> = options.lines().map(|line| format!("            {line}")).collect();
    let lines = lines.join("\n");
    format!(
        "workflow One(x: any) -> (any):\n    activity Do(x) -> y\n        options:\n{lines}\n    close complete(y)\n\n\
         activity Do(x: any) -> (any):\n    ...\n"
    )
}

async fn started(world: &World) -> Started {
    world.start("One", json!({ "x": 7 })).await
}

/// Runs `One` to its end: its failure's root type, how long it took, how many attempts were made.
async fn failed(options: &str, activities: Scripted) -> (Failure, u64, usize) {
    let world = World::new(&program(options), activities).await;
    let outcome = world.run("One", json!({ "x": 7 })).await;
    let history = world.history(&outcome).await;
    let told = (outcome.failure.unwrap(), seconds(&history), world.activities.count("Do"));
    world.stop().await;
    told
}

fn unbound() -> Scripted {
    let activities = Scripted::default().with("Do", echo);
    activities.unbound.lock().unwrap().push("Do");
    activities
}

fn completed(result: Json) -> ActivityInput {
    ActivityInput::Reported { ticket: None, outcome: Ending::Completed(result) }
}

fn beat(details: Json) -> ActivityInput {
    ActivityInput::Beat { ticket: None, details }
}

#[tokio::test]
async fn nobody_takes_it_in_time() {
    let (failure, took, attempts) = failed("schedule_to_start_timeout: 20s", unbound()).await;
    let root = failure.root();
    assert_eq!((root.kind, root.type_name.as_str()), (FailureKind::Timeout, Failure::SCHEDULE_TO_START));
    let info = failure.activity().unwrap();
    assert_eq!(info.retry_state, RetryState::NonRetryableFailure, "it is never retried");
    assert_eq!((took, attempts), (20, 0));
}

#[tokio::test]
async fn a_queue_bounded_by_the_whole_time_only() {
    let (failure, took, attempts) = failed("schedule_to_close_timeout: 30s", unbound()).await;
    // Schedule-to-start is filled in from schedule-to-close.
    assert_eq!(failure.root().type_name, Failure::SCHEDULE_TO_START);
    assert_eq!((took, attempts), (30, 0));
}

#[tokio::test]
async fn an_attempt_that_never_ends_is_tried_again_until_all_time_is_over() {
    let options = "start_to_close_timeout: 10s\nschedule_to_close_timeout: 25s";
    let (failure, took, attempts) = failed(options, Scripted::default()).await;
    // Attempts at 0 and 11; the third would begin at 23 and is cut off at 25.
    assert_eq!((took, attempts), (25, 3));
    let timeout = failure.cause.clone().unwrap();
    assert_eq!(timeout.type_name, Failure::SCHEDULE_TO_CLOSE);
    assert_eq!(timeout.cause.unwrap().type_name, Failure::START_TO_CLOSE, "why the attempt before failed");
    assert_eq!(failure.activity().unwrap().retry_state, RetryState::Timeout);
}

#[tokio::test]
async fn no_time_for_another_attempt_is_the_end_of_all_time() {
    let options = "start_to_close_timeout: 10s\nschedule_to_close_timeout: 10500ms";
    let (failure, took, attempts) = failed(options, Scripted::default()).await;
    assert_eq!((took, attempts), (10, 1));
    let timeout = failure.cause.clone().unwrap();
    assert_eq!(timeout.type_name, Failure::SCHEDULE_TO_CLOSE, "the next attempt would begin at 11");
    assert_eq!(timeout.root().type_name, Failure::START_TO_CLOSE);
}

#[tokio::test]
async fn listed_timeouts_are_final() {
    for (listed, options) in [
        (Failure::START_TO_CLOSE, "start_to_close_timeout: 10s"),
        (Failure::HEARTBEAT, "start_to_close_timeout: 60s\nheartbeat_timeout: 10s"),
    ] {
        let policy = format!("retry_policy:\n    non_retryable_error_types: [\"{listed}\"]");
        let (failure, took, attempts) = failed(&format!("{options}\n{policy}"), Scripted::default()).await;
        assert_eq!(failure.root().type_name, listed);
        assert_eq!((took, attempts), (10, 1));
    }
}

#[tokio::test]
async fn a_silent_attempt_is_tried_again() {
    let options =
        "start_to_close_timeout: 5m\nheartbeat_timeout: 10s\nretry_policy:\n    maximum_attempts: 2";
    let (failure, took, attempts) = failed(options, Scripted::default()).await;
    assert_eq!(failure.root().type_name, Failure::HEARTBEAT);
    assert_eq!((took, attempts), (10 + 1 + 10, 2));
}

/// An activity that says every four seconds how far it has come; the first attempt falls silent at 12.
fn counting(clock: SimClock) -> Scripted {
    Scripted::default().working("Do", move |task, progress| {
        let clock = clock.clone();
        Box::pin(async move {
            let from = task.heartbeat_details.as_u64().unwrap_or(0);
            for done in from + 1..=6 {
                clock.sleep_until(clock.now().plus(Duration::from_secs(4))).await;
                if progress.beat(json!(done)).await.is_err() || (task.attempt == 1 && done == 3) {
                    return std::future::pending().await;
                }
            }
            Ok(json!({ "from": from, "attempt": task.attempt }).into())
        })
    })
}

#[tokio::test]
async fn progress_is_handed_to_the_next_attempt() {
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let options = "start_to_close_timeout: 5m\nheartbeat_timeout: 10s";
    let world =
        World::on(Arc::new(MemoryStore::new()), clock.clone(), &program(options), counting(clock)).await;
    let outcome = world.run("One", json!({ "x": 7 })).await;
    // Only the first and then one beat in eight seconds is recorded; the others are known all the same.
    assert_eq!(outcome.result, json!({ "from": 3, "attempt": 2 }));
    let history = world.history(&outcome).await;
    assert_eq!(seconds(&history), 12 + 10 + 1 + 12);
    let last = history.events.iter().find_map(|entry| {
        let event = serde_json::to_value(&entry.event).unwrap();
        (event["type"] == "ActivityTaskStarted").then_some(event)
    });
    assert_eq!(last.unwrap()["last_failure"]["type"], Failure::HEARTBEAT);
    world.stop().await;
}

#[tokio::test]
async fn a_failure_may_say_when_to_come_back() {
    let activities = Scripted::default().with("Do", |task| match task.attempt {
        1 => Err(Failure::application("Busy", "later").retry_in_ms(Some(90_000))),
        _ => echo(task),
    });
    let world = World::new(&program("start_to_close_timeout: 10s"), activities).await;
    let outcome = world.run("One", json!({ "x": 7 })).await;
    assert_eq!(seconds(&world.history(&outcome).await), 90);
    world.stop().await;
}

#[tokio::test]
async fn faulty_options_block_the_task_and_say_why() {
    let options = "retry_policy:\n    initial_interval: 10s\n    maximum_interval: 1s";
    let world = World::new(&program(options), Scripted::default()).await;
    let outcome = world.run("One", json!({ "x": 7 })).await;
    assert_eq!(outcome.status, RunStatus::Running);
    let why = outcome.failure.unwrap();
    assert_eq!(why.type_name, "BadScheduleActivityAttributes");
    assert!(
        why.message.contains("maximum_interval") && why.at.unwrap().starts_with("test.twf:2"),
        "{}",
        why.message
    );
    world.stop().await;
}

#[tokio::test]
async fn too_many_pending_activities_block_the_task() {
    let text = "workflow Many(n: int) -> (int):\n    await all (x in range(0, n)) -> all:\n        activity Do(x) -> y\n    close complete(len(all))\n\nactivity Do(x: any) -> (any):\n    ...\n";
    let world = World::new(text, Scripted::default()).await;
    let outcome = world.run("Many", json!({ "n": 2001 })).await;
    assert_eq!(outcome.failure.unwrap().type_name, "PendingActivitiesLimitExceeded");
    assert_eq!(outcome.status, RunStatus::Running);
    world.stop().await;
}

#[tokio::test]
async fn results_are_bounded() {
    let large = |_: &_| Ok(Json::String("x".repeat(2 * 1024 * 1024)));
    let (failure, _, attempts) =
        failed("start_to_close_timeout: 10s", Scripted::default().with("Do", large)).await;
    assert_eq!((failure.root().type_name.as_str(), attempts), ("ResultTooLarge", 1));
}

#[tokio::test]
async fn an_activity_is_completed_from_outside() {
    let world = World::new(&program("start_to_close_timeout: 1h"), Scripted::default().outside("Do")).await;
    let run = started(&world).await;
    let token = world.token("Do", 1).await;
    let pending = world.pending(&run.run_id).await;
    assert_eq!(
        (&pending[0]["state"], &pending[0]["outside"]),
        (&json!("started"), &json!(true)),
        "{pending:#?}"
    );
    assert_eq!(pending[0]["token"], json!(token.to_string()));
    assert_eq!(world.engine.activities_in_flight(), 0, "it takes no place of a worker");
    let report = |outcome| ActivityInput::Reported { ticket: Some(token.ticket), outcome };
    world.tell(token.clone(), report(Ending::Completed(json!("done")))).await.unwrap();
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!("done"));
    let again = world.tell(token.clone(), report(Ending::Completed(json!("twice")))).await.unwrap_err();
    assert_eq!(again.code().id, "NX-2202");
    world.stop().await;
}

#[tokio::test]
async fn a_token_is_good_for_one_attempt() {
    let world = World::new(&program("start_to_close_timeout: 1m"), Scripted::default().outside("Do")).await;
    let run = started(&world).await;
    let first = world.token("Do", 1).await;
    let second = world.token("Do", 2).await;
    let report =
        |ticket| ActivityInput::Reported { ticket: Some(ticket), outcome: Ending::Completed(json!(ticket)) };
    let stale = world.tell(first.clone(), report(first.ticket)).await.unwrap_err();
    assert_eq!(stale.code().id, "NX-2202");
    assert!(stale.help_text().unwrap().contains(&second.to_string()), "{stale:?}");
    world.tell(second.clone(), report(second.ticket)).await.unwrap();
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!(2));
    assert_eq!(seconds(&world.history(&outcome).await), 61, "the first attempt ran out of its minute");
    world.stop().await;
}

#[tokio::test]
async fn an_attempt_outside_survives_the_process_and_keeps_its_times() {
    let options = "start_to_close_timeout: 1h\nheartbeat_timeout: 1m\nretry_policy:\n    maximum_attempts: 1";
    let store = Arc::new(MemoryStore::new());
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let outside = || Scripted::default().outside("Do");
    let world = World::on(store.clone(), clock.clone(), &program(options), outside()).await;
    let run = started(&world).await;
    let token = world.token("Do", 1).await;
    clock.advance(Duration::from_secs(50));
    world.tell(token.clone(), beat(json!({ "rows": 5 }))).await.unwrap();
    world.stop().await;
    // Down for longer than the heartbeat timeout: silence counts from when the server is back.
    clock.advance(Duration::from_secs(100));
    let world = World::on(store, clock.clone(), &program(options), outside()).await;
    world.settle().await;
    clock.advance(Duration::from_secs(50));
    world.tell(token.clone(), beat(Json::Null)).await.unwrap();
    assert_eq!(world.activities.count("Do"), 0, "what is outside is not begun again");
    let row = world.engine.row(&run.run_id).await.unwrap();
    let outcome = world.until(world.engine.wait(&row)).await.unwrap();
    let timeout = outcome.failure.unwrap().root().clone();
    assert_eq!(timeout.type_name, Failure::HEARTBEAT);
    assert_eq!(timeout.details, [json!({ "rows": 5 })], "what was heard last");
    assert_eq!(clock.now(), Timestamp::from_millis(1_000_000 + (50 + 100 + 50 + 60) * 1_000));
    world.stop().await;
}

#[tokio::test]
async fn failures_from_outside_follow_the_policy() {
    let world = World::new(&program("start_to_close_timeout: 1h"), Scripted::default().outside("Do")).await;
    let run = started(&world).await;
    let fail = |failure| ActivityInput::Reported { ticket: None, outcome: Ending::Failed(failure) };
    let first = world.token("Do", 1).await;
    world.tell(first, fail(Failure::application("Flaky", "again"))).await.unwrap();
    let pending = world.pending(&run.run_id).await;
    assert_eq!(pending[0]["state"], "backing_off");
    assert_eq!(pending[0]["last_failure"]["type"], "Flaky");
    let second = world.token("Do", 2).await;
    world.tell(second, fail(Failure::application("Declined", "no").final_())).await.unwrap();
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(outcome.failure.unwrap().root().type_name, "Declined");
    world.stop().await;
}

const CANCELLING: &str = "\
workflow Waits() -> (any):
    promise work <- activity Do(1)
        options:
            start_to_close_timeout: 1h
            cancellation_type: wait_cancellation_completed
    await timer(1s)
    cancel work
    try:
        await work -> y
    catch e: Canceled:
        close complete([\"cancelled\", now() - workflow.start_time])
    close complete(y)

workflow Leaves() -> (any):
    promise work <- activity Do(1)
        options:
            start_to_close_timeout: 1h
    await timer(1s)
    cancel work
    await timer(1m)
    close complete(\"left\")

activity Do(x: any) -> (any):
    ...
";

#[tokio::test]
async fn an_attempt_learns_of_its_cancellation_and_acknowledges_it() {
    let world = World::new(CANCELLING, Scripted::default().outside("Do")).await;
    let run = world.start("Waits", json!({})).await;
    let token = world.token("Do", 1).await;
    let heeded = || ActivityInput::Reported { ticket: None, outcome: Ending::Canceled(Json::Null) };
    let early = world.tell(token.clone(), heeded()).await.unwrap_err();
    assert_eq!(early.code().id, "NX-2203", "nobody has asked yet");
    assert!(!world.tell(token.clone(), beat(json!(1))).await.unwrap().cancel_requested);
    world.clock.advance(Duration::from_secs(3));
    world.settle().await;
    assert!(world.tell(token.clone(), beat(json!(2))).await.unwrap().cancel_requested);
    let reset = ActivityInput::Reset { keep_paused: false, reset_heartbeat: false };
    assert_eq!(world.tell(token.clone(), reset).await.unwrap_err().code().id, "NX-2203");
    world.tell(token, heeded()).await.unwrap();
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!(["cancelled", "PT3S"]));
    assert!(names(&world.history(&outcome).await).contains(&"ActivityTaskCanceled"));
    world.stop().await;
}

#[tokio::test]
async fn what_nobody_waits_for_still_hears_of_it() {
    let world = World::new(CANCELLING, Scripted::default().outside("Do")).await;
    let run = world.start("Leaves", json!({})).await;
    let token = world.token("Do", 1).await;
    world.clock.advance(Duration::from_secs(2));
    world.settle().await;
    assert!(world.tell(token.clone(), beat(json!(1))).await.unwrap().cancel_requested);
    world.tell(token.clone(), completed(json!("in vain"))).await.unwrap();
    assert_eq!(world.tell(token, beat(json!(2))).await.unwrap_err().code().id, "NX-2202");
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!("left"));
    assert!(!names(&world.history(&outcome).await).contains(&"ActivityTaskCompleted"));
    world.stop().await;
}

#[tokio::test]
async fn a_cancelled_attempt_that_died_with_its_server_has_ended() {
    let store = Arc::new(MemoryStore::new());
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let world = World::on(store.clone(), clock.clone(), CANCELLING, Scripted::default()).await;
    let run = world.start("Waits", json!({})).await.run_id;
    world.settle().await;
    clock.advance(Duration::from_secs(2));
    world.settle().await;
    assert_eq!(world.pending(&run).await[0]["state"], "cancel_requested");
    world.stop().await;
    let world = World::on(store, clock, CANCELLING, Scripted::default()).await;
    let row = world.engine.row(&run).await.unwrap();
    let outcome = world.until(world.engine.wait(&row)).await.unwrap();
    assert_eq!(outcome.result[0], "cancelled");
    assert_eq!(world.activities.count("Do"), 0);
    world.stop().await;
}

fn flaky_until(ok: u32) -> Scripted {
    Scripted::default().with("Do", move |task| {
        if task.ticket >= ok { Ok(json!(task.attempt)) } else { Err(Failure::application("Flaky", "again")) }
    })
}

fn target(run: &Started) -> ActivityTarget {
    ActivityTarget { run_id: run.run_id.clone(), activity_id: 1, ticket: None }
}

#[tokio::test]
async fn a_paused_activity_makes_no_attempt() {
    let world = World::new(&program("start_to_close_timeout: 10s"), flaky_until(3)).await;
    let run = started(&world).await;
    world.token("Do", 1).await;
    let pause = || ActivityInput::Pause { reason: "the bank is closed".into() };
    world.tell(target(&run), pause()).await.unwrap();
    assert_eq!(world.tell(target(&run), pause()).await.unwrap_err().code().id, "NX-2203");
    world.clock.advance(Duration::from_secs(1_000));
    world.settle().await;
    assert_eq!(world.activities.count("Do"), 1);
    let pending = world.pending(&run.run_id).await;
    assert_eq!(
        (&pending[0]["state"], &pending[0]["paused"]["reason"]),
        (&json!("paused"), &json!("the bank is closed"))
    );
    let unpause = ActivityInput::Unpause { reset_attempts: false, reset_heartbeat: false };
    world.tell(target(&run), unpause.clone()).await.unwrap();
    assert_eq!(world.tell(target(&run), unpause).await.unwrap_err().code().id, "NX-2203");
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!(3));
    world.stop().await;
}

#[tokio::test]
async fn a_pause_survives_the_process_and_does_not_stop_the_whole_time() {
    let options = "schedule_to_close_timeout: 1h\nstart_to_close_timeout: 10s";
    let store = Arc::new(MemoryStore::new());
    let clock = SimClock::at(Timestamp::from_millis(1_000_000));
    let world = World::on(store.clone(), clock.clone(), &program(options), flaky_until(9)).await;
    let run = started(&world).await;
    world.token("Do", 1).await;
    world.tell(target(&run), ActivityInput::Pause { reason: "wait".into() }).await.unwrap();
    let id = run.run_id.clone();
    world.stop().await;
    let world = World::on(store, clock.clone(), &program(options), flaky_until(1)).await;
    let row = world.engine.row(&id).await.unwrap();
    let outcome = world.until(world.engine.wait(&row)).await.unwrap();
    assert_eq!(outcome.failure.unwrap().cause.unwrap().type_name, Failure::SCHEDULE_TO_CLOSE);
    assert_eq!(clock.now(), Timestamp::from_millis(1_000_000 + 3_600_000));
    assert_eq!(world.activities.count("Do"), 0);
    world.stop().await;
}

#[tokio::test]
async fn what_waits_in_its_queue_can_be_paused() {
    let world = World::new(&program("start_to_close_timeout: 10s"), unbound()).await;
    let run = started(&world).await;
    world.settle().await;
    world.tell(target(&run), ActivityInput::Pause { reason: "wait".into() }).await.unwrap();
    assert_eq!(world.engine.activities_in_flight(), 0);
    world.activities.unbound.lock().unwrap().clear();
    let unpause = ActivityInput::Unpause { reset_attempts: true, reset_heartbeat: true };
    world.tell(target(&run), unpause).await.unwrap();
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!(7));
    world.stop().await;
}

#[tokio::test]
async fn a_reset_begins_at_once_and_counts_anew() {
    let options =
        "start_to_close_timeout: 10s\nretry_policy:\n    initial_interval: 1h\n    maximum_attempts: 2";
    let world = World::new(&program(options), flaky_until(4)).await;
    let run = started(&world).await;
    let old = world.token("Do", 1).await;
    world.settle().await;
    world
        .tell(target(&run), ActivityInput::Reset { keep_paused: false, reset_heartbeat: true })
        .await
        .unwrap();
    let new = world.token("Do", 2).await;
    assert_eq!(world.activities.attempts.lock().unwrap().last().unwrap().1, 1, "it is a first attempt again");
    assert_ne!(old, new, "a token of before the reset is never good again");
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!(2), "the fourth ticket is the second attempt after the reset");
    world.stop().await;
}

#[tokio::test]
async fn a_reset_waits_for_an_attempt_that_is_under_way() {
    let options = "start_to_close_timeout: 1h\nretry_policy:\n    maximum_attempts: 1";
    let world = World::new(&program(options), Scripted::default().outside("Do")).await;
    let run = started(&world).await;
    let first = world.token("Do", 1).await;
    world
        .tell(target(&run), ActivityInput::Reset { keep_paused: false, reset_heartbeat: false })
        .await
        .unwrap();
    assert!(world.tell(first.clone(), beat(json!(1))).await.unwrap().reset);
    let fail = ActivityInput::Reported {
        ticket: None,
        outcome: Ending::Failed(Failure::application("Flaky", "no")),
    };
    world.tell(first, fail).await.unwrap();
    let second = world.token("Do", 2).await;
    world.tell(second, completed(json!("second"))).await.unwrap();
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!("second"), "the only attempt that the policy allows was forgotten");
    world.stop().await;
}

#[tokio::test]
async fn options_change_from_the_next_attempt_on() {
    let world = World::new(&program("start_to_close_timeout: 10s"), Scripted::default()).await;
    let run = started(&world).await;
    world.token("Do", 1).await;
    let retry = RetryPolicy { maximum_attempts: 2, ..RetryPolicy::default() };
    let patch =
        OptionsPatch { start_to_close_ms: Some(60_000), retry: Some(retry), ..OptionsPatch::default() };
    world.tell(target(&run), ActivityInput::Update(Box::new(patch))).await.unwrap();
    let bad = OptionsPatch { start_to_close_ms: Some(0), ..OptionsPatch::default() };
    let refused = world.tell(target(&run), ActivityInput::Update(Box::new(bad))).await.unwrap_err();
    assert_eq!(refused.code().id, "NX-2001");
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(seconds(&world.history(&outcome).await), 10 + 1 + 60);
    world.stop().await;
}

#[tokio::test]
async fn an_operator_ends_what_runs_here_or_waits() {
    let running = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&running);
    let activities = Scripted::default().working("Do", move |_, _| {
        struct Running(Arc<AtomicUsize>);
        impl Drop for Running {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        counter.fetch_add(1, Ordering::SeqCst);
        let guard = Running(Arc::clone(&counter));
        Box::pin(async move {
            let _guard = guard;
            std::future::pending().await
        })
    });
    let world = World::new(&program("start_to_close_timeout: 1h"), activities).await;
    let run = started(&world).await;
    world.token("Do", 1).await;
    assert_eq!(running.load(Ordering::SeqCst), 1);
    world.tell(target(&run), completed(json!("by hand"))).await.unwrap();
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert_eq!(outcome.result, json!("by hand"));
    world.settle().await;
    assert_eq!((running.load(Ordering::SeqCst), world.engine.activities_in_flight()), (0, 0));
    world.stop().await;
}

#[tokio::test]
async fn the_runs_timeout_bounds_its_activities() {
    let world = World::new(&program("start_to_close_timeout: 10m"), Scripted::default()).await;
    let mut request = crate::support::request("One", json!({ "x": 1 }));
    request.options.run.run_timeout_ms = Some(30_000);
    let run = world.engine.start(request).await.unwrap();
    let history = world.engine.history(&run.run_id).await.unwrap();
    let scheduled = serde_json::to_value(&history.events[2].event).unwrap();
    assert_eq!(scheduled["options"]["start_to_close_ms"], 30_000, "{scheduled:#}");
    assert_eq!(scheduled["options"]["schedule_to_close_ms"], 30_000);
    let outcome = world.until(world.engine.end(run)).await.unwrap();
    assert!(matches!(outcome.status, RunStatus::TimedOut | RunStatus::Failed), "{outcome:?}");
    world.stop().await;
}

#[tokio::test]
async fn two_ends_in_one_batch_tell_whoever_waits() {
    let text = "workflow Two() -> (any):\n    await all:\n        activity Do(1) -> a\n        activity Do(2) -> b\n    \
                close complete([a, b])\n\nactivity Do(x: any) -> (any):\n    ...\n";
    let world = World::new(text, Scripted::default().outside("Do")).await;
    let run = world.start("Two", json!({})).await;
    let (first, second) = (world.token("Do", 1).await, world.token("Do", 2).await);
    let (a, b) =
        tokio::join!(world.tell(first, completed(json!("a"))), world.tell(second, completed(json!("b"))));
    assert!(a.is_ok() && b.is_ok());
    let outcome = world.engine.within(Duration::from_secs(1), world.engine.end(run));
    let outcome = world.until(outcome).await.expect("the waiter is told at once").unwrap();
    assert_eq!(outcome.result, json!(["a", "b"]));
    world.stop().await;
}
