//! An issuer of tokens, and whether a token is one of its and meant for us (RFC 7519, RFC 8725, RFC 9068).

use std::collections::HashSet;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode};
use nexus_kernel::access::Entitlement;
use nexus_kernel::time::Timestamp;
use serde_json::{Map, Value};

use super::claims::{Mapping, lifetime};
use super::source::KeysAt;

/// Kinds of tokens that say what somebody may do. Others, of logouts or of proofs of possession, do not.
const KINDS: [&str; 2] = ["JWT", "at+jwt"];

/// An issuer as it is configured.
#[derive(Debug, Clone)]
pub struct IssuerSpec {
    /// What it is called here.
    pub name: String,
    /// Its name in tokens, an address.
    pub issuer: String,
    /// For whom its tokens must be; one of these is enough.
    pub audiences: Vec<String>,
    /// Algorithms that its tokens may be signed with. What a token says of itself does not matter.
    pub algorithms: Vec<Algorithm>,
    /// How far its clock may be off ours.
    pub skew: Duration,
    /// How old its tokens may be, however long they are good.
    pub age_max: Option<Duration>,
    /// What its tokens mean here.
    pub mapping: Mapping,
    /// Where its keys are.
    pub keys: KeysAt,
    /// What command lines are known as there.
    pub client_id: Option<String>,
}

/// What a token proves.
#[derive(Debug, Clone)]
pub(super) struct Proven {
    pub(super) subject: String,
    pub(super) expires: Timestamp,
    pub(super) entitlement: Entitlement,
}

impl IssuerSpec {
    /// The algorithm that a token may be checked with. Errors: why it is not even looked at.
    pub(super) fn algorithm(&self, header: &Header) -> Result<Algorithm, &'static str> {
        if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
            return Err("it asks for something that is not understood");
        }
        let kind = header.typ.as_deref().map(|kind| kind.strip_prefix("application/").unwrap_or(kind));
        if kind.is_some_and(|kind| !KINDS.iter().any(|known| known.eq_ignore_ascii_case(kind))) {
            return Err("it is a token of another kind");
        }
        let allowed = self.algorithms.contains(&header.alg);
        allowed.then_some(header.alg).ok_or("it is signed in a way that is not allowed")
    }

    /// What a token proves that is signed with this key.
    pub(super) fn check(
        &self,
        token: &str,
        algorithm: Algorithm,
        key: &DecodingKey,
        now: Timestamp,
    ) -> Result<Proven, &'static str> {
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.aud = Some(self.audiences.iter().cloned().collect::<HashSet<_>>());
        validation.set_required_spec_claims(&["aud", "iss"]);
        // Times are held against our own clock, below.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        let decoded = decode::<Map<String, Value>>(token, key, &validation);
        let claims = decoded.map_err(|error| reason(error.kind()))?.claims;
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err("it is of another issuer");
        }
        let expires = lifetime(&claims, now, self.skew, self.age_max)?;
        let subject = self.mapping.subject(&claims)?;
        let entitlement = self.mapping.entitlement(&claims, self.source().into());
        Ok(Proven { subject, expires, entitlement })
    }

    /// What its word is called, for people who ask why somebody may do something.
    pub(super) fn source(&self) -> String {
        format!("token of {}", self.name)
    }
}

fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidAudience | ErrorKind::MissingRequiredClaim(_) => "it is meant for somebody else",
        ErrorKind::InvalidSignature => "its signature does not fit",
        _ => "it cannot be read",
    }
}
