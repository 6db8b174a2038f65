//! Statements as the public tool writes them.

use serde_json::{Map, Value, json};

use super::block::Writer;
use crate::text::source::{Span, offset};
use crate::twf::ast::{
    Arg, AwaitAll, Block, CloseKind, Expr, ForHead, Ident, RaceCase, RaceKind, SendTarget, Stmt, StmtKind,
    SwitchCase, TryStmt,
};
use crate::twf::graph::NodeKind;
use crate::twf::tree::stmt::reason;

impl<'a> Writer<'a, '_> {
    /// A statement; `limit` is where the next one begins.
    pub(super) fn stmt(&mut self, it: &'a Stmt, limit: u32) -> Value {
        match &it.kind {
            StmtKind::AwaitAll(all) => self.await_all(all, it.span, limit),
            StmtKind::AwaitOne(cases) => self.await_one(cases, it.span, limit),
            StmtKind::If(condition, then, otherwise) => {
                self.if_stmt(it.span, condition, (then, otherwise), limit)
            }
            StmtKind::Switch(value, cases, otherwise) => {
                self.switch(it.span, value, (cases, otherwise), limit)
            }
            StmtKind::For(head, body) => self.for_loop(it.span, head, body, limit),
            StmtKind::Try(tried) => self.try_stmt(tried, it.span, limit),
            _ => self.line(it),
        }
    }

    fn line(&self, it: &Stmt) -> Value {
        let span = it.span;
        match &it.kind {
            StmtKind::Call(call, bind) => self.call_stmt(call, bind.as_ref(), "child", span),
            StmtKind::Detach(call) => self.call_stmt(call, None, "detach", span),
            StmtKind::Promise(name, target) => {
                let mut map = self.node("promise", span.start);
                map.insert("name".to_string(), json!(name.name.as_str()));
                map.insert("target".to_string(), self.target(target, None, span));
                Value::Object(map)
            }
            StmtKind::PromiseInto(place, target) => {
                let mut map = self.node("promise", span.start);
                map.insert("name".to_string(), json!(self.place(place)));
                map.insert("target".to_string(), self.target(target, None, span));
                Value::Object(map)
            }
            StmtKind::Await(target, bind) => {
                let mut map = self.node("await", span.start);
                map.insert("target".to_string(), self.target(target, bind.as_ref(), span));
                Value::Object(map)
            }
            StmtKind::SetCondition(name, true) => self.named("set", name, span),
            StmtKind::SetCondition(name, false) => self.named("unset", name, span),
            StmtKind::Send(to, signal, args) => self.send(it, to, signal, args),
            StmtKind::Close(kind, args) => self.close(span, *kind, args),
            StmtKind::Return(value) => self.valued("return", "value", value.as_ref(), span),
            StmtKind::Raise(value) => self.valued("raise", "value", Some(value), span),
            StmtKind::Reject(value) => self.valued("reject", "value", Some(value), span),
            StmtKind::Break => Value::Object(self.node("break", span.start)),
            StmtKind::Continue => Value::Object(self.node("continue", span.start)),
            StmtKind::Cancel(_) => self.raw("cancel", it),
            StmtKind::AwaitEach(..) => self.raw("awaitEach", it),
            StmtKind::ReturnWorkflow(_) => self.raw("returnWorkflow", it),
            _ => self.raw("raw", it),
        }
    }

    fn named(&self, kind: &str, name: &Ident, span: Span) -> Value {
        let mut map = self.node(kind, span.start);
        map.insert("name".to_string(), json!(name.name.as_str()));
        Value::Object(map)
    }

    /// A line as it stands, with what was read of it.
    fn raw(&self, kind: &str, it: &Stmt) -> Value {
        let mut map = self.node(kind, it.span.start);
        map.insert("text".to_string(), json!(self.file.span(it.span)));
        map.insert("tree".to_string(), self.trees.stmt(it));
        Value::Object(map)
    }

    fn valued(&self, kind: &str, key: &str, value: Option<&Expr>, span: Span) -> Value {
        let mut map = self.node(kind, span.start);
        if let Some(value) = value {
            map.insert(key.to_string(), json!(self.file.behind(span, kind)));
            map.insert("tree".to_string(), self.trees.expr(value));
        }
        Value::Object(map)
    }

    fn send(&self, it: &Stmt, to: &SendTarget, signal: &Ident, args: &[Arg]) -> Value {
        let mut map = self.node("signalSend", it.span.start);
        map.insert("signal".to_string(), json!(signal.name.as_str()));
        let text = self.file.brackets(signal.span.end, it.span.end).map_or("", |(text, _)| text);
        if !text.is_empty() {
            map.insert("args".to_string(), json!(text));
            map.insert("tree".to_string(), Value::Array(self.trees.args(args)));
        }
        match to {
            SendTarget::Handle(name) => {
                map.insert("handle".to_string(), json!(name.name.as_str()));
                let workflow = self.handles.get(name.name.as_str()).copied().flatten();
                let found =
                    workflow.and_then(|workflow| self.names.find(NodeKind::Workflow, self.at, workflow));
                let found = found.filter(|item| self.names.takes(*item, &signal.name));
                self.put_resolved(&mut map, "resolved", found);
            }
            SendTarget::External(..) => {
                map.insert("external".to_string(), self.trees.receiver(to));
            }
        }
        Value::Object(map)
    }

    fn close(&self, span: Span, kind: CloseKind, args: &[Arg]) -> Value {
        let mut map = self.node("close", span.start);
        map.insert("reason".to_string(), json!(reason(kind)));
        // Older spellings have no brackets around the value.
        let ends = args.first().zip(args.last()).map(|(first, last)| first.value.span.to(last.value.span));
        let text = self.file.brackets(span.start, span.end).filter(|(_, end)| *end == span.end);
        let text = text.map_or_else(|| ends.map_or("", |span| self.file.span(span)), |(text, _)| text);
        if !args.is_empty() {
            map.insert("args".to_string(), json!(text));
            map.insert("tree".to_string(), Value::Array(self.trees.args(args)));
        }
        Value::Object(map)
    }

    /// The public tool gives the place of the word behind `await`.
    fn after_await(&self, span: Span) -> u32 {
        let text = self.file.span(span);
        match text.strip_prefix("await") {
            Some(rest) => span.start + offset(text.len() - rest.trim_start().len()),
            None => span.start,
        }
    }

    fn await_all(&mut self, it: &'a AwaitAll, span: Span, limit: u32) -> Value {
        let mut map = self.node("awaitAll", self.after_await(span));
        if let Some((name, items)) = &it.each {
            map.insert("variable".to_string(), json!(name.name.as_str()));
            map.insert("iterable".to_string(), json!(self.file.span(items.span)));
            map.insert("tree".to_string(), self.trees.expr(items));
        }
        self.put_bind(&mut map, "result", it.bind.as_ref());
        map.insert("body".to_string(), self.block(&it.body, limit));
        Value::Object(map)
    }

    fn await_one(&mut self, cases: &'a [RaceCase], span: Span, limit: u32) -> Value {
        let mut map = self.node("awaitOne", self.after_await(span));
        let mut all = Vec::new();
        for (at, case) in cases.iter().enumerate() {
            let next = cases.get(at + 1).map_or(limit, |next| next.span.start);
            all.push(self.race_case(case, next));
        }
        map.insert("cases".to_string(), Value::Array(all));
        Value::Object(map)
    }

    fn race_case(&mut self, it: &'a RaceCase, limit: u32) -> Value {
        let (line, column) = self.file.point(self.file.keyword(it.span));
        let mut map = Map::new();
        map.insert("line".to_string(), json!(line));
        map.insert("column".to_string(), json!(column));
        match &it.kind {
            RaceKind::Target(target, bind) => {
                map.insert("target".to_string(), self.target(target, bind.as_ref(), it.span));
            }
            RaceKind::All(all) => {
                map.insert("awaitAll".to_string(), self.await_all(all, it.span, limit));
            }
            RaceKind::Fail(name) => {
                let name = name.as_ref().map(|name| name.name.as_str());
                map.insert("fail".to_string(), json!({ "name": name }));
            }
        }
        map.insert("body".to_string(), self.block(&it.body, limit));
        Value::Object(map)
    }

    /// A condition without the brackets of its header; older spellings have none.
    fn header(&self, value: &Expr) -> &'a str {
        let span = value.span;
        let text = self.file.span(span);
        let inner = self.file.brackets(span.start, span.start + 1).filter(|(_, end)| *end == span.end);
        inner.map_or(text, |(inner, _)| inner)
    }

    fn if_stmt(
        &mut self,
        span: Span,
        condition: &Expr,
        (then, otherwise): (&'a Block, &'a Block),
        limit: u32,
    ) -> Value {
        let mut map = self.node("if", span.start);
        map.insert("condition".to_string(), json!(self.header(condition)));
        map.insert("tree".to_string(), self.trees.expr(condition));
        let next = otherwise.first().map_or(limit, |stmt| stmt.span.start);
        map.insert("body".to_string(), self.block(then, next));
        if !otherwise.is_empty() {
            map.insert("elseBody".to_string(), self.block(otherwise, limit));
        }
        Value::Object(map)
    }

    fn switch(
        &mut self,
        span: Span,
        value: &Expr,
        (cases, otherwise): (&'a [SwitchCase], &'a Block),
        limit: u32,
    ) -> Value {
        let mut map = self.node("switch", span.start);
        map.insert("expr".to_string(), json!(self.header(value)));
        map.insert("tree".to_string(), self.trees.expr(value));
        let end = otherwise.first().map_or(limit, |stmt| stmt.span.start);
        let mut all = Vec::new();
        for (at, case) in cases.iter().enumerate() {
            let next = cases.get(at + 1).and_then(|next| next.values.first());
            let next = next.map_or(end, |value| self.file.keyword(value.span));
            all.push(self.switch_case(case, next));
        }
        map.insert("cases".to_string(), Value::Array(all));
        if !otherwise.is_empty() {
            map.insert("default".to_string(), self.block(otherwise, limit));
        }
        Value::Object(map)
    }

    fn switch_case(&mut self, it: &'a SwitchCase, limit: u32) -> Value {
        let spans = it.values.first().zip(it.values.last()).map(|(first, last)| first.span.to(last.span));
        let mut map = Map::new();
        if let Some(span) = spans {
            let (line, column) = self.file.point(self.file.keyword(span));
            map.insert("line".to_string(), json!(line));
            map.insert("column".to_string(), json!(column));
            map.insert("value".to_string(), json!(self.file.span(span)));
        }
        map.insert("tree".to_string(), Value::Array(self.trees.exprs(&it.values)));
        map.insert("body".to_string(), self.block(&it.body, limit));
        Value::Object(map)
    }

    fn for_loop(&mut self, span: Span, head: &ForHead, body: &'a Block, limit: u32) -> Value {
        let mut map = self.node("for", span.start);
        let (variant, value) = match head {
            ForHead::Forever => ("infinite", None),
            ForHead::While(condition) => {
                map.insert("condition".to_string(), json!(self.header(condition)));
                ("conditional", Some(condition))
            }
            ForHead::Each(name, second, items) => {
                let second = second.as_ref().map_or_else(String::new, |it| format!(", {}", it.name));
                map.insert("variable".to_string(), json!(format!("{}{second}", name.name)));
                map.insert("iterable".to_string(), json!(self.file.span(items.span)));
                ("iteration", Some(items))
            }
            ForHead::Await(name, promises) => {
                map.insert("variable".to_string(), json!(name.name.as_str()));
                map.insert("iterable".to_string(), json!(self.file.span(promises.span)));
                ("await", Some(promises))
            }
        };
        map.insert("variant".to_string(), json!(variant));
        if let Some(value) = value {
            map.insert("tree".to_string(), self.trees.expr(value));
        }
        map.insert("body".to_string(), self.block(body, limit));
        Value::Object(map)
    }

    fn try_stmt(&mut self, it: &'a TryStmt, span: Span, limit: u32) -> Value {
        let mut map = self.node("try", span.start);
        let start = |block: Option<&Block>| block.and_then(|block| block.first()).map(|stmt| stmt.span.start);
        let end = start(it.finally.as_ref()).unwrap_or(limit);
        let caught = start(it.catch.as_ref()).unwrap_or(end);
        map.insert("body".to_string(), self.block(&it.body, caught));
        if let Some(catch) = &it.catch {
            let name = it.catch_name.as_ref().map(|name| name.name.as_str());
            let of = it.catch_type.as_ref().map(|name| name.name.as_str());
            map.insert("catch".to_string(), json!({ "name": name, "errorType": of }));
            map.insert("catchBody".to_string(), self.block(catch, end));
        }
        if let Some(finally) = &it.finally {
            map.insert("finallyBody".to_string(), self.block(finally, limit));
        }
        Value::Object(map)
    }
}
