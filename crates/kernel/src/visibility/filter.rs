//! A typed filter, and its evaluation on a row.
//!
//! A run that lacks an attribute fits no test of it but `IS NULL`; `NOT (..)` turns any answer around. So every condition
//! is true or false, never unknown, in memory and in SQL alike.

use std::cmp::Ordering;

use crate::Json;
use crate::port::runs::{RunRow, RunStatus};
use crate::visibility::schema::{Attribute, SystemAttribute as S};
use crate::visibility::value::{AttributeType, AttributeValue, words};
use serde_json::json;

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// The signs of all comparisons.
    pub const SIGNS: [(&'static str, Comparison); 7] = [
        ("=", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<>", Comparison::NotEqual),
        ("<", Comparison::Less),
        ("<=", Comparison::LessOrEqual),
        (">", Comparison::Greater),
        (">=", Comparison::GreaterOrEqual),
    ];

    /// The sign, which is SQL's as well.
    pub fn sign(self) -> &'static str {
        Comparison::SIGNS.iter().find(|(_, comparison)| *comparison == self).map_or("=", |(sign, _)| sign)
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// A value in the form in which it is compared and stored: times and durations are microseconds, flags 0 and 1, statuses
/// their names on the wire.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A text; texts compare by their bytes.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number that is never "not a number".
    Double(f64),
}

impl Scalar {
    /// The order of two values of one type. Values of different types never meet.
    pub fn order(&self, other: &Scalar) -> Ordering {
        match (self, other) {
            (Scalar::Text(left), Scalar::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
            (Scalar::Int(left), Scalar::Int(right)) => left.cmp(right),
            (Scalar::Double(left), Scalar::Double(right)) => {
                left.partial_cmp(right).unwrap_or(Ordering::Equal)
            }
            _ => Ordering::Equal,
        }
    }

    /// The scalars of a custom value: one for each element of a list and each word of a text.
    pub fn of_value(value: &AttributeValue) -> Vec<Scalar> {
        match value {
            AttributeValue::Keyword(text) => vec![Scalar::Text(text.clone())],
            AttributeValue::Int(number) => vec![Scalar::Int(*number)],
            AttributeValue::Double(number) => vec![Scalar::Double(*number)],
            AttributeValue::Bool(flag) => vec![Scalar::Int(i64::from(*flag))],
            AttributeValue::Datetime(at) => vec![Scalar::Int(at.micros())],
            AttributeValue::Text(text) => words(text).into_iter().map(Scalar::Text).collect(),
            AttributeValue::KeywordList(texts) => texts.iter().cloned().map(Scalar::Text).collect(),
        }
    }

    /// The value for people and programs, as an attribute shows it.
    pub fn shown(&self, attribute: &Attribute) -> Json {
        match (self, attribute) {
            (Scalar::Text(wire), Attribute::System(S::ExecutionStatus)) => {
                RunStatus::from_wire(wire).map_or_else(|| json!(wire), |status| json!(status_name(status)))
            }
            (Scalar::Int(flag), _) if attribute.kind() == AttributeType::Bool => json!(*flag != 0),
            (Scalar::Text(text), _) => json!(text),
            (Scalar::Int(number), _) => json!(number),
            (Scalar::Double(number), _) => json!(number),
        }
    }
}

/// The name of a status in filters.
pub fn status_name(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "Running",
        RunStatus::Paused => "Paused",
        RunStatus::Completed => "Completed",
        RunStatus::Failed => "Failed",
        RunStatus::Canceled => "Canceled",
        RunStatus::Terminated => "Terminated",
        RunStatus::ContinuedAsNew => "ContinuedAsNew",
        RunStatus::TimedOut => "TimedOut",
    }
}

/// What is asked of an attribute. `negated` turns the answer around for runs that have the attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Compares the one value.
    Compare(Comparison, Scalar),
    /// One of the values (of a list, or words of a text) is among these.
    OneOf {
        /// These.
        values: Vec<Scalar>,
        /// Whether none may be.
        negated: bool,
    },
    /// The one value lies between two, which belong to it.
    Between {
        /// The lower one.
        low: Scalar,
        /// The higher one.
        high: Scalar,
        /// Whether it must lie outside.
        negated: bool,
    },
    /// The one value begins with a text.
    StartsWith {
        /// The text.
        prefix: String,
        /// Whether it must not.
        negated: bool,
    },
    /// The run lacks the attribute, or has it when negated.
    IsNull {
        /// Whether it must have it.
        negated: bool,
    },
}

/// A condition on runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them hold.
    All(Vec<Filter>),
    /// One of them holds.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A test of one attribute.
    Test(Attribute, Test),
}

impl Filter {
    /// An attribute of the system has this value.
    pub fn is(attribute: S, value: impl Into<String>) -> Filter {
        let values = Scalar::Text(value.into());
        Filter::Test(Attribute::System(attribute), Test::Compare(Comparison::Equal, values))
    }

    /// The runs of a status.
    pub fn status(status: RunStatus) -> Filter {
        Filter::is(S::ExecutionStatus, status.as_str())
    }

    /// Both hold; either may be absent.
    pub fn both(left: Option<Filter>, right: Option<Filter>) -> Option<Filter> {
        match (left, right) {
            (Some(Filter::All(mut parts)), Some(right)) => {
                parts.push(right);
                Some(Filter::All(parts))
            }
            (Some(left), Some(right)) => Some(Filter::All(vec![left, right])),
            (left, right) => left.or(right),
        }
    }

    /// Whether a run fits.
    pub fn fits(&self, row: &RunRow) -> bool {
        match self {
            Filter::All(parts) => parts.iter().all(|part| part.fits(row)),
            Filter::Any(parts) => parts.iter().any(|part| part.fits(row)),
            Filter::Not(inner) => !inner.fits(row),
            Filter::Test(attribute, test) => test.holds(scalars(row, attribute).as_deref()),
        }
    }
}

impl Test {
    /// Whether it holds for an attribute's scalars; `None` when the run lacks the attribute.
    fn holds(&self, present: Option<&[Scalar]>) -> bool {
        let Some(scalars) = present else { return *self == Test::IsNull { negated: false } };
        let one = scalars.first();
        match self {
            Test::IsNull { negated } => *negated,
            Test::Compare(comparison, value) => one.is_some_and(|one| comparison.holds(one.order(value))),
            Test::OneOf { values, negated } => {
                let is_among = |scalar: &Scalar| values.iter().any(|value| scalar.order(value).is_eq());
                scalars.iter().any(is_among) != *negated
            }
            Test::Between { low, high, negated } => one.is_some_and(|one| {
                let is_inside = one.order(low).is_ge() && one.order(high).is_le();
                is_inside != *negated
            }),
            Test::StartsWith { prefix, negated } => match one {
                Some(Scalar::Text(text)) => text.starts_with(prefix.as_str()) != *negated,
                _ => false,
            },
        }
    }
}

/// What an attribute of a run is compared by; `None` when the run lacks it.
pub fn scalars(row: &RunRow, attribute: &Attribute) -> Option<Vec<Scalar>> {
    let system = match attribute {
        Attribute::System(system) => *system,
        Attribute::Custom { .. } => return attribute.custom_value(row).map(Scalar::of_value),
    };
    system_scalar(row, system).map(|scalar| vec![scalar])
}

fn system_scalar(row: &RunRow, system: S) -> Option<Scalar> {
    let text = |text: &str| Some(Scalar::Text(text.to_owned()));
    let number = |number: Option<u64>| number.map(|it| Scalar::Int(i64::try_from(it).unwrap_or(i64::MAX)));
    match system {
        S::WorkflowId => text(row.key.workflow_id.as_str()),
        S::RunId => text(row.run_id.as_str()),
        S::WorkflowType => text(&row.workflow),
        S::Namespace => text(row.key.namespace.as_str()),
        S::StartTime => Some(Scalar::Int(row.started_at.micros())),
        S::ExecutionTime => Some(Scalar::Int(row.execution_at.micros())),
        S::CloseTime => row.closed_at.map(|at| Scalar::Int(at.micros())),
        S::ExecutionStatus => text(row.status.as_str()),
        S::TaskQueue => text(&row.task_queue),
        S::HistoryLength => number(row.history.as_ref().map(|history| history.events)),
        S::HistorySizeBytes => number(row.history.as_ref().map(|history| history.bytes)),
        S::StateTransitionCount => number(row.history.as_ref().map(|history| history.transitions)),
        S::ExecutionDuration => {
            row.closed_at.map(|at| Scalar::Int(at.micros().saturating_sub(row.execution_at.micros())))
        }
        S::ParentWorkflowId => row.parent.as_ref().and_then(|parent| text(parent.workflow_id.as_str())),
        S::ParentRunId => row.parent.as_ref().and_then(|parent| text(parent.run_id.as_str())),
        S::RootWorkflowId => match &row.root {
            Some(root) => text(root.workflow_id.as_str()),
            None => text(row.key.workflow_id.as_str()),
        },
        S::TemporalWorkerDeploymentVersion => row.definition.as_ref().and_then(|hash| text(hash.short())),
        S::RootRunId => text(row.root.as_ref().map_or(row.run_id.as_str(), |root| root.run_id.as_str())),
    }
}
