//! Loops that never wait, never end, never reach their deadline, or wait more often than they need.

use super::flow::{Flow, Marks, Ways, is_endless};
use super::{Checker, walk};
use crate::text::diagnostic::Diagnostic;
use crate::twf::ast::{Bind, Block, Call, Callee, Expr, ExprKind, ForHead, RaceCase, Stmt, StmtKind};

/// Functions whose value is another one at each call.
const CHANGEFUL: &[&str] = &["random", "uuid", "pop"];

/// Judges a loop by what its body does. Gives the marks that this adds.
pub(super) fn judge<'a>(
    flow: &mut Flow<'_, 'a>,
    stmt: &'a Stmt,
    head: &'a ForHead,
    body: &'a Block,
    marks: Marks,
) -> Marks {
    if let ForHead::Each(..) = head {
        sequential(flow.checker, body);
        return Marks::default();
    }
    if let ForHead::Await(..) = head {
        return Marks::default();
    }
    let is_torn = matches!(head, ForHead::While(Expr { kind: ExprKind::Error, .. }));
    if is_torn || marks.has(Marks::TORN.and(Marks::BUSY)) {
        return Marks::default();
    }
    if !marks.has(Marks::WAITS) {
        return busy(flow.checker, stmt, head, body, marks);
    }
    let free = Marks::BREAKS_FREELY.and(Marks::EXITS_FREELY);
    if is_endless(head) && !marks.has(free) {
        let message = "this loop goes on for ever, and with each round the history of its run grows";
        let found = Diagnostic::warning("UNBOUNDED_LOOP_NO_CAN", stmt.span, message)
            .help("`close continue_as_new(..)` once `workflow.continue_as_new_suggested`, with what to go on with")
            .note("a history has a limit of 51200 events; a run that reaches it is ended");
        flow.endless.push(found);
    }
    Marks::default()
}

/// A loop without a wait is an error when it cannot end, or when nothing in it changes what would end it: no
/// message is handled, and no timer fires, before the loop waits.
fn busy(checker: &mut Checker<'_>, stmt: &Stmt, head: &ForHead, body: &Block, marks: Marks) -> Marks {
    let can_leave = marks.has(Marks::BREAKS.and(Marks::EXITS)) || !is_endless(head);
    if can_leave && (marks.has(Marks::CHANGES) || has_changeful_call(head, body)) {
        return Marks::default();
    }
    let message = match (can_leave, head) {
        (false, _) => "this loop never waits and is never left",
        (true, ForHead::While(_)) => "this loop never waits, and nothing in it changes its condition",
        (true, _) => "this loop never waits, and nothing in it changes what it is left for",
    };
    let help = match head {
        ForHead::While(Expr { kind: ExprKind::Not(_), .. }) => {
            "`await (condition)` waits until something is so; `await timer(1m)` inside makes rounds"
        }
        _ => "wait in it, for example by `await timer(1m)`, or for a condition by `await (condition)`",
    };
    let found = Diagnostic::error("BUSY_LOOP", stmt.span, message)
        .help(help)
        .note("handlers run and timers fire only while the body waits, so nothing else ends the loop");
    checker.report(found);
    Marks::BUSY
}

/// Whether an expression of the loop gives another value at each evaluation.
fn has_changeful_call(head: &ForHead, body: &Block) -> bool {
    let mut found = false;
    let mut look = |expr: &Expr| {
        walk::names_called(expr, &mut |name| found |= CHANGEFUL.contains(&name));
    };
    if let ForHead::While(condition) = head {
        look(condition);
    }
    walk::each(body, &mut |stmt| walk::exprs(stmt, &mut look));
    found
}

/// In a loop, a deadline next to another timer that makes rounds: the race begins anew in each round, and so does
/// the deadline.
pub(super) fn restarted(checker: &mut Checker<'_>, timers: &[(&RaceCase, &Expr, Ways)]) {
    let leaves = |ways: &Ways| !ways.falls && ways.marks.has(Marks::BREAKS.and(Marks::EXITS));
    let Some((round, pause, _)) = timers.iter().find(|(_, _, ways)| !leaves(ways)) else { return };
    for (case, deadline, ways) in timers {
        let is_later = match (&pause.kind, &deadline.kind) {
            (ExprKind::Duration(pause), ExprKind::Duration(deadline)) => deadline > pause,
            _ => true,
        };
        if leaves(ways) && is_later {
            let message = "this timer starts anew in each round of the loop, so it never fires";
            let found = Diagnostic::warning("TIMER_RESTARTED_IN_LOOP", case.span, message)
                .label(round.span, "this one begins the next round first")
                .help("start it before the loop by `promise deadline <- timer(..)` and race `deadline` here");
            checker.report(found);
        }
    }
}

/// A loop over elements that does nothing but run one child workflow for each.
fn sequential(checker: &mut Checker<'_>, body: &Block) {
    let mut waits = body.iter().filter(|stmt| is_wait(stmt));
    let (Some(stmt), None) = (waits.next(), waits.next()) else { return };
    let StmtKind::Call(call, bind) = &stmt.kind else { return };
    let Callee::Workflow(name) = &call.callee else { return };
    let has_blocks = body.iter().any(|stmt| walk::blocks(stmt).next().is_some());
    let is_left = body.iter().any(|stmt| {
        matches!(
            stmt.kind,
            StmtKind::Break
                | StmtKind::Continue
                | StmtKind::Return(_)
                | StmtKind::Close(..)
                | StmtKind::Error
        )
    });
    if has_blocks || is_left || depends(body, call, bind.as_ref()) {
        return;
    }
    let message = format!("each `{}` is waited for before the next one starts", name.name.name);
    let found = Diagnostic::info("SEQUENTIAL_CHILD_CALLS", stmt.span, message)
        .help("put the loop under `await all:` when the children do not need one another");
    checker.report(found);
}

fn is_wait(stmt: &Stmt) -> bool {
    matches!(
        stmt.kind,
        StmtKind::Call(..)
            | StmtKind::Detach(_)
            | StmtKind::Await(..)
            | StmtKind::AwaitAll(_)
            | StmtKind::AwaitEach(..)
            | StmtKind::AwaitOne(_)
            | StmtKind::Send(..)
            | StmtKind::Promise(..)
    )
}

/// Whether a round uses what an earlier one has left: a name that the body assigns and the call reads.
fn depends(body: &Block, call: &Call, bind: Option<&Bind>) -> bool {
    let mut assigned: Vec<&str> = Vec::new();
    for stmt in body {
        if let StmtKind::Assign(place, ..) = &stmt.kind {
            assigned.push(&place.root.name);
        }
    }
    match bind {
        Some(Bind::Place(place)) => assigned.push(&place.root.name),
        Some(Bind::Tuple(names)) => assigned.extend(names.iter().map(|name| name.name.as_str())),
        None => {}
    }
    let mut found = false;
    for arg in &call.args {
        walk::names_read(&arg.value, &mut |name| found |= assigned.contains(&name));
    }
    found
}
