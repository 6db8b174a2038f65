//! What a file and a workspace consist of.

use super::Analysis;
use super::file::File;
use crate::text::source::{SourceId, Span};
use crate::twf::ast::{
    Block, Definition, Handler, HandlerKind, Ident, ServiceOperation, StateItem, StmtKind, Workflow,
};
use crate::twf::check::walk;

/// What an entry of an outline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutlineKind {
    /// A workflow.
    Workflow,
    /// An activity.
    Activity,
    /// A worker.
    Worker,
    /// A namespace.
    Namespace,
    /// A Nexus service.
    Service,
    /// A Nexus endpoint.
    Endpoint,
    /// An operation.
    Operation,
    /// A type.
    Type,
    /// A field of a type.
    Field,
    /// A signal, query or update.
    Message,
    /// A condition.
    Condition,
    /// A variable of `state:`.
    Variable,
    /// A promise.
    Promise,
    /// What a worker registers or a namespace places.
    Entry,
}

/// An entry of the outline of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its name.
    pub name: String,
    /// What stands behind the name, for example parameters.
    pub detail: String,
    /// What it is.
    pub kind: OutlineKind,
    /// All of it.
    pub full: Span,
    /// Its name.
    pub span: Span,
    /// What is in it.
    pub children: Vec<Outline>,
}

/// A definition anywhere in the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceSymbol {
    /// The definition, its children left out.
    pub outline: Outline,
    /// What it stands in, empty at the top of a file.
    pub container: String,
}

/// Symbols that one search gives at most.
const SYMBOLS_MAX: usize = 500;

impl Analysis {
    /// The outline of a file.
    pub fn outline(&self, id: SourceId) -> Vec<Outline> {
        self.file(id).map(outline).unwrap_or_default()
    }

    /// The definitions whose names hold the letters of a search in order, best matches first.
    pub fn search(&self, query: &str) -> Vec<WorkspaceSymbol> {
        let mut found: Vec<(u32, WorkspaceSymbol)> = Vec::new();
        for file in self.files() {
            for outline in outline(file) {
                gather(outline, "", query, &mut found);
            }
        }
        found.sort_by(|(a, left), (b, right)| {
            b.cmp(a).then_with(|| left.outline.name.cmp(&right.outline.name))
        });
        found.into_iter().take(SYMBOLS_MAX).map(|(_, symbol)| symbol).collect()
    }
}

fn gather(outline: Outline, container: &str, query: &str, found: &mut Vec<(u32, WorkspaceSymbol)>) {
    let Outline { name, detail, kind, full, span, children } = outline;
    let is_listed = !matches!(
        kind,
        OutlineKind::Entry | OutlineKind::Promise | OutlineKind::Variable | OutlineKind::Condition
    );
    for child in children {
        gather(child, &name, query, found);
    }
    if is_listed && let Some(score) = score(&name, query) {
        let outline = Outline { name, detail, kind, full, span, children: Vec::new() };
        found.push((score, WorkspaceSymbol { outline, container: container.to_string() }));
    }
}

/// How well a name fits a search: nothing when a letter is missing. Letters in a row, at the start of the name and
/// at the start of its words count more.
pub(super) fn score(name: &str, query: &str) -> Option<u32> {
    let mut score = 0;
    let mut letters = name.char_indices().peekable();
    let mut before = None::<char>;
    let mut in_row = false;
    for wanted in query.chars().filter(|c| !c.is_whitespace()) {
        let mut hit = false;
        for (at, letter) in letters.by_ref() {
            let starts_word =
                at == 0 || letter.is_uppercase() || before.is_some_and(|before| !before.is_alphanumeric());
            before = Some(letter);
            if letter.eq_ignore_ascii_case(&wanted) {
                score += 1 + u32::from(starts_word) * 3 + u32::from(in_row) * 2 + u32::from(letter == wanted);
                (hit, in_row) = (true, true);
                break;
            }
            in_row = false;
        }
        if !hit {
            return None;
        }
    }
    Some(score * 1000 / (20 + crate::text::source::offset(name.len())))
}

fn outline(file: &File) -> Vec<Outline> {
    file.parsed.unit.definitions.iter().map(|definition| definition_outline(file, definition)).collect()
}

fn definition_outline(file: &File, definition: &Definition) -> Outline {
    let made = |name, span, kind, children| entry(file, name, span, kind, children);
    match definition {
        Definition::Workflow(it) => made(&it.name, it.span, OutlineKind::Workflow, workflow(file, it)),
        Definition::Activity(it) => made(&it.name, it.span, OutlineKind::Activity, Vec::new()),
        Definition::Worker(it) => {
            let all = it.workflows.iter().chain(&it.activities).chain(&it.services);
            let children = all.map(|name| leaf(&name.name, OutlineKind::Entry)).collect();
            made(&it.name, it.span, OutlineKind::Worker, children)
        }
        Definition::Namespace(it) => {
            let mut children: Vec<_> =
                it.workers.iter().map(|(name, _)| leaf(name, OutlineKind::Entry)).collect();
            children.extend(
                it.endpoints.iter().map(|it| made(&it.name, it.span, OutlineKind::Endpoint, Vec::new())),
            );
            made(&it.name, it.span, OutlineKind::Namespace, children)
        }
        Definition::Service(it) => {
            let children = it.operations.iter().map(|it| operation(file, it)).collect();
            made(&it.name, it.span, OutlineKind::Service, children)
        }
        Definition::Endpoint(it) => made(&it.name, it.span, OutlineKind::Endpoint, Vec::new()),
        Definition::Type(it) => {
            let children = it.fields.iter().map(|field| {
                let detail = file.slice(field.ty.span).to_string();
                Outline {
                    detail,
                    full: field.name.span.to(field.ty.span),
                    ..leaf(&field.name, OutlineKind::Field)
                }
            });
            made(&it.name, it.span, OutlineKind::Type, children.collect())
        }
    }
}

fn workflow(file: &File, it: &Workflow) -> Vec<Outline> {
    let mut children: Vec<Outline> = it
        .state
        .iter()
        .map(|item| match item {
            StateItem::Condition(name) => leaf(name, OutlineKind::Condition),
            StateItem::Init(name, value) => {
                Outline { full: name.span.to(value.span), ..leaf(name, OutlineKind::Variable) }
            }
        })
        .collect();
    children.extend(it.handlers.iter().map(|handler| message(file, handler)));
    walk::each(&it.body, &mut |stmt| {
        if let StmtKind::Promise(name, _) = &stmt.kind {
            children.push(Outline { full: cover(stmt.span, name.span), ..leaf(name, OutlineKind::Promise) });
        }
    });
    children
}

fn message(file: &File, it: &Handler) -> Outline {
    let word = match it.kind {
        HandlerKind::Signal => "signal",
        HandlerKind::Query => "query",
        HandlerKind::Update => "update",
    };
    let mut made = entry(file, &it.name, it.span, OutlineKind::Message, Vec::new());
    made.detail = format!("{word} {}", made.detail).trim_end().to_string();
    made
}

fn operation(file: &File, it: &ServiceOperation) -> Outline {
    match it {
        ServiceOperation::Async { name, workflow } => {
            let detail = format!("workflow {}", workflow.name.name);
            Outline { detail, full: name.span.to(workflow.name.span), ..leaf(name, OutlineKind::Operation) }
        }
        ServiceOperation::Sync { name, span, .. } => {
            entry(file, name, *span, OutlineKind::Operation, Vec::new())
        }
    }
}

/// The body of an operation that has one.
pub(super) fn body(it: &ServiceOperation) -> Option<&Block> {
    match it {
        ServiceOperation::Sync { body, .. } => body.as_ref(),
        ServiceOperation::Async { .. } => None,
    }
}

fn entry(file: &File, name: &Ident, header: Span, kind: OutlineKind, children: Vec<Outline>) -> Outline {
    let full = cover(file.extent(header), name.span);
    let behind = Span { start: name.span.end.min(header.end), ..header };
    let detail =
        file.slice(behind).trim().trim_end_matches(':').split_whitespace().collect::<Vec<_>>().join(" ");
    Outline { name: name.name.to_string(), detail, kind, full, span: name.span, children }
}

fn leaf(name: &Ident, kind: OutlineKind) -> Outline {
    let (full, span) = (name.span, name.span);
    Outline { name: name.name.to_string(), detail: String::new(), kind, full, span, children: Vec::new() }
}

/// An editor wants the name inside of what it names.
fn cover(full: Span, name: Span) -> Span {
    full.to(name)
}
