//! What a token says, and whom and what that means here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::access::{Entitlement, Pattern, Places};
use nexus_kernel::id::Namespace;
use nexus_kernel::time::Timestamp;
use serde_json::{Map, Value};

/// The longest name of a subject, in characters.
const SUBJECT_CHARS_MAX: usize = 200;

/// Why a token is refused that was good.
pub(super) const EXPIRED: &str = "it has expired";

/// Where in a token is what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The claim with the subject's name.
    pub subject: String,
    /// Claims with names of roles: a list, or one text with spaces between.
    pub roles: Vec<String>,
    /// What the issuer's names of roles are called here. Without any they are called the same.
    pub role_names: BTreeMap<String, Vec<String>>,
    /// Claims with permissions; none are taken from tokens without it.
    pub permissions: Vec<String>,
    /// Roles of everybody whom the issuer vouches for.
    pub everybody: Vec<String>,
    /// Where all of that holds.
    pub namespaces: Namespaces,
}

/// Where the grants of a token hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Namespaces {
    /// In these.
    Fixed(Places),
    /// In those that this claim names; nowhere when it names none.
    Claim(String),
}

impl Default for Mapping {
    fn default() -> Mapping {
        Mapping {
            subject: "sub".to_owned(),
            roles: vec!["roles".to_owned()],
            role_names: BTreeMap::new(),
            permissions: Vec::new(),
            everybody: Vec::new(),
            namespaces: Namespaces::Fixed(Places::All),
        }
    }
}

/// Until when a token is good, when it is good now. Times of others may be `skew` off ours.
pub(super) fn lifetime(
    claims: &Map<String, Value>,
    now: Timestamp,
    skew: Duration,
    age_max: Option<Duration>,
) -> Result<Timestamp, &'static str> {
    let expires = seconds(claims, "exp")?.ok_or("it does not say when it expires")?.plus(skew);
    if now >= expires {
        return Err(EXPIRED);
    }
    if seconds(claims, "nbf")?.is_some_and(|from| now.plus(skew) < from) {
        return Err("it is not good yet");
    }
    let issued = seconds(claims, "iat")?;
    if issued.is_some_and(|issued| now.plus(skew) < issued) {
        return Err("it was issued in the future");
    }
    let Some(age_max) = age_max else { return Ok(expires) };
    let oldest = issued.ok_or("it does not say when it was issued")?.plus(age_max).plus(skew);
    if now >= oldest { Err("it is too old") } else { Ok(expires.min(oldest)) }
}

/// A `NumericDate` (RFC 7519, 2). What is no number is not passed over.
fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, &'static str> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds =
        value.as_f64().filter(|seconds| seconds.is_finite()).ok_or("one of its times is no time")?;
    // Casting saturates: the end of time is the end of time.
    #[allow(clippy::cast_possible_truncation, reason = "it saturates, which is what is meant")]
    let micros = (seconds * 1e6) as i64;
    Ok(Some(Timestamp::from_micros(micros)))
}

impl Mapping {
    /// Whom a token is about, in the letters of names.
    pub fn subject(&self, claims: &Map<String, Value>) -> Result<String, &'static str> {
        let name = claim(claims, &self.subject).and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() || name.chars().count() > SUBJECT_CHARS_MAX || name.chars().any(char::is_control) {
            return Err("it does not say whom it is about");
        }
        Ok(name.to_owned())
    }

    /// What its subject may do here.
    pub fn entitlement(&self, claims: &Map<String, Value>, source: Arc<str>) -> Entitlement {
        let named = self.roles.iter().flat_map(|at| words(claim(claims, at)));
        let mut roles = self.everybody.clone();
        for name in named {
            match self.role_names.get(name) {
                Some(own) => roles.extend(own.iter().cloned()),
                None if self.role_names.is_empty() => roles.push(name.to_owned()),
                None => {}
            }
        }
        let permissions = self.permissions.iter().flat_map(|at| words(claim(claims, at)));
        let permissions = permissions.filter_map(|text| Pattern::parse(text).ok()).collect();
        let attributes = Json::Object(claims.clone());
        Entitlement { roles, permissions, places: self.places(claims), attributes, source }
    }

    fn places(&self, claims: &Map<String, Value>) -> Places {
        match &self.namespaces {
            Namespaces::Fixed(places) => places.clone(),
            Namespaces::Claim(at) => {
                let named = words(claim(claims, at)).into_iter();
                Places::Only(named.filter_map(|name| Namespace::new(name).ok()).collect::<BTreeSet<_>>())
            }
        }
    }
}

/// A claim by its name, or by a JSON pointer where that begins with a slash.
fn claim<'a>(claims: &'a Map<String, Value>, at: &str) -> Option<&'a Json> {
    let Some(path) = at.strip_prefix('/') else { return claims.get(at) };
    let (first, rest) =
        path.split_once('/').map_or((path, String::new()), |(first, rest)| (first, format!("/{rest}")));
    claims.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(&rest)
}

/// The words of a claim: a list of texts, or one text with spaces between them.
fn words(value: Option<&Json>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const SKEW: Duration = Duration::from_secs(30);

    fn object(value: Json) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn at(seconds: i64) -> i64 {
        1_800_000_000 + seconds
    }

    #[test]
    fn times_are_held_against_our_clock_with_some_patience() {
        for (claims, wanted) in [
            (json!({ "exp": at(60) }), Ok(90)),
            (json!({ "exp": at(-29) }), Ok(1)),
            (json!({ "exp": at(-30) }), Err("it has expired")),
            (json!({}), Err("it does not say when it expires")),
            (json!({ "exp": "soon" }), Err("one of its times is no time")),
            (json!({ "exp": at(60), "nbf": at(30) }), Ok(90)),
            (json!({ "exp": at(60), "nbf": at(31) }), Err("it is not good yet")),
            (json!({ "exp": at(60), "nbf": null }), Err("one of its times is no time")),
            (json!({ "exp": at(60), "iat": at(31) }), Err("it was issued in the future")),
            (json!({ "exp": at(60), "iat": 1e300 }), Err("it was issued in the future")),
        ] {
            let found = lifetime(&object(claims.clone()), NOW, SKEW, None);
            assert_eq!(found.map(|end| end.since(NOW).as_secs()), wanted, "{claims}");
        }
    }

    #[test]
    fn a_token_may_be_too_old_before_it_expires() {
        let hour = Some(Duration::from_hours(1));
        let old = object(json!({ "exp": at(86_400), "iat": at(-3_630) }));
        assert_eq!(lifetime(&old, NOW, SKEW, hour), Err("it is too old"));
        let young = object(json!({ "exp": at(86_400), "iat": at(-3_600) }));
        assert_eq!(lifetime(&young, NOW, SKEW, hour).unwrap().since(NOW).as_secs(), 30);
        let undated = object(json!({ "exp": at(86_400) }));
        assert_eq!(lifetime(&undated, NOW, SKEW, hour), Err("it does not say when it was issued"));
    }

    #[test]
    fn roles_are_those_of_here() {
        let claims = object(json!({ "groups": ["eng", "all"], "realm": { "roles": "viewer clerk" } }));
        let plain = Mapping { roles: vec!["/realm/roles".into()], ..Mapping::default() };
        assert_eq!(plain.entitlement(&claims, "t".into()).roles, ["viewer", "clerk"]);
        let role_names = BTreeMap::from([("eng".to_owned(), vec!["operator".to_owned()])]);
        let mapped = Mapping { roles: vec!["groups".into()], role_names, ..Mapping::default() };
        assert_eq!(mapped.entitlement(&claims, "t".into()).roles, ["operator"]);
    }

    #[test]
    fn a_token_without_its_namespaces_is_good_nowhere() {
        let mapping = Mapping { namespaces: Namespaces::Claim("tenant".into()), ..Mapping::default() };
        let places = |claims: Json| mapping.entitlement(&object(claims), "t".into()).places;
        assert_eq!(places(json!({ "tenant": "shop" })), Places::one(Namespace::new("shop").unwrap()));
        for without in
            [json!({}), json!({ "tenant": 7 }), json!({ "tenant": [] }), json!({ "tenant": "no/name" })]
        {
            assert_eq!(places(without), Places::Only(BTreeSet::new()));
        }
    }

    #[test]
    fn permissions_are_taken_only_where_that_is_said() {
        let claims = object(json!({ "scope": "openid workflow:Checkout:execute admin:*" }));
        assert!(Mapping::default().entitlement(&claims, "t".into()).permissions.is_empty());
        let taking = Mapping { permissions: vec!["scope".into()], ..Mapping::default() };
        assert_eq!(taking.entitlement(&claims, "t".into()).permissions.len(), 2);
    }

    #[test]
    fn names_of_subjects_are_names() {
        let subject = |claims: Json| Mapping::default().subject(&object(claims));
        assert_eq!(subject(json!({ "sub": "ann" })), Ok("ann".to_owned()));
        for bad in [
            json!({}),
            json!({ "sub": "" }),
            json!({ "sub": 7 }),
            json!({ "sub": "a\nb" }),
            json!({ "sub": "x".repeat(201) }),
        ] {
            assert!(subject(bad).is_err());
        }
    }
}
