//! Statements as nodes.

use serde_json::{Value, json};

use super::Trees;
use crate::twf::ast::{
    AssignOp, AwaitAll, CloseKind, ForHead, RaceCase, RaceKind, Stmt, StmtKind, SwitchCase, TryStmt,
};

impl Trees<'_> {
    pub(super) fn block(self, block: &[Stmt]) -> Vec<Value> {
        block.iter().map(|it| self.stmt(it)).collect()
    }

    /// A statement with the blocks in it.
    pub(in crate::twf) fn stmt(self, it: &Stmt) -> Value {
        let (kind, fields) = match &it.kind {
            StmtKind::AwaitAll(all) => ("awaitAll", self.await_all(all)),
            StmtKind::AwaitOne(cases) => {
                let cases: Vec<Value> = cases.iter().map(|case| self.race_case(case)).collect();
                ("awaitOne", json!({ "cases": cases }))
            }
            StmtKind::If(condition, then, otherwise) => (
                "if",
                json!({
                    "condition": self.expr(condition),
                    "then": self.block(then),
                    "else": self.block(otherwise),
                }),
            ),
            StmtKind::Switch(value, cases, otherwise) => (
                "switch",
                json!({
                    "value": self.expr(value),
                    "cases": cases.iter().map(|case| self.switch_case(case)).collect::<Vec<_>>(),
                    "else": self.block(otherwise),
                }),
            ),
            StmtKind::For(head, body) => ("for", self.for_loop(head, body)),
            StmtKind::Try(it) => ("try", self.try_stmt(it)),
            _ => return self.line(it),
        };
        self.node(kind, it.span, fields)
    }

    /// A statement without a block.
    fn line(self, it: &Stmt) -> Value {
        let (kind, fields) = match &it.kind {
            StmtKind::Call(call, bind) => {
                ("call", json!({ "call": self.call(call), "bind": self.bind(bind.as_ref()) }))
            }
            StmtKind::Detach(call) => ("detach", json!({ "call": self.call(call) })),
            StmtKind::Promise(name, target) => {
                ("promise", json!({ "name": name.name.as_str(), "target": self.target(target) }))
            }
            StmtKind::PromiseInto(place, target) => {
                ("promise", json!({ "place": self.place(place), "target": self.target(target) }))
            }
            StmtKind::Await(target, bind) => {
                ("await", json!({ "target": self.target(target), "bind": self.bind(bind.as_ref()) }))
            }
            StmtKind::AwaitEach(value, bind) => {
                ("awaitEach", json!({ "promises": self.expr(value), "bind": self.bind(bind.as_ref()) }))
            }
            StmtKind::SetCondition(name, true) => ("set", json!({ "name": name.name.as_str() })),
            StmtKind::SetCondition(name, false) => ("unset", json!({ "name": name.name.as_str() })),
            StmtKind::Send(to, signal, args) => (
                "signalSend",
                json!({
                    "to": self.receiver(to),
                    "signal": signal.name.as_str(),
                    "args": self.args(args),
                }),
            ),
            StmtKind::Cancel(to) => ("cancel", json!({ "to": self.receiver(to) })),
            StmtKind::ReturnWorkflow(call) => ("returnWorkflow", json!({ "call": self.call(call) })),
            _ => return self.plain(it),
        };
        self.node(kind, it.span, fields)
    }

    /// A statement of expressions.
    fn plain(self, it: &Stmt) -> Value {
        let (kind, fields) = match &it.kind {
            StmtKind::Raise(value) => ("raise", json!({ "value": self.expr(value) })),
            StmtKind::Reject(value) => ("reject", json!({ "value": self.expr(value) })),
            StmtKind::Close(kind, args) => {
                ("close", json!({ "reason": reason(*kind), "args": self.args(args) }))
            }
            StmtKind::Return(value) => {
                ("return", json!({ "value": value.as_ref().map(|value| self.expr(value)) }))
            }
            StmtKind::Assign(place, op, value) => (
                "assign",
                json!({ "place": self.place(place), "op": assign(*op), "value": self.expr(value) }),
            ),
            StmtKind::Expr(value) => ("expression", json!({ "value": self.expr(value) })),
            StmtKind::Heartbeat(args) => ("heartbeat", json!({ "args": self.args(args) })),
            StmtKind::Break => ("break", json!({})),
            StmtKind::Continue => ("continue", json!({})),
            StmtKind::Pass => ("pass", json!({})),
            _ => ("error", json!({ "text": self.sources.slice(it.span) })),
        };
        self.node(kind, it.span, fields)
    }

    fn await_all(self, it: &AwaitAll) -> Value {
        let each = it
            .each
            .as_ref()
            .map(|(name, items)| json!({ "variable": name.name.as_str(), "items": self.expr(items) }));
        json!({ "each": each, "bind": self.bind(it.bind.as_ref()), "body": self.block(&it.body) })
    }

    fn race_case(self, it: &RaceCase) -> Value {
        let fields = match &it.kind {
            RaceKind::Target(target, bind) => json!({
                "target": self.target(target),
                "bind": self.bind(bind.as_ref()),
                "body": self.block(&it.body),
            }),
            RaceKind::All(all) => json!({ "all": self.await_all(all), "body": self.block(&it.body) }),
            RaceKind::Fail(name) => json!({
                "fail": { "name": name.as_ref().map(|name| name.name.as_str()) },
                "body": self.block(&it.body),
            }),
        };
        self.node("case", it.span, fields)
    }

    fn switch_case(self, it: &SwitchCase) -> Value {
        json!({ "values": self.exprs(&it.values), "body": self.block(&it.body) })
    }

    fn for_loop(self, head: &ForHead, body: &[Stmt]) -> Value {
        let body = self.block(body);
        match head {
            ForHead::Forever => json!({ "variant": "infinite", "body": body }),
            ForHead::While(condition) => {
                json!({ "variant": "conditional", "condition": self.expr(condition), "body": body })
            }
            ForHead::Await(name, promises) => json!({
                "variant": "await",
                "variable": name.name.as_str(),
                "items": self.expr(promises),
                "body": body,
            }),
            ForHead::Each(name, second, items) => json!({
                "variant": "iteration",
                "variable": name.name.as_str(),
                "second": second.as_ref().map(|it| it.name.as_str()),
                "items": self.expr(items),
                "body": body,
            }),
        }
    }

    fn try_stmt(self, it: &TryStmt) -> Value {
        json!({
            "body": self.block(&it.body),
            "catchName": it.catch_name.as_ref().map(|it| it.name.as_str()),
            "catchType": it.catch_type.as_ref().map(|it| it.name.as_str()),
            "catch": it.catch.as_ref().map(|block| self.block(block)),
            "finally": it.finally.as_ref().map(|block| self.block(block)),
        })
    }
}

/// The word after `close`.
pub(in crate::twf) fn reason(kind: CloseKind) -> &'static str {
    match kind {
        CloseKind::Complete => "complete",
        CloseKind::Fail => "fail",
        CloseKind::ContinueAsNew => "continue_as_new",
    }
}

fn assign(op: AssignOp) -> &'static str {
    match op {
        AssignOp::Set => "=",
        AssignOp::Add => "+=",
        AssignOp::Sub => "-=",
        AssignOp::Mul => "*=",
        AssignOp::Div => "/=",
    }
}
