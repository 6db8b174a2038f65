//! Options of calls: evaluated when the call is reached.

use std::sync::Arc;

use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value as Json};

use super::run::Task;
use super::wire::{ActivityOptions, ChildOptions, NexusOptions, Priority, RetryPolicy};
use crate::twf::boundary::export;
use crate::twf::builtin::time::to_duration;
use crate::twf::code::{OptionCode, OptionExpr};
use crate::twf::eval::display;
use crate::twf::fault::{BAD_VALUE, Fault, Trouble};
use crate::twf::value::{Ref, Value};

type Scope = Option<Ref>;

/// Evaluated entries of a nested option.
type Entries = Vec<(Arc<str>, Value)>;

const CLOSE_POLICIES: &[&str] = &["TERMINATE", "REQUEST_CANCEL", "ABANDON"];
const REUSE_POLICIES: &[&str] =
    &["ALLOW_DUPLICATE", "ALLOW_DUPLICATE_FAILED_ONLY", "REJECT_DUPLICATE", "TERMINATE_IF_RUNNING"];
const CONFLICT_POLICIES: &[&str] = &["FAIL", "USE_EXISTING", "TERMINATE_EXISTING"];

impl Task<'_, '_> {
    pub(super) fn activity_options(
        &mut self,
        scope: Scope,
        codes: &[OptionCode],
    ) -> Result<ActivityOptions, Fault> {
        let mut made = ActivityOptions::default();
        for code in codes {
            match &*code.key {
                "task_queue" => made.task_queue = self.text(scope, code)?,
                "schedule_to_close_timeout" => made.schedule_to_close_ms = self.span_ms(scope, code)?,
                "schedule_to_start_timeout" => made.schedule_to_start_ms = self.span_ms(scope, code)?,
                "start_to_close_timeout" => made.start_to_close_ms = self.span_ms(scope, code)?,
                "heartbeat_timeout" => made.heartbeat_ms = self.span_ms(scope, code)?,
                "retry_policy" => made.retry = self.retry(scope, code)?,
                "priority" => made.priority = self.priority(scope, code)?,
                "idempotency_key" => made.idempotency_key = self.text(scope, code)?,
                "summary" => made.summary = self.text(scope, code)?,
                "cancellation_type" => made.cancellation_type = self.text(scope, code)?,
                "local" => made.local = self.flag(scope, code)?,
                _ => {}
            }
        }
        Ok(made)
    }

    pub(super) fn child_options(
        &mut self,
        scope: Scope,
        codes: &[OptionCode],
    ) -> Result<ChildOptions, Fault> {
        let mut made =
            ChildOptions { parent_close_policy: "TERMINATE".to_string(), ..ChildOptions::default() };
        for code in codes {
            match &*code.key {
                "task_queue" => made.task_queue = self.text(scope, code)?,
                "workflow_execution_timeout" => made.execution_timeout_ms = self.span_ms(scope, code)?,
                "workflow_run_timeout" => made.run_timeout_ms = self.span_ms(scope, code)?,
                "workflow_task_timeout" => made.task_timeout_ms = self.span_ms(scope, code)?,
                "workflow_id" => made.workflow_id = self.text(scope, code)?.unwrap_or_default(),
                "parent_close_policy" => {
                    if let Some(word) = self.word(scope, code, CLOSE_POLICIES)? {
                        made.parent_close_policy = word;
                    }
                }
                "workflow_id_reuse_policy" => {
                    made.workflow_id_reuse_policy = self.word(scope, code, REUSE_POLICIES)?;
                }
                "workflow_id_conflict_policy" => {
                    made.workflow_id_conflict_policy = self.word(scope, code, CONFLICT_POLICIES)?;
                }
                "retry_policy" => made.retry = self.retry(scope, code)?,
                "priority" => made.priority = self.priority(scope, code)?,
                "memo" => made.memo = self.json(scope, code)?,
                "search_attributes" => made.search_attributes = self.json(scope, code)?,
                "summary" => made.summary = self.text(scope, code)?,
                "cancellation_type" => made.cancellation_type = self.text(scope, code)?,
                _ => {}
            }
        }
        Ok(made)
    }

    pub(super) fn nexus_options(
        &mut self,
        scope: Scope,
        codes: &[OptionCode],
    ) -> Result<NexusOptions, Fault> {
        let mut made = NexusOptions::default();
        for code in codes {
            match &*code.key {
                "schedule_to_close_timeout" => made.schedule_to_close_ms = self.span_ms(scope, code)?,
                "schedule_to_start_timeout" => made.schedule_to_start_ms = self.span_ms(scope, code)?,
                "start_to_close_timeout" => made.start_to_close_ms = self.span_ms(scope, code)?,
                "workflow_id" => made.workflow_id = self.text(scope, code)?,
                "retry_policy" => made.retry = self.retry(scope, code)?,
                "priority" => made.priority = self.priority(scope, code)?,
                "summary" => made.summary = self.text(scope, code)?,
                "cancellation_type" => made.cancellation_type = self.text(scope, code)?,
                _ => {}
            }
        }
        Ok(made)
    }

    fn retry(&mut self, scope: Scope, code: &OptionCode) -> Result<Option<RetryPolicy>, Fault> {
        let Some(entries) = self.block(scope, code)? else { return Ok(None) };
        let mut made = RetryPolicy::default();
        for (key, value) in entries {
            let problem = match &*key {
                "initial_interval" => duration_of(&value).map(|ms| made.initial_interval_ms = ms),
                "maximum_interval" => duration_of(&value).map(|ms| made.maximum_interval_ms = ms),
                "backoff_coefficient" => float_of(&value).map(|it| made.backoff_coefficient = it),
                "maximum_attempts" => count_of(&value).map(|it| made.maximum_attempts = it),
                "non_retryable_error_types" => {
                    let types = self.texts(&value);
                    types.map(|it| made.non_retryable_error_types = it)
                }
                _ => Ok(()),
            };
            problem.map_err(|trouble| named(trouble, &key).at(code.span))?;
        }
        Ok(Some(made))
    }

    fn priority(&mut self, scope: Scope, code: &OptionCode) -> Result<Option<Priority>, Fault> {
        let Some(entries) = self.block(scope, code)? else { return Ok(None) };
        let mut made = Priority::default();
        for (key, value) in entries {
            let problem = match &*key {
                "priority_key" => count_of(&value).map(|it| made.priority_key = it),
                "fairness_key" => display(&self.m.heap, &value).map(|it| made.fairness_key = Some(it)),
                "fairness_weight" => float_of(&value).map(|it| made.fairness_weight = it),
                _ => Ok(()),
            };
            problem.map_err(|trouble| named(trouble, &key).at(code.span))?;
        }
        Ok(Some(made))
    }

    /// The entries of a nested option, given as a block or as an object.
    fn block(&mut self, scope: Scope, code: &OptionCode) -> Result<Option<Entries>, Fault> {
        match &code.value {
            OptionExpr::Block(entries) => {
                let mut made = Vec::with_capacity(entries.len());
                for entry in entries {
                    if let OptionExpr::Value(value) = &entry.value {
                        made.push((entry.key.clone(), self.eval(scope, value)?));
                    }
                }
                Ok(Some(made))
            }
            OptionExpr::Value(value) => match self.eval(scope, value)? {
                Value::Null => Ok(None),
                Value::Object(at) => {
                    let fields =
                        self.m.heap.object(at).map(|object| object.fields.clone()).unwrap_or_default();
                    Ok(Some(fields.into_iter().collect()))
                }
                other => Err(wrong(code, "a block", &other)),
            },
        }
    }

    fn value(&mut self, scope: Scope, code: &OptionCode) -> Result<Value, Fault> {
        match &code.value {
            OptionExpr::Value(value) => self.eval(scope, value),
            OptionExpr::Block(_) => {
                Err(Trouble::mismatch(format!("`{}` takes one value", code.key)).at(code.span))
            }
        }
    }

    fn text(&mut self, scope: Scope, code: &OptionCode) -> Result<Option<String>, Fault> {
        match self.value(scope, code)? {
            Value::Null => Ok(None),
            value @ (Value::Str(_) | Value::Int(_)) => {
                display(&self.m.heap, &value).map(Some).map_err(|trouble| trouble.at(code.span))
            }
            other => Err(wrong(code, "text", &other)),
        }
    }

    fn span_ms(&mut self, scope: Scope, code: &OptionCode) -> Result<Option<i64>, Fault> {
        let value = self.value(scope, code)?;
        duration_of(&value).map_err(|trouble| named(trouble, &code.key).at(code.span))
    }

    fn flag(&mut self, scope: Scope, code: &OptionCode) -> Result<bool, Fault> {
        match self.value(scope, code)? {
            Value::Bool(value) => Ok(value),
            Value::Null => Ok(false),
            other => Err(wrong(code, "true or false", &other)),
        }
    }

    fn word(&mut self, scope: Scope, code: &OptionCode, known: &[&str]) -> Result<Option<String>, Fault> {
        let Some(word) = self.text(scope, code)? else { return Ok(None) };
        let upper = word.to_ascii_uppercase();
        if known.contains(&upper.as_str()) {
            return Ok(Some(upper));
        }
        let message = format!("`{}` is one of {}, not `{word}`", code.key, known.join(", "));
        Err(Trouble::new(BAD_VALUE, message).at(code.span))
    }

    fn json(&mut self, scope: Scope, code: &OptionCode) -> Result<Option<Json>, Fault> {
        let entries = self.block(scope, code)?;
        let Some(entries) = entries else { return Ok(None) };
        let mut made = Map::new();
        for (key, value) in entries {
            made.insert(key.to_string(), export(&self.m.heap, &value).map_err(|it| it.at(code.span))?);
        }
        Ok(Some(Json::Object(made)))
    }

    fn texts(&self, value: &Value) -> Result<Vec<String>, Trouble> {
        match value {
            Value::Null => Ok(Vec::new()),
            Value::List(at) => self.m.heap.list(*at).iter().map(|item| display(&self.m.heap, item)).collect(),
            other => display(&self.m.heap, other).map(|text| vec![text]),
        }
    }
}

fn duration_of(value: &Value) -> Result<Option<i64>, Trouble> {
    if value.is_null() {
        return Ok(None);
    }
    match to_duration(value)? {
        ms if ms < 0 => Err(Trouble::new(BAD_VALUE, "a duration here cannot be negative")),
        ms => Ok(Some(ms)),
    }
}

fn float_of(value: &Value) -> Result<Option<f64>, Trouble> {
    let number = value.number().and_then(|number| number.to_f64());
    number.map(Some).ok_or_else(|| Trouble::mismatch(format!("a number is needed, this is {}", value.kind())))
}

fn count_of(value: &Value) -> Result<Option<u32>, Trouble> {
    let count = value.number().filter(rust_decimal::Decimal::is_integer).and_then(|number| number.to_u32());
    count.map(Some).ok_or_else(|| Trouble::mismatch("a whole number of 0 or more is needed"))
}

fn named(trouble: Trouble, key: &str) -> Trouble {
    Trouble { message: format!("`{key}`: {}", trouble.message), ..trouble }
}

fn wrong(code: &OptionCode, wanted: &str, got: &Value) -> Fault {
    Trouble::mismatch(format!("`{}` takes {wanted}, not {}", code.key, got.kind())).at(code.span)
}
