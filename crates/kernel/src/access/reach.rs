//! How far a caller reaches: the things of one kind that an act may be done to.

use std::sync::Arc;

use super::grants::Places;
use super::pattern::{Names, Pattern};
use crate::id::Namespace;

/// Namespaces, and names in them. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach(Option<Arc<[Part]>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    places: Places,
    names: Pattern,
}

impl Part {
    fn condition(&self) -> (Option<Vec<&Namespace>>, Names<'_>) {
        let places = match &self.places {
            Places::All => None,
            Places::Only(some) => Some(some.iter().collect()),
        };
        (places, self.names.names())
    }
}

impl Reach {
    /// Everything.
    pub fn everything() -> Reach {
        Reach(None)
    }

    /// What these parts are together.
    pub(super) fn of<'a>(parts: impl Iterator<Item = (&'a Places, &'a Pattern)>) -> Reach {
        let mut all = Vec::new();
        for (places, names) in parts {
            if names.is_admin() || (*places == Places::All && names.means_all()) {
                return Reach(None);
            }
            all.push(Part { places: places.clone(), names: names.clone() });
        }
        Reach(Some(all.into()))
    }

    /// What is in reach of either.
    #[must_use]
    pub fn or(self, other: Reach) -> Reach {
        match (self.0, other.0) {
            (Some(left), Some(right)) => Reach(Some(left.iter().chain(right.iter()).cloned().collect())),
            _ => Reach(None),
        }
    }

    /// Its parts as conditions: namespaces, all when absent, and names in them. `None` when nothing is out of reach.
    pub fn parts(&self) -> Option<impl Iterator<Item = (Option<Vec<&Namespace>>, Names<'_>)>> {
        Some(self.0.as_ref()?.iter().map(Part::condition))
    }

    fn all(&self) -> &[Part] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether nothing is out of reach.
    pub fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Whether nothing is in reach.
    pub fn is_nothing(&self) -> bool {
        self.0.as_ref().is_some_and(|parts| parts.is_empty())
    }

    /// Whether a thing of this name is in reach.
    pub fn sees(&self, namespace: &Namespace, name: &str) -> bool {
        let fits = |part: &Part| part.places.hold(namespace) && part.names.means(name);
        self.is_everything() || self.all().iter().any(fits)
    }

    /// Whether anything of a namespace is in reach.
    pub fn sees_some(&self, namespace: &Namespace) -> bool {
        self.is_everything() || self.all().iter().any(|part| part.places.hold(namespace))
    }

    /// Whether everything of a namespace is in reach.
    pub fn sees_all(&self, namespace: &Namespace) -> bool {
        let whole = |part: &Part| part.names.means_all() && part.places.hold(namespace);
        self.is_everything() || self.all().iter().any(whole)
    }

    /// The namespaces of which something is in reach; `None` when no namespace is left out.
    pub fn namespaces(&self) -> Option<Vec<Namespace>> {
        let mut names = Vec::new();
        for part in self.0.as_ref()?.iter() {
            match &part.places {
                Places::All => return None,
                Places::Only(some) => names.extend(some.iter().cloned()),
            }
        }
        names.sort();
        names.dedup();
        Some(names)
    }
}

#[cfg(test)]
mod tests {
    use crate::access::{Act, Action, Grant, Grants};

    use super::*;

    fn namespace(name: &str) -> Namespace {
        Namespace::new(name).unwrap()
    }

    fn grants(pairs: &[(&str, &[&str])]) -> Grants {
        let one = |(pattern, places): &(&str, &[&str])| Grant {
            pattern: Pattern::parse(pattern).unwrap(),
            places: match places {
                ["*"] => Places::All,
                some => Places::Only(some.iter().map(|name| namespace(name)).collect()),
            },
            source: "a test".into(),
            condition: None,
        };
        Grants::new(pairs.iter().map(one).collect())
    }

    const READ: Act<'_> = Act { resource: "workflow", action: Action::Read };

    #[test]
    fn nothing_is_granted_unless_it_is() {
        let none = Grants::default().reach(READ);
        assert!(none.is_nothing() && !none.sees_some(&namespace("shop")));
        assert!(Grants::everything("a test").reach(READ).is_everything());
    }

    #[test]
    fn names_and_namespaces_go_together() {
        let grants = grants(&[("workflow:A*:read", &["shop"]), ("workflow:*:read", &["bank"])]);
        let reach = grants.reach(READ);
        assert!(reach.sees(&namespace("shop"), "Abc") && !reach.sees(&namespace("shop"), "Xyz"));
        assert!(reach.sees(&namespace("bank"), "Xyz") && !reach.sees(&namespace("other"), "Abc"));
        assert!(reach.sees_some(&namespace("shop")) && !reach.sees_all(&namespace("shop")));
        assert!(reach.sees_all(&namespace("bank")));
        assert_eq!(reach.namespaces(), Some(vec![namespace("bank"), namespace("shop")]));
        let cancel = grants.reach(Act { action: Action::Cancel, ..READ });
        assert!(cancel.is_nothing());
    }

    #[test]
    fn an_administrator_in_some_namespaces_is_none_of_the_server() {
        let narrowed =
            grants(&[("admin:*", &["*"]), ("admin:read", &["*"])]).within(&Places::one(namespace("shop")));
        let server = Act { resource: "admin", action: Action::Read };
        assert!(narrowed.reach(server).is_nothing());
        let reach = narrowed.reach(READ);
        assert!(reach.sees_all(&namespace("shop")) && !reach.sees_some(&namespace("bank")));
        assert!(narrowed.why(READ, Some(&namespace("shop")), Some("Checkout")).is_some());
        assert!(narrowed.why(READ, Some(&namespace("bank")), Some("Checkout")).is_none());
    }
}
