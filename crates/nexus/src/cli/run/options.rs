//! The options of a start, as flags.

use crate::cli::run::input::guess;
use clap::{Args, ValueEnum};
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde_json::{Map, json};

/// Everything that is decided about a run beside its workflow and its input.
#[derive(Debug, Args)]
pub(super) struct OptionArgs {
    /// Whether the id of a closed run may be used again
    #[arg(
        long,
        value_enum,
        value_name = "POLICY",
        help_heading = "Options of the run",
        hide_short_help = true
    )]
    id_reuse_policy: Option<Reuse>,
    /// What happens when a run of the id is open
    #[arg(
        long,
        value_enum,
        value_name = "POLICY",
        help_heading = "Options of the run",
        hide_short_help = true
    )]
    id_conflict_policy: Option<Conflict>,
    /// Longest time of the whole chain of runs, such as 30s, 5m or PT5M
    #[arg(long, value_name = "DURATION", help_heading = "Options of the run", hide_short_help = true)]
    execution_timeout: Option<String>,
    /// Longest time of one run
    #[arg(long, value_name = "DURATION", help_heading = "Options of the run", hide_short_help = true)]
    run_timeout: Option<String>,
    /// Longest time of one workflow task; kept and shown
    #[arg(long, value_name = "DURATION", help_heading = "Options of the run", hide_short_help = true)]
    task_timeout: Option<String>,
    /// How long the first workflow task waits; a message ends the wait
    #[arg(long, value_name = "DURATION", help_heading = "Options of the run", hide_short_help = true)]
    start_delay: Option<String>,
    /// Queue of the run's activities
    #[arg(long, value_name = "QUEUE", help_heading = "Options of the run", hide_short_help = true)]
    task_queue: Option<String>,
    /// Attempts of the whole run, the first included; 0 is without limit
    #[arg(long, value_name = "N", help_heading = "Options of the run", hide_short_help = true)]
    retry_maximum_attempts: Option<u32>,
    /// Wait before the second attempt
    #[arg(long, value_name = "DURATION", help_heading = "Options of the run", hide_short_help = true)]
    retry_initial_interval: Option<String>,
    /// What the wait is multiplied with after each attempt
    #[arg(long, value_name = "FACTOR", help_heading = "Options of the run", hide_short_help = true)]
    retry_backoff_coefficient: Option<f64>,
    /// Longest wait between two attempts
    #[arg(long, value_name = "DURATION", help_heading = "Options of the run", hide_short_help = true)]
    retry_maximum_interval: Option<String>,
    /// Types of failures that no further attempt follows
    #[arg(
        long,
        value_name = "TYPE",
        value_delimiter = ',',
        help_heading = "Options of the run",
        hide_short_help = true
    )]
    retry_non_retryable_error_types: Vec<String>,
    /// Urgency among the tasks of a queue: 1 is the most urgent, 5 the least
    #[arg(long, value_name = "1-5", help_heading = "Options of the run", hide_short_help = true)]
    priority: Option<u32>,
    /// Tasks of equal keys share a queue with those of others
    #[arg(long, value_name = "KEY", help_heading = "Options of the run", hide_short_help = true)]
    fairness_key: Option<String>,
    /// How large that share is
    #[arg(long, value_name = "WEIGHT", help_heading = "Options of the run", hide_short_help = true)]
    fairness_weight: Option<f64>,
    /// A fact for people; may be given several times
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Options of the run", hide_short_help = true)]
    memo: Vec<String>,
    /// A fact for searching; may be given several times
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Options of the run", hide_short_help = true)]
    search_attribute: Vec<String>,
    /// A line for people
    #[arg(long, value_name = "TEXT", help_heading = "Options of the run", hide_short_help = true)]
    summary: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Reuse {
    AllowDuplicate,
    AllowDuplicateFailedOnly,
    RejectDuplicate,
    TerminateIfRunning,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Conflict {
    Fail,
    UseExisting,
    TerminateExisting,
}

impl OptionArgs {
    /// The fields of `run.start` that were given.
    pub(super) fn fields(&self) -> Result<Map<String, Json>, Error> {
        let text = |given: &Option<String>| given.as_deref().map(Json::from);
        let given = [
            ("id_reuse_policy", self.id_reuse_policy.map(word)),
            ("id_conflict_policy", self.id_conflict_policy.map(word)),
            ("execution_timeout", text(&self.execution_timeout)),
            ("run_timeout", text(&self.run_timeout)),
            ("task_timeout", text(&self.task_timeout)),
            ("start_delay", text(&self.start_delay)),
            ("task_queue", text(&self.task_queue)),
            ("retry_policy", self.retry_policy()),
            ("priority", self.priority()),
            ("memo", facts(&self.memo, "--memo")?),
            ("search_attributes", facts(&self.search_attribute, "--search-attribute")?),
            ("summary", text(&self.summary)),
        ];
        Ok(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }

    fn retry_policy(&self) -> Option<Json> {
        let types = &self.retry_non_retryable_error_types;
        object([
            ("maximum_attempts", self.retry_maximum_attempts.map(Json::from)),
            ("initial_interval", self.retry_initial_interval.as_deref().map(Json::from)),
            ("backoff_coefficient", self.retry_backoff_coefficient.map(Json::from)),
            ("maximum_interval", self.retry_maximum_interval.as_deref().map(Json::from)),
            ("non_retryable_error_types", Some(json!(types)).filter(|_| !types.is_empty())),
        ])
    }

    fn priority(&self) -> Option<Json> {
        object([
            ("priority_key", self.priority.map(Json::from)),
            ("fairness_key", self.fairness_key.as_deref().map(Json::from)),
            ("fairness_weight", self.fairness_weight.map(Json::from)),
        ])
    }
}

fn word(value: impl ValueEnum) -> Json {
    value.to_possible_value().map(|it| it.get_name().to_owned()).into()
}

/// An object of what was given; nothing when nothing was.
fn object<const N: usize>(fields: [(&str, Option<Json>); N]) -> Option<Json> {
    let given: Map<_, _> =
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Some(Json::Object(given)).filter(|given| *given != json!({}))
}

/// Facts by name. A value that is JSON is taken as that, any other is a text.
fn facts(pairs: &[String], flag: &str) -> Result<Option<Json>, Error> {
    let mut found = Map::new();
    for pair in pairs {
        let (name, value) = pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Error::new(&code::INPUT_INVALID, format!("{pair:?} is not NAME=VALUE"))
                .help(format!("for example {flag} Customer=Ada"))
        })?;
        found.insert(name.to_owned(), guess(value)?);
    }
    Ok(Some(found).filter(|found| !found.is_empty()).map(Json::Object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: OptionArgs,
    }

    fn fields(args: &[&str]) -> Json {
        let line = Line::parse_from([&["it"], args].concat());
        Json::Object(line.options.fields().unwrap())
    }

    #[test]
    fn only_what_is_given_is_said() {
        assert_eq!(fields(&[]), json!({}));
        let given = fields(&[
            "--id-reuse-policy=reject_duplicate",
            "--run-timeout=5m",
            "--retry-maximum-attempts=3",
            "--retry-non-retryable-error-types=Fatal,Worse",
            "--priority=1",
            "--memo=note=fresh",
            "--memo=count=3",
        ]);
        let expected = json!({
            "id_reuse_policy": "reject_duplicate",
            "run_timeout": "5m",
            "retry_policy": { "maximum_attempts": 3, "non_retryable_error_types": ["Fatal", "Worse"] },
            "priority": { "priority_key": 1 },
            "memo": { "note": "fresh", "count": 3 },
        });
        assert_eq!(given, expected);
    }
}
