//! What each preset is: the one place to look.

use std::time::Duration;

use super::{Clash, Demand, Preset, Switch};
use crate::config::Config;
use crate::config::server::PresetName;

/// How long lines of the audit log are kept at least where they are evidence.
const EVIDENCE: Duration = Duration::from_hours(24 * 90);

/// What holds in every configuration.
pub const ALWAYS: &[&str] = &[
    "security headers on every answer",
    "scripts of pages of other origins are refused, unless they are named in server.allowed_origins",
    "bodies and heads of requests have sizes and times that they must not exceed",
    "secrets are named and never written",
];

/// For one person.
pub(super) static LIGHTWEIGHT: Preset = Preset {
    name: PresetName::Lightweight,
    meant_for: "one person on one machine",
    switches: &[SMALL],
    demands: &[],
    clashes: &[HERE],
};

/// For a service of a team.
pub(super) static STANDARD: Preset = Preset {
    name: PresetName::Standard,
    meant_for: "a service that others call",
    switches: &[CALLERS],
    demands: &[BEYOND],
    clashes: &[CLOSED],
};

/// For many customers who must not feel each other.
pub(super) static SAAS: Preset = Preset {
    name: PresetName::Saas,
    meant_for: "many customers, each in namespaces of their own",
    switches: &[CALLERS, SIGNED_IN, SHARED],
    demands: &[BEYOND, CUSTOMERS],
    clashes: &[CLOSED],
};

/// For whoever has to prove what happened.
pub(super) static ENTERPRISE: Preset = Preset {
    name: PresetName::Enterprise,
    meant_for: "an organisation that has to prove who did what",
    switches: &[CALLERS, SIGNED_IN, SHARED, EVIDENT],
    demands: &[ENCRYPTED, NAMED, PROVEN],
    clashes: &[CLOSED, KEPT],
};

const fn usual(key: &'static str, value: &'static str) -> Switch {
    Switch { key, value, is_fixed: false }
}

const fn fixed(key: &'static str, value: &'static str) -> Switch {
    Switch { key, value, is_fixed: true }
}

const SMALL: &[Switch] = &[
    usual("server.host", "\"127.0.0.1\""),
    usual("server.requests_max", "1000"),
    usual("server.sockets_max", "100"),
    usual("engine.resident_runs_max", "1000"),
    usual("cache.memory_mib", "16"),
    usual("cache.store_mib", "64"),
];

const CALLERS: &[Switch] = &[
    usual("limits.anonymous", "\"120/min\""),
    usual("limits.principal", "\"600/min\""),
    usual("limits.failed_auth", "\"20/min\""),
    usual("limits.concurrent.principal", "50"),
    usual("server.head_timeout", "\"10s\""),
    usual("server.body_timeout", "\"15s\""),
    usual("http.breaker", "{ failures = 10, window = \"30s\", rest = \"30s\" }"),
];

const SIGNED_IN: &[Switch] =
    &[fixed("auth.enabled", "true"), fixed("audit.enabled", "true"), fixed("audit.on_failure", "\"refuse\"")];

const SHARED: &[Switch] = &[
    usual("limits.operation", "\"300/min\""),
    usual("limits.namespace", "\"6000/min\""),
    usual("limits.concurrent.namespace", "200"),
    usual("breaker", "{ failures = 5, window = \"30s\", rest = \"30s\", probes = 1 }"),
    usual("log.format", "\"json\""),
];

const EVIDENT: &[Switch] =
    &[fixed("audit.record", "\"all\""), usual("audit.inputs", "true"), usual("audit.retention", "\"365d\"")];

const BEYOND: &[Demand] = &[
    Demand {
        what: "sign-in beyond this machine",
        why: "whoever reaches the server could do everything",
        lines: "[auth]\nenabled = true",
        is_met: |facts| facts.config.server.is_loopback() || facts.config.auth.enabled,
    },
    Demand {
        what: "encryption beyond this machine",
        why: "credentials would travel in the open",
        lines: "[server.tls]              # or trusted_proxies = [\"10.0.0.0/8\"] under [server]: the proxy that encrypts\n\
                certificate = \"server.pem\"\nkey = \"server.key\"",
        is_met: |facts| facts.config.server.is_loopback() || is_encrypted(facts.config),
    },
    Demand {
        what: "names beyond this machine",
        why: "a page could have any name lead here",
        lines: "[server]\nallowed_hosts = [\"nexus.example.com\"]",
        is_met: |facts| facts.config.server.is_loopback() || !facts.config.server.allowed_hosts.is_empty(),
    },
];

const CUSTOMERS: &[Demand] = &[
    Demand {
        what: "namespaces",
        why: "each customer needs one of their own",
        lines: "[namespaces.acme.quotas]\nrequests = \"600/min\"\nruns = 10000",
        is_met: |facts| !facts.config.namespaces.is_empty(),
    },
    Demand {
        what: "quotas of every namespace",
        why: "one customer could use up what the others need: `requests` and `runs` are both needed",
        lines: "[namespaces.acme.quotas]  # of each namespace\nrequests = \"600/min\"\nruns = 10000",
        is_met: |facts| {
            let quotas = facts.config.namespaces.values().map(|namespace| &namespace.quotas);
            facts.config.namespaces.is_empty()
                || quotas.into_iter().all(|it| it.requests.is_some() && it.runs.is_some())
        },
    },
];

const ENCRYPTED: &[Demand] = &[Demand {
    what: "encryption",
    why: "credentials would travel in the open",
    lines: "[server.tls]              # or trusted_proxies = [\"10.0.0.0/8\"] under [server]: the proxy that encrypts\n\
            certificate = \"server.pem\"\nkey = \"server.key\"",
    is_met: |facts| is_encrypted(facts.config),
}];

const NAMED: &[Demand] = &[
    Demand {
        what: "sign-in at an identity provider",
        why: "people and services have to be somebody; API keys alone are whoever has them",
        lines: "[auth.issuers.acme]       # or [auth.certificates.\"spiffe://acme/shop\"], with client_ca under [server.tls]\n\
                issuer = \"https://id.example.com\"\naudiences = [\"https://nexus.example.com\"]",
        is_met: |facts| !(facts.config.auth.issuers.is_empty() && facts.config.auth.certificates.is_empty()),
    },
    Demand {
        what: "roles",
        why: "nobody should have to be `admin` to do their work",
        lines: "[auth.roles.clerk]\ninherits = [\"viewer\"]\npermissions = [\"workflow:Checkout:execute\"]",
        is_met: |facts| !facts.config.auth.roles.is_empty(),
    },
    Demand {
        what: "names beyond this machine",
        why: "a page could have any name lead here",
        lines: "[server]\nallowed_hosts = [\"nexus.example.com\"]",
        is_met: |facts| facts.config.server.is_loopback() || !facts.config.server.allowed_hosts.is_empty(),
    },
];

const PROVEN: &[Demand] = &[Demand {
    what: "traces that are sent somewhere",
    why: "what happened has to be found outside of this machine, too",
    lines: "[telemetry]               # or OTEL_EXPORTER_OTLP_ENDPOINT in the environment\n\
            otlp_endpoint = \"http://127.0.0.1:4318\"",
    is_met: |facts| facts.is_exported,
}];

const HERE: &[Clash] = &[Clash {
    key: "server.host",
    why: "it is for this machine only, and nothing in it protects a server that others reach",
    is_there: |config| !config.server.is_loopback(),
}];

const CLOSED: &[Clash] = &[Clash {
    key: "http.allow_addresses",
    why: "functions could call every address, those of this machine and its network among them",
    is_there: |config| config.http.ranges().unwrap_or_default().iter().any(|range| range.is_everything()),
}];

const KEPT: &[Clash] = &[Clash {
    key: "audit.retention",
    why: "lines are kept for 90 days at least",
    is_there: |config| config.audit.retention.0.is_some_and(|kept| kept < EVIDENCE),
}];

fn is_encrypted(config: &Config) -> bool {
    config.server.tls.is_some() || !config.server.trusted_proxies.is_empty()
}
