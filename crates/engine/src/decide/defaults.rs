//! The `default_options` of a workflow's definition, for starts that do not say otherwise.
//!
//! Calls of programs have them merged in when they are compiled; starts from outside get them here.

use nexus_kernel::Json;
use nexus_kernel::retry::RetryPolicy;
use nexus_lang::twf::machine;
use nexus_lang::twf::moment::parse_duration;

use crate::convert::{positive, retry_policy};
use crate::record::{IdReusePolicy, StartOptions};

/// Fills in what a request leaves open.
pub(super) fn fill(options: &mut StartOptions, defaults: &Json) {
    let run = &mut options.run;
    run.execution_timeout_ms =
        run.execution_timeout_ms.or_else(|| duration(defaults, "workflow_execution_timeout"));
    run.run_timeout_ms = run.run_timeout_ms.or_else(|| duration(defaults, "workflow_run_timeout"));
    run.task_timeout_ms = run.task_timeout_ms.or_else(|| duration(defaults, "workflow_task_timeout"));
    if run.retry.is_none() {
        run.retry = defaults.get("retry_policy").map(retry_of_json);
    }
    if options.reuse == IdReusePolicy::default()
        && let Some(word) = defaults.get("workflow_id_reuse_policy").and_then(Json::as_str)
    {
        options.reuse = IdReusePolicy::of_word(&word.to_ascii_uppercase());
    }
}

fn duration(from: &Json, name: &str) -> Option<u64> {
    parse_duration(from.get(name)?.as_str()?).ok().map(positive)
}

/// A retry policy from its JSON form; what is not there has Temporal's defaults.
pub(crate) fn retry_of_json(block: &Json) -> RetryPolicy {
    let duration = |name: &str| parse_duration(block.get(name)?.as_str()?).ok();
    let coefficient = block.get("backoff_coefficient");
    let types = block.get("non_retryable_error_types").and_then(Json::as_array);
    retry_policy(&machine::RetryPolicy {
        initial_interval_ms: duration("initial_interval"),
        backoff_coefficient: coefficient.and_then(|it| it.as_f64().or_else(|| it.as_str()?.parse().ok())),
        maximum_interval_ms: duration("maximum_interval"),
        maximum_attempts: block
            .get("maximum_attempts")
            .and_then(Json::as_u64)
            .and_then(|count| u32::try_from(count).ok()),
        non_retryable_error_types: types
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(ToOwned::to_owned))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RunOptions;
    use serde_json::json;

    #[test]
    fn what_a_request_says_stands() {
        let defaults = json!({
            "workflow_execution_timeout": "P1D", "workflow_run_timeout": "PT1H",
            "workflow_id_reuse_policy": "REJECT_DUPLICATE",
            "retry_policy": { "initial_interval": "PT5S", "backoff_coefficient": "1.5", "maximum_attempts": 3,
                "non_retryable_error_types": ["Fatal"] },
        });
        let run = RunOptions { run_timeout_ms: Some(7), ..RunOptions::default() };
        let mut options = StartOptions { run, ..StartOptions::default() };
        fill(&mut options, &defaults);
        assert_eq!(
            (options.run.run_timeout_ms, options.run.execution_timeout_ms),
            (Some(7), Some(86_400_000))
        );
        assert_eq!(options.reuse, IdReusePolicy::RejectDuplicate);
        let retry = options.run.retry.unwrap();
        assert_eq!(
            (retry.initial_interval_ms, retry.maximum_interval_ms, retry.maximum_attempts),
            (5_000, 500_000, 3)
        );
        assert_eq!(retry.non_retryable_error_types, ["Fatal"]);
    }
}
