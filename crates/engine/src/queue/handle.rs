//! Queues as the rest of the server reaches them.

use std::collections::BTreeMap;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::limits::ID_BYTES_MAX;
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::definition::Definition;
use crate::engine::EngineHandle;
use crate::queue::record::{QueueConfig, RateLimit};
use crate::queue::{QueueName, Status};

/// What is known of a queue, as callers see it.
#[derive(Debug, Clone)]
pub struct QueueView {
    /// Which.
    pub name: QueueName,
    status: Status,
    /// Whether the deployed definition names it.
    declared: bool,
    now: Timestamp,
}

impl EngineHandle {
    /// Every queue that is declared, in use, or that something is settled for.
    pub fn queues(&self, namespace: Option<&Namespace>) -> Vec<QueueView> {
        let now = self.shared.clock.now();
        let definition = self.definition();
        let declared = definition.as_deref().map(declared).unwrap_or_default();
        let wanted = |name: &QueueName| namespace.is_none_or(|namespace| *namespace == name.namespace);
        let mut all: BTreeMap<QueueName, (Status, bool)> =
            declared.into_iter().filter(wanted).map(|name| (name, (Status::default(), true))).collect();
        for (name, status) in self.shared.workers.slots().all(namespace) {
            all.entry(name).or_default().0 = status;
        }
        let seen = all.into_iter().filter(|(name, _)| self.sees_some(&name.namespace));
        seen.map(|(name, (status, declared))| QueueView { name, status, declared, now }).collect()
    }

    /// What is known of one queue.
    ///
    /// # Errors
    ///
    /// No definition names it, nobody uses it and nothing is settled for it.
    pub fn queue(&self, name: &QueueName) -> Result<QueueView, Error> {
        let all = self.queues(Some(&name.namespace));
        if let Some(found) = all.iter().find(|view| view.name == *name) {
            return Ok(found.clone());
        }
        let message = format!("there is no task queue {:?} in namespace {}", name.task_queue, name.namespace);
        let error = Error::new(&code::QUEUE_UNKNOWN, message);
        let names = all.iter().map(|view| view.name.task_queue.as_str());
        Err(match nexus_kernel::suggest::nearest(&name.task_queue, names) {
            Some(near) => error.help(format!("did you mean {near:?}?")),
            None => error.help("`nexus queue list` shows the queues"),
        })
    }

    /// Settles something for a queue, whether it is in use yet or not. It is durable and in force when this returns.
    pub async fn configure_queue(
        &self,
        name: &QueueName,
        change: impl FnOnce(&mut QueueConfig, Timestamp),
    ) -> Result<QueueView, Error> {
        if name.task_queue.is_empty() || name.task_queue.len() > ID_BYTES_MAX {
            let message = format!("the name of a queue has 1 to {ID_BYTES_MAX} bytes");
            return Err(Error::new(&code::INPUT_INVALID, message));
        }
        let now = self.shared.clock.now();
        let slots = self.shared.workers.slots();
        let settings = &self.shared.queues;
        let change = |config: &mut QueueConfig| change(config, now);
        settings.change(&self.shared.store, name, change, |config| slots.configure(name, config)).await?;
        let all = self.queues(Some(&name.namespace));
        let nothing = || QueueView { name: name.clone(), status: Status::default(), declared: false, now };
        Ok(all.into_iter().find(|view| view.name == *name).unwrap_or_else(nothing))
    }
}

/// The queues that a definition names.
fn declared(definition: &Definition) -> Vec<QueueName> {
    let places = definition.program.workflows().flat_map(|workflow| &workflow.deployments);
    let places = places.chain(definition.program.activities().flat_map(|activity| &activity.deployments));
    let name = |namespace: &str, task_queue: &str| {
        Some(QueueName { namespace: Namespace::new(namespace).ok()?, task_queue: task_queue.to_owned() })
    };
    places.filter_map(|place| name(&place.namespace, &place.task_queue)).collect()
}

impl QueueView {
    /// Tasks that have not begun.
    pub fn backlog(&self) -> usize {
        self.status.waiting.values().map(|(count, _)| count).sum()
    }

    /// Attempts that run.
    pub fn running(&self) -> usize {
        self.status.running
    }

    /// What is settled for it.
    pub fn config(&self) -> &QueueConfig {
        &self.status.config
    }

    /// The view as an object.
    pub fn to_json(&self) -> Json {
        let (status, config) = (&self.status, &self.status.config);
        let age = |since: Timestamp| u64::try_from(self.now.since(since).as_millis()).unwrap_or(u64::MAX);
        let oldest = status.waiting.values().map(|(_, since)| *since).min();
        let level = |(priority, (count, since)): (&u32, &(usize, Timestamp))| json!({ "priority": priority, "count": count, "oldest_age_ms": age(*since) });
        json!({
            "namespace": self.name.namespace,
            "task_queue": self.name.task_queue,
            "declared": self.declared,
            "state": if config.paused.is_some() { "paused" } else { "active" },
            "paused": config.paused.as_ref().map(|it| json!({ "at": it.at.to_string(), "reason": it.reason })),
            "backlog": {
                "count": self.backlog(),
                "oldest_age_ms": oldest.map(age),
                "unbound": status.unbound,
                "by_priority": status.waiting.iter().map(level).collect::<Vec<_>>(),
            },
            "running": status.running,
            "add_rate": status.add_rate,
            "dispatch_rate": status.dispatch_rate,
            "rate_limit": config.rate_limit.as_ref().map(limit),
            "program": {
                "rate_per_second": status.declared.rate_limit.as_ref().map(|limit| limit.per_second),
                "running_max": status.declared.running_max,
            },
            "fairness_key_rate_limit": config.fairness_key_rate_limit.as_ref().map(limit),
            "fairness_weights": config.fairness_weights,
        })
    }
}

fn limit(limit: &RateLimit) -> Json {
    json!({
        "per_second": limit.per_second,
        "burst": limit.burst,
        "reason": limit.reason,
        "at": limit.at.to_string(),
    })
}
