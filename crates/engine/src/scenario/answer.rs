//! How calls are answered, as a scenario file says it.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::failure::{Failure, FailureKind};

use crate::scenario::matcher;
use crate::scenario::node::{Node, Value};
use crate::scenario::problem::Place;
use crate::scenario::reader::Reader;

/// Keys of an answer.
pub(crate) const KEYS: &[&str] = &["return", "fail", "fail_times", "after", "when", "times", "run"];

/// Keys of a failure.
const FAILURE_KEYS: &[&str] = &["type", "message", "details", "non_retryable"];

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where it is written.
    pub place: Place,
    /// The calls it is for, by their input; all when nothing.
    pub when: Option<Node>,
    /// How many calls it answers; no limit when nothing.
    pub times: Option<u64>,
    /// How long the call takes.
    pub after: Duration,
    /// First attempts of every call that fail.
    pub fail_times: u64,
    /// What a call fails with.
    pub fail: Option<Failure>,
    /// What answers.
    pub run: Run,
}

/// What answers a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Run {
    /// This value.
    Value(Json),
    /// A plausible value of the declared type.
    Stub,
    /// What would answer in production: the JavaScript function, or the workflow in its place.
    Real,
    /// A step of the scenario.
    Manual,
    /// Nobody.
    Never,
}

/// Every answer of a scenario.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AnswerSet {
    /// Answers of activities by name.
    pub activities: BTreeMap<String, (Place, Vec<Rule>)>,
    /// Answers of child workflows by name.
    pub children: BTreeMap<String, (Place, Vec<Rule>)>,
    /// Answers of Nexus operations by `Service.Operation`.
    pub nexus: BTreeMap<String, (Place, Vec<Rule>)>,
}

impl AnswerSet {
    /// Takes over answers; those of the same name replace what was there.
    pub(crate) fn read(&mut self, section: &str, node: &Node, reader: &mut Reader<'_>) {
        let Some(entries) = node.entries() else {
            let message = format!("{section} is a mapping by name, not {}", node.kind());
            return reader.wrong(node.place, message);
        };
        let is_activity = section == "activities";
        for entry in entries {
            let rules = (entry.place, rules(&entry.value, is_activity, reader));
            let into = match section {
                "activities" => &mut self.activities,
                "children" => &mut self.children,
                _ => &mut self.nexus,
            };
            into.insert(entry.key.clone(), rules);
        }
    }
}

/// A list of answers for one call after the other; anything else is the answer of all.
fn rules(node: &Node, is_activity: bool, reader: &mut Reader<'_>) -> Vec<Rule> {
    match &node.value {
        Value::List(items) if items.is_empty() => {
            reader.wrong_help(
                node.place,
                "a list of answers is empty",
                "to return a list write `return: []`",
            );
            Vec::new()
        }
        Value::List(items) => {
            let last = items.len() - 1;
            let items = items.iter().enumerate();
            items.map(|(at, item)| rule(item, (is_activity, at == last), reader)).collect()
        }
        _ => vec![rule(node, (is_activity, true), reader)],
    }
}

fn rule(node: &Node, (is_activity, is_last): (bool, bool), reader: &mut Reader<'_>) -> Rule {
    let mut rule = Rule {
        place: node.place,
        when: None,
        times: None,
        after: Duration::ZERO,
        fail_times: 0,
        fail: None,
        run: Run::Value(node.to_json()),
    };
    let is_answer = node.entries().is_some_and(|all| all.iter().any(|it| KEYS.contains(&it.key.as_str())));
    if is_answer {
        rule.run = if is_activity { Run::Stub } else { Run::Real };
        fields(node, is_activity, &mut rule, reader);
    }
    if rule.times.is_none() && rule.when.is_none() && !is_last {
        rule.times = Some(1);
    }
    rule
}

/// A mapping with keys of an answer and with others is one of the two, and nobody can tell which.
fn is_mixed(node: &Node, reader: &mut Reader<'_>) -> bool {
    let mut entries = node.entries().unwrap_or_default().iter();
    let Some(other) = entries.find(|entry| !KEYS.contains(&entry.key.as_str())) else { return false };
    let help = match nexus_kernel::suggest::nearest(&other.key, KEYS.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? A value with such fields is written under `return:`"),
        None => "a value with such fields is written under `return:`".to_owned(),
    };
    let message = format!("`{}` is no key of an answer, which are {}", other.key, KEYS.join(", "));
    reader.wrong_help(other.place, message, help);
    true
}

fn fields(node: &Node, is_activity: bool, rule: &mut Rule, reader: &mut Reader<'_>) {
    if is_mixed(node, reader) {
        return;
    }
    for entry in node.entries().unwrap_or_default() {
        let value = &entry.value;
        match entry.key.as_str() {
            "return" => rule.run = Run::Value(value.to_json()),
            "fail" => rule.fail = Some(failure(value, reader)),
            "fail_times" => rule.fail_times = reader.count(value, "fail_times"),
            "after" => rule.after = reader.duration(value, "after"),
            "times" => rule.times = Some(reader.count(value, "times")),
            "when" => {
                matcher::check(value, reader);
                rule.when = Some(value.clone());
            }
            "run" => rule.run = run(value, is_activity, reader),
            _ => {}
        }
    }
    let has = |key: &str| node.get(key).is_some();
    if has("return") && has("run") {
        reader.wrong(node.place, "an answer has `return` or `run`, not both");
    }
    if has("return") && has("fail") && !has("fail_times") {
        let help = "add `fail_times` to fail first and return then, or write a list of two answers";
        reader.wrong_help(node.place, "an answer has `return` or `fail`, not both", help);
    }
    if has("fail_times") && !is_activity {
        reader.wrong(node.place, "only activities are tried again, so only they have `fail_times`");
    }
    if has("fail_times") && rule.fail.is_none() {
        rule.fail = Some(Failure::application("Error", "made to fail by the scenario"));
    }
}

fn run(node: &Node, is_activity: bool, reader: &mut Reader<'_>) -> Run {
    match node.text() {
        Some("stub") => Run::Stub,
        Some("real") => Run::Real,
        Some("never") => Run::Never,
        Some("manual") if is_activity => Run::Manual,
        _ => {
            let words = if is_activity { "stub, real, manual or never" } else { "real, stub or never" };
            reader.wrong(node.place, format!("run is {words}"));
            Run::Stub
        }
    }
}

/// A failure: a text is its message, a mapping gives more.
pub(crate) fn failure(node: &Node, reader: &mut Reader<'_>) -> Failure {
    let mut failure = Failure::new(FailureKind::Application, "Error", "made to fail by the scenario");
    if let Some(text) = node.text() {
        text.clone_into(&mut failure.message);
        return failure;
    }
    for entry in reader.keys(node, "a failure", FAILURE_KEYS) {
        match entry.key.as_str() {
            "type" => failure.type_name = reader.text(&entry.value, "type"),
            "message" => failure.message = reader.text(&entry.value, "message"),
            "non_retryable" => failure.non_retryable = reader.flag(&entry.value, "non_retryable"),
            _ => match &entry.value.value {
                Value::List(items) => failure.details = items.iter().map(Node::to_json).collect(),
                _ => failure.details = vec![entry.value.to_json()],
            },
        }
    }
    failure
}
