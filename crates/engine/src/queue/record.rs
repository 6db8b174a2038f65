//! What is stored of a queue: what operators have settled for it.

use std::collections::BTreeMap;

use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::activity::record::Priority;

/// What holds for a queue. Everything is off unless somebody settles it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueConfig {
    /// Since when and why no attempt begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// How many attempts begin in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// How many attempts of one fairness key of weight 1 begin in a second; others in proportion to their weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness_key_rate_limit: Option<RateLimit>,
    /// Weights of fairness keys in place of those that tasks come with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fairness_weights: BTreeMap<String, f64>,
}

/// A queue is paused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paused {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A limit on how many attempts begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// So many a second; none at all when 0.
    pub per_second: f64,
    /// So many at once after a pause; as many as a second has, and at least one, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When it was set.
    pub at: Timestamp,
}

impl RateLimit {
    /// So many a second, without further words.
    pub fn new(per_second: f64) -> RateLimit {
        RateLimit { per_second, burst: None, reason: String::new(), at: Timestamp::default() }
    }
}

impl QueueConfig {
    /// Whether nothing is settled.
    pub fn is_default(&self) -> bool {
        *self == QueueConfig::default()
    }

    /// The weight of a task's fairness key.
    pub(crate) fn weight(&self, priority: &Priority) -> f64 {
        let own = priority.fairness_key.as_ref().and_then(|key| self.fairness_weights.get(key));
        own.copied().unwrap_or(priority.fairness_weight).clamp(0.001, 1_000.0)
    }
}
