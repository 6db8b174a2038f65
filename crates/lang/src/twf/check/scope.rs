//! The names of one workflow or operation: variables, promises, conditions, messages.

use std::collections::{BTreeMap, BTreeSet};

use super::walk;
use crate::text::source::{Sources, Span};
use crate::twf::ast::{
    Bind, ForHead, Handler, HandlerKind, Param, RaceKind, StateItem, Stmt, StmtKind, Target, Workflow,
};

/// What can be named in a body. A variable that is assigned anywhere is known everywhere: an early read is
/// null.
#[derive(Default)]
pub(super) struct Scope<'a> {
    pub(super) variables: BTreeSet<&'a str>,
    pub(super) promises: BTreeMap<&'a str, &'a Target>,
    pub(super) conditions: BTreeSet<&'a str>,
    pub(super) handlers: &'a [Handler],
    /// Whether `workflow` is the run and no variable of that name.
    pub(super) has_run: bool,
    /// The words of lines that could not be read: they may be names that those lines define.
    torn: BTreeSet<&'a str>,
    sources: Option<&'a Sources>,
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
                StateItem::Init(name, _) => {
                    scope.variables.insert(&name.name);
                }
            }
        }
        for handler in &workflow.handlers {
            scope.params(&handler.params);
            scope.block(&handler.body);
            handler.validator.iter().for_each(|block| scope.block(block));
        }
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
    fn pseudo(&mut self, names: &[&'static str]) {
        self.has_run = !self.variables.contains("workflow");
        self.variables.insert("workflow");
        self.variables.extend(names);
    }

    fn params(&mut self, params: &'a [Param]) {
        self.variables.extend(params.iter().map(|param| param.name.name.as_str()));
    }

    fn block(&mut self, block: &'a [Stmt]) {
        walk::each(block, &mut |stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Promise(name, target) => {
                self.promises.insert(&name.name, target);
            }
            StmtKind::Assign(place, ..) => {
                self.variables.insert(&place.root.name);
            }
            StmtKind::For(ForHead::Each(name, second, _), _) => {
                self.variables.insert(&name.name);
                self.variables.extend(second.iter().map(|it| it.name.as_str()));
            }
            StmtKind::Try(it) => self.variables.extend(it.catch_name.iter().map(|it| it.name.as_str())),
            StmtKind::AwaitAll(all) => {
                self.variables.extend(all.each.iter().map(|(name, _)| name.name.as_str()));
            }
            StmtKind::AwaitOne(cases) => {
                for case in cases {
                    match &case.kind {
                        RaceKind::Fail(name) => {
                            self.variables.extend(name.iter().map(|it| it.name.as_str()));
                        }
                        RaceKind::All(all) => {
                            self.variables.extend(all.each.iter().map(|(name, _)| name.name.as_str()));
                        }
                        RaceKind::Target(..) => {}
                    }
                }
            }
            StmtKind::Error => self.torn(stmt.span),
            _ => {}
        }
        for bind in walk::binds(stmt) {
            match bind {
                Bind::Place(place) => {
                    self.variables.insert(&place.root.name);
                }
                Bind::Tuple(names) => self.variables.extend(names.iter().map(|it| it.name.as_str())),
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

    /// Whether a name has a value in an expression: variables, conditions, promises.
    pub(super) fn has_value(&self, name: &str) -> bool {
        self.variables.contains(name)
            || self.conditions.contains(name)
            || self.promises.contains_key(name)
            || self.may_define(name)
    }

    /// All names with a value, for suggestions.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.variables.iter().chain(&self.conditions).copied().chain(self.promises.keys().copied())
    }

    pub(super) fn handler(&self, kind: HandlerKind, name: &str) -> Option<&'a Handler> {
        self.handlers.iter().find(|it| it.kind == kind && it.name.name == name)
    }

    pub(super) fn messages(&self, kind: HandlerKind) -> impl Iterator<Item = &'a str> + '_ {
        self.handlers.iter().filter(move |it| it.kind == kind).map(|it| it.name.name.as_str())
    }
}
