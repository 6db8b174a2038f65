//! What each part of a configuration allows, and the parts together cannot mean.

use std::collections::BTreeSet;
use std::net::IpAddr;

use nexus_kernel::code;
use nexus_kernel::error::{Code, Error};
use nexus_kernel::id::Namespace;
use reqwest::Url;
use reqwest::header::HeaderName;

use super::breaker::BreakerConfig;
use super::namespace::ranges;
use super::workflow::WorkflowConfig;
use super::{Config, FILE};

/// Everything that cannot be meant.
pub(super) fn contradictions(config: &Config) -> Vec<Error> {
    let mut wrong = Wrong::default();
    let looks = [server, tls, addresses, issuers, nowhere, secrets, numbers, breakers, headers, caches];
    for look in looks {
        look(config, &mut wrong);
    }
    wrong.found
}

#[derive(Default)]
struct Wrong {
    found: Vec<Error>,
}

impl Wrong {
    /// Notes what is wrong at a key, when it is.
    fn when(&mut self, is_wrong: bool, at: &str, why: &str, help: &str) {
        self.coded(is_wrong, &code::CONFIG_INVALID, at, (why, help));
    }

    fn coded(&mut self, is_wrong: bool, code: &'static Code, at: &str, (why, help): (&str, &str)) {
        if is_wrong {
            let error = Error::new(code, format!("{at}: {why}"));
            self.found.push(error.fault(format!("{FILE}: {at}"), why).help(help));
        }
    }
}

fn server(config: &Config, wrong: &mut Wrong) {
    let server = &config.server;
    let is_address = server.host == "localhost" || server.host.parse::<IpAddr>().is_ok();
    let why = format!("{:?} is not an IP address", server.host);
    wrong.when(!is_address, "server.host", &why, "use 127.0.0.1 for this machine only");
    if let Some(url) = &server.url {
        let read = Url::parse(url).ok().filter(|it| matches!(it.scheme(), "http" | "https") && it.has_host());
        let why = "this is no address that clients could reach";
        wrong.when(read.is_none(), "server.url", why, "for example https://nexus.example.com");
        let is_plain = read.is_some_and(|url| url.scheme() == "http");
        let why = "clients are told to come unencrypted, and the server speaks TLS only";
        wrong.when(is_plain && server.tls.is_some(), "server.url", why, "let it begin with https://");
    }
    for origin in &server.allowed_origins {
        let is_origin = Url::parse(origin)
            .is_ok_and(|url| url.origin().ascii_serialization() == origin.to_ascii_lowercase());
        let why = format!("{origin:?} is no origin, so no page ever is of it");
        wrong.when(
            !is_origin,
            "server.allowed_origins",
            &why,
            "for example \"https://panel.example.com\": no path, no `*`",
        );
    }
    for host in &server.allowed_hosts {
        let is_host = !host.is_empty() && !host.contains(['/', '*', ' ']);
        let why = format!("{host:?} is no name of a host, so no request ever names it");
        wrong.when(
            !is_host,
            "server.allowed_hosts",
            &why,
            "for example \"nexus.example.com\": no scheme, no path, no `*`",
        );
    }
}

fn tls(config: &Config, wrong: &mut Wrong) {
    let tls = config.server.tls.as_ref();
    let has_ca = tls.is_some_and(|tls| tls.client_ca.is_some());
    wrong.when(
        tls.is_some_and(|tls| tls.client_required) && !has_ca,
        "server.tls.client_required",
        "nobody could come in: no authority vouches for clients",
        "say in `client_ca` whose certificates count",
    );
    wrong.when(
        !config.auth.certificates.is_empty() && !has_ca,
        "auth.certificates",
        "clients are not asked for certificates",
        "say in `client_ca` under [server.tls] whose certificates count",
    );
}

fn addresses(config: &Config, wrong: &mut Wrong) {
    let server = &config.server;
    let read = |list: &[String]| ranges(list, "").unwrap_or_default();
    wrong.when(
        read(&server.trusted_proxies).iter().any(|range| range.is_everything()),
        "server.trusted_proxies",
        "everybody would be believed about where they come from",
        "name the addresses of the proxies",
    );
    let help = "leave it out: then callers may be anywhere";
    let all = server.allow_addresses.as_deref();
    wrong.when(all.is_some_and(<[_]>::is_empty), "server.allow_addresses", "nobody could come in", help);
    for (name, namespace) in &config.namespaces {
        let Some(own) = namespace.allow_addresses.as_deref() else { continue };
        let at = format!("namespaces.{name}.allow_addresses");
        wrong.when(own.is_empty(), &at, "nobody could come in", help);
        let (own, all) = (read(own), read(all.unwrap_or_default()));
        let meet = own.iter().any(|one| all.iter().any(|other| one.overlaps(*other)));
        let is_shut = !own.is_empty() && !all.is_empty() && !meet;
        let why = "nobody could come in: the server takes nobody from there";
        wrong.when(is_shut, &at, why, "name addresses that are in server.allow_addresses, too");
    }
}

fn issuers(config: &Config, wrong: &mut Wrong) {
    let mut seen = BTreeSet::new();
    for (name, issuer) in &config.auth.issuers {
        let at = |key: &str| format!("auth.issuers.{name}.{key}");
        let why = format!("{:?} is the issuer of two sections, and tokens are checked by one", issuer.issuer);
        wrong.when(!seen.insert(issuer.issuer.as_str()), &at("issuer"), &why, "put both into one section");
        let audiences: BTreeSet<&String> = issuer.audiences.iter().collect();
        let is_double = audiences.len() < issuer.audiences.len();
        wrong.when(is_double, &at("audiences"), "the same audience is there twice", "take one out");
        let is_expired = issuer.max_age.is_some_and(|age| age.0.is_zero());
        wrong.when(
            is_expired,
            &at("max_age"),
            "every token would be too old",
            "say at least \"1s\", or leave it out",
        );
        let is_nobody = issuer.subject_claim.as_ref().is_some_and(String::is_empty);
        wrong.when(
            is_nobody,
            &at("subject_claim"),
            "no claim has this name",
            "leave it out: it is `sub` then",
        );
    }
}

/// Grants that hold in no namespace, or are none.
fn nowhere(config: &Config, wrong: &mut Wrong) {
    let auth = &config.auth;
    let roles = auth.roles.iter().map(|(name, it)| (format!("auth.roles.{name:?}"), &it.namespaces));
    let issuers = auth.issuers.iter().map(|(name, it)| (format!("auth.issuers.{name:?}"), &it.namespaces));
    let certificates =
        auth.certificates.iter().map(|(name, it)| (format!("auth.certificates.{name:?}"), &it.namespaces));
    for (at, namespaces) in roles.chain(issuers).chain(certificates) {
        let is_nowhere = namespaces.as_ref().is_some_and(Vec::is_empty);
        wrong.when(
            is_nowhere,
            &format!("{at}.namespaces"),
            "it holds nowhere",
            "leave it out: then it holds everywhere",
        );
    }
    for (name, certificate) in &auth.certificates {
        let is_nothing = certificate.roles.is_empty() && certificate.permissions.is_empty();
        let at = format!("auth.certificates.{name:?}");
        wrong.when(is_nothing, &at, "whoever has it may do nothing", "give it `roles` or `permissions`");
    }
}

/// Secrets that those who name them may not read.
fn secrets(config: &Config, wrong: &mut Wrong) {
    for (name, secret) in &config.secrets {
        let is_nobody = secret.namespaces.as_ref().is_some_and(Vec::is_empty);
        let at = format!("secrets.{name:?}.namespaces");
        wrong.when(is_nobody, &at, "nobody may read it", "leave it out: then all may");
    }
    let is_closed = |name: &str, namespace: &Namespace| {
        let of = config.secrets.get(name).and_then(|secret| secret.namespaces.as_ref());
        of.is_some_and(|of| !of.contains(namespace))
    };
    let help = "name it in `namespaces` of the secret, or leave these out";
    for (name, issuer) in &config.auth.issuers {
        let closed = issuer.secret.as_deref().is_some_and(|secret| is_closed(secret, &Namespace::system()));
        let why = "its secret is for some namespaces, and tokens are checked for all";
        wrong.when(
            closed,
            &format!("auth.issuers.{name}.secret"),
            why,
            "leave `namespaces` of the secret out",
        );
        let closed =
            issuer.client_secret.as_deref().is_some_and(|name| is_closed(name, &Namespace::system()));
        wrong.when(
            closed,
            &format!("auth.issuers.{name}.client_secret"),
            "its secret is for some namespaces, and people log in to all of the server",
            "leave `namespaces` of the secret out",
        );
    }
    let why = "its secret is not for the namespace of its events";
    for (name, hook) in &config.webhooks {
        wrong.when(is_closed(&hook.secret, &hook.namespace), &format!("webhooks.{name}.secret"), why, help);
    }
    for (name, hook) in &config.inbound {
        wrong.when(is_closed(&hook.secret, &hook.namespace), &format!("inbound.{name}.secret"), why, help);
    }
}

/// Numbers that let nothing happen.
fn numbers(config: &Config, wrong: &mut Wrong) {
    let server = &config.server;
    wrong.when(
        server.requests_max == 0,
        "server.requests_max",
        "every request would be refused",
        "leave it out",
    );
    for (key, length) in [("head_timeout", server.head_timeout), ("body_timeout", server.body_timeout)] {
        let at = format!("server.{key}");
        wrong.when(length.0.is_zero(), &at, "no request would be in time", "say how long a client may take");
    }
    wrong.when(config.engine.shards == 0, "engine.shards", "nobody would decide", "one is enough for most");
    for (name, namespace) in &config.namespaces {
        let at = format!("namespaces.{name}.quotas.runs");
        let told = ("no run could be started", "leave it out to limit nothing");
        wrong.coded(namespace.quotas.runs == Some(0), &code::LIMIT_INVALID, &at, told);
    }
}

fn breakers(config: &Config, wrong: &mut Wrong) {
    let has_percent = |breaker: &BreakerConfig| breaker.percent.is_some();
    let own: Vec<(&String, &BreakerConfig)> =
        config.workflows.iter().filter_map(|(name, it)| Some((name, it.breaker.as_ref()?))).collect();
    let is_counted = config.breaker.as_ref().is_some_and(has_percent);
    let is_counted_somewhere = is_counted || own.iter().any(|(_, breaker)| has_percent(breaker));
    let general = config.breaker.iter().map(|it| ("breaker".to_owned(), it, is_counted_somewhere));
    let own = own
        .iter()
        .map(|(name, it)| (format!("workflows.{name:?}.breaker"), *it, is_counted || has_percent(it)));
    let hosts = config.http.breaker.iter().map(|it| ("http.breaker".to_owned(), it, has_percent(it)));
    for (at, breaker, is_counted) in general.chain(own).chain(hosts) {
        let only = BreakerConfig { enabled: Some(false), ..BreakerConfig::default() };
        let is_off = breaker.enabled == Some(false) && *breaker != only;
        wrong.when(is_off, &at, "it is switched off, and says when it opens", "keep one of both");
        let is_idle = breaker
            .calls_min
            .is_some_and(|calls| calls != nexus_gateway::breaker::Settings::default().calls_min);
        let why = "`calls_min` is for `percent`, and that is not there";
        wrong.when(
            is_idle && !is_counted,
            &format!("{at}.calls_min"),
            why,
            "say `percent`, too, or take it out",
        );
    }
}

/// Headers that could not be sent.
fn headers(config: &Config, wrong: &mut Wrong) {
    let activities = config.activities.iter().map(|(name, it)| (format!("activities.{name:?}"), &it.headers));
    let webhooks = config.webhooks.iter().map(|(name, it)| (format!("webhooks.{name:?}"), &it.headers));
    let endpoints = config.endpoints.iter().map(|(name, it)| (format!("endpoints.{name:?}"), &it.headers));
    for (at, headers) in activities.chain(webhooks).chain(endpoints) {
        for name in headers.keys() {
            let is_wrong = HeaderName::try_from(name.as_str()).is_err();
            let why = format!("{name:?} is no name of a header, so it would never be sent");
            wrong.when(is_wrong, &format!("{at}.headers"), &why, "use letters, digits and `-`");
        }
    }
}

/// Answers that others would get although parts of the question are for nobody's eyes.
fn caches(config: &Config, wrong: &mut Wrong) {
    for (name, workflow) in &config.workflows {
        let is_public = workflow.cache.as_ref().is_some_and(|cache| cache.public);
        let told = (
            "its answers are for everybody, and parts of its input are sensitive",
            "take `public` out: then each caller has answers of their own",
        );
        let at = format!("workflows.{name:?}.cache.public");
        wrong.coded(is_public && is_sensitive(workflow), &code::CACHE_INVALID, &at, told);
    }
}

fn is_sensitive(workflow: &WorkflowConfig) -> bool {
    let mut fields = workflow.fields.values();
    let is_marked = |field: &serde_json::Map<String, nexus_kernel::Json>| {
        field.get("x-sensitive").is_some_and(|it| it == true)
    };
    !workflow.sensitive.is_empty() || fields.any(is_marked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "[auth.issuers.a]\nissuer = \"https://a.example\"\naudiences = [\"n\"]\n";
    const TLS: &str = "[server.tls]\ncertificate = \"a\"\nkey = \"b\"\n";

    /// What is refused, and the one key that it is about.
    fn table() -> Vec<(String, &'static str)> {
        let secret = "[secrets.s]\nenv = \"S\"\nnamespaces = [\"team\"]\n";
        vec![
            ("[server]\nhost = \"nexus.example\"".into(), "server.host"),
            ("[server]\nurl = \"nexus.example\"".into(), "server.url"),
            (format!("[server]\nurl = \"http://nexus.example\"\n{TLS}"), "server.url"),
            ("[server]\nallowed_origins = [\"*\"]".into(), "server.allowed_origins"),
            ("[server]\nallowed_origins = [\"https://a.example/\"]".into(), "server.allowed_origins"),
            ("[server]\nallowed_hosts = [\"https://a.example\"]".into(), "server.allowed_hosts"),
            (format!("{TLS}client_required = true"), "server.tls.client_required"),
            ("[auth.certificates.a]\nroles = [\"caller\"]".into(), "auth.certificates"),
            (format!("{TLS}client_ca = \"c\"\n[auth.certificates.a]"), "auth.certificates.\"a\""),
            ("[server]\ntrusted_proxies = [\"0.0.0.0/0\"]".into(), "server.trusted_proxies"),
            ("[server]\nallow_addresses = []".into(), "server.allow_addresses"),
            ("[namespaces.a]\nallow_addresses = []".into(), "namespaces.a.allow_addresses"),
            (
                "[server]\nallow_addresses = [\"10.0.0.0/8\"]\n[namespaces.a]\nallow_addresses = [\"192.168.0.0/16\"]".into(),
                "namespaces.a.allow_addresses",
            ),
            (format!("{ISSUER}{}", ISSUER.replace("issuers.a", "issuers.b")), "auth.issuers.b.issuer"),
            (ISSUER.replace("[\"n\"]", "[\"n\", \"n\"]"), "auth.issuers.a.audiences"),
            (format!("{ISSUER}max_age = \"0s\""), "auth.issuers.a.max_age"),
            (format!("{ISSUER}subject_claim = \"\""), "auth.issuers.a.subject_claim"),
            (format!("{ISSUER}namespaces = []"), "auth.issuers.\"a\".namespaces"),
            ("[auth.roles.a]\nnamespaces = []".into(), "auth.roles.\"a\".namespaces"),
            ("[secrets.s]\nenv = \"S\"\nnamespaces = []".into(), "secrets.\"s\".namespaces"),
            (format!("{secret}{ISSUER}secret = \"s\""), "auth.issuers.a.secret"),
            (
                format!("{secret}[auth]\nenabled = true\n{ISSUER}browser = true\nclient_id = \"c\"\nclient_secret = \"s\""),
                "auth.issuers.a.client_secret",
            ),
            (format!("{secret}[webhooks.w]\nurl = \"https://a\"\nsecret = \"s\""), "webhooks.w.secret"),
            (format!("{secret}[inbound.i]\nscheme = \"github\"\nevent = \"e\"\nsecret = \"s\""), "inbound.i.secret"),
            ("[server]\nrequests_max = 0".into(), "server.requests_max"),
            ("[server]\nhead_timeout = \"0s\"".into(), "server.head_timeout"),
            ("[server]\nbody_timeout = \"0s\"".into(), "server.body_timeout"),
            ("[engine]\nshards = 0".into(), "engine.shards"),
            ("[namespaces.a.quotas]\nruns = 0".into(), "namespaces.a.quotas.runs"),
            ("[breaker]\nenabled = false\nfailures = 3".into(), "breaker"),
            ("[workflows.A.breaker]\nenabled = false\nrest = \"1m\"".into(), "workflows.\"A\".breaker"),
            ("[http.breaker]\ncalls_min = 9".into(), "http.breaker.calls_min"),
            (
                "[activities.A]\nbinding = \"http\"\nurl = \"http://a\"\nheaders = { \"a b\" = \"c\" }".into(),
                "activities.\"A\".headers",
            ),
            (
                "[workflows.A]\nsensitive = [\"/a\"]\ncache = { ttl = \"1m\", public = true }".into(),
                "workflows.\"A\".cache.public",
            ),
            (
                "[workflows.A]\nfields.a = { x-sensitive = true }\ncache = { ttl = \"1m\", public = true }".into(),
                "workflows.\"A\".cache.public",
            ),
        ]
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        for (text, at) in table() {
            let error = Config::parse(&text).expect_err(&text);
            assert_eq!(error.faults()[0].at, format!("nexus.toml: {at}"), "{text}: {error}");
            assert!(error.help_text().is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_close_to_it_is_not() {
        for text in [
            "[server]\nhost = \"localhost\"\nallowed_origins = [\"https://a.example:8443\", \"http://[::1]:3000\"]",
            "[server]\nallowed_hosts = [\"a.example\", \"a.example:8443\", \"[::1]\"]\nurl = \"https://a.example/nexus\"",
            "[server]\nallow_addresses = [\"10.0.0.0/8\"]\n[namespaces.a]\nallow_addresses = [\"10.1.0.0/16\", \"::1\"]",
            "[breaker]\ncalls_min = 9\n[workflows.A.breaker]\npercent = 50",
            "[workflows.A]\nsensitive = [\"/a\"]\ncache = { ttl = \"1m\" }",
            "[secrets.s]\nenv = \"S\"\nnamespaces = [\"team\"]\n[webhooks.w]\nurl = \"https://a\"\nsecret = \"s\"\nnamespace = \"team\"",
        ] {
            Config::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
}
