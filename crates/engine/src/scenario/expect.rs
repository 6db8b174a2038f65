//! Expectations, as a scenario file says them.

use crate::scenario::matcher;
use crate::scenario::node::{Node, Value};
use crate::scenario::problem::Place;
use crate::scenario::reader::Reader;

/// Keys of an expectation.
pub(crate) const KEYS: &[&str] = &[
    "result",
    "failure",
    "status",
    "waiting",
    "refused",
    "activities",
    "children",
    "nexus",
    "never",
    "events",
    "duration",
    "chain",
    "memo",
    "search_attributes",
];

/// The statuses of a run; `blocked` is a run whose program cannot go on.
pub(crate) const STATUSES: &[&str] =
    &["running", "completed", "failed", "canceled", "terminated", "continued_as_new", "timed_out", "blocked"];

/// What is expected of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Where it is written.
    pub place: Place,
    /// Its result.
    pub result: Option<Node>,
    /// Its failure: a type, or fields.
    pub failure: Option<Node>,
    /// Its status.
    pub status: Option<(Place, String)>,
    /// What it waits for.
    pub waiting: Option<Vec<Waiting>>,
    /// That it is not started at all.
    pub refused: Option<Node>,
    /// Activities that were called.
    pub activities: Option<Calls>,
    /// Children that were called.
    pub children: Option<Calls>,
    /// Nexus operations that were called.
    pub nexus: Option<Calls>,
    /// Names of activities, children and operations that were not called.
    pub never: Vec<(Place, String)>,
    /// Events in this order, with others between them.
    pub events: Vec<Node>,
    /// Virtual time from the start of the first run to the end of the last.
    pub duration: Option<Node>,
    /// How many runs continued each other, or what each got.
    pub chain: Option<Node>,
    /// Memo fields at the end.
    pub memo: Option<Node>,
    /// Search attributes at the end.
    pub search_attributes: Option<Node>,
}

/// One wait.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Where it is written.
    pub place: Place,
    /// A part of the reason as `blocked` tells it.
    pub reason: Option<String>,
    /// The line of the statement.
    pub line: Option<u64>,
}

/// Calls of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Calls {
    /// All of them in order.
    Sequence(Place, Vec<CallExpect>),
    /// How many of each name; others do not matter.
    Counts(Vec<(Place, String, Node)>),
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallExpect {
    /// Where it is written.
    pub place: Place,
    /// What was called.
    pub name: String,
    /// With what.
    pub input: Option<Node>,
    /// How often it was tried.
    pub attempts: Option<Node>,
}

impl Expect {
    /// An expectation of nothing.
    pub(crate) fn none(place: Place) -> Expect {
        Expect {
            place,
            result: None,
            failure: None,
            status: None,
            waiting: None,
            refused: None,
            activities: None,
            children: None,
            nexus: None,
            never: Vec::new(),
            events: Vec::new(),
            duration: None,
            chain: None,
            memo: None,
            search_attributes: None,
        }
    }

    /// Whether the run is expected to be open, so that time must not be let pass until it ends.
    pub(crate) fn is_of_open_run(&self) -> bool {
        self.waiting.is_some() || self.status.as_ref().is_some_and(|(_, status)| status == "running")
    }

    pub(crate) fn read(node: &Node, reader: &mut Reader<'_>) -> Expect {
        let mut expect = Expect::none(node.place);
        for entry in reader.keys(node, "an expectation", KEYS) {
            let value = &entry.value;
            let key = entry.key.as_str();
            match key {
                "status" => expect.status = Some((value.place, status(value, reader))),
                "waiting" => expect.waiting = Some(waiting(value, reader)),
                "activities" => expect.activities = Some(calls(value, key, reader)),
                "children" => expect.children = Some(calls(value, key, reader)),
                "nexus" => expect.nexus = Some(calls(value, key, reader)),
                "never" => expect.never = reader.texts(value, "never"),
                "events" => expect.events = events(value, reader),
                _ => {
                    matcher::check(value, reader);
                    *expect.plain(key) = Some(value.clone());
                }
            }
        }
        if expect.result.is_some() && expect.failure.is_some() {
            reader.wrong(node.place, "a run has a result or a failure, not both");
        }
        expect
    }

    /// The expectations that are one value.
    fn plain(&mut self, key: &str) -> &mut Option<Node> {
        match key {
            "result" => &mut self.result,
            "failure" => &mut self.failure,
            "refused" => &mut self.refused,
            "duration" => &mut self.duration,
            "chain" => &mut self.chain,
            "memo" => &mut self.memo,
            _ => &mut self.search_attributes,
        }
    }
}

fn status(node: &Node, reader: &mut Reader<'_>) -> String {
    let status = reader.text(node, "status");
    if !STATUSES.contains(&status.as_str()) {
        let help = match nexus_kernel::suggest::nearest(&status, STATUSES.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", STATUSES.join(", ")),
        };
        reader.wrong_help(node.place, format!("no run has the status {status:?}"), help);
    }
    status
}

/// What a run waits for: a part of the reason, or reason and line; one of them or a list.
pub(crate) fn waiting(node: &Node, reader: &mut Reader<'_>) -> Vec<Waiting> {
    match &node.value {
        Value::List(items) => items.iter().map(|item| one_wait(item, reader)).collect(),
        _ => vec![one_wait(node, reader)],
    }
}

fn one_wait(node: &Node, reader: &mut Reader<'_>) -> Waiting {
    let mut wait = Waiting { place: node.place, reason: None, line: None };
    match &node.value {
        Value::Text(text) => wait.reason = Some(text.clone()),
        _ => {
            for entry in reader.keys(node, "a wait", &["for", "line"]) {
                match entry.key.as_str() {
                    "for" => wait.reason = Some(reader.text(&entry.value, "for")),
                    _ => wait.line = Some(reader.count(&entry.value, "line")),
                }
            }
        }
    }
    wait
}

fn calls(node: &Node, what: &str, reader: &mut Reader<'_>) -> Calls {
    match &node.value {
        Value::List(items) => {
            Calls::Sequence(node.place, items.iter().map(|item| call(item, reader)).collect())
        }
        Value::Map(entries) => {
            let counts = entries.iter().map(|entry| {
                matcher::check(&entry.value, reader);
                (entry.place, entry.key.clone(), entry.value.clone())
            });
            Calls::Counts(counts.collect())
        }
        _ => {
            let message = format!("{what} is a list of calls or a mapping of counts, not {}", node.kind());
            reader.wrong(node.place, message);
            Calls::Counts(Vec::new())
        }
    }
}

fn call(node: &Node, reader: &mut Reader<'_>) -> CallExpect {
    let mut call = CallExpect { place: node.place, name: String::new(), input: None, attempts: None };
    if let Some(name) = node.text() {
        name.clone_into(&mut call.name);
        return call;
    }
    for entry in reader.keys(node, "a call", &["name", "input", "attempts"]) {
        matcher::check(&entry.value, reader);
        match entry.key.as_str() {
            "name" => call.name = reader.text(&entry.value, "name"),
            "input" => call.input = Some(entry.value.clone()),
            _ => call.attempts = Some(entry.value.clone()),
        }
    }
    if call.name.is_empty() {
        reader.wrong(node.place, "a call needs its `name`");
    }
    call
}

fn events(node: &Node, reader: &mut Reader<'_>) -> Vec<Node> {
    let Value::List(items) = &node.value else {
        reader.wrong(node.place, format!("events is a list, not {}", node.kind()));
        return Vec::new();
    };
    for item in items {
        matcher::check(item, reader);
        if item.text().is_none() && item.get("type").is_none() {
            let help = "write its name, or a mapping with `type` and fields";
            reader.wrong_help(item.place, "an event needs its type", help);
        }
    }
    items.clone()
}
