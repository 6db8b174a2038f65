//! From typed filters and orders to SQL. Values are bound, never spliced; names in the text are only those of this file.

use nexus_kernel::visibility::filter::Filter;
use nexus_kernel::visibility::order::{Direction, Order, SortKey};
use nexus_kernel::visibility::{
    Attribute, AttributeType, Comparison, Cursor, Scalar, SystemAttribute as S, Test,
};
use rusqlite::types::Value;

/// A statement under construction: numbered parameters may be used anywhere.
#[derive(Debug, Default)]
pub(crate) struct Sql {
    /// The values of `?1`, `?2` and so on.
    pub(crate) values: Vec<Value>,
}

/// What SQLite compares.
pub(crate) fn value(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Text(text) => Value::Text(text.clone()),
        Scalar::Int(number) => Value::Integer(*number),
        Scalar::Double(number) => Value::Real(*number),
    }
}

/// The expression of a system attribute.
fn column(system: S) -> &'static str {
    match system {
        S::WorkflowId => "runs.workflow_id",
        S::RunId => "runs.run_id",
        S::WorkflowType => "runs.workflow",
        S::Namespace => "runs.namespace",
        S::StartTime => "runs.started_at",
        S::ExecutionTime => "runs.execution_at",
        S::CloseTime => "runs.closed_at",
        S::ExecutionStatus => "runs.status",
        S::TaskQueue => "runs.task_queue",
        S::HistoryLength => "runs.events",
        S::HistorySizeBytes => "runs.bytes",
        S::ExecutionDuration => "(runs.closed_at - runs.execution_at)",
        S::StateTransitionCount => "runs.transitions",
        S::ParentWorkflowId => "runs.parent_workflow_id",
        S::ParentRunId => "runs.parent_run_id",
        S::RootWorkflowId => "coalesce(runs.root_workflow_id, runs.workflow_id)",
        S::RootRunId => "coalesce(runs.root_run_id, runs.run_id)",
        S::TemporalWorkerDeploymentVersion => "substr(runs.definition, 1, 12)",
    }
}

impl Sql {
    /// Binds a value and gives the parameter that stands for it.
    pub(crate) fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }

    /// A condition that is 0 or 1, never null.
    pub(crate) fn condition(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::All(parts) => self.joined(parts, " AND ", "1"),
            Filter::Any(parts) => self.joined(parts, " OR ", "0"),
            Filter::Not(inner) => format!("NOT ({})", self.condition(inner)),
            Filter::Test(Attribute::System(system), test) => self.on_column(*system, test),
            Filter::Test(attribute, test) => self.on_custom(attribute, test),
        }
    }

    fn joined(&mut self, parts: &[Filter], word: &str, nothing: &str) -> String {
        if parts.is_empty() {
            return nothing.to_owned();
        }
        let parts: Vec<_> = parts.iter().map(|part| self.condition(part)).collect();
        format!("({})", parts.join(word))
    }

    fn on_column(&mut self, system: S, test: &Test) -> String {
        let expression = column(system);
        match test {
            Test::IsNull { negated: false } => format!("{expression} IS NULL"),
            Test::IsNull { negated: true } => format!("{expression} IS NOT NULL"),
            _ => {
                // The sort column follows an index where the time of closing itself does not.
                let compared = if system == S::CloseTime { "runs.closed_order" } else { expression };
                let condition = self.comparison(compared, test);
                if !system.is_optional() {
                    return condition;
                }
                format!("({expression} IS NOT NULL AND {condition})")
            }
        }
    }

    /// A test of one value that is not null.
    fn comparison(&mut self, expression: &str, test: &Test) -> String {
        match test {
            Test::Compare(comparison, scalar) => {
                let parameter = self.bind(value(scalar));
                format!("{expression} {} {parameter}", comparison.sign())
            }
            Test::OneOf { values, negated } => {
                let word = if *negated { "NOT IN" } else { "IN" };
                let values: Vec<_> = values.iter().map(|scalar| self.bind(value(scalar))).collect();
                format!("{expression} {word} ({})", values.join(", "))
            }
            Test::Between { low, high, negated } => {
                let word = if *negated { "NOT BETWEEN" } else { "BETWEEN" };
                let (low, high) = (self.bind(value(low)), self.bind(value(high)));
                format!("({expression} {word} {low} AND {high})")
            }
            Test::StartsWith { prefix, negated } => {
                let inside = self.prefix(expression, prefix);
                if *negated { format!("NOT {inside}") } else { inside }
            }
            Test::IsNull { negated } => i32::from(*negated).to_string(),
        }
    }

    /// Texts with a prefix are neighbours in the order of bytes, up to the prefix's own successor.
    fn prefix(&mut self, expression: &str, prefix: &str) -> String {
        let from = self.bind(Value::Text(prefix.to_owned()));
        match successor(prefix) {
            None => format!("({expression} >= {from})"),
            Some(end) => {
                let end = self.bind(Value::Text(end));
                format!("({expression} >= {from} AND {expression} < {end})")
            }
        }
    }

    /// A condition on an attribute, asked of one run at a time.
    fn on_custom(&mut self, attribute: &Attribute, test: &Test) -> String {
        match test {
            Test::IsNull { negated } => {
                let present = self.is_present(attribute);
                if *negated { present } else { format!("NOT {present}") }
            }
            // None of several values: there is a value, and it is not one that is.
            Test::OneOf { values, negated: true } => {
                let positive = Test::OneOf { values: values.clone(), negated: false };
                let condition = self.comparison("a.value", &positive);
                let (present, found) = (self.is_present(attribute), self.exists(attribute, &condition));
                format!("({present} AND NOT {found})")
            }
            _ => {
                let condition = self.comparison("a.value", test);
                self.exists(attribute, &condition)
            }
        }
    }

    fn exists(&mut self, attribute: &Attribute, condition: &str) -> String {
        let (name, kind) = self.custom(attribute);
        format!(
            "EXISTS (SELECT 1 FROM attributes AS a
              WHERE a.run_id = runs.run_id AND a.name = {name} AND a.kind = {kind} AND {condition})"
        )
    }

    fn custom(&mut self, attribute: &Attribute) -> (String, String) {
        let name = self.bind(Value::Text(attribute.name().to_owned()));
        let kind = self.bind(Value::Text(attribute.kind().as_str().to_owned()));
        (name, kind)
    }

    /// A text without words has no rows of its own and still is there: the run's row knows.
    fn is_present(&mut self, attribute: &Attribute) -> String {
        if attribute.kind() != AttributeType::Text {
            return self.exists(attribute, "1");
        }
        let (name, kind) = self.custom(attribute);
        format!(
            "(runs.attributes IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(runs.attributes) AS j
              WHERE j.key = {name} AND j.value ->> 'type' = {kind}))"
        )
    }

    /// The runs that a test of an attribute finds through the index of values, where it can.
    pub(crate) fn driver(&mut self, namespace: &str, attribute: &Attribute, test: &Test) -> Option<String> {
        let is_positive = match test {
            Test::Compare(comparison, _) => *comparison != Comparison::NotEqual,
            Test::OneOf { negated, .. }
            | Test::Between { negated, .. }
            | Test::StartsWith { negated, .. } => !negated,
            Test::IsNull { .. } => false,
        };
        if !is_positive || matches!(attribute, Attribute::System(_)) {
            return None;
        }
        let namespace = self.bind(Value::Text(namespace.to_owned()));
        let (name, kind) = self.custom(attribute);
        let condition = self.comparison("d.value", test);
        Some(format!(
            "FROM attributes AS d WHERE d.namespace = {namespace} AND d.name = {name} AND d.kind = {kind} AND {condition}"
        ))
    }

    /// The expression that a list is sorted by or a count grouped by.
    pub(crate) fn expression(&mut self, attribute: &Attribute) -> String {
        match attribute {
            Attribute::System(system) => column(*system).to_owned(),
            Attribute::Custom { .. } => {
                let (name, kind) = self.custom(attribute);
                format!(
                    "(SELECT o.value FROM attributes AS o WHERE o.run_id = runs.run_id AND o.name = {name} AND o.kind = {kind})"
                )
            }
        }
    }

    /// The order's expressions with their directions, the run's id last. A plus sign hides a column from the planner when
    /// something else finds the rows.
    pub(crate) fn order(&mut self, order: &Order, follows_index: bool) -> Vec<(String, Direction)> {
        let plus = if follows_index { "" } else { "+" };
        let mut columns: Vec<_> = order
            .0
            .iter()
            .map(|(key, direction)| match key {
                SortKey::OpenFirst => (format!("{plus}runs.closed_order"), *direction),
                SortKey::By(attribute) => (format!("{plus}{}", self.expression(attribute)), *direction),
            })
            .collect();
        columns.push(("runs.run_id".to_owned(), Direction::Descending));
        columns
    }

    /// What lies behind a cursor in that order.
    pub(crate) fn behind(&mut self, columns: &[(String, Direction)], cursor: &Cursor) -> String {
        let run_id = Scalar::Text(cursor.run_id.as_str().to_owned());
        let keys: Vec<_> = cursor.keys.iter().cloned().chain([Some(run_id)]).collect();
        let is_plain = |name: &str| ["runs.closed_order", "runs.started_at", "runs.run_id"].contains(&name);
        if columns.iter().all(|(name, direction)| is_plain(name) && *direction == Direction::Descending) {
            // A comparison of rows follows the index.
            let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let values: Vec<_> = keys.iter().flatten().map(|key| self.bind(value(key))).collect();
            return format!("({}) < ({})", names.join(", "), values.join(", "));
        }
        let mut alternatives = Vec::new();
        let mut equal = String::new();
        for ((expression, direction), key) in columns.iter().zip(&keys) {
            let parameter = self.bind(key.as_ref().map_or(Value::Null, value));
            let further = match (direction, key) {
                (Direction::Ascending, None) => format!("{expression} IS NOT NULL"),
                (Direction::Ascending, Some(_)) => format!("{expression} > {parameter}"),
                (Direction::Descending, None) => "0".to_owned(),
                (Direction::Descending, Some(_)) => {
                    format!("({expression} < {parameter} OR {expression} IS NULL)")
                }
            };
            alternatives.push(format!("({equal}{further})"));
            equal = format!("{equal}{expression} IS {parameter} AND ");
        }
        format!("({})", alternatives.join(" OR "))
    }
}

/// The least text that is greater than every text with this prefix; none when there is no such text.
fn successor(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_before_their_successor() {
        assert_eq!(successor("go").as_deref(), Some("gp"));
        assert_eq!(successor("g\u{10ffff}").as_deref(), Some("h"));
        assert_eq!(successor("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(successor("\u{10ffff}"), None);
        assert_eq!(successor(""), None);
    }

    #[test]
    fn nothing_of_a_value_is_in_the_text() {
        let mut sql = Sql::default();
        let evil = "x' OR 1=1 --".to_owned();
        let attribute = Attribute::Custom { name: evil.clone(), kind: AttributeType::Keyword };
        let filter = Filter::Any(vec![
            Filter::is(S::WorkflowId, evil.clone()),
            Filter::Test(attribute, Test::StartsWith { prefix: evil.clone(), negated: true }),
        ]);
        let text = sql.condition(&filter);
        assert!(!text.contains("1=1"), "{text}");
        assert!(sql.values.contains(&Value::Text(evil)));
    }
}
