//! Names of definitions: what a file defines and what stands in headers and lists.

use super::{Callee, Collector, Local, Name, Owner, Path, Role};
use crate::text::source::{Span, offset};
use crate::twf::ast::{
    Activity, Annotation, Block, Definition, EndpointDef, Handler, HandlerKind, Import, Name as Text,
    NamespaceDef, Param, QName, Service, ServiceOperation, StateItem, StmtKind, Type, TypeDef, TypeKind,
    Unit, Worker, Workflow,
};
use crate::twf::check::index::leaf;
use crate::twf::check::walk;
use crate::twf::compile::names::Names;
use crate::twf::options::OptionScope;

impl<'a> Collector<'a> {
    pub(super) fn unit(&mut self, unit: &'a Unit) {
        for import in &unit.imports {
            self.import(import);
        }
        for (at, definition) in unit.definitions.iter().enumerate() {
            self.owner = offset(at);
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
    }

    /// The name that an import brings: its alias, or else the last part of its path.
    fn import(&mut self, import: &'a Import) {
        if let Some(alias) = &import.alias {
            return self.add(alias, Name::Package, Role::Definition);
        }
        let line = self.text.get(import.span.start as usize..import.span.end as usize).unwrap_or("");
        let name = leaf(&import.path);
        let Some(path) = line.find(&import.path) else { return };
        let start = import.span.start + offset(path + import.path.rfind(name).unwrap_or(0));
        let span = Span { start, end: start + offset(name.len()), ..import.span };
        self.add_at(span, name, Name::Package, Role::Definition);
    }

    fn annotations(&mut self, annotations: &'a [Annotation]) {
        for annotation in annotations {
            self.add(&annotation.name, Name::Annotation, Role::Read);
        }
    }

    fn workflow(&mut self, it: &'a Workflow) {
        self.begin(0, offset(it.handlers.len()) + 1);
        self.annotations(&it.annotations);
        self.add(&it.name, Name::Workflow(None), Role::Definition);
        self.params(&it.params);
        self.types(&it.result);
        self.options(OptionScope::WorkflowDefaults, &it.defaults);
        self.note_promises(&it.body);
        for handler in &it.handlers {
            self.note_promises(&handler.body);
        }
        if let Some(block) = &it.on_cancel {
            self.note_promises(block);
        }
        for item in &it.state {
            match item {
                StateItem::Condition(name) => self.local(name, Local::Condition, Role::Definition),
                StateItem::Init(name, value) => {
                    self.local(name, Local::Variable, Role::Definition);
                    self.expr(value);
                }
            }
        }
        for (at, handler) in it.handlers.iter().enumerate() {
            self.handler(handler, offset(at) + 1);
        }
        if let Some(block) = &it.on_cancel {
            self.block(block);
        }
        self.block(&it.body);
        self.end();
    }

    fn note_promises(&mut self, block: &'a Block) {
        walk::each(block, &mut |stmt| {
            if let StmtKind::Promise(name, target) = &stmt.kind {
                self.promises.insert(&name.name, target);
            }
        });
    }

    fn handler(&mut self, it: &'a Handler, scope: u32) {
        self.add(&it.name, Name::Message(it.kind, Owner::Here(self.owner)), Role::Definition);
        self.scopes.open(scope, Names::of_handler(it), Vec::new());
        self.params(&it.params);
        self.types(&it.result);
        let options = if it.kind == HandlerKind::Query { OptionScope::Query } else { OptionScope::Message };
        self.options(options, &it.options);
        if let Some(block) = &it.validator {
            self.block(block);
        }
        self.block(&it.body);
        self.scopes.close();
    }

    fn activity(&mut self, it: &'a Activity) {
        self.begin(0, 1);
        self.annotations(&it.annotations);
        self.add(&it.name, Name::Activity(None), Role::Definition);
        self.params(&it.params);
        self.types(&it.result);
        self.options(OptionScope::ActivityDefaults, &it.defaults);
        self.block(&it.body);
        self.end();
    }

    fn params(&mut self, params: &'a [Param]) {
        for param in params {
            self.local(&param.name, Local::Parameter, Role::Definition);
            if let Some(ty) = &param.ty {
                self.ty(ty);
            }
            if let Some(default) = &param.default {
                self.expr(default);
            }
        }
    }

    fn types(&mut self, types: &'a [Type]) {
        for ty in types {
            self.ty(ty);
        }
    }

    fn ty(&mut self, ty: &'a Type) {
        match &ty.kind {
            TypeKind::Name(name) => self.type_name(name, ty.span),
            TypeKind::List(inner) | TypeKind::Nullable(inner) => self.ty(inner),
            TypeKind::Generic(name, args) => {
                let span = Span { end: ty.span.start + offset(name.len()), ..ty.span };
                self.type_name(name, span);
                for arg in args {
                    self.ty(arg);
                }
            }
            TypeKind::Record(fields) => fields.iter().for_each(|(_, ty)| self.ty(ty)),
        }
    }

    /// A label; what is built in is no name that anybody could look up.
    pub(super) fn type_name(&mut self, name: &str, span: Span) {
        if !super::PRIMITIVES.contains(&name) && !matches!(name, "List" | "Map") {
            self.add_at(span, name, Name::Type, Role::Read);
        }
    }

    fn worker(&mut self, it: &'a Worker) {
        self.add(&it.name, Name::Worker, Role::Definition);
        for name in &it.workflows {
            self.qualified(name, Name::Workflow);
        }
        for name in &it.activities {
            self.qualified(name, Name::Activity);
        }
        for name in &it.services {
            self.qualified(name, Name::Service);
        }
    }

    pub(super) fn qualified(&mut self, name: &'a QName, make: fn(Option<Text>) -> Name) {
        if let Some(package) = &name.package {
            self.add(package, Name::Package, Role::Read);
        }
        self.add(&name.name, make(name.package.as_ref().map(|it| it.name.clone())), Role::Read);
    }

    fn namespace(&mut self, it: &'a NamespaceDef) {
        self.begin(0, 1);
        self.add(&it.name, Name::Namespace, Role::Definition);
        for (worker, options) in &it.workers {
            self.add(worker, Name::Worker, Role::Read);
            self.keys(OptionScope::Worker, options);
        }
        for endpoint in &it.endpoints {
            self.endpoint(endpoint);
        }
    }

    fn endpoint(&mut self, it: &'a EndpointDef) {
        self.add(&it.name, Name::Endpoint, Role::Definition);
        self.keys(OptionScope::Endpoint, &it.options);
    }

    fn service(&mut self, it: &'a Service) {
        self.add(&it.name, Name::Service(None), Role::Definition);
        let service = Path { qualifier: None, name: it.name.name.clone() };
        let mut next = offset(it.operations.len()) + 1;
        for (at, operation) in it.operations.iter().enumerate() {
            self.begin(offset(at) + 1, next);
            self.add(operation.name(), Name::Operation(service.clone()), Role::Definition);
            match operation {
                ServiceOperation::Async { workflow, .. } => self.qualified(workflow, Name::Workflow),
                ServiceOperation::Sync { params, result, body, .. } => {
                    self.params(params);
                    self.types(result);
                    if let Some(block) = body {
                        self.note_promises(block);
                    }
                    if let Some(block) = body {
                        self.block(block);
                    }
                }
            }
            self.end();
            next = self.next_scope;
        }
    }

    fn type_def(&mut self, it: &'a TypeDef) {
        self.begin(0, 1);
        self.add(&it.name, Name::Type, Role::Definition);
        for field in &it.fields {
            self.add(&field.name, Name::Field(it.name.name.clone()), Role::Definition);
            self.ty(&field.ty);
            if let Some(default) = &field.default {
                self.expr(default);
            }
        }
        self.end();
    }
}

/// A name as written.
pub(super) fn path(name: &QName) -> Path {
    Path { qualifier: name.package.as_ref().map(|it| it.name.clone()), name: name.name.name.clone() }
}

/// What a call calls, for the names of its arguments.
pub(super) fn callee(callee: &crate::twf::ast::Callee) -> Callee {
    use crate::twf::ast::Callee as Ast;
    match callee {
        Ast::Activity(name) => Callee::Activity(path(name)),
        Ast::Workflow(name) => Callee::Workflow(path(name)),
        Ast::Nexus { service, operation, .. } => Callee::Operation(path(service), operation.name.clone()),
        Ast::NexusWorkflow { workflow, .. } => {
            Callee::Workflow(Path { qualifier: None, name: workflow.name.clone() })
        }
    }
}
