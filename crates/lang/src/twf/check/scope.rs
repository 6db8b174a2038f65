//! The names of one workflow or operation: variables, promises, conditions, messages.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::walk;
use crate::text::source::{Sources, Span};
use crate::twf::ast::{
    Bind, ForHead, Handler, HandlerKind, Param, RaceKind, StateItem, Stmt, StmtKind, Target, Workflow,
};

/// A variable of a body.
#[derive(Default)]
pub(super) struct Variable {
    /// How often it has been read so far.
    reads: Cell<u32>,
    /// Whether more than queries assign it.
    is_shared: bool,
}

/// What can be named in a body. A variable that is assigned anywhere is known everywhere: an early read is
/// null.
#[derive(Default)]
pub(super) struct Scope<'a> {
    variables: BTreeMap<&'a str, Variable>,
    pub(super) promises: BTreeMap<&'a str, &'a Target>,
    pub(super) conditions: BTreeSet<&'a str>,
    pub(super) handlers: &'a [Handler],
    /// Whether `workflow` is the run and no variable of that name.
    pub(super) has_run: bool,
    /// The words of lines that could not be read: they may be names that those lines define.
    torn: BTreeSet<&'a str>,
    sources: Option<&'a Sources>,
    /// Whether what is collected now stands in a query.
    in_query: bool,
}

impl<'a> Scope<'a> {
    pub(super) fn of_workflow(workflow: &'a Workflow, sources: &'a Sources) -> Scope<'a> {
        let mut scope = Scope { handlers: &workflow.handlers, sources: Some(sources), ..Scope::default() };
        scope.params(&workflow.params);
        for item in &workflow.state {
            match item {
                StateItem::Condition(name) => {
                    scope.conditions.insert(&name.name);
                }
                StateItem::Init(name, _) => scope.define(&name.name),
            }
        }
        for handler in &workflow.handlers {
            scope.in_query = handler.kind == HandlerKind::Query;
            scope.params(&handler.params);
            scope.block(&handler.body);
            handler.validator.iter().for_each(|block| scope.block(block));
        }
        scope.in_query = false;
        workflow.on_cancel.iter().for_each(|block| scope.block(block));
        scope.block(&workflow.body);
        scope.pseudo(&["signal", "update"]);
        scope
    }

    pub(super) fn of_operation(params: &'a [Param], body: &'a [Stmt], sources: &'a Sources) -> Scope<'a> {
        let mut scope = Scope { sources: Some(sources), ..Scope::default() };
        scope.params(params);
        scope.block(body);
        scope.pseudo(&["caller"]);
        scope
    }

    /// Names that are there without being assigned: the run; the message that is handled or was awaited last;
    /// the caller of a Nexus operation.
    fn pseudo(&mut self, names: &'static [&'static str]) {
        self.has_run = !self.variables.contains_key("workflow");
        self.define("workflow");
        self.define_all(names.iter().copied());
    }

    fn define(&mut self, name: &'a str) {
        self.variables.entry(name).or_default().is_shared |= !self.in_query;
    }

    fn define_all(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            self.define(name);
        }
    }

    fn params(&mut self, params: &'a [Param]) {
        self.define_all(params.iter().map(|param| param.name.name.as_str()));
    }

    fn block(&mut self, block: &'a [Stmt]) {
        walk::each(block, &mut |stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Promise(name, target) => {
                self.promises.insert(&name.name, target);
            }
            StmtKind::Assign(place, ..) => self.define(&place.root.name),
            StmtKind::For(ForHead::Await(name, _), _) => self.define(&name.name),
            StmtKind::For(ForHead::Each(name, second, _), _) => {
                self.define(&name.name);
                self.define_all(second.iter().map(|name| name.name.as_str()));
            }
            StmtKind::Try(it) => it.catch_name.iter().for_each(|name| self.define(&name.name)),
            StmtKind::AwaitAll(all) => all.each.iter().for_each(|(name, _)| self.define(&name.name)),
            StmtKind::AwaitOne(cases) => {
                for case in cases {
                    match &case.kind {
                        RaceKind::Fail(name) => name.iter().for_each(|name| self.define(&name.name)),
                        RaceKind::All(all) => all.each.iter().for_each(|(name, _)| self.define(&name.name)),
                        RaceKind::Target(..) => {}
                    }
                }
            }
            StmtKind::Error => self.torn(stmt.span),
            _ => {}
        }
        for bind in walk::binds(stmt) {
            match bind {
                Bind::Place(place) => self.define(&place.root.name),
                Bind::Tuple(names) => names.iter().for_each(|name| self.define(&name.name)),
            }
        }
    }

    fn torn(&mut self, line: Span) {
        let text = self.sources.map_or("", |sources| sources.slice(line));
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        self.torn.extend(words.filter(|word| !word.is_empty()));
    }

    /// Whether a line that could not be read may define this name.
    pub(super) fn may_define(&self, name: &str) -> bool {
        self.torn.contains(name)
    }

    /// Whether a name has a value in an expression: variables, conditions, promises. Asking counts as reading.
    pub(super) fn has_value(&self, name: &str) -> bool {
        if let Some(variable) = self.variables.get(name) {
            variable.reads.set(variable.reads.get().saturating_add(1));
            return true;
        }
        self.conditions.contains(name) || self.promises.contains_key(name) || self.may_define(name)
    }

    /// How often a variable has been read so far; a line that could not be read may read it.
    pub(super) fn reads(&self, name: &str) -> u32 {
        let known = self.variables.get(name).map_or(0, |variable| variable.reads.get());
        known + u32::from(self.may_define(name))
    }

    /// Whether a name belongs to the run, and not to a query alone.
    pub(super) fn is_shared(&self, name: &str) -> bool {
        self.conditions.contains(name) || self.variables.get(name).is_some_and(|it| it.is_shared)
    }

    /// All names with a value, for suggestions.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a str> + '_ {
        let variables = self.variables.keys().chain(&self.conditions).copied();
        variables.chain(self.promises.keys().copied())
    }

    pub(super) fn handler(&self, kind: HandlerKind, name: &str) -> Option<&'a Handler> {
        self.handlers.iter().find(|it| it.kind == kind && it.name.name == name)
    }

    pub(super) fn messages(&self, kind: HandlerKind) -> impl Iterator<Item = &'a str> + '_ {
        self.handlers.iter().filter(move |it| it.kind == kind).map(|it| it.name.name.as_str())
    }
}
