//! `[endpoints.NAME]`: names under which programs reach services of other projects and products, and callers reach ours.

use std::collections::BTreeMap;

use nexus_engine::nexus::endpoint::{EndpointSpec, Target};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_lang::twf::check::{Known, KnownEndpoints};
use nexus_lang::twf::program::Program;
use serde::{Deserialize, Serialize};

use super::activity::expand;
use super::hidden::{Hidden, REDACTED, is_printed};
use super::print::quoted;
use super::{Config, FILE};

/// The queue of an endpoint that names none.
pub(super) const QUEUE: &str = "default";

/// One endpoint.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointConfig {
    /// Where services outside are: the address that services and operations are put behind.
    pub url: Option<String>,
    /// Or the namespace of this server that serves it.
    pub namespace: Option<Namespace>,
    /// With a namespace: the queue of its activities; `default` when absent.
    pub task_queue: Option<String>,
    /// Namespaces whose runs may call, or `*`. With none, those of the same project may, and nobody from outside.
    pub allowed_caller_namespaces: Vec<String>,
    /// With a `url`: headers to send; `${NAME}` stands for an environment variable.
    pub headers: BTreeMap<String, Hidden>,
    /// For people.
    pub description: Option<String>,
    /// Whether it is kept in the registry of the server, where an operator says where it leads.
    pub registered: bool,
}

impl EndpointConfig {
    /// Whether it makes sense by itself.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        if let Some((field, why, help)) = self.misplaced() {
            return Err(wrong(name, field, why).help(help));
        }
        self.sendable().map_err(|(why, help)| wrong(name, "headers", &why).help(help))?;
        let Some(spec) = self.spec(name) else { return Ok(()) };
        let Err(error) = spec.check() else { return Ok(()) };
        let told = error.faults().first().map(|fault| wrong(name, &fault.at, &fault.message));
        let told = told.unwrap_or_else(|| wrong(name, "", error.message()));
        Err(told.help("docs/configuration.md describes endpoints"))
    }

    /// Whether its headers can be sent, beside those of the protocol; or why not, and what to do.
    fn sendable(&self) -> Result<(), (String, &'static str)> {
        if let Some(name) = self.headers.keys().find(|name| is_taken(&name.to_ascii_lowercase())) {
            return Err((format!("{name} is a header of Nexus RPC"), "take it out"));
        }
        let mut values = self.headers.values().map(Hidden::reveal);
        values.try_for_each(|value| match expand(value) {
            _ if is_printed(value) => {
                Err((format!("it holds {REDACTED}, which stands for a secret"), "put the secret back"))
            }
            Err(missing) => Err((format!("there is no environment variable {missing}"), "set it")),
            Ok(_) => Ok(()),
        })
    }

    /// Keys that mean nothing beside each other, or are missing.
    fn misplaced(&self) -> Option<(&'static str, &'static str, &'static str)> {
        let leads = self.url.is_some() || self.namespace.is_some();
        if self.registered
            && (leads || self.task_queue.is_some() || !self.allowed_caller_namespaces.is_empty())
        {
            let help = "take `registered` out, or everything but the description";
            return Some(("registered", "the registry says where it leads and who may call it", help));
        }
        match (&self.url, &self.namespace) {
            (None, _) if !self.headers.is_empty() => {
                let help = "say `url` here, or take them out: what is secret goes only where this file says";
                Some(("headers", "they are for services outside, and it names no `url`", help))
            }
            (Some(_), Some(_)) => Some(("url", "it leads outside and to a namespace", "keep one of them")),
            (Some(_), None) if self.task_queue.is_some() => {
                Some(("task_queue", "queues are of this server, and it leads outside", "take it out"))
            }
            (None, None) if !self.registered => {
                Some(("", "it leads nowhere", "say `url`, or `namespace`, or `registered = true`"))
            }
            _ => None,
        }
    }

    /// The endpoint; nothing when the registry has it.
    pub fn spec(&self, name: &str) -> Option<EndpointSpec> {
        let target = match (&self.url, &self.namespace) {
            (Some(url), _) => Target::Outside { url: url.clone() },
            (None, Some(namespace)) => Target::Worker {
                namespace: namespace.clone(),
                task_queue: self.task_queue.clone().unwrap_or_else(|| QUEUE.to_owned()),
            },
            (None, None) => return None,
        };
        Some(EndpointSpec {
            name: name.to_owned(),
            target,
            allowed_caller_namespaces: self.allowed_caller_namespaces.clone(),
            description: self.description.clone().unwrap_or_default(),
        })
    }
}

impl Config {
    /// The endpoints that are put in force.
    pub fn endpoint_specs(&self) -> Vec<EndpointSpec> {
        self.endpoints.iter().filter_map(|(name, endpoint)| endpoint.spec(name)).collect()
    }

    /// The endpoints that programs may name beside their own.
    pub fn known_endpoints(&self) -> KnownEndpoints {
        let known = |(name, endpoint): (&String, &EndpointConfig)| {
            let known = match endpoint.spec(name).map(|spec| spec.target) {
                Some(Target::Worker { namespace, task_queue }) => {
                    Known::Here { namespace: namespace.to_string(), task_queue }
                }
                Some(Target::Outside { .. }) | None => Known::Elsewhere,
            };
            (name.clone(), known)
        };
        self.endpoints.iter().map(known).collect()
    }

    /// Endpoints that a file declares as well. `place` says where something of a file is.
    pub fn endpoints_twice<'a>(
        &'a self,
        program: &'a Program,
        place: impl Fn(nexus_lang::text::source::Span) -> String + 'a,
    ) -> impl Iterator<Item = Error> + 'a {
        let declared = |name: &'a String| Some((name, program.find_endpoint(name)?));
        self.endpoints.keys().filter_map(declared).map(move |(name, info)| {
            wrong(name, "", &format!("an endpoint of this name is declared at {}", place(info.span)))
                .help("give one of them another name: callers of every namespace know an endpoint by it")
        })
    }
}

/// Headers that are not for the project to say.
fn is_taken(name: &str) -> bool {
    ["nexus-", "content-"].iter().any(|prefix| name.starts_with(prefix))
        || ["host", "operation-timeout", "request-timeout", "transfer-encoding", "traceparent", "tracestate"]
            .contains(&name)
}

fn wrong(name: &str, field: &str, why: &str) -> Error {
    let section = format!("endpoints.{}", quoted(name));
    let at = if field.is_empty() { section } else { format!("{section}.{field}") };
    Error::new(&code::CONFIG_INVALID, format!("{at}: {why}")).fault(format!("{FILE}: {at}"), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let error = Config::parse(text).unwrap_err();
        assert_eq!(error.code(), &code::CONFIG_INVALID);
        assert!(error.help_text().is_some(), "{text}");
        error.faults()[0].at.clone()
    }

    #[test]
    fn endpoints_lead_outside_or_to_a_namespace_or_are_registered() {
        let text = "[endpoints.billing]\nurl = \"https://billing.example/nexus\"\n\
                    [endpoints.cards]\nnamespace = \"payments\"\nallowed_caller_namespaces = [\"shop\"]\n\
                    [endpoints.tax]\nregistered = true\ndescription = \"of another team\"\n";
        let config = Config::parse(text).unwrap();
        let specs = config.endpoint_specs();
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["billing", "cards"], "what the registry has is not put in force");
        let queue =
            Target::Worker { namespace: Namespace::new("payments").unwrap(), task_queue: "default".into() };
        assert_eq!(specs[1].target, queue);
        assert_eq!(config.known_endpoints().names().collect::<Vec<_>>(), ["billing", "cards", "tax"]);
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_key() {
        for (text, at) in [
            ("[endpoints.a]", "nexus.toml: endpoints.a"),
            ("[endpoints.a]\nurl = \"https://b\"\nnamespace = \"c\"", "nexus.toml: endpoints.a.url"),
            ("[endpoints.a]\nurl = \"https://b\"\ntask_queue = \"c\"", "nexus.toml: endpoints.a.task_queue"),
            ("[endpoints.a]\nregistered = true\nurl = \"https://b\"", "nexus.toml: endpoints.a.registered"),
            ("[endpoints.a]\nurl = \"https://u:w@b\"", "nexus.toml: endpoints.a.url"),
            ("[endpoints.\"a b\"]\nurl = \"https://b\"", "nexus.toml: endpoints.\"a b\".name"),
            ("[endpoints.a]\nnamespace = \"b\"\ntask_queue = \"\"", "nexus.toml: endpoints.a.task_queue"),
            (
                "[endpoints.a]\nnamespace = \"b\"\nallowed_caller_namespaces = [\"c/d\"]",
                "nexus.toml: endpoints.a.allowed_caller_namespaces",
            ),
            ("[endpoints.a]\nnamespace = \"b/c\"", "nexus.toml: endpoints.a.namespace"),
            ("[endpoints.a]\nregistered = true\nheaders = { b = \"c\" }", "nexus.toml: endpoints.a.headers"),
            (
                "[endpoints.a]\nurl = \"https://b\"\nheaders = { b = \"${NO_SUCH_VARIABLE_HERE}\" }",
                "nexus.toml: endpoints.a.headers",
            ),
            (
                "[endpoints.a]\nurl = \"https://b\"\nheaders = { Nexus-Caller = \"me\" }",
                "nexus.toml: endpoints.a.headers",
            ),
        ] {
            assert_eq!(told(text), at, "{text}");
        }
    }
}
