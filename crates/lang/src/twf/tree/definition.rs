//! Definitions as nodes.

use serde_json::{Value, json};

use super::Trees;
use crate::twf::ast::{
    Activity, Annotation, Definition, EndpointDef, Handler, HandlerKind, NamespaceDef, Param, QName, Service,
    ServiceOperation, StateItem, Type, TypeDef, Worker, Workflow,
};
use crate::twf::dump::type_;

impl Trees<'_> {
    pub(super) fn definition(self, it: &Definition) -> Value {
        match it {
            Definition::Workflow(it) => self.workflow(it),
            Definition::Activity(it) => self.activity(it),
            Definition::Worker(it) => self.worker(it),
            Definition::Namespace(it) => self.namespace(it),
            Definition::Service(it) => self.service(it),
            Definition::Endpoint(it) => self.endpoint(it),
            Definition::Type(it) => self.type_def(it),
        }
    }

    fn workflow(self, it: &Workflow) -> Value {
        let fields = json!({
            "name": it.name.name.as_str(),
            "doc": it.doc,
            "annotations": self.annotations(&it.annotations),
            "params": self.params(&it.params),
            "result": types(&it.result),
            "defaults": self.options(&it.defaults),
            "state": it.state.iter().map(|it| self.state(it)).collect::<Vec<_>>(),
            "handlers": it.handlers.iter().map(|it| self.handler(it)).collect::<Vec<_>>(),
            "onCancel": it.on_cancel.as_ref().map(|block| self.block(block)),
            "body": self.block(&it.body),
        });
        self.node("workflow", it.span, fields)
    }

    fn activity(self, it: &Activity) -> Value {
        let fields = json!({
            "name": it.name.name.as_str(),
            "doc": it.doc,
            "annotations": self.annotations(&it.annotations),
            "params": self.params(&it.params),
            "result": types(&it.result),
            "defaults": self.options(&it.defaults),
            "body": self.block(&it.body),
        });
        self.node("activity", it.span, fields)
    }

    fn annotations(self, all: &[Annotation]) -> Vec<Value> {
        let annotation =
            |it: &Annotation| json!({ "name": it.name.name.as_str(), "args": self.args(&it.args) });
        all.iter().map(annotation).collect()
    }

    pub(in crate::twf) fn params(self, all: &[Param]) -> Vec<Value> {
        let param = |it: &Param| {
            let fields = json!({
                "name": it.name.name.as_str(),
                "ty": it.ty.as_ref().map(type_),
                "default": it.default.as_ref().map(|value| self.expr(value)),
            });
            self.node("param", it.name.span, fields)
        };
        all.iter().map(param).collect()
    }

    fn state(self, it: &StateItem) -> Value {
        match it {
            StateItem::Condition(name) => {
                self.node("condition", name.span, json!({ "name": name.name.as_str() }))
            }
            StateItem::Init(name, value) => {
                let fields = json!({ "name": name.name.as_str(), "value": self.expr(value) });
                self.node("init", name.span, fields)
            }
        }
    }

    fn handler(self, it: &Handler) -> Value {
        let kind = match it.kind {
            HandlerKind::Signal => "signal",
            HandlerKind::Query => "query",
            HandlerKind::Update => "update",
        };
        let fields = json!({
            "name": it.name.name.as_str(),
            "doc": it.doc,
            "params": self.params(&it.params),
            "result": types(&it.result),
            "options": self.options(&it.options),
            "validator": it.validator.as_ref().map(|block| self.block(block)),
            "body": self.block(&it.body),
        });
        self.node(kind, it.span, fields)
    }

    fn worker(self, it: &Worker) -> Value {
        let names = |all: &[QName]| all.iter().map(|it| self.qname(it)).collect::<Vec<_>>();
        let fields = json!({
            "name": it.name.name.as_str(),
            "workflows": names(&it.workflows),
            "activities": names(&it.activities),
            "services": names(&it.services),
        });
        self.node("worker", it.span, fields)
    }

    fn namespace(self, it: &NamespaceDef) -> Value {
        let workers = it.workers.iter().map(|(name, options)| {
            let fields = json!({ "name": name.name.as_str(), "options": self.options(options) });
            self.node("workerPlacement", name.span, fields)
        });
        let fields = json!({
            "name": it.name.name.as_str(),
            "workers": workers.collect::<Vec<_>>(),
            "searchAttributes": it
                .search_attributes
                .iter()
                .map(|(name, ty)| json!({ "name": name.name.as_str(), "type": ty.name.as_str() }))
                .collect::<Vec<_>>(),
            "endpoints": it.endpoints.iter().map(|it| self.endpoint(it)).collect::<Vec<_>>(),
        });
        self.node("namespace", it.span, fields)
    }

    fn endpoint(self, it: &EndpointDef) -> Value {
        let fields = json!({ "name": it.name.name.as_str(), "options": self.options(&it.options) });
        self.node("endpoint", it.span, fields)
    }

    fn service(self, it: &Service) -> Value {
        let fields = json!({
            "name": it.name.name.as_str(),
            "doc": it.doc,
            "operations": it.operations.iter().map(|it| self.operation(it)).collect::<Vec<_>>(),
        });
        self.node("service", it.span, fields)
    }

    fn operation(self, it: &ServiceOperation) -> Value {
        match it {
            ServiceOperation::Async { name, workflow } => {
                let fields = json!({ "name": name.name.as_str(), "workflow": self.qname(workflow) });
                self.node("asyncOperation", name.span, fields)
            }
            ServiceOperation::Sync { name, params, result, body, span } => {
                let fields = json!({
                    "name": name.name.as_str(),
                    "params": self.params(params),
                    "result": types(result),
                    "body": body.as_ref().map(|block| self.block(block)),
                });
                self.node("syncOperation", *span, fields)
            }
        }
    }

    fn type_def(self, it: &TypeDef) -> Value {
        let field = |it: &crate::twf::ast::TypeField| {
            let fields = json!({
                "name": it.name.name.as_str(),
                "doc": it.doc,
                "ty": type_(&it.ty),
                "default": it.default.as_ref().map(|value| self.expr(value)),
            });
            self.node("field", it.name.span, fields)
        };
        let fields = json!({
            "name": it.name.name.as_str(),
            "doc": it.doc,
            "fields": it.fields.iter().map(field).collect::<Vec<_>>(),
        });
        self.node("type", it.span, fields)
    }
}

fn types(all: &[Type]) -> Vec<String> {
    all.iter().map(type_).collect()
}
