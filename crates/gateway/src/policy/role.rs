//! Roles: names for permissions, which may take over those of other roles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nexus_kernel::access::{Grant, Grants, Pattern, Places};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::suggest;

use super::condition::condition;

/// Roles that are there without a word of configuration, with their permissions.
const GIVEN: &[(&str, &[&str])] = &[
    ("admin", &["admin:*"]),
    ("operator", &["namespace:*"]),
    (
        "caller",
        &["workflow:*:read", "workflow:*:execute", "workflow:*:signal", "workflow:*:cancel", "session:*"],
    ),
    ("monitor", &["metrics:read"]),
    ("viewer", &["workflow:read", "activity:read", "event:read", "queue:read", "schedule:read", "session:*"]),
];

/// A role as it is written down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleSpec {
    /// Roles whose permissions it has as well.
    pub inherits: Vec<String>,
    /// Permissions of its own.
    pub permissions: Vec<String>,
    /// Where they hold; in all namespaces of whoever has the role when absent.
    pub namespaces: Option<BTreeSet<Namespace>>,
    /// When all of that holds, also what it has taken over; always when absent.
    pub when: Option<String>,
}

/// All roles of a server, with what each comes to.
#[derive(Debug, Clone, Default)]
pub struct Roles {
    pub(super) grants: BTreeMap<String, Grants>,
    /// Which roles these are, of those that a server has had.
    pub(super) number: u64,
}

impl Roles {
    /// Works out what every role comes to. Errors: a permission that is none, a role that is not there, roles that inherit
    /// each other, a name that is taken.
    pub fn new(specs: &BTreeMap<String, RoleSpec>) -> Result<Roles, Error> {
        let mut roles = Roles::default();
        for (name, permissions) in GIVEN {
            let given = RoleSpec {
                permissions: permissions.iter().map(|text| (*text).to_owned()).collect(),
                ..RoleSpec::default()
            };
            roles.grants.insert((*name).to_owned(), Grants::new(own_grants(name, &given)?));
        }
        if let Some(taken) = specs.keys().find(|name| roles.grants.contains_key(*name)) {
            return Err(wrong(taken, "there is a role of this name already").help("choose another name"));
        }
        for name in specs.keys() {
            roles.resolve(name, specs, &mut Vec::new())?;
        }
        Ok(roles)
    }

    /// The names of all roles.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.grants.keys().map(String::as_str)
    }

    /// What a role comes to.
    pub fn grants(&self, name: &str) -> Result<&Grants, Error> {
        self.grants.get(name).ok_or_else(|| unknown(name, self.names()))
    }

    /// What several roles come to together, in these namespaces. Roles that are not there give nothing: whoever names
    /// roles may be another system.
    pub fn together<'a>(&self, names: impl Iterator<Item = &'a str>, places: &Places) -> Vec<Grant> {
        let found = names.filter_map(|name| self.grants.get(name));
        found.flat_map(|grants| grants.within(places).iter().cloned().collect::<Vec<_>>()).collect()
    }

    fn resolve<'a>(
        &mut self,
        name: &'a str,
        specs: &'a BTreeMap<String, RoleSpec>,
        path: &mut Vec<&'a str>,
    ) -> Result<(), Error> {
        if self.grants.contains_key(name) {
            return Ok(());
        }
        if let Some(at) = path.iter().position(|above| *above == name) {
            let circle = path.iter().skip(at).chain([&name]).copied().collect::<Vec<_>>().join(" -> ");
            return Err(wrong(name, &format!("it inherits itself: {circle}")).help("take one of them away"));
        }
        let spec = specs.get(name).ok_or_else(|| {
            unknown(name, specs.keys().map(String::as_str).chain(GIVEN.iter().map(|it| it.0)))
        })?;
        path.push(name);
        let mut grants = own_grants(name, spec)?;
        for parent in &spec.inherits {
            self.resolve(parent, specs, path)?;
            grants.extend(self.grants(parent)?.within(&places(spec)).iter().cloned());
        }
        path.pop();
        let grants = Grants::new(grants);
        let condition = spec.when.as_deref().map(condition).transpose();
        let condition = condition.map_err(|error| {
            wrong(name, error.message()).help(error.help_text().unwrap_or_default().to_owned())
        })?;
        let grants = condition.map_or_else(|| grants.clone(), |condition| grants.when(&condition));
        self.grants.insert(name.to_owned(), grants);
        Ok(())
    }
}

fn places(spec: &RoleSpec) -> Places {
    spec.namespaces.clone().map_or(Places::All, Places::Only)
}

fn own_grants(name: &str, spec: &RoleSpec) -> Result<Vec<Grant>, Error> {
    let source: Arc<str> = format!("role {name}").into();
    let grant = |text: &String| {
        let pattern = Pattern::parse(text).map_err(|error| {
            wrong(name, error.message()).help(error.help_text().unwrap_or_default().to_owned())
        })?;
        Ok(Grant { pattern, places: Places::All, source: Arc::clone(&source), condition: None })
    };
    let all = spec.permissions.iter().map(grant).collect::<Result<Vec<_>, Error>>()?;
    Ok(Grants::new(all).within(&places(spec)).iter().cloned().collect())
}

fn wrong(name: &str, why: &str) -> Error {
    Error::new(&code::ROLE_INVALID, format!("role {name:?}: {why}"))
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    let error = Error::new(&code::ROLE_INVALID, format!("there is no role {name:?}"));
    match suggest::nearest(name, known.clone()) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error.help(format!("there are {}", known.collect::<Vec<_>>().join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::access::{Act, Action};

    use super::*;

    fn specs(given: &[(&str, &[&str], &[&str])]) -> BTreeMap<String, RoleSpec> {
        let texts = |some: &[&str]| some.iter().map(|it| (*it).to_owned()).collect();
        let one = |(name, inherits, permissions): &(&str, &[&str], &[&str])| {
            let (inherits, permissions) = (texts(inherits), texts(permissions));
            let spec = RoleSpec { inherits, permissions, ..RoleSpec::default() };
            ((*name).to_owned(), spec)
        };
        given.iter().map(one).collect()
    }

    fn allows(roles: &Roles, role: &str, action: Action, workflow: &str) -> bool {
        let act = Act { resource: "workflow", action };
        roles.grants(role).unwrap().reach(act).sees(&Namespace::default(), workflow)
    }

    #[test]
    fn a_role_has_what_those_that_it_inherits_have() {
        let specs = specs(&[
            ("clerk", &["viewer"], &["workflow:Checkout:execute"]),
            ("head-clerk", &["clerk"], &["workflow:*:cancel"]),
        ]);
        let roles = Roles::new(&specs).unwrap();
        assert!(allows(&roles, "head-clerk", Action::Execute, "Checkout"));
        assert!(allows(&roles, "head-clerk", Action::Read, "Refund"));
        assert!(!allows(&roles, "head-clerk", Action::Execute, "Refund"));
        assert!(!allows(&roles, "clerk", Action::Cancel, "Checkout"));
        assert!(!allows(&roles, "viewer", Action::Execute, "Checkout"));
    }

    #[test]
    fn what_is_inherited_is_no_wider_than_the_heir() {
        let mut specs = specs(&[("local", &["admin"], &[])]);
        specs.get_mut("local").unwrap().namespaces = Some(BTreeSet::from([Namespace::new("shop").unwrap()]));
        let roles = Roles::new(&specs).unwrap();
        let grants = roles.grants("local").unwrap();
        let reach = grants.reach(Act { resource: "workflow", action: Action::Write });
        assert!(reach.sees_all(&Namespace::new("shop").unwrap()) && !reach.sees_some(&Namespace::default()));
        assert!(grants.reach(Act { resource: "admin", action: Action::Read }).is_nothing());
    }

    #[test]
    fn circles_and_strangers_are_refused() {
        for (given, words) in [
            (specs(&[("a", &["b"], &[]), ("b", &["c"], &[]), ("c", &["b"], &[])]), "b -> c -> b"),
            (specs(&[("a", &["a"], &[])]), "a -> a"),
            (specs(&[("a", &["viewr"], &[])]), "did you mean \"viewer\"?"),
            (specs(&[("admin", &[], &[])]), "already"),
            (specs(&[("a", &[], &["workflow:*:raed"])]), "did you mean the action \"read\"?"),
        ] {
            let error = Roles::new(&given).unwrap_err();
            assert_eq!(error.code().id, "NX-1202");
            let told = format!("{error} {}", error.help_text().unwrap_or_default());
            assert!(told.contains(words), "{told}");
        }
    }
}
