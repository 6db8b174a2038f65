//! Permissions: `resource:name:action`, for example `workflow:Checkout:execute`.

use std::fmt;

use crate::code;
use crate::error::Error;
use crate::suggest;

/// The longest permission, in bytes.
const PERMISSION_BYTES_MAX: usize = 256;

/// Resources whose permissions hold for the whole server, and those of one namespace.
const RESOURCES: &[&str] = &[
    "admin",
    "namespace",
    "workflow",
    "activity",
    "event",
    "queue",
    "schedule",
    "session",
    "audit",
    "metrics",
    "cache",
    "secret",
    "endpoint",
];

/// What is done to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Look at it.
    Read,
    /// Start it.
    Execute,
    /// Tell it something: a signal or an update.
    Signal,
    /// End it, or hold it.
    Cancel,
    /// Change it otherwise.
    Write,
}

impl Action {
    /// All actions.
    pub const ALL: [Action; 5] =
        [Action::Read, Action::Execute, Action::Signal, Action::Cancel, Action::Write];

    /// As it is written in permissions.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Execute => "execute",
            Action::Signal => "signal",
            Action::Cancel => "cancel",
            Action::Write => "write",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a caller wants to do, to which kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act<'a> {
    /// The kind of thing; `admin` for what belongs to no namespace.
    pub resource: &'a str,
    /// What is done to it.
    pub action: Action,
}

/// Names of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names<'a> {
    /// All.
    All,
    /// This one.
    Whole(&'a str),
    /// Those that begin with it.
    Beginning(&'a str),
}

/// A permission as it is granted. Each part is a word, a beginning of words with `*` behind it, or `*`.
///
/// - `workflow:Checkout:execute`, `workflow:*:read`, `schedule:nightly-*:write`
/// - `event:read` is short for `event:*:read`
/// - `namespace:*` is everything in the namespaces of its grant
/// - `admin:*` is everything there is; `admin:read` only looks at what belongs to no namespace
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    resource: String,
    name: String,
    action: Option<Action>,
}

impl Pattern {
    /// Reads a permission.
    pub fn parse(text: &str) -> Result<Pattern, Error> {
        if text.len() > PERMISSION_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(text, "a permission is at most 256 letters, digits and signs"));
        }
        let (resource, name, action) = match *text.split(':').collect::<Vec<_>>().as_slice() {
            [resource, action] => (resource, "*", action),
            [resource, name, action] if !matches!(resource, "admin" | "namespace") => {
                (resource, name, action)
            }
            _ => {
                return Err(wrong(text, "write it like workflow:Checkout:execute, schedule:read or admin:*"));
            }
        };
        if !RESOURCES.contains(&resource) {
            return Err(match suggest::nearest(resource, RESOURCES.iter().copied()) {
                Some(near) => wrong(text, &format!("did you mean {near:?}?")),
                None => wrong(text, &format!("there are {}", RESOURCES.join(", "))),
            });
        }
        if name.is_empty() || name.trim_end_matches('*').contains('*') || name.ends_with("**") {
            return Err(wrong(text, "a name is whole, or ends in one `*`"));
        }
        let action = match action {
            "*" => None,
            word => Some(action_of(text, word)?),
        };
        if resource == "namespace" && action.is_some() {
            return Err(wrong(
                text,
                "namespace:* is everything in the namespaces of a grant; name a resource for less",
            ));
        }
        Ok(Pattern { resource: resource.to_owned(), name: name.to_owned(), action })
    }

    /// Whether it is everything there is, in every namespace.
    pub fn is_admin(&self) -> bool {
        self.resource == "admin" && self.action.is_none()
    }

    /// Whether it is about what belongs to no namespace.
    pub(super) fn allows_server(&self) -> bool {
        self.resource == "admin"
    }

    /// Whether it allows this act to things of some names.
    pub fn allows(&self, act: Act<'_>) -> bool {
        let kind = self.resource == act.resource
            || (self.resource == "namespace" && !matches!(act.resource, "admin" | "metrics"));
        self.is_admin() || (kind && self.action.is_none_or(|action| action == act.action))
    }

    /// Whether it means things of this name. Permissions for everything mean every name.
    pub fn means(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => self.name == name,
        }
    }

    /// Whether it allows everything that the other one does.
    pub fn covers(&self, other: &Pattern) -> bool {
        let kind =
            self.resource == other.resource || (self.resource == "namespace" && other.resource != "admin");
        let acts = self.action.is_none() || self.action == other.action;
        let names = match (self.name.strip_suffix('*'), other.name.strip_suffix('*')) {
            (Some(own), Some(others)) => others.starts_with(own),
            (None, Some(_)) => false,
            (_, None) => self.means(&other.name),
        };
        self.is_admin() || (kind && acts && names)
    }

    /// The names that it means.
    pub(super) fn names(&self) -> Names<'_> {
        match self.name.strip_suffix('*') {
            Some("") => Names::All,
            Some(beginning) => Names::Beginning(beginning),
            None => Names::Whole(&self.name),
        }
    }

    /// Whether it means things of all names.
    pub fn means_all(&self) -> bool {
        self.name == "*"
    }
}

fn action_of(text: &str, word: &str) -> Result<Action, Error> {
    let found = Action::ALL.into_iter().find(|action| action.as_str() == word);
    found.ok_or_else(|| match suggest::nearest(word, Action::ALL.iter().map(|action| action.as_str())) {
        Some(near) => wrong(text, &format!("did you mean the action {near:?}?")),
        None => wrong(text, "the actions are read, execute, signal, cancel, write and *"),
    })
}

fn wrong(text: &str, help: &str) -> Error {
    Error::new(&code::PERMISSION_INVALID, format!("{text:?} is no permission")).help(help)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = self.action.map_or("*", Action::as_str);
        match self.resource.as_str() {
            resource @ ("admin" | "namespace") => write!(f, "{resource}:{action}"),
            resource => write!(f, "{resource}:{}:{action}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    fn act(resource: &str, action: Action) -> Act<'_> {
        Act { resource, action }
    }

    #[test]
    fn what_is_written_is_what_is_meant() {
        let execute = pattern("workflow:Checkout:execute");
        assert!(execute.allows(act("workflow", Action::Execute)) && execute.means("Checkout"));
        assert!(!execute.allows(act("workflow", Action::Read)));
        assert!(!execute.allows(act("schedule", Action::Execute)));
        assert!(!execute.means("CheckoutNow") && !execute.means_all());
        let nightly = pattern("schedule:nightly-*:write");
        assert!(nightly.means("nightly-7") && !nightly.means("daily"));
        assert!(pattern("event:read").means_all());
        let all = pattern("workflow:*:*");
        assert!(Action::ALL.into_iter().all(|action| all.allows(act("workflow", action))));
    }

    #[test]
    fn everything_of_a_namespace_is_not_the_server() {
        let namespace = pattern("namespace:*");
        assert!(
            namespace.allows(act("queue", Action::Write)) && !namespace.allows(act("admin", Action::Read))
        );
        let admin = pattern("admin:*");
        assert!(
            admin.is_admin()
                && admin.allows(act("admin", Action::Write))
                && admin.allows(act("queue", Action::Read))
        );
        let auditor = pattern("admin:read");
        assert!(!auditor.is_admin() && auditor.allows(act("admin", Action::Read)));
        assert!(!auditor.allows(act("workflow", Action::Read)));
    }

    #[test]
    fn what_covers_another_allows_all_of_it() {
        for (wide, narrow) in [
            ("admin:*", "namespace:*"),
            ("namespace:*", "workflow:A:read"),
            ("workflow:A*:*", "workflow:Ab*:read"),
            ("workflow:A*:read", "workflow:Ab:read"),
            ("event:read", "event:read"),
        ] {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
            assert!(wide == narrow || !pattern(narrow).covers(&pattern(wide)), "{narrow} {wide}");
        }
        assert!(!pattern("namespace:*").covers(&pattern("admin:read")));
        assert!(!pattern("workflow:A:read").covers(&pattern("workflow:A*:read")));
    }

    #[test]
    fn nonsense_is_refused_with_a_suggestion() {
        for (text, help) in [
            ("workfow:*:read", "did you mean \"workflow\"?"),
            ("workflow:*:raed", "did you mean the action \"read\"?"),
            ("workflow", "write it like"),
            ("a:b:c:d", "write it like"),
            ("admin:x:read", "write it like"),
            ("workflow::read", "whole"),
            ("workflow:a*b:read", "whole"),
            ("workflow:**:read", "whole"),
            ("namespace:read", "namespace:*"),
            ("workflow:é:read", "letters"),
            ("", "write it like"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert_eq!(error.code().id, "NX-1201");
            assert!(error.help_text().unwrap().contains(help), "{text}: {error}");
        }
    }

    #[test]
    fn it_is_shown_as_it_is_read() {
        for text in
            ["workflow:Checkout:execute", "schedule:nightly-*:*", "admin:*", "namespace:*", "admin:read"]
        {
            assert_eq!(pattern(text).to_string(), text);
        }
        assert_eq!(pattern("event:read").to_string(), "event:*:read");
    }
}
