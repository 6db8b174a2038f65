//! Answering the calls of simulated runs by the rules of a scenario.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::Definition;
use crate::sim::{Answer, Answers, Remote, RemoteKind};
use nexus_kernel::Json;
use nexus_kernel::activity::ActivityTask;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::time::Timestamp;
use nexus_lang::twf::program::Backing;

use crate::scenario::answer::{AnswerSet, Rule, Run};
use crate::scenario::matcher;
use crate::scenario::problem::Place;
use crate::scenario::run::Real;

/// A call that no rule fits: place of the rules, and what is wrong.
pub(crate) type Complaints = Rc<RefCell<Vec<(Place, String)>>>;

/// The rules at work.
pub(crate) struct Answering<'a> {
    pub(crate) definition: Arc<Definition>,
    pub(crate) rules: &'a AnswerSet,
    pub(crate) real: Option<Real<'a>>,
    pub(crate) complaints: Complaints,
    /// How many calls each rule has answered, by the table and name of its list and its number in that.
    pub(crate) used: HashMap<(&'static str, String, usize), u64>,
}

impl Answering<'_> {
    fn complain(&self, place: Place, message: String) -> Answer {
        let failure = Failure::new(FailureKind::Application, "NoAnswer", message.clone()).final_();
        self.complaints.borrow_mut().push((place, message));
        Answer::now(Err(failure))
    }

    /// The first rule that fits the input and is not used up; the last one without a condition goes on for ever.
    fn choose<'r>(
        &mut self,
        (table, name): (&'static str, &str),
        rules: &'r [Rule],
        input: &Json,
    ) -> Option<&'r Rule> {
        for (at, rule) in rules.iter().enumerate() {
            if rule.when.as_ref().is_some_and(|when| !matcher::fits(when, input)) {
                continue;
            }
            let used = self.used.entry((table, name.to_owned(), at)).or_default();
            if rule.times.is_none_or(|times| *used < times) {
                *used += 1;
                return Some(rule);
            }
        }
        None
    }

    fn real(&self, task: &ActivityTask, place: Place, takes: Duration) -> Answer {
        let Some(real) = self.real else {
            let message =
                format!("activity {} is to run for real, and there is no sandbox here", task.activity);
            return self.complain(place, message);
        };
        Answer { takes, outcome: Some(real(task.clone())) }
    }

    /// A plausible result of a workflow or operation.
    fn stubbed(&self, kind: RemoteKind, name: &str) -> Json {
        let program = &self.definition.program;
        let backing = match (kind, name.split_once('.')) {
            (RemoteKind::Nexus, Some((service, operation))) => program.operation(service, operation),
            _ => None,
        };
        let workflow = match backing {
            Some(Backing::Workflow(workflow)) => workflow,
            _ => name,
        };
        let empty = || Json::Object(serde_json::Map::new());
        program.workflow(workflow).map_or_else(empty, |found| program.synthesise(&found.result))
    }
}

/// What rules compare with: one argument as it is, several by the names of the parameters.
fn by_name(definition: &Definition, activity: &str, input: &[Json]) -> Json {
    let params = definition.program.activity(activity).map(|it| it.params.as_slice()).unwrap_or_default();
    if params.len() == input.len() {
        let fields = params.iter().map(|param| param.name.clone()).zip(input.iter().cloned());
        return Json::Object(fields.collect());
    }
    Json::Array(input.to_vec())
}

/// The input of an activity as expectations see it.
pub(crate) fn input_of(definition: &Definition, activity: &str, input: &[Json]) -> Json {
    by_name(definition, activity, input)
}

impl Answers for Answering<'_> {
    fn activity(&mut self, task: &ActivityTask, _: Timestamp) -> Answer {
        let name = &task.activity;
        let all = self.rules;
        let Some((place, rules)) = all.activities.get(name) else {
            return Answer::now(Ok(self.definition.program.synthesise_activity(name)));
        };
        let input = by_name(&self.definition, name, &task.input);
        let Some(rule) = self.choose(("activity", name), rules, &input) else {
            let message =
                format!("no answer of activity {name} fits the call with {}", matcher::brief(&input));
            return self.complain(*place, message);
        };
        let takes = rule.after;
        if let Some(failure) = &rule.fail
            && (rule.fail_times == 0 || u64::from(task.attempt) <= rule.fail_times)
        {
            return Answer { takes, outcome: Some(Err(failure.clone())) };
        }
        match &rule.run {
            Run::Value(value) => Answer { takes, outcome: Some(Ok(value.clone())) },
            Run::Stub => {
                Answer { takes, outcome: Some(Ok(self.definition.program.synthesise_activity(name))) }
            }
            Run::Real => self.real(task, rule.place, takes),
            Run::Manual | Run::Never => Answer { takes: Duration::ZERO, outcome: None },
        }
    }

    fn remote(&mut self, call: Remote<'_>, _: Timestamp) -> Option<Answer> {
        let all = self.rules;
        let (table, noun) = match call.kind {
            RemoteKind::Child => (&all.children, "child workflow"),
            RemoteKind::Nexus => (&all.nexus, "operation"),
        };
        let (place, rules) = table.get(call.name)?;
        let Some(rule) = self.choose((noun, call.name), rules, call.input) else {
            let input = matcher::brief(call.input);
            let message = format!("no answer of {noun} {} fits the call with {input}", call.name);
            return Some(self.complain(*place, message));
        };
        let takes = rule.after;
        if let Some(failure) = &rule.fail {
            return Some(Answer { takes, outcome: Some(Err(failure.clone())) });
        }
        match &rule.run {
            Run::Value(value) => Some(Answer { takes, outcome: Some(Ok(value.clone())) }),
            Run::Stub => Some(Answer { takes, outcome: Some(Ok(self.stubbed(call.kind, call.name))) }),
            Run::Real => None,
            Run::Manual | Run::Never => Some(Answer { takes, outcome: None }),
        }
    }
}
