//! From a tree of words to a typed filter: names are looked up, values read, operators compared with types.

use crate::error::Error;
use crate::visibility::error::FilterError;
use crate::visibility::filter::{Comparison, Filter, Scalar, Test};
use crate::visibility::literal::scalar;
use crate::visibility::order::{Order, SortKey};
use crate::visibility::parse::{Literal, Name, Node, RawTest, parse};
use crate::visibility::query::{RunCount, RunQuery};
use crate::visibility::schema::{Attribute, Schema, SystemAttribute};
use crate::visibility::value::{AttributeType, words};

/// Most attributes to order by.
const ORDERS_MAX: usize = 8;

/// The list that a filter asks for: its condition and its order.
pub fn list_query(text: &str, schema: &Schema) -> Result<RunQuery, Error> {
    let read = || {
        let parsed = parse(text)?;
        if let Some(name) = parsed.group_by.first() {
            return Err(FilterError::new(name.span.clone(), "GROUP BY belongs to a count, not to a list"));
        }
        let filter = parsed.condition.map(|node| condition(node, schema)).transpose()?;
        if parsed.order_by.is_empty() {
            return Ok(RunQuery { filter, ..RunQuery::default() });
        }
        if let Some((name, _)) = parsed.order_by.get(ORDERS_MAX) {
            let message = format!("a list is ordered by {ORDERS_MAX} attributes at most");
            return Err(FilterError::new(name.span.clone(), message));
        }
        let order = parsed.order_by.iter().map(|(name, direction)| {
            let attribute = sortable(name, schema)?;
            Ok((SortKey::By(attribute), *direction))
        });
        let order = Order(order.collect::<Result<_, FilterError>>()?);
        Ok(RunQuery { filter, order, ..RunQuery::default() })
    };
    read().map_err(|error: FilterError| error.told(text))
}

/// The count that a filter asks for: its condition and its group.
pub fn count_query(text: &str, schema: &Schema) -> Result<RunCount, Error> {
    let read = || {
        let parsed = parse(text)?;
        if let Some((name, _)) = parsed.order_by.first() {
            return Err(FilterError::new(name.span.clone(), "ORDER BY belongs to a list, not to a count"));
        }
        if let Some(second) = parsed.group_by.get(1) {
            return Err(FilterError::new(second.span.clone(), "runs are grouped by one attribute at most"));
        }
        let filter = parsed.condition.map(|node| condition(node, schema)).transpose()?;
        let group = parsed.group_by.first().map(|name| groupable(name, schema)).transpose()?;
        Ok(RunCount { namespace: None, filter, group })
    };
    read().map_err(|error: FilterError| error.told(text))
}

fn attribute(name: &Name, schema: &Schema) -> Result<Attribute, FilterError> {
    schema.find(&name.text).ok_or_else(|| {
        let error = FilterError::new(name.span.clone(), format!("there is no attribute {:?}", name.text));
        match schema.nearest(&name.text) {
            Some(near) => error.help(format!("did you mean {near}?")),
            None => error.help(
                "`nexus run attributes` shows the attributes of a namespace; one that nobody has set yet is declared in nexus.toml",
            ),
        }
    })
}

fn sortable(name: &Name, schema: &Schema) -> Result<Attribute, FilterError> {
    let found = attribute(name, schema)?;
    if matches!(found.kind(), AttributeType::Text | AttributeType::KeywordList) {
        let message = format!("{} is of type {} and has no order", name.text, found.kind().as_str());
        return Err(FilterError::new(name.span.clone(), message));
    }
    Ok(found)
}

/// Only what has few values may be grouped by.
fn groupable(name: &Name, schema: &Schema) -> Result<Attribute, FilterError> {
    let found = attribute(name, schema)?;
    let fits = match &found {
        Attribute::System(system) => matches!(
            system,
            SystemAttribute::ExecutionStatus
                | SystemAttribute::WorkflowType
                | SystemAttribute::TaskQueue
                | SystemAttribute::Namespace
                | SystemAttribute::TemporalWorkerDeploymentVersion
        ),
        Attribute::Custom { kind, .. } => matches!(kind, AttributeType::Keyword | AttributeType::Bool),
    };
    if fits {
        return Ok(found);
    }
    let help = "group by ExecutionStatus, WorkflowType, TaskQueue, Namespace, TemporalWorkerDeploymentVersion, or an attribute of type Keyword or Bool";
    Err(FilterError::new(name.span.clone(), format!("runs cannot be grouped by {}", name.text)).help(help))
}

fn condition(node: Node, schema: &Schema) -> Result<Filter, FilterError> {
    let all = |nodes: Vec<Node>| {
        nodes.into_iter().map(|node| condition(node, schema)).collect::<Result<Vec<_>, _>>()
    };
    Ok(match node {
        Node::All(nodes) => Filter::All(all(nodes)?),
        Node::Any(nodes) => Filter::Any(all(nodes)?),
        Node::Not(inner) => Filter::Not(Box::new(condition(*inner, schema)?)),
        Node::Test(name, raw) => {
            let found = attribute(&name, schema)?;
            let test = test(&name, &found, raw)?;
            Filter::Test(found, test)
        }
    })
}

/// What a type can be asked.
fn allows(attribute: &Attribute, raw: &RawTest) -> bool {
    if *attribute == Attribute::System(SystemAttribute::ExecutionStatus) {
        return match raw {
            RawTest::Compare(comparison, _) => is_equality(*comparison),
            RawTest::In(..) | RawTest::IsNull(_) => true,
            RawTest::Between(..) | RawTest::StartsWith(..) => false,
        };
    }
    let has_few = matches!(attribute.kind(), AttributeType::Text | AttributeType::KeywordList);
    match (raw, attribute.kind()) {
        (RawTest::IsNull(_), _) => true,
        (RawTest::Compare(comparison, _), kind) => {
            is_equality(*comparison) || !(has_few || kind == AttributeType::Bool)
        }
        (RawTest::In(..), kind) => kind != AttributeType::Text,
        (RawTest::Between(..), _) => !has_few,
        (RawTest::StartsWith(..), kind) => kind == AttributeType::Keyword,
    }
}

fn is_equality(comparison: Comparison) -> bool {
    matches!(comparison, Comparison::Equal | Comparison::NotEqual)
}

fn operators(attribute: &Attribute) -> &'static str {
    if *attribute == Attribute::System(SystemAttribute::ExecutionStatus) {
        return "= != IN, NOT IN, IS NULL";
    }
    match attribute.kind() {
        AttributeType::Text => "= != IS NULL",
        AttributeType::KeywordList => "= != IN, NOT IN, IS NULL",
        AttributeType::Bool => "= != IN, BETWEEN, IS NULL",
        AttributeType::Keyword => "= != < <= > >= IN, BETWEEN, STARTS_WITH, IS NULL",
        AttributeType::Int | AttributeType::Double | AttributeType::Datetime => {
            "= != < <= > >= IN, BETWEEN, IS NULL"
        }
    }
}

fn test(name: &Name, found: &Attribute, raw: RawTest) -> Result<Test, FilterError> {
    if !allows(found, &raw) {
        let kind = found.kind().as_str();
        let message = format!("{} is of type {kind}, which has no such operator", name.text);
        return Err(FilterError::new(name.span.clone(), message).help(format!("it has {}", operators(found))));
    }
    let value = |literal: &Literal| scalar(found, literal);
    let is_multiple = matches!(found.kind(), AttributeType::Text | AttributeType::KeywordList);
    Ok(match raw {
        RawTest::IsNull(negated) => Test::IsNull { negated },
        RawTest::Compare(comparison, literal) if is_multiple => {
            let values = match (found.kind(), value(&literal)?) {
                (AttributeType::Text, Scalar::Text(text)) => {
                    words(&text).into_iter().map(Scalar::Text).collect()
                }
                (_, whole) => vec![whole],
            };
            Test::OneOf { values, negated: comparison == Comparison::NotEqual }
        }
        RawTest::Compare(comparison, literal) => Test::Compare(comparison, value(&literal)?),
        RawTest::In(negated, literals) => {
            let values = literals.iter().map(value).collect::<Result<_, _>>()?;
            Test::OneOf { values, negated }
        }
        RawTest::Between(negated, low, high) => {
            Test::Between { low: value(&low)?, high: value(&high)?, negated }
        }
        RawTest::StartsWith(negated, literal) => match value(&literal)? {
            Scalar::Text(prefix) => Test::StartsWith { prefix, negated },
            _ => return Err(FilterError::new(literal.span, "STARTS_WITH wants a text in quotes")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;
    use crate::testing::store_contract::row;
    use crate::time::Timestamp;
    use crate::visibility::value::AttributeValue;

    fn schema() -> Schema {
        let mut schema = Schema::new();
        for kind in AttributeType::ALL {
            schema.declare(format!("My{}", kind.as_str()), kind);
        }
        schema
    }

    fn fits(text: &str) -> bool {
        let mut run = row(5, "default", "ship");
        run.attributes.set("MyText", AttributeValue::Text("The quick brown fox".into()));
        run.attributes.set("MyKeyword", AttributeValue::Keyword("gold".into()));
        run.attributes.set("MyInt", AttributeValue::Int(42));
        run.attributes.set("MyDouble", AttributeValue::Double(2.5));
        run.attributes.set("MyBool", AttributeValue::Bool(true));
        run.attributes.set("MyDatetime", AttributeValue::Datetime(Timestamp::from_millis(1_000)));
        run.attributes.set("MyKeywordList", AttributeValue::KeywordList(vec!["a".into(), "b".into()]));
        list_query(text, &schema()).unwrap().filter.unwrap().fits(&run)
    }

    #[test]
    fn every_type_has_its_operators() {
        for text in [
            "MyText = 'fox hound'",
            "MyText != 'hound'",
            "MyKeyword = 'gold'",
            "MyKeyword != 'silver'",
            "MyKeyword < 'h' AND MyKeyword >= 'gold'",
            "MyKeyword IN ('silver', \"gold\")",
            "MyKeyword NOT IN ('silver')",
            "MyKeyword STARTS_WITH 'go' AND MyKeyword NOT STARTS_WITH 'si'",
            "MyKeyword BETWEEN 'a' AND 'h'",
            "MyInt > 41 AND MyInt <> 43 AND MyInt BETWEEN 42 AND 42 AND MyInt NOT BETWEEN 1 AND 2",
            "MyDouble = 2.5 AND MyDouble IN (1, 2.5) AND MyDouble < 1e3",
            "MyBool = true AND MyBool != false",
            "MyDatetime = '1970-01-01T00:00:01Z' AND MyDatetime < 1000000001000",
            "MyKeywordList = 'a' AND MyKeywordList != 'c' AND MyKeywordList IN ('x','b')",
            "MyKeywordList NOT IN ('x')",
            "CloseTime IS NULL AND MyInt IS NOT NULL",
            "ExecutionStatus = 'Running' AND ExecutionStatus NOT IN ('TIMED_OUT', 'failed')",
            "`WorkflowType` = 'ship' AND WorkflowId STARTS_WITH 'ship-'",
            "RootWorkflowId = 'ship-5' AND NOT (MyInt = 1)",
            "ParentRunId IS NULL AND NOT ParentRunId = 'x'",
        ] {
            assert!(fits(text), "{text}");
        }
        for text in [
            "MyText = 'hound'",
            "MyText = '--'",
            "MyKeyword = 'GOLD'",
            "MyKeywordList != 'a'",
            "MyKeywordList NOT IN ('a')",
            "CloseTime > '1970-01-01T00:00:00Z'",
            "CloseTime != '1970-01-01T00:00:00Z'",
            "ExecutionDuration > '1s'",
            "ParentRunId != 'x'",
        ] {
            assert!(!fits(text), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_a_type_is_refused_at_its_place() {
        let fault = |text: &str| {
            let error = list_query(text, &schema()).unwrap_err();
            assert_eq!(error.code(), &code::FILTER_INVALID);
            (error.faults()[0].at.clone(), error.message().to_owned(), error.help_text().unwrap().to_owned())
        };
        let (at, message, help) = fault("WorkflowTyp = 'x'");
        assert_eq!(at, "filter:1:1");
        assert!(message.contains("column 1: there is no attribute \"WorkflowTyp\""), "{message}");
        assert!(
            help.starts_with("did you mean WorkflowType?\n    WorkflowTyp = 'x'\n    ^^^^^^^^^^^"),
            "{help}"
        );
        assert!(fault("ExecutionStatus = 'Runing'").2.starts_with("did you mean 'Running'?"));
        for (text, column) in [
            ("MyInt = 1.5", 9),
            ("MyInt = 'x'", 9),
            ("MyBool = 'true'", 10),
            ("StartTime > 'yesterday'", 13),
            ("MyText > 'x'", 1),
            ("MyText IN ('x')", 1),
            ("MyKeywordList STARTS_WITH 'x'", 1),
            ("MyInt STARTS_WITH 'x'", 1),
            ("ExecutionStatus > 'Running'", 1),
            ("MyDouble = 1e999", 12),
            ("ExecutionDuration > 'long'", 21),
            ("MyInt = 1 ORDER BY MyText", 20),
            ("GROUP BY ExecutionStatus", 10),
        ] {
            assert_eq!(fault(text).0, format!("filter:1:{column}"), "{text}");
        }
    }

    #[test]
    fn counts_are_grouped_by_what_has_few_values() {
        let count = |text: &str| count_query(text, &schema());
        let status = Attribute::System(SystemAttribute::ExecutionStatus);
        assert_eq!(count("GROUP BY ExecutionStatus").unwrap().group, Some(status));
        assert!(count("MyInt = 1 GROUP BY MyKeyword").unwrap().filter.is_some());
        for bad in ["GROUP BY RunId", "GROUP BY MyInt", "GROUP BY ExecutionStatus, MyBool", "ORDER BY RunId"]
        {
            assert!(count(bad).is_err(), "{bad}");
        }
    }
}
