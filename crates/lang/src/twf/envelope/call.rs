//! Calls and what can be waited for, as the public tool writes them.

use serde_json::{Map, Value, json};

use super::block::{Writer, put_name};
use super::options;
use crate::text::source::Span;
use crate::twf::ast::{Bind, Call, Callee, Ident, LValue, PathStep, QName, Target};
use crate::twf::graph::NodeKind;

impl<'a> Writer<'a, '_> {
    /// A call as a statement. `mode` is `child` or `detach`.
    pub(super) fn call_stmt(&self, it: &Call, bind: Option<&Bind>, mode: &str, span: Span) -> Value {
        let kind = match &it.callee {
            Callee::Activity(_) => "activityCall",
            Callee::Workflow(_) => "workflowCall",
            Callee::Nexus { .. } | Callee::NexusWorkflow { .. } => "nexusCall",
        };
        let mut map = self.node(kind, span.start);
        self.put_call(&mut map, it, bind, mode);
        Value::Object(map)
    }

    /// What is called, with which arguments, where the result goes, and what names lead to.
    pub(super) fn put_call(&self, map: &mut Map<String, Value>, it: &Call, bind: Option<&Bind>, mode: &str) {
        match &it.callee {
            Callee::Activity(name) => self.put_callee(map, NodeKind::Activity, name),
            Callee::Workflow(name) => {
                map.insert("mode".to_string(), json!(mode));
                self.put_callee(map, NodeKind::Workflow, name);
            }
            Callee::Nexus { endpoint, service, operation } => {
                put_detach(map, mode);
                self.put_nexus(map, (endpoint, service, operation));
            }
            Callee::NexusWorkflow { namespace, workflow } => {
                put_detach(map, mode);
                map.insert("namespace".to_string(), json!(namespace.name.as_str()));
                let name = QName { package: None, name: workflow.clone() };
                map.insert("workflow".to_string(), json!(workflow.name.as_str()));
                let found = self.names.find(NodeKind::Workflow, self.at, &name);
                self.put_resolved(map, "resolved", found);
            }
        }
        let name_end = callee_end(&it.callee);
        let args = self.file.brackets(name_end, it.span.end).map_or("", |(text, _)| text);
        if !args.is_empty() {
            map.insert("args".to_string(), json!(args));
            map.insert("tree".to_string(), Value::Array(self.trees.args(&it.args)));
        }
        self.put_bind(map, "result", bind);
        options::put(map, "options", &it.options, self.file);
    }

    fn put_callee(&self, map: &mut Map<String, Value>, kind: NodeKind, name: &QName) {
        put_name(map, "package", name);
        self.put_resolved(map, "resolved", self.names.find(kind, self.at, name));
    }

    fn put_nexus(
        &self,
        map: &mut Map<String, Value>,
        (endpoint, service, operation): (&Ident, &QName, &Ident),
    ) {
        map.insert("endpoint".to_string(), json!(endpoint.name.as_str()));
        map.insert("service".to_string(), json!(service.name.name.as_str()));
        if let Some(package) = &service.package {
            map.insert("servicePackage".to_string(), json!(package.name.as_str()));
        }
        map.insert("operation".to_string(), json!(operation.name.as_str()));
        let found = self.names.endpoint_by_name.get(endpoint.name.as_str());
        if let Some(found) = found.and_then(|at| self.names.endpoints.get(*at)) {
            self.put_resolved(map, "resolvedEndpoint", Some(found.item));
            if let Some(namespace) = found.namespace {
                map.insert("resolvedEndpointNamespace".to_string(), json!(namespace));
            }
        }
        let found = self.names.find(NodeKind::Service, self.at, service);
        self.put_resolved(map, "resolvedService", found);
        let found = found.and_then(|service| self.names.operation(service, &operation.name));
        self.put_resolved(map, "resolvedOperation", found);
    }

    /// Where a result goes, as written.
    pub(super) fn put_bind(&self, map: &mut Map<String, Value>, key: &str, bind: Option<&Bind>) {
        let text = match bind {
            None => return,
            Some(Bind::Place(place)) => self.place(place).to_string(),
            Some(Bind::Tuple(names)) => names_text(names),
        };
        map.insert(key.to_string(), json!(text));
    }

    /// A place as written, its last index included.
    pub(super) fn place(&self, it: &LValue) -> &'a str {
        let end = it.path.last().map_or(it.root.span, |step| match step {
            PathStep::Field(name) => name.span,
            PathStep::Index(index) => index.span,
        });
        let closes = matches!(it.path.last(), Some(PathStep::Index(_)));
        let rest = self.file.slice(end.end as usize, self.file.text.len());
        let more = if closes { rest.find(']').map_or(0, |at| at + 1) } else { 0 };
        self.file.slice(it.root.span.start as usize, end.end as usize + more)
    }

    /// What is awaited or promised: `kind`, and the rest under a key of that name.
    pub(super) fn target(&self, it: &Target, bind: Option<&Bind>, span: Span) -> Value {
        let mut map = Map::new();
        let kind = match it {
            Target::Timer(value) => {
                let text = self.file.brackets(span.start, span.end).map_or("", |(text, _)| text);
                map.insert("duration".to_string(), json!(text));
                map.insert("tree".to_string(), self.trees.expr(value));
                "timer"
            }
            Target::Signal(name) => self.put_message(&mut map, name, bind, "signal"),
            Target::Update(name) => self.put_message(&mut map, name, bind, "update"),
            Target::Name(name) => {
                map.insert("name".to_string(), json!(name.name.as_str()));
                self.put_bind(&mut map, "result", bind);
                "ident"
            }
            Target::Place(place) => {
                map.insert("name".to_string(), json!(self.place(place)));
                self.put_bind(&mut map, "result", bind);
                "ident"
            }
            Target::Call(call) | Target::Detached(call) => {
                let mode = if matches!(it, Target::Detached(_)) { "detach" } else { "child" };
                self.put_call(&mut map, call, bind, mode);
                match &call.callee {
                    Callee::Activity(_) => "activity",
                    Callee::Workflow(_) => "workflow",
                    Callee::Nexus { .. } | Callee::NexusWorkflow { .. } => "nexus",
                }
            }
            Target::Predicate(value) => {
                map.insert("condition".to_string(), json!(self.file.span(value.span)));
                map.insert("tree".to_string(), self.trees.expr(value));
                "predicate"
            }
            Target::AllHandlersFinished(_) => "allHandlersFinished",
        };
        json!({ "kind": kind, kind: map })
    }

    fn put_message(
        &self,
        map: &mut Map<String, Value>,
        name: &Ident,
        bind: Option<&Bind>,
        kind: &'static str,
    ) -> &'static str {
        map.insert("name".to_string(), json!(name.name.as_str()));
        self.put_bind(map, "params", bind);
        kind
    }
}

/// Workflows say it by their `mode`.
fn put_detach(map: &mut Map<String, Value>, mode: &str) {
    if mode == "detach" {
        map.insert("detach".to_string(), json!(true));
    }
}

fn names_text(names: &[Ident]) -> String {
    names.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Behind the name that a call calls.
fn callee_end(it: &Callee) -> u32 {
    match it {
        Callee::Activity(name) | Callee::Workflow(name) => name.name.span.end,
        Callee::Nexus { operation, .. } => operation.span.end,
        Callee::NexusWorkflow { workflow, .. } => workflow.span.end,
    }
}
