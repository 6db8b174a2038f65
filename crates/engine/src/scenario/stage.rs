//! A scenario while it is played: its run is started, things happen to it, and it is looked at.

use crate::sim::{Endless, UpdateAnswer, World};
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, Namespace, WorkflowId};
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::scenario::expect::{Expect, Waiting};
use crate::scenario::file::Scenario;
use crate::scenario::judge::{Judge, failure_json};
use crate::scenario::matcher::{self, brief};
use crate::scenario::node::Node;
use crate::scenario::problem::Place;
use crate::scenario::report::{Finding, spoken};
use crate::scenario::run::at;
use crate::scenario::step::{Message, Reaction, Step, StepKind};

/// A scenario, its world, and what was not as expected so far.
pub(crate) struct Stage<'a> {
    scenario: &'a Scenario,
    world: World<'a>,
    key: Key,
    findings: Vec<Finding>,
}

impl<'a> Stage<'a> {
    /// Plays a scenario in a world.
    pub(crate) fn play(scenario: &'a Scenario, world: World<'a>) -> (World<'a>, Vec<Finding>) {
        let key = match key_of(scenario, &world) {
            Ok(key) => key,
            Err(error) => {
                return (world, vec![Finding::new(at(scenario, scenario.workflow.0), error.message())]);
            }
        };
        let mut stage = Stage { scenario, world, key, findings: Vec::new() };
        if stage.start() {
            let settled = stage.world.settle();
            let goes_on =
                stage.passed(scenario.place, settled) && scenario.steps.iter().all(|step| stage.step(step));
            if goes_on {
                stage.finish();
            }
        }
        (stage.world, stage.findings)
    }

    fn found(&mut self, place: Place, message: impl Into<String>) {
        self.findings.push(Finding::new(at(self.scenario, place), message));
    }

    fn found_with(&mut self, place: Place, message: impl Into<String>, details: Vec<String>) {
        self.findings.push(Finding { details, ..Finding::new(at(self.scenario, place), message) });
    }

    /// Whether time could pass; a run that goes round and round is found.
    fn passed(&mut self, place: Place, passed: Result<(), Endless>) -> bool {
        if passed.is_ok() {
            return true;
        }
        let waits = self.world.waits(&self.key);
        let message = "there is no end: it is given up after too many transitions";
        let mut details: Vec<String> =
            waits.iter().map(|(line, reason)| format!("waits at {line} for {reason}")).collect();
        details.push(
            "expect `status: running`, and let time pass with `advance`, for a run without an end".into(),
        );
        self.found_with(place, message, details);
        false
    }

    /// Starts the run; false when there is nothing to go on with.
    fn start(&mut self) -> bool {
        let scenario = self.scenario;
        let (workflow, input) = (&scenario.workflow.1, scenario.input.clone());
        let key = self.key.clone();
        let started = self.world.start(&key.namespace, &key.workflow_id, workflow, input);
        let refused = scenario.expect.as_ref().and_then(|expect| expect.refused.as_ref());
        match (started, refused) {
            (Ok(_), None) => return true,
            (Ok(_), Some(node)) => {
                self.found(node.place, format!("{workflow} was started, though its input was to be refused"));
            }
            (Err(error), Some(node)) => {
                let told = told(&error);
                if node.text().is_some_and(|part| !told.contains(part)) {
                    let details = vec![format!("found {told}")];
                    self.found_with(
                        node.place,
                        format!("{workflow} was refused for another reason"),
                        details,
                    );
                }
            }
            (Err(error), None) => {
                self.found(scenario.place, format!("{workflow} could not be started: {}", told(&error)));
            }
        }
        false
    }

    /// One step; false when there is no going on after it.
    fn step(&mut self, step: &Step) -> bool {
        let place = step.place;
        let passed = match &step.kind {
            StepKind::Advance(time) => {
                let until = self.world.now().plus(*time);
                self.world.advance_to(until)
            }
            StepKind::AdvanceToNext => self.advance_to_next(place),
            StepKind::AdvanceTo(millis) => self.advance_to(place, Timestamp::from_millis(*millis)),
            _ => {
                self.act(place, &step.kind);
                self.world.settle()
            }
        };
        if !self.passed(place, passed) {
            return false;
        }
        self.look(place, &step.kind);
        true
    }

    fn advance_to_next(&mut self, place: Place) -> Result<(), Endless> {
        match self.world.next_due() {
            Some((due, _)) => self.world.advance_to(due),
            None => {
                self.found(place, "nothing happens by itself any more: there is nothing to advance to");
                Ok(())
            }
        }
    }

    fn advance_to(&mut self, place: Place, until: Timestamp) -> Result<(), Endless> {
        if until < self.world.now() {
            let message = format!("it is {} already, later than {until}", self.world.now());
            self.found(place, message);
        }
        self.world.advance_to(until)
    }

    /// What comes from outside.
    fn act(&mut self, place: Place, kind: &StepKind) {
        match kind {
            StepKind::Signal(message) => {
                if let Some(key) = self.receiver(message) {
                    let sent = self.world.signal(&key, &message.name.1, message.input.clone());
                    self.sent(place, &format!("signal {}", message.name.1), sent);
                }
            }
            StepKind::Update(message, reaction) => self.update(message, reaction),
            StepKind::Cancel(to, reason) => {
                if let Some(key) = self.addressed(place, to.as_deref()) {
                    let sent = self.world.cancel(&key, reason);
                    self.sent(place, "the cancellation", sent);
                }
            }
            StepKind::Terminate(to, reason) => {
                if let Some(key) = self.addressed(place, to.as_deref()) {
                    let sent = self.world.terminate(&key, reason);
                    self.sent(place, "the termination", sent);
                }
            }
            StepKind::Complete(name, result) => self.end_held(place, name, Ok(result.clone())),
            StepKind::Fail(name, failure) => self.end_held(place, name, Err(failure.clone())),
            StepKind::Crash => {
                if let Err(error) = self.world.crash() {
                    self.found(place, error.to_string());
                }
            }
            _ => {}
        }
    }

    /// What is only looked at.
    fn look(&mut self, place: Place, kind: &StepKind) {
        match kind {
            StepKind::Query(message, reaction) => self.query(message, reaction),
            StepKind::Blocked(waits) => self.check_waits(waits),
            StepKind::Expect(expect) => self.judge(place, expect),
            _ => {}
        }
    }

    fn judge(&mut self, place: Place, expect: &Expect) {
        let judge = Judge::new(self.scenario, &self.world, &self.key);
        self.findings.extend(judge.judge(place, expect));
    }

    fn check_waits(&mut self, waits: &[Waiting]) {
        let judge = Judge::new(self.scenario, &self.world, &self.key);
        self.findings.extend(judge.waits(waits));
    }

    fn sent(&mut self, place: Place, what: &str, sent: Result<(), Error>) {
        if let Err(error) = sent {
            self.found(place, format!("{what} could not be delivered: {}", error.message()));
        }
    }

    fn receiver(&mut self, message: &Message) -> Option<Key> {
        self.addressed(message.name.0, message.to.as_deref())
    }

    /// A run by its workflow id, in whatever namespace it is; the scenario's own when none is given.
    fn addressed(&mut self, place: Place, to: Option<&str>) -> Option<Key> {
        let Some(to) = to else { return Some(self.key.clone()) };
        let keys: Vec<Key> = self.world.keys().cloned().collect();
        let found = keys.iter().find(|key| key.workflow_id.as_str() == to).cloned();
        if found.is_none() {
            let ids: Vec<&str> = keys.iter().map(|key| key.workflow_id.as_str()).collect();
            let help = match nexus_kernel::suggest::nearest(to, ids.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("there are {}", ids.join(", ")),
            };
            self.found_with(place, format!("there is no run with the workflow id {to:?}"), vec![help]);
        }
        found
    }

    fn end_held(&mut self, place: Place, name: &str, outcome: Result<Json, Failure>) {
        if self.world.end_held(name, outcome) {
            return;
        }
        let waiting: Vec<String> = self.world.held().iter().map(|held| held.activity.clone()).collect();
        let help = if waiting.is_empty() {
            "no activity waits for a step; answer it with `run: manual`".to_owned()
        } else {
            format!("these wait: {}", waiting.join(", "))
        };
        self.found_with(place, format!("no call of activity {name} waits to be ended"), vec![help]);
    }

    fn update(&mut self, message: &Message, reaction: &Reaction) {
        let (place, name) = (message.name.0, message.name.1.clone());
        let Some(key) = self.receiver(message) else { return };
        let id = match (self.world.update(&key, &name, message.input.clone()), reaction) {
            (Ok(id), Reaction::Refusal(node)) => {
                self.found(node.place, format!("update {name} was accepted, though it was to be refused"));
                id
            }
            (Ok(id), _) => id,
            (Err(error), Reaction::Refusal(node)) => return self.check_refusal(&name, node, &error),
            (Err(error), _) => {
                let why = error.failure_ref().map_or_else(|| error.message().to_owned(), Failure::to_string);
                return self.found(place, format!("update {name} was refused: {why}"));
            }
        };
        let settled = self.world.settle();
        if self.passed(place, settled) {
            self.check_answer(&name, reaction, self.world.update_answer(&key, &id));
        }
    }

    fn check_refusal(&mut self, name: &str, node: &Node, error: &Error) {
        let failure = error.failure_ref().map_or_else(|| json!({ "message": error.message() }), failure_json);
        self.check_failure(&format!("the refusal of update {name}"), node, &failure);
    }

    /// A failure against a message in part, `true`, or fields.
    fn check_failure(&mut self, what: &str, node: &Node, failure: &Json) {
        let message = failure.get("message").and_then(Json::as_str).unwrap_or_default();
        if let Some(part) = node.text().filter(|text| !text.starts_with('$')) {
            if !message.contains(part) {
                let details = vec![format!("expected {part:?}"), format!("found    {message:?}")];
                self.found_with(node.place, format!("{what} says something else"), details);
            }
        } else if node.entries().is_some() {
            self.differ(what, node, failure);
        }
    }

    fn differ(&mut self, what: &str, node: &Node, found: &Json) {
        let differences = matcher::compare(node, Some(found), "");
        self.findings.extend(crate::scenario::judge::told(self.scenario, what, &differences, None));
    }

    fn check_answer(&mut self, name: &str, reaction: &Reaction, answer: UpdateAnswer) {
        let what = format!("the answer of update {name}");
        match (reaction, answer) {
            (Reaction::Any | Reaction::Refusal(_), _) => {}
            (Reaction::Answer(node), UpdateAnswer::Completed(result)) => self.differ(&what, node, &result),
            (Reaction::Failure(node), UpdateAnswer::Failed(failure)) => {
                self.check_failure(&format!("the failure of update {name}"), node, &failure_json(&failure));
            }
            (Reaction::Answer(node), UpdateAnswer::Failed(failure)) => {
                self.found(node.place, format!("update {name} failed: {failure}"));
            }
            (Reaction::Failure(node), UpdateAnswer::Completed(result)) => {
                self.found(node.place, format!("update {name} was answered with {}", brief(&result)));
            }
            (Reaction::Answer(node) | Reaction::Failure(node), UpdateAnswer::Pending) => {
                let help = "its handler waits; expect the answer's effect later instead";
                self.found_with(node.place, format!("{what} has not come yet"), vec![help.to_owned()]);
            }
        }
    }

    fn query(&mut self, message: &Message, reaction: &Reaction) {
        let (place, name) = (message.name.0, message.name.1.clone());
        let Some(key) = self.receiver(message) else { return };
        let Some(answer) = self.world.query(&key, &name, &message.input) else {
            return self.found(place, format!("query {name} finds no run"));
        };
        match (answer, reaction) {
            (Ok(answer), Reaction::Answer(node)) => {
                self.differ(&format!("the answer of query {name}"), node, &answer);
            }
            (Ok(answer), Reaction::Failure(node)) => {
                self.found(node.place, format!("query {name} was answered with {}", brief(&answer)));
            }
            (Err(error), Reaction::Failure(node)) => {
                let failure = json!({ "message": error.to_string() });
                self.check_failure(&format!("the failure of query {name}"), node, &failure);
            }
            (Err(error), _) => self.found(place, format!("query {name} failed: {error}")),
            (Ok(_), _) => {}
        }
    }

    /// Lets the run come to its end, unless it is expected to be open, and looks at it.
    fn finish(&mut self) {
        let scenario = self.scenario;
        let expect = scenario.expect.clone().unwrap_or_else(|| Expect::none(scenario.place));
        if !expect.is_of_open_run() {
            let key = self.key.clone();
            let began = self.world.now();
            let ended = self.world.run_to_end(&key);
            if !self.passed(expect.place, ended) {
                let passed = spoken(self.world.now().since(began));
                return self.found(expect.place, format!("the run did not end within {passed}"));
            }
        }
        let judge = Judge::new(scenario, &self.world, &self.key);
        let mut findings = judge.judge(expect.place, &expect);
        findings.extend(judge.surprises(&expect));
        self.findings.extend(findings);
    }
}

fn key_of(scenario: &Scenario, world: &World<'_>) -> Result<Key, Error> {
    let workflow = world.definition().program.workflow(&scenario.workflow.1);
    let deployed = workflow.and_then(|it| it.deployments.first()).map(|place| place.namespace.as_str());
    let given = scenario.namespace.as_ref().map(|(_, name)| name.as_str());
    let namespace = Namespace::new(given.or(deployed).unwrap_or(Namespace::DEFAULT))?;
    Ok(Key { namespace, workflow_id: WorkflowId::new(&scenario.id)? })
}

/// An error with its faults in one line.
fn told(error: &Error) -> String {
    let faults = error.faults().iter().map(|fault| format!("{} {}", fault.at, fault.message));
    let faults: Vec<String> = faults.collect();
    if faults.is_empty() {
        return error.message().to_owned();
    }
    format!("{} ({})", error.message(), faults.join("; "))
}
