//! Where a definition calls, signals and cancels: every statement that can, resolved once for all deployments.

use std::collections::HashMap;

use super::names::{Names, Tree, entry, word};
use super::{EdgeKind, NodeKind, Reading, Via};
use crate::text::source::Span;
use crate::twf::ast::{
    Block, Call, Callee, ExprKind, HandlerKind, Ident, OptionEntry, OptionValue, QName, RaceKind, SendTarget,
    ServiceOperation, Stmt, StmtKind, Target, Workflow,
};
use crate::twf::check::walk::each;
use crate::twf::options::OptionScope;

/// What a site leads to.
pub(super) enum Aim<'a> {
    /// A definition, wherever it is deployed.
    Item(usize),
    /// An operation through an endpoint, by their indexes.
    Through { endpoint: usize, operation: usize },
    /// The seed's form: a workflow in a namespace.
    In { namespace: &'a str, workflow: usize },
    /// Nothing of this name and kind.
    Nothing { name: String, wanted: NodeKind },
}

/// A queue as a call site gives it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Queue<'a> {
    /// Not at all.
    Own,
    /// By name.
    Named(&'a str),
    /// By an expression of the run.
    Dynamic(&'a str),
}

/// One place where work or a message leaves a definition.
pub(super) struct Site<'a> {
    pub(super) kind: EdgeKind,
    pub(super) via: Via,
    pub(super) aim: Aim<'a>,
    pub(super) queue: Queue<'a>,
    pub(super) span: Span,
}

/// The sites of a definition, in source order but handlers first.
pub(super) fn sites<'a>(names: &Names<'a>, item: usize) -> Vec<Site<'a>> {
    let Some(found) = names.item(item) else { return Vec::new() };
    let mut walk = Walk { names, file: found.file, handles: HashMap::new(), out: Vec::new() };
    match found.tree {
        Tree::Workflow(workflow) => walk.workflow(workflow),
        Tree::Operation(ServiceOperation::Async { workflow, .. }) => walk.backing(workflow, found.span),
        Tree::Operation(ServiceOperation::Sync { body: Some(body), .. }) => walk.operation(body),
        _ => {}
    }
    walk.out
}

struct Walk<'a, 'n> {
    names: &'n Names<'a>,
    file: usize,
    /// Promises by name: where they stand, and what they wait for when it is a workflow.
    handles: HashMap<&'a str, Vec<(u32, Option<&'a QName>)>>,
    out: Vec<Site<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn workflow(&mut self, workflow: &'a Workflow) {
        if self.names.reading == Reading::Engine {
            workflow.handlers.iter().for_each(|handler| self.promises(&handler.body));
            self.promises(&workflow.body);
            workflow.on_cancel.iter().for_each(|block| self.promises(block));
        }
        for kind in [HandlerKind::Signal, HandlerKind::Query, HandlerKind::Update] {
            for handler in workflow.handlers.iter().filter(|handler| handler.kind == kind) {
                self.block(&handler.body);
            }
        }
        workflow.on_cancel.iter().for_each(|block| self.block(block));
        for stmt in &workflow.body {
            self.block(std::slice::from_ref(stmt));
            // The public tool knows the promises of the outermost block only, and only from there on.
            if self.names.is_public() {
                self.promise(stmt);
            }
        }
    }

    fn operation(&mut self, body: &'a Block) {
        if self.names.reading == Reading::Engine {
            self.promises(body);
        }
        self.block(body);
    }

    fn promises(&mut self, block: &'a [Stmt]) {
        each(block, &mut |stmt| self.promise(stmt));
    }

    fn promise(&mut self, stmt: &'a Stmt) {
        let StmtKind::Promise(name, target) = &stmt.kind else { return };
        let workflow = match target {
            Target::Call(call) => match &call.callee {
                Callee::Workflow(name) => Some(name),
                _ => None,
            },
            _ => None,
        };
        self.handles.entry(&name.name).or_default().push((stmt.span.start, workflow));
    }

    fn block(&mut self, block: &'a [Stmt]) {
        each(block, &mut |stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Call(call, _) => self.call(call, Via::Call),
            StmtKind::Detach(call) => self.call(call, Via::Detach),
            StmtKind::ReturnWorkflow(call) => self.returned(call),
            StmtKind::Promise(_, Target::Call(call)) | StmtKind::PromiseInto(_, Target::Call(call)) => {
                self.call(call, Via::Promise);
            }
            StmtKind::Await(Target::Call(call), _) => self.call(call, Via::Await),
            StmtKind::AwaitOne(cases) => {
                for case in cases {
                    match &case.kind {
                        RaceKind::Target(Target::Call(call), _) => self.call(call, Via::Race),
                        RaceKind::Target(Target::Detached(call), _) => self.call(call, Via::Detach),
                        _ => {}
                    }
                }
            }
            StmtKind::Send(to, signal, _) => self.message(EdgeKind::SignalSend, to, Some(signal), stmt.span),
            StmtKind::Cancel(to) if !self.names.is_public() => {
                self.message(EdgeKind::Cancel, to, None, stmt.span);
            }
            _ => {}
        }
    }

    fn push(&mut self, kind: EdgeKind, via: Via, aim: Aim<'a>, (queue, span): (Queue<'a>, Span)) {
        self.out.push(Site { kind, via, aim, queue, span });
    }

    fn call(&mut self, call: &'a Call, via: Via) {
        let span = call.span;
        match &call.callee {
            Callee::Activity(name) => {
                let queue = self.queue(&call.options, OptionScope::ActivityCall);
                let aim = self.aim(NodeKind::Activity, name);
                self.push(EdgeKind::ActivityCall, via, aim, (queue, span));
            }
            Callee::Workflow(name) => {
                let queue = self.queue(&call.options, OptionScope::WorkflowCall);
                let aim = self.aim(NodeKind::Workflow, name);
                self.push(EdgeKind::WorkflowCall, via, aim, (queue, span));
            }
            Callee::Nexus { endpoint, service, operation } => {
                let aim = self.through(endpoint, service, operation);
                self.push(EdgeKind::NexusCall, via, aim, (Queue::Own, span));
            }
            Callee::NexusWorkflow { namespace, workflow } => {
                let name = QName { package: None, name: workflow.clone() };
                let aim = match self.aim(NodeKind::Workflow, &name) {
                    Aim::Item(workflow) => Aim::In { namespace: &namespace.name, workflow },
                    other => other,
                };
                self.push(EdgeKind::NexusCall, via, aim, (Queue::Own, span));
            }
        }
    }

    fn aim(&self, wanted: NodeKind, name: &QName) -> Aim<'a> {
        let found = self.names.find(wanted, self.file, name);
        found.map_or_else(|| Aim::Nothing { name: name.name.name.to_string(), wanted }, Aim::Item)
    }

    fn through(&self, endpoint: &'a Ident, service: &QName, operation: &Ident) -> Aim<'a> {
        let endpoint = self.names.endpoint_by_name.get(endpoint.name.as_str());
        let found = self.names.find(NodeKind::Service, self.file, service);
        let found = found.and_then(|service| self.names.operation(service, &operation.name));
        match (endpoint, found) {
            (Some(endpoint), Some(operation)) => Aim::Through { endpoint: *endpoint, operation },
            (None, Some(_)) | (_, None) => Aim::Nothing {
                name: format!("{}.{}", service.name.name, operation.name),
                wanted: NodeKind::Operation,
            },
        }
    }

    /// A queue that an expression gives is a name to the public tool.
    fn queue(&self, options: &'a [OptionEntry], scope: OptionScope) -> Queue<'a> {
        let Some(text) = word(options, scope, "task_queue") else { return Queue::Own };
        let is_name = entry(options, scope, "task_queue").is_some_and(|entry| match &entry.value {
            OptionValue::Expr(value) => matches!(value.kind, ExprKind::Name(_)),
            OptionValue::Block(_) => false,
        });
        let is_dynamic = is_name || text.contains('{');
        if is_dynamic && !self.names.is_public() { Queue::Dynamic(text) } else { Queue::Named(text) }
    }

    fn backing(&mut self, workflow: &QName, span: Span) {
        let aim = self.aim(NodeKind::Workflow, workflow);
        self.push(EdgeKind::AsyncBacking, Via::Backing, aim, (Queue::Own, span));
    }

    /// `return workflow ..` chooses the workflow behind an operation at run time.
    fn returned(&mut self, call: &'a Call) {
        let Callee::Workflow(name) = &call.callee else { return self.call(call, Via::Call) };
        let queue = self.queue(&call.options, OptionScope::WorkflowCall);
        let aim = self.aim(NodeKind::Workflow, name);
        self.push(EdgeKind::AsyncBacking, Via::Backing, aim, (queue, call.span));
    }

    fn message(&mut self, kind: EdgeKind, to: &'a SendTarget, signal: Option<&Ident>, span: Span) {
        let (shown, workflow) = match to {
            SendTarget::Handle(name) => (&name.name, self.handle(&name.name, span.start)),
            SendTarget::External(name, _) => {
                let name = QName { package: None, name: name.clone() };
                return self.external(kind, &name, span);
            }
        };
        let found = workflow.and_then(|name| self.names.find(NodeKind::Workflow, self.file, name));
        let takes = |item: &usize| signal.is_none_or(|signal| self.names.takes(*item, &signal.name));
        let aim = found
            .filter(takes)
            .map_or_else(|| Aim::Nothing { name: shown.to_string(), wanted: NodeKind::Workflow }, Aim::Item);
        // Cancelling a promise of something else than a workflow goes to no other definition.
        if kind == EdgeKind::SignalSend || matches!(aim, Aim::Item(_)) {
            self.push(kind, Via::Message, aim, (Queue::Own, span));
        }
    }

    fn external(&mut self, kind: EdgeKind, name: &QName, span: Span) {
        let aim = self.aim(NodeKind::Workflow, name);
        self.push(kind, Via::Message, aim, (Queue::Own, span));
    }

    /// The workflow that a promise waits for: the last one before this place, else the first one at all.
    fn handle(&self, name: &str, at: u32) -> Option<&'a QName> {
        let all = self.handles.get(name)?;
        let before = all.partition_point(|(start, _)| *start <= at);
        let found = if self.names.is_public() { all.last() } else { all.get(before.saturating_sub(1)) };
        found.and_then(|(_, workflow)| *workflow)
    }
}
