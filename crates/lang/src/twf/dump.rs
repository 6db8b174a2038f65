//! The tree as text without positions: two spellings of one program have one dump.
//!
//! Meant for tests and for people who wonder how a file was read: a line a statement, blocks indented,
//! expressions with all their brackets.

mod expr;
mod statement;

pub use expr::{expr, type_};

use std::fmt::Write as _;

use crate::twf::ast::{
    Activity, Definition, EndpointDef, Handler, HandlerKind, Ident, NamespaceDef, OptionEntry, OptionValue,
    Param, QName, Service, ServiceOperation, StateItem, Type, TypeDef, Unit, Worker, Workflow,
};

/// Lines that are indented by two blanks a level.
#[derive(Default)]
struct Lines {
    out: String,
    depth: usize,
}

impl Lines {
    fn line(&mut self, text: &str) {
        let _infallible = writeln!(self.out, "{:indent$}{text}", "", indent = self.depth * 2);
    }

    fn within(&mut self, head: &str, fill: impl FnOnce(&mut Lines)) {
        self.line(head);
        self.depth += 1;
        fill(self);
        self.depth -= 1;
    }
}

/// A whole file.
pub fn unit(unit: &Unit) -> String {
    let mut lines = Lines::default();
    if let Some(package) = &unit.package {
        lines.line(&format!("package {}", package.name));
    }
    for import in &unit.imports {
        let alias = import.alias.as_ref().map_or("", |it| it.name.as_str());
        lines.line(&format!("import {alias} {:?}", import.path));
    }
    for (key, value) in &unit.pragmas {
        lines.line(&format!("pragma {key}={value}"));
    }
    for definition in &unit.definitions {
        lines.definition(definition);
    }
    lines.out
}

/// Statements as a body shows them.
pub fn block(block: &[crate::twf::ast::Stmt]) -> String {
    let mut lines = Lines::default();
    lines.block(block);
    lines.out
}

impl Lines {
    fn definition(&mut self, definition: &Definition) {
        match definition {
            Definition::Workflow(it) => self.workflow(it),
            Definition::Activity(it) => self.activity(it),
            Definition::Worker(it) => self.worker(it),
            Definition::Namespace(it) => self.namespace(it),
            Definition::Service(it) => self.service(it),
            Definition::Endpoint(it) => self.endpoint(it),
            Definition::Type(it) => self.type_def(it),
        }
    }

    fn doc(&mut self, doc: &str) {
        for line in doc.lines() {
            self.line(&format!("doc {line:?}"));
        }
    }

    fn annotations(&mut self, annotations: &[crate::twf::ast::Annotation]) {
        for annotation in annotations {
            self.line(&format!("@{}({})", annotation.name.name, expr::args(&annotation.args)));
        }
    }

    fn workflow(&mut self, it: &Workflow) {
        self.doc(&it.doc);
        self.annotations(&it.annotations);
        self.within(&header("workflow", &it.name, &it.params, &it.result), |lines| {
            lines.options("defaults", &it.defaults);
            for item in &it.state {
                match item {
                    StateItem::Condition(name) => lines.line(&format!("condition {}", name.name)),
                    StateItem::Init(name, value) => {
                        lines.line(&format!("state {} = {}", name.name, expr::expr(value)));
                    }
                }
            }
            for handler in &it.handlers {
                lines.handler(handler);
            }
            if let Some(body) = &it.on_cancel {
                lines.within("on_cancel", |lines| lines.block(body));
            }
            lines.block(&it.body);
        });
    }

    fn handler(&mut self, it: &Handler) {
        let kind = match it.kind {
            HandlerKind::Signal => "signal",
            HandlerKind::Query => "query",
            HandlerKind::Update => "update",
        };
        self.doc(&it.doc);
        self.within(&header(&format!("on {kind}"), &it.name, &it.params, &it.result), |lines| {
            lines.options("options", &it.options);
            if let Some(body) = &it.validator {
                lines.within("validator", |lines| lines.block(body));
            }
            lines.block(&it.body);
        });
    }

    fn activity(&mut self, it: &Activity) {
        self.doc(&it.doc);
        self.annotations(&it.annotations);
        self.within(&header("activity", &it.name, &it.params, &it.result), |lines| {
            lines.options("defaults", &it.defaults);
            lines.block(&it.body);
        });
    }

    fn worker(&mut self, it: &Worker) {
        self.within(&format!("worker {}", it.name.name), |lines| {
            let groups =
                [("workflow", &it.workflows), ("activity", &it.activities), ("service", &it.services)];
            for (word, names) in groups {
                for name in names {
                    lines.line(&format!("{word} {}", qname(name)));
                }
            }
        });
    }

    fn namespace(&mut self, it: &NamespaceDef) {
        self.within(&format!("namespace {}", it.name.name), |lines| {
            for (name, word) in &it.search_attributes {
                lines.line(&format!("search attribute {}: {}", name.name, word.name));
            }
            for (worker, options) in &it.workers {
                lines.within(&format!("worker {}", worker.name), |lines| lines.entries(options));
            }
            for endpoint in &it.endpoints {
                lines.endpoint(endpoint);
            }
        });
    }

    fn endpoint(&mut self, it: &EndpointDef) {
        self.within(&format!("endpoint {}", it.name.name), |lines| lines.entries(&it.options));
    }

    fn service(&mut self, it: &Service) {
        self.doc(&it.doc);
        self.within(&format!("service {}", it.name.name), |lines| {
            for operation in &it.operations {
                lines.operation(operation);
            }
        });
    }

    fn operation(&mut self, it: &ServiceOperation) {
        match it {
            ServiceOperation::Async { name, workflow } => {
                self.line(&format!("async {} workflow {}", name.name, qname(workflow)));
            }
            ServiceOperation::Sync { name, params, result, body, .. } => {
                self.within(&header("sync", name, params, result), |lines| match body {
                    Some(body) => lines.block(body),
                    None => lines.line("no body"),
                });
            }
        }
    }

    fn type_def(&mut self, it: &TypeDef) {
        self.doc(&it.doc);
        self.within(&format!("type {}", it.name.name), |lines| {
            for field in &it.fields {
                lines.doc(&field.doc);
                let default =
                    field.default.as_ref().map_or_else(String::new, |it| format!(" = {}", expr::expr(it)));
                lines.line(&format!("{}: {}{default}", field.name.name, type_(&field.ty)));
            }
        });
    }

    fn options(&mut self, head: &str, entries: &[OptionEntry]) {
        if !entries.is_empty() {
            self.within(head, |lines| lines.entries(entries));
        }
    }

    fn entries(&mut self, entries: &[OptionEntry]) {
        for entry in entries {
            match &entry.value {
                OptionValue::Expr(value) => self.line(&format!("{}: {}", entry.key.name, expr::expr(value))),
                OptionValue::Block(inner) => {
                    self.within(&format!("{}:", entry.key.name), |lines| lines.entries(inner));
                }
            }
        }
    }
}

fn header(word: &str, name: &Ident, params: &[Param], result: &[Type]) -> String {
    let params: Vec<String> = params.iter().map(param).collect();
    let result: Vec<String> = result.iter().map(type_).collect();
    let arrow = if result.is_empty() { String::new() } else { format!(" -> ({})", result.join(", ")) };
    format!("{word} {}({}){arrow}", name.name, params.join(", "))
}

fn param(it: &Param) -> String {
    let ty = it.ty.as_ref().map_or_else(String::new, |ty| format!(": {}", type_(ty)));
    let default = it.default.as_ref().map_or_else(String::new, |value| format!(" = {}", expr::expr(value)));
    format!("{}{ty}{default}", it.name.name)
}

fn qname(it: &QName) -> String {
    let package = it.package.as_ref().map_or_else(String::new, |package| format!("{}.", package.name));
    format!("{package}{}", it.name.name)
}
