//! Scenario files: defaults, fixtures, scenarios.

use std::collections::BTreeMap;

use nexus_kernel::Json;

use crate::scenario::answer::{AnswerSet, Run};
use crate::scenario::expect::Expect;
use crate::scenario::node::{self, Entry, Node, Value};
use crate::scenario::problem::{Place, Problem};
use crate::scenario::reader::Reader;
use crate::scenario::step::{Step, steps};

/// Keys that a file gives defaults with, and that a scenario may repeat for itself.
const SHARED: &[&str] = &[
    "workflow",
    "namespace",
    "id",
    "input",
    "clock",
    "seed",
    "replay",
    "activities",
    "children",
    "nexus",
    "fixtures",
];

/// Keys of a scenario beside those.
const OWN: &[&str] = &["name", "steps", "expect"];

/// When a scenario begins unless it says otherwise: 2026-01-01T00:00:00Z.
const CLOCK_DEFAULT_MS: i64 = 1_767_225_600_000;

/// One scenario: a run of a workflow, what happens to it, and what is expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The file, as it is shown.
    pub path: String,
    /// Where in it.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// The workflow, and where it is named.
    pub workflow: (Place, String),
    /// Where it runs; where it is deployed when nothing.
    pub namespace: Option<(Place, String)>,
    /// Its workflow id.
    pub id: String,
    /// Its input.
    pub input: Json,
    /// When it begins, in milliseconds since 1970.
    pub clock_ms: i64,
    /// Seed of everything that is left to chance.
    pub seed: u64,
    /// Whether it is killed and replayed at every event.
    pub replay: bool,
    /// How calls are answered.
    pub answers: AnswerSet,
    /// What happens.
    pub steps: Vec<Step>,
    /// What is expected at the end.
    pub expect: Option<Expect>,
}

impl Scenario {
    /// Whether some activity is to be carried out for real.
    pub fn needs_real_activities(&self) -> bool {
        self.answers.activities.values().flat_map(|(_, rules)| rules).any(|rule| rule.run == Run::Real)
    }
}

/// Reads every scenario of a file.
pub fn parse(path: &str, text: &str) -> Result<Vec<Scenario>, Vec<Problem>> {
    let documents = node::read(path, text).map_err(|problem| vec![problem])?;
    let mut reader = Reader::new(path);
    let mut shared = Defaults::default();
    let mut scenarios = Vec::new();
    for document in &documents {
        let list = document.get("scenarios");
        let is_scenario = OWN.iter().chain(&["input"]).any(|key| document.get(key).is_some());
        match (list, is_scenario) {
            (Some(list), _) => {
                let known: Vec<&str> = SHARED.iter().copied().chain(["scenarios"]).collect();
                shared.take(reader.keys(document, "a scenario file", &known), &mut reader);
                scenarios.extend(listed(path, list, &shared, &mut reader));
            }
            (None, true) => scenarios.extend(scenario(path, document, &shared, &mut reader)),
            (None, false) => shared.take(reader.keys(document, "a scenario file", SHARED), &mut reader),
        }
    }
    if scenarios.is_empty() && reader.problems.is_empty() {
        reader.wrong_help(Place::START, "the file has no scenario", "list them under `scenarios:`");
    }
    twice(&scenarios, &mut reader);
    if reader.problems.is_empty() { Ok(scenarios) } else { Err(reader.problems) }
}

fn listed(path: &str, list: &Node, shared: &Defaults, reader: &mut Reader<'_>) -> Vec<Scenario> {
    let Value::List(items) = &list.value else {
        reader.wrong(list.place, format!("scenarios is a list, not {}", list.kind()));
        return Vec::new();
    };
    items.iter().filter_map(|item| scenario(path, item, shared, reader)).collect()
}

/// Names are what reports are read by.
fn twice(scenarios: &[Scenario], reader: &mut Reader<'_>) {
    let mut known: BTreeMap<&str, Place> = BTreeMap::new();
    for scenario in scenarios {
        if let Some(first) = known.insert(&scenario.name, scenario.place) {
            let message = format!("the scenario {:?} is written twice, first at {first}", scenario.name);
            reader.wrong_help(scenario.place, message, "give one of them another name");
        }
    }
}

/// What a file says for all its scenarios.
#[derive(Debug, Clone)]
struct Defaults {
    workflow: Option<(Place, String)>,
    namespace: Option<(Place, String)>,
    id: String,
    input: Json,
    clock_ms: i64,
    seed: u64,
    replay: bool,
    answers: AnswerSet,
    fixtures: BTreeMap<String, Node>,
}

impl Default for Defaults {
    fn default() -> Defaults {
        Defaults {
            workflow: None,
            namespace: None,
            id: "test".to_owned(),
            input: Json::Null,
            clock_ms: CLOCK_DEFAULT_MS,
            seed: 1,
            replay: true,
            answers: AnswerSet::default(),
            fixtures: BTreeMap::new(),
        }
    }
}

impl Defaults {
    fn take(&mut self, entries: Vec<&Entry>, reader: &mut Reader<'_>) {
        // Fixtures may be used by anything, wherever they are written.
        for entry in entries.iter().filter(|entry| entry.key == "fixtures") {
            self.take_fixtures(&entry.value, reader);
        }
        for entry in entries {
            let value = &filled(&entry.value, &self.fixtures, reader);
            match entry.key.as_str() {
                "workflow" => self.take_workflow(value, reader),
                "namespace" => self.namespace = Some((value.place, reader.text(value, "namespace"))),
                "id" => self.id = reader.text(value, "id"),
                "input" => self.input = value.to_json(),
                "clock" => self.clock_ms = reader.moment(value, "clock"),
                "seed" => self.seed = reader.count(value, "seed"),
                "replay" => self.replay = reader.flag(value, "replay"),
                section @ ("activities" | "children" | "nexus") => self.answers.read(section, value, reader),
                _ => {}
            }
        }
    }

    /// `Name`, or `namespace/Name`.
    fn take_workflow(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let text = reader.text(node, "workflow");
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text.as_str()),
        };
        self.workflow = Some((node.place, name.to_owned()));
        if let Some(namespace) = namespace {
            self.namespace = Some((node.place, namespace.to_owned()));
        }
    }

    fn take_fixtures(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let Some(entries) = node.entries() else {
            let message = format!("fixtures is a mapping by name, not {}", node.kind());
            return reader.wrong(node.place, message);
        };
        for entry in entries {
            // A fixture may be made from those before it.
            let value = filled(&entry.value, &self.fixtures, reader);
            self.fixtures.insert(entry.key.clone(), value);
        }
    }
}

/// Word that stands for a fixture.
const FIXTURE: &str = "$fixture";

/// A tree with its fixtures in their places. Fields beside `$fixture` replace those of the fixture.
fn filled(node: &Node, fixtures: &BTreeMap<String, Node>, reader: &mut Reader<'_>) -> Node {
    let value = match &node.value {
        Value::List(items) => Value::List(items.iter().map(|item| filled(item, fixtures, reader)).collect()),
        Value::Map(entries) => {
            let made = entries
                .iter()
                .filter(|entry| entry.key != FIXTURE)
                .map(|entry| Entry { value: filled(&entry.value, fixtures, reader), ..entry.clone() });
            let made: Vec<Entry> = made.collect();
            match node.get(FIXTURE) {
                Some(name) => return merged(node.place, (name, made), fixtures, reader),
                None => Value::Map(made),
            }
        }
        other => other.clone(),
    };
    Node { place: node.place, value }
}

fn merged(
    place: Place,
    (name, own): (&Node, Vec<Entry>),
    fixtures: &BTreeMap<String, Node>,
    reader: &mut Reader<'_>,
) -> Node {
    let wanted = reader.text(name, FIXTURE);
    let Some(fixture) = fixtures.get(&wanted) else {
        let help = match nexus_kernel::suggest::nearest(&wanted, fixtures.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name it under `fixtures:`".to_owned(),
        };
        reader.wrong_help(name.place, format!("there is no fixture {wanted:?}"), help);
        return Node { place, value: Value::Map(own) };
    };
    match &fixture.value {
        Value::Map(entries) => {
            let is_kept = |entry: &&Entry| own.iter().all(|new| new.key != entry.key);
            let mut made: Vec<Entry> = entries.iter().filter(is_kept).cloned().collect();
            made.extend(own);
            Node { place, value: Value::Map(made) }
        }
        other => {
            if !own.is_empty() {
                reader.wrong(place, "only a fixture that is a mapping can have fields replaced");
            }
            Node { place, value: other.clone() }
        }
    }
}

fn scenario(path: &str, node: &Node, shared: &Defaults, reader: &mut Reader<'_>) -> Option<Scenario> {
    let known: Vec<&str> = OWN.iter().chain(SHARED).copied().collect();
    let entries = reader.keys(node, "a scenario", &known);
    let mut defaults = shared.clone();
    let (own, common): (Vec<&Entry>, Vec<&Entry>) =
        entries.into_iter().partition(|entry| OWN.contains(&entry.key.as_str()));
    defaults.take(common, reader);
    let Defaults { workflow, namespace, id, input, clock_ms, seed, replay, answers, fixtures } = defaults;
    let Some(workflow) = workflow else {
        let help = "name it with `workflow:`, in the scenario or for the whole file";
        reader.wrong_help(node.place, "the scenario has no workflow", help);
        return None;
    };
    let (path, place) = (path.to_owned(), node.place);
    let mut made = Scenario {
        path,
        place,
        name: workflow.1.clone(),
        workflow,
        namespace,
        id,
        input,
        clock_ms,
        seed,
        replay,
        answers,
        steps: Vec::new(),
        expect: None,
    };
    for entry in own {
        let value = &filled(&entry.value, &fixtures, reader);
        match entry.key.as_str() {
            "name" => made.name = reader.text(value, "name"),
            "steps" => made.steps = steps(value, reader),
            _ => made.expect = Some(Expect::read(value, reader)),
        }
    }
    Some(made)
}
