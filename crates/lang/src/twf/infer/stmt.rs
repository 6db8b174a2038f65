//! Statements that do not wait.

use super::body::{Answer, Body};
use super::expect::Place;
use super::expr::{failure, kinds_of, root};
use super::function::items_of;
use super::ty::Ty;
use crate::text::diagnostic::Diagnostic;
use crate::twf::ast::{
    Arg, Block, Call, CloseKind, Expr, ExprKind, ForHead, Handler, HandlerKind, Ident, SendTarget, Stmt,
    StmtKind, Target, TryStmt,
};
use crate::twf::builtin::{self, Kinds};

impl<'a> Body<'_, 'a> {
    pub(super) fn block(&mut self, block: &'a Block) {
        for stmt in block {
            self.stmt(stmt);
        }
    }

    /// A block that may or may not run, or run again.
    pub(super) fn inner(&mut self, block: &'a Block) {
        self.deeper(1);
        self.block(block);
        self.deeper(-1);
    }

    fn deeper(&mut self, by: i32) {
        if let Some(branch) = self.branches.last_mut() {
            branch.depth = branch.depth.saturating_add_signed(by);
        }
    }

    pub(super) fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Assign(place, op, value) => self.assign(place, *op, value, stmt.span),
            StmtKind::Expr(expr) => self.expr_stmt(expr),
            StmtKind::If(condition, then, otherwise) => {
                self.condition(condition);
                self.inner(then);
                self.inner(otherwise);
            }
            StmtKind::Switch(subject, cases, otherwise) => {
                self.expr(subject);
                for case in cases {
                    case.values.iter().for_each(|value| {
                        self.expr(value);
                    });
                    self.inner(&case.body);
                }
                self.inner(otherwise);
            }
            StmtKind::For(head, body) => {
                self.for_head(head);
                self.inner(body);
            }
            StmtKind::Try(guarded) => self.try_stmt(guarded),
            StmtKind::Return(value) => {
                let answer = self.answer.clone();
                if let Some(value) = value {
                    self.answered(value, answer.as_ref());
                }
            }
            StmtKind::Close(kind, args) => self.close(*kind, args),
            StmtKind::ReturnWorkflow(call) => self.return_workflow(call),
            StmtKind::Raise(error) => self.raised(error),
            StmtKind::Reject(reason) => {
                self.expr(reason);
            }
            StmtKind::Send(to, name, args) => self.send(to, name, args),
            StmtKind::Cancel(SendTarget::External(_, args)) | StmtKind::Heartbeat(args) => self.loose(args),
            StmtKind::Error => self.torn(stmt),
            _ => self.waiting(stmt),
        }
    }

    /// A call for its effect, for example `items.append(x)`.
    fn expr_stmt(&mut self, expr: &'a Expr) {
        let written = match &expr.kind {
            ExprKind::Call(callee, args) => match &callee.kind {
                ExprKind::Field(base, _) | ExprKind::OptField(base, _) => root(base),
                _ => args.first().and_then(|list| root(&list.value)),
            },
            _ => None,
        };
        let walk = &mut |body: &mut Self| {
            body.expr(expr);
        };
        match written.and_then(|name| self.vars.lookup(name)) {
            Some(slot) => self.again(slot, walk),
            None => walk(self),
        }
    }

    fn loose(&mut self, args: &'a [Arg]) {
        for arg in args {
            self.expr(&arg.value);
        }
    }

    /// What a loop goes over, and what its names are.
    fn for_head(&mut self, head: &'a ForHead) {
        match head {
            ForHead::Forever => {}
            ForHead::While(condition) => self.condition(condition),
            ForHead::Each(first, second, items) => self.each(first, second.as_ref(), items),
            ForHead::Await(name, promises) => self.each_done(name, promises),
        }
    }

    pub(super) fn each(&mut self, first: &'a Ident, second: Option<&'a Ident>, items: &'a Expr) {
        let whole = self.expr(items);
        let kinds = kinds_of(&whole);
        if !kinds.meets(Kinds::LIST.or(Kinds::OBJECT)) && whole != Ty::Null {
            let message = format!("`for` goes over a list or object, not `{whole}`");
            let help = match &whole {
                Ty::Int => Some("count with a range: `0..n` or `range(n)`"),
                Ty::Str => Some("take its parts: `split(text, \",\")`"),
                Ty::Promise(_) => Some("await the promise first: `await NAME -> value`"),
                _ => None,
            };
            let diagnostic = Diagnostic::error("TYPE_MISMATCH", items.span, message);
            self.report(diagnostic.help_if(help.map(str::to_string)));
        }
        let (is_list, is_object) = (kinds.meets(Kinds::LIST), kinds.meets(Kinds::OBJECT));
        let (item, value) = (items_of(&whole), self.values_of(&whole));
        let unknown = whole.is_unknown();
        let key = |yes: bool, ty: Ty| if yes { ty } else { Ty::Never };
        let (a, b) = match second {
            // One name takes the elements of a list, and the keys of an object.
            None if unknown => (whole.clone(), Ty::Never),
            None => (key(is_list, item).join(key(is_object, Ty::Str)), Ty::Never),
            Some(_) if unknown => (Ty::Int.join(Ty::Str), whole.clone()),
            Some(_) => (
                key(is_list, Ty::Int).join(key(is_object, Ty::Str)),
                key(is_list, item).join(key(is_object, value)),
            ),
        };
        self.bind_name(first, a, Some(items));
        if let Some(second) = second {
            self.bind_name(second, b, Some(items));
        }
    }

    fn try_stmt(&mut self, guarded: &'a TryStmt) {
        self.inner(&guarded.body);
        if let Some(name) = &guarded.catch_name {
            self.bind_name(name, failure(), None);
        }
        guarded.catch.iter().chain(&guarded.finally).for_each(|block| self.inner(block));
    }

    /// A value that answers, where an answer is declared.
    fn answered(&mut self, value: &'a Expr, answer: Option<&Answer<'a>>) {
        match answer {
            Some(answer) => {
                let place = Place::Result { of: answer.name, declared: answer.declared };
                self.expect(value, &answer.ty, &place);
            }
            None => {
                self.expr(value);
            }
        }
    }

    fn close(&mut self, kind: CloseKind, args: &'a [Arg]) {
        match (kind, args) {
            (CloseKind::Complete, [value]) => {
                let result = self.result.clone();
                self.answered(&value.value, result.as_ref());
            }
            (CloseKind::Fail, [error]) => self.raised(&error.value),
            (CloseKind::ContinueAsNew, _) => match self.own_signature.clone() {
                Some(signature) => self.args(&signature, args),
                None => self.loose(args),
            },
            _ => self.loose(args),
        }
    }

    /// The result of the backing workflow answers.
    fn return_workflow(&mut self, call: &'a Call) {
        let ty = self.call(call);
        let Some(answer) = self.result.clone() else { return };
        if let Some(misfit) = self.world.declared.misfit(&ty, &answer.ty) {
            let place = Place::Result { of: answer.name, declared: answer.declared };
            self.misfit((call.span, &ty), &answer.ty, (&misfit, &place));
        }
    }

    /// What is raised is free: `T("message")`, a text, an object of any shape.
    fn raised(&mut self, error: &'a Expr) {
        match &error.kind {
            ExprKind::Call(callee, args) if matches!(&callee.kind, ExprKind::Name(name) if builtin::find(name).is_none()) =>
            {
                self.loose(args);
            }
            ExprKind::Object(label, fields) => {
                let ty = self.loose_object(label.as_ref(), fields);
                self.see(error.span, &ty);
            }
            _ => {
                self.expr(error);
            }
        }
    }

    fn send(&mut self, to: &'a SendTarget, name: &'a Ident, args: &'a [Arg]) {
        let workflow = match to {
            SendTarget::Handle(handle) => {
                let target = self.promises.get(handle.name.as_str()).copied().flatten();
                target.and_then(|target| self.world.started(self.file, target))
            }
            SendTarget::External(workflow, id) => {
                self.loose(id);
                self.world.workflow_named(self.file, &workflow.name)
            }
        };
        let is_signal = |it: &&Handler| it.kind == HandlerKind::Signal && it.name.name == name.name;
        match workflow.and_then(|workflow| workflow.handlers.iter().find(is_signal)) {
            Some(handler) => {
                let signature = self.world.handler(handler);
                self.args(&signature, args);
            }
            None => self.loose(args),
        }
    }

    /// The words of a line that could not be read may be names that it binds, to anything.
    fn torn(&mut self, stmt: &'a Stmt) {
        let text = self.world.sources.slice(stmt.span);
        for word in
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
        {
            let slot = self.vars.slot(word);
            self.vars.bind(slot, Ty::ANY, None);
        }
    }

    pub(super) fn promise(&mut self, name: &'a Ident, target: &'a Target) {
        // A name that stands for several things stands for none that is known.
        let known = self.promises.entry(&name.name).or_insert(Some(target));
        *known = known.filter(|it| std::ptr::eq(*it, target));
        let given = self.target(target);
        let ty = match target {
            // Another name for the same promise.
            Target::Name(other) => {
                let slot = self.vars.slot(&other.name);
                self.vars.ty(slot)
            }
            _ => Ty::Promise(std::sync::Arc::new(super::call::list_of_tuple(given.ty))),
        };
        let slot = self.vars.slot(&name.name);
        self.bind_slot(slot, name, ty, &given.roots);
    }
}
