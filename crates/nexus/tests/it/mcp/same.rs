//! The same input gives the same result through every revision and transport.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};

use super::agent::{Agent, OLD};
use super::project::project;
use crate::support::Project;

/// A value as people send them: nested, with odd texts and numbers.
fn any_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(|it| json!(it)),
        any::<i32>().prop_map(|it| json!(it)),
        "[ -~äß😀\\n\"\\\\]{0,12}".prop_map(|it| json!(it)),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::btree_map("[a-zA-Z_]{1,6}", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// A tool and its arguments, which need not fit.
fn any_call() -> impl Strategy<Value = (&'static str, Json)> {
    prop_oneof![
        (any::<i32>(), any::<i32>()).prop_map(|(a, b)| ("Add", json!({ "a": a, "b": b }))),
        any_value().prop_map(|value| ("Echo", json!({ "value": value }))),
        "[a-z ]{0,8}".prop_map(|why| ("Fail", json!({ "why": why }))),
        (prop_oneof![Just("Add"), Just("Fail")], any_value())
            .prop_map(|(name, value)| (name, json!({ "a": value }))),
    ]
}

/// A result, or the code and the failure at the root of an error.
fn of_tool(result: &Json) -> Result<Json, Json> {
    let content = &result["structuredContent"];
    if result["isError"] == true {
        return Err(json!([content["code"], root_of(&content["failure"])]));
    }
    Ok(content["result"].clone())
}

fn root_of(failure: &Json) -> Json {
    let mut root = failure;
    while root["cause"].is_object() {
        root = &root["cause"];
    }
    json!([root["type"], root["message"]])
}

/// The same call in a process of its own, without any protocol.
fn embedded(project: &Project, name: &str, input: &Json) -> Result<Json, Json> {
    let ran = project.nexus(&["run", name, "--format", "json", "--json", &input.to_string()]);
    if ran.code() == 0 {
        return Ok(ran.json());
    }
    let text = ran.stderr();
    let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{text}"));
    let error: Json = serde_json::from_str(line).unwrap();
    Err(json!([error["error"]["code"], root_of(&error["error"]["failure"])]))
}

#[test]
fn any_input_gives_the_same_through_every_revision_and_transport() {
    let (alone, other, third, served) = (project(), project(), project(), project());
    let server = served.serve();
    let bridge = ["--server", server.url.as_str()];
    let oldest = Agent::old(&alone, OLD[0], &json!({}));
    let newest = Agent::new(&other, &json!({}));
    let mut old_http = Agent::start(&served, &bridge);
    old_http.initialize(OLD[0], &json!({}));
    let mut new_http = Agent::start(&served, &bridge);
    new_http.speak_newest(&json!({}));
    let agents = RefCell::new([oldest, newest, old_http, new_http]);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let held = runner.run(&any_call(), |(name, input)| {
        let expected = embedded(&third, name, &input);
        for agent in agents.borrow_mut().iter_mut() {
            prop_assert_eq!(of_tool(&agent.call(name, &input)), expected.clone(), "{} {}", name, input);
        }
        Ok(())
    });
    held.unwrap();
}
