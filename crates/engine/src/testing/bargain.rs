//! Whether callers were told the truth: every answer, held against the log.
//!
//! The log orders what happened to a key. Between asking and hearing the answer the key's records went from one number
//! to another; what a caller was told must have been true, or have become true, at some place between the two.

use nexus_kernel::code;

use crate::testing::ask::{Ask, Told};
use crate::testing::books::{Books, Ended, Entry};
use crate::testing::records::{Event, Logged, Run};

impl Books {
    /// Checks every answer.
    pub(super) fn check(&self, logged: &Logged) -> Result<(), String> {
        for entry in &self.entries {
            answer(logged, entry)
                .map_err(|what| format!("{what}: {entry:?}\n{}", logged.told(entry.ask.id())))?;
        }
        if let Some(run) = self.untold.first() {
            let told = logged.run(run).map(Run::told).unwrap_or_default();
            return Err(format!("the end of {run} was not told to who waited for it\n{told}"));
        }
        for ended in &self.ends {
            end(logged, ended).map_err(|what| format!("{what}: {ended:?}"))?;
        }
        Ok(())
    }
}

fn answer(logged: &Logged, entry: &Entry) -> Result<(), String> {
    let key = format!("default/{}", entry.ask.id());
    match (&entry.ask, &entry.told) {
        (Ask::Start { request, .. }, Told::Started { run, .. }) => {
            started(logged, entry, (&key, run, request))
        }
        (Ask::Start { .. }, Told::Refused(_)) => at_some_place(logged, entry, true),
        (Ask::Update { i, .. }, Told::Refused(told)) if *told == code::UPDATE_REFUSED.id => {
            if *i < 0 {
                Ok(())
            } else {
                Err("the validator accepts it".to_owned())
            }
        }
        (Ask::Signal { .. } | Ask::Update { .. }, Told::Refused(_)) => at_some_place(logged, entry, false),
        (Ask::Signal { request, .. }, Told::Done) => {
            once(logged, entry, |event| is(event, "WorkflowExecutionSignaled", "request_id", request))
        }
        (Ask::Update { update, .. }, Told::Done) => {
            once(logged, entry, |event| is(event, "WorkflowExecutionUpdateAccepted", "id", update))
        }
        (Ask::Cancel { run, .. }, Told::Done) => in_chain(logged, run, "WorkflowExecutionCancelRequested"),
        (Ask::Terminate { run, .. }, Told::Done) => in_chain(logged, run, "WorkflowExecutionTerminated"),
        (Ask::Cancel { run, .. } | Ask::Terminate { run, .. }, Told::Refused(_)) => {
            closed(logged, entry, run)
        }
        _ => Ok(()),
    }
}

fn is(event: &Event, kind: &str, field: &str, value: &str) -> bool {
    event.kind == kind && event.body[field] == value
}

fn started(logged: &Logged, entry: &Entry, (key, run, request): (&str, &str, &str)) -> Result<(), String> {
    let found = logged.run(run).filter(|run| run.key == key).ok_or("an acknowledged start was lost")?;
    if found.started()["request_id"] != format!("key:{request}") {
        return Err("the run was started by another request".to_owned());
    }
    let same = |run: &&Run| {
        let started = run.started();
        started["request_id"] == format!("key:{request}") && started["continued_from"].is_null()
    };
    if logged.of_key(key).filter(same).count() != 1 {
        return Err("one request started two runs".to_owned());
    }
    within(entry, found.events.first())
}

/// The event that an answer speaks of came after the question and before the answer.
fn within(entry: &Entry, event: Option<&Event>) -> Result<(), String> {
    let fits = |event: &Event| event.record > entry.asked && event.record <= entry.answered;
    if event.is_some_and(fits) {
        Ok(())
    } else {
        Err("it did not happen between question and answer".to_owned())
    }
}

/// An event happened, once in each run at most; twice in a key only when the caller had to ask again.
fn once(logged: &Logged, entry: &Entry, fits: impl Fn(&Event) -> bool) -> Result<(), String> {
    let key = format!("default/{}", entry.ask.id());
    let found: Vec<_> = logged.of_key(&key).flat_map(|run| &run.events).filter(|event| fits(event)).collect();
    if found.is_empty() {
        return Err("an acknowledged message was lost".to_owned());
    }
    if found.len() > 1 && entry.tries == 1 {
        return Err("a message was taken in twice".to_owned());
    }
    within(entry, found.last().copied())
}

fn in_chain(logged: &Logged, run: &str, kind: &str) -> Result<(), String> {
    let mut next = logged.run(run);
    while let Some(run) = next {
        if run.of_kind(kind).next().is_some() {
            return Ok(());
        }
        next = run.closing().and_then(|event| event.body["new_run"].as_str()).and_then(|id| logged.run(id));
    }
    Err(format!("{kind} was lost"))
}

/// A refusal is right when the run had closed by then. The first run of a chain stands for all of it.
fn closed(logged: &Logged, entry: &Entry, run: &str) -> Result<(), String> {
    let is_first = |run: &Run| run.started()["first_run"].is_null();
    let last = logged.run(run).map(|run| if is_first(run) { logged.last_of_chain(run) } else { run });
    let closing = last.and_then(Run::closing).map(|event| event.record);
    if entry.overtaken || closing.is_some_and(|record| record <= entry.answered) {
        return Ok(());
    }
    Err("the run was open".to_owned())
}

/// A refusal is right when there was an open run, or none, at some place between question and answer.
fn at_some_place(logged: &Logged, entry: &Entry, open: bool) -> Result<(), String> {
    let key = format!("default/{}", entry.ask.id());
    let is_open = |place: usize| {
        logged.of_key(&key).any(|run| {
            let begin = run.events.first().map_or(usize::MAX, |event| event.record);
            begin <= place && run.closing().is_none_or(|event| event.record > place)
        })
    };
    let mut places = entry.asked..=entry.answered;
    if entry.overtaken || places.any(|place| is_open(place) == open) {
        return Ok(());
    }
    Err(format!("there was {} open run all the time", if open { "no" } else { "an" }))
}

/// What a caller heard of an end is what the log says.
fn end(logged: &Logged, ended: &Ended) -> Result<(), String> {
    let run = logged.run(&ended.run).ok_or("an end of no run")?;
    let result = run.closing().map(|event| event.body["result"].clone()).unwrap_or_default();
    if run.status() == ended.status.as_str() && result == ended.result {
        return Ok(());
    }
    Err(format!("the log says {} with {result}", run.status()))
}
