//! Paths that operations declare for themselves.

use std::collections::BTreeMap;

use nexus_kernel::call::{Answer, CallContext};
use nexus_kernel::contract::Contract;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::route::Route;
use serde_json::{Value as Json, json};

use crate::world::{World, operation};

fn routed(id: &str, routes: &[&str], input: Json) -> Operation {
    let echo = |input: Json, _: CallContext| async { Ok(Answer::of(input)) };
    let routes = routes.iter().map(|route| Route::parse(route).unwrap()).collect();
    let contract = Contract { routes, ..Contract::default() };
    Operation { contract, ..operation(id, Effect::Long, input, json!({}), echo) }
}

fn order() -> Json {
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "integer" }, "note": { "type": "string" }, "express": { "type": ["boolean", "null"] },
            "lines": { "$ref": "#/$defs/Lines" }, "tenant": { "type": "string" },
        },
        "required": ["id"],
        "additionalProperties": false,
        "$defs": { "Lines": { "type": "array", "items": { "type": "string" } } },
    })
}

async fn world() -> World {
    let world = World::new().await;
    let mut mapped = routed("shop/Find", &["GET /find/{id}"], order());
    mapped.contract.routes[0].query = BTreeMap::from([("q".into(), "note".into())]);
    mapped.contract.routes[0].headers = BTreeMap::from([("x-tenant".into(), "tenant".into())]);
    let operations = vec![
        routed("shop/Show", &["GET /orders/{id}"], order()),
        routed("shop/Place", &["POST /orders", "PUT /orders/{id}"], order()),
        routed("shop/New", &["GET /orders/new"], json!({ "type": "object" })),
        mapped,
    ];
    world.catalogue.replace(operations).unwrap();
    world
}

#[tokio::test]
async fn fields_come_from_path_query_header_and_body() {
    let world = world().await;
    let reply = world.get("/orders/7?express=true&lines=%5B%22a%22%5D&note=7").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json(), json!({ "id": 7, "express": true, "lines": ["a"], "note": "7" }));
    let reply = world.post("/orders", &json!({ "id": 8, "note": "x" })).await;
    assert_eq!(reply.json(), json!({ "id": 8, "note": "x" }));
    let reply = world.send("PUT", "/orders/9", &["content-type: application/json"], br#"{"note":"y"}"#).await;
    assert_eq!(reply.json(), json!({ "note": "y", "id": 9 }));
    let reply = world.send("GET", "/find/1?q=tea", &["x-tenant: acme"], b"").await;
    assert_eq!(reply.json(), json!({ "id": 1, "tenant": "acme", "note": "tea" }));
    assert_eq!(world.get("/orders/new").await.json(), json!({}), "the literal is more exact");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_place() {
    let world = world().await;
    let reply = world.get("/orders/seven").await;
    assert_eq!(reply.status, 422);
    assert_eq!(reply.json()["faults"][0]["at"], "/id");
    let reply = world.get("/orders/7?nots=1").await;
    assert_eq!(reply.json()["faults"][0]["message"], "there is no such field; did you mean \"note\"?");
    let body = ["content-type: application/json"];
    let reply = world.send("PUT", "/orders/9", &body, br#"{"id":8}"#).await;
    assert_eq!((reply.status, reply.json()["detail"].as_str().unwrap()), (400, "\"id\" is given twice"));
    let reply = world.send("DELETE", "/orders/9", &[], b"").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, PUT, HEAD")), "{reply:?}");
    assert_eq!(world.get("/orders/7/lines").await.status, 404);
    assert_eq!(world.get("/orders/%ff").await.status, 400);
}
