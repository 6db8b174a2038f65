//! Comparing a run with what was expected of it.

use crate::record::{Event, OperationTarget};
use crate::sim::{RunHistory, World};
use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::Key;
use nexus_kernel::port::runs::RunStatus;
use serde_json::{Value, json};

use crate::scenario::answering::input_of;
use crate::scenario::expect::{CallExpect, Calls, Expect, Waiting};
use crate::scenario::file::Scenario;
use crate::scenario::matcher::{self, Difference, brief};
use crate::scenario::node::Node;
use crate::scenario::problem::Place;
use crate::scenario::reader::duration_of;
use crate::scenario::report::{Finding, spoken};
use crate::scenario::run::at;

/// A call that a run made.
struct Call {
    name: String,
    input: Json,
    attempts: u64,
    /// The statement.
    line: String,
}

/// Kinds of calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Activity,
    Child,
    Nexus,
}

/// The histories of a scenario's own run and of all others.
pub(crate) struct Judge<'a> {
    scenario: &'a Scenario,
    world: &'a World<'a>,
    key: &'a Key,
    chain: Vec<RunHistory>,
    all: Vec<RunHistory>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(scenario: &'a Scenario, world: &'a World<'_>, key: &'a Key) -> Judge<'a> {
        Judge { scenario, world, key, chain: world.chain(key), all: world.histories() }
    }

    fn at(&self, place: Place) -> String {
        at(self.scenario, place)
    }

    /// Everything that is not as expected.
    pub(crate) fn judge(&self, place: Place, expect: &Expect) -> Vec<Finding> {
        let Some(last) = self.chain.last() else {
            return vec![Finding::new(self.at(place), "there is no run to look at")];
        };
        let mut found = Vec::new();
        found.extend(self.outcome(last, expect));
        found.extend(expect.waiting.as_ref().map(|waits| self.waits(waits)).unwrap_or_default());
        for (kind, calls) in [
            (Kind::Activity, &expect.activities),
            (Kind::Child, &expect.children),
            (Kind::Nexus, &expect.nexus),
        ] {
            found.extend(calls.as_ref().map(|calls| self.calls(kind, calls)).unwrap_or_default());
        }
        found.extend(expect.never.iter().filter_map(|(place, name)| self.never(*place, name)));
        found.extend(self.events(&expect.events));
        found.extend(expect.duration.as_ref().and_then(|node| self.duration(last, node)));
        found.extend(expect.chain.as_ref().map(|node| self.runs(node)).unwrap_or_default());
        let (memo, attributes) = (Json::Object(last.memo()), Json::Object(last.search_attributes()));
        for (what, node, value) in
            [("memo", &expect.memo, memo), ("search attributes", &expect.search_attributes, attributes)]
        {
            if let Some(node) = node {
                found.extend(self.differ(what, node, &value, None));
            }
        }
        found
    }

    /// How a run ended that nobody expected to end so.
    pub(crate) fn surprises(&self, expect: &Expect) -> Vec<Finding> {
        let Some(last) = self.chain.last() else { return Vec::new() };
        let is_expected = expect.status.is_some() || expect.waiting.is_some();
        let is_expected = is_expected || expect.failure.is_some() || expect.result.is_some();
        if is_expected {
            return Vec::new();
        }
        let place = expect.place;
        match status(last) {
            "completed" => Vec::new(),
            "running" => vec![self.still_open(place)],
            other => vec![self.ended_otherwise(place, last, &format!("the run {}", ending(other)))],
        }
    }

    fn differ(&self, what: &str, node: &Node, value: &Json, cause: Option<&str>) -> Vec<Finding> {
        told(self.scenario, what, &matcher::compare(node, Some(value), ""), cause).into_iter().collect()
    }

    /// Result, failure and status.
    fn outcome(&self, last: &RunHistory, expect: &Expect) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Some(node) = &expect.result {
            found.extend(match status(last) {
                "completed" => self.differ("the result", node, &last.result, closing_line(last).as_deref()),
                "running" => vec![self.still_open(node.place)],
                other => vec![self.ended_otherwise(
                    node.place,
                    last,
                    &format!("the run {}; a result was expected", ending(other)),
                )],
            });
        }
        if let Some(node) = &expect.failure {
            found.extend(match (status(last), &last.failure) {
                ("completed", _) => vec![self.completed_instead(node.place, last)],
                ("running", _) => vec![self.still_open(node.place)],
                (_, Some(failure)) => self.failure(node, failure, last),
                (other, None) => vec![self.ended_otherwise(
                    node.place,
                    last,
                    &format!("the run {}; a failure was expected", ending(other)),
                )],
            });
        }
        if let Some((place, wanted)) = expect.status.as_ref().filter(|(_, wanted)| wanted != status(last)) {
            found.push(match status(last) {
                "running" => self.still_open(*place),
                "completed" => self.completed_instead(*place, last),
                other => {
                    let message = format!("the run {}; expected {wanted}", ending(other));
                    self.ended_otherwise(*place, last, &message)
                }
            });
        }
        found
    }

    /// A text is a type anywhere in the chain of causes; a mapping is compared with the failure.
    fn failure(&self, node: &Node, failure: &Failure, last: &RunHistory) -> Vec<Finding> {
        let cause = closing_line(last);
        match node.text().filter(|text| !text.starts_with('$')) {
            Some(wanted) if failure.chain().any(|link| link.type_name == wanted) => Vec::new(),
            Some(wanted) => {
                let mut finding = Finding::new(self.at(node.place), "the run failed with another failure");
                finding.details = vec![format!("expected {wanted}"), format!("found    {failure}")];
                finding.cause = cause;
                vec![finding]
            }
            None => self.differ("the failure", node, &failure_json(failure), cause.as_deref()),
        }
    }

    fn still_open(&self, place: Place) -> Finding {
        let mut finding = Finding::new(self.at(place), "the run has not ended");
        let waits = self.world.waits(self.key);
        finding.details = waits.iter().map(|(line, why)| format!("waits at {line} for {why}")).collect();
        finding.cause = waits.first().map(|(line, _)| line.clone());
        finding
    }

    fn completed_instead(&self, place: Place, last: &RunHistory) -> Finding {
        let mut finding = Finding::new(self.at(place), "the run completed");
        finding.details = vec![format!("result   {}", brief(&last.result))];
        finding.cause = closing_line(last);
        finding
    }

    fn ended_otherwise(&self, place: Place, last: &RunHistory, message: &str) -> Finding {
        let mut finding = Finding::new(self.at(place), message);
        let failure = last.blocked.as_ref().or(last.failure.as_ref());
        finding.details = failure
            .iter()
            .flat_map(|failure| failure.chain())
            .map(|link| format!("{}: {}", link.type_name, link.message))
            .collect();
        let line = last.blocked.as_ref().and_then(|failure| failure.at.clone());
        finding.cause = line.or_else(|| closing_line(last));
        finding
    }

    /// Each expected wait against what the run waits for.
    pub(crate) fn waits(&self, waits: &[Waiting]) -> Vec<Finding> {
        let found = self.world.waits(self.key);
        let fits = |wait: &Waiting, (line, reason): &(String, String)| {
            let number = line.rsplit(':').nth(1).and_then(|line| line.parse::<u64>().ok());
            wait.reason.as_ref().is_none_or(|part| reason.contains(part.as_str()))
                && wait.line.is_none_or(|line| number == Some(line))
        };
        let missing = waits.iter().filter(|wait| !found.iter().any(|real| fits(wait, real)));
        missing
            .map(|wait| {
                let what = wait.reason.as_deref().unwrap_or("that line");
                let message = format!("the run does not wait for {what}");
                let mut finding = Finding::new(self.at(wait.place), message);
                finding.details = if found.is_empty() {
                    vec!["it waits for nothing".to_owned()]
                } else {
                    found.iter().map(|(line, why)| format!("waits at {line} for {why}")).collect()
                };
                finding.cause = found.first().map(|(line, _)| line.clone());
                finding
            })
            .collect()
    }

    /// The calls of the scenario's own run, all runs of its chain together.
    fn made(&self, kind: Kind) -> Vec<Call> {
        self.chain.iter().flat_map(|run| self.calls_of(run, kind)).collect()
    }

    fn calls_of(&self, run: &RunHistory, kind: Kind) -> Vec<Call> {
        let call = |event: &Event| match event {
            Event::ActivityTaskScheduled { seq, activity, input, at, .. } if kind == Kind::Activity => {
                let input = input_of(self.world.definition(), activity, input);
                let attempts = attempts(run, *seq);
                Some(Call { name: activity.clone(), input, attempts, line: at.clone() })
            }
            Event::StartChildWorkflowExecutionInitiated { workflow, input, at, .. }
                if kind == Kind::Child =>
            {
                let (name, input, line) = (workflow.clone(), input.clone(), at.clone());
                Some(Call { name, input, attempts: 1, line })
            }
            Event::NexusOperationScheduled { target, input, at, .. } if kind == Kind::Nexus => {
                let name = match target {
                    OperationTarget::Endpoint { service, operation, .. } => format!("{service}.{operation}"),
                    OperationTarget::Workflow { workflow, .. } => workflow.clone(),
                };
                Some(Call { name, input: input.clone(), attempts: 1, line: at.clone() })
            }
            _ => None,
        };
        run.events.iter().filter_map(|entry| call(&entry.event)).collect()
    }

    fn calls(&self, kind: Kind, calls: &Calls) -> Vec<Finding> {
        let made = self.made(kind);
        match calls {
            Calls::Sequence(place, expected) => self.sequence(*place, expected, &made),
            Calls::Counts(counts) => {
                let count = |name: &str| made.iter().filter(|call| call.name == name).count();
                let differ = counts.iter().flat_map(|(_, name, node)| {
                    let found = json!(count(name));
                    let line = made.iter().find(|call| call.name == *name).map(|call| call.line.as_str());
                    self.differ(&format!("the number of calls of {name}"), node, &found, line)
                });
                differ.collect()
            }
        }
    }

    fn sequence(&self, place: Place, expected: &[CallExpect], made: &[Call]) -> Vec<Finding> {
        let names = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let wanted: Vec<&str> = expected.iter().map(|call| call.name.as_str()).collect();
        let found: Vec<&str> = made.iter().map(|call| call.name.as_str()).collect();
        if wanted != found {
            let first = (0..wanted.len().max(found.len())).find(|at| wanted.get(*at) != found.get(*at));
            let mut finding = Finding::new(self.at(place), "the calls are others");
            finding.details =
                vec![format!("expected {}", names(wanted)), format!("found    {}", names(found))];
            finding.cause = first.and_then(|at| made.get(at)).map(|call| call.line.clone());
            return vec![finding];
        }
        let pairs = expected.iter().zip(made);
        pairs.flat_map(|(expected, call)| self.call(expected, call)).collect()
    }

    fn call(&self, expected: &CallExpect, call: &Call) -> Vec<Finding> {
        let mut found = Vec::new();
        let line = Some(call.line.as_str());
        if let Some(node) = &expected.input {
            found.extend(self.differ(&format!("the input of {}", call.name), node, &call.input, line));
        }
        if let Some(node) = &expected.attempts {
            let attempts = json!(call.attempts);
            found.extend(self.differ(&format!("the attempts of {}", call.name), node, &attempts, line));
        }
        found
    }

    fn never(&self, place: Place, name: &str) -> Option<Finding> {
        let kinds = [Kind::Activity, Kind::Child, Kind::Nexus];
        let mut calls =
            self.all.iter().flat_map(|run| kinds.iter().flat_map(|kind| self.calls_of(run, *kind)));
        let call = calls.rfind(|call| call.name == name)?;
        let mut finding = Finding::new(self.at(place), format!("{name} was called"));
        finding.details = vec![format!("input    {}", brief(&call.input))];
        finding.cause = Some(call.line);
        Some(finding)
    }

    /// The expected events in this order, with any others between them.
    fn events(&self, expected: &[Node]) -> Vec<Finding> {
        let all: Vec<Value> = self
            .chain
            .iter()
            .flat_map(|run| &run.events)
            .map(|entry| serde_json::to_value(&entry.event).unwrap_or_default())
            .collect();
        let mut from = 0;
        for node in expected {
            let rest = all.get(from..).unwrap_or_default();
            match rest.iter().position(|event| is_event(node, event)) {
                Some(at) => from += at + 1,
                None => {
                    let wanted = node.text().map_or_else(|| brief(&node.to_json()), str::to_owned);
                    let message = format!("history has no event {wanted} after event {from}");
                    let mut finding = Finding::new(self.at(node.place), message);
                    let told = |(at, event): (usize, &Value)| format!("{:>4} {}", at + 1, brief(event));
                    finding.details =
                        all.iter().enumerate().skip(from).take(EVENTS_SHOWN).map(told).collect();
                    return vec![finding];
                }
            }
        }
        Vec::new()
    }

    fn duration(&self, last: &RunHistory, node: &Node) -> Option<Finding> {
        let began = self.chain.first()?.started_at;
        let took = last.closed_at.unwrap_or_else(|| self.world.now()).since(began);
        let fits = match duration_of(node) {
            Some(wanted) => wanted == took,
            None => {
                let millis = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
                matcher::fits(node, &json!(nexus_lang::twf::moment::duration_text(millis)))
            }
        };
        if fits {
            return None;
        }
        let mut finding = Finding::new(self.at(node.place), "the run took another time");
        let wanted = node.text().map_or_else(|| brief(&node.to_json()), str::to_owned);
        finding.details = vec![format!("expected {wanted}"), format!("found    {}", spoken(took))];
        finding.cause = closing_line(last);
        Some(finding)
    }

    /// How many runs continued each other, or what each of them got and became.
    fn runs(&self, node: &Node) -> Vec<Finding> {
        let runs: Vec<Value> = self
            .chain
            .iter()
            .map(|run| json!({ "input": run.started.input, "status": status(run), "result": run.result }))
            .collect();
        let is_list = matches!(node.value, crate::scenario::node::Value::List(_));
        let value = if is_list { Value::Array(runs) } else { json!(runs.len()) };
        self.differ("the chain of runs", node, &value, None)
    }
}

/// Events of a history that are shown when one is missing.
const EVENTS_SHOWN: usize = 12;

/// An event by its name, or by type and fields.
fn is_event(node: &Node, event: &Value) -> bool {
    match node.text() {
        Some(name) => event.get("type").and_then(Value::as_str) == Some(name),
        None => matcher::fits(node, event),
    }
}

/// The status of a run in a word; `blocked` when its program cannot go on.
fn status(run: &RunHistory) -> &'static str {
    if run.status == RunStatus::Running && run.blocked.is_some() {
        return "blocked";
    }
    run.status.as_str()
}

fn ending(status: &str) -> &'static str {
    match status {
        "failed" => "failed",
        "canceled" => "was cancelled",
        "terminated" => "was terminated",
        "timed_out" => "timed out",
        "blocked" => "cannot go on",
        "running" => "has not ended",
        _ => "ended otherwise",
    }
}

/// Attempts of an activity so far.
fn attempts(run: &RunHistory, seq: u64) -> u64 {
    let last = run.events.iter().find_map(|entry| match &entry.event {
        Event::ActivityTaskStarted { seq: of, attempt, .. } if *of == seq => Some(u64::from(*attempt)),
        _ => None,
    });
    // A pending activity is at the attempt after those that failed.
    last.unwrap_or_else(|| run.attempts.iter().filter(|attempt| attempt.seq == seq).count() as u64 + 1)
}

/// The statement that closed a run.
fn closing_line(run: &RunHistory) -> Option<String> {
    run.events.iter().rev().find_map(|entry| match &entry.event {
        Event::WorkflowExecutionCompleted { at, .. }
        | Event::WorkflowExecutionFailed { at, .. }
        | Event::WorkflowExecutionContinuedAsNew { at, .. } => Some(at.clone()),
        _ => None,
    })
}

/// A failure as expectations see it.
pub(crate) fn failure_json(failure: &Failure) -> Json {
    serde_json::to_value(failure).unwrap_or_default()
}

/// Differences as one finding; its place is that of the first.
pub(crate) fn told(
    scenario: &Scenario,
    what: &str,
    differences: &[Difference],
    cause: Option<&str>,
) -> Option<Finding> {
    let first = differences.first()?;
    let mut finding = Finding::new(at(scenario, first.place), format!("{what} is not as expected"));
    for difference in differences {
        let path = if difference.path.is_empty() { String::new() } else { format!("{}: ", difference.path) };
        finding.details.push(format!("{path}expected {}, found {}", difference.expected, difference.found));
    }
    finding.cause = cause.map(str::to_owned);
    Some(finding)
}
