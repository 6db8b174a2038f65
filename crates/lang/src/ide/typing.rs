//! Inferred types: of variables, of what stands before a dot, as hints.

use std::sync::{Arc, PoisonError};

use super::Analysis;
use super::file::File;
use super::names::{Name, Occurrence};
use super::symbol::Symbol;
use crate::text::source::{SourceId, Span};
use crate::twf::ast::Name as Text;
use crate::twf::check::ParsedUnit;
use crate::twf::infer::{FieldInfo, Hint, Ty, Types};
use crate::twf::token::TokenKind;

impl Analysis {
    /// The types of a file, inferred on first use.
    pub(super) fn types(&self, id: SourceId) -> Arc<Types> {
        let mut known = self.types.lock().unwrap_or_else(PoisonError::into_inner);
        let types = known.entry(id).or_insert_with(|| {
            let units: Vec<ParsedUnit<'_>> = self
                .files()
                .map(|file| ParsedUnit { source: file.source, unit: &file.parsed.unit })
                .collect();
            Arc::new(Types::of(&units, self.sources(), id))
        });
        types.clone()
    }

    /// The types of variables where they are bound first, in a part of a file.
    pub fn hints(&self, part: Span) -> Vec<Hint> {
        let mut hints = self.types(part.source).hints();
        hints.retain(|hint| part.start <= hint.at && hint.at <= part.end);
        hints
    }

    /// The type of the variable that is bound first at a place; nothing when it is not known.
    pub(super) fn bound_type(&self, name: Span) -> Option<Ty> {
        let types = self.types(name.source);
        let variables = types.definitions().iter().flat_map(|it| &it.variables);
        let known = variables.filter(|it| it.first == Some(name)).map(|it| it.ty.clone()).next();
        known.or_else(|| types.of_span(name).cloned()).filter(|ty| !is_void(ty))
    }

    /// The type of what stands before the dot before a name.
    fn type_before(&self, file: &File, member: &Occurrence) -> Option<Ty> {
        let dot = file.tokens_before(member.span.start).last()?;
        let is_dot = matches!(dot.kind, TokenKind::Dot | TokenKind::OptDot);
        let at = dot.start.checked_sub(1).filter(|_| is_dot)?;
        self.types(file.source).at(at).map(|(_, ty)| ty.clone())
    }

    /// The declared field that a name behind a dot is, as far as types tell.
    pub(super) fn member(&self, file: &File, member: &Occurrence) -> Option<Symbol> {
        let ty = self.type_before(file, member)?;
        let labels = ty.members().iter().filter_map(label);
        let types = self.types(file.source);
        let mut declaring = labels.filter(|label| {
            types.declared(label).is_some_and(|fields| fields.iter().any(|it| it.name == member.text))
        });
        declaring.next().map(|label| Symbol::Field(label, member.text.clone()))
    }

    /// The type of the expression that ends with a name behind a dot.
    pub(super) fn member_type(&self, file: &File, member: &Occurrence) -> Option<Ty> {
        debug_assert!(member.name == Name::Member);
        let types = self.types(file.source);
        types.at(member.span.start).map(|(_, ty)| ty.clone()).filter(|ty| !ty.is_unknown())
    }

    /// The fields behind a chain of names on a line that is being written: its first name is bound at one of some
    /// places. What cannot be read yet could assign anything, so types are inferred as if the line were not there.
    pub(super) fn fields_without(&self, line: Span, roots: &[Span], path: &[&str]) -> Vec<FieldInfo> {
        let without = self.without(line);
        let Some(file) = without.file(line.source) else { return Vec::new() };
        let found = roots.iter().map(|root| without.fields_of(file, *root, path));
        found.into_iter().find(|fields| !fields.is_empty()).unwrap_or_default()
    }

    /// The same workspace with a comment in the place of some text; everything else stays where it is.
    fn without(&self, part: Span) -> Analysis {
        let mut sources = self.sources.clone();
        let old = self.file(part.source).map(|file| file.text.to_string()).unwrap_or_default();
        let mut text = old.clone();
        let blank: String = old
            .get(part.start as usize..part.end as usize)
            .unwrap_or("")
            .bytes()
            .enumerate()
            .map(|(at, _)| if at == 0 { '#' } else { ' ' })
            .collect();
        text.replace_range(part.start as usize..part.start as usize + blank.len(), &blank);
        sources.replace(part.source, &text);
        let read = sources.get(part.source).map(|source| Arc::new(File::new(part.source, source)));
        let replaced = |file: &Arc<File>| match &read {
            Some(new) if new.source == file.source => new.clone(),
            _ => file.clone(),
        };
        let files = self.files.iter().map(replaced).collect();
        Analysis::new(sources, files, (self.lenient, Arc::clone(&self.endpoints)))
    }

    /// The fields of a chain of names such as `order.lines.first`, which may be the end of a line that cannot be read
    /// yet.
    fn fields_of(&self, file: &File, root: Span, path: &[&str]) -> Vec<FieldInfo> {
        let types = self.types(file.source);
        let Some(mut ty) = self.bound_type(root) else { return Vec::new() };
        for name in path {
            let Some(field) = types.fields(&ty).into_iter().find(|it| it.name == *name) else {
                return Vec::new();
            };
            ty = field.ty;
        }
        types.fields(&ty)
    }
}

/// Whether a type says nothing.
fn is_void(ty: &Ty) -> bool {
    match ty {
        Ty::Never | Ty::Any(None) => true,
        Ty::Promise(inner) => is_void(inner),
        _ => false,
    }
}

/// The name of a declared type, or the label of an object.
fn label(ty: &Ty) -> Option<Text> {
    match ty {
        Ty::Named(name) => Some(name.as_str().into()),
        Ty::Record(record) => record.label.as_ref().map(|label| label.as_str().into()),
        _ => None,
    }
}
