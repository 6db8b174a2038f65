//! Channels differ in encoding only: the same input gives the same answer through each of them.

use nexus_gateway::{Target, problem};
use nexus_kernel::Json;
use nexus_kernel::call::Channel;
use proptest::prelude::*;
use serde_json::json;

use crate::mcp;
use crate::world::World;

/// What a call came to, whichever channel it took: an output, or the problem without its correlation.
type Outcome = Result<Json, Json>;

fn without_correlation(mut problem: Json) -> Json {
    if let Json::Object(members) = &mut problem {
        members.shift_remove("request_id");
    }
    problem
}

async fn directly(world: &World, input: &Json) -> Outcome {
    let pipeline = &world.pipeline;
    let context = pipeline.context(Channel::Embedded);
    let answer = pipeline.call(Target::Workflow("Total"), input.clone(), context).await;
    answer
        .map(|answer| answer.output)
        .map_err(|error| without_correlation(Json::Object(problem::details(&error, error.code().http, ""))))
}

async fn over_rest(world: &World, input: &Json) -> Outcome {
    let reply = world.post("/v1/workflows/Total/runs?wait=1s", input).await;
    if reply.status == 200 {
        Ok(reply.json()["output"].clone())
    } else {
        Err(without_correlation(reply.json()))
    }
}

async fn over_mcp(world: &World, input: &Json) -> Outcome {
    let result = mcp::call(world, "Total", input).await["result"].clone();
    let content = result["structuredContent"].clone();
    if result["isError"] == json!(true) { Err(without_correlation(content)) } else { Ok(content) }
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (1..=1000_i64).prop_map(Json::from),
        any::<f64>().prop_filter("JSON has no others", |f| f.is_finite()).prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
        prop_oneof![Just("open"), Just("closed"), Just("opne")].prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from), object(inner),]
    })
}

/// An object whose keys are often those of the schema, and sometimes nearly.
fn object(values: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    let known = prop::sample::select(vec!["amount", "note", "items", "status", "sku", "count", "amuont"]);
    let key = prop_oneof![8 => known.prop_map(str::to_owned), 1 => ".{0,6}"];
    prop::collection::hash_map(key, values, 0..5)
        .prop_map(|fields| Json::Object(fields.into_iter().collect()))
}

pub(crate) fn input() -> impl Strategy<Value = Json> {
    (object(value()), 1..=1000_i64, any::<bool>()).prop_map(|(mut input, amount, fix)| {
        if fix {
            input["amount"] = json!(amount);
        }
        input
    })
}

#[test]
fn random_inputs_come_to_the_same_everywhere() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let mut fitting = 0;
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let agree = |input: Json| {
        let outcomes = runtime.block_on(async {
            [directly(&world, &input).await, over_rest(&world, &input).await, over_mcp(&world, &input).await]
        });
        let [direct, rest, mcp] = outcomes;
        fitting += usize::from(direct.is_ok());
        prop_assert_eq!(&direct, &rest);
        prop_assert_eq!(&direct, &mcp);
        Ok(())
    };
    runner
        .run(&input(), {
            let agree = std::cell::RefCell::new(agree);
            move |i| (agree.borrow_mut())(i)
        })
        .unwrap();
}
