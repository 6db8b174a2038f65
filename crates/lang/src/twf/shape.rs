//! Types as the interpreter sees them: how JSON becomes values, and what a value may look like.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::ast::{Type, TypeKind};

/// A type with its names resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Anything. The name is the label of an undeclared type, kept for show.
    Any(Option<Arc<str>>),
    /// `null`.
    Null,
    /// `string`.
    Str,
    /// `bytes`: base64 text.
    Bytes,
    /// `int`.
    Int,
    /// `decimal`: exact, a string on the wire.
    Decimal,
    /// `bool`.
    Bool,
    /// `duration`.
    Duration,
    /// `timestamp`, `time`.
    Timestamp,
    /// `[]T`, `T[]`, `List[T]`.
    List(Box<Shape>),
    /// `Map[K, V]`: an object with values of one type.
    Map(Box<Shape>),
    /// A type of a `type` block, by name.
    Named(Arc<str>),
    /// `{a: T}`.
    Record(Vec<(Arc<str>, Shape)>),
    /// `(A, B)`: a list with one type for each place.
    Tuple(Vec<Shape>),
    /// `T?`.
    Nullable(Box<Shape>),
}

impl Shape {
    /// No statement about the value.
    pub const ANY: Shape = Shape::Any(None);

    /// Whether a parameter of this type may be left out: it is null then. An undeclared label still names something.
    pub fn is_optional(&self) -> bool {
        matches!(self, Shape::Any(None) | Shape::Null | Shape::Nullable(_))
    }

    /// How the type is written.
    pub fn text(&self) -> String {
        match self {
            Shape::Any(label) => label.as_deref().unwrap_or("any").to_string(),
            Shape::Null => "null".into(),
            Shape::Str => "string".into(),
            Shape::Bytes => "bytes".into(),
            Shape::Int => "int".into(),
            Shape::Decimal => "decimal".into(),
            Shape::Bool => "bool".into(),
            Shape::Duration => "duration".into(),
            Shape::Timestamp => "timestamp".into(),
            Shape::List(item) => format!("[]{}", item.text()),
            Shape::Map(value) => format!("Map[string, {}]", value.text()),
            Shape::Named(name) => name.to_string(),
            Shape::Record(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, shape)| format!("{name}: {}", shape.text())).collect();
                format!("{{{}}}", fields.join(", "))
            }
            Shape::Tuple(items) => {
                let items: Vec<_> = items.iter().map(Shape::text).collect();
                format!("({})", items.join(", "))
            }
            Shape::Nullable(inner) => format!("{}?", inner.text()),
        }
    }
}

/// A field of a declared type.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldShape {
    /// Its name.
    pub name: Arc<str>,
    /// Its documentation.
    pub doc: String,
    /// Its type.
    pub shape: Shape,
    /// Its default: a field with one may be left out.
    pub default: Option<Json>,
}

impl FieldShape {
    /// Whether a value without this field is refused.
    pub fn is_required(&self) -> bool {
        self.default.is_none() && !self.shape.is_optional()
    }
}

/// A `type` block.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordShape {
    /// Its documentation.
    pub doc: String,
    /// Its fields in order.
    pub fields: Vec<FieldShape>,
}

/// All declared types of a program.
#[derive(Debug, Clone, Default)]
pub struct Types {
    records: HashMap<Arc<str>, RecordShape>,
}

impl Types {
    /// Declares a name, so that types which refer to it find it; its fields follow.
    pub fn declare(&mut self, name: &str, record: RecordShape) {
        self.records.insert(name.into(), record);
    }

    /// A declared type.
    pub fn get(&self, name: &str) -> Option<&RecordShape> {
        self.records.get(name)
    }

    /// Resolves a type as written.
    pub fn shape(&self, ty: &Type) -> Shape {
        match &ty.kind {
            TypeKind::Name(name) => self.named(name),
            TypeKind::List(item) => Shape::List(Box::new(self.shape(item))),
            TypeKind::Nullable(inner) => Shape::Nullable(Box::new(self.shape(inner))),
            TypeKind::Record(fields) => Shape::Record(
                fields.iter().map(|(name, ty)| (name.name.as_str().into(), self.shape(ty))).collect(),
            ),
            TypeKind::Generic(name, args) => match (name.to_ascii_lowercase().as_str(), args.as_slice()) {
                ("map" | "dict" | "record", [.., value]) => Shape::Map(Box::new(self.shape(value))),
                ("list" | "array" | "set", [item]) => Shape::List(Box::new(self.shape(item))),
                ("optional" | "option", [inner]) => Shape::Nullable(Box::new(self.shape(inner))),
                _ => Shape::Any(Some(name.as_str().into())),
            },
        }
    }

    /// The type of a result: nothing declared is any value, several are a tuple.
    pub fn result(&self, types: &[Type]) -> Shape {
        match types {
            [] => Shape::ANY,
            [one] => self.shape(one),
            many => Shape::Tuple(many.iter().map(|ty| self.shape(ty)).collect()),
        }
    }

    fn named(&self, name: &str) -> Shape {
        if self.records.contains_key(name) {
            return Shape::Named(name.into());
        }
        match name {
            "any" => Shape::ANY,
            "null" | "void" | "none" | "None" => Shape::Null,
            "string" | "str" | "text" => Shape::Str,
            "bytes" => Shape::Bytes,
            "int" | "integer" => Shape::Int,
            "decimal" | "float" | "number" | "double" => Shape::Decimal,
            "bool" | "boolean" => Shape::Bool,
            "duration" => Shape::Duration,
            "timestamp" | "time" | "datetime" => Shape::Timestamp,
            other => Shape::Any(Some(other.into())),
        }
    }
}
