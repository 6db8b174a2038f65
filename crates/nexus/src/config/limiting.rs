//! `[limits]`: how often somebody may call, and how much at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_gateway::limit::gcra::Rate;
use nexus_gateway::limit::policy::{Concurrent, OperationPolicy, Policy};
use nexus_gateway::limits::FAILED_AUTH_PER_MINUTE_DEFAULT;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use serde::{Deserialize, Serialize};

use super::Config;
use super::rate::{RateConfig, at_least_one};

/// The whole section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitingConfig {
    /// How often one principal may call; one address where there is no authentication.
    pub principal: Option<RateConfig>,
    /// How often one namespace may be called that has no quota of its own.
    pub namespace: Option<RateConfig>,
    /// How often one principal may call one operation.
    pub operation: Option<RateConfig>,
    /// How often one address may ask that shows no credential.
    pub anonymous: Option<RateConfig>,
    /// How often one address may show a wrong credential.
    pub failed_auth: Option<RateConfig>,
    /// How many calls may be under way.
    pub concurrent: ConcurrentConfig,
    /// Single operations, by name: a verb, `Workflow` or `namespace/Workflow`.
    pub operations: BTreeMap<String, OperationConfig>,
}

/// `[limits.concurrent]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConcurrentConfig {
    /// Of one principal.
    pub principal: Option<u32>,
    /// In one namespace that has no quota of its own.
    pub namespace: Option<u32>,
    /// Of one operation.
    pub operation: Option<u32>,
}

/// `[limits.operations.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OperationConfig {
    /// How often one principal may call it.
    pub rate: Option<RateConfig>,
    /// How often all of them together may.
    pub total: Option<RateConfig>,
    /// How many calls of it may be under way.
    pub concurrent: Option<u32>,
}

fn read(rate: Option<&RateConfig>, place: &str) -> Result<Option<Rate>, Error> {
    rate.map(|rate| rate.read(place)).transpose()
}

impl ConcurrentConfig {
    fn policy(&self) -> Result<Concurrent, Error> {
        let ConcurrentConfig { principal, namespace, operation } = *self;
        for (key, most) in [("principal", principal), ("namespace", namespace), ("operation", operation)] {
            at_least_one(most, &format!("limits.concurrent.{key}"))?;
        }
        Ok(Concurrent { principal, namespace, operation })
    }
}

impl OperationConfig {
    fn policy(&self, name: &str) -> Result<OperationPolicy, Error> {
        let place = |key: &str| format!("limits.operations.{name:?}.{key}");
        at_least_one(self.concurrent, &place("concurrent"))?;
        Ok(OperationPolicy {
            rate: read(self.rate.as_ref(), &place("rate"))?,
            total: read(self.total.as_ref(), &place("total"))?,
            concurrent: self.concurrent,
        })
    }
}

impl Config {
    /// Everything that is limited. Wrong credentials are, wherever credentials are asked for.
    pub fn limiting(&self) -> Result<Policy, Error> {
        let limits = &self.limits;
        let usual = Rate::new(FAILED_AUTH_PER_MINUTE_DEFAULT, Duration::from_mins(1), None);
        let failed_auth = read(limits.failed_auth.as_ref(), "limits.failed_auth")?;
        let operations = limits.operations.iter();
        let namespaces = self.namespaces.iter();
        Ok(Policy {
            principal: read(limits.principal.as_ref(), "limits.principal")?,
            namespace: read(limits.namespace.as_ref(), "limits.namespace")?,
            operation: read(limits.operation.as_ref(), "limits.operation")?,
            anonymous: read(limits.anonymous.as_ref(), "limits.anonymous")?,
            failed_auth: failed_auth.or_else(|| usual.filter(|_| self.auth.enabled)),
            concurrent: limits.concurrent.policy()?,
            operations: operations
                .map(|(name, operation)| Ok((name.clone(), operation.policy(name)?)))
                .collect::<Result<_, Error>>()?,
            namespaces: namespaces
                .map(|(name, namespace)| Ok((Namespace::new(name)?, namespace.quotas.policy(name)?)))
                .collect::<Result<_, Error>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        Config::parse(text).unwrap().limiting().unwrap()
    }

    #[test]
    fn nothing_is_limited_unless_somebody_says_so_but_wrong_credentials() {
        assert_eq!(policy(""), Policy::default());
        let guarded = policy("[auth]\nenabled = true\n");
        assert_eq!(guarded.failed_auth.map(Rate::count), Some(60));
        assert_eq!(Policy { failed_auth: None, ..guarded }, Policy::default());
    }

    #[test]
    fn every_limit_has_its_place() {
        let all = policy(
            "[limits]\nprincipal = \"100/min\"\nnamespace = \"1000/min\"\noperation = \"50/min\"\nanonymous = \"5/s\"\n\
             failed_auth = { rate = \"10/min\", burst = 3 }\nconcurrent = { principal = 5 }\n\
             [limits.operations.\"run.start\"]\ntotal = \"20/s\"\nconcurrent = 7\n\
             [namespaces.shop.quotas]\nrequests = \"2/s\"\nconcurrent = 9\n",
        );
        assert_eq!(all.principal.map(Rate::count), Some(100));
        assert_eq!(all.failed_auth.map(Rate::burst), Some(3));
        assert_eq!(all.concurrent.principal, Some(5));
        assert_eq!(all.operations["run.start"].concurrent, Some(7));
        assert_eq!(all.namespaces[&Namespace::new("shop").unwrap()].concurrent, Some(9));
    }

    #[test]
    fn what_is_no_limit_is_refused_with_its_place() {
        for (bad, place) in [
            ("[limits]\nprincipal = \"many\"", "limits.principal"),
            ("[limits.concurrent]\nprincipal = 0", "limits.concurrent.principal"),
            ("[limits.operations.a]\ntotal = \"0/s\"", "limits.operations.\"a\".total"),
            ("[namespaces.a.quotas]\nrequests = \"1/year\"", "namespaces.a.quotas.requests"),
        ] {
            let error = Config::parse(bad).unwrap_err();
            assert_eq!(
                (error.code().id, error.faults()[0].at.as_str()),
                ("NX-1203", &*format!("nexus.toml: {place}"))
            );
        }
        let proxies = Config::parse("[server]\ntrusted_proxies = [\"10.0.0.0/99\"]").unwrap_err();
        assert_eq!(proxies.code().id, "NX-1003");
    }
}
