//! Names in scope: variables of the run, of handlers and branches, and of lambdas.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::twf::code::Var;

/// What a name means where it stands.
pub(super) enum Meaning {
    /// A variable.
    Variable(Var),
    /// The parameter of a lambda, counted from the outermost.
    Bound(u32),
}

/// Variables of one handler call or branch.
#[derive(Default)]
struct Local {
    slots: HashMap<String, u32>,
}

/// All names in scope.
#[derive(Default)]
pub(super) struct Scope {
    globals: HashMap<String, u32>,
    names: Vec<Arc<str>>,
    locals: Vec<Local>,
    lambdas: Vec<String>,
    /// Names bound so far, in source order: a branch shares those, and owns what it binds first.
    seen: HashSet<String>,
}

impl Scope {
    pub(super) fn new(names: Vec<String>) -> Scope {
        let mut scope = Scope::default();
        for name in names {
            scope.global(&name);
        }
        scope
    }

    /// The slot of a variable of the run; made when there is none.
    pub(super) fn global(&mut self, name: &str) -> u32 {
        if let Some(slot) = self.globals.get(name) {
            return *slot;
        }
        let slot = index(self.names.len());
        self.globals.insert(name.to_string(), slot);
        self.names.push(name.into());
        slot
    }

    /// The names of the variables of the run, by slot.
    pub(super) fn into_names(self) -> Vec<Arc<str>> {
        self.names
    }

    /// What a name means; nothing when it is not bound anywhere.
    pub(super) fn lookup(&self, name: &str) -> Option<Meaning> {
        if let Some(at) = self.lambdas.iter().rposition(|it| it == name) {
            return Some(Meaning::Bound(index(at)));
        }
        self.variable(name).map(Meaning::Variable)
    }

    fn variable(&self, name: &str) -> Option<Var> {
        for (up, local) in self.locals.iter().rev().enumerate() {
            if let Some(slot) = local.slots.get(name) {
                return Some(Var::Local { up: index(up), slot: *slot });
            }
        }
        self.globals.get(name).map(|slot| Var::Global(*slot))
    }

    /// The variable that a binding of this name goes to; from here on it counts as bound.
    pub(super) fn bind(&mut self, name: &str) -> Var {
        self.seen.insert(name.to_string());
        match self.variable(name) {
            Some(variable) => variable,
            None => Var::Global(self.global(name)),
        }
    }

    /// Opens the scope of a handler call or branch. `own` are always its own, `first` only those not bound before.
    pub(super) fn open(&mut self, own: &[String], first: &[String]) {
        let mut local = Local::default();
        let shared = |scope: &Scope, name: &str| {
            scope.seen.contains(name) || scope.locals.iter().any(|it| it.slots.contains_key(name))
        };
        for name in own.iter().chain(first.iter().filter(|name| !shared(self, name))) {
            let slot = index(local.slots.len());
            local.slots.entry(name.clone()).or_insert(slot);
        }
        self.locals.push(local);
    }

    /// Closes the innermost scope and gives how many variables it has.
    pub(super) fn close(&mut self) -> u32 {
        self.locals.pop().map_or(0, |local| index(local.slots.len()))
    }

    /// The slot of a name in the innermost scope.
    pub(super) fn own_slot(&self, name: &str) -> u32 {
        self.locals.last().and_then(|local| local.slots.get(name)).copied().unwrap_or(0)
    }

    /// Runs with the parameters of a lambda in scope.
    pub(super) fn lambda(&mut self, params: impl Iterator<Item = String>) -> usize {
        let before = self.lambdas.len();
        self.lambdas.extend(params);
        before
    }

    /// Leaves a lambda.
    pub(super) fn leave_lambda(&mut self, before: usize) {
        self.lambdas.truncate(before);
    }
}

/// A count as the code holds it.
pub(super) fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
