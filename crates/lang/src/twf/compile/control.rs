//! Branching, loops and `try`.

use super::names::is_fan_out;
use super::{Compiler, Control};
use crate::text::source::Span;
use crate::twf::ast::{Block, Expr, ForHead, Stmt, StmtKind, SwitchCase, TryStmt};
use crate::twf::code::{Instr, Label};

impl<'a> Compiler<'a> {
    pub(super) fn control_stmt(&mut self, stmt: &'a Stmt) {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::If(condition, then, otherwise) => self.if_stmt(condition, (then, otherwise), span),
            StmtKind::Switch(subject, cases, otherwise) => self.switch(subject, (cases, otherwise), span),
            StmtKind::For(head, body) => self.for_stmt(head, body, span),
            StmtKind::Try(guarded) => self.try_stmt(guarded, span),
            StmtKind::Break => self.jump_out(true, span),
            StmtKind::Continue => self.jump_out(false, span),
            _ => self.broken("INTERNAL", "a statement of unknown kind".to_string(), span),
        }
    }

    fn if_stmt(&mut self, condition: &'a Expr, (then, otherwise): (&'a Block, &'a Block), span: Span) {
        let (no, done) = (self.label(), self.label());
        let condition = self.expr(condition);
        self.emit(Instr::Unless(condition, no), span);
        self.block(then);
        if !otherwise.is_empty() {
            self.emit(Instr::Jump(done), span);
        }
        self.place(no);
        self.block(otherwise);
        self.place(done);
    }

    fn switch(&mut self, subject: &'a Expr, (cases, otherwise): (&'a [SwitchCase], &'a Block), span: Span) {
        let subject = self.expr(subject);
        let (default, done) = (self.label(), self.label());
        let mut table = Vec::with_capacity(cases.len());
        for case in cases {
            let body = self.label();
            table.push((self.exprs(&case.values), body));
        }
        let bodies: Vec<Label> = table.iter().map(|(_, body)| *body).collect();
        self.emit(Instr::Switch(subject, table, default), span);
        for (case, body) in cases.iter().zip(bodies) {
            self.place(body);
            self.block(&case.body);
            self.emit(Instr::Jump(done), span);
        }
        self.place(default);
        self.block(otherwise);
        self.place(done);
    }

    fn for_stmt(&mut self, head: &'a ForHead, body: &'a Block, span: Span) {
        let outer = self.depth;
        let done = self.label();
        if let ForHead::Each(_, _, items) | ForHead::Await(_, items) = head {
            let items = self.expr(items);
            let is_await = matches!(head, ForHead::Await(..));
            self.emit(if is_await { Instr::LoopPromises(items) } else { Instr::Loop(items) }, span);
            self.depth += 1;
        }
        let again = self.here();
        match head {
            ForHead::Forever => {}
            ForHead::While(condition) => {
                let condition = self.expr(condition);
                self.emit(Instr::Unless(condition, done), span);
            }
            ForHead::Each(first, second, _) => {
                let first = self.scope.bind(&first.name);
                let second = second.as_ref().map(|name| self.scope.bind(&name.name));
                self.emit(Instr::Next(first, second, done), span);
            }
            ForHead::Await(name, _) => {
                let name = self.scope.bind(&name.name);
                self.emit(Instr::NextDone(name, done), span);
            }
        }
        self.controls.push(Control::Loop { again, done, inner: self.depth, outer });
        self.block(body);
        self.controls.pop();
        self.emit(Instr::Jump(again), span);
        self.depth = outer;
        self.place(done);
    }

    /// `break` and `continue`: every `finally` on the way out runs first.
    fn jump_out(&mut self, is_break: bool, span: Span) {
        let depth = self.depth;
        for at in (0..self.controls.len()).rev() {
            match self.controls.get(at).copied() {
                Some(Control::Finally { block, depth }) => {
                    self.emit(Instr::Unwind(depth), span);
                    self.depth = depth;
                    self.without_controls(at, |c| c.block(block));
                }
                Some(Control::Loop { again, done, inner, outer }) => {
                    let (target, height) = if is_break { (done, outer) } else { (again, inner) };
                    self.emit(Instr::Unwind(height), span);
                    self.emit(Instr::Jump(target), span);
                    self.depth = depth;
                    return;
                }
                Some(Control::Branch { done }) if !is_break => {
                    self.emit(Instr::Unwind(0), span);
                    self.emit(Instr::Jump(done), span);
                    self.depth = depth;
                    return;
                }
                _ => break,
            }
        }
        self.depth = depth;
        let word = if is_break { "break" } else { "continue" };
        self.broken("BREAK_OUTSIDE_LOOP", format!("`{word}` has no loop to act on here"), span);
    }

    fn try_stmt(&mut self, guarded: &'a TryStmt, span: Span) {
        let outer = self.depth;
        let (failed, miss, done) = (self.label(), self.label(), self.label());
        self.emit(Instr::Try(failed), span);
        self.guarded(&guarded.body, guarded.finally.as_ref(), outer);
        self.ending(guarded, (outer, done), span);
        self.place(failed);
        if let Some(catch) = &guarded.catch {
            let type_name = guarded.catch_type.as_ref().map(|name| name.name.as_str().into());
            let bind = guarded.catch_name.as_ref().map(|name| self.scope.bind(&name.name));
            self.emit(Instr::Catch(type_name, bind, miss), span);
            if guarded.finally.is_some() {
                self.emit(Instr::Try(miss), span);
                self.guarded(catch, guarded.finally.as_ref(), outer);
            } else {
                self.depth = outer;
                self.block(catch);
            }
            self.ending(guarded, (outer, done), span);
        }
        self.place(miss);
        // The failure lies on the control stack while `finally` runs.
        self.depth = outer + 1;
        guarded.finally.iter().for_each(|block| self.block(block));
        self.emit(Instr::Rethrow, span);
        self.depth = outer;
        self.place(done);
    }

    /// A block behind an `Instr::Try` that has just been emitted.
    fn guarded(&mut self, block: &'a Block, finally: Option<&'a Block>, outer: u32) {
        self.depth = outer + 1;
        if let Some(finally) = finally {
            self.controls.push(Control::Finally { block: finally, depth: outer });
        }
        self.block(block);
        if finally.is_some() {
            self.controls.pop();
        }
    }

    /// A guarded block came to its end.
    fn ending(&mut self, guarded: &'a TryStmt, (outer, done): (u32, Label), span: Span) {
        self.emit(Instr::Unwind(outer), span);
        self.depth = outer;
        guarded.finally.iter().for_each(|block| self.block(block));
        self.emit(Instr::Jump(done), span);
    }

    /// The parts of an iterating `for` directly inside `await all:`.
    pub(super) fn fan_out_parts(stmt: &'a Stmt) -> Option<(&'a ForHead, &'a Block)> {
        match &stmt.kind {
            StmtKind::For(head, body) if is_fan_out(stmt) => Some((head, body)),
            _ => None,
        }
    }
}
