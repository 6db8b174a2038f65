//! Whatever the schema: an input, spelled as flags and read back by clap, is the same input.

use std::collections::BTreeSet;

use clap::{Arg, Command};
use nexus_kernel::Json;
use proptest::prelude::*;
use serde_json::{Map, json};

use super::{Flag, arg, of_schema, spell};

/// A schema and a value that fits it.
type Pair = (Json, Json);

/// Texts that mean something else to a shell, to clap, or to JSON.
fn text() -> impl Strategy<Value = String> {
    let odd = [
        "", "-", "--", "@", "@file", "@@", "null", "true", "7", "1.50", "[]", "[1]", "{}", "a=b", "\"x\"",
        "--x", "-1", " ",
    ];
    prop_oneof![prop::sample::select(odd.to_vec()).prop_map(ToOwned::to_owned), "[ -~äß€\n]{0,8}"]
}

fn number() -> impl Strategy<Value = Json> {
    let numbers = json!([0, -1, 7, 0.5, -2.25, 1e100, 1e-9, u64::MAX, i64::MIN]);
    prop::sample::select(numbers.as_array().unwrap().clone())
}

fn any_json() -> BoxedStrategy<Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        number(),
        text().prop_map(Json::String),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
            prop::collection::btree_map(text(), inner, 0..3).prop_map(|map| map.into_iter().collect()),
        ]
    })
    .boxed()
}

fn plain() -> BoxedStrategy<Pair> {
    prop_oneof![
        text().prop_map(|it| (json!({ "type": "string" }), json!(it))),
        any::<i64>().prop_map(|it| (json!({ "type": "integer" }), json!(it))),
        number().prop_map(|it| (json!({ "type": "number" }), it)),
        any::<bool>().prop_map(|it| (json!({ "type": "boolean" }), json!(it))),
        prop::sample::select(vec![json!("red"), json!(3), json!(true), json!("-")])
            .prop_map(|it| (json!({ "enum": ["red", 3, true, "-"] }), it)),
        prop_oneof![number(), text().prop_map(Json::String), Just(Json::Null)]
            .prop_map(|it| (json!({ "type": ["string", "number", "null"] }), it)),
        any_json().prop_map(|it| (json!({}), it)),
    ]
    .boxed()
}

/// A value of each shape that is made of others. Items of one list have one schema.
fn nested() -> BoxedStrategy<Pair> {
    plain()
        .prop_recursive(3, 24, 4, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..4).prop_map(|pairs| {
                let schema = pairs.first().map_or(json!({}), |(schema, _)| schema.clone());
                let items = pairs.into_iter().filter(|(other, _)| *other == schema).map(|(_, value)| value);
                (json!({ "type": "array", "items": schema }), items.collect())
            });
            let map = prop::collection::vec((text(), inner.clone()), 0..3).prop_map(|pairs| {
                let schema = pairs.first().map_or(json!({}), |(_, (schema, _))| schema.clone());
                let fields = pairs.into_iter().filter(|(_, (other, _))| *other == schema);
                let fields: Map<String, Json> = fields.map(|(name, (_, value))| (name, value)).collect();
                (json!({ "type": "object", "additionalProperties": schema }), Json::Object(fields))
            });
            let nullable = (inner.clone(), any::<bool>()).prop_map(|((schema, value), is_null)| {
                let value = if is_null { Json::Null } else { value };
                (json!({ "anyOf": [schema, { "type": "null" }] }), value)
            });
            prop_oneof![inner.clone(), list, map, nullable, object(inner)]
        })
        .boxed()
}

fn name() -> impl Strategy<Value = String> {
    let names = [
        "id", "order_id", "orderId", "no_id", "wait", "json", "input", "a b", "§", "x.y", "é", "a-b", "-",
        "help",
    ];
    prop::sample::select(names.to_vec()).prop_map(ToOwned::to_owned)
}

/// Some fields are given, others left out.
fn object(fields: impl Strategy<Value = Pair>) -> impl Strategy<Value = Pair> {
    prop::collection::btree_map(name(), (fields, any::<bool>()), 0..6).prop_map(|fields| {
        let properties: Map<_, _> =
            fields.iter().map(|(name, ((schema, _), _))| (name.clone(), schema.clone())).collect();
        let given = fields.into_iter().filter(|(_, (_, given))| *given);
        let value: Map<String, Json> = given.map(|(name, ((_, value), _))| (name, value)).collect();
        (json!({ "type": "object", "properties": properties }), Json::Object(value))
    })
}

/// The words, read as a command line reads them.
fn read(flags: &[Flag], words: &[String]) -> Json {
    let command = Command::new("run")
        .no_binary_name(true)
        .arg(Arg::new("json").long("json"))
        .arg(Arg::new("wait").long("wait"));
    let matches = arg::add(command, flags, "Inputs").try_get_matches_from(words).unwrap();
    let base = matches.get_one::<String>("json").map(|text| serde_json::from_str(text).unwrap());
    let mut fetch = |text: &str, _: &Flag| {
        assert!(
            text != "-" && (!text.starts_with('@') || text.starts_with("@@")),
            "{text:?} would be read from elsewhere"
        );
        Ok(text.strip_prefix('@').unwrap_or(text).to_owned())
    };
    let input = arg::given(flags, &matches).over(base.unwrap_or_default(), &mut fetch);
    Json::Object(input.unwrap_or_else(|error: nexus_kernel::error::Error| panic!("{words:?}: {error}")))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn an_input_becomes_flags_and_the_same_input_again((schema, value) in object(nested())) {
        let taken: BTreeSet<String> = ["json", "wait", "help", "input"].map(ToOwned::to_owned).into();
        let flags = of_schema(&schema, &taken);
        let words = spell::words(&flags, value.as_object().unwrap());
        prop_assert_eq!(read(&flags, &words), value, "{:?} of {}", words, schema);
    }

    /// Whatever a server says its schema is, nothing panics, and clap accepts the flags.
    #[test]
    fn any_json_is_a_schema(schema in any_json(), inner in any_json()) {
        let taken = BTreeSet::new();
        let schema = json!({ "type": "object", "properties": { "a": schema, "b": { "anyOf": inner } }, "required": 7 });
        let flags = of_schema(&schema, &taken);
        arg::add(Command::new("run"), &flags, "Inputs").debug_assert();
    }
}
