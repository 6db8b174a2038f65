//! The catalogue is the one truth: what is put into it appears on every channel without further edits.

use nexus_kernel::Json;
use nexus_kernel::call::Answer;
use nexus_kernel::operation::{Effect, Operation};
use serde_json::json;

use crate::mcp;
use crate::world::{World, operation};

fn fresh() -> Vec<Operation> {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    let echo = |input: Json, _| async { Ok(Answer::of(input)) };
    vec![
        operation("new.look", Effect::Read, schema.clone(), json!({ "type": "object" }), echo),
        operation("lab/Brand", Effect::Long, schema, json!({ "type": "object" }), echo),
    ]
}

#[tokio::test]
async fn a_new_operation_appears_everywhere() {
    let world = World::new().await;
    mcp::list_names(&world).await;
    world.catalogue.replace(fresh()).unwrap();
    assert_eq!(mcp::list_names(&world).await, ["new_look", "Brand"]);
    let listed = world.get("/v1/operations").await.json();
    insta::assert_json_snapshot!("operations", listed);
    assert!(world.get("/workflows").await.json()["Brand"].is_object());
    let called = world.post("/v1/operations/new.look", &json!({ "n": 1 })).await;
    assert_eq!(called.json(), json!({ "output": { "n": 1 } }));
    let executed = world.post("/workflows/Brand/execute", &json!({ "n": 2 })).await;
    assert_eq!(executed.json()["outputs"], json!({ "n": 2 }));
    let tool = mcp::call(&world, "new_look", &json!({ "n": 3 })).await;
    assert_eq!(tool["result"]["structuredContent"], json!({ "n": 3 }));
    assert_eq!(world.post("/workflows/Total/execute", &json!({})).await.status, 404, "what is gone is gone");
}

#[tokio::test]
async fn every_path_in_the_list_is_served() {
    let world = World::new().await;
    for path in nexus_gateway::PATHS {
        let path = path.replace("{name}", "Total").replace("{code}", "NX-2001").replace("{verb}", "history");
        let reply = world.get(&path.replace("{id}", "run_1")).await;
        // What is not there may be a session; what must be there is the path.
        assert!(reply.status != 404 || reply.json()["code"] == json!("NX-2401"), "{path}");
    }
}
