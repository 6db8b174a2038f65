//! Blocks: statements with the comments between them.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::source::File;
use crate::text::source::Sources;
use crate::twf::ast::{Block, Callee, QName, Stmt, StmtKind, Target, Workflow};
use crate::twf::graph::names::{Names, Tree};
use crate::twf::tree::Trees;

/// Writes the definitions of one file.
pub(super) struct Writer<'a, 'n> {
    pub(super) names: &'n Names<'a>,
    /// All files, for places of what names resolve to.
    pub(super) files: &'n [File<'a>],
    pub(super) file: &'n File<'a>,
    /// Index of the file.
    pub(super) at: usize,
    pub(super) trees: Trees<'a>,
    /// Promises for workflows, as far as the outermost block has been written.
    pub(super) handles: HashMap<&'a str, Option<&'a QName>>,
    /// Whether the outermost block of a workflow is being written.
    is_outermost: bool,
    /// The next comment that is not written yet.
    comment: usize,
}

impl<'a, 'n> Writer<'a, 'n> {
    pub(super) fn new(
        names: &'n Names<'a>,
        files: &'n [File<'a>],
        file: &'n File<'a>,
        at: usize,
        sources: &'a Sources,
    ) -> Writer<'a, 'n> {
        Writer {
            names,
            files,
            file,
            at,
            trees: Trees { sources },
            handles: HashMap::new(),
            is_outermost: false,
            comment: 0,
        }
    }

    /// The keys that every node has.
    pub(super) fn node(&self, kind: &str, byte: u32) -> Map<String, Value> {
        let (line, column) = self.file.point(byte);
        let mut map = Map::new();
        map.insert("type".to_string(), json!(kind));
        map.insert("line".to_string(), json!(line));
        map.insert("column".to_string(), json!(column));
        map
    }

    /// Goes over to another workflow.
    pub(super) fn begin(&mut self, workflow: &Workflow) {
        self.handles.clear();
        self.skip_comments(workflow.span.end);
    }

    /// The body of a workflow, which knows the promises of its outermost block.
    pub(super) fn body(&mut self, block: &'a Block, limit: u32) -> Value {
        self.is_outermost = true;
        let body = self.block(block, limit);
        self.is_outermost = false;
        body
    }

    /// Statements with their comments; null when there are neither. `limit` is where the next thing begins that
    /// stands further out.
    pub(super) fn block(&mut self, block: &'a [Stmt], limit: u32) -> Value {
        let is_outermost = std::mem::replace(&mut self.is_outermost, false);
        let column = block.first().map_or(0, |stmt| self.file.point(stmt.span.start).1);
        let mut out = Vec::new();
        for (at, stmt) in block.iter().enumerate() {
            self.comments(&mut out, stmt.span.start, 0);
            let next = block.get(at + 1).map_or(limit, |next| next.span.start);
            out.push(self.stmt(stmt, next));
            if is_outermost {
                self.remember(stmt);
            }
        }
        if !block.is_empty() {
            self.comments(&mut out, limit, column);
        }
        if out.is_empty() { Value::Null } else { Value::Array(out) }
    }

    fn remember(&mut self, stmt: &'a Stmt) {
        let StmtKind::Promise(name, target) = &stmt.kind else { return };
        let workflow = match target {
            Target::Call(call) => match &call.callee {
                Callee::Workflow(name) => Some(name),
                _ => None,
            },
            _ => None,
        };
        self.handles.insert(&name.name, workflow);
    }

    /// The comments before a byte; those on lines of their own only when they are indented as far as the block.
    fn comments(&mut self, out: &mut Vec<Value>, limit: u32, column: u32) {
        while let Some(comment) = self.file.comments.get(self.comment).filter(|it| it.span.start < limit) {
            if comment.own_line && self.file.point(comment.span.start).1 < column {
                return;
            }
            let mut map = self.node("comment", comment.span.start);
            let text = self.file.span(comment.span);
            map.insert("text".to_string(), json!(text.strip_prefix('#').unwrap_or(text)));
            out.push(Value::Object(map));
            self.comment += 1;
        }
    }

    /// Leaves out the comments before a byte.
    pub(super) fn skip_comments(&mut self, limit: u32) {
        while self.file.comments.get(self.comment).is_some_and(|it| it.span.start < limit) {
            self.comment += 1;
        }
    }

    /// `{name, line, column}` of what a reference leads to; nothing when it leads nowhere.
    pub(super) fn put_resolved(&self, map: &mut Map<String, Value>, key: &str, item: Option<usize>) {
        let Some(item) = item.and_then(|at| self.names.item(at)) else { return };
        let Some(file) = self.files.get(item.file) else { return };
        let (line, column) = file.point(file.keyword(item.span));
        let name = match item.tree {
            Tree::Workflow(it) => &it.name.name,
            Tree::Activity(it) => &it.name.name,
            Tree::Worker(it) => &it.name.name,
            Tree::Operation(it) => &it.name().name,
            Tree::Other => file.span(item.span),
        };
        map.insert(key.to_string(), json!({ "name": name, "line": line, "column": column }));
    }
}

/// Puts `name`, and the package under a key of its own when there is one.
pub(super) fn put_name(map: &mut Map<String, Value>, key: &str, name: &QName) {
    map.insert("name".to_string(), json!(name.name.name.as_str()));
    if let Some(package) = &name.package {
        map.insert(key.to_string(), json!(package.name.as_str()));
    }
}
