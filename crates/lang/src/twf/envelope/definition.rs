//! Definitions as the public tool writes them.

use serde_json::{Map, Value, json};

use super::block::{Writer, put_name};
use super::options;
use super::source::File;
use crate::text::source::Sources;
use crate::text::source::Span;
use crate::twf::ast::{
    Activity, Definition, EndpointDef, Handler, HandlerKind, Ident, NamespaceDef, QName, Service,
    ServiceOperation, StateItem, Type, TypeDef, Worker, Workflow,
};
use crate::twf::check::ParsedUnit;
use crate::twf::dump::type_;
use crate::twf::graph::names::{Names, holes, word};
use crate::twf::graph::{NodeKind, Reading};
use crate::twf::options::OptionScope;

/// All definitions of all files, in order.
pub(super) fn definitions(units: &[ParsedUnit<'_>], sources: &Sources) -> Value {
    let names = Names::new(units, Reading::Public);
    let files: Vec<File<'_>> = units.iter().map(|unit| File::new(unit.source, sources)).collect();
    let mut all = Vec::new();
    for (at, (unit, file)) in units.iter().zip(&files).enumerate() {
        let mut writer = Writer::new(&names, &files, file, at, sources);
        let ends = unit.unit.definitions.iter().skip(1).map(|it| start(it, file));
        let ends = ends.chain(std::iter::once(u32::MAX));
        for (definition, end) in unit.unit.definitions.iter().zip(ends) {
            all.push(writer.definition(definition, end));
        }
    }
    Value::Array(all)
}

/// Where a definition begins.
fn start(it: &Definition, file: &File<'_>) -> u32 {
    let span = match it {
        Definition::Workflow(it) => it.span,
        Definition::Activity(it) => it.span,
        Definition::Worker(it) => it.span,
        Definition::Namespace(it) => it.span,
        Definition::Service(it) => it.span,
        Definition::Endpoint(it) => it.span,
        Definition::Type(it) => it.span,
    };
    file.keyword(span)
}

impl<'a> Writer<'a, '_> {
    fn definition(&mut self, it: &'a Definition, end: u32) -> Value {
        match it {
            Definition::Workflow(it) => self.workflow(it, end),
            Definition::Activity(it) => self.activity(it, end),
            Definition::Worker(it) => self.worker(it),
            Definition::Namespace(it) => self.namespace(it),
            Definition::Service(it) => self.service(it, end),
            Definition::Endpoint(it) => self.lone_endpoint(it),
            Definition::Type(it) => self.type_def(it),
        }
    }

    fn head(&self, kind: &str, name: &Ident, span: Span) -> Map<String, Value> {
        let mut map = self.node(kind, self.file.keyword(span));
        map.insert("sourceFile".to_string(), json!(self.file.path));
        map.insert("name".to_string(), json!(name.name.as_str()));
        map
    }

    /// `params` and `returnType` as they are written.
    fn signature(&self, map: &mut Map<String, Value>, name: &Ident, result: &[Type]) {
        map.insert("params".to_string(), json!(self.file.params(name)));
        if !result.is_empty() {
            map.insert("returnType".to_string(), json!(self.file.result(result)));
        }
    }

    fn workflow(&mut self, it: &'a Workflow, end: u32) -> Value {
        let mut map = self.head("workflowDef", &it.name, it.span);
        self.signature(&mut map, &it.name, &it.result);
        options::put(&mut map, "defaultOptions", &it.defaults, self.file);
        if !it.state.is_empty() {
            map.insert("state".to_string(), self.state(&it.state));
        }
        self.begin(it);
        let first = it.body.first().map_or(end, |stmt| stmt.span.start);
        for (key, kind) in [
            ("signals", HandlerKind::Signal),
            ("queries", HandlerKind::Query),
            ("updates", HandlerKind::Update),
        ] {
            let found = it.handlers.iter().filter(|handler| handler.kind == kind);
            let found: Vec<Value> = found.map(|handler| self.handler(handler, (it, first))).collect();
            map.insert(key.to_string(), Value::Array(found));
        }
        if let Some(block) = &it.on_cancel {
            let limit = block.first().map_or(first, |stmt| stmt.span.start).max(first);
            map.insert("onCancel".to_string(), self.block(block, limit));
        }
        // Comments before the first statement belong to the head, which keeps none.
        self.skip_comments(first);
        let body = if it.body.is_empty() { Value::Null } else { self.body(&it.body, end) };
        map.insert("body".to_string(), body);
        Value::Object(map)
    }

    fn activity(&mut self, it: &'a Activity, end: u32) -> Value {
        let mut map = self.head("activityDef", &it.name, it.span);
        self.signature(&mut map, &it.name, &it.result);
        options::put(&mut map, "defaultOptions", &it.defaults, self.file);
        self.skip_comments(it.defaults.last().map_or(it.span.end, |entry| entry.key.span.end));
        map.insert("body".to_string(), self.block(&it.body, end));
        Value::Object(map)
    }

    fn state(&self, all: &[StateItem]) -> Value {
        let conditions = all.iter().filter_map(|item| match item {
            StateItem::Condition(name) => {
                let (line, column) = self.file.point(self.file.keyword(name.span));
                Some(json!({ "line": line, "column": column, "name": name.name.as_str() }))
            }
            StateItem::Init(..) => None,
        });
        let raw = all.iter().filter_map(|item| match item {
            StateItem::Condition(_) => None,
            StateItem::Init(name, value) => {
                let mut map = self.node("raw", self.file.keyword(name.span));
                map.insert("text".to_string(), json!(self.file.span(name.span.to(value.span))));
                map.insert("tree".to_string(), self.trees.expr(value));
                Some(Value::Object(map))
            }
        });
        let (conditions, raw) = (conditions.collect::<Vec<_>>(), raw.collect::<Vec<_>>());
        let mut map = Map::new();
        if !conditions.is_empty() {
            map.insert("conditions".to_string(), Value::Array(conditions));
        }
        if !raw.is_empty() {
            map.insert("rawStmts".to_string(), Value::Array(raw));
        }
        Value::Object(map)
    }

    fn handler(&mut self, it: &'a Handler, (workflow, first): (&'a Workflow, u32)) -> Value {
        let kind = match it.kind {
            HandlerKind::Signal => "signalDecl",
            HandlerKind::Query => "queryDecl",
            HandlerKind::Update => "updateDecl",
        };
        let mut map = self.node(kind, self.file.keyword(it.span));
        map.insert("name".to_string(), json!(it.name.name.as_str()));
        self.signature(&mut map, &it.name, &it.result);
        options::put(&mut map, "options", &it.options, self.file);
        let next =
            workflow.handlers.iter().map(|it| it.span.start).filter(|start| *start > it.span.start).min();
        if let Some(block) = &it.validator {
            map.insert("validator".to_string(), self.block(block, it.span.end));
        }
        self.skip_comments(it.options.last().map_or(it.span.end, |entry| entry.key.span.end));
        map.insert("body".to_string(), self.block(&it.body, next.unwrap_or(first)));
        Value::Object(map)
    }

    fn worker(&self, it: &Worker) -> Value {
        let mut map = self.head("workerDef", &it.name, it.span);
        for (key, kind, all) in [
            ("workflows", NodeKind::Workflow, &it.workflows),
            ("activities", NodeKind::Activity, &it.activities),
            ("services", NodeKind::Service, &it.services),
        ] {
            let all: Vec<Value> = all.iter().map(|name| self.registered(kind, name)).collect();
            map.insert(key.to_string(), Value::Array(all));
        }
        Value::Object(map)
    }

    fn registered(&self, kind: NodeKind, name: &QName) -> Value {
        let (line, column) = self.file.point(self.file.keyword(name.name.span));
        let mut map = Map::new();
        put_name(&mut map, "package", name);
        map.insert("line".to_string(), json!(line));
        map.insert("column".to_string(), json!(column));
        self.put_resolved(&mut map, "resolved", self.names.find(kind, self.at, name));
        Value::Object(map)
    }

    fn namespace(&self, it: &NamespaceDef) -> Value {
        let mut map = self.head("namespaceDef", &it.name, it.span);
        put_holes(&mut map, &it.name.name);
        let workers = it.workers.iter().map(|(name, entries)| {
            let (line, column) = self.file.point(self.file.keyword(name.span));
            let mut map = Map::new();
            map.insert("workerName".to_string(), json!(name.name.as_str()));
            map.insert("line".to_string(), json!(line));
            map.insert("column".to_string(), json!(column));
            options::put(&mut map, "options", entries, self.file);
            self.put_resolved(&mut map, "resolvedWorker", self.names.worker(self.at, &name.name));
            Value::Object(map)
        });
        map.insert("workers".to_string(), Value::Array(workers.collect()));
        let endpoints = it.endpoints.iter().map(|it| self.endpoint(it));
        map.insert("endpoints".to_string(), Value::Array(endpoints.collect()));
        Value::Object(map)
    }

    fn endpoint(&self, it: &EndpointDef) -> Value {
        let (line, column) = self.file.point(self.file.keyword(it.span));
        let mut map = Map::new();
        map.insert("endpointName".to_string(), json!(it.name.name.as_str()));
        map.insert("line".to_string(), json!(line));
        map.insert("column".to_string(), json!(column));
        if let Some(queue) = word(&it.options, OptionScope::Endpoint, "task_queue") {
            map.insert("taskQueue".to_string(), json!(queue));
        }
        put_holes(&mut map, &it.name.name);
        options::put(&mut map, "options", &it.options, self.file);
        Value::Object(map)
    }

    /// The seed's endpoint outside of a namespace.
    fn lone_endpoint(&self, it: &EndpointDef) -> Value {
        let mut map = self.head("endpointDef", &it.name, it.span);
        if let Value::Object(fields) = self.endpoint(it) {
            map.extend(fields);
        }
        Value::Object(map)
    }

    fn service(&mut self, it: &'a Service, end: u32) -> Value {
        let mut map = self.head("nexusServiceDef", &it.name, it.span);
        let mut all = Vec::new();
        for (at, operation) in it.operations.iter().enumerate() {
            let next = it.operations.get(at + 1).map_or(end, |next| self.file.keyword(next.name().span));
            all.push(self.operation(operation, next));
        }
        map.insert("operations".to_string(), Value::Array(all));
        Value::Object(map)
    }

    fn operation(&mut self, it: &'a ServiceOperation, end: u32) -> Value {
        let (line, column) = self.file.point(self.file.keyword(it.name().span));
        let mut map = Map::new();
        map.insert("line".to_string(), json!(line));
        map.insert("column".to_string(), json!(column));
        map.insert("name".to_string(), json!(it.name().name.as_str()));
        match it {
            ServiceOperation::Async { workflow, .. } => {
                map.insert("opType".to_string(), json!("async"));
                map.insert("workflowName".to_string(), json!(workflow.name.name.as_str()));
                if let Some(package) = &workflow.package {
                    map.insert("workflowPackage".to_string(), json!(package.name.as_str()));
                }
            }
            ServiceOperation::Sync { name, result, body, span, .. } => {
                map.insert("opType".to_string(), json!("sync"));
                self.signature(&mut map, name, result);
                self.skip_comments(span.end);
                let body = body.as_ref().map_or(Value::Null, |body| self.block(body, end));
                map.insert("body".to_string(), body);
            }
        }
        Value::Object(map)
    }

    fn type_def(&self, it: &TypeDef) -> Value {
        let mut map = self.head("typeDef", &it.name, it.span);
        let fields = it.fields.iter().map(|field| {
            let (line, column) = self.file.point(field.name.span.start);
            json!({
                "line": line,
                "column": column,
                "name": field.name.name.as_str(),
                "valueType": type_(&field.ty),
                "default": field.default.as_ref().map(|value| self.trees.expr(value)),
            })
        });
        map.insert("fields".to_string(), Value::Array(fields.collect()));
        Value::Object(map)
    }
}

fn put_holes(map: &mut Map<String, Value>, name: &str) {
    let holes = holes(name);
    if !holes.is_empty() {
        map.insert("templateParams".to_string(), json!(holes));
    }
}
