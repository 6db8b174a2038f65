//! What each program must come to, worked out by hand from its input and the messages in its history.

use nexus_kernel::Json;
use serde_json::json;

use crate::testing::records::{Logged, Run};
use crate::testing::world::World;

/// Whether a run came to what its program says, and its activities' results are those of workers.
pub(super) fn check(world: &World, logged: &Logged, run: &Run) -> Result<(), String> {
    for done in run.of_kind("ActivityTaskCompleted") {
        let seq = done.body["seq"].as_u64().unwrap_or(0);
        if !world.worked(&run.id, seq).contains(&done.body["result"]) {
            return Err(format!("no worker gave the result of command {seq}"));
        }
    }
    match run.status() {
        "completed" => completed(logged, run),
        "canceled" if run.of_kind("WorkflowExecutionCancelRequested").next().is_none() => {
            Err("nobody asked the run to stop".to_owned())
        }
        "failed" if run.of_kind("StartChildWorkflowExecutionFailed").next().is_none() => {
            Err("no program fails, unless a child's id is taken".to_owned())
        }
        "timed_out" => Err("no run has a limit".to_owned()),
        _ => Ok(()),
    }
}

fn completed(logged: &Logged, run: &Run) -> Result<(), String> {
    let input = &run.started()["input"];
    let number = |name: &str| input[name].as_i64().or_else(|| input[0].as_i64()).unwrap_or(0);
    let n = number("n");
    let result = run.closing().map(|event| event.body["result"].clone()).unwrap_or_default();
    let expected = match run.workflow.as_str() {
        "Steps" => json!(n + 3),
        "Sleepy" | "Refund" | "Quitter" | "Slow" => json!(n),
        "Fan" => json!((1..=n).sum::<i64>()),
        "Pay" => return paid(run, &result),
        "Saga" => json!(n + 2),
        "Chain" => json!(input["total"].as_i64().or_else(|| input[1].as_i64()).unwrap_or(0) + 1),
        "Parent" => json!([n + 3, n + 3, 2]),
        "Boss" => Json::from((0..n).collect::<Vec<_>>()),
        "Canceller" | "FarQuitter" => json!("stopped"),
        "Forever" => Json::Null,
        "Caller" | "FarCaller" => json!([n + 1, n * 2]),
        "Hasty" => json!("timeout"),
        "Counted" => json!(n + 1),
        "Counting.Quick" => json!(n * 2),
        "Tab" => Json::from(puts(run)),
        "Slowly" => return slowly(run, &result),
        "Reader" => reader(logged, run),
        "Cart" => cart(run)?,
        other => return Err(format!("nobody knows what {other} comes to")),
    };
    if result == expected { Ok(()) } else { Err(format!("the result is {result}, not {expected}")) }
}

/// The numbers of the messages named `Put`, in order.
fn puts(run: &Run) -> Vec<i64> {
    let signals = run.of_kind("WorkflowExecutionSignaled").filter(|event| event.body["name"] == "Put");
    signals.filter_map(|event| number(&event.body["input"])).collect()
}

/// The argument of a message: by name when it comes from outside, by position when a program sends it.
fn number(input: &Json) -> Option<i64> {
    input["i"].as_i64().or_else(|| input[0].as_i64())
}

fn paid(run: &Run, result: &Json) -> Result<(), String> {
    let reason = match result.as_str() {
        Some("paid") => "ActivityTaskCompleted",
        Some("aborted") => "WorkflowExecutionSignaled",
        Some("late") => "TimerFired",
        _ => return Err(format!("{result} is no result of Pay")),
    };
    match run.of_kind(reason).next() {
        Some(_) => Ok(()),
        None => Err(format!("{result} without {reason}")),
    }
}

/// Handlers that wait may end in any order, but each does once, before the run does.
fn slowly(run: &Run, result: &Json) -> Result<(), String> {
    let mut items: Vec<i64> = result.as_array().into_iter().flatten().filter_map(Json::as_i64).collect();
    let mut expected: Vec<i64> = puts(run).iter().map(|i| i + 1).collect();
    items.sort_unstable();
    expected.sort_unstable();
    if items == expected { Ok(()) } else { Err(format!("the items are {items:?}, not {expected:?}")) }
}

/// The first messages of the whole chain, in order: those that one run has not read go to the next.
fn reader(logged: &Logged, last: &Run) -> Json {
    let (mut chain, mut first) = (vec![last], last);
    while let Some(before) = first.started()["continued_from"].as_str().and_then(|id| logged.run(id)) {
        chain.push(before);
        first = before;
    }
    let input = &first.started()["input"];
    let wanted = input["left"].as_u64().or_else(|| input[0].as_u64()).unwrap_or(0);
    let all = chain.iter().rev().flat_map(|run| puts(run));
    Json::from(all.take(usize::try_from(wanted).unwrap_or(0)).collect::<Vec<_>>())
}

/// Updates in the order they were accepted; each was told its place.
fn cart(run: &Run) -> Result<Json, String> {
    let accepted: Vec<_> = run.of_kind("WorkflowExecutionUpdateAccepted").collect();
    for (place, update) in (1..).zip(&accepted) {
        let id = &update.body["id"];
        let answer = run.of_kind("WorkflowExecutionUpdateCompleted").find(|event| event.body["id"] == *id);
        if answer.is_none_or(|answer| answer.body["result"] != json!(place)) {
            return Err(format!("update {id} was told {:?}, not {place}", answer.map(|it| &it.body)));
        }
        if number(&update.body["input"]).is_none_or(|i| i < 0) {
            return Err(format!("update {id} was accepted, though its validator refuses it"));
        }
    }
    Ok(Json::from(accepted.iter().filter_map(|event| number(&event.body["input"])).collect::<Vec<_>>()))
}
