//! The bodies of workflows, activities and operations, statement by statement.

use std::collections::BTreeSet;

use super::scope::Scope;
use super::{Checker, ParsedUnit, walk};
use crate::text::diagnostic::Diagnostic;
use crate::text::suggest::did_you_mean;
use crate::twf::ast::{
    Activity, Arg, Block, CloseKind, Definition, Expr, ExprKind, HandlerKind, RaceKind, Service,
    ServiceOperation, StateItem, Stmt, StmtKind, Target, Workflow,
};
use crate::twf::options::OptionScope;

/// A body with what its statements can refer to.
pub(super) struct Body<'a> {
    /// Index of the file.
    pub(super) file: usize,
    pub(super) scope: Scope<'a>,
    /// The workflow, none for an operation.
    pub(super) workflow: Option<&'a Workflow>,
    /// First bytes of the calls, and names of the promises, that race against a timer.
    pub(super) raced: (BTreeSet<u32>, BTreeSet<&'a str>),
}

impl<'a> Checker<'a> {
    pub(super) fn bodies(&mut self, units: &[ParsedUnit<'a>]) {
        for (file, unit) in units.iter().enumerate() {
            for definition in &unit.unit.definitions {
                match definition {
                    Definition::Workflow(it) => self.workflow(file, it),
                    Definition::Activity(it) => self.activity(it),
                    Definition::Service(it) => self.service(file, it),
                    _ => {}
                }
            }
        }
    }

    fn workflow(&mut self, file: usize, workflow: &'a Workflow) {
        self.options(OptionScope::WorkflowDefaults, &workflow.defaults);
        let mut blocks: Vec<&'a Block> = vec![&workflow.body];
        blocks.extend(&workflow.on_cancel);
        for handler in &workflow.handlers {
            let scope =
                if handler.kind == HandlerKind::Query { OptionScope::Query } else { OptionScope::Message };
            self.options(scope, &handler.options);
            blocks.push(&handler.body);
            blocks.extend(&handler.validator);
        }
        let raced = raced(&blocks);
        let body =
            Body { file, scope: Scope::of_workflow(workflow, self.sources), workflow: Some(workflow), raced };
        for item in &workflow.state {
            if let StateItem::Init(_, value) = item {
                self.expr(&body, value);
            }
        }
        for block in blocks {
            self.block(&body, block);
        }
    }

    /// The body of an activity is documentation: only its options and loops are checked.
    fn activity(&mut self, activity: &'a Activity) {
        self.options(OptionScope::ActivityDefaults, &activity.defaults);
        self.loops(&activity.body);
    }

    fn service(&mut self, file: usize, service: &'a Service) {
        for operation in &service.operations {
            match operation {
                ServiceOperation::Async { name, workflow } => self.backing_workflow(file, name, workflow),
                ServiceOperation::Sync { params, body: Some(block), .. } => {
                    let scope = Scope::of_operation(params, block, self.sources);
                    let body = Body { file, scope, workflow: None, raced: raced(&[block]) };
                    self.block(&body, block);
                }
                ServiceOperation::Sync { .. } => {}
            }
        }
    }

    fn block(&mut self, body: &Body<'a>, block: &'a Block) {
        self.loops(block);
        self.unreachable(block);
        let mut stmts = Vec::new();
        walk::each(block, &mut |stmt| stmts.push(stmt));
        for stmt in stmts {
            self.stmt(body, stmt);
        }
    }

    fn stmt(&mut self, body: &Body<'a>, stmt: &'a Stmt) {
        for (call, bind) in walk::calls(stmt) {
            self.call(body, call, bind);
        }
        for (target, bind) in walk::targets(stmt) {
            self.target(body, target, bind);
        }
        self.deadlines(body, stmt);
        match &stmt.kind {
            StmtKind::SetCondition(name, _) if !body.scope.conditions.contains(name.name.as_str()) => {
                let message = format!("no condition `{}` is declared in `state:`", name.name);
                let help = did_you_mean(&name.name, body.scope.conditions.iter().copied());
                self.report(Diagnostic::error("UNDEFINED_CONDITION", name.span, message).help_if(help));
            }
            StmtKind::Send(to, name, args) => self.send(body, to, name, args),
            StmtKind::Cancel(to) => self.cancel(body, to),
            StmtKind::Close(CloseKind::ContinueAsNew, args) => {
                if let Some(workflow) = body.workflow {
                    self.arity(&format!("`{}`", workflow.name.name), stmt.span, &workflow.params, args);
                }
            }
            _ => {}
        }
        self.stmt_exprs(body, stmt);
    }

    fn stmt_exprs(&mut self, body: &Body<'a>, stmt: &'a Stmt) {
        let mut exprs: Vec<&'a Expr> = Vec::new();
        walk::exprs(stmt, &mut |expr| exprs.push(expr));
        let makes_error = matches!(
            stmt.kind,
            StmtKind::Raise(_) | StmtKind::Reject(_) | StmtKind::Close(CloseKind::Fail, _)
        );
        for expr in exprs {
            match error_args(expr) {
                // `raise Name("..")` makes an error of that name; the name is no function.
                Some(args) if makes_error => args.iter().for_each(|arg| self.expr(body, &arg.value)),
                _ => self.expr(body, expr),
            }
        }
    }
}

fn error_args(expr: &Expr) -> Option<&[Arg]> {
    let ExprKind::Call(callee, args) = &expr.kind else { return None };
    let ExprKind::Name(name) = &callee.kind else { return None };
    name.starts_with(|c: char| c.is_ascii_uppercase()).then_some(args)
}

/// What races against a timer, and so has a deadline.
fn raced<'a>(blocks: &[&'a Block]) -> (BTreeSet<u32>, BTreeSet<&'a str>) {
    let mut calls = BTreeSet::new();
    let mut promises = BTreeSet::new();
    for block in blocks {
        walk::each(block, &mut |stmt| {
            let StmtKind::AwaitOne(cases) = &stmt.kind else { return };
            let is_timer = |kind: &RaceKind| matches!(kind, RaceKind::Target(Target::Timer(_), _));
            if !cases.iter().any(|case| is_timer(&case.kind)) {
                return;
            }
            for case in cases {
                match &case.kind {
                    RaceKind::Target(Target::Call(call), _) => {
                        calls.insert(call.span.start);
                    }
                    RaceKind::Target(Target::Name(name), _) => {
                        promises.insert(name.name.as_str());
                    }
                    _ => {}
                }
            }
        });
    }
    (calls, promises)
}
