//! An endpoint: a name by which callers of any namespace reach the services of one, and who they may be.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{EndpointId, Namespace};
use nexus_kernel::limits::ID_BYTES_MAX;
use serde_json::json;

pub use crate::nexus::record::{EndpointSpec, Target};

/// Longest name of an endpoint, in bytes (Nexus page, A4).
pub const NAME_BYTES_MAX: usize = 200;

/// Longest description, in bytes (Nexus page, A4).
pub const DESCRIPTION_BYTES_MAX: usize = 20_000;

/// Longest address of services outside, in bytes (Nexus page, A4).
pub const URL_BYTES_MAX: usize = 4_000;

/// Most entries of a list of allowed callers.
pub const CALLERS_MAX: usize = 1_000;

/// The entry that allows every caller.
pub const ANYBODY: &str = "*";

/// Where an endpoint is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In a TWF file of the project.
    Program,
    /// In `nexus.toml`.
    Configuration,
    /// In the registry, by an operator.
    Registry,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What stays when it is renamed.
    pub id: EndpointId,
    /// Where it is written down.
    pub source: Source,
    /// Counts its changes, from 1.
    pub version: u64,
    /// What is said of it.
    pub spec: EndpointSpec,
}

impl EndpointSpec {
    /// Refuses what makes no sense, with everything that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        let mut error = Error::new(&code::ENDPOINT_INVALID, "the endpoint makes no sense");
        for (field, fault) in self.faults() {
            error = error.fault(field, fault);
        }
        if error.faults().is_empty() { Ok(()) } else { Err(error) }
    }

    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if !is_name(&self.name) {
            let fault = format!(
                "a name has 1 to {NAME_BYTES_MAX} letters, digits, `-`, `_` and `.`, and begins with a letter or digit"
            );
            faults.push(("name", fault));
        }
        if self.description.len() > DESCRIPTION_BYTES_MAX {
            faults.push(("description", format!("it is longer than {DESCRIPTION_BYTES_MAX} bytes")));
        }
        if self.allowed_caller_namespaces.len() > CALLERS_MAX {
            faults.push(("allowed_caller_namespaces", format!("it has more than {CALLERS_MAX} entries")));
        }
        let callers = self.allowed_caller_namespaces.iter().filter(|name| *name != ANYBODY);
        for name in callers.filter(|name| Namespace::new(name).is_err()) {
            let fault = format!("{name:?} is neither a namespace nor `{ANYBODY}`");
            faults.push(("allowed_caller_namespaces", fault));
        }
        match &self.target {
            Target::Worker { namespace, .. } if Namespace::new(namespace.as_str()).is_err() => {
                faults.push(("namespace", format!("{:?} is not a namespace name", namespace.as_str())));
            }
            Target::Worker { task_queue, .. } if task_queue.is_empty() || task_queue.len() > ID_BYTES_MAX => {
                faults.push(("task_queue", format!("the name of a queue has 1 to {ID_BYTES_MAX} bytes")));
            }
            Target::Outside { url } => faults.extend(fault_of(url).map(|fault| ("url", fault))),
            Target::Worker { .. } => {}
        }
        faults
    }
}

/// What is wrong with the address of services outside.
fn fault_of(url: &str) -> Option<String> {
    if url.len() > URL_BYTES_MAX {
        return Some(format!("it is longer than {URL_BYTES_MAX} bytes"));
    }
    let parsed: Option<http::Uri> = url.parse().ok();
    let Some(uri) = parsed.filter(|uri| uri.authority().is_some_and(|it| !it.host().is_empty())) else {
        return Some(format!("{url:?} is no address such as https://billing.example/nexus"));
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Some("only http and https lead somewhere".to_owned());
    }
    if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
        return Some(
            "a name and password in an address are seen by everybody who sees the endpoint".to_owned(),
        );
    }
    uri.query().is_some().then(|| "operations are put behind it, so that it can have no query".to_owned())
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    begins && name.chars().all(fits) && name.len() <= NAME_BYTES_MAX
}

impl Endpoint {
    /// Whether runs of a namespace may call. Callers of the same project are welcome where there is no list; there are no
    /// others then.
    pub fn allows(&self, caller: &Namespace, is_outside: bool) -> bool {
        let allowed = &self.spec.allowed_caller_namespaces;
        if allowed.is_empty() {
            return !is_outside;
        }
        allowed.iter().any(|name| name == ANYBODY || name == caller.as_str())
    }

    /// As callers of verbs see it.
    pub fn to_json(&self) -> Json {
        let (namespace, task_queue, url) = match &self.spec.target {
            Target::Worker { namespace, task_queue } => (Some(namespace), Some(task_queue), None),
            Target::Outside { url } => (None, None, Some(url)),
        };
        json!({
            "id": self.id,
            "name": self.spec.name,
            "namespace": namespace,
            "task_queue": task_queue,
            "url": url,
            "allowed_caller_namespaces": self.spec.allowed_caller_namespaces,
            "description": self.spec.description,
            "source": self.source.as_str(),
            "version": self.version,
        })
    }
}

impl Source {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Program => "program",
            Source::Configuration => "configuration",
            Source::Registry => "registry",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside(url: &str) -> EndpointSpec {
        EndpointSpec {
            name: "billing".into(),
            target: Target::Outside { url: url.into() },
            allowed_caller_namespaces: Vec::new(),
            description: String::new(),
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told() {
        let spec = EndpointSpec {
            name: "a b".into(),
            allowed_caller_namespaces: vec!["*".into(), "no/name".into(), "shop".into()],
            description: "x".repeat(DESCRIPTION_BYTES_MAX + 1),
            ..outside("ftp://a/b")
        };
        let error = spec.check().unwrap_err();
        let places: Vec<_> = error.faults().iter().map(|fault| fault.at.as_str()).collect();
        assert_eq!(places, ["name", "description", "allowed_caller_namespaces", "url"]);
    }

    #[test]
    fn addresses_lead_somewhere_and_show_no_secrets() {
        for good in ["https://billing.example/nexus", "http://127.0.0.1:7243/nexus/endpoints/1/services"] {
            assert_eq!(outside(good).check(), Ok(()), "{good}");
        }
        for bad in
            ["", "/nexus", "billing", "ftp://a/b", "https://user:word@a/b", "https://a/b?c=d", "https://"]
        {
            assert!(outside(bad).check().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_says_who_may_call_and_without_one_nobody_from_outside() {
        let of = |allowed: &[&str]| Endpoint {
            id: EndpointId::of_name("billing"),
            source: Source::Registry,
            version: 1,
            spec: EndpointSpec {
                allowed_caller_namespaces: allowed.iter().map(|&name| name.to_owned()).collect(),
                ..outside("https://a")
            },
        };
        let shop = Namespace::new("shop").unwrap();
        for (allowed, inside, outside) in [
            (&[][..], true, false),
            (&["*"], true, true),
            (&["shop"], true, true),
            (&["Shop", "bank"], false, false),
        ] {
            assert_eq!(of(allowed).allows(&shop, false), inside, "{allowed:?}");
            assert_eq!(of(allowed).allows(&shop, true), outside, "{allowed:?}");
        }
    }
}
