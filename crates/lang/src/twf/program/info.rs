//! What hosts see of a program.

use serde_json::{Map, Value as Json};

use super::deploy::Deployed;
use crate::text::source::Span;
use crate::twf::ast::{
    Activity, Annotation, Block, Definition, ExprKind, Handler, HandlerKind, NamespaceDef, OptionEntry,
    Param, Service, ServiceOperation, StmtKind, Type, Unit, Workflow,
};
use crate::twf::code::{Ex, Expr, OptionCode, OptionExpr};
use crate::twf::compile::{Catalog, Entry, any_stmt, definition_options, param_fields};
use crate::twf::family;
use crate::twf::moment::duration_text;
use crate::twf::options::OptionScope;
use crate::twf::schema::{input_schema, schema};
use crate::twf::shape::{FieldShape, Shape, Types};

/// A place where something is deployed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deployment {
    /// The namespace.
    pub namespace: String,
    /// The task queue.
    pub task_queue: String,
    /// What its open runs do when a newer definition is deployed.
    pub versioning: Versioning,
}

/// What a worker's block says of its queue in a namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueLimits {
    /// The namespace; may have holes.
    pub namespace: String,
    /// The task queue.
    pub task_queue: String,
    /// So many attempts begin in a second: the lower of `worker_activity_rate_limit` and
    /// `task_queue_activity_rate_limit`.
    pub activities_per_second: Option<f64>,
    /// So many attempts run at the same time: `max_concurrent_activity_executions`.
    pub activities_max: Option<u64>,
}

/// What open runs do when a newer definition is deployed (rule H13).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Versioning {
    /// They keep the one that they have: `build_id`, `deployment`, or nothing said.
    #[default]
    Pinned,
    /// They go on with the newest one that does what their history says: `none`.
    AutoUpgrade,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamInfo {
    /// Its name.
    pub name: String,
    /// Its type as written; `any` when none is.
    pub type_text: String,
    /// Whether it must be given.
    pub required: bool,
    /// Its default, when that is constant.
    pub default: Option<Json>,
}

/// A message handler of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerInfo {
    /// Which message.
    pub kind: HandlerKind,
    /// Its name.
    pub name: String,
    /// Its documentation.
    pub doc: String,
    /// Its parameters.
    pub params: Vec<ParamInfo>,
    /// Schema of its arguments as an object.
    pub input_schema: Json,
    /// Schema of its answer.
    pub result_schema: Json,
    /// Header line.
    pub span: Span,
}

/// A workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowInfo {
    /// Its name.
    pub name: String,
    /// Its documentation.
    pub doc: String,
    /// Its parameters.
    pub params: Vec<ParamInfo>,
    /// Schema of its input: a closed object with the parameters by name.
    pub input_schema: Json,
    /// Its result type.
    pub result: Shape,
    /// Schema of its result.
    pub result_schema: Json,
    /// Its message handlers.
    pub handlers: Vec<HandlerInfo>,
    /// Whether `@entry` stands before it: it is meant to be started from outside.
    pub is_entry: bool,
    /// `default_options` by canonical key; durations as ISO 8601.
    pub default_options: Json,
    /// Where it is deployed; `default` on queue `default` when its file says nothing about deployment.
    pub deployments: Vec<Deployment>,
    /// Header line.
    pub span: Span,
}

/// An activity.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityInfo {
    /// Its name.
    pub name: String,
    /// Its documentation.
    pub doc: String,
    /// Its parameters.
    pub params: Vec<ParamInfo>,
    /// Schema of its arguments as an object.
    pub input_schema: Json,
    /// Its result type.
    pub result: Shape,
    /// Schema of its result.
    pub result_schema: Json,
    /// `default_options` by canonical key; durations as ISO 8601. Calls have them merged in already.
    pub default_options: Json,
    /// Whether its body says that it is completed from elsewhere, by its token or ids (rule H22).
    pub completes_async: bool,
    /// Where it is deployed.
    pub deployments: Vec<Deployment>,
    /// Header line.
    pub span: Span,
}

/// What serves a Nexus operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backing {
    /// A workflow of the target namespace.
    Workflow(String),
    /// The operation's own body, run as `Service.Operation`.
    Inline,
}

/// A Nexus operation.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationInfo {
    /// Its name.
    pub name: String,
    /// The name it runs under when it has a body: `Service.Operation`.
    pub run_name: String,
    /// Its parameters.
    pub params: Vec<ParamInfo>,
    /// Schema of its input.
    pub input_schema: Json,
    /// Its result type.
    pub result: Shape,
    /// Schema of its result.
    pub result_schema: Json,
    /// What serves it; nothing for a bare signature without a workflow of that name.
    pub backing: Option<Backing>,
    /// Where it was defined.
    pub span: Span,
}

/// A Nexus service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceInfo {
    /// Its name.
    pub name: String,
    /// Its documentation.
    pub doc: String,
    /// Its operations.
    pub operations: Vec<OperationInfo>,
    /// Where workers register it.
    pub deployments: Vec<Deployment>,
    /// Header line.
    pub span: Span,
}

impl ServiceInfo {
    /// Whether it is carried out in a namespace and on a queue, which may be instances of a family. A service that no worker
    /// registers is carried out wherever it is asked for.
    pub fn is_served_at(&self, namespace: &str, task_queue: &str) -> bool {
        let is_at = |place: &Deployment| {
            let is_there = |pattern: &str, name: &str| family::instance(pattern, name).is_some();
            is_there(&place.namespace, namespace) && is_there(&place.task_queue, task_queue)
        };
        self.deployments.is_empty() || self.deployments.iter().any(is_at)
    }
}

/// A Nexus endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointInfo {
    /// Its name, by its full spelling.
    pub name: String,
    /// The namespace it leads to.
    pub namespace: String,
    /// The task queue there.
    pub task_queue: String,
    /// Who may call it; empty is the own project only, `*` is everybody.
    pub allowed_caller_namespaces: Vec<String>,
    /// Header line.
    pub span: Span,
}

impl EndpointInfo {
    /// The endpoint that a name means in the family this is; none when it is none of them.
    pub(super) fn instance(&self, name: &str) -> Option<EndpointInfo> {
        if !family::is_family(&self.name) {
            return None;
        }
        let bound = family::instance(&self.name, name)?;
        let filled = |text: &String| family::filled(text, &bound);
        Some(EndpointInfo {
            name: name.to_string(),
            namespace: filled(&self.namespace)?,
            task_queue: filled(&self.task_queue)?,
            allowed_caller_namespaces: self
                .allowed_caller_namespaces
                .iter()
                .map(filled)
                .collect::<Option<_>>()?,
            span: self.span,
        })
    }
}

/// A namespace that a file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceInfo {
    /// Its name, by its full spelling; a family has `{param}` holes.
    pub name: String,
    /// What its runs can be searched by: the name and the word for the type.
    pub search_attributes: Vec<(String, String)>,
    /// Header line.
    pub span: Span,
}

pub(super) fn namespaces(units: &[&Unit]) -> Vec<NamespaceInfo> {
    let info = |node: &NamespaceDef| NamespaceInfo {
        name: node.name.name.to_string(),
        search_attributes: node
            .search_attributes
            .iter()
            .map(|(name, word)| (name.name.to_string(), word.name.to_string()))
            .collect(),
        span: node.span,
    };
    units
        .iter()
        .flat_map(|unit| &unit.definitions)
        .filter_map(|definition| match definition {
            Definition::Namespace(node) => Some(info(node)),
            _ => None,
        })
        .collect()
}

/// Where a Nexus call goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resolved<'a> {
    /// The endpoint, with its namespace and task queue.
    pub endpoint: &'a EndpointInfo,
    /// What serves the operation there.
    pub backing: &'a Backing,
}

fn params_of(fields: &[FieldShape]) -> Vec<ParamInfo> {
    let param = |field: &FieldShape| ParamInfo {
        name: field.name.to_string(),
        type_text: field.shape.text(),
        required: field.is_required(),
        default: field.default.clone(),
    };
    fields.iter().map(param).collect()
}

/// What a definition says about its input and result.
struct Signature {
    params: Vec<ParamInfo>,
    input_schema: Json,
    result: Shape,
    result_schema: Json,
}

impl Signature {
    fn new(types: &Types, (name, doc): (&str, &str), params: &[Param], result: &[Type]) -> Signature {
        let fields = param_fields(types, params);
        let result = types.result(result);
        Signature {
            params: params_of(&fields),
            input_schema: input_schema(types, name, doc, &fields),
            result_schema: schema(types, &result),
            result,
        }
    }
}

pub(super) fn workflows(catalog: &Catalog<'_>, deployed: &Deployed) -> Vec<WorkflowInfo> {
    catalog.workflows.iter().map(|entry| workflow(catalog, deployed, entry)).collect()
}

fn workflow(catalog: &Catalog<'_>, deployed: &Deployed, entry: &Entry<'_, Workflow>) -> WorkflowInfo {
    let node = entry.node;
    let made = Signature::new(&catalog.types, (&entry.public, &node.doc), &node.params, &node.result);
    WorkflowInfo {
        name: entry.public.to_string(),
        doc: node.doc.clone(),
        params: made.params,
        input_schema: made.input_schema,
        result: made.result,
        result_schema: made.result_schema,
        handlers: node.handlers.iter().map(|handler| handler_info(&catalog.types, handler)).collect(),
        is_entry: is_entry(&node.annotations),
        default_options: options_json(&node.defaults, OptionScope::WorkflowDefaults),
        deployments: deployed.workflow(&entry.public, entry.home),
        span: node.span,
    }
}

fn is_entry(annotations: &[Annotation]) -> bool {
    annotations.iter().any(|it| it.name.name == "entry")
}

/// `async_complete`, or the call that public files spell it by, on a line of its own at any depth.
fn completes_async(body: &Block) -> bool {
    any_stmt(body, &|stmt| match &stmt.kind {
        StmtKind::Expr(expr) => match &expr.kind {
            ExprKind::Call(callee, _) => matches!(
                &callee.kind,
                ExprKind::Name(name) if name == "async_complete" || name == "do_not_complete"
            ),
            _ => false,
        },
        _ => false,
    })
}

fn handler_info(types: &Types, node: &Handler) -> HandlerInfo {
    let made = Signature::new(types, (&node.name.name, &node.doc), &node.params, &node.result);
    HandlerInfo {
        kind: node.kind,
        name: node.name.name.to_string(),
        doc: node.doc.clone(),
        params: made.params,
        input_schema: made.input_schema,
        result_schema: made.result_schema,
        span: node.span,
    }
}

pub(super) fn activities(catalog: &Catalog<'_>, deployed: &Deployed) -> Vec<ActivityInfo> {
    catalog.activities.iter().map(|entry| activity(catalog, deployed, entry)).collect()
}

fn activity(catalog: &Catalog<'_>, deployed: &Deployed, entry: &Entry<'_, Activity>) -> ActivityInfo {
    let node = entry.node;
    let made = Signature::new(&catalog.types, (&entry.public, &node.doc), &node.params, &node.result);
    ActivityInfo {
        name: entry.public.to_string(),
        doc: node.doc.clone(),
        params: made.params,
        input_schema: made.input_schema,
        result: made.result,
        result_schema: made.result_schema,
        default_options: options_json(&node.defaults, OptionScope::ActivityDefaults),
        completes_async: completes_async(&node.body),
        deployments: deployed.activity(&entry.public, entry.home),
        span: node.span,
    }
}

pub(super) fn services(catalog: &Catalog<'_>, deployed: &Deployed) -> Vec<ServiceInfo> {
    let service = |entry: &Entry<'_, Service>| ServiceInfo {
        name: entry.public.to_string(),
        doc: entry.node.doc.clone(),
        operations: entry.node.operations.iter().map(|it| operation(catalog, deployed, entry, it)).collect(),
        deployments: deployed.service(&entry.public),
        span: entry.node.span,
    };
    catalog.services.iter().map(service).collect()
}

fn operation(
    catalog: &Catalog<'_>,
    deployed: &Deployed,
    service: &Entry<'_, Service>,
    node: &ServiceOperation,
) -> OperationInfo {
    let name = node.name().name.clone();
    let run_name = format!("{}.{name}", service.public);
    let (made, backing, span) = match node {
        ServiceOperation::Async { name, workflow: backing } => {
            let home = catalog.homes.get(service.home);
            let entry = home.and_then(|home| catalog.workflow(backing, home));
            let made = match entry {
                Some(entry) => {
                    let info = workflow(catalog, deployed, entry);
                    Signature {
                        params: info.params,
                        input_schema: info.input_schema,
                        result: info.result,
                        result_schema: info.result_schema,
                    }
                }
                None => Signature::new(&catalog.types, (&name.name, ""), &[], &[]),
            };
            let public =
                entry.map_or_else(|| backing.name.name.to_string(), |entry| entry.public.to_string());
            (made, Some(Backing::Workflow(public)), name.span)
        }
        ServiceOperation::Sync { name, params, result, body, span } => {
            let made = Signature::new(&catalog.types, (&name.name, ""), params, result);
            let same_name = || catalog.workflows.iter().find(|entry| *entry.public == *name.name);
            let backing = match body {
                Some(_) => Some(Backing::Inline),
                // The seed's bare signature: the workflow of that name serves it.
                None => same_name().map(|entry| Backing::Workflow(entry.public.to_string())),
            };
            (made, backing, *span)
        }
    };
    OperationInfo {
        name: name.to_string(),
        run_name,
        params: made.params,
        input_schema: made.input_schema,
        result: made.result,
        result_schema: made.result_schema,
        backing,
        span,
    }
}

/// The runs behind the operations of a service that have a body.
pub(super) fn operation_runs(service: &ServiceInfo) -> Vec<WorkflowInfo> {
    let run = |operation: &OperationInfo| WorkflowInfo {
        name: operation.run_name.clone(),
        doc: service.doc.clone(),
        params: operation.params.clone(),
        input_schema: operation.input_schema.clone(),
        result: operation.result.clone(),
        result_schema: operation.result_schema.clone(),
        handlers: Vec::new(),
        is_entry: false,
        default_options: Json::Object(Map::new()),
        deployments: service.deployments.clone(),
        span: operation.span,
    };
    service.operations.iter().filter(|it| it.backing == Some(Backing::Inline)).map(run).collect()
}

fn options_json(entries: &[OptionEntry], scope: OptionScope) -> Json {
    codes_json(&definition_options(entries, scope))
}

fn codes_json(codes: &[OptionCode]) -> Json {
    let value = |code: &OptionCode| match &code.value {
        OptionExpr::Value(expr) => expr_json(expr),
        OptionExpr::Block(inner) => codes_json(inner),
    };
    Json::Object(codes.iter().map(|code| (code.key.to_string(), value(code))).collect())
}

fn expr_json(expr: &Expr) -> Json {
    match &expr.kind {
        Ex::Bool(value) => Json::Bool(*value),
        Ex::Int(value) => Json::from(*value),
        Ex::Decimal(value) => Json::String(value.to_string()),
        Ex::Str(text) => Json::String(text.to_string()),
        Ex::Duration(ms) => Json::String(duration_text(*ms)),
        Ex::List(items) => items.iter().map(expr_json).collect(),
        _ => Json::Null,
    }
}
