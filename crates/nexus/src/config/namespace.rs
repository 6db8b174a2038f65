//! `[namespaces.NAME]`: what holds for one namespace.

use std::collections::BTreeMap;

use nexus_gateway::limit::policy::NamespacePolicy;
use nexus_gateway::policy::Lists;
use nexus_kernel::address::AddressRange;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::visibility::AttributeType;
use serde::{Deserialize, Serialize};

use super::Config;
use super::events::EventsConfig;
use super::length::Retention;
use super::rate::RateConfig;

/// `[namespaces.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NamespaceConfig {
    /// How long its closed runs are kept.
    pub retention: Option<Retention>,
    /// Which of its events are kept.
    pub events: EventsConfig,
    /// Where its callers may be, as ranges of addresses; anywhere when absent.
    pub allow_addresses: Option<Vec<String>>,
    /// How much of it there may be.
    pub quotas: QuotasConfig,
    /// Types of its search attributes, by name.
    pub search_attributes: BTreeMap<String, AttributeType>,
}

/// `[namespaces.NAME.quotas]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotasConfig {
    /// How often it may be called, all callers together.
    pub requests: Option<RateConfig>,
    /// How many calls in it may be under way.
    pub concurrent: Option<u32>,
    /// How many of its runs may be open.
    pub runs: Option<u64>,
    /// How much it may have in the store, in MiB, before no run is started any more.
    pub storage_mib: Option<u64>,
    /// How many attempts of its activities may run at the same time; others wait.
    pub activities: Option<usize>,
}

impl QuotasConfig {
    /// What the limiter goes by.
    pub fn policy(&self, name: &str) -> Result<NamespacePolicy, Error> {
        let place = |key: &str| format!("namespaces.{name}.quotas.{key}");
        let rate = self.requests.as_ref().map(|rate| rate.read(&place("requests"))).transpose()?;
        super::rate::at_least_one(self.storage_mib.map(|most| u32::from(most > 0)), &place("storage_mib"))?;
        super::rate::at_least_one(self.concurrent, &place("concurrent"))?;
        super::rate::at_least_one(self.activities.map(|most| u32::from(most > 0)), &place("activities"))?;
        Ok(NamespacePolicy { rate, concurrent: self.concurrent })
    }
}

impl Config {
    /// Where callers may be.
    pub fn borders(&self) -> Result<Lists, Error> {
        let server = self.server.allow_addresses.as_ref();
        let server = server.map(|list| ranges(list, "server.allow_addresses")).transpose()?;
        let mut lists = Lists { server, ..Lists::default() };
        for (name, config) in &self.namespaces {
            let namespace = Namespace::new(name)?;
            if let Some(list) = &config.allow_addresses {
                let ranges = ranges(list, &format!("namespaces.{name}.allow_addresses"))?;
                lists.namespaces.insert(namespace.clone(), ranges);
            }
            lists.known.insert(namespace);
        }
        Ok(lists)
    }
}

/// Ranges of addresses, as a list of texts says them.
pub fn ranges(list: &[String], place: &str) -> Result<Vec<AddressRange>, Error> {
    list.iter().map(|text| text.parse()).collect::<Result<_, String>>().map_err(|why| {
        Error::new(&code::CONFIG_INVALID, format!("{place}: {why}"))
            .fault(format!("nexus.toml: {place}"), why)
            .help("for example [\"10.1.0.0/16\", \"127.0.0.1\"]")
    })
}
