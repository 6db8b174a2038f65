//! Which variable a name means: the run's, a handler's, a branch's or a lambda's. The rules are the compiler's.

use std::collections::HashSet;

/// The scopes around a place.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// The scope of the names of the whole definition.
    base: u32,
    locals: Vec<(u32, HashSet<String>)>,
    lambdas: Vec<(u32, String)>,
    /// Names bound so far: a branch shares those, and owns what it binds first.
    seen: HashSet<String>,
}

impl Scopes {
    pub(super) fn new(base: u32) -> Scopes {
        Scopes { base, ..Scopes::default() }
    }

    /// The scope of a name that is read.
    pub(super) fn of(&self, name: &str) -> u32 {
        let lambda = self.lambdas.iter().rev().find(|(_, bound)| bound == name);
        lambda.map_or_else(|| self.variable(name), |(scope, _)| *scope)
    }

    fn variable(&self, name: &str) -> u32 {
        let local = self.locals.iter().rev().find(|(_, names)| names.contains(name));
        local.map_or(self.base, |(scope, _)| *scope)
    }

    /// The scope of a name that is bound; from here on it counts as bound.
    pub(super) fn bind(&mut self, name: &str) -> u32 {
        if !self.seen.contains(name) {
            self.seen.insert(name.to_string());
        }
        self.variable(name)
    }

    /// Opens the scope of a handler or branch. `own` are always its own, `first` only those not bound before.
    pub(super) fn open(&mut self, scope: u32, own: Vec<String>, first: Vec<String>) {
        let shared = |name: &String| {
            self.seen.contains(name) || self.locals.iter().any(|(_, names)| names.contains(name))
        };
        let mut names: HashSet<String> = first.into_iter().filter(|name| !shared(name)).collect();
        names.extend(own);
        self.locals.push((scope, names));
    }

    /// Closes the innermost one.
    pub(super) fn close(&mut self) {
        self.locals.pop();
    }

    /// Enters a lambda with these parameters, all in one scope; gives what leaves it.
    pub(super) fn enter_lambda(&mut self, scope: u32, params: impl Iterator<Item = String>) -> usize {
        let before = self.lambdas.len();
        self.lambdas.extend(params.map(|name| (scope, name)));
        before
    }

    /// Leaves a lambda.
    pub(super) fn leave_lambda(&mut self, before: usize) {
        self.lambdas.truncate(before);
    }
}
