//! Symbols as people read them: a line of code and what is known about it.

use super::Analysis;
use super::file::File;
use super::names::{Local, Name, Role};
use super::symbol::{Kind, Symbol};
use super::vocabulary;
use crate::text::source::Span;
use crate::twf::ast::{Definition, HandlerKind, OptionEntry, OptionValue, ServiceOperation};
use crate::twf::options::{OptionScope, OptionType};

/// A symbol as people read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// Code of the language.
    pub(super) code: String,
    /// What it means, in Markdown.
    pub(super) doc: String,
    /// Remarks of one line each.
    pub(super) notes: Vec<String>,
}

impl Shown {
    fn code(code: impl Into<String>) -> Shown {
        Shown { code: code.into(), ..Shown::default() }
    }

    fn doc(self, doc: impl Into<String>) -> Shown {
        Shown { doc: doc.into(), ..self }
    }

    fn note(mut self, note: impl Into<String>) -> Shown {
        self.notes.push(note.into());
        self
    }

    /// As Markdown.
    pub(super) fn markdown(&self) -> String {
        let mut parts = Vec::new();
        if !self.code.is_empty() {
            parts.push(format!("```twf\n{}\n```", self.code));
        }
        if !self.doc.is_empty() {
            parts.push(self.doc.clone());
        }
        parts.extend(self.notes.iter().cloned());
        parts.join("\n\n")
    }
}

impl Analysis {
    /// A symbol as people read it; nothing when it is defined nowhere.
    pub(super) fn show(&self, symbol: &Symbol) -> Option<Shown> {
        match symbol {
            Symbol::Function(name) => {
                let function = vocabulary::function(name)?;
                Some(Shown::code(function.signature()).doc(function.doc))
            }
            Symbol::RunField(name) => {
                let (ty, doc) = vocabulary::run_field(name)?;
                Some(Shown::code(format!("workflow.{name}: {ty}")).doc(doc))
            }
            Symbol::Pseudo(name) => Some(Shown::code(name.as_str()).doc(vocabulary::pseudo(name)?)),
            Symbol::Key(scope, name) => show_key(*scope, name),
            Symbol::Foreign(_, path, name) => {
                let word = symbol.word();
                let note =
                    format!("The package `{path}` is not among the files, so nothing is known about it.");
                Some(Shown::code(format!("{word} {name}")).doc(note))
            }
            Symbol::Package(file, alias) => self.show_package(*file, alias),
            Symbol::Local(..) => self.show_local(symbol),
            Symbol::Endpoint(_) | Symbol::Namespace(_) => self.show_place(symbol),
            _ => self.show_defined(symbol),
        }
    }

    fn show_defined(&self, symbol: &Symbol) -> Option<Shown> {
        let place = *self.table().places(symbol).first()?;
        let (file, definition) = self.at(place)?;
        match (symbol, definition) {
            (Symbol::Global(kind, ..), _) => {
                let shown = Analysis::show_global(file, definition);
                Some(self.deployment(symbol, *kind).into_iter().fold(shown, Shown::note))
            }
            (Symbol::Type(_), Definition::Type(it)) => {
                let fields = file.extent(it.span);
                Some(Shown::code(dedent(file.slice(fields))).doc(it.doc.clone()))
            }
            (Symbol::Field(label, name), Definition::Type(it)) => {
                let field = it.fields.iter().find(|field| field.name.name == *name)?;
                let end = field.default.as_ref().map_or(field.ty.span, |default| default.span);
                let line = file.slice(field.name.span.to(end)).to_string();
                Some(Shown::code(line).doc(field.doc.clone()).note(format!("Field of `{label}`.")))
            }
            (Symbol::Operation(_, name), Definition::Service(it)) => {
                let operation = it.operations.iter().find(|it| it.name().name == *name)?;
                Some(
                    self.show_operation(symbol, file, operation)
                        .note(format!("Operation of `{}`.", it.name.name)),
                )
            }
            (Symbol::Message(_, kind, name), Definition::Workflow(it)) => {
                let handler = it.handlers.iter().find(|it| it.kind == *kind && it.name.name == *name)?;
                let note = format!("{} of `{}`.", message_word(*kind), it.name.name);
                Some(Shown::code(header_text(file, handler.span)).doc(handler.doc.clone()).note(note))
            }
            _ => None,
        }
    }

    fn show_global(file: &File, definition: &Definition) -> Shown {
        let (span, doc) = match definition {
            Definition::Workflow(it) => (it.span, it.doc.clone()),
            Definition::Activity(it) => (it.span, it.doc.clone()),
            Definition::Service(it) => (it.span, it.doc.clone()),
            other => (super::file::header(other), String::new()),
        };
        let mut code = header_text(file, span);
        if let Definition::Service(it) = definition {
            for operation in &it.operations {
                code.push_str("\n    ");
                code.push_str(&operation_text(file, operation));
            }
        }
        let shown = Shown::code(code).doc(doc);
        match definition {
            Definition::Workflow(it) => messages(it).into_iter().fold(shown, Shown::note),
            Definition::Activity(it) => defaults(file, &it.defaults).into_iter().fold(shown, Shown::note),
            _ => shown,
        }
    }

    fn show_operation(&self, symbol: &Symbol, file: &File, operation: &ServiceOperation) -> Shown {
        let shown = Shown::code(operation_text(file, operation));
        let Some(signature) =
            self.signature(symbol).filter(|_| matches!(operation, ServiceOperation::Async { .. }))
        else {
            return shown;
        };
        let behind = header_text(signature.file, workflow_header(signature.file, signature.name.span));
        let doc = signature.doc.to_string();
        Shown { code: format!("{}\n{behind}", shown.code), doc, notes: shown.notes }
    }

    /// Where a definition runs: the workers that register it and the namespaces that place them.
    fn deployment(&self, symbol: &Symbol, kind: Kind) -> Option<String> {
        if kind == Kind::Worker {
            return None;
        }
        let mut workers: Vec<String> = Vec::new();
        for (file, it) in self.occurrences(symbol).filter(|(_, it)| it.role == Role::Read) {
            if let Some((_, Definition::Worker(worker))) = file.definition_at(it.span.start) {
                workers.push(format!("`{}`", worker.name.name));
            }
        }
        workers.dedup();
        (!workers.is_empty()).then(|| format!("Registered by {}.", workers.join(", ")))
    }

    fn show_package(&self, file: crate::text::source::SourceId, alias: &str) -> Option<Shown> {
        let home = self.table().home(file)?;
        let import = home.imports.iter().find(|it| it.alias == alias)?;
        let files: Vec<String> =
            self.package_files(&import.packages).map(|file| format!("`{}`", file.path)).collect();
        let doc = if files.is_empty() {
            "This package is not among the files; references to it are not checked.".to_string()
        } else {
            format!("Files: {}", files.join(", "))
        };
        Some(Shown::code(format!("import \"{}\"", import.path)).doc(doc))
    }

    pub(super) fn package_files<'a>(&'a self, packages: &'a [usize]) -> impl Iterator<Item = &'a File> {
        let ids = packages.iter().flat_map(|package| self.table().files_of(*package));
        ids.filter_map(|id| self.file(id))
    }

    /// An endpoint or a namespace with the options it is deployed with.
    fn show_place(&self, symbol: &Symbol) -> Option<Shown> {
        let target = *self.targets(symbol).first()?;
        let file = self.file(target.full.source)?;
        Some(Shown::code(dedent(file.slice(target.full))))
    }

    fn show_local(&self, symbol: &Symbol) -> Option<Shown> {
        let Symbol::Local(source, owner, ..) = symbol else { return None };
        let file = self.file(*source)?;
        let target = *self.targets(symbol).first()?;
        let kind = file.names.iter().find(|it| it.span == target.name).and_then(|it| match it.name {
            Name::Local(_, _, kind) => Some(kind),
            _ => None,
        });
        let owner = file.parsed.unit.definitions.get(*owner as usize).map(Definition::name);
        let owner = owner.map(|name| name.name.clone()).unwrap_or_default();
        let (code, word) = match kind? {
            Local::Parameter => (param_text(file, target.name), "Parameter"),
            Local::Condition => (format!("condition {}", symbol.text()), "Condition"),
            Local::Promise => (line_text(file, target.name), "Promise"),
            Local::Variable => (line_text(file, target.name), "Variable"),
        };
        let shown = Shown::code(code).note(format!("{word} in `{owner}`."));
        // Parameters say their types themselves.
        let ty = if word == "Parameter" || word == "Condition" { None } else { self.bound_type(target.name) };
        Some(ty.into_iter().fold(shown, |shown, ty| shown.note(format!("Type: `{ty}`"))))
    }
}

/// The header of a definition without the colon at its end.
pub(super) fn header_text(file: &File, header: Span) -> String {
    dedent(file.slice(header).trim().trim_end_matches(':').trim_end())
}

/// The header that a defining name stands in.
fn workflow_header(file: &File, name: Span) -> Span {
    file.definition_at(name.start).map_or(name, |(_, definition)| super::file::header(definition))
}

fn operation_text(file: &File, operation: &ServiceOperation) -> String {
    match operation {
        ServiceOperation::Async { name, workflow } => {
            format!("async {} workflow {}", name.name, file.slice(workflow.name.span))
        }
        ServiceOperation::Sync { span, .. } => header_text(file, *span),
    }
}

/// The line that a name stands on, trimmed.
fn line_text(file: &File, name: Span) -> String {
    let (start, end) = (file.line_start(name.start), file.line_end(name.end));
    file.text.get(start as usize..end as usize).unwrap_or("").trim().to_string()
}

/// A parameter with its type and default.
fn param_text(file: &File, name: Span) -> String {
    let rest = file.text.get(name.start as usize..).unwrap_or("");
    let mut depth = 0_i32;
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            ',' | ')' | '\n' if depth == 0 => return rest.get(..at).unwrap_or("").trim().to_string(),
            '=' if rest.get(at..).is_some_and(|tail| tail.starts_with("=>")) => {
                return rest.get(..at).unwrap_or("").trim().to_string();
            }
            _ => {}
        }
    }
    rest.to_string()
}

/// Text whose lines after the first lose the indentation that they share.
fn dedent(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or("").to_string();
    let rest: Vec<&str> = lines.collect();
    let shared =
        rest.iter().filter(|line| !line.trim().is_empty()).map(|line| indent(line)).min().unwrap_or(0);
    let is_closed = rest.last().is_some_and(|line| line.trim_start().starts_with([')', '}', ']']));
    let kept = if is_closed { 0 } else { 4 };
    rest.into_iter().fold(first, |shown, line| {
        let line = line.get(shared.min(line.len())..).unwrap_or("").trim_end();
        format!("{shown}\n{}{line}", " ".repeat(if line.is_empty() { 0 } else { kept }))
    })
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn message_word(kind: HandlerKind) -> &'static str {
    match kind {
        HandlerKind::Signal => "Signal",
        HandlerKind::Query => "Query",
        HandlerKind::Update => "Update",
    }
}

/// The messages of a workflow in one line for each kind.
fn messages(it: &crate::twf::ast::Workflow) -> Vec<String> {
    [(HandlerKind::Signal, "Signals"), (HandlerKind::Query, "Queries"), (HandlerKind::Update, "Updates")]
        .into_iter()
        .filter_map(|(kind, word)| {
            let names: Vec<String> = it
                .handlers
                .iter()
                .filter(|it| it.kind == kind)
                .map(|it| format!("`{}`", it.name.name))
                .collect();
            (!names.is_empty()).then(|| format!("{word}: {}", names.join(", ")))
        })
        .collect()
}

/// The timeouts and attempts that every call has, in one line.
fn defaults(file: &File, entries: &[OptionEntry]) -> Option<String> {
    let shown: Vec<String> = entries
        .iter()
        .filter_map(|entry| match &entry.value {
            OptionValue::Expr(value) => Some(format!("`{}: {}`", entry.key.name, file.slice(value.span))),
            OptionValue::Block(_) => None,
        })
        .collect();
    (!shown.is_empty()).then(|| format!("Defaults: {}", shown.join(", ")))
}

/// An option: its type, its meaning, its unit and default.
fn show_key(scope: OptionScope, name: &str) -> Option<Shown> {
    let key = scope.key(name)?;
    let shown =
        Shown::code(format!("{}: {}", key.name, type_text(key.ty))).doc(vocabulary::key(scope, key.name));
    Some(if key.is_extension { shown.note("An extension of the published language.") } else { shown })
}

/// The type of an option as people read it.
pub(super) fn type_text(ty: OptionType) -> String {
    match ty {
        OptionType::Str => "string".to_string(),
        OptionType::Duration => "duration".to_string(),
        OptionType::Number => "number".to_string(),
        OptionType::Bool => "bool".to_string(),
        OptionType::StrList => "[]string".to_string(),
        OptionType::Enum(words) => words.join(" | "),
        OptionType::Block(_) => "options".to_string(),
        OptionType::Any => "any".to_string(),
    }
}
