//! The names of one workflow or operation: variables, promises, conditions, messages.

use std::collections::{BTreeMap, BTreeSet};

use super::walk;
use crate::twf::ast::{
    Bind, Expr, ExprKind, ForHead, Handler, HandlerKind, Param, RaceKind, StateItem, Stmt, StmtKind, Target,
    Workflow,
};
use crate::twf::builtins::PSEUDO_VARIABLES;

/// What can be named in a body. A variable that is assigned anywhere is known everywhere: an early read is null.
#[derive(Default)]
pub(super) struct Scope<'a> {
    pub(super) variables: BTreeSet<&'a str>,
    pub(super) promises: BTreeMap<&'a str, &'a Target>,
    pub(super) conditions: BTreeSet<&'a str>,
    pub(super) handlers: &'a [Handler],
    /// Whether a line could not be read: what it assigns is unknown.
    pub(super) is_torn: bool,
}

impl<'a> Scope<'a> {
    pub(super) fn of_workflow(workflow: &'a Workflow) -> Scope<'a> {
        let mut scope = Scope { handlers: &workflow.handlers, ..Scope::default() };
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
        scope.variables.extend(PSEUDO_VARIABLES.iter().filter(|name| **name != "caller"));
        scope
    }

    pub(super) fn of_operation(params: &'a [Param], body: &'a [Stmt]) -> Scope<'a> {
        let mut scope = Scope::default();
        scope.params(params);
        scope.block(body);
        scope.variables.extend(["caller", "workflow"]);
        scope
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
            StmtKind::Error => self.is_torn = true,
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
        walk::exprs(stmt, &mut |expr| self.is_torn |= is_error(expr));
    }

    /// Whether a name has a value in an expression: variables, conditions, promises.
    pub(super) fn has_value(&self, name: &str) -> bool {
        self.variables.contains(name) || self.conditions.contains(name) || self.promises.contains_key(name)
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

/// Errors stand at the top of an expression: the parser gives up the whole.
fn is_error(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Error)
}
