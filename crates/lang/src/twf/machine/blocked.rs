//! What a run waits for, as people say it: the stack of a workflow.

use super::state::{Coroutine, WaitOn, What};
use super::wire::Blocked;
use super::{LOCAL_ITEMS, Machine};
use crate::twf::code::WorkflowCode;
use crate::twf::program::Program;

impl Machine {
    /// Every part of the run that waits, in the order the parts were started.
    pub fn blocked(&self, program: &Program) -> Vec<Blocked> {
        let Some(code) = program.code(&self.info.workflow_type) else { return Vec::new() };
        self.coroutines
            .values()
            .filter_map(|co| {
                let span = code.spans.get(co.pc as usize).copied().unwrap_or(code.span);
                Some(Blocked { span, reason: self.reason(code, co)?, signals: signals(code, co) })
            })
            .collect()
    }

    fn reason(&self, code: &WorkflowCode, co: &Coroutine) -> Option<String> {
        let wait = co.wait.as_ref()?;
        let parts: Vec<String> = wait.on.iter().map(|on| self.part(code, *on)).collect();
        Some(match (parts.as_slice(), wait.all) {
            ([one], _) => one.clone(),
            (many, true) => format!("all of: {}", many.join(", ")),
            (many, false) => format!("the first of: {}", many.join(", ")),
        })
    }

    fn part(&self, code: &WorkflowCode, on: WaitOn) -> String {
        let message = |handler: u32| code.handlers.get(handler as usize).map_or("?", |it| &*it.name);
        match on {
            WaitOn::Item(id) => self.item_text(id, &message),
            WaitOn::Started(id) => format!("the start of {}", self.item_text(id, &message)),
            WaitOn::Token(handler) => format!("signal {}", message(handler)),
            WaitOn::Predicate => "a condition".to_string(),
            WaitOn::HandlersFinished => "all handlers to finish".to_string(),
            WaitOn::Group(group) => {
                let left = self.groups.get(&group).map_or(0, |group| group.left);
                format!("{left} branches")
            }
        }
    }

    fn item_text<'a>(&'a self, id: u64, message: &dyn Fn(u32) -> &'a str) -> String {
        let Some(item) = self.items.get(&id) else { return "nothing".to_string() };
        let what = match &item.what {
            What::Timer => "a timer".to_string(),
            What::Activity(name) => format!("activity {name}"),
            What::Child(name) => format!("workflow {name}"),
            What::Nexus(name) => format!("Nexus operation {name}"),
            What::Message(handler) => format!("signal {}", message(*handler)),
            What::Signal(name) => format!("delivery of signal {name}"),
        };
        if id < LOCAL_ITEMS { format!("{what} (command {id})") } else { what }
    }
}

/// The signals among what a part waits for. Where everything must happen, a signal alone lets nothing go on.
fn signals(code: &WorkflowCode, co: &Coroutine) -> Vec<String> {
    let Some(wait) = co.wait.as_ref().filter(|wait| !wait.all || wait.on.len() == 1) else {
        return Vec::new();
    };
    let handlers = wait.on.iter().filter_map(|on| match *on {
        WaitOn::Token(handler) => Some(handler),
        _ => None,
    });
    handlers.filter_map(|it| code.handlers.get(it as usize)).map(|it| it.name.to_string()).collect()
}
