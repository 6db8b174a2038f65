//! Names of a scenario against the program that it is for: what does not exist cannot be tested.

use nexus_lang::twf::ast::HandlerKind;
use nexus_lang::twf::program::{Program, WorkflowInfo};

use crate::scenario::expect::{Calls, Expect};
use crate::scenario::file::Scenario;
use crate::scenario::problem::{Place, Problem};
use crate::scenario::reader::Reader;
use crate::scenario::step::{Message, StepKind};

/// Every name in a scenario that the program does not have.
pub fn validate(scenario: &Scenario, program: &Program) -> Vec<Problem> {
    let mut names = Names { program, reader: Reader::new(&scenario.path) };
    let (place, name) = &scenario.workflow;
    let workflow = program.workflow(name);
    names.known(*place, ("workflow", name), workflow.is_some(), program.runnable_names().collect());
    for (name, (place, _)) in &scenario.answers.activities {
        names.activity(*place, name);
    }
    for (name, (place, _)) in &scenario.answers.children {
        names.child(*place, name);
    }
    for (name, (place, _)) in &scenario.answers.nexus {
        names.operation(*place, name);
    }
    for step in &scenario.steps {
        names.step(step.place, &step.kind, workflow);
    }
    scenario.expect.iter().for_each(|expect| names.expect(expect));
    names.reader.problems
}

struct Names<'a> {
    program: &'a Program,
    reader: Reader<'a>,
}

impl Names<'_> {
    fn known(&mut self, place: Place, (noun, name): (&str, &str), exists: bool, all: Vec<&str>) {
        if exists || self.program.is_lenient() {
            return;
        }
        let help = match nexus_kernel::suggest::nearest(name, all.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if all.is_empty() => format!("the project has no {noun}"),
            None => format!("there are {}", all.join(", ")),
        };
        self.reader.wrong_help(place, format!("there is no {noun} `{name}`"), help);
    }

    fn activity(&mut self, place: Place, name: &str) {
        let program = self.program;
        let all = program.activities().map(|it| it.name.as_str()).collect();
        self.known(place, ("activity", name), program.activity(name).is_some(), all);
    }

    fn child(&mut self, place: Place, name: &str) {
        let program = self.program;
        let all = program.workflows().map(|it| it.name.as_str()).collect();
        self.known(place, ("workflow", name), program.workflow(name).is_some(), all);
    }

    /// `Service.Operation`, or the workflow of the seed's form.
    fn operation(&mut self, place: Place, name: &str) {
        let program = self.program;
        let operations = program
            .services()
            .flat_map(|service| service.operations.iter().map(|it| format!("{}.{}", service.name, it.name)));
        let all: Vec<String> = operations.collect();
        let exists = all.iter().any(|it| it == name) || program.workflow(name).is_some();
        self.known(place, ("operation", name), exists, all.iter().map(String::as_str).collect());
    }

    fn step(&mut self, place: Place, kind: &StepKind, workflow: Option<&WorkflowInfo>) {
        match kind {
            StepKind::Signal(message) => self.message(message, HandlerKind::Signal, workflow),
            StepKind::Update(message, _) => self.message(message, HandlerKind::Update, workflow),
            StepKind::Query(message, _) => self.message(message, HandlerKind::Query, workflow),
            StepKind::Complete(name, _) | StepKind::Fail(name, _) => self.activity(place, name),
            StepKind::Expect(expect) => self.expect(expect),
            _ => {}
        }
    }

    /// What is sent to another run is not looked at: its workflow is known when it is there.
    fn message(&mut self, message: &Message, kind: HandlerKind, workflow: Option<&WorkflowInfo>) {
        let Some(workflow) = workflow.filter(|_| message.to.is_none()) else { return };
        let noun = match kind {
            HandlerKind::Signal => "signal",
            HandlerKind::Query => "query",
            HandlerKind::Update => "update",
        };
        let all: Vec<&str> =
            workflow.handlers.iter().filter(|it| it.kind == kind).map(|it| it.name.as_str()).collect();
        let (place, name) = &message.name;
        self.known(*place, (noun, name), all.contains(&name.as_str()), all);
    }

    fn expect(&mut self, expect: &Expect) {
        for (place, name) in names(expect.activities.as_ref()) {
            self.activity(place, &name);
        }
        for (place, name) in names(expect.children.as_ref()) {
            self.child(place, &name);
        }
        for (place, name) in names(expect.nexus.as_ref()) {
            self.operation(place, &name);
        }
        for (place, name) in &expect.never {
            let is_activity = self.program.activity(name).is_some();
            if !is_activity && self.program.workflow(name).is_none() {
                self.operation(*place, name);
            }
        }
    }
}

fn names(calls: Option<&Calls>) -> Vec<(Place, String)> {
    match calls {
        None => Vec::new(),
        Some(Calls::Sequence(_, calls)) => calls.iter().map(|call| (call.place, call.name.clone())).collect(),
        Some(Calls::Counts(counts)) => counts.iter().map(|(place, name, _)| (*place, name.clone())).collect(),
    }
}
