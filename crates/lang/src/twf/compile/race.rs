//! `await all:` and `await one:`.

use super::names::{Names, any_stmt};
use super::{Compiler, Control, Role};
use crate::text::source::Span;
use crate::twf::ast::{AwaitAll, Block, ForHead, Ident, RaceCase, RaceKind, Stmt, StmtKind};
use crate::twf::code::{After, All, Branch, Case, CaseOn, Each, Expr, Instr, Label, Race};

impl<'a> Compiler<'a> {
    /// The branches' code stands out of line, before the instruction that starts them.
    pub(super) fn all(&mut self, all: &'a AwaitAll, span: Span) -> All {
        let past = self.label();
        self.emit(Instr::Jump(past), span);
        let branches = match &all.each {
            Some((name, items)) => {
                let items = self.expr(items);
                vec![self.fan_out((name, None), items, &all.body, span)]
            }
            None => all.body.iter().map(|stmt| self.branch(stmt)).collect(),
        };
        let landing = self.needs_landing(&all.body).then(|| {
            let landing = self.here();
            // What was prepared lies on top of whatever is on the control stack here.
            self.leave_all(span);
            self.leave(span);
            landing
        });
        self.place(past);
        All { branches, bind: self.bind(all.bind.as_ref()), landing }
    }

    /// Whether a branch may leave through its owner.
    fn needs_landing(&self, body: &Block) -> bool {
        let has_finally =
            self.outer_finally || self.controls.iter().any(|it| matches!(it, Control::Finally { .. }));
        (self.is_handler() || has_finally)
            && any_stmt(body, &|stmt| {
                matches!(stmt.kind, StmtKind::Return(_) | StmtKind::ReturnWorkflow(_) | StmtKind::Close(..))
            })
    }

    fn branch(&mut self, stmt: &'a Stmt) -> Branch {
        match Self::fan_out_parts(stmt) {
            Some((ForHead::Each(first, second, items), body)) => {
                let items = self.expr(items);
                self.fan_out((first, second.as_ref()), items, body, stmt.span)
            }
            _ => Branch { entry: self.branch_code(std::slice::from_ref(stmt), false, stmt.span), each: None },
        }
    }

    fn fan_out(
        &mut self,
        (first, second): (&'a Ident, Option<&'a Ident>),
        items: Expr,
        body: &'a Block,
        span: Span,
    ) -> Branch {
        let mut own = vec![first.name.to_string()];
        own.extend(second.map(|name| name.name.to_string()));
        self.scope.open(&own, &Names::of_branch(body));
        let entry = self.branch_code(body, true, span);
        let first = self.scope.own_slot(&first.name);
        let second = second.map(|name| self.scope.own_slot(&name.name));
        let slots = self.scope.close();
        Branch { entry, each: Some(Each { items, first, second, slots }) }
    }

    fn branch_code(&mut self, body: &'a [Stmt], is_fan_out: bool, span: Span) -> Label {
        let (role, depth) = (self.role, self.depth);
        let outer_finally = self.outer_finally;
        let controls = std::mem::take(&mut self.controls);
        self.outer_finally |= controls.iter().any(|it| matches!(it, Control::Finally { .. }));
        self.role = if self.is_handler() { Role::HandlerBranch } else { Role::Branch };
        self.depth = 0;
        let (entry, done) = (self.here(), self.label());
        if is_fan_out {
            self.controls.push(Control::Branch { done });
        }
        self.stmts(body);
        self.place(done);
        self.emit(Instr::End, span);
        (self.role, self.depth, self.controls) = (role, depth, controls);
        self.outer_finally = outer_finally;
        entry
    }

    pub(super) fn race(&mut self, cases: &'a [RaceCase], span: Span) {
        let done = self.label();
        let mut race = Race { cases: Vec::new(), fail: None, cancels_losers: self.home.cancels_losers };
        let mut bodies = Vec::with_capacity(cases.len());
        for case in cases {
            let body = self.label();
            if self.case(case, body, &mut race) {
                bodies.push((case, body));
            }
        }
        self.emit(Instr::Race(race), span);
        for (case, body) in bodies {
            self.place(body);
            self.block(&case.body);
            self.emit(Instr::Jump(done), case.span);
        }
        self.place(done);
    }

    /// Adds a case; false when its target cannot be waited for, which has been said in its place.
    fn case(&mut self, case: &'a RaceCase, body: Label, race: &mut Race) -> bool {
        let (on, after) = match &case.kind {
            RaceKind::Target(target, bind) => {
                let Some((on, capture)) = self.on(target, case.span) else { return false };
                (CaseOn::On(on), After { bind: self.bind(bind.as_ref()), capture })
            }
            RaceKind::All(all) => (CaseOn::All(self.all(all, case.span)), After::default()),
            RaceKind::Fail(name) => {
                let var = name.as_ref().map(|name| self.scope.bind(&name.name));
                race.fail = Some((var, body));
                return true;
            }
        };
        race.cases.push(Case { on, after, body, span: case.span });
        true
    }
}
