//! Names in statements.

use super::definition::{callee, path};
use super::{Callee, Collector, Local, Name, Owner, Path, Role};
use crate::twf::ast::{
    Arg, AwaitAll, Bind, Block, Call, Callee as AstCallee, ForHead, HandlerKind, Ident, LValue, PathStep,
    RaceCase, RaceKind, SendTarget, Stmt, StmtKind, Target,
};
use crate::twf::compile::names::{Names, is_fan_out};
use crate::twf::options::OptionScope;

impl<'a> Collector<'a> {
    pub(super) fn block(&mut self, block: &'a Block) {
        for stmt in block {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Call(call, bind) => {
                self.call(call);
                self.bind(bind.as_ref());
            }
            StmtKind::Detach(call) | StmtKind::ReturnWorkflow(call) => self.call(call),
            StmtKind::Promise(name, target) => {
                self.target(target);
                self.local(name, Local::Promise, Role::Definition);
            }
            StmtKind::PromiseInto(place, target) => {
                self.target(target);
                self.place(place);
            }
            StmtKind::Await(target, bind) => {
                self.target(target);
                self.bind(bind.as_ref());
            }
            StmtKind::AwaitAll(all) => self.all(all),
            StmtKind::AwaitEach(value, bind) => {
                self.expr(value);
                self.bind(bind.as_ref());
            }
            StmtKind::AwaitOne(cases) => cases.iter().for_each(|case| self.case(case)),
            StmtKind::SetCondition(name, _) => self.local(name, Local::Variable, Role::Read),
            StmtKind::Send(to, name, args) => self.send(to, name, args),
            StmtKind::Cancel(to) => self.receiver(to),
            _ => self.control(stmt),
        }
    }

    fn control(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::If(condition, then, otherwise) => {
                self.expr(condition);
                self.block(then);
                self.block(otherwise);
            }
            StmtKind::Switch(value, cases, otherwise) => {
                self.expr(value);
                for case in cases {
                    for value in &case.values {
                        self.expr(value);
                    }
                    self.block(&case.body);
                }
                self.block(otherwise);
            }
            StmtKind::For(head, body) => {
                match head {
                    ForHead::Forever => {}
                    ForHead::While(condition) => self.expr(condition),
                    ForHead::Each(first, second, items) => {
                        self.expr(items);
                        self.loop_names(first, second.as_ref());
                    }
                    ForHead::Await(name, promises) => {
                        self.expr(promises);
                        self.loop_names(name, None);
                    }
                }
                self.block(body);
            }
            StmtKind::Try(it) => {
                self.block(&it.body);
                if let Some(name) = &it.catch_name {
                    self.local(name, Local::Variable, Role::Definition);
                }
                if let Some(name) = &it.catch_type {
                    self.type_name(&name.name, name.span);
                }
                for block in it.catch.iter().chain(&it.finally) {
                    self.block(block);
                }
            }
            _ => self.line(stmt),
        }
    }

    fn line(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Raise(value) | StmtKind::Reject(value) => self.failure(value),
            StmtKind::Close(crate::twf::ast::CloseKind::Fail, args) => {
                for arg in args {
                    self.failure(&arg.value);
                }
            }
            StmtKind::Close(_, args) | StmtKind::Heartbeat(args) => {
                for arg in args {
                    self.expr(&arg.value);
                }
            }
            StmtKind::Return(Some(value)) | StmtKind::Expr(value) => self.expr(value),
            StmtKind::Assign(place, _, value) => {
                self.expr(value);
                self.place(place);
            }
            _ => {}
        }
    }

    fn loop_names(&mut self, first: &'a Ident, second: Option<&'a Ident>) {
        self.local(first, Local::Variable, Role::Definition);
        if let Some(name) = second {
            self.local(name, Local::Variable, Role::Definition);
        }
    }

    fn bind(&mut self, bind: Option<&'a Bind>) {
        match bind {
            Some(Bind::Place(place)) => self.place(place),
            Some(Bind::Tuple(names)) => {
                for name in names {
                    self.local(name, Local::Variable, Role::Write);
                }
            }
            None => {}
        }
    }

    /// Writing into a value reads the variable that holds it.
    fn place(&mut self, place: &'a LValue) {
        let role = if place.path.is_empty() { Role::Write } else { Role::Read };
        self.local(&place.root, Local::Variable, role);
        for step in &place.path {
            match step {
                PathStep::Field(name) => self.add(name, Name::Member, Role::Write),
                PathStep::Index(index) => self.expr(index),
            }
        }
    }

    fn target(&mut self, target: &'a Target) {
        match target {
            Target::Timer(value) | Target::Predicate(value) => self.expr(value),
            Target::Signal(name) => self.own_message(HandlerKind::Signal, name),
            Target::Update(name) => self.own_message(HandlerKind::Update, name),
            Target::Call(call) | Target::Detached(call) => self.call(call),
            Target::Place(place) => self.place(place),
            Target::Name(name) => self.local(name, Local::Variable, Role::Read),
            Target::AllHandlersFinished(_) => {}
        }
    }

    fn own_message(&mut self, kind: HandlerKind, name: &'a Ident) {
        self.add(name, Name::Message(kind, Owner::Here(self.owner)), Role::Read);
    }

    fn call(&mut self, call: &'a Call) {
        let scope = match &call.callee {
            AstCallee::Activity(name) => {
                self.qualified(name, Name::Activity);
                OptionScope::ActivityCall
            }
            AstCallee::Workflow(name) => {
                self.qualified(name, Name::Workflow);
                OptionScope::WorkflowCall
            }
            AstCallee::Nexus { endpoint, service, operation } => {
                self.add(endpoint, Name::Endpoint, Role::Read);
                self.holes(endpoint.span);
                self.qualified(service, Name::Service);
                self.add(operation, Name::Operation(path(service)), Role::Read);
                OptionScope::NexusCall
            }
            AstCallee::NexusWorkflow { namespace, workflow } => {
                self.add(namespace, Name::Namespace, Role::Read);
                self.add(workflow, Name::Workflow(None), Role::Read);
                OptionScope::NexusCall
            }
        };
        self.args(&call.args, &callee(&call.callee));
        self.options(scope, &call.options);
    }

    fn args(&mut self, args: &'a [Arg], callee: &Callee) {
        for arg in args {
            if let Some(name) = &arg.name {
                self.add(name, Name::Argument(callee.clone()), Role::Read);
            }
            self.expr(&arg.value);
        }
    }

    fn send(&mut self, to: &'a SendTarget, name: &'a Ident, args: &'a [Arg]) {
        self.receiver(to);
        let owner = match to {
            SendTarget::External(workflow, _) => {
                Owner::Workflow(Path { qualifier: None, name: workflow.name.clone() })
            }
            SendTarget::Handle(handle) => match self.promises.get(handle.name.as_str()) {
                Some(Target::Call(call)) => match &call.callee {
                    AstCallee::Workflow(name) => Owner::Workflow(path(name)),
                    _ => Owner::Unknown,
                },
                _ => Owner::Unknown,
            },
        };
        self.add(name, Name::Message(HandlerKind::Signal, owner.clone()), Role::Read);
        self.args(args, &Callee::Message(HandlerKind::Signal, owner, name.name.clone()));
    }

    fn receiver(&mut self, to: &'a SendTarget) {
        match to {
            SendTarget::Handle(handle) => self.local(handle, Local::Variable, Role::Read),
            SendTarget::External(workflow, args) => {
                self.add(workflow, Name::Workflow(None), Role::Read);
                for arg in args {
                    self.expr(&arg.value);
                }
            }
        }
    }

    fn all(&mut self, all: &'a AwaitAll) {
        match &all.each {
            Some((name, items)) => {
                self.expr(items);
                self.fan_out(name, None, &all.body);
            }
            None => all.body.iter().for_each(|stmt| self.branch(stmt)),
        }
        self.bind(all.bind.as_ref());
    }

    fn branch(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::For(ForHead::Each(first, second, items), body) if is_fan_out(stmt) => {
                self.expr(items);
                self.fan_out(first, second.as_ref(), body);
            }
            _ => self.stmt(stmt),
        }
    }

    /// A branch for each element has its own loop variables, and what it binds first.
    fn fan_out(&mut self, first: &'a Ident, second: Option<&'a Ident>, body: &'a Block) {
        let own = std::iter::once(first).chain(second).map(|name| name.name.to_string()).collect();
        let scope = self.fresh_scope();
        self.scopes.open(scope, own, Names::of_branch(body));
        self.loop_names(first, second);
        self.block(body);
        self.scopes.close();
    }

    fn case(&mut self, case: &'a RaceCase) {
        match &case.kind {
            RaceKind::Target(target, bind) => {
                self.target(target);
                self.bind(bind.as_ref());
            }
            RaceKind::All(all) => self.all(all),
            RaceKind::Fail(name) => {
                if let Some(name) = name {
                    self.local(name, Local::Variable, Role::Definition);
                }
            }
        }
        self.block(&case.body);
    }
}
