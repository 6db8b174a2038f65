//! REST: routes, answers, waits, correlation ids.

use nexus_kernel::Json;
use serde_json::json;

use crate::world::{RUN, World, check};

#[tokio::test]
async fn execute_answers_in_the_shape_of_older_clients() {
    let world = World::new().await;
    let expected = json!({
        "outputs": { "seen": { "amount": 7 } },
        "execution_time": 0.0,
        "workflow_id": "made-up",
        "version": "9.9.9",
        "run_id": RUN,
    });
    for body in [
        json!({ "inputs": { "amount": 7 } }),
        json!({ "parameters": { "amount": 7 } }),
        json!({ "amount": 7 }),
    ] {
        let reply = world.post("/workflows/Total/execute", &body).await;
        assert_eq!((reply.status, reply.json()), (200, expected.clone()), "{body}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn execute_in_the_background_answers_at_once() {
    let world = World::new().await;
    let reply = world.post("/workflows/Slow/execute", &json!({ "inputs": {}, "mode": "async" })).await;
    assert_eq!(reply.status, 202);
    assert_eq!(reply.header("location"), Some(format!("/v1/runs/{RUN}").as_str()));
    assert_eq!(reply.json()["execution_id"], RUN);
    assert_eq!(reply.json()["status"], "pending");
}

#[tokio::test]
async fn workflows_are_found_by_every_spelling_of_their_name() {
    let world = World::new().await;
    let body = json!({ "n": 1 });
    for path in [
        "/workflows/bank.Refund/execute",
        "/workflows/bank%2FRefund/execute",
        "/workflows/Refund/execute?namespace=bank",
        "/v1/workflows/bank.Refund/runs",
    ] {
        assert_eq!(world.post(path, &body).await.status, 200, "{path}");
    }
    let ambiguous = world.post("/workflows/Refund/execute", &body).await;
    assert_eq!((ambiguous.status, &ambiguous.json()["code"]), (409, &json!("NX-2008")));
    let twice = world.post("/workflows/bank%2FRefund/execute?namespace=shop", &body).await;
    assert_eq!(twice.status, 400);
}

#[tokio::test]
async fn a_started_run_has_a_location_and_a_waited_for_one_its_output() {
    let world = World::new().await;
    let open = world.post("/v1/workflows/Slow/runs", &json!({})).await;
    assert_eq!(open.status, 202);
    assert_eq!(open.header("location"), Some(format!("/v1/runs/{RUN}").as_str()));
    let running = json!({
        "run_id": RUN, "workflow_id": "made-up", "namespace": "shop", "workflow": "Slow", "status": "running",
    });
    assert_eq!(open.json(), running);
    world.gate.notify_one();
    let closed = world.post("/v1/workflows/Slow/runs?wait=2m&workflow_id=order-1", &json!({})).await;
    assert_eq!(closed.status, 200);
    assert_eq!(closed.header("location"), Some(format!("/v1/runs/{RUN}").as_str()));
    assert_eq!((&closed.json()["output"], &closed.json()["status"]), (&json!("done"), &json!("completed")));
    assert_eq!(closed.json()["workflow_id"], "order-1");
}

#[tokio::test]
async fn a_failed_run_is_a_problem_with_its_causes() {
    let world = World::new().await;
    let headers = ["x-request-id: seen-7", "content-type: application/json"];
    for path in ["/workflows/Decline/execute", "/v1/workflows/Decline/runs?wait=1s"] {
        let reply = world.send("POST", path, &headers, b"{}").await;
        assert_eq!(reply.status, 422);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        insta::assert_json_snapshot!("failed_run", reply.json());
    }
}

#[tokio::test]
async fn paths_and_queries_become_inputs_of_verbs() {
    let world = World::new().await;
    for (path, seen) in [
        ("/v1/runs", json!({})),
        ("/v1/runs?limit=5&status=running", json!({ "limit": 5, "status": "running" })),
        ("/v1/runs/order-1", json!({ "workflow_id": "order-1" })),
        ("/v1/runs/order-1?wait=30s", json!({ "workflow_id": "order-1", "wait_ms": 30_000 })),
        ("/v1/runs/order-1/history", json!({ "workflow_id": "order-1" })),
        (&format!("/v1/runs/{RUN}/history"), json!({ "run_id": RUN })),
        ("/v1/workflows", json!({})),
        ("/v1/workflows/shop.Total", json!({ "name": "Total", "namespace": "shop" })),
        ("/v1/workflows/Refund?namespace=bank", json!({ "name": "Refund", "namespace": "bank" })),
    ] {
        let reply = world.get(path).await;
        assert_eq!((reply.status, reply.json()), (200, seen), "{path}");
    }
    let cancel = world.post("/v1/runs/order-1/cancel", &json!({})).await;
    assert_eq!((cancel.status, cancel.json()), (200, json!({ "workflow_id": "order-1" })));
}

#[tokio::test]
async fn the_context_of_a_call_comes_from_headers_and_query() {
    let world = World::new().await;
    let headers = ["x-request-id: abc", "idempotency-key: once", "x-workflow-id: w 1", "x-nexus-cli: 1"];
    let reply = world.send("POST", "/v1/operations/test.context?wait=1500ms", &headers, b"").await;
    let expected = json!({
        "wait": 1500, "channel": "cli", "caller": "local", "request_id": "abc",
        "workflow_id": "w 1", "idempotency_key": "once", "session": null, "session_namespace": null,
    });
    assert_eq!(reply.json(), json!({ "output": expected }));
    let bare = world.post("/v1/operations/test.context", &json!({})).await.json();
    assert_eq!((&bare["output"]["wait"], &bare["output"]["channel"]), (&json!("accepted"), &json!("rest")));
}

#[tokio::test]
async fn every_answer_has_a_correlation_id() {
    let world = World::new().await;
    for path in ["/health", "/nowhere", "/v1/runs?bad=1", "/v1/runs/x", "/mcp", "/errors/NX-2001"] {
        let sent = world.send("GET", path, &["x-request-id: trace-1"], b"").await;
        assert_eq!(sent.header("x-request-id"), Some("trace-1"), "{path}");
        let made = world.send("GET", path, &["x-request-id: not sane!"], b"").await;
        assert!(made.header("x-request-id").unwrap().starts_with("req_"), "{path}");
    }
    let problem = world.get("/nowhere").await;
    assert_eq!(problem.json()["request_id"], problem.header("x-request-id").unwrap());
}

#[tokio::test]
async fn a_panic_in_a_handler_ends_one_call_and_tells_nothing() {
    let world = World::new().await;
    let reply = world.post("/v1/operations/test.panic", &json!({})).await;
    assert_eq!((reply.status, &reply.json()["code"]), (500, &json!("NX-9001")));
    assert!(!reply.text().contains("secret"), "{}", reply.text());
    assert_eq!(world.get("/health").await.status, 200);
}

#[tokio::test]
async fn health_asks_its_checks() {
    let world = World::with(|options| options.check(check("store", Ok(())))).await;
    let healthy = world.get("/health").await;
    let store = json!({ "store": { "status": "healthy" } });
    let expected = json!({ "status": "healthy", "name": "nexus", "version": "9.9.9", "checks": store });
    assert_eq!((healthy.status, healthy.json()), (200, expected));
    let full = check("disk", Err("full".into()));
    let world = World::with(|options| options.check(check("store", Ok(()))).check(full)).await;
    let unhealthy = world.get("/health").await;
    assert_eq!((unhealthy.status, &unhealthy.json()["status"]), (503, &json!("unhealthy")));
    assert_eq!(unhealthy.json()["checks"]["disk"], json!({ "status": "unhealthy", "reason": "full" }));
}

#[tokio::test]
async fn error_codes_have_pages() {
    let page = |id: &str| (id == "NX-2001").then(|| "# The input does not fit\n".to_owned());
    let world = World::with(|options| options.pages(page)).await;
    assert_eq!(world.get("/errors/nx-2001").await.text(), "# The input does not fit\n");
    assert!(world.get("/errors/NX-2002").await.text().starts_with("# NX-2002"));
    assert_eq!(world.get("/errors/NX-0000").await.status, 404);
}

#[tokio::test]
async fn head_requests_are_answered_without_a_body() {
    let world = World::new().await;
    let reply = world.send("HEAD", "/health", &[], b"").await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
}

#[tokio::test]
async fn workflows_are_listed_under_names_that_can_be_called() {
    let world = World::new().await;
    let Json::Object(listed) = world.get("/workflows").await.json() else { panic!("a map") };
    let names: Vec<_> = listed.keys().map(String::as_str).collect();
    assert_eq!(names, ["Count", "Decline", "Slow", "Total", "bank.Refund", "shop.Refund"]);
    for info in listed.values() {
        for endpoint in info["endpoints"].as_array().unwrap() {
            let reply = world.send("OPTIONS", endpoint.as_str().unwrap(), &[], b"").await;
            let allowed = reply.header("allow").unwrap_or_default();
            assert!(
                reply.status == 405 && (allowed == "POST" || allowed == "GET,HEAD"),
                "{endpoint}: {reply:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_message_is_its_body() {
    let world = World::new().await;
    let sent = world.post("/v1/runs/order-1/signals/Add?request_id=r", &json!(7)).await.json();
    assert_eq!(sent, json!({ "workflow_id": "order-1", "name": "Add", "request_id": "r", "input": 7 }));
    let asked = world.get("/v1/runs/order-1/queries/Items").await.json();
    assert_eq!(asked, json!({ "workflow_id": "order-1", "name": "Items", "input": {} }));
    let update = "/v1/runs/order-1/updates/Take?update_id=u&stage=accepted&wait=2s";
    let expected = json!({ "workflow_id": "order-1", "name": "Take", "update_id": "u", "wait": "accepted",
        "wait_ms": 2_000, "input": { "a": 1 } });
    assert_eq!(world.post(update, &json!({ "a": 1 })).await.json(), expected);
    assert_eq!(world.post("/v1/runs/order-1/signals/Add?requestid=r", &json!(7)).await.status, 400);
    assert_eq!(world.get("/v1/runs/order-1/signals/Add").await.status, 405);
}
