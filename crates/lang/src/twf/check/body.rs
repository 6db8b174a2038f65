//! The bodies of workflows, activities and operations, statement by statement.

use std::collections::BTreeSet;

use super::flow::Marks;
use super::result::Uses;
use super::route::Home;
use super::scope::Scope;
use super::{Checker, walk};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::text::suggest::propose;
use crate::twf::ast::{
    Activity, Arg, AssignOp, Block, CloseKind, Definition, Expr, ExprKind, Handler, HandlerKind, RaceKind,
    Service, ServiceOperation, StateItem, Stmt, StmtKind, Target, Workflow,
};
use crate::twf::options::OptionScope;

/// A body with what its statements can refer to.
pub(super) struct Body<'a> {
    /// Index of the file.
    pub(super) file: usize,
    pub(super) scope: Scope<'a>,
    /// The workflow, none for an operation.
    pub(super) workflow: Option<&'a Workflow>,
    /// Where it runs.
    pub(super) homes: Vec<Home<'a>>,
    /// First bytes of the calls, and names of the promises, that race against a timer.
    pub(super) raced: (BTreeSet<u32>, BTreeSet<&'a str>),
}

impl<'a> Checker<'a> {
    /// The bodies of a definition.
    pub(super) fn bodies(&mut self, file: usize, definition: &'a Definition) {
        match definition {
            Definition::Workflow(it) => self.workflow(file, it),
            Definition::Activity(it) => self.activity(it),
            Definition::Service(it) => self.service(file, it),
            _ => {}
        }
    }

    fn workflow(&mut self, file: usize, workflow: &'a Workflow) {
        self.options(OptionScope::WorkflowDefaults, &workflow.defaults);
        let mut blocks: Vec<&'a Block> = vec![&workflow.body];
        blocks.extend(&workflow.on_cancel);
        for handler in &workflow.handlers {
            blocks.push(&handler.body);
            blocks.extend(&handler.validator);
        }
        let body = Body {
            file,
            scope: Scope::of_workflow(workflow, self.sources),
            workflow: Some(workflow),
            homes: self.index.routes.homes(workflow).to_vec(),
            raced: raced(&blocks),
        };
        for item in &workflow.state {
            if let StateItem::Init(_, value) = item {
                self.expr(&body, value);
            }
        }
        self.paths(&body.scope, workflow);
        let mut uses = Uses::default();
        self.block(&body, &workflow.body, &mut uses);
        for handler in &workflow.handlers {
            self.handler_body(&body, handler, &mut uses);
        }
        if let Some(block) = &workflow.on_cancel {
            uses.cleanup(|uses| self.block(&body, block, uses));
        }
        self.unused(&body, uses);
    }

    fn handler_body(&mut self, body: &Body<'a>, handler: &'a Handler, uses: &mut Uses<'a>) {
        let scope = match handler.kind {
            HandlerKind::Query => OptionScope::Query,
            HandlerKind::Signal | HandlerKind::Update => OptionScope::Message,
        };
        self.options(scope, &handler.options);
        self.block(body, &handler.body, uses);
        handler.validator.iter().for_each(|block| self.block(body, block, uses));
        self.handler(body, handler);
    }

    /// The ways through the blocks of a workflow. Endless loops are in order when the run continues as new
    /// somewhere.
    fn paths(&mut self, scope: &Scope<'a>, workflow: &'a Workflow) {
        let mut endless = Vec::new();
        let mut continues = false;
        let own = std::iter::once(&workflow.body).chain(&workflow.on_cancel);
        let validators = workflow.handlers.iter().filter_map(|handler| handler.validator.as_ref());
        for block in own.chain(validators) {
            let found = self.flow(block, Some(scope));
            endless.extend(found.endless);
            continues |= found.ways.marks.has(Marks::CONTINUES_AS_NEW);
        }
        for handler in &workflow.handlers {
            let found = self.flow(&handler.body, Some(scope));
            continues |= found.ways.marks.has(Marks::CONTINUES_AS_NEW);
            endless.extend(found.endless);
            self.answer(handler, found.ways);
        }
        if !continues {
            self.out.extend(endless);
        }
    }

    /// The body of an activity is documentation: only its options and loops are checked.
    fn activity(&mut self, activity: &'a Activity) {
        self.options(OptionScope::ActivityDefaults, &activity.defaults);
        self.flow(&activity.body, None);
    }

    fn service(&mut self, file: usize, service: &'a Service) {
        for operation in &service.operations {
            match operation {
                ServiceOperation::Async { name, workflow } => self.backing_workflow(file, name, workflow),
                ServiceOperation::Sync { params, body: Some(block), .. } => {
                    let scope = Scope::of_operation(params, block, self.sources);
                    let homes = self.index.routes.homes(service).to_vec();
                    let body = Body { file, scope, workflow: None, homes, raced: raced(&[block]) };
                    self.flow(block, Some(&body.scope));
                    let mut uses = Uses::default();
                    self.block(&body, block, &mut uses);
                    self.unused(&body, uses);
                }
                ServiceOperation::Sync { .. } => {}
            }
        }
    }

    pub(super) fn block(&mut self, body: &Body<'a>, block: &'a [Stmt], uses: &mut Uses<'a>) {
        for stmt in block {
            self.stmt(body, stmt);
            self.results_of(body, stmt, uses);
        }
    }

    pub(super) fn stmt(&mut self, body: &Body<'a>, stmt: &'a Stmt) {
        self.misread.clear();
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
                let diagnostic = Diagnostic::error("UNDEFINED_CONDITION", name.span, message)
                    .help(format!("declare `condition {}` in `state:`", name.name));
                let known = body.scope.conditions.iter().copied();
                self.report(propose(diagnostic, name.span, &name.name, known));
            }
            StmtKind::Promise(_, target) => self.promised(body, target),
            StmtKind::PromiseInto(place, target) => {
                self.place(body, place);
                self.promised(body, target);
            }
            StmtKind::Send(to, name, args) => self.send(body, to, name, args),
            StmtKind::Cancel(to) => self.cancel(body, to),
            StmtKind::Close(kind, args) => self.close(body, stmt.span, *kind, args),
            StmtKind::Assign(place, op, _) if *op != AssignOp::Set || !place.path.is_empty() => {
                // It changes what is there, so what is there is of use.
                let _is_known = body.scope.has_value(&place.root.name);
            }
            _ => {}
        }
        self.stmt_exprs(body, stmt);
    }

    /// A run is closed with one value at most, and begins anew with the arguments of its workflow.
    fn close(&mut self, body: &Body<'a>, span: Span, kind: CloseKind, args: &'a [Arg]) {
        match (kind, body.workflow) {
            (CloseKind::ContinueAsNew, Some(workflow)) => {
                self.arity(&format_args!("`{}`", workflow.name.name), span, &workflow.params, args);
            }
            (CloseKind::Complete | CloseKind::Fail, _) if args.len() > 1 => {
                let message = format!("a run is closed with one value, not {}", args.len());
                let found = Diagnostic::error("ARITY_MISMATCH", span, message)
                    .help("put the values into one object: `{a: .., b: ..}`");
                self.report(found);
            }
            _ => {}
        }
    }

    fn stmt_exprs(&mut self, body: &Body<'a>, stmt: &'a Stmt) {
        let mut exprs: Vec<&'a Expr> = Vec::new();
        walk::exprs(stmt, &mut |expr| exprs.push(expr));
        let makes_error = matches!(
            stmt.kind,
            StmtKind::Raise(_) | StmtKind::Reject(_) | StmtKind::Close(CloseKind::Fail, _)
        );
        exprs.retain(|expr| !self.misread.contains(&expr.span));
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
