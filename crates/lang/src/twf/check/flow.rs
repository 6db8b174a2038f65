//! The way control takes: loops that are left, lines that are never reached.

use super::{Checker, walk};
use crate::text::diagnostic::Diagnostic;
use crate::twf::ast::{Block, ForHead, RaceKind, Stmt, StmtKind, TryStmt};

impl Checker<'_> {
    /// `break` and `continue` outside of a loop. A block that holds an unreadable line may be the body of a
    /// loop whose header was lost, so nothing is said about it.
    pub(super) fn loops(&mut self, block: &Block) {
        let mut is_torn = false;
        walk::each(block, &mut |stmt| is_torn |= matches!(stmt.kind, StmtKind::Error));
        if !is_torn {
            self.outside_loop(block);
        }
    }

    fn outside_loop(&mut self, block: &Block) {
        for stmt in block {
            match &stmt.kind {
                StmtKind::Break | StmtKind::Continue => {
                    let word = if stmt.kind == StmtKind::Break { "break" } else { "continue" };
                    let message = format!("`{word}` outside of a loop");
                    self.report(Diagnostic::error("BREAK_OUTSIDE_LOOP", stmt.span, message));
                }
                StmtKind::For(..) => {}
                _ => {
                    for inner in walk::blocks(stmt) {
                        self.outside_loop(inner);
                    }
                }
            }
        }
    }

    /// The first statement of a block that no way leads to.
    pub(super) fn unreachable(&mut self, block: &Block) {
        let end = block.iter().position(ends);
        if let Some((last, next)) = end.and_then(|at| Some((block.get(at)?, block.get(at + 1)?))) {
            let diagnostic = Diagnostic::warning("UNREACHABLE_CODE", next.span, "this line is never reached")
                .label(last.span, "nothing goes on after this");
            self.report(diagnostic);
        }
        for stmt in block {
            for inner in walk::blocks(stmt) {
                self.unreachable(inner);
            }
        }
    }
}

/// Whether nothing after a statement is ever reached.
fn ends(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Close(..)
        | StmtKind::Return(_)
        | StmtKind::ReturnWorkflow(_)
        | StmtKind::Raise(_)
        | StmtKind::Reject(_)
        | StmtKind::Break
        | StmtKind::Continue => true,
        StmtKind::If(_, then, otherwise) => block_ends(then) && block_ends(otherwise),
        StmtKind::Switch(_, cases, otherwise) => {
            cases.iter().all(|case| block_ends(&case.body)) && block_ends(otherwise)
        }
        StmtKind::For(ForHead::Forever, body) => !has_break(body),
        StmtKind::AwaitOne(cases) => {
            let case_ends =
                |kind: &RaceKind, body: &Block| !matches!(kind, RaceKind::All(_)) && block_ends(body);
            !cases.is_empty() && cases.iter().all(|case| case_ends(&case.kind, &case.body))
        }
        StmtKind::Try(it) => try_ends(it),
        _ => false,
    }
}

fn try_ends(it: &TryStmt) -> bool {
    let finally_ends = it.finally.as_ref().is_some_and(block_ends);
    finally_ends || (block_ends(&it.body) && it.catch.as_ref().is_none_or(block_ends))
}

fn block_ends(block: &Block) -> bool {
    block.iter().any(ends)
}

/// Whether a `break` of this loop stands in its body; one of an inner loop does not count. An unreadable line
/// may be one.
fn has_break(block: &Block) -> bool {
    block.iter().any(|stmt| match &stmt.kind {
        StmtKind::Break | StmtKind::Error => true,
        StmtKind::For(..) => false,
        _ => walk::blocks(stmt).any(has_break),
    })
}
