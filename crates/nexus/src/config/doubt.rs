//! What is legal in a configuration, and probably not meant.

use std::collections::BTreeSet;

use nexus_engine::nexus::endpoint::ANYBODY;
use nexus_gateway::limit::gcra::Rate;
use nexus_kernel::access::VERBS;
use nexus_kernel::code;
use nexus_kernel::error::Error;

use super::print::quoted;
use super::{Config, FILE};

/// Something that is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The key that it is about.
    pub at: String,
    /// Why.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

impl Doubt {
    /// A secret that cannot be read where it is said to be.
    pub fn unreadable(name: &str, error: &Error) -> Doubt {
        Doubt::new(&format!("secrets.{name}"), error.message(), "set it before somebody asks for it")
    }

    /// Workflows that cannot be read.
    pub fn unread() -> Doubt {
        let message = "the workflows have errors, so what is said of them was not looked at";
        Doubt::new("workflows", message, "`nexus check` shows the errors")
    }

    /// The same in the form that everything is told in.
    pub fn to_error(&self) -> Error {
        Error::new(&code::CONFIG_INVALID, self.message.clone())
            .fault(self.at.clone(), self.message.clone())
            .help(self.help)
    }

    fn new(at: &str, message: impl Into<String>, help: &'static str) -> Doubt {
        Doubt { at: format!("{FILE}: {at}"), message: message.into(), help }
    }
}

/// Everything that is doubtful about a configuration by itself.
pub fn doubts(config: &Config) -> Vec<Doubt> {
    let all = [exposure, identity, plain, callers, rates, idle];
    all.iter().flat_map(|look| look(config)).collect()
}

/// What is doubtful when these workflows, `namespace/Name`, are known: names of others.
pub fn names(config: &Config, workflows: &[String]) -> Vec<Doubt> {
    let is_known = |name: &str| {
        let bare = |known: &String| known.rsplit('/').next() == Some(name);
        workflows.iter().any(|known| known == name || bare(known))
            || VERBS.iter().any(|(verb, _)| *verb == name)
    };
    let unknown = config.limits.operations.keys().filter(|name| !is_known(name));
    let limits = unknown.map(|name| {
        let at = format!("limits.operations.{name:?}");
        Doubt::new(
            &at,
            format!("there is no operation {name:?}: it limits nothing"),
            "name a workflow or a verb, or take it out",
        )
    });
    let places: BTreeSet<&str> =
        workflows.iter().filter_map(|name| name.split_once('/')).map(|(place, _)| place).collect();
    let idle = config.namespaces.keys().filter(|name| !places.contains(name.as_str()));
    let namespaces = idle.map(|name| {
        let message = format!("no workflow of the project is deployed in the namespace {name}");
        Doubt::new(
            &format!("namespaces.{name}"),
            message,
            "a namespace may be used for runs of endpoints and events alone",
        )
    });
    limits.chain(namespaces).collect()
}

/// Who could reach what.
fn exposure(config: &Config) -> Vec<Doubt> {
    let server = &config.server;
    let mut found = Vec::new();
    if !server.is_loopback() && !config.auth.enabled {
        found.push(Doubt::new(
            "server.host",
            format!(
                "it listens on {} and nothing is authenticated: `nexus up` refuses without --insecure",
                server.host
            ),
            "say enabled = true under [auth], or host = \"127.0.0.1\"",
        ));
    }
    if !server.is_loopback() && server.tls.is_none() && server.trusted_proxies.is_empty() {
        found.push(Doubt::new(
            "server.host",
            "inputs, results and credentials travel in the open",
            "give a certificate under [server.tls], or name the proxy that encrypts in `trusted_proxies`",
        ));
    }
    if !config.auth.enabled && !server.allowed_origins.is_empty() {
        found.push(Doubt::new(
            "server.allowed_origins",
            format!(
                "scripts of {} may do everything: nothing is authenticated",
                server.allowed_origins.join(", ")
            ),
            "say enabled = true under [auth]",
        ));
    }
    if config.http.ranges().unwrap_or_default().iter().any(|range| range.is_everything()) {
        found.push(Doubt::new(
            "http.allow_addresses",
            "functions may call every address, those of this machine and its network among them",
            "name the ranges that they need",
        ));
    }
    found
}

/// Who somebody is.
fn identity(config: &Config) -> Vec<Doubt> {
    let auth = &config.auth;
    let mut found = Vec::new();
    let is_said = !(auth.roles.is_empty() && auth.issuers.is_empty() && auth.certificates.is_empty());
    if !auth.enabled && is_said {
        found.push(Doubt::new(
            "auth",
            "roles and whom they are for are said, and nobody is asked who they are",
            "say enabled = true under [auth]",
        ));
    }
    if auth.enabled && !config.audit.is_enabled(true) {
        found.push(Doubt::new(
            "audit.enabled",
            "callers show who they are, and nothing is kept of what they do",
            "take `enabled` out: there is a log wherever there is authentication",
        ));
    }
    if config.server.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()) && auth.certificates.is_empty() {
        found.push(Doubt::new(
            "server.tls.client_ca",
            "clients are asked for certificates, and no certificate is anybody's",
            "say whose under [auth.certificates]",
        ));
    }
    for (name, issuer) in &auth.issuers {
        let is_nobody = issuer.role_claims.as_ref().is_some_and(Vec::is_empty);
        if is_nobody && issuer.everybody.is_empty() && issuer.permission_claims.is_empty() {
            found.push(Doubt::new(
                &format!("auth.issuers.{name}"),
                "its tokens say who somebody is, and nobody may do anything",
                "name claims with roles or permissions, or roles of `everybody`",
            ));
        }
    }
    found.extend(unused_roles(config));
    found
}

/// Roles that no issuer and no certificate gives. Where names of roles are taken from tokens as they are, nobody knows.
fn unused_roles(config: &Config) -> Vec<Doubt> {
    let auth = &config.auth;
    let is_open = auth.issuers.values().any(|issuer| issuer.roles.is_empty());
    if is_open || (auth.issuers.is_empty() && auth.certificates.is_empty()) {
        return Vec::new();
    }
    let issuers = auth.issuers.values().flat_map(|it| it.everybody.iter().chain(it.roles.values().flatten()));
    let certificates = auth.certificates.values().flat_map(|it| &it.roles);
    let inherited = auth.roles.values().flat_map(|role| &role.inherits);
    let given: BTreeSet<&String> = issuers.chain(certificates).chain(inherited).collect();
    let unused = auth.roles.keys().filter(|name| !given.contains(name));
    let doubt = |name: &String| {
        Doubt::new(
            &format!("auth.roles.{name}"),
            format!("no issuer and no certificate gives the role {name}: only API keys can"),
            "name it under [auth.issuers.NAME.roles] or [auth.certificates]",
        )
    };
    unused.map(doubt).collect()
}

/// What goes to others unencrypted.
fn plain(config: &Config) -> Vec<Doubt> {
    let is_plain = |url: &str| url.starts_with("http://") && !super::issuer::is_private(url);
    let activities = config.activities.iter().filter(|(_, activity)| {
        !activity.headers.is_empty() && activity.url.as_ref().is_some_and(|url| is_plain(url.reveal()))
    });
    let activities = activities.map(|(name, _)| format!("activities.{name}.url"));
    let webhooks = config.webhooks.iter().filter(|(_, hook)| is_plain(hook.url.reveal()));
    let webhooks = webhooks.map(|(name, _)| format!("webhooks.{name}.url"));
    let doubt = |at: String| Doubt::new(&at, "it goes through the network in the open", "use https://");
    let is_outside = |url: &Option<String>| url.as_deref().is_some_and(is_plain);
    let endpoints = config.endpoints.iter().filter(|(_, endpoint)| is_outside(&endpoint.url));
    let endpoints = endpoints.map(|(name, _)| format!("endpoints.{}.url", quoted(name)));
    activities.chain(webhooks).chain(endpoints).map(doubt).collect()
}

/// Endpoints that everybody may call, or that say nothing of it: what `NEXUS_OPEN_ACCESS` is for those of files.
fn callers(config: &Config) -> Vec<Doubt> {
    let mut found = Vec::new();
    for (name, endpoint) in &config.endpoints {
        let allowed = &endpoint.allowed_caller_namespaces;
        let why = if allowed.iter().any(|name| name == ANYBODY) {
            "everybody may call it [NEXUS_OPEN_ACCESS]"
        } else if endpoint.namespace.is_some() && allowed.is_empty() {
            "it says nothing about who may call it [NEXUS_OPEN_ACCESS]"
        } else {
            continue;
        };
        let at = format!("endpoints.{}.allowed_caller_namespaces", quoted(name));
        found.push(Doubt::new(&at, why, "name the namespaces that may call it"));
    }
    found
}

/// Rates that can never be met because another one is met before.
fn rates(config: &Config) -> Vec<Doubt> {
    let Ok(policy) = config.limiting() else { return Vec::new() };
    let mut found = Vec::new();
    let mut above = |at: String, inner: Option<Rate>, (name, outer): (&str, Option<Rate>)| {
        let (Some(inner), Some(outer)) = (inner, outer) else { return };
        if is_more(inner, outer) {
            let message = format!("nobody ever reaches it: `{name}` allows less");
            found.push(Doubt::new(&at, message, "lower it, or take it out"));
        }
    };
    above("limits.operation".to_owned(), policy.operation, ("limits.principal", policy.principal));
    above("limits.principal".to_owned(), policy.principal, ("limits.namespace", policy.namespace));
    for (name, operation) in &policy.operations {
        let at = |key: &str| format!("limits.operations.{name:?}.{key}");
        above(at("rate"), operation.rate, ("limits.principal", policy.principal));
        above(at("rate"), operation.rate, ("total", operation.total));
    }
    found
}

/// Whether one rate allows more than another, in bursts and in the long run.
fn is_more(one: Rate, other: Rate) -> bool {
    let weighed = |rate: Rate, by: Rate| u128::from(rate.count()) * by.period().as_micros();
    weighed(one, other) > weighed(other, one) && one.burst() > other.burst()
}

/// What is said and does nothing.
fn idle(config: &Config) -> Vec<Doubt> {
    let mut found = Vec::new();
    let has_cached = config.workflows.values().any(|workflow| workflow.cache.is_some());
    if has_cached && config.cache.memory_mib == 0 && config.cache.store_mib == 0 {
        found.push(Doubt::new(
            "cache",
            "there is no room for answers, and workflows say that theirs may be kept",
            "give `memory_mib` or `store_mib` some room",
        ));
    }
    if config.telemetry.otlp_endpoint.is_some() && config.telemetry.sample_ratio == Some(0.0) {
        found.push(Doubt::new(
            "telemetry.sample_ratio",
            "no trace that begins here is sent",
            "say more than 0",
        ));
    }
    if config.events.max == Some(0) && (!config.on.is_empty() || !config.webhooks.is_empty()) {
        found.push(Doubt::new("events.max", "no event is kept, and some are waited for", "keep some"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_doubtful_is_told_with_its_place() {
        for (text, at) in [
            ("[server]\nhost = \"0.0.0.0\"", "server.host"),
            ("[auth]\nenabled = true\n[server]\nhost = \"0.0.0.0\"", "server.host"),
            ("[server]\nallowed_origins = [\"https://a.example\"]", "server.allowed_origins"),
            ("[http]\nallow_addresses = [\"0.0.0.0/0\"]", "http.allow_addresses"),
            ("[auth.roles.clerk]\npermissions = [\"event:read\"]", "auth"),
            ("[auth]\nenabled = true\n[audit]\nenabled = false", "audit.enabled"),
            ("[server.tls]\ncertificate = \"a\"\nkey = \"b\"\nclient_ca = \"c\"", "server.tls.client_ca"),
            (
                "[auth]\nenabled = true\n[auth.issuers.a]\nissuer = \"https://a\"\naudiences = [\"b\"]\nrole_claims = []",
                "auth.issuers.a",
            ),
            (
                "[auth]\nenabled = true\n[auth.roles.clerk]\npermissions = [\"event:read\"]\n[auth.issuers.a]\n\
                 issuer = \"https://a\"\naudiences = [\"b\"]\nroles = { staff = [\"viewer\"] }",
                "auth.roles.clerk",
            ),
            (
                "[secrets.a]\nenv = \"A\"\n[webhooks.a]\nurl = \"http://a.example\"\nsecret = \"a\"",
                "webhooks.a.url",
            ),
            ("[endpoints.a]\nurl = \"http://a.example\"", "endpoints.a.url"),
            ("[endpoints.a]\nnamespace = \"b\"", "endpoints.a.allowed_caller_namespaces"),
            (
                "[endpoints.a]\nurl = \"https://a.example\"\nallowed_caller_namespaces = [\"*\"]",
                "endpoints.a.allowed_caller_namespaces",
            ),
            ("[limits]\nprincipal = \"10/min\"\noperation = \"20/min\"", "limits.operation"),
            ("[limits.operations.A]\nrate = \"10/s\"\ntotal = \"5/s\"", "limits.operations.\"A\".rate"),
            ("[cache]\nmemory_mib = 0\nstore_mib = 0\n[workflows.A.cache]\nttl = \"1m\"", "cache"),
            (
                "[telemetry]\notlp_endpoint = \"http://127.0.0.1:4318\"\nsample_ratio = 0.0",
                "telemetry.sample_ratio",
            ),
            ("[events]\nmax = 0\n[[on]]\nevent = \"a\"\nworkflow = \"A\"", "events.max"),
        ] {
            let config = Config::parse(text).unwrap();
            let found = doubts(&config);
            let mut places: Vec<&str> = found.iter().map(|doubt| doubt.at.as_str()).collect();
            places.dedup();
            assert_eq!(places, [format!("nexus.toml: {at}")], "{text}");
        }
        assert_eq!(doubts(&Config::default()), []);
    }

    #[test]
    fn names_of_nothing_are_doubtful() {
        let text = "[limits.operations.Pay]\nconcurrent = 1\n[limits.operations.\"shop/Pay\"]\nconcurrent = 1\n\
                    [limits.operations.\"run.list\"]\nconcurrent = 1\n[limits.operations.Pya]\nconcurrent = 1\n\
                    [namespaces.shop]\n[namespaces.shpo]\n";
        let found = names(&Config::parse(text).unwrap(), &["shop/Pay".to_owned()]);
        let places: Vec<&str> = found.iter().map(|doubt| doubt.at.as_str()).collect();
        assert_eq!(places, ["nexus.toml: limits.operations.\"Pya\"", "nexus.toml: namespaces.shpo"]);
    }
}
