//! Steps: what happens to a run, in order.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::failure::Failure;

use crate::scenario::answer;
use crate::scenario::expect::{self, Expect, Waiting};
use crate::scenario::matcher;
use crate::scenario::node::{Node, Value};
use crate::scenario::problem::Place;
use crate::scenario::reader::Reader;

/// The words that steps begin with.
pub(crate) const WORDS: &[&str] = &[
    "advance",
    "advance_to",
    "signal",
    "update",
    "query",
    "cancel",
    "terminate",
    "complete_activity",
    "fail_activity",
    "crash",
    "expect",
    "expect_blocked",
    "expect_state",
];

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Where it is written.
    pub place: Place,
    /// What happens.
    pub kind: StepKind,
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// Time passes.
    Advance(Duration),
    /// Time passes until the next thing happens by itself.
    AdvanceToNext,
    /// Time passes until then, in milliseconds since 1970.
    AdvanceTo(i64),
    /// A signal arrives.
    Signal(Message),
    /// An update arrives.
    Update(Message, Reaction),
    /// Somebody asks.
    Query(Message, Reaction),
    /// Somebody asks the run to stop.
    Cancel(Option<String>, String),
    /// Somebody ends the run.
    Terminate(Option<String>, String),
    /// An activity that waits for it completes.
    Complete(String, Json),
    /// An activity that waits for it fails.
    Fail(String, Failure),
    /// The server dies and starts again.
    Crash,
    /// The run is looked at.
    Expect(Box<Expect>),
    /// The run is looked at: what it waits for.
    Blocked(Vec<Waiting>),
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// To whom: a workflow id; the scenario's own run when nothing.
    pub to: Option<String>,
    /// Its name, and where that is written.
    pub name: (Place, String),
    /// Its arguments.
    pub input: Json,
}

/// What is expected to come back.
#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    /// Anything.
    Any,
    /// This answer.
    Answer(Node),
    /// A refusal, with this message when one is given.
    Refusal(Node),
    /// A failure of the handler.
    Failure(Node),
}

/// Reads the steps of a scenario.
pub(crate) fn steps(node: &Node, reader: &mut Reader<'_>) -> Vec<Step> {
    let Value::List(items) = &node.value else {
        reader.wrong(node.place, format!("steps is a list, not {}", node.kind()));
        return Vec::new();
    };
    items.iter().filter_map(|item| step(item, reader)).collect()
}

fn step(node: &Node, reader: &mut Reader<'_>) -> Option<Step> {
    let nothing = Node { place: node.place, value: Value::Null };
    let (word, value) = match &node.value {
        Value::Text(word) => (word.as_str(), &nothing),
        Value::Map(entries) => match entries.as_slice() {
            [entry] => (entry.key.as_str(), &entry.value),
            _ => {
                let help = "begin every step with its own `-`";
                reader.wrong_help(node.place, "a step is a mapping with one key", help);
                return None;
            }
        },
        _ => {
            reader.wrong(node.place, format!("a step is a mapping with one key, not {}", node.kind()));
            return None;
        }
    };
    kind(word, (node.place, value), reader).map(|kind| Step { place: node.place, kind })
}

fn kind(word: &str, (place, value): (Place, &Node), reader: &mut Reader<'_>) -> Option<StepKind> {
    Some(match word {
        "advance" if value.text() == Some("next") => StepKind::AdvanceToNext,
        "advance" => StepKind::Advance(reader.duration(value, "advance")),
        "advance_to" => StepKind::AdvanceTo(reader.moment(value, "advance_to")),
        "signal" => StepKind::Signal(message(value, &[], reader).0),
        "update" => {
            let (message, reaction) = message(value, &["expect", "reject", "failure"], reader);
            StepKind::Update(message, reaction)
        }
        "query" => {
            let (message, reaction) = message(value, &["expect", "failure"], reader);
            StepKind::Query(message, reaction)
        }
        "cancel" | "terminate" => {
            let (to, reason) = stop(value, reader);
            if word == "cancel" { StepKind::Cancel(to, reason) } else { StepKind::Terminate(to, reason) }
        }
        "complete_activity" => complete(value, reader),
        "fail_activity" => fail(value, reader),
        "crash" => StepKind::Crash,
        "expect" => StepKind::Expect(Box::new(Expect::read(value, reader))),
        "expect_blocked" | "expect_state" => StepKind::Blocked(expect::waiting(value, reader)),
        _ => {
            let help = match nexus_kernel::suggest::nearest(word, WORDS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("steps are {}", WORDS.join(", ")),
            };
            reader.wrong_help(place, format!("there is no step `{word}`"), help);
            return None;
        }
    })
}

fn message(node: &Node, more: &[&str], reader: &mut Reader<'_>) -> (Message, Reaction) {
    let mut message = Message { to: None, name: (node.place, String::new()), input: Json::Null };
    let mut reaction = Reaction::Any;
    if let Some(name) = node.text() {
        name.clone_into(&mut message.name.1);
        return (message, reaction);
    }
    let mut known = vec!["name", "input", "to"];
    known.extend(more);
    for entry in reader.keys(node, "a message", &known) {
        let value = &entry.value;
        match entry.key.as_str() {
            "name" => message.name = (value.place, reader.text(value, "name")),
            "input" => message.input = value.to_json(),
            "to" => message.to = Some(reader.text(value, "to")),
            key => {
                matcher::check(value, reader);
                if reaction != Reaction::Any {
                    reader.wrong(entry.place, "one of `expect`, `reject` and `failure` is enough");
                }
                reaction = match key {
                    "expect" => Reaction::Answer(value.clone()),
                    "reject" => Reaction::Refusal(value.clone()),
                    _ => Reaction::Failure(value.clone()),
                };
            }
        }
    }
    if message.name.1.is_empty() {
        reader.wrong(node.place, "a message needs its `name`");
    }
    (message, reaction)
}

fn stop(node: &Node, reader: &mut Reader<'_>) -> (Option<String>, String) {
    let reason = "asked for by the scenario".to_owned();
    match &node.value {
        Value::Null => (None, reason),
        Value::Text(text) => (None, text.clone()),
        _ => {
            let (mut to, mut reason) = (None, reason);
            for entry in reader.keys(node, "a request to stop", &["to", "reason"]) {
                match entry.key.as_str() {
                    "to" => to = Some(reader.text(&entry.value, "to")),
                    _ => reason = reader.text(&entry.value, "reason"),
                }
            }
            (to, reason)
        }
    }
}

fn complete(node: &Node, reader: &mut Reader<'_>) -> StepKind {
    if let Some(name) = node.text() {
        return StepKind::Complete(name.to_owned(), Json::Null);
    }
    let (mut name, mut result) = (String::new(), Json::Null);
    for entry in reader.keys(node, "complete_activity", &["name", "result"]) {
        match entry.key.as_str() {
            "name" => name = reader.text(&entry.value, "name"),
            _ => result = entry.value.to_json(),
        }
    }
    StepKind::Complete(name, result)
}

fn fail(node: &Node, reader: &mut Reader<'_>) -> StepKind {
    if let Some(name) = node.text() {
        let failure = Failure::application("Error", "made to fail by the scenario");
        return StepKind::Fail(name.to_owned(), failure);
    }
    let name = node.get("name").map(|name| reader.text(name, "name")).unwrap_or_default();
    if name.is_empty() {
        reader.wrong(node.place, "fail_activity needs the activity's `name`");
    }
    // The name stands beside the failure's own keys.
    let rest = node.entries().unwrap_or_default().iter().filter(|entry| entry.key != "name");
    let rest = Node { place: node.place, value: Value::Map(rest.cloned().collect()) };
    StepKind::Fail(name, answer::failure(&rest, reader))
}
