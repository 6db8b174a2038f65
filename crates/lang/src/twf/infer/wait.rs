//! Waiting: calls, promises, messages, branches and races.

use super::body::{Body, Branch};
use super::call::list_of_tuple;
use super::expect::is_placeholder;
use super::expr::{failure, kinds_of};
use super::function::items_of;
use super::place::Given;
use super::ty::Ty;
use crate::text::diagnostic::Diagnostic;
use crate::twf::ast::{
    AwaitAll, Bind, Expr, ExprKind, ForHead, HandlerKind, Ident, RaceCase, RaceKind, Stmt, StmtKind, Target,
};
use crate::twf::builtin::Kinds;
use crate::twf::moment::parse_duration;

impl<'a> Body<'_, 'a> {
    pub(super) fn waiting(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Call(call, bind) => {
                let ty = self.call(call);
                self.bind(bind.as_ref(), Given::fresh(ty));
            }
            StmtKind::Detach(call) => {
                self.call(call);
                self.bind(None, Given::fresh(Ty::Null));
            }
            StmtKind::Promise(name, target) => self.promise(name, target),
            StmtKind::PromiseInto(place, target) => {
                let given = self.target(target);
                let ty = Ty::Promise(std::sync::Arc::new(list_of_tuple(given.ty)));
                self.assign_to(place, ty, (None, &given.roots));
            }
            StmtKind::Await(target, bind) => {
                let given = self.target(target);
                self.bind(bind.as_ref(), given);
            }
            StmtKind::AwaitAll(all) => self.all(all),
            StmtKind::AwaitEach(promises, bind) => self.await_each(promises, bind.as_ref()),
            StmtKind::AwaitOne(cases) => cases.iter().for_each(|case| self.case(case)),
            _ => {}
        }
    }

    /// What waiting for a target gives.
    pub(super) fn target(&mut self, target: &'a Target) -> Given {
        match target {
            Target::Timer(duration) => {
                self.timer(duration);
                Given::fresh(Ty::Null)
            }
            Target::Signal(name) => self.awaited(HandlerKind::Signal, &name.name),
            Target::Update(name) => self.awaited(HandlerKind::Update, &name.name),
            Target::Call(call) => Given::fresh(self.call(call)),
            Target::Name(name) => {
                let slot = self.vars.slot(&name.name);
                let ty = self.vars.ty(slot);
                self.see(name.span, &ty);
                let ty = self.vars.seen_from(slot, promised(&ty));
                Given { ty, parts: None, roots: vec![slot] }
            }
            Target::Place(place) => {
                let (ty, slot) = (promised(&self.read(place)), self.vars.slot(&place.root.name));
                Given { ty, parts: None, roots: vec![slot] }
            }
            Target::Detached(call) => {
                self.call(call);
                Given::fresh(Ty::Null)
            }
            Target::Predicate(condition) => {
                self.condition(condition);
                Given::fresh(Ty::Bool)
            }
            Target::AllHandlersFinished(_) => Given::fresh(Ty::Bool),
        }
    }

    /// The arguments of a message: the only one, or an object of several.
    fn awaited(&mut self, kind: HandlerKind, name: &str) -> Given {
        let Some((signature, roots)) = self.message(kind, name) else { return Given::fresh(Ty::ANY) };
        // Handlers may have written into their arguments, and may have assigned them.
        let parts: Vec<Ty> = signature.params.iter().map(|(_, ty)| ty.clone()).collect();
        let parts: Vec<Ty> = if roots.len() == parts.len() {
            roots.iter().zip(parts).map(|(root, ty)| self.vars.seen_from(*root, ty)).collect()
        } else {
            parts
        };
        let names = signature.params.iter().map(|(param, _)| param.name.name.as_str());
        let ty = match parts.as_slice() {
            [] => Ty::Null,
            [only] => only.clone(),
            _ => Ty::object(None, names.zip(parts.iter().cloned())),
        };
        Given { ty, parts: Some(parts), roots }
    }

    /// Rule H17: a number is seconds, a text `5m` or ISO 8601.
    fn timer(&mut self, duration: &'a Expr) {
        let ty = self.expr(duration);
        let wanted = Kinds::DURATION.or(Kinds::INT).or(Kinds::DECIMAL).or(Kinds::STR);
        let message = match &duration.kind {
            ExprKind::Str(text) if parse_duration(text).is_err() => format!("`\"{text}\"` is no `duration`"),
            _ if kinds_of(&ty).meets(wanted) || is_placeholder(duration, &ty) => return,
            _ => format!("a timer waits for a `duration`, not `{ty}`"),
        };
        let diagnostic = Diagnostic::error("TYPE_MISMATCH", duration.span, message)
            .help("write a duration such as `5m`, a number of seconds, or text such as `\"PT5M\"`");
        self.report(diagnostic);
    }

    /// `for await`: its name is what each promise gives.
    pub(super) fn each_done(&mut self, name: &'a Ident, promises: &'a Expr) {
        let ty = self.expr(promises);
        self.bind_name(name, promised(&items_of(&ty)), Some(promises));
    }

    fn await_each(&mut self, promises: &'a Expr, bind: Option<&'a Bind>) {
        let ty = self.expr(promises);
        let item = promised(&items_of(&ty));
        let mut roots = Vec::new();
        self.roots(promises, &mut roots);
        self.bind(bind, Given { ty: Ty::list(item), parts: None, roots });
    }

    /// `await all:`: its result is the list of what its branches bound last.
    fn all(&mut self, all: &'a AwaitAll) {
        let mut made: Vec<Branch> = Vec::new();
        let mut fans_out = all.each.is_some();
        if let Some((name, items)) = &all.each {
            self.each(name, None, items);
            made.push(self.branch(&all.body));
        } else {
            for stmt in &all.body {
                match &stmt.kind {
                    StmtKind::For(ForHead::Each(first, second, items), body) => {
                        fans_out = true;
                        self.each(first, second.as_ref(), items);
                        made.push(self.branch(body));
                    }
                    _ => made.push(self.branch(std::slice::from_ref(stmt))),
                }
            }
        }
        let roots = made.iter().flat_map(|branch| branch.roots.iter().copied()).collect();
        let types: Vec<Ty> = made.into_iter().map(|branch| branch.ty.unwrap_or(Ty::Null)).collect();
        let ty = Ty::list(types.iter().cloned().fold(Ty::Never, Ty::join)).bounded();
        let parts = (!fans_out && matches!(all.bind, Some(Bind::Tuple(_)))).then_some(types);
        self.bind(all.bind.as_ref(), Given { ty, parts, roots });
    }

    fn branch(&mut self, body: &'a [Stmt]) -> Branch {
        // A branch that can be left early may end with what was bound before.
        let mut leaves = false;
        crate::twf::check::walk::each(body, &mut |stmt| leaves |= matches!(stmt.kind, StmtKind::Continue));
        self.branches.push(Branch { depth: u32::from(leaves), ..Branch::default() });
        for stmt in body {
            self.stmt(stmt);
        }
        self.branches.pop().unwrap_or_default()
    }

    fn case(&mut self, case: &'a RaceCase) {
        if let Some(branch) = self.branches.last_mut() {
            branch.depth += 1;
        }
        match &case.kind {
            RaceKind::Target(target, bind) => {
                let given = self.target(target);
                self.bind(bind.as_ref(), given);
            }
            RaceKind::All(all) => self.all(all),
            RaceKind::Fail(Some(name)) => self.bind_name(name, failure(), None),
            RaceKind::Fail(None) => {}
        }
        self.block(&case.body);
        if let Some(branch) = self.branches.last_mut() {
            branch.depth = branch.depth.saturating_sub(1);
        }
    }
}

/// The value that a promise stands for; a condition is true when it was waited for.
fn promised(ty: &Ty) -> Ty {
    let of = |member: &Ty| match member {
        Ty::Promise(inner) => (**inner).clone(),
        Ty::Condition | Ty::Bool => Ty::Bool,
        Ty::Any(_) => Ty::ANY,
        _ => Ty::Never,
    };
    list_of_tuple(ty.members().iter().map(of).fold(Ty::Never, Ty::join))
}
