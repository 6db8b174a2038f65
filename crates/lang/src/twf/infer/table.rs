//! What was inferred, for editors: types by place and by name, hints, fields.

use std::collections::BTreeMap;

use super::World;
use super::body::Body;
use super::ty::Ty;
use crate::text::source::{SourceId, Sources, Span, offset};
use crate::twf::ast::Ident;
use crate::twf::check::ParsedUnit;
use crate::twf::check::index::Index;

/// A variable of a definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// All that it is ever assigned.
    pub ty: Ty,
    /// The name where it is bound first in the text; none when nothing binds it.
    pub first: Option<Span>,
    /// Whether it is a parameter of the definition or of one of its handlers.
    pub is_param: bool,
}

/// The variables of a workflow, activity or operation.
#[derive(Debug, Clone, PartialEq)]
pub struct DefinitionTypes {
    /// Its name; `Service.Operation` for an operation.
    pub name: String,
    /// Its name where it is defined.
    pub span: Span,
    /// Its variables in the order they are bound first. A name of a handler's own may stand here besides the same name of
    /// the whole workflow.
    pub variables: Vec<Variable>,
}

/// The type of a variable where it is bound first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The file.
    pub source: SourceId,
    /// The byte after the name.
    pub at: u32,
    /// What to show there, for example `: Receipt`.
    pub text: String,
}

/// A field that can be written after a dot.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Ty,
    /// Its documentation, when it is declared.
    pub doc: String,
    /// Where it is declared.
    pub declared: Option<Span>,
}

/// The types of the bodies of one file, and the declared types of all.
#[derive(Debug, Clone, Default)]
pub struct Types {
    definitions: Vec<DefinitionTypes>,
    /// By first byte, outer ones before inner ones.
    places: Vec<(Span, Ty)>,
    declared: BTreeMap<String, Vec<FieldInfo>>,
}

impl Types {
    /// Infers the bodies of one file among all files of a project.
    pub fn of(units: &[ParsedUnit<'_>], sources: &Sources, file: SourceId) -> Types {
        let index = Index::new(units, sources);
        let mut types = Types::default();
        let mut world = World::new(units, &index, sources);
        world.noted = Some(file);
        for (at, unit) in units.iter().enumerate().filter(|(_, unit)| unit.source == file) {
            for definition in &unit.unit.definitions {
                world.each_body(at, definition, &mut |body, names| types.take(body, names));
            }
        }
        types.places.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
        for found in world.declared.all() {
            let fields = found.fields.iter().map(|field| FieldInfo {
                name: field.name.to_string(),
                ty: field.ty.clone(),
                doc: field.node.doc.clone(),
                declared: Some(field.node.name.span),
            });
            types.declared.insert(found.name.to_string(), fields.collect());
        }
        types
    }

    fn take(&mut self, body: &mut Body<'_, '_>, (name, operation): (&Ident, Option<&Ident>)) {
        let variables = body.vars.iter().map(|var| Variable {
            name: var.name.to_string(),
            ty: var.ty.clone(),
            first: var.first,
            is_param: var.declared,
        });
        let span = operation.unwrap_or(name).span;
        let name = match operation {
            Some(operation) => format!("{}.{}", name.name, operation.name),
            None => name.name.to_string(),
        };
        let mut variables: Vec<Variable> = variables.collect();
        variables.sort_by_key(|it| it.first.map_or(u32::MAX, |first| first.start));
        self.definitions.push(DefinitionTypes { name, span, variables });
        self.places.extend(body.seen.take().unwrap_or_default());
    }

    /// All definitions of the file that have a body, in its order.
    pub fn definitions(&self) -> &[DefinitionTypes] {
        &self.definitions
    }

    /// The definition that a byte of the file lies in.
    pub fn definition_at(&self, at: u32) -> Option<&DefinitionTypes> {
        self.definitions.iter().filter(|it| it.span.start <= at).max_by_key(|it| it.span.start)
    }

    /// The type of exactly this expression, or of the name that is bound here.
    pub fn of_span(&self, span: Span) -> Option<&Ty> {
        let from = self.places.partition_point(|(it, _)| it.start < span.start);
        let alike = self.places.iter().skip(from).take_while(|(it, _)| it.start == span.start);
        alike.filter(|(it, _)| it.end == span.end).map(|(_, ty)| ty).last()
    }

    /// The smallest expression or bound name around a byte, with its type.
    pub fn at(&self, at: u32) -> Option<(Span, &Ty)> {
        let before = self.places.partition_point(|(it, _)| it.start <= at);
        let around = self.places.iter().take(before).rev().filter(|(span, _)| at < span.end);
        around.min_by_key(|(span, _)| span.end - span.start).map(|(span, ty)| (*span, ty))
    }

    /// What a variable of a definition is.
    pub fn variable(&self, definition: &str, name: &str) -> Option<&Variable> {
        let found = self.definitions.iter().find(|it| it.name == definition)?;
        found.variables.iter().find(|it| it.name == name)
    }

    /// What to show after each name where it is bound first. What is not known is not shown, nor what is declared.
    pub fn hints(&self) -> Vec<Hint> {
        let all = self.definitions.iter().flat_map(|it| &it.variables);
        let shown =
            all.filter(|it| !it.is_param && !matches!(it.ty, Ty::Never | Ty::Any(None) | Ty::Condition));
        let mut hints: Vec<Hint> = shown
            .filter_map(|it| {
                let span = it.first?;
                Some(Hint { source: span.source, at: span.end, text: format!(": {}", it.ty) })
            })
            .collect();
        hints.sort_by_key(|hint| hint.at);
        hints
    }

    /// The fields of a declared type, in its order.
    pub fn declared(&self, name: &str) -> Option<&[FieldInfo]> {
        self.declared.get(name).map(Vec::as_slice)
    }

    /// What can stand after a dot behind a value of this type: the fields of everything it may be.
    pub fn fields(&self, ty: &Ty) -> Vec<FieldInfo> {
        let mut all: Vec<FieldInfo> = Vec::new();
        for member in ty.members() {
            for field in self.fields_of(member) {
                if !all.iter().any(|it| it.name == field.name) {
                    all.push(field);
                }
            }
        }
        all
    }

    fn fields_of(&self, ty: &Ty) -> Vec<FieldInfo> {
        let plain =
            |name: &str, ty: Ty| FieldInfo { name: name.to_string(), ty, doc: String::new(), declared: None };
        match ty {
            Ty::Named(name) => self.declared(name).unwrap_or_default().to_vec(),
            Ty::Record(record) => {
                let mut all: Vec<_> =
                    record.fields.iter().map(|(name, ty)| plain(name, ty.clone())).collect();
                let more = record.label.as_ref().and_then(|label| self.declared(label)).unwrap_or_default();
                all.extend(more.iter().filter(|it| record.field(&it.name).is_none()).cloned());
                all
            }
            Ty::List(_) | Ty::Tuple(_) | Ty::Str => vec![plain("length", Ty::Int)],
            _ => Vec::new(),
        }
    }
}

impl Hint {
    /// The place as an empty span.
    pub fn span(&self) -> Span {
        Span { source: self.source, start: self.at, end: self.at.max(offset(0)) }
    }
}
