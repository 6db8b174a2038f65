//! Whether a value of one type is taken where another is declared: the rules of the boundary of a run.
//!
//! What crosses a boundary is JSON, so a number is taken for a duration, a text for a decimal or timestamp, and the
//! other way round a decimal for a text (see [`crate::twf::boundary`]).

use super::declared::{Declared, TypeOf};
use super::ty::{Record, Ty};

/// How deep types are compared; what lies deeper is taken on trust.
const DEPTH_MAX: u32 = 6;

/// Fields of two declared types that are compared; larger ones are taken on trust.
const FIELDS_MAX: usize = 64;

/// What does not fit, and where in the value.
#[derive(Debug)]
pub(super) struct Misfit {
    /// Steps from the inside out.
    path: Vec<String>,
    pub(super) why: Why,
}

/// Why something does not fit.
#[derive(Debug)]
pub(super) enum Why {
    /// The types are different ones.
    Type { wanted: Ty, found: Ty },
    /// A field that must be there is not.
    Missing { field: String, ty: Ty },
    /// A field that is there is not declared.
    Unknown { field: String },
}

impl Misfit {
    fn of(wanted: &Ty, found: &Ty) -> Misfit {
        Misfit { path: Vec::new(), why: Why::Type { wanted: wanted.clone(), found: found.clone() } }
    }

    fn inside(mut self, step: String) -> Misfit {
        self.path.push(step);
        self
    }

    /// The place as it is written after the name of the value, for example `.items[].price`; empty for the value
    /// itself.
    pub(super) fn path(&self) -> String {
        self.path.iter().rev().map(String::as_str).collect()
    }
}

impl Declared<'_> {
    /// Why no value of the one type is taken for the other; nothing when one may be.
    pub(super) fn misfit(&self, found: &Ty, wanted: &Ty) -> Option<Misfit> {
        self.misfit_at(found, wanted, 0)
    }

    fn misfit_at(&self, found: &Ty, wanted: &Ty, depth: u32) -> Option<Misfit> {
        if depth > DEPTH_MAX || wanted.is_unknown() || found.is_unknown() || found == wanted {
            return None;
        }
        if let Ty::Union(members) = found {
            let mut all = members.iter().map(|it| self.misfit_at(it, wanted, depth));
            return all.all(|it| it.is_some()).then(|| Misfit::of(wanted, found));
        }
        if let Ty::Union(members) = wanted {
            let solid: Vec<&Ty> = members.iter().filter(|it| **it != Ty::Null).collect();
            return match (found, solid.as_slice()) {
                (Ty::Null, _) if members.contains(&Ty::Null) => None,
                // Where there is one choice, what is wrong with it is worth telling.
                (_, [one]) if is_structure(found) => self.misfit_at(found, one, depth),
                _ => {
                    let fits = members.iter().any(|it| self.misfit_at(found, it, depth).is_none());
                    (!fits).then(|| Misfit::of(wanted, found))
                }
            };
        }
        self.single(found, wanted, depth)
    }

    fn single(&self, found: &Ty, wanted: &Ty, depth: u32) -> Option<Misfit> {
        match (found, wanted) {
            (Ty::List(a), Ty::List(b)) => self.misfit_at(a, b, depth + 1).map(|it| it.inside("[]".into())),
            (Ty::List(item), Ty::Tuple(wanted)) => wanted
                .iter()
                .find_map(|wanted| self.misfit_at(item, wanted, depth + 1))
                .map(|it| it.inside("[]".into())),
            (Ty::Tuple(a), Ty::Tuple(b)) if a.len() == b.len() => {
                a.iter().zip(b.iter()).find_map(|(a, b)| self.misfit_at(a, b, depth + 1))
            }
            (Ty::Tuple(items), Ty::List(wanted)) => {
                items.iter().find_map(|item| self.misfit_at(item, wanted, depth + 1))
            }
            (Ty::Map(a), Ty::Map(b)) => self.misfit_at(a, b, depth + 1).map(|it| it.inside("[]".into())),
            (Ty::Record(record), Ty::Map(value)) => record.fields.iter().find_map(|(name, ty)| {
                self.misfit_at(ty, value, depth + 1).map(|it| it.inside(format!(".{name}")))
            }),
            (Ty::Record(a), Ty::Record(b)) => self.records(a, b, depth),
            (Ty::Record(a), Ty::Named(name)) => {
                self.get(name).and_then(|declared| self.record(a, declared, depth))
            }
            (Ty::Named(a), Ty::Named(b)) => {
                let (a, b) = (self.get(a)?, self.get(b)?);
                self.two_named(a, b, depth)
            }
            (Ty::Map(_), Ty::Record(_) | Ty::Named(_)) | (Ty::Named(_), Ty::Map(_) | Ty::Record(_)) => None,
            _ => (!converts(found, wanted)).then(|| Misfit::of(wanted, found)),
        }
    }

    fn records(&self, found: &Record, wanted: &Record, depth: u32) -> Option<Misfit> {
        let unknown = found.fields.iter().find(|(name, ty)| wanted.field(name).is_none() && is_there(ty));
        if let Some((name, _)) = unknown {
            return Some(Misfit { path: Vec::new(), why: Why::Unknown { field: name.to_string() } });
        }
        wanted.fields.iter().find_map(|(name, wanted)| match found.field(name) {
            Some(ty) => self.misfit_at(ty, wanted, depth + 1).map(|it| it.inside(format!(".{name}"))),
            None if found.open
                || wanted.members().iter().any(|it| matches!(it, Ty::Any(None) | Ty::Null)) =>
            {
                None
            }
            None => Some(missing(name, wanted)),
        })
    }

    fn record(&self, found: &Record, wanted: &TypeOf<'_>, depth: u32) -> Option<Misfit> {
        for (name, ty) in &found.fields {
            match wanted.field(name) {
                None if is_there(ty) => {
                    return Some(Misfit { path: Vec::new(), why: Why::Unknown { field: name.to_string() } });
                }
                None => {}
                Some(field) => {
                    if let Some(misfit) = self.misfit_at(ty, &field.ty, depth + 1) {
                        return Some(misfit.inside(format!(".{name}")));
                    }
                }
            }
        }
        if found.open {
            return None;
        }
        let lacking = wanted.fields.iter().find(|field| field.required && found.field(&field.name).is_none());
        lacking.map(|field| missing(&field.name, &field.ty))
    }

    /// Declared types are compared by their fields: the name of a type does not cross a boundary.
    fn two_named(&self, found: &TypeOf<'_>, wanted: &TypeOf<'_>, depth: u32) -> Option<Misfit> {
        if found.fields.len().max(wanted.fields.len()) > FIELDS_MAX {
            return None;
        }
        let unknown = found.fields.iter().any(|it| it.required && wanted.field(&it.name).is_none());
        let lacking = wanted.fields.iter().any(|it| it.required && found.field(&it.name).is_none());
        let differs = || {
            let pairs = wanted.fields.iter().filter_map(|it| Some((&found.field(&it.name)?.ty, &it.ty)));
            pairs.into_iter().any(|(a, b)| self.misfit_at(a, b, depth + 1).is_some())
        };
        (unknown || lacking || differs())
            .then(|| Misfit::of(&Ty::Named(wanted.name.clone()), &Ty::Named(found.name.clone())))
    }
}

fn missing(name: &str, ty: &Ty) -> Misfit {
    Misfit { path: Vec::new(), why: Why::Missing { field: name.to_string(), ty: ty.clone() } }
}

/// Whether a field of this type is surely there: one that may be missing reads as null.
fn is_there(ty: &Ty) -> bool {
    !ty.members().iter().any(|it| matches!(it, Ty::Null | Ty::Never | Ty::Any(_)))
}

fn is_structure(ty: &Ty) -> bool {
    matches!(ty, Ty::List(_) | Ty::Map(_) | Ty::Record(_) | Ty::Tuple(_))
}

/// What the boundary makes of scalars.
fn converts(found: &Ty, wanted: &Ty) -> bool {
    use Ty::{Bool, Bytes, Condition, Decimal, Duration, Int, Str, Timestamp};
    match (found, wanted) {
        (Int, Decimal | Duration)
        | (Condition, Bool)
        | (Decimal, Str | Duration)
        | (Duration | Timestamp, Str)
        | (Str | Bytes, Str | Bytes | Decimal | Duration | Timestamp) => true,
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_fit_as_the_boundary_takes_them() {
        let declared = Declared::default();
        let fits = |found: &Ty, wanted: &Ty| declared.misfit(found, wanted).is_none();
        assert!(fits(&Ty::Int, &Ty::Decimal) && !fits(&Ty::Decimal, &Ty::Int));
        assert!(fits(&Ty::Str, &Ty::Timestamp) && !fits(&Ty::Str, &Ty::Int));
        assert!(fits(&Ty::Null, &Ty::Int.or_null()) && !fits(&Ty::Null, &Ty::Int));
        assert!(fits(&Ty::Int.join(Ty::Str), &Ty::Int) && !fits(&Ty::Bool.join(Ty::Str), &Ty::Int));
        assert!(fits(&Ty::list(Ty::Never), &Ty::list(Ty::Int)));
    }

    #[test]
    fn a_misfit_says_where_it_is() {
        let declared = Declared::default();
        let found = Ty::object(None, [("items", Ty::list(Ty::object(None, [("price", Ty::Bool)])))]);
        let wanted = Ty::object(None, [("items", Ty::list(Ty::object(None, [("price", Ty::Int)])))]);
        assert_eq!(declared.misfit(&found, &wanted).unwrap().path(), ".items[].price");
        let lacking = declared.misfit(&Ty::object(None, []), &wanted).unwrap();
        assert!(matches!(lacking.why, Why::Missing { field, .. } if field == "items"));
    }
}
