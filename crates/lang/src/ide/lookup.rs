//! From a place to what stands there, and from there to where it is defined and used.

use super::Analysis;
use super::file::{File, header};
use super::names::{Callee, Name, Occurrence, Path, Role};
use super::symbol::{Kind, Place, Symbol, operation_scope};
use crate::text::source::{SourceId, Span, offset};
use crate::twf::ast::{Definition, Ident, Param, ServiceOperation, Type};

/// Where a definition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: Span,
    /// All of it.
    pub full: Span,
}

/// What takes arguments, as it is declared.
pub(super) struct Signature<'a> {
    /// The file it stands in.
    pub(super) file: &'a File,
    /// Its name.
    pub(super) name: &'a Ident,
    /// Its parameters.
    pub(super) params: &'a [Param],
    /// Its result types.
    pub(super) result: &'a [Type],
    /// Its documentation.
    pub(super) doc: &'a str,
    /// The number of its definition and the scope of its parameters.
    scope: (usize, u32),
}

impl Analysis {
    /// The symbols that a byte stands on: several where a field and a variable share their name.
    pub fn symbols_at(&self, id: SourceId, byte: u32) -> Vec<(&Occurrence, Symbol)> {
        let Some(file) = self.file(id) else { return Vec::new() };
        let names = file.names_at(byte);
        let Some(first) = names.first().map(|it| it.span) else { return Vec::new() };
        let same = names.into_iter().filter(|it| it.span == first);
        same.filter_map(|it| Some((it, self.symbol(file, it)?))).collect()
    }

    /// What a name of a file stands for.
    pub fn symbol(&self, file: &File, it: &Occurrence) -> Option<Symbol> {
        match &it.name {
            Name::Argument(callee) => self.parameter(file, callee, &it.text),
            Name::Member => self.member(file, it),
            _ => self.table().symbol(file, it),
        }
    }

    /// Where what stands at a byte is defined.
    pub fn definition(&self, id: SourceId, byte: u32) -> Vec<Target> {
        let symbols = self.symbols_at(id, byte);
        let mut found: Vec<Target> = Vec::new();
        for (_, symbol) in &symbols {
            found.extend(self.targets(symbol));
        }
        if found.is_empty() {
            found.extend(self.import_targets(id, byte));
        }
        found
    }

    /// Where a symbol is defined; of a variable, where it first gets a value.
    pub fn targets(&self, symbol: &Symbol) -> Vec<Target> {
        if let Symbol::Package(file, alias) = symbol {
            return self.package_targets(*file, alias);
        }
        let mut all = self.occurrences(symbol).filter(|(_, it)| it.role != Role::Read).collect::<Vec<_>>();
        if all.iter().any(|(_, it)| it.role == Role::Definition) {
            all.retain(|(_, it)| it.role == Role::Definition);
        }
        if matches!(symbol, Symbol::Local(..)) {
            all.truncate(1);
        }
        all.iter().map(|(file, it)| Target { name: it.span, full: Analysis::full(file, it) }).collect()
    }

    /// Everything that a defining name stands for: its header line with the block under it.
    fn full(file: &File, it: &Occurrence) -> Span {
        let is_block = matches!(
            it.name,
            Name::Workflow(_)
                | Name::Activity(_)
                | Name::Worker
                | Name::Service(_)
                | Name::Namespace
                | Name::Endpoint
                | Name::Type
                | Name::Operation(_)
                | Name::Message(..)
        );
        if !is_block {
            return it.span;
        }
        let start = file.line_start(it.span.start);
        let indent = file.text.get(start as usize..it.span.start as usize).unwrap_or("");
        let head = start + offset(indent.len() - indent.trim_start().len());
        let line_end = file.line_end(it.span.end);
        let shown = file.text.get(head as usize..line_end as usize).unwrap_or("").trim_end().len();
        file.span(head, file.layout.end_of(head, head + offset(shown)))
    }

    /// All names of a symbol, file by file.
    pub fn occurrences<'a>(&'a self, symbol: &'a Symbol) -> impl Iterator<Item = (&'a File, &'a Occurrence)> {
        let only = match symbol {
            Symbol::Local(file, ..) => self.locals_leave(symbol).then_some(*file),
            Symbol::Package(file, _) => Some(*file),
            _ => None,
        };
        let files = self.files.iter().filter(move |file| only.is_none_or(|only| only == file.source));
        let text = symbol.text();
        // Only types tell what stands behind a dot, and inferring them takes a while: it is done for fields alone.
        let is_field = matches!(symbol, Symbol::Field(..));
        let fits = move |it: &Occurrence| is_field || it.name != Name::Member;
        files.flat_map(move |file| {
            let named = file.names.iter().filter(move |it| (it.text == text || is_alias(it)) && fits(it));
            named
                .filter(move |it| self.symbol(file, it).as_ref() == Some(symbol))
                .map(move |it| (&**file, it))
        })
    }

    /// Whether a local name is used in its own file only; parameters are also named by callers.
    fn locals_leave(&self, symbol: &Symbol) -> bool {
        let Symbol::Local(source, owner, scope, name) = symbol else { return false };
        let Some(file) = self.file(*source) else { return true };
        let is_parameter = |it: &Occurrence| {
            it.name == Name::Local(*owner, *scope, super::names::Local::Parameter) && it.text == *name
        };
        !file.names.iter().any(is_parameter)
    }

    /// All uses of what stands at a byte, file by file.
    pub fn references(&self, id: SourceId, byte: u32, with_definition: bool) -> Vec<Span> {
        let mut found = Vec::new();
        for (_, symbol) in self.symbols_at(id, byte) {
            let all = self.occurrences(&symbol);
            let fits = all.filter(|(_, it)| with_definition || it.role != Role::Definition);
            found.extend(fits.map(|(_, it)| it.span));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The same in the same file, with what each use does.
    pub fn highlights(&self, id: SourceId, byte: u32) -> Vec<(Span, Role)> {
        let mut found: Vec<(Span, Role)> = Vec::new();
        for (_, symbol) in self.symbols_at(id, byte) {
            let here = self.occurrences(&symbol).filter(|(file, _)| file.source == id);
            found.extend(here.map(|(_, it)| (it.span, it.role)));
        }
        found.sort_by_key(|(span, _)| *span);
        found.dedup_by_key(|(span, _)| *span);
        found
    }

    /// The files of the package that a name of a file stands for.
    fn package_targets(&self, file: SourceId, alias: &str) -> Vec<Target> {
        let Some(home) = self.table().home(file) else { return Vec::new() };
        let packages = home.imports.iter().filter(|it| it.alias == alias).flat_map(|it| &it.packages);
        let files = packages.flat_map(|package| self.table().files_of(*package));
        files
            .filter_map(|id| self.file(id))
            .map(|file| {
                let name = file.parsed.unit.package.as_ref().map_or_else(|| file.span(0, 0), |it| it.span);
                Target { name, full: file.span(0, offset(file.text.len())) }
            })
            .collect()
    }

    /// The files of the import that a byte stands on.
    fn import_targets(&self, id: SourceId, byte: u32) -> Vec<Target> {
        let Some(file) = self.file(id) else { return Vec::new() };
        let imports = &file.parsed.unit.imports;
        let Some(at) = imports.iter().position(|it| it.span.start <= byte && byte <= it.span.end) else {
            return Vec::new();
        };
        let home = self.table().home(id);
        home.and_then(|home| home.imports.get(at))
            .map_or_else(Vec::new, |it| self.package_targets(id, &it.alias))
    }

    /// The definition at a place.
    pub(super) fn at(&self, place: Place) -> Option<(&File, &Definition)> {
        let file = self.file(place.source)?;
        Some((file, file.parsed.unit.definitions.get(place.at)?))
    }

    /// How a symbol that takes arguments is declared.
    pub(super) fn signature(&self, symbol: &Symbol) -> Option<Signature<'_>> {
        let place = *self.table().places(symbol).first()?;
        let (file, definition) = self.at(place)?;
        let made = |name, params, result, doc, scope| Signature {
            file,
            name,
            params,
            result,
            doc,
            scope: (place.at, scope),
        };
        match (symbol, definition) {
            (Symbol::Global(..), Definition::Workflow(it)) => {
                Some(made(&it.name, &it.params, &it.result, &it.doc, 0))
            }
            (Symbol::Global(..), Definition::Activity(it)) => {
                Some(made(&it.name, &it.params, &it.result, &it.doc, 0))
            }
            (Symbol::Operation(_, wanted), Definition::Service(it)) => {
                let operation = it.operations.iter().find(|it| it.name().name == *wanted)?;
                match operation {
                    ServiceOperation::Sync { name, params, result, .. } => {
                        let scope = operation_scope(&it.operations, wanted)?;
                        Some(made(name, params, result, &it.doc, scope))
                    }
                    ServiceOperation::Async { workflow, .. } => {
                        let path = Path {
                            qualifier: workflow.package.as_ref().map(|it| it.name.clone()),
                            name: workflow.name.name.clone(),
                        };
                        self.signature(&self.table().global(Kind::Workflow, &path, file.source))
                    }
                }
            }
            (Symbol::Message(_, kind, wanted), Definition::Workflow(it)) => {
                let fits = |it: &crate::twf::ast::Handler| it.kind == *kind && it.name.name == *wanted;
                let at = it.handlers.iter().position(fits)?;
                let handler = it.handlers.get(at)?;
                Some(made(&handler.name, &handler.params, &handler.result, &handler.doc, offset(at) + 1))
            }
            _ => None,
        }
    }

    /// The parameter that a named argument is for.
    fn parameter(&self, file: &File, callee: &Callee, name: &str) -> Option<Symbol> {
        let symbol = self.table().callee(file, callee)?;
        let signature = self.signature(&symbol)?;
        let (at, scope) = signature.scope;
        let param = signature.params.iter().find(|param| param.name.name == name)?;
        Some(Symbol::Local(signature.file.source, offset(at), scope, param.name.name.clone()))
    }

    /// The definition a symbol has at the top of a file, when it is one.
    pub(super) fn top(&self, symbol: &Symbol) -> Option<(&File, &Definition, Span)> {
        let place = *self.table().places(symbol).first()?;
        let (file, definition) = self.at(place)?;
        (definition.name().name == symbol.text()).then(|| (file, definition, header(definition)))
    }
}

/// Older spellings of an option are the same symbol.
fn is_alias(it: &Occurrence) -> bool {
    matches!(it.name, Name::Key(_))
}
