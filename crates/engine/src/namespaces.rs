//! What is settled for each namespace: its search attributes and how long closed runs are kept.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId};
use nexus_kernel::port::SharedStore;
use nexus_kernel::visibility::value::check_limits;
use nexus_kernel::visibility::{AttributeType, AttributeValue, Attributes, Schema};
use tokio::sync::Notify;

use crate::quota::Openings;

/// The attribute under which a run says what is wrong with it, so that such runs can be searched for.
pub(crate) const PROBLEMS: &str = "TemporalReportedProblems";

/// What a project declares for one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamespaceSettings {
    /// Types of search attributes. Others have the type of the first value that is set.
    pub search_attributes: BTreeMap<String, AttributeType>,
    /// How long closed runs are kept; for ever when absent.
    pub retention: Option<Duration>,
    /// Which events are kept.
    pub events: EventKeep,
    /// How many of its runs may be open.
    pub runs_max: Option<u64>,
    /// Bytes that it may have in the store before no run is started any more; as many as there is room for when absent.
    pub storage_bytes_max: Option<u64>,
    /// How many attempts of its activities may run at the same time.
    pub activities_max: Option<usize>,
}

/// Which events of a namespace are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKeep {
    /// Older ones go; none for their age when absent.
    pub age: Option<Duration>,
    /// So many of the newest are kept.
    pub max: u64,
}

impl Default for EventKeep {
    fn default() -> EventKeep {
        EventKeep { age: Some(Duration::from_hours(7 * 24)), max: 100_000 }
    }
}

/// The settings of all namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// What holds where nothing else is declared.
    pub default: NamespaceSettings,
    /// Namespaces that declare something.
    pub namespaces: BTreeMap<Namespace, NamespaceSettings>,
}

impl Settings {
    /// Whether closed runs of any namespace are ever deleted.
    pub fn has_retention(&self) -> bool {
        self.default.retention.is_some() || self.namespaces.values().any(|it| it.retention.is_some())
    }

    /// The settings of a namespace.
    pub fn of(&self, namespace: &Namespace) -> &NamespaceSettings {
        self.namespaces.get(namespace).unwrap_or(&self.default)
    }
}

/// Settings, and the attributes that were used. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Namespaces {
    inner: Arc<RwLock<Inner>>,
    configured: Arc<Notify>,
    openings: Openings,
}

#[derive(Debug, Default)]
struct Inner {
    settings: Settings,
    used: BTreeMap<Namespace, BTreeMap<String, AttributeType>>,
}

impl Inner {
    fn schema(&self, namespace: &Namespace) -> Schema {
        let mut schema = Schema::new();
        for (name, kind) in &self.settings.of(namespace).search_attributes {
            schema.declare(name.clone(), *kind);
        }
        for (name, kind) in self.used.get(namespace).into_iter().flatten() {
            schema.learn(name.clone(), *kind);
        }
        schema
    }
}

impl Namespaces {
    /// The attributes that a store knows, without settings.
    pub(crate) async fn load(store: &SharedStore) -> Result<Namespaces, Error> {
        let mut inner = Inner::default();
        for (namespace, name, kind) in store.attribute_types().await? {
            inner.used.entry(namespace).or_default().insert(name, kind);
        }
        Ok(Namespaces { inner: Arc::new(RwLock::new(inner)), ..Namespaces::default() })
    }

    /// Puts other settings into force.
    pub(crate) fn configure(&self, settings: Settings) {
        self.inner.write().unwrap_or_else(PoisonError::into_inner).settings = settings;
        self.configured.notify_one();
    }

    /// Waits until settings have been put into force since the last time.
    pub(crate) async fn configured(&self) {
        self.configured.notified().await;
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Settings {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).settings.clone()
    }

    /// The settings of one namespace.
    pub(crate) fn settings_of(&self, namespace: &Namespace) -> NamespaceSettings {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).settings.of(namespace).clone()
    }

    /// Starts that are under way.
    pub(crate) fn openings(&self) -> &Openings {
        &self.openings
    }

    /// What runs of a namespace can be searched by; without one, what those of any can.
    pub(crate) fn schema(&self, namespace: Option<&Namespace>) -> Schema {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(namespace) = namespace {
            return inner.schema(namespace);
        }
        let mut all = Schema::new();
        let names = inner.settings.namespaces.keys().chain(inner.used.keys());
        for namespace in names.chain([&Namespace::default()]) {
            for (name, kind) in inner.schema(namespace).iter() {
                all.learn(name, kind);
            }
        }
        all
    }

    /// Search attributes as their namespace types them. A value that does not fit its type is not searched by; the run is
    /// found by `TemporalReportedProblems` instead, and the log says why.
    pub(crate) fn read(&self, namespace: &Namespace, run: &RunId, given: &Json) -> Attributes {
        if given.is_null() {
            return Attributes::default();
        }
        let schema = self.schema(Some(namespace));
        let (mut attributes, misfits) = schema.read(given);
        if !misfits.is_empty() {
            tracing::warn!(%run, problems = misfits.join("; "), "search attributes do not fit");
            let mut told = vec!["category=BadSearchAttributes".to_owned()];
            told.extend(misfits);
            attributes.set(PROBLEMS, AttributeValue::KeywordList(told));
        }
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let used = inner.used.entry(namespace.clone()).or_default();
        for (name, value) in attributes.iter() {
            if schema.custom(name).is_none() {
                used.entry(name.to_owned()).or_insert_with(|| value.kind());
            }
        }
        attributes
    }

    /// Refuses search attributes that do not fit before anything starts with them.
    pub(crate) fn check(&self, namespace: &Namespace, given: &Json) -> Result<(), Error> {
        if given.is_null() {
            return Ok(());
        }
        let refused = |message: String| {
            Error::new(&code::ATTRIBUTES_INVALID, message)
                .help("`nexus run attributes` shows the attributes and their types")
        };
        check_limits(given).map_err(refused)?;
        let (_, misfits) = self.schema(Some(namespace)).read(given);
        if misfits.is_empty() { Ok(()) } else { Err(refused(misfits.join("; "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::memory::rng::SeededRng;
    use nexus_kernel::time::Timestamp;
    use serde_json::json;

    #[test]
    fn the_first_use_settles_a_type_and_misfits_are_found() {
        let namespaces = Namespaces::default();
        let run = RunId::generate(Timestamp::from_millis(1), &SeededRng::new(1));
        let default = Namespace::default();
        namespaces.read(&default, &run, &json!({ "Tier": "gold" }));
        let misfit = namespaces.read(&default, &run, &json!({ "Tier": 3, "Count": 1 }));
        assert!(misfit.get("Tier").is_none() && misfit.get("Count").is_some());
        let Some(AttributeValue::KeywordList(problems)) = misfit.get(PROBLEMS) else {
            unreachable!("the misfit is told")
        };
        assert_eq!(problems[1], "Tier is of type Keyword, and 3 is not");
        let error = namespaces.check(&default, &json!({ "Tier": 3 })).unwrap_err();
        assert_eq!(error.code(), &code::ATTRIBUTES_INVALID);
        assert!(namespaces.check(&Namespace::new("team").unwrap(), &json!({ "Tier": 3 })).is_ok());
        assert_eq!(namespaces.schema(None).custom("Tier"), Some(AttributeType::Keyword));
    }

    #[test]
    fn declared_types_come_first() {
        let namespaces = Namespaces::default();
        let mut settings = Settings::default();
        settings.default.search_attributes.insert("Amount".into(), AttributeType::Double);
        namespaces.configure(settings);
        let run = RunId::generate(Timestamp::from_millis(1), &SeededRng::new(1));
        let read = namespaces.read(&Namespace::default(), &run, &json!({ "Amount": 3 }));
        assert_eq!(read.get("Amount"), Some(&AttributeValue::Double(3.0)));
    }
}
