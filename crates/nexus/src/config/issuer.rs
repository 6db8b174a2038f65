//! `[auth.issuers.NAME]`: identity providers whose tokens are accepted. `[auth.certificates.NAME]`: services that are known
//! by their certificates.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nexus_gateway::identity::token::{Algorithm, Mapping, Namespaces};
use nexus_gateway::policy::Roles;
use nexus_kernel::Json;
use nexus_kernel::access::{Entitlement, Pattern, Places};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use serde::{Deserialize, Serialize};

use super::length::Length;

/// How far the clock of an issuer may be off ours when nothing is said, and at most.
const SKEW: Duration = Duration::from_secs(30);
const SKEW_MAX: Duration = Duration::from_mins(5);

/// Algorithms of signatures that anybody can check, which is what identity providers use.
pub const PUBLIC: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// Algorithms with a secret that both sides know.
pub const SHARED: [&str; 3] = ["HS256", "HS384", "HS512"];

/// The section of an issuer.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// Its name in tokens (`iss`), an address.
    pub issuer: String,
    /// For whom its tokens must be (`aud`): one of these is enough.
    pub audiences: Vec<String>,
    /// Where its JWK set is; where its metadata say when absent.
    pub jwks_url: Option<String>,
    /// A file with its public key (PEM) or keys (JWK set), seen from the project's folder; nothing is asked for then.
    pub keys_file: Option<String>,
    /// The secret, of `[secrets]`, that tokens are signed with under HS256, HS384 or HS512.
    pub secret: Option<String>,
    /// Algorithms that its tokens may be signed with.
    pub algorithms: Option<Vec<String>>,
    /// How far its clock may be off ours.
    pub skew: Option<Length>,
    /// How old its tokens may be, however long they are good.
    pub max_age: Option<Length>,
    /// The claim with the name of whom a token is about.
    pub subject_claim: Option<String>,
    /// Claims with names of roles.
    pub role_claims: Option<Vec<String>>,
    /// What the issuer's names of roles or groups are called here; without any they are called the same.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<String>>,
    /// Claims with permissions, such as `scope`; none are taken from tokens without it.
    #[serde(default)]
    pub permission_claims: Vec<String>,
    /// Roles of everybody whom it vouches for.
    #[serde(default)]
    pub everybody: Vec<String>,
    /// Namespaces where all of that holds; everywhere when absent.
    pub namespaces: Option<Vec<String>>,
    /// The claim that names those namespaces instead. A token without it is good nowhere.
    pub namespace_claim: Option<String>,
    /// What `nexus login`, and this server, are known as there (`client_id`).
    pub client_id: Option<String>,
    /// Whether people log in there with a browser, at `/login` of this server.
    #[serde(default)]
    pub browser: bool,
    /// The secret, of `[secrets]`, that this server proves itself with there; public clients have none.
    pub client_secret: Option<String>,
    /// What is asked for when somebody logs in with a browser.
    pub scope: Option<String>,
}

/// The section of a certificate.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CertificateConfig {
    /// Roles of whoever has it.
    pub roles: Vec<String>,
    /// Permissions beside those of the roles.
    pub permissions: Vec<String>,
    /// Where they hold; everywhere when absent.
    pub namespaces: Option<Vec<String>>,
}

impl IssuerConfig {
    /// Whether it can be what is meant.
    pub fn check(&self, name: &str, roles: &Roles, secrets: &[&str]) -> Result<(), Error> {
        let wrong = |why: String, help: &str| Err(fault(&format!("auth.issuers.{name}"), why, help));
        if !is_private(&self.issuer)
            && self.jwks_url.is_none()
            && self.keys_file.is_none()
            && self.secret.is_none()
        {
            return wrong(
                format!("{:?} is no address to look for keys at", self.issuer),
                "an issuer begins with https://; http:// is for this machine only",
            );
        }
        if self.jwks_url.as_deref().is_some_and(|url| !is_private(url)) {
            return wrong(
                "`jwks_url` is no secure address".to_owned(),
                "it begins with https://; http:// is for this machine only",
            );
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return wrong(
                "`audiences` is empty".to_owned(),
                "name this server as its tokens do: a token for somebody else must not be good here",
            );
        }
        let places = [&self.jwks_url, &self.keys_file, &self.secret];
        if places.into_iter().flatten().count() > 1 {
            return wrong(
                "its keys are in more than one place".to_owned(),
                "keep one of `jwks_url`, `keys_file` and `secret`",
            );
        }
        if let Some(secret) = self.secret.as_deref().filter(|secret| !secrets.contains(secret)) {
            return wrong(
                format!("there is no secret {secret:?}"),
                "`[secrets.NAME]` says where a secret lies",
            );
        }
        if self.skew.is_some_and(|skew| skew.0 > SKEW_MAX) {
            return wrong(
                "`skew` is more than 5m".to_owned(),
                "set the clocks instead: within the skew expired tokens are good",
            );
        }
        if self.namespaces.is_some() && self.namespace_claim.is_some() {
            return wrong(
                "`namespaces` and `namespace_claim` exclude each other".to_owned(),
                "keep one of them",
            );
        }
        let named = self.everybody.iter().chain(self.roles.values().flatten());
        for role in named {
            roles.grants(role).map_err(|error| within(&format!("auth.issuers.{name}"), &error))?;
        }
        self.algorithms().map_err(|why| {
            fault(
                &format!("auth.issuers.{name}"),
                why,
                "name some of RS256, PS256, ES256, ES384 and EdDSA; HS256 with `secret`",
            )
        })?;
        self.places().map_err(|error| within(&format!("auth.issuers.{name}"), &error)).map(drop)
    }

    fn usual(&self) -> &'static [&'static str] {
        if self.secret.is_some() { &SHARED } else { &PUBLIC }
    }

    /// The names of the algorithms that its tokens may be signed with.
    pub fn algorithm_names(&self) -> Vec<String> {
        let usual = || self.usual().iter().map(|name| (*name).to_owned()).collect();
        self.algorithms.clone().unwrap_or_else(usual)
    }

    /// How its tokens may be signed.
    pub fn algorithms(&self) -> Result<Vec<Algorithm>, String> {
        let usual = self.usual();
        let names = self.algorithm_names();
        if names.is_empty() {
            return Err("`algorithms` is empty".to_owned());
        }
        let one = |name: &str| match usual.contains(&name).then(|| name.parse().ok()).flatten() {
            Some(algorithm) => Ok(algorithm),
            None if SHARED.contains(&name) => {
                Err(format!("{name} needs a `secret`: with a public key anybody could sign"))
            }
            None if PUBLIC.contains(&name) => Err(format!("{name} does not go with a `secret`")),
            None => Err(format!("there is no algorithm {name:?} for signatures")),
        };
        names.iter().map(|name| one(name)).collect()
    }

    /// How far its clock may be off ours.
    pub fn skew(&self) -> Duration {
        self.skew.map_or(SKEW, |skew| skew.0)
    }

    /// What its tokens mean.
    pub fn mapping(&self) -> Result<Mapping, Error> {
        let usual = Mapping::default();
        Ok(Mapping {
            subject: self.subject_claim.clone().unwrap_or(usual.subject),
            roles: self.role_claims.clone().unwrap_or(usual.roles),
            role_names: self.roles.clone(),
            permissions: self.permission_claims.clone(),
            everybody: self.everybody.clone(),
            namespaces: match &self.namespace_claim {
                Some(claim) => Namespaces::Claim(claim.clone()),
                None => Namespaces::Fixed(self.places()?),
            },
        })
    }

    fn places(&self) -> Result<Places, Error> {
        places(self.namespaces.as_deref())
    }
}

impl CertificateConfig {
    /// What whoever has it may do.
    pub fn entitlement(&self, name: &str, roles: &Roles) -> Result<Entitlement, Error> {
        let at = format!("auth.certificates.{name:?}");
        self.roles
            .iter()
            .try_for_each(|role| roles.grants(role).map(drop))
            .map_err(|error| within(&at, &error))?;
        let permissions = self.permissions.iter().map(|text| Pattern::parse(text)).collect::<Result<_, _>>();
        Ok(Entitlement {
            roles: self.roles.clone(),
            permissions: permissions.map_err(|error| within(&at, &error))?,
            places: places(self.namespaces.as_deref()).map_err(|error| within(&at, &error))?,
            attributes: Json::Null,
            source: format!("certificate {name}").into(),
        })
    }
}

fn places(namespaces: Option<&[String]>) -> Result<Places, Error> {
    let named =
        |all: &[String]| all.iter().map(|name| Namespace::new(name)).collect::<Result<BTreeSet<_>, _>>();
    Ok(namespaces.map(named).transpose()?.map_or(Places::All, Places::Only))
}

/// Whether nobody between can read or change what comes from an address.
pub fn is_private(url: &str) -> bool {
    let Ok(url) = url.parse::<reqwest::Url>() else { return false };
    let is_here = match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

fn fault(at: &str, why: String, help: &str) -> Error {
    Error::new(&code::CONFIG_INVALID, format!("[{at}]: {why}"))
        .fault(format!("nexus.toml: {at}"), why)
        .help(help)
}

fn within(at: &str, error: &Error) -> Error {
    fault(at, error.message().to_owned(), error.help_text().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn told(lines: &str) -> String {
        let text = format!(
            "[secrets.s]\nenv = \"S\"\n[auth.issuers.acme]\nissuer = \"https://id.example.com\"\n{lines}\n"
        );
        match Config::parse(&text) {
            Ok(_) => "fine".to_owned(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn an_issuer_is_refused_when_it_would_let_in_others() {
        let fine = "audiences = [\"nexus\"]";
        assert_eq!(told(fine), "fine");
        for (lines, words) in [
            ("audiences = []", "`audiences` is empty"),
            ("jwks_url = \"http://id.example.com/keys\"\naudiences = [\"a\"]", "no secure address"),
            ("algorithms = [\"none\"]\naudiences = [\"a\"]", "no algorithm \"none\""),
            ("algorithms = [\"HS256\"]\naudiences = [\"a\"]", "HS256 needs a `secret`"),
            ("algorithms = [\"RS256\"]\nsecret = \"s\"\naudiences = [\"a\"]", "does not go with a `secret`"),
            ("algorithms = []\naudiences = [\"a\"]", "`algorithms` is empty"),
            ("secret = \"t\"\naudiences = [\"a\"]", "no secret \"t\""),
            ("secret = \"s\"\nkeys_file = \"k\"\naudiences = [\"a\"]", "more than one place"),
            ("skew = \"10m\"\naudiences = [\"a\"]", "`skew` is more than 5m"),
            ("everybody = [\"viewr\"]\naudiences = [\"a\"]", "there is no role \"viewr\""),
            ("namespaces = [\"a\"]\nnamespace_claim = \"t\"\naudiences = [\"a\"]", "exclude each other"),
            ("namespaces = [\"a/b\"]\naudiences = [\"a\"]", "[auth.issuers.acme]"),
        ] {
            assert!(told(lines).contains(words), "{lines}: {}", told(lines));
        }
    }

    #[test]
    fn certificates_name_roles_that_are_there() {
        let tls = "[server.tls]\ncertificate = \"a\"\nkey = \"b\"\nclient_ca = \"c\"\n";
        let fine = format!("{tls}[auth.certificates.\"spiffe://acme/shop\"]\nroles = [\"caller\"]\n");
        assert_eq!(Config::parse(&fine).unwrap().auth.certificates.len(), 1);
        let wrong = fine.replace("caller", "boss");
        assert!(Config::parse(&wrong).unwrap_err().message().contains("there is no role \"boss\""));
    }
}
