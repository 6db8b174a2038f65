//! Grants: permissions and the namespaces that they hold in.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::condition::Condition;
use super::pattern::{Act, Pattern};
use super::reach::Reach;
use crate::Json;
use crate::id::Namespace;

/// Namespaces that a grant holds in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Places {
    /// All of them, also those that come later.
    All,
    /// These.
    Only(BTreeSet<Namespace>),
}

impl Places {
    /// One namespace.
    pub fn one(namespace: Namespace) -> Places {
        Places::Only(BTreeSet::from([namespace]))
    }

    /// Whether a namespace is among them.
    pub fn hold(&self, namespace: &Namespace) -> bool {
        match self {
            Places::All => true,
            Places::Only(some) => some.contains(namespace),
        }
    }

    /// Whether all of the others are among them.
    fn cover(&self, other: &Places) -> bool {
        match (self, other) {
            (Places::All, _) => true,
            (Places::Only(_), Places::All) => false,
            (Places::Only(own), Places::Only(others)) => others.is_subset(own),
        }
    }

    /// Those of them that are not among others. Of all there are, only the known ones can be named.
    #[must_use]
    fn without(&self, others: &BTreeSet<Namespace>, known: &BTreeSet<Namespace>) -> Places {
        let own = match self {
            Places::All => known,
            Places::Only(own) => own,
        };
        Places::Only(own.difference(others).cloned().collect())
    }

    /// What both have.
    #[must_use]
    pub fn both(&self, other: &Places) -> Places {
        match (self, other) {
            (Places::All, some) | (some, Places::All) => some.clone(),
            (Places::Only(left), Places::Only(right)) => {
                Places::Only(left.intersection(right).cloned().collect())
            }
        }
    }
}

/// One permission in some namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub pattern: Pattern,
    /// Where. Permissions for what belongs to no namespace hold wherever they are granted.
    pub places: Places,
    /// Where it comes from, for people who ask why: `role clerk`, `key nxk_…`.
    pub source: Arc<str>,
    /// When, where that is not always.
    pub condition: Option<Condition>,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pattern)?;
        if let Places::Only(some) = &self.places {
            let names: Vec<_> = some.iter().map(Namespace::as_str).collect();
            write!(f, " in {}", names.join(", "))?;
        }
        write!(f, " ({})", self.source)?;
        self.condition.iter().try_for_each(|condition| write!(f, " when {condition}"))
    }
}

/// All that one caller may do. What is not in it is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl Grants {
    /// These grants.
    pub fn new(grants: Vec<Grant>) -> Grants {
        Grants(grants)
    }

    /// Everything: for callers in this process, and for everybody while authentication is off.
    pub fn everything(source: &str) -> Grants {
        let everything = Pattern::parse("admin:*").ok();
        let grant = |pattern| Grant { pattern, places: Places::All, source: source.into(), condition: None };
        Grants(everything.into_iter().map(grant).collect())
    }

    /// Events may be published in one namespace, and nothing else.
    pub fn publishing(namespace: &Namespace, source: &str) -> Grants {
        let pattern = Pattern::parse("event:write").ok();
        let places = Places::one(namespace.clone());
        let grant =
            |pattern| Grant { pattern, places: places.clone(), source: source.into(), condition: None };
        Grants(pattern.into_iter().map(grant).collect())
    }

    /// Completions may be brought, and nothing else.
    pub fn completing(source: &str) -> Grants {
        let pattern = Pattern::parse("endpoint:write").ok();
        let grant = |pattern| Grant { pattern, places: Places::All, source: source.into(), condition: None };
        Grants(pattern.into_iter().map(grant).collect())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }

    /// How far they reach for an act.
    pub fn reach(&self, act: Act<'_>) -> Reach {
        let fits = self.0.iter().filter(|grant| grant.pattern.allows(act));
        Reach::of(fits.map(|grant| (&grant.places, &grant.pattern)))
    }

    /// Wherever they allow anything at all.
    pub fn anywhere(&self) -> Reach {
        Reach::of(self.0.iter().map(|grant| (&grant.places, &grant.pattern)))
    }

    /// The first grant that allows an act to a thing of this name in a namespace.
    pub fn why(&self, act: Act<'_>, namespace: Option<&Namespace>, name: Option<&str>) -> Option<&Grant> {
        self.0.iter().find(|grant| {
            grant.pattern.allows(act)
                && (grant.pattern.is_admin()
                    || namespace.is_none_or(|namespace| grant.places.hold(namespace)))
                && name.map_or_else(|| grant.pattern.means_all(), |name| grant.pattern.means(name))
        })
    }

    /// Whether one of them is at least as much as this.
    pub fn cover(&self, grant: &Grant) -> bool {
        let as_wide = |own: &Grant| own.pattern.is_admin() || own.places.cover(&grant.places);
        let as_often = |own: &Grant| own.condition.is_none() || own.condition == grant.condition;
        self.0.iter().any(|own| own.pattern.covers(&grant.pattern) && as_wide(own) && as_often(own))
    }

    /// Those that hold in a call of which these are the facts. `None` when all of them always do.
    pub fn holding(&self, facts: impl FnOnce() -> Json) -> Option<Grants> {
        if self.0.iter().all(|grant| grant.condition.is_none()) {
            return None;
        }
        let facts = facts();
        let holds = |grant: &&Grant| grant.condition.as_ref().is_none_or(|it| it.holds(&facts));
        Some(Grants(self.0.iter().filter(holds).cloned().collect()))
    }

    /// The same grants, only while this holds as well.
    #[must_use]
    pub fn when(&self, condition: &Condition) -> Grants {
        let narrowed = self.0.iter().map(|grant| {
            let both = grant.condition.as_ref().map_or_else(|| condition.clone(), |own| own.and(condition));
            Grant { condition: Some(both), ..grant.clone() }
        });
        Grants(narrowed.collect())
    }

    /// The same grants in these namespaces only. Those for what belongs to no namespace are lost, unless the namespaces
    /// are all.
    #[must_use]
    pub fn within(&self, places: &Places) -> Grants {
        if *places == Places::All {
            return self.clone();
        }
        self.narrowed(|own| own.both(places))
    }

    /// The same grants without some namespaces, of those that are known. Those for what belongs to no namespace are lost:
    /// it touches all of them.
    #[must_use]
    pub fn without(&self, namespaces: &BTreeSet<Namespace>, known: &BTreeSet<Namespace>) -> Grants {
        self.narrowed(|own| own.without(namespaces, known))
    }

    fn narrowed(&self, narrow: impl Fn(&Places) -> Places) -> Grants {
        let narrowed = self.0.iter().filter_map(|grant| {
            let pattern = match &grant.pattern {
                pattern if pattern.is_admin() => Pattern::parse("namespace:*").ok()?,
                pattern if pattern.allows_server() => return None,
                pattern => pattern.clone(),
            };
            Some(Grant { pattern, places: narrow(&grant.places), ..grant.clone() })
        });
        Grants(narrowed.collect())
    }
}
