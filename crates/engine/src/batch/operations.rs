//! The verbs of batches.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId};
use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use crate::batch::handle::{
    CONCURRENCY_DEFAULT, CONCURRENCY_MAX, NewBatch, RATE_DEFAULT, RATE_MAX, RUNS_MAX,
};
use crate::batch::{Batch, BatchVerb, ResetPoint, Target};
use crate::engine::EngineHandle;
use crate::operations::{Verb, object};
use crate::reset::Reapply;

/// Every verb.
pub(crate) fn all(engine: &EngineHandle) -> Vec<Operation> {
    vec![start(engine), describe(engine), list(engine), stop(engine)]
}

fn verb(name: &'static str, (title, doc): (&'static str, &'static str), input: Json) -> Verb {
    let effect = if matches!(name, "batch.list" | "batch.describe") { Effect::Read } else { Effect::Write };
    Verb { name, title, doc, effect, input, output: json!({ "type": "object" }) }
}

#[derive(Deserialize)]
struct StartInput {
    verb: String,
    filter: Option<String>,
    run_ids: Option<Vec<String>>,
    #[serde(default)]
    namespace: Namespace,
    signal: Option<String>,
    input: Option<Json>,
    reset_to: Option<ResetPoint>,
    #[serde(default)]
    exclude: Vec<Reapply>,
    #[serde(default)]
    pinned: bool,
    reason: Option<String>,
    rate_per_second: Option<f64>,
    concurrency: Option<usize>,
    batch_id: Option<String>,
}

impl StartInput {
    fn verb(&self) -> Result<BatchVerb, Error> {
        let mut given = json!({ "verb": self.verb });
        match (&self.signal, self.verb == "signal") {
            (Some(name), true) => {
                given = json!({ "verb": "signal", "name": name, "input": self.input });
            }
            (None, true) => return Err(wrong("/signal", "a batch of signals names the signal")),
            (None, false) if self.verb == "reset" && self.input.is_none() => return self.reset(),
            (None, false) if self.input.is_none() => {}
            _ => return Err(wrong("/signal", "only the verb `signal` takes a signal and its input")),
        }
        serde_json::from_value(given).map_err(|error| wrong("/verb", &error.to_string()))
    }

    fn reset(&self) -> Result<BatchVerb, Error> {
        let (exclude, pinned) = (self.exclude.clone(), self.pinned);
        match self.reset_to.clone() {
            Some(to) => Ok(BatchVerb::Reset { to, exclude, pinned }),
            None => Err(wrong("/reset_to", "a batch of resets says which task is done again")),
        }
    }

    fn target(&self) -> Result<Target, Error> {
        match (&self.filter, &self.run_ids) {
            (Some(filter), None) => {
                let namespace = Namespace::new(self.namespace.as_str())?;
                Ok(Target::Filter { namespace, filter: filter.clone(), after: None })
            }
            (None, Some(runs)) => {
                let runs = runs.iter().map(|run| RunId::parse(run)).collect::<Result<_, _>>()?;
                Ok(Target::Runs { runs, position: 0 })
            }
            _ => Err(wrong("/filter", "give either `filter` or `run_ids`")),
        }
    }
}

fn wrong(at: &str, why: &str) -> Error {
    Error::new(&code::INPUT_INVALID, "the batch makes no sense").fault(at, why)
}

fn start(engine: &EngineHandle) -> Operation {
    let input = object(
        &json!({
            "verb": { "enum": BatchVerb::NAMES, "description": "what is done to each run" },
            "filter": { "type": "string", "description": "which runs, in words of `run.list`; open ones only, for `delete` closed ones only, for `reset` both" },
            "run_ids": {
                "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": RUNS_MAX,
                "description": "which runs, instead of a filter",
            },
            "namespace": { "type": "string", "default": Namespace::DEFAULT, "description": "where the filter looks" },
            "signal": { "type": "string", "description": "the signal to send" },
            "input": { "description": "its arguments" },
            "reset_to": {
                "oneOf": [
                    { "enum": ["first_task", "last_task"] },
                    { "type": "object", "properties": { "build": { "type": "string", "minLength": 4 } }, "required": ["build"], "additionalProperties": false },
                ],
                "description": "for `reset`: the workflow task that is done again; `build` is the first one that a definition handled, by the beginning of its hash",
            },
            "exclude": {
                "type": "array", "items": { "enum": Reapply::NAMES },
                "description": "for `reset`: what came later and is not applied again",
            },
            "pinned": { "type": "boolean", "default": false, "description": "for `reset`: each run goes on with the definition that it had" },
            "reason": { "type": "string", "description": "kept in the histories of the runs" },
            "rate_per_second": {
                "type": "number", "minimum": 0.01, "maximum": RATE_MAX, "default": RATE_DEFAULT,
                "description": "runs that have their turn in a second, at most",
            },
            "concurrency": {
                "type": "integer", "minimum": 1, "maximum": CONCURRENCY_MAX, "default": CONCURRENCY_DEFAULT,
                "description": "runs that have their turn at the same time, at most",
            },
            "batch_id": { "type": "string", "description": "equal ids are one batch; made up when absent" },
        }),
        &["verb"],
    );
    let doc = "Does the same to every run that fits a filter, in the background; `batch.describe` shows the progress.";
    verb("batch.start", ("Start a batch", doc), input).handled(
        engine,
        |engine: EngineHandle, input: StartInput, context: CallContext| async move {
            let (verb, target) = (input.verb()?, input.target()?);
            let new = NewBatch {
                id: input.batch_id.or(context.idempotency_key),
                verb,
                target,
                reason: input.reason.unwrap_or_default(),
                per_second: input.rate_per_second,
                concurrency: input.concurrency,
            };
            Ok(engine.start_batch(new).await?.to_json())
        },
    )
}

#[derive(Deserialize)]
struct Which {
    batch_id: String,
    wait_ms: Option<u64>,
    reason: Option<String>,
}

fn which(more: &Json) -> Json {
    let mut properties = json!({ "batch_id": { "type": "string", "description": "the batch" } });
    if let (Some(all), Some(more)) = (properties.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    object(&properties, &["batch_id"])
}

fn describe(engine: &EngineHandle) -> Operation {
    let wait = json!({
        "wait_ms": {
            "type": "integer", "minimum": 0,
            "description": "wait this many milliseconds for the batch to be over before answering",
        },
    });
    let texts =
        ("Describe a batch", "How far a batch is: runs done, failed and left, and the first failures.");
    verb("batch.describe", texts, which(&wait)).handled(
        engine,
        |engine: EngineHandle, input: Which, _: CallContext| async move {
            let found = match input.wait_ms {
                Some(wait) => engine.batch_within(&input.batch_id, Duration::from_millis(wait)).await?,
                None => engine.batch(&input.batch_id).await?,
            };
            Ok(found.to_json())
        },
    )
}

fn list(engine: &EngineHandle) -> Operation {
    let texts = ("List batches", "Every batch with its progress, the newest first.");
    verb("batch.list", texts, object(&json!({}), &[])).handled(
        engine,
        |engine: EngineHandle, _: Json, _: CallContext| async move {
            let found = engine.batches().await?;
            Ok(json!({ "batches": found.iter().map(Batch::to_json).collect::<Vec<_>>() }))
        },
    )
}

fn stop(engine: &EngineHandle) -> Operation {
    let reason = json!({ "reason": { "type": "string", "description": "kept with the batch" } });
    let texts =
        ("Stop a batch", "No further run has its turn; those that had it keep what was done to them.");
    verb("batch.stop", texts, which(&reason)).handled(
        engine,
        |engine: EngineHandle, input: Which, _: CallContext| async move {
            let reason = input.reason.unwrap_or_default();
            Ok(engine.stop_batch(&input.batch_id, &reason).await?.to_json())
        },
    )
}
