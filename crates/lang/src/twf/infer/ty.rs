//! Types as inference sees them, and how they are written.

use std::fmt;
use std::sync::Arc;

pub use crate::twf::ast::Name;

/// What is known about a value.
///
/// Inference is gradual: [`Ty::Any`] goes with everything. A union says that a value is of one of several types, and
/// a use is wrong only when it is wrong for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ty {
    /// No value has been seen: a variable before its first assignment, an element of `[]`.
    Never,
    /// Anything. The name is the label of a type that no `type` block declares, kept for show.
    Any(Option<Name>),
    /// `null`.
    Null,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `decimal`; every whole number is one too.
    Decimal,
    /// `string`.
    Str,
    /// `bytes`: text in base64.
    Bytes,
    /// `duration`.
    Duration,
    /// `timestamp`.
    Timestamp,
    /// `[]T`.
    List(Arc<Ty>),
    /// `Map[string, T]`: whatever is declared, keys are texts at run time.
    Map(Arc<Ty>),
    /// `(A, B)`: the results of a call that has several.
    Tuple(Arc<[Ty]>),
    /// A type of a `type` block.
    Named(Name),
    /// An object with the fields that were seen.
    Record(Arc<Record>),
    /// What `promise p <- ..` binds: a handle on a value of this type.
    Promise(Arc<Ty>),
    /// A name of `condition ..`, which reads as a bool.
    Condition,
    /// `x => e`.
    Lambda,
    /// One of these, at least two, in the order of this enumeration.
    Union(Arc<[Ty]>),
}

/// An object whose type nobody declared, or whose fields are known better than its declaration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name before the brace of its constructor.
    pub label: Option<Name>,
    /// Its fields, in the order they were seen.
    pub fields: Vec<(Name, Ty)>,
    /// Whether it may have fields that are not among these.
    pub open: bool,
}

impl Record {
    /// The type of a field, when it is known.
    pub fn field(&self, name: &str) -> Option<&Ty> {
        self.fields.iter().find(|(it, _)| &**it == name).map(|(_, ty)| ty)
    }
}

impl Ty {
    /// Anything, without a label.
    pub const ANY: Ty = Ty::Any(None);

    /// A list.
    pub fn list(item: Ty) -> Ty {
        Ty::List(Arc::new(item))
    }

    /// An object with these fields and no others.
    pub fn object<'n>(label: Option<&str>, fields: impl IntoIterator<Item = (&'n str, Ty)>) -> Ty {
        let fields = fields.into_iter().map(|(name, ty)| (Name::from(name), ty)).collect();
        Ty::Record(Arc::new(Record { label: label.map(Name::from), fields, open: false }))
    }

    /// This type or null.
    pub fn or_null(self) -> Ty {
        self.join(Ty::Null)
    }

    /// Whether nothing is known that a use could contradict.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Ty::Any(_) | Ty::Never)
    }

    /// The types that a value may have one of: the members of a union, or the type itself.
    pub fn members(&self) -> &[Ty] {
        match self {
            Ty::Union(members) => members,
            one => std::slice::from_ref(one),
        }
    }

    /// Whether values of this type may hold lists or objects that other variables hold too.
    pub(super) fn is_shared(&self) -> bool {
        self.members().iter().any(|it| {
            matches!(
                it,
                Ty::List(_) | Ty::Map(_) | Ty::Named(_) | Ty::Record(_) | Ty::Promise(_) | Ty::Any(_)
            )
        })
    }

    /// The type that all elements of a list have, or what a value is when nothing is known.
    pub fn item(&self) -> Ty {
        match self {
            Ty::List(item) => (**item).clone(),
            Ty::Tuple(items) => items.iter().cloned().fold(Ty::Never, Ty::join),
            _ => Ty::ANY,
        }
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Never | Ty::Any(None) => f.write_str("any"),
            Ty::Any(Some(name)) | Ty::Named(name) => f.write_str(name),
            Ty::Null => f.write_str("null"),
            Ty::Bool => f.write_str("bool"),
            Ty::Int => f.write_str("int"),
            Ty::Decimal => f.write_str("decimal"),
            Ty::Str => f.write_str("string"),
            Ty::Bytes => f.write_str("bytes"),
            Ty::Duration => f.write_str("duration"),
            Ty::Timestamp => f.write_str("timestamp"),
            Ty::List(item) if matches!(**item, Ty::Union(_)) => write!(f, "List[{item}]"),
            Ty::List(item) => write!(f, "[]{item}"),
            Ty::Map(value) => write!(f, "Map[string, {value}]"),
            Ty::Tuple(items) => list(f, "(", items, ")"),
            Ty::Record(record) => write!(f, "{record}"),
            Ty::Promise(inner) => write!(f, "promise of {inner}"),
            Ty::Condition => f.write_str("condition"),
            Ty::Lambda => f.write_str("lambda"),
            Ty::Union(members) => union(f, members),
        }
    }
}

/// `T?` for null and one more, a decimal for both kinds of numbers, else all with bars between.
fn union(f: &mut fmt::Formatter<'_>, members: &[Ty]) -> fmt::Result {
    let has = |ty: &Ty| members.contains(ty);
    let hides = |it: &&Ty| **it != Ty::Null && !(**it == Ty::Int && has(&Ty::Decimal));
    let shown: Vec<&Ty> = members.iter().filter(hides).collect();
    for (at, ty) in shown.iter().enumerate() {
        f.write_str(if at > 0 { " | " } else { "" })?;
        write!(f, "{ty}")?;
    }
    match (has(&Ty::Null), shown.len()) {
        (true, 1) => f.write_str("?"),
        (true, _) => f.write_str(" | null"),
        (false, _) => Ok(()),
    }
}

fn list(f: &mut fmt::Formatter<'_>, open: &str, items: &[Ty], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (at, ty) in items.iter().enumerate() {
        f.write_str(if at > 0 { ", " } else { "" })?;
        write!(f, "{ty}")?;
    }
    f.write_str(close)
}

/// Fields that are written out; more are a `..`.
const SHOWN_FIELDS_MAX: usize = 8;

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = &self.label {
            return f.write_str(label);
        }
        f.write_str("{")?;
        for (at, (name, ty)) in self.fields.iter().enumerate().take(SHOWN_FIELDS_MAX) {
            write!(f, "{}{name}: {ty}", if at > 0 { ", " } else { "" })?;
        }
        let has_more = self.open || self.fields.len() > SHOWN_FIELDS_MAX;
        f.write_str(match (has_more, self.fields.is_empty()) {
            (true, true) => "..}",
            (true, false) => ", ..}",
            (false, _) => "}",
        })
    }
}
