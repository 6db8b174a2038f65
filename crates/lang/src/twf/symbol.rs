//! What files define, as a list: names, signatures, places; without bodies.

use serde_json::{Value, json};

use crate::text::source::{Sources, Span};
use crate::twf::ast::{
    Definition, Handler, HandlerKind, Param, QName, ServiceOperation, StateItem, Type, Workflow,
};
use crate::twf::check::ParsedUnit;
use crate::twf::dump::type_;

/// A definition, or a member of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Symbol {
    /// `workflow`, `activity`, `worker`, `namespace`, `service`, `endpoint`, `type`; of members `signal`, `query`,
    /// `update`, `condition`, `operation`, `field`, `registration`, `placement`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Parameters as `name: type`; none for what takes none.
    pub params: Option<Vec<String>>,
    /// Result types, or the type of a field.
    pub result: Vec<String>,
    /// The place of its name.
    pub span: Span,
    /// What stands in it.
    pub members: Vec<Symbol>,
}

impl Symbol {
    /// `(x: int) -> (string)`; empty for what takes and gives nothing.
    pub fn signature(&self) -> String {
        let params = self.params.as_ref().map_or_else(String::new, |all| format!("({})", all.join(", ")));
        match (self.result.is_empty(), self.params.is_some()) {
            (true, _) => params,
            (false, true) => format!("{params} -> ({})", self.result.join(", ")),
            (false, false) => self.result.join(", "),
        }
    }

    /// `kind`, `name`, `params`, `result`, `at`, `members`; every key is always there.
    pub fn json(&self, sources: &Sources) -> Value {
        let at = sources.locate(self.span);
        json!({
            "kind": self.kind,
            "name": self.name,
            "params": self.params,
            "result": self.result,
            "at": { "file": at.path, "line": at.line, "column": at.column },
            "members": self.members.iter().map(|it| it.json(sources)).collect::<Vec<_>>(),
        })
    }
}

/// The definitions of all files, in order.
pub fn symbols(units: &[ParsedUnit<'_>]) -> Vec<Symbol> {
    units.iter().flat_map(|unit| &unit.unit.definitions).map(symbol).collect()
}

fn symbol(it: &Definition) -> Symbol {
    match it {
        Definition::Workflow(it) => workflow(it),
        Definition::Activity(it) => Symbol {
            params: Some(params(&it.params)),
            result: types(&it.result),
            ..bare("activity", &it.name.name, it.name.span)
        },
        Definition::Worker(it) => {
            let all = it.workflows.iter().chain(&it.activities).chain(&it.services);
            Symbol { members: all.map(registered).collect(), ..bare("worker", &it.name.name, it.name.span) }
        }
        Definition::Namespace(it) => {
            let workers = it.workers.iter().map(|(name, _)| bare("placement", &name.name, name.span));
            let endpoints = it.endpoints.iter().map(|it| bare("endpoint", &it.name.name, it.name.span));
            let members = workers.chain(endpoints).collect();
            Symbol { members, ..bare("namespace", &it.name.name, it.name.span) }
        }
        Definition::Service(it) => Symbol {
            members: it.operations.iter().map(operation).collect(),
            ..bare("service", &it.name.name, it.name.span)
        },
        Definition::Endpoint(it) => bare("endpoint", &it.name.name, it.name.span),
        Definition::Type(it) => {
            let field = |it: &crate::twf::ast::TypeField| Symbol {
                result: vec![type_(&it.ty)],
                ..bare("field", &it.name.name, it.name.span)
            };
            Symbol {
                members: it.fields.iter().map(field).collect(),
                ..bare("type", &it.name.name, it.name.span)
            }
        }
    }
}

fn bare(kind: &'static str, name: &str, span: Span) -> Symbol {
    Symbol { kind, name: name.to_string(), params: None, result: Vec::new(), span, members: Vec::new() }
}

fn workflow(it: &Workflow) -> Symbol {
    let conditions = it.state.iter().filter_map(|item| match item {
        StateItem::Condition(name) => Some(bare("condition", &name.name, name.span)),
        StateItem::Init(..) => None,
    });
    Symbol {
        params: Some(params(&it.params)),
        result: types(&it.result),
        members: conditions.chain(it.handlers.iter().map(handler)).collect(),
        ..bare("workflow", &it.name.name, it.name.span)
    }
}

fn handler(it: &Handler) -> Symbol {
    let kind = match it.kind {
        HandlerKind::Signal => "signal",
        HandlerKind::Query => "query",
        HandlerKind::Update => "update",
    };
    Symbol {
        params: Some(params(&it.params)),
        result: types(&it.result),
        ..bare(kind, &it.name.name, it.name.span)
    }
}

fn operation(it: &ServiceOperation) -> Symbol {
    let named = bare("operation", &it.name().name, it.name().span);
    match it {
        ServiceOperation::Async { .. } => named,
        ServiceOperation::Sync { params: all, result, .. } => {
            Symbol { params: Some(params(all)), result: types(result), ..named }
        }
    }
}

fn registered(it: &QName) -> Symbol {
    let package = it.package.as_ref().map_or_else(String::new, |package| format!("{}.", package.name));
    bare("registration", &format!("{package}{}", it.name.name), it.name.span)
}

fn params(all: &[Param]) -> Vec<String> {
    let param = |it: &Param| {
        let ty = it.ty.as_ref().map_or_else(String::new, |ty| format!(": {}", type_(ty)));
        format!("{}{ty}", it.name.name)
    };
    all.iter().map(param).collect()
}

fn types(all: &[Type]) -> Vec<String> {
    all.iter().map(type_).collect()
}
