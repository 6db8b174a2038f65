//! Putting types together: what a variable is that is assigned in several places, and what shared lists and objects
//! become when they are written to.

use std::sync::Arc;

use super::ty::{Name, Record, Ty};

/// Types of a union at most; more are any value.
const MEMBERS_MAX: usize = 6;

/// Fields of an object whose types are followed; the others are any value.
const FIELDS_MAX: usize = 64;

/// How deep types nest.
const DEPTH_MAX: u32 = 8;

/// Parts of one type: what nests and doubles becomes any value instead of growing without end.
const PARTS_MAX: u32 = 200;

impl Ty {
    /// The type of a value that is of this type or of the other.
    pub fn join(self, other: Ty) -> Ty {
        if self == other {
            return self;
        }
        match (self, other) {
            (Ty::Never, ty) | (ty, Ty::Never) => ty,
            (Ty::Any(a), Ty::Any(b)) => Ty::Any(a.filter(|a| b.as_ref() == Some(a))),
            (Ty::Any(_), _) | (_, Ty::Any(_)) => Ty::ANY,
            (a, b) => union(a.members().iter().chain(b.members())),
        }
    }

    /// This type, or any value where it has become too large to be of use.
    pub(super) fn bounded(self) -> Ty {
        let mut left = PARTS_MAX;
        if within(&self, 0, &mut left) { self } else { Ty::ANY }
    }

    fn rank(&self) -> u8 {
        match self {
            Ty::Never => 0,
            Ty::Any(_) => 1,
            Ty::Null => 2,
            Ty::Bool => 3,
            Ty::Int => 4,
            Ty::Decimal => 5,
            Ty::Str => 6,
            Ty::Bytes => 7,
            Ty::Duration => 8,
            Ty::Timestamp => 9,
            Ty::List(_) | Ty::Tuple(_) => 10,
            Ty::Map(_) | Ty::Record(_) => 11,
            Ty::Named(_) => 12,
            Ty::Promise(_) => 13,
            Ty::Condition => 14,
            Ty::Lambda => 15,
            Ty::Union(_) => 16,
        }
    }
}

fn union<'t>(all: impl Iterator<Item = &'t Ty>) -> Ty {
    let mut members: Vec<Ty> = Vec::with_capacity(4);
    for ty in all {
        let alike = members
            .iter_mut()
            .find(|it| it.rank() == ty.rank() && (!matches!(ty, Ty::Named(_)) || *it == ty));
        match alike {
            Some(member) => {
                if member != ty {
                    *member = merge(member, ty);
                }
            }
            None => members.push(ty.clone()),
        }
    }
    if members.len() > MEMBERS_MAX {
        return Ty::ANY;
    }
    members.sort_by(|a, b| match (a, b) {
        (Ty::Named(a), Ty::Named(b)) => a.cmp(b),
        _ => a.rank().cmp(&b.rank()),
    });
    match members.as_slice() {
        [one] => one.clone(),
        _ => Ty::Union(members.into()),
    }
}

/// Two types of one kind.
fn merge(a: &Ty, b: &Ty) -> Ty {
    match (a, b) {
        (Ty::List(_) | Ty::Tuple(_), Ty::List(_) | Ty::Tuple(_)) => {
            Ty::list(a.item().join(b.item())).bounded()
        }
        (Ty::Record(a), Ty::Record(b)) => Ty::Record(Arc::new(records(a, b))).bounded(),
        (Ty::Map(a), Ty::Map(b)) => Ty::Map(Arc::new((**a).clone().join((**b).clone()))).bounded(),
        (Ty::Map(values), Ty::Record(record)) | (Ty::Record(record), Ty::Map(values)) => {
            let all = record.fields.iter().map(|(_, ty)| ty.clone());
            let seen = all.fold((**values).clone(), Ty::join);
            Ty::Map(Arc::new(if record.open { Ty::ANY } else { seen })).bounded()
        }
        (Ty::Promise(a), Ty::Promise(b)) => Ty::Promise(Arc::new((**a).clone().join((**b).clone()))),
        _ => Ty::ANY,
    }
}

/// A field that only one of two objects has may be missing, and then reads as null. One that an open object does not
/// list may be anything, so nothing is said about it.
fn records(a: &Record, b: &Record) -> Record {
    let mut fields = Vec::with_capacity(a.fields.len());
    for (name, ty) in &a.fields {
        match b.field(name) {
            Some(other) => fields.push((name.clone(), ty.clone().join(other.clone()))),
            None if b.open => {}
            None => fields.push((name.clone(), ty.clone().or_null())),
        }
    }
    if !a.open {
        let more = b.fields.iter().filter(|(name, _)| a.field(name).is_none());
        fields.extend(more.map(|(name, ty)| (name.clone(), ty.clone().or_null())));
    }
    let label = a.label.clone().filter(|label| b.label.as_ref() == Some(label));
    let open = a.open || b.open || fields.len() > FIELDS_MAX;
    fields.truncate(FIELDS_MAX);
    Record { label, fields, open }
}

fn within(ty: &Ty, depth: u32, left: &mut u32) -> bool {
    if *left == 0 || depth > DEPTH_MAX {
        return false;
    }
    *left -= 1;
    match ty {
        Ty::List(inner) | Ty::Map(inner) | Ty::Promise(inner) => within(inner, depth + 1, left),
        Ty::Tuple(items) | Ty::Union(items) => items.iter().all(|it| within(it, depth + 1, left)),
        Ty::Record(record) => record.fields.iter().all(|(_, it)| within(it, depth + 1, left)),
        _ => true,
    }
}

/// An object made of these fields; what is beyond the limit is any value.
pub(super) fn record(label: Option<Name>, mut fields: Vec<(Name, Ty)>) -> Ty {
    let open = fields.len() > FIELDS_MAX;
    fields.truncate(FIELDS_MAX);
    Ty::Record(Arc::new(Record { label, fields, open })).bounded()
}

/// What has been written into the lists and objects that a set of variables shares: every list and object that one of
/// them can reach may have got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Into lists.
    pub(super) items: Ty,
    /// Into fields by name.
    pub(super) fields: Vec<(Name, Ty)>,
    /// Into objects by keys that are not known.
    pub(super) values: Ty,
}

impl Default for Written {
    fn default() -> Written {
        Written { items: Ty::Never, fields: Vec::new(), values: Ty::Never }
    }
}

impl Written {
    /// Whether nothing was.
    pub(super) fn is_empty(&self) -> bool {
        self.items == Ty::Never && self.fields.is_empty() && self.values == Ty::Never
    }

    /// Adds what another set has got.
    pub(super) fn absorb(&mut self, other: Written) {
        self.items = std::mem::replace(&mut self.items, Ty::Never).join(other.items).bounded();
        self.values = std::mem::replace(&mut self.values, Ty::Never).join(other.values).bounded();
        for (name, ty) in other.fields {
            let is_full = self.fields.len() >= FIELDS_MAX;
            match self.fields.iter_mut().find(|(it, _)| *it == name) {
                Some((_, old)) => *old = std::mem::replace(old, Ty::Never).join(ty).bounded(),
                None if is_full => self.values = Ty::ANY,
                None => self.fields.push((name, ty)),
            }
        }
    }

    /// A type after these writes.
    pub(super) fn applied(&self, ty: &Ty) -> Ty {
        match ty {
            Ty::List(item) => Ty::list(self.applied(item).join(self.items.clone())).bounded(),
            Ty::Tuple(_) => self.applied(&Ty::list(ty.item())),
            Ty::Map(value) => {
                let named = self.fields.iter().map(|(_, ty)| ty.clone());
                let written = named.fold(self.values.clone(), Ty::join);
                Ty::Map(Arc::new(self.applied(value).join(written))).bounded()
            }
            Ty::Record(record) => Ty::Record(Arc::new(self.applied_to(record))).bounded(),
            Ty::Promise(inner) => Ty::Promise(Arc::new(self.applied(inner))),
            Ty::Union(members) => members.iter().map(|it| self.applied(it)).fold(Ty::Never, Ty::join),
            other => other.clone(),
        }
    }

    fn applied_to(&self, record: &Record) -> Record {
        let fields = record.fields.iter().map(|(name, ty)| {
            let written =
                self.fields.iter().find(|(it, _)| it == name).map_or(Ty::Never, |(_, ty)| ty.clone());
            (name.clone(), self.applied(ty).join(written).join(self.values.clone()))
        });
        let is_written = !self.fields.is_empty() || self.values != Ty::Never;
        Record { label: record.label.clone(), fields: fields.collect(), open: record.open || is_written }
    }
}
