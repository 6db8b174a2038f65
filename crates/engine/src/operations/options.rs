//! The options of a start as callers give them.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_lang::twf::moment::parse_duration;
use serde::Deserialize;
use serde_json::{Map, json};

use crate::decide::retry_of_json;
use crate::record::{IdConflictPolicy, IdReusePolicy, Priority, RunOptions, StartOptions};

/// The fields of an input that say how a run is started.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OptionFields {
    execution_timeout: Option<String>,
    run_timeout: Option<String>,
    task_timeout: Option<String>,
    start_delay: Option<String>,
    id_reuse_policy: Option<IdReusePolicy>,
    id_conflict_policy: Option<IdConflictPolicy>,
    task_queue: Option<String>,
    retry_policy: Option<Json>,
    priority: Option<Priority>,
    #[serde(default)]
    memo: Map<String, Json>,
    #[serde(default)]
    search_attributes: Map<String, Json>,
    summary: Option<String>,
}

impl OptionFields {
    /// The options; an error names the duration that is none.
    pub(super) fn options(self) -> Result<StartOptions, Error> {
        if let Some(block) = &self.retry_policy {
            for name in ["initial_interval", "maximum_interval"] {
                let given = block.get(name).and_then(Json::as_str).map(ToOwned::to_owned);
                duration(&format!("retry_policy/{name}"), given.as_ref())?;
            }
        }
        Ok(StartOptions {
            run: RunOptions {
                execution_timeout_ms: duration("execution_timeout", self.execution_timeout.as_ref())?,
                run_timeout_ms: duration("run_timeout", self.run_timeout.as_ref())?,
                task_timeout_ms: duration("task_timeout", self.task_timeout.as_ref())?,
                retry: self.retry_policy.as_ref().map(retry_of_json),
                priority: self.priority,
                summary: self.summary,
                session: None,
                trace: None,
            },
            memo: self.memo,
            search_attributes: self.search_attributes,
            task_queue: self.task_queue,
            reuse: self.id_reuse_policy.unwrap_or_default(),
            conflict: self.id_conflict_policy.unwrap_or_default(),
            start_delay_ms: duration("start_delay", self.start_delay.as_ref())?,
            ..StartOptions::default()
        })
    }
}

fn duration(name: &str, given: Option<&String>) -> Result<Option<u64>, Error> {
    let Some(text) = given else { return Ok(None) };
    match parse_duration(text).ok().and_then(|ms| u64::try_from(ms).ok()) {
        Some(ms) => Ok(Some(ms)),
        None => Err(Error::new(&code::INPUT_INVALID, format!("{text:?} is not a duration"))
            .fault(format!("/{name}"), "expected a duration such as 30s, 5m or PT5M")),
    }
}

/// The schema of these fields.
pub(super) fn properties(conflicts: &[&str]) -> Json {
    let time = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "execution_timeout": time("longest time of the whole chain of runs, for example 30s, 5m or PT5M"),
        "run_timeout": time("longest time of one run"),
        "task_timeout": time("longest time of one workflow task; kept and shown, a task is bounded by its steps"),
        "start_delay": time("how long the first workflow task waits; a message ends the wait"),
        "id_reuse_policy": {
            "enum": IdReusePolicy::NAMES, "description": "whether the id of a closed run may be used again",
        },
        "id_conflict_policy": {
            "enum": conflicts, "description": "what happens when a run of the id is open",
        },
        "task_queue": { "type": "string", "description": "queue of the run's activities" },
        "retry_policy": {
            "type": "object",
            "properties": {
                "initial_interval": { "type": "string" },
                "backoff_coefficient": { "type": "number", "minimum": 1 },
                "maximum_interval": { "type": "string" },
                "maximum_attempts": { "type": "integer", "minimum": 0, "maximum": u32::MAX },
                "non_retryable_error_types": { "type": "array", "items": { "type": "string" } },
            },
            "additionalProperties": false,
            "description": "when a failed run is followed by another attempt; never without it",
        },
        "priority": {
            "type": "object",
            "properties": {
                "priority_key": { "type": "integer", "minimum": 1, "maximum": 5 },
                "fairness_key": { "type": "string", "maxLength": 64 },
                "fairness_weight": { "type": "number", "minimum": 0.001, "maximum": 1000 },
            },
            "additionalProperties": false,
        },
        "memo": { "type": "object", "description": "facts for people, by name" },
        "search_attributes": { "type": "object", "description": "facts for searching, by name" },
        "summary": { "type": "string", "maxLength": 400, "description": "a line for people" },
    })
}
