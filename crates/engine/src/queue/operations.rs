//! The verbs of queues.

use std::collections::BTreeMap;

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::engine::EngineHandle;
use crate::operations::{Verb, object};
use crate::queue::QueueName;
use crate::queue::record::{Paused, QueueConfig, RateLimit};

/// Highest rate that can be set, per second.
const RATE_MAX: u64 = 1_000_000;

/// Longest fairness key, in bytes (language page, section 15.15).
const FAIRNESS_KEY_BYTES_MAX: usize = 64;

/// Every verb.
pub(crate) fn all(engine: &EngineHandle) -> Vec<Operation> {
    vec![list(engine), describe(engine), pause(engine), unpause(engine), limit(engine)]
}

/// Which queue.
#[derive(Deserialize)]
struct Which {
    task_queue: String,
    #[serde(default)]
    namespace: Namespace,
}

impl Which {
    fn name(&self) -> Result<QueueName, Error> {
        let namespace = Namespace::new(self.namespace.as_str())?;
        Ok(QueueName { namespace, task_queue: self.task_queue.clone() })
    }
}

/// A verb whose input names a queue, beside these fields.
fn verb(name: &'static str, (title, doc): (&'static str, &'static str), fields: &Json) -> Verb {
    let mut properties = json!({
        "task_queue": { "type": "string", "minLength": 1, "description": "the queue's name in its namespace" },
        "namespace": { "type": "string", "default": Namespace::DEFAULT, "description": "the queue's namespace" },
    });
    if let (Some(all), Some(fields)) = (properties.as_object_mut(), fields.as_object()) {
        all.extend(fields.clone());
    }
    let effect = if name == "queue.describe" { Effect::Read } else { Effect::Write };
    let (input, output) = (object(&properties, &["task_queue"]), json!({ "type": "object" }));
    Verb { name, title, doc, effect, input, output }
}

#[derive(Deserialize)]
struct ListInput {
    namespace: Option<Namespace>,
}

fn list(engine: &EngineHandle) -> Operation {
    let namespace =
        json!({ "namespace": { "type": "string", "description": "only queues of this namespace" } });
    let output = json!({
        "type": "object",
        "properties": { "queues": { "type": "array", "items": { "type": "object" } } },
        "required": ["queues"],
    });
    let (title, doc) =
        ("List task queues", "Every queue with its backlog, rates, limits and whether it is paused.");
    let input = object(&namespace, &[]);
    let verb = Verb { name: "queue.list", title, doc, effect: Effect::Read, input, output };
    verb.handled(engine, |engine: EngineHandle, input: ListInput, _: CallContext| async move {
        let found = engine.queues(input.namespace.as_ref());
        Ok(json!({ "queues": found.iter().map(crate::queue::QueueView::to_json).collect::<Vec<_>>() }))
    })
}

fn describe(engine: &EngineHandle) -> Operation {
    let texts = (
        "Describe a task queue",
        "Backlog and its age by priority, rates of the last half minute, what runs, limits, and whether it is paused.",
    );
    verb("queue.describe", texts, &json!({})).handled(
        engine,
        |engine: EngineHandle, input: Which, _: CallContext| async move {
            Ok(engine.queue(&input.name()?)?.to_json())
        },
    )
}

#[derive(Deserialize)]
struct PauseInput {
    #[serde(flatten)]
    which: Which,
    reason: Option<String>,
}

fn pause(engine: &EngineHandle) -> Operation {
    let texts = (
        "Pause a task queue",
        "No further attempt of an activity begins from the queue; those that run go on, and timeouts still hold.",
    );
    let reason = json!({ "reason": { "type": "string", "description": "shown with the queue" } });
    verb("queue.pause", texts, &reason).handled(
        engine,
        |engine: EngineHandle, input: PauseInput, _: CallContext| async move {
            let reason = input.reason.unwrap_or_default();
            let change = |config: &mut QueueConfig, now: Timestamp| {
                let at = config.paused.as_ref().map_or(now, |paused| paused.at);
                config.paused = Some(Paused { at, reason });
            };
            Ok(engine.configure_queue(&input.which.name()?, change).await?.to_json())
        },
    )
}

fn unpause(engine: &EngineHandle) -> Operation {
    let texts =
        ("Unpause a task queue", "Attempts begin again, in the order of the queue and within its limits.");
    verb("queue.unpause", texts, &json!({})).handled(
        engine,
        |engine: EngineHandle, input: Which, _: CallContext| async move {
            let change = |config: &mut QueueConfig, _| config.paused = None;
            Ok(engine.configure_queue(&input.name()?, change).await?.to_json())
        },
    )
}

/// A field that may be given as null, which is not the same as not giving it.
#[expect(clippy::option_option, reason = "absent, null, and a value")]
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[expect(clippy::option_option, reason = "absent, null, and a value")]
struct LimitInput {
    #[serde(flatten)]
    which: Which,
    #[serde(default, deserialize_with = "given")]
    rate_per_second: Option<Option<f64>>,
    burst: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    fairness_key_rate_per_second: Option<Option<f64>>,
    fairness_key_burst: Option<u32>,
    #[serde(default)]
    fairness_weights: BTreeMap<String, Option<f64>>,
    reason: Option<String>,
}

impl LimitInput {
    fn apply(self, config: &mut QueueConfig, now: Timestamp) {
        let reason = self.reason.unwrap_or_default();
        let limit = |per_second: Option<f64>, burst: Option<u32>| {
            per_second.map(|per_second| RateLimit { per_second, burst, reason: reason.clone(), at: now })
        };
        if let Some(rate) = self.rate_per_second {
            config.rate_limit = limit(rate, self.burst);
        }
        if let Some(rate) = self.fairness_key_rate_per_second {
            config.fairness_key_rate_limit = limit(rate, self.fairness_key_burst);
        }
        for (key, weight) in self.fairness_weights {
            match weight {
                Some(weight) => config.fairness_weights.insert(key, weight),
                None => config.fairness_weights.remove(&key),
            };
        }
    }
}

fn limit(engine: &EngineHandle) -> Operation {
    let rate = |what: &str| json!({ "type": ["number", "null"], "minimum": 0, "maximum": RATE_MAX, "description": what });
    let burst =
        |what: &str| json!({ "type": "integer", "minimum": 1, "maximum": RATE_MAX, "description": what });
    let fields = json!({
        "rate_per_second": rate("attempts of the queue that begin in a second; 0 lets none begin, null takes the limit away"),
        "burst": burst("so many may begin at once after a pause; a second's worth when absent"),
        "fairness_key_rate_per_second": rate("attempts of one fairness key of weight 1 that begin in a second, others in proportion to their weight; null takes the limit away"),
        "fairness_key_burst": burst("the same for one key"),
        "fairness_weights": {
            "type": "object",
            "description": "weights of fairness keys in place of those that calls give; null gives a key its own weight back",
            "maxProperties": 1_000,
            "propertyNames": { "maxLength": FAIRNESS_KEY_BYTES_MAX },
            "additionalProperties": { "type": ["number", "null"], "minimum": 0.001, "maximum": 1_000 },
        },
        "reason": { "type": "string", "description": "shown with the limits" },
    });
    let texts = (
        "Limit a task queue",
        "Bounds how many attempts begin in a second, of the queue and of each fairness key.",
    );
    verb("queue.limit", texts, &fields).handled(
        engine,
        |engine: EngineHandle, input: LimitInput, _: CallContext| async move {
            let name = input.which.name()?;
            let change = |config: &mut QueueConfig, now: Timestamp| input.apply(config, now);
            Ok(engine.configure_queue(&name, change).await?.to_json())
        },
    )
}
