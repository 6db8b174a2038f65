//! What must hold between runs once a world has come to rest: every open run waits for something that may still come,
//! every child and operation was started once and its end reached its parent, and nobody outlives whom it must not.

use std::collections::BTreeMap;

use nexus_kernel::id::EndpointId;
use nexus_kernel::port::blob::Hash;
use serde_json::json;

use crate::testing::programs::MAILBOXES;
use crate::testing::records::{Event, Logged, Run, ends, opens};

/// First runs of children and operations, by the run and the command that started them.
type Started<'a> = BTreeMap<(String, u64), &'a Run>;

/// Checks a world at rest.
pub(super) fn check(logged: &Logged) -> Result<(), String> {
    let started = started(logged)?;
    for run in logged.runs() {
        let told = |what: String| format!("{what}\n{}", run.told());
        alone(logged, run).map_err(told)?;
        let mut waits = run.closing().is_some() || MAILBOXES.contains(&run.workflow.as_str());
        for command in run.events.iter().filter(|event| opens(event)) {
            waits |= settled(logged, &started, (run, command)).map_err(told)?;
        }
        if !waits {
            return Err(told("the run is open and waits for nothing".to_owned()));
        }
    }
    Ok(())
}

/// Who was started by whom. No command starts two runs.
fn started(logged: &Logged) -> Result<Started<'_>, String> {
    let mut started = Started::new();
    for run in logged.runs() {
        let origin = &run.started()["origin"];
        if origin.is_null() || !run.started()["continued_from"].is_null() {
            continue;
        }
        let parent = origin["run"].as_str().unwrap_or_default().to_owned();
        let seq = origin["seq"].as_u64().unwrap_or(0);
        let command = logged.run(&parent).and_then(|run| command(run, seq));
        if command.is_none_or(|command| !is_remote(command)) {
            return Err(format!("{} was started by a command that {parent} never gave", run.id));
        }
        if let Some(other) = started.insert((parent, seq), run) {
            return Err(format!("one command started {} and {}", other.id, run.id));
        }
    }
    Ok(started)
}

fn command(run: &Run, seq: u64) -> Option<&Event> {
    run.events.iter().find(|event| opens(event) && event.body["seq"] == seq)
}

fn is_remote(event: &Event) -> bool {
    matches!(event.kind.as_str(), "StartChildWorkflowExecutionInitiated" | "NexusOperationScheduled")
}

/// One run of a key is open at a time.
fn alone(logged: &Logged, run: &Run) -> Result<(), String> {
    let begin = |run: &Run| run.events.first().map_or(0, |event| event.record);
    let later =
        logged.of_key(&run.key).filter(|other| begin(other) > begin(run)).min_by_key(|run| begin(run));
    match (later, run.closing()) {
        (Some(later), Some(closing)) if closing.record > begin(later) => {
            Err(format!("{} was started while {} was open", later.id, run.id))
        }
        (Some(later), None) => Err(format!("{} was started while {} is open", later.id, run.id)),
        _ => Ok(()),
    }
}

/// Whether an open run waits for this command; an error when it waits in vain, or when an end was lost or made up.
fn settled(logged: &Logged, started: &Started<'_>, (run, command): (&Run, &Event)) -> Result<bool, String> {
    let seq = command.body["seq"].as_u64().unwrap_or(0);
    let of_command = |event: &&Event| event.body["seq"] == seq;
    let end = run.events.iter().filter(of_command).find(|event| ends(event));
    let given_up = run
        .of_kind("CommandCancelRequested")
        .any(|event| event.body["seq"] == seq && event.body["wait"] != true);
    if !is_remote(command) {
        let forgotten = run.closing().is_none() && end.is_none() && !given_up;
        return match command.kind.as_str() {
            "RequestCancelExternalWorkflowExecutionInitiated" => Ok(false),
            kind if forgotten => Err(format!("{kind} {seq} was forgotten")),
            _ => Ok(false),
        };
    }
    let head = match far(logged, run, command)? {
        None => started.get(&(run.id.clone(), seq)).copied(),
        found => found,
    };
    let Some(head) = head else { return never_started(logged, (run, command), end) };
    let last = logged.last_of_chain(head);
    let is_detached = command.body["detached"] == true;
    if let Some(end) = end.filter(|end| end.kind.ends_with("Completed") && !is_detached) {
        let result = last.closing().map(|event| &event.body["result"]);
        return if result == Some(&end.body["result"]) {
            Ok(false)
        } else {
            Err(format!("command {seq} ended with {}, {} with {result:?}", end.body["result"], last.id))
        };
    }
    let unwanted = run.closing().is_some() || given_up;
    match (last.closing().is_some(), is_detached, unwanted) {
        (false, false, true) => Err(format!("{} goes on, though nobody wants it any more", last.id)),
        (true, false, false) if end.is_none() => Err(format!("the end of {} was lost", last.id)),
        (is_closed, _, _) => Ok(!is_closed && !is_detached),
    }
}

/// The run of an operation that was called as if it were elsewhere: requests of one id come to one key, and start one run.
fn far<'a>(logged: &'a Logged, run: &Run, command: &Event) -> Result<Option<&'a Run>, String> {
    if command.body["endpoint"] != "far" {
        return Ok(None);
    }
    let namespace = run.key.split('/').next().unwrap_or_default();
    let request = format!("{}/{}", run.id, command.body["seq"]);
    let scope = json!([namespace, EndpointId::of_name("counting-door"), request]).to_string();
    let hash = Hash::of(scope.as_bytes());
    let tail: String = hash.as_str().chars().take(32).collect();
    let key = format!("remote/nexus-{tail}");
    let mut runs = logged.of_key(&key);
    match (runs.next(), runs.next()) {
        (Some(one), Some(other)) => Err(format!("one call started {} and {}", one.id, other.id)),
        (found, _) => Ok(found),
    }
}

/// A child or operation that no run of came is one whose start was refused, or whose id was taken.
fn never_started(
    logged: &Logged,
    (run, command): (&Run, &Event),
    end: Option<&Event>,
) -> Result<bool, String> {
    let namespace = run.key.split('/').next().unwrap_or_default();
    let key = format!("{namespace}/{}", command.body["workflow_id"].as_str().unwrap_or_default());
    let was_taken = logged.of_key(&key).next().is_some();
    // An operation that ran out of time before it was started needs no start any more.
    let ended = end.is_some_and(|end| !end.kind.ends_with("Completed"));
    let not_wanted = run.closing().is_some() && command.body["detached"] != true;
    if was_taken || ended || not_wanted {
        return Ok(false);
    }
    Err(format!("command {} never started its run", command.body["seq"]))
}
