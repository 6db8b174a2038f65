//! Values where a type is declared: arguments, results, fields, and what is said when they do not fit.

use std::collections::HashSet;

use super::body::Body;
use super::declared::TypeOf;
use super::fit::{Misfit, Why};
use super::join;
use super::ty::{Name, Ty};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::text::suggest::nearest;
use crate::twf::ast::{Expr, ExprKind, Ident};
use crate::twf::moment::{parse_duration, parse_timestamp};

/// What a value is for, and where its type is declared.
pub(super) enum Place<'p> {
    /// An argument: what is called, the parameter.
    Arg { callee: &'p str, name: &'p str, declared: Span },
    /// The default of a parameter.
    Param { name: &'p str, declared: Span },
    /// What a definition gives.
    Result { of: &'p str, declared: Option<Span> },
    /// A field of a declared type.
    Field { of: &'p str, name: &'p str, declared: Span },
    /// An element of what is declared.
    Item { declared: Option<Span> },
}

impl Place<'_> {
    fn text(&self) -> String {
        match self {
            Place::Arg { callee, name, .. } => format!("for `{name}` of `{callee}`"),
            Place::Param { name, .. } => format!("for `{name}`"),
            Place::Result { of, .. } => format!("as the result of `{of}`"),
            Place::Field { of, name, .. } => format!("for the field `{name}` of `{of}`"),
            Place::Item { .. } => "for an element of the list".to_string(),
        }
    }

    /// The name of the value, for the paths of what lies in it.
    fn name(&self) -> &str {
        match self {
            Place::Arg { name, .. } | Place::Param { name, .. } | Place::Field { name, .. } => name,
            Place::Result { .. } => "the result",
            Place::Item { .. } => "an element",
        }
    }

    fn declared(&self) -> Option<Span> {
        match self {
            Place::Arg { declared, .. } | Place::Param { declared, .. } | Place::Field { declared, .. } => {
                Some(*declared)
            }
            Place::Result { declared, .. } | Place::Item { declared } => *declared,
        }
    }
}

impl<'a> Body<'_, 'a> {
    /// A value where a type is declared: what does not fit is reported as near to its cause as can be.
    pub(super) fn expect(&mut self, value: &'a Expr, wanted: &Ty, place: &Place<'_>) -> Ty {
        match (&value.kind, single(wanted)) {
            (ExprKind::Object(label, fields), Ty::Named(name)) => {
                let ty = self.constructed((label.as_ref(), name), fields, value.span);
                self.see(value.span, &ty);
                ty
            }
            (ExprKind::List(items), Ty::List(item)) => {
                let place = Place::Item { declared: place.declared() };
                let all = items.iter().map(|it| self.expect(it, item, &place)).fold(Ty::Never, Ty::join);
                let ty = Ty::list(all).bounded();
                self.see(value.span, &ty);
                ty
            }
            (ExprKind::If(condition, then, otherwise), _) => {
                self.condition(condition);
                let then = self.expect(then, wanted, place);
                let ty = then.join(self.expect(otherwise, wanted, place));
                self.see(value.span, &ty);
                ty
            }
            _ => {
                let ty = self.expr(value);
                self.fitting((value, &ty), wanted, place);
                ty
            }
        }
    }

    /// Reports a value that does not fit.
    pub(super) fn fitting(&mut self, (value, ty): (&'a Expr, &Ty), wanted: &Ty, place: &Place<'_>) {
        if is_placeholder(value, ty) {
            return;
        }
        if let Some(text) = literal(value).filter(|text| !reads_as(text, single(wanted))) {
            let message = format!("`\"{text}\"` is no `{}` {}", single(wanted), place.text());
            return self.misfit_at(value.span, message, place);
        }
        if let Some(misfit) = self.world.declared.misfit(ty, wanted) {
            self.misfit((value.span, ty), wanted, (&misfit, place));
        }
    }

    /// Reports that one type is not taken for another.
    pub(super) fn misfit(
        &mut self,
        (span, ty): (Span, &Ty),
        wanted: &Ty,
        (misfit, place): (&Misfit, &Place<'_>),
    ) {
        let path = misfit.path();
        let inner = format!("{}{path}", place.name());
        let message = match &misfit.why {
            Why::Type { .. } if path.is_empty() => {
                format!("expected `{wanted}` {}, found `{ty}`", place.text())
            }
            Why::Type { wanted, found } => format!("expected `{wanted}` for `{inner}`, found `{found}`"),
            Why::Missing { field, ty: missing } => {
                format!(
                    "expected `{wanted}` {}, but `{inner}` lacks the field `{field}: {missing}`",
                    place.text()
                )
            }
            Why::Unknown { field } => {
                format!("expected `{wanted}` {}, which has no field `{field}` in `{inner}`", place.text())
            }
        };
        let help = conversion(ty, wanted);
        let diagnostic = Diagnostic::error("TYPE_MISMATCH", span, message).help_if(help);
        self.report(with_label(diagnostic, wanted, place.declared()));
    }

    fn misfit_at(&mut self, span: Span, message: String, place: &Place<'_>) {
        let diagnostic = Diagnostic::error("TYPE_MISMATCH", span, message);
        let declared = place.declared().map(|span| (span, "declared here".to_string()));
        self.report(declared.into_iter().fold(diagnostic, |it, (span, remark)| it.label(span, remark)));
    }

    /// `Label{a: 1}` and `{a: 1}` where the type is declared: every field by itself.
    pub(super) fn constructed(
        &mut self,
        (label, name): (Option<&'a Ident>, &Name),
        fields: &'a [(Ident, Expr)],
        span: Span,
    ) -> Ty {
        let mut made: Vec<(Name, Ty)> = Vec::with_capacity(fields.len());
        let mut unlike: Vec<(Name, Ty)> = Vec::new();
        for (field, value) in fields {
            let ty = match self.field_of(name, field) {
                Some((wanted, declared)) => {
                    let place = Place::Field { of: name, name: &field.name, declared };
                    let ty = self.expect(value, &wanted, &place);
                    if !covers(&wanted, &ty) {
                        unlike.push((field.name.clone(), ty.clone()));
                    }
                    ty
                }
                None => self.expr(value),
            };
            made.push((field.name.clone(), ty));
        }
        self.complete(name, fields, span);
        match label {
            // Inside a run nothing is converted: fields are what they were given as.
            Some(label) if label.name == **name && unlike.is_empty() => Ty::Named(name.clone()),
            Some(label) => join::record(Some(label.name.clone()), made),
            None => join::record(None, made),
        }
    }

    /// A field of a declared type, with where it is declared; reported when there is none.
    fn field_of(&mut self, name: &Name, field: &Ident) -> Option<(Ty, Span)> {
        let found = self.world.declared.get(name)?;
        match found.field(&field.name) {
            Some(it) => Some((it.ty.clone(), it.node.ty.span)),
            None => {
                let diagnostic = unknown_field(found, field);
                self.report(diagnostic);
                None
            }
        }
    }

    /// Reports the first field that a constructor lacks.
    fn complete(&mut self, name: &Name, given: &[(Ident, Expr)], span: Span) {
        let Some(found) = self.world.declared.get(name).filter(|it| it.required > 0) else { return };
        let has: HashSet<&str> = given.iter().map(|(field, _)| field.name.as_str()).collect();
        let counted = has.iter().filter(|field| found.field(field).is_some_and(|it| it.required)).count();
        if counted == found.required {
            return;
        }
        let lacking = found.fields.iter().find(|it| it.required && !has.contains(&*it.name));
        let Some(lacking) = lacking else { return };
        let message = format!("`{name}` needs the field `{}: {}`", lacking.name, lacking.ty);
        let diagnostic = Diagnostic::error("TYPE_MISMATCH", span, message)
            .label(lacking.node.name.span, "declared here")
            .help("give it a value, or make it optional with a `?` after its type");
        self.report(diagnostic);
    }
}

/// The report of a field that a declared type does not have.
pub(super) fn unknown_field(of: &TypeOf<'_>, field: &Ident) -> Diagnostic {
    let message = format!("`{}` has no field `{}`", of.name, field.name);
    let diagnostic =
        Diagnostic::error("TYPE_MISMATCH", field.span, message).label(of.node.name.span, "declared here");
    match nearest(&field.name, of.fields.iter().map(|it| &*it.name)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
            field.span,
            near,
            format!("write `{near}`"),
        ),
        None => {
            let known: Vec<String> = of.fields.iter().take(12).map(|it| format!("`{}`", it.name)).collect();
            diagnostic.help(format!("it has {}", known.join(", ")))
        }
    }
}

fn with_label(diagnostic: Diagnostic, wanted: &Ty, declared: Option<Span>) -> Diagnostic {
    match declared {
        Some(span) => diagnostic.label(span, format!("`{wanted}` is declared here")),
        None => diagnostic,
    }
}

/// The one type that is declared, when null is the only other choice.
fn single(wanted: &Ty) -> &Ty {
    match wanted {
        Ty::Union(members) => match members.as_ref() {
            [Ty::Null, one] => one,
            _ => wanted,
        },
        one => one,
    }
}

/// Whether nothing is to be said about a value: `...`, what could not be read, and a variable that is null so far. A
/// variable is null until it is assigned, and programs ask for that before they use it.
pub(super) fn is_placeholder(value: &Expr, ty: &Ty) -> bool {
    match value.kind {
        ExprKind::Ellipsis | ExprKind::Error => true,
        ExprKind::Null => false,
        _ => *ty == Ty::Null,
    }
}

fn literal(value: &Expr) -> Option<&str> {
    match &value.kind {
        ExprKind::Str(text) => Some(text),
        _ => None,
    }
}

/// Whether a text that stands in the program can become what is declared.
fn reads_as(text: &str, wanted: &Ty) -> bool {
    match wanted {
        Ty::Duration => parse_duration(text).is_ok(),
        Ty::Timestamp => parse_timestamp(text).is_ok(),
        Ty::Decimal => crate::twf::boundary::parse_decimal(text).is_ok(),
        _ => true,
    }
}

/// Whether every value of a type is one of the declared type as it is, without the conversions of the boundary.
pub(super) fn covers(wanted: &Ty, found: &Ty) -> bool {
    let takes = |found: &Ty| match found {
        Ty::Int => wanted.members().iter().any(|it| matches!(it, Ty::Int | Ty::Decimal)),
        Ty::Never | Ty::Any(_) | Ty::Null => true,
        Ty::List(item) => {
            wanted.members().iter().any(|it| matches!(it, Ty::List(wanted) if covers(wanted, item)))
        }
        Ty::Map(value) => {
            wanted.members().iter().any(|it| matches!(it, Ty::Map(wanted) if covers(wanted, value)))
        }
        other => wanted.members().contains(other),
    };
    wanted.is_unknown() || found.members().iter().all(takes)
}

/// What would turn a value into what is declared.
fn conversion(found: &Ty, wanted: &Ty) -> Option<String> {
    let function = match (found, single(wanted)) {
        (Ty::Int | Ty::Bool, Ty::Str) => "str",
        (Ty::Str | Ty::Decimal | Ty::Duration, Ty::Int) => "int",
        (Ty::Str, Ty::Bool) => "bool",
        (Ty::Null, wanted) => return Some(format!("declare it as `{wanted}?` to allow null")),
        (Ty::Promise(_), _) => return Some("await it first and pass its value".to_string()),
        _ => return None,
    };
    Some(format!("convert it with `{function}(..)`"))
}
