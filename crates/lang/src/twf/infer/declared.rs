//! Declared types: `type` blocks, and the signatures of what can be called.

use std::sync::Arc;

use super::ty::{Name, Ty};
use crate::text::source::Span;
use crate::twf::ast::{Definition, Param, Type, TypeDef, TypeField, TypeKind};
use crate::twf::check::ParsedUnit;
use crate::twf::hash::QuickMap;

/// A field of a declared type.
#[derive(Debug)]
pub(super) struct FieldOf<'a> {
    pub(super) name: Name,
    pub(super) ty: Ty,
    /// Whether a constructor must give it.
    pub(super) required: bool,
    pub(super) node: &'a TypeField,
}

/// A `type` block.
#[derive(Debug)]
pub(super) struct TypeOf<'a> {
    pub(super) name: Name,
    pub(super) node: &'a TypeDef,
    pub(super) fields: Vec<FieldOf<'a>>,
    /// How many of them a constructor must give.
    pub(super) required: usize,
    places: QuickMap<&'a str, usize>,
}

impl<'a> TypeOf<'a> {
    /// A field by name.
    pub(super) fn field(&self, name: &str) -> Option<&FieldOf<'a>> {
        self.place(name).and_then(|at| self.fields.get(at))
    }

    /// The position of a field.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

/// All declared types by name. A name that two blocks declare says nothing: which of them is meant depends on what the
/// program is put together from.
#[derive(Debug, Default)]
pub(super) struct Declared<'a> {
    types: QuickMap<&'a str, Option<TypeOf<'a>>>,
}

impl<'a> Declared<'a> {
    pub(super) fn new(units: &[ParsedUnit<'a>]) -> Declared<'a> {
        let mut declared = Declared::default();
        let mut nodes: Vec<&'a TypeDef> = Vec::new();
        for definition in units.iter().flat_map(|unit| &unit.unit.definitions) {
            let Definition::Type(node) = definition else { continue };
            let name = node.name.name.clone();
            let made = TypeOf { name, node, fields: Vec::new(), required: 0, places: QuickMap::default() };
            let is_new = !declared.types.contains_key(node.name.name.as_str());
            declared.types.insert(&node.name.name, is_new.then_some(made));
            nodes.push(node);
        }
        for node in nodes {
            let fields: Vec<FieldOf<'a>> = node.fields.iter().map(|field| declared.field(field)).collect();
            let Some(Some(found)) = declared.types.get_mut(node.name.name.as_str()) else { continue };
            found.places =
                fields.iter().enumerate().map(|(at, it)| (it.node.name.name.as_str(), at)).collect();
            found.required = fields.iter().filter(|it| it.required).count();
            found.fields = fields;
        }
        declared
    }

    fn field(&self, node: &'a TypeField) -> FieldOf<'a> {
        let ty = self.ty(&node.ty);
        let required = node.default.is_none() && !is_optional(&ty);
        FieldOf { name: node.name.name.clone(), ty, required, node }
    }

    /// A declared type by name.
    pub(super) fn get(&self, name: &str) -> Option<&TypeOf<'a>> {
        self.types.get(name)?.as_ref()
    }

    /// Whether no type is declared at all.
    pub(super) fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The names of all declared types.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.types.keys().copied()
    }

    /// Whether a name is neither declared nor built in.
    pub(super) fn is_label(&self, name: &str) -> bool {
        !self.types.contains_key(name) && matches!(self.named(name), Ty::Any(Some(_)))
    }

    /// All declared types.
    pub(super) fn all(&self) -> impl Iterator<Item = &TypeOf<'a>> {
        self.types.values().flatten()
    }

    /// A type as written.
    pub(super) fn ty(&self, ty: &Type) -> Ty {
        match &ty.kind {
            TypeKind::Name(name) => self.named(name),
            TypeKind::List(item) => Ty::list(self.ty(item)),
            TypeKind::Nullable(inner) => self.ty(inner).or_null(),
            TypeKind::Record(fields) => {
                Ty::object(None, fields.iter().map(|(name, ty)| (name.name.as_str(), self.ty(ty))))
            }
            TypeKind::Generic(name, args) => match (name.to_ascii_lowercase().as_str(), args.as_slice()) {
                ("map" | "dict" | "record", [.., value]) => Ty::Map(Arc::new(self.ty(value))),
                ("list" | "array" | "set", [item]) => Ty::list(self.ty(item)),
                ("optional" | "option", [inner]) => self.ty(inner).or_null(),
                _ => Ty::Any(Some(name.clone())),
            },
        }
    }

    fn named(&self, name: &str) -> Ty {
        match self.types.get(name) {
            Some(Some(found)) => return Ty::Named(found.name.clone()),
            Some(None) => return Ty::Any(Some(name.into())),
            None => {}
        }
        match name {
            "any" => Ty::ANY,
            "null" | "void" | "none" | "None" => Ty::Null,
            "string" | "str" | "text" => Ty::Str,
            "bytes" => Ty::Bytes,
            "int" | "integer" => Ty::Int,
            "decimal" | "float" | "number" | "double" => Ty::Decimal,
            "bool" | "boolean" => Ty::Bool,
            "duration" => Ty::Duration,
            "timestamp" | "time" | "datetime" => Ty::Timestamp,
            other => Ty::Any(Some(other.into())),
        }
    }

    /// The type of a result: nothing declared is any value, several are a tuple.
    pub(super) fn result(&self, types: &[Type]) -> Ty {
        match types {
            [] => Ty::ANY,
            [one] => self.ty(one),
            many => Ty::Tuple(many.iter().map(|ty| self.ty(ty)).collect()),
        }
    }

    /// What a definition takes and gives.
    pub(super) fn signature(&self, name: &'a str, params: &'a [Param], result: &'a [Type]) -> Signature<'a> {
        let typed = |param: &'a Param| (param, param.ty.as_ref().map_or(Ty::ANY, |ty| self.ty(ty)));
        let span = result.first().zip(result.last()).map(|(first, last)| first.span.to(last.span));
        Signature { name, params: params.iter().map(typed).collect(), result: self.result(result), span }
    }
}

/// What a definition takes and gives.
#[derive(Debug)]
pub(super) struct Signature<'a> {
    pub(super) name: &'a str,
    pub(super) params: Vec<(&'a Param, Ty)>,
    pub(super) result: Ty,
    /// Where the result is declared.
    pub(super) span: Option<Span>,
}

/// Whether a field of this type may be left out. A label that nobody declared names something, so it may not.
fn is_optional(ty: &Ty) -> bool {
    ty.members().iter().any(|it| matches!(it, Ty::Any(None) | Ty::Null))
}
