//! One workflow, operation or activity: its statements are gone through until nothing new becomes known.

use std::sync::Arc;

use super::World;
use super::declared::Signature;
use super::ty::Ty;
use super::vars::{Slot, Vars};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{
    Activity, Block, ForHead, Handler, HandlerKind, Param, StateItem, Stmt, StmtKind, Target, Workflow,
};
use crate::twf::check::walk;
use crate::twf::hash::QuickMap;

/// Rounds until nothing is said about the variables of a body whose types go on changing.
const ROUNDS_MAX: usize = 6;

/// A parameter of a lambda.
pub(super) struct Bound<'a> {
    pub(super) name: &'a str,
    pub(super) ty: Ty,
    /// The variables whose values it may be part of.
    pub(super) roots: Vec<Slot>,
}

/// What `return` or `close complete` has to give.
#[derive(Clone)]
pub(super) struct Answer<'a> {
    pub(super) ty: Ty,
    /// Where it is declared.
    pub(super) declared: Option<Span>,
    pub(super) name: &'a str,
}

/// What a branch of `await all` gives: the value that was bound last.
#[derive(Default)]
pub(super) struct Branch {
    pub(super) ty: Option<Ty>,
    /// The variables whose values it may be part of.
    pub(super) roots: Vec<Slot>,
    /// How deep in the statements of the branch the walk is.
    pub(super) depth: u32,
}

/// A body that is being looked at.
pub(super) struct Body<'w, 'a> {
    pub(super) world: &'w mut World<'a>,
    /// Index of the file.
    pub(super) file: usize,
    pub(super) vars: Vars<'a>,
    pub(super) lambdas: Vec<Bound<'a>>,
    pub(super) handlers: &'a [Handler],
    /// The own variables of each handler.
    pub(super) own: Vec<QuickMap<&'a str, Slot>>,
    /// What `return` gives here.
    pub(super) answer: Option<Answer<'a>>,
    /// What the run gives.
    pub(super) result: Option<Answer<'a>>,
    pub(super) params: &'a [Param],
    /// What the workflow takes when it continues as new.
    pub(super) own_signature: Option<Arc<Signature<'a>>>,
    /// What promises stand for, by name; nothing for a name that stands for several things.
    pub(super) promises: QuickMap<&'a str, Option<&'a Target>>,
    pub(super) branches: Vec<Branch>,
    pub(super) found: Vec<Diagnostic>,
    /// The types of expressions by place, when they are asked for.
    pub(super) seen: Option<Vec<(Span, Ty)>>,
    /// An activity's body is documentation: nothing is reported.
    pub(super) quiet: bool,
}

impl<'w, 'a> Body<'w, 'a> {
    pub(super) fn new(world: &'w mut World<'a>, file: usize, params: &'a [Param]) -> Body<'w, 'a> {
        let records = world.records(file);
        let mut vars = std::mem::take(&mut world.spare);
        vars.clear();
        Body {
            world,
            file,
            vars,
            lambdas: Vec::new(),
            handlers: &[],
            own: Vec::new(),
            answer: None,
            result: None,
            params,
            own_signature: None,
            promises: QuickMap::default(),
            branches: Vec::new(),
            found: Vec::new(),
            seen: records.then(Vec::new),
            quiet: false,
        }
    }

    /// Infers a workflow.
    pub(super) fn workflow(mut self, node: &'a Workflow) -> Self {
        let signature = self.world.workflow(node);
        self.answers(&signature);
        self.handlers = &node.handlers;
        self.own_signature = Some(signature.clone());
        self.head(&signature);
        for item in &node.state {
            if let StateItem::Condition(name) = item {
                let slot = self.vars.slot(&name.name);
                self.vars.bind(slot, Ty::Condition, Some(name.span));
            }
        }
        for handler in &node.handlers {
            self.own_names(handler);
        }
        self.settle(&mut |body| {
            body.state(&node.state);
            body.block(&node.body);
            node.on_cancel.iter().for_each(|block| body.block(block));
            for (at, handler) in node.handlers.iter().enumerate() {
                body.handler(at, handler);
            }
        });
        self
    }

    /// Infers the body of a synchronous operation.
    pub(super) fn operation(mut self, signature: &Signature<'a>, block: &'a Block) -> Self {
        self.answers(signature);
        self.head(signature);
        self.settle(&mut |body| body.block(block));
        self
    }

    /// Infers the body of an activity, for show.
    pub(super) fn activity(mut self, node: &'a Activity) -> Self {
        self.quiet = true;
        let signature = self.world.activity(node);
        self.head(&signature);
        self.settle(&mut |body| body.block(&node.body));
        self
    }

    fn answers(&mut self, signature: &Signature<'a>) {
        let answer = Answer { ty: signature.result.clone(), declared: signature.span, name: signature.name };
        self.answer = Some(answer.clone());
        self.result = Some(answer);
    }

    fn head(&mut self, signature: &Signature<'a>) {
        for (param, ty) in &signature.params {
            let slot = self.vars.slot(&param.name.name);
            self.param(slot, param, ty);
        }
    }

    fn param(&mut self, slot: Slot, param: &'a Param, ty: &Ty) {
        self.vars.bind(slot, ty.clone(), Some(param.name.span));
        if let Some(var) = self.vars.get_mut(slot) {
            var.declared = true;
        }
    }

    /// The names that belong to each call of a handler: its parameters and what its loops go over.
    fn own_names(&mut self, handler: &'a Handler) {
        let signature = self.world.handler(handler);
        let mut own = QuickMap::default();
        for (param, ty) in &signature.params {
            let slot = self.vars.fresh(&param.name.name);
            self.param(slot, param, ty);
            own.insert(param.name.name.as_str(), slot);
        }
        let mut names = Vec::new();
        loops(&handler.body, &mut names);
        for name in names {
            let vars = &mut self.vars;
            own.entry(name).or_insert_with(|| vars.fresh(name));
        }
        self.own.push(own);
    }

    /// Goes through everything until nothing new becomes known. What was reported on the way is dropped: only the
    /// last round knows all.
    fn settle(&mut self, walk: &mut dyn FnMut(&mut Self)) {
        for round in 0..=ROUNDS_MAX + 1 {
            if !self.vars.next_round() {
                break;
            }
            if round == ROUNDS_MAX {
                self.vars.give_up();
            }
            self.found.clear();
            self.seen.iter_mut().for_each(Vec::clear);
            self.defaults();
            walk(self);
        }
    }

    fn defaults(&mut self) {
        for param in self.params {
            self.default(param);
        }
    }

    fn default(&mut self, param: &'a Param) {
        let (Some(ty), Some(value)) = (&param.ty, &param.default) else { return };
        let wanted = self.world.declared.ty(ty);
        self.expect(
            value,
            &wanted,
            &super::expect::Place::Param { name: &param.name.name, declared: ty.span },
        );
    }

    fn state(&mut self, items: &'a [StateItem]) {
        for item in items {
            if let StateItem::Init(name, value) = item {
                let ty = self.expr(value);
                self.bind_name(name, ty, Some(value));
            }
        }
    }

    fn handler(&mut self, at: usize, node: &'a Handler) {
        let signature = self.world.handler(node);
        self.vars.local = self.own.get_mut(at).map(std::mem::take).unwrap_or_default();
        let answer = Answer { ty: signature.result.clone(), declared: signature.span, name: &node.name.name };
        let outer = std::mem::replace(&mut self.answer, (node.kind != HandlerKind::Signal).then_some(answer));
        node.params.iter().for_each(|param| self.default(param));
        node.validator.iter().for_each(|block| self.block(block));
        self.block(&node.body);
        self.answer = outer;
        let own = std::mem::take(&mut self.vars.local);
        if let Some(place) = self.own.get_mut(at) {
            *place = own;
        }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if !self.quiet {
            self.found.push(diagnostic);
        }
    }

    pub(super) fn see(&mut self, span: Span, ty: &Ty) {
        if let Some(seen) = &mut self.seen {
            seen.push((span, ty.clone()));
        }
    }

    /// The types of the parameters of a message, and the variables that its handler knows them by.
    pub(super) fn message(
        &mut self,
        kind: HandlerKind,
        name: &str,
    ) -> Option<(Arc<Signature<'a>>, Vec<Slot>)> {
        let at = self.handlers.iter().position(|it| it.kind == kind && it.name.name == name)?;
        let signature = self.world.handler(self.handlers.get(at)?);
        let own = self.own.get(at).filter(|own| !own.is_empty()).unwrap_or(&self.vars.local);
        let slots = signature.params.iter().filter_map(|(param, _)| own.get(param.name.name.as_str()));
        let slots = slots.copied().collect();
        Some((signature, slots))
    }
}

/// What loops go over, those in branches left out: they have variables of their own.
fn loops<'a>(block: &'a [Stmt], names: &mut Vec<&'a str>) {
    for stmt in block {
        match &stmt.kind {
            StmtKind::For(head, body) => {
                if let ForHead::Each(first, second, _) = head {
                    names.push(&first.name);
                    names.extend(second.iter().map(|it| it.name.as_str()));
                }
                if let ForHead::Await(name, _) = head {
                    names.push(&name.name);
                }
                loops(body, names);
            }
            StmtKind::AwaitOne(cases) => {
                for case in cases {
                    loops(&case.body, names);
                }
            }
            StmtKind::AwaitAll(_) => {}
            _ => walk::blocks(stmt).for_each(|inner| loops(inner, names)),
        }
    }
}
