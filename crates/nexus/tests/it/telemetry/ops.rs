//! What operators are given: every metric that it names is there, with the labels that it names.

use std::collections::BTreeSet;

use nexus_gateway::metrics::declared::{ALL, Kind};
use serde_json::Value as Json;

use crate::support::root;

fn file(path: &str) -> String {
    std::fs::read_to_string(root().join("ops").join(path)).unwrap()
}

/// Everything that a query can name.
fn samples() -> BTreeSet<String> {
    let of = |metric: &nexus_gateway::metrics::declared::Metric| match metric.kind {
        Kind::Histogram => ["bucket", "count", "sum"].map(|end| format!("{}_{end}", metric.name)).to_vec(),
        _ => vec![metric.sample()],
    };
    ALL.iter().flat_map(|metric| of(metric)).collect()
}

/// The names of metrics in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    words.filter(|word| word.starts_with("nexus_") || word.starts_with("process_")).collect()
}

fn check(path: &str, expressions: &str, least: usize) {
    let (samples, named) = (samples(), named(expressions));
    assert!(named.len() >= least, "{path} names {named:?}");
    for name in named {
        assert!(samples.contains(name), "{path} names {name}, which is not there");
    }
}

#[test]
fn the_alerts_name_metrics_that_are_there() {
    let alerts = file("prometheus/alerts.yaml");
    check("alerts.yaml", &alerts, 8);
    assert!(alerts.matches("- alert: ").count() == alerts.matches("expr: ").count());
}

#[test]
fn the_dashboard_names_metrics_that_are_there() {
    let board: Json = serde_json::from_str(&file("grafana/nexus.json")).unwrap();
    let mut expressions = String::new();
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            expressions.push_str(target["expr"].as_str().unwrap());
            expressions.push('\n');
        }
    }
    check("nexus.json", &expressions, 20);
    // What a panel groups by is a label of what it shows.
    let labels: BTreeSet<&str> = ALL.iter().flat_map(|metric| metric.labels).copied().chain(["le"]).collect();
    for part in expressions.split("by (").skip(1) {
        for label in part.split(')').next().unwrap().split(',').map(str::trim) {
            assert!(labels.contains(label), "{label}");
        }
    }
}
