//! Nexus calls between two servers: the real program twice, each with its own project and store, over HTTP.

mod access;
mod kill;
mod wire;
mod world;

use serde_json::{Value as Json, json};

use crate::support::Project;
use crate::telemetry::collector::Collector;
use world::{BANK, Pair, SHOP, Side, shop_config};

#[test]
fn a_workflow_uses_services_of_another_server_in_every_way() {
    let pair = Pair::start();
    let bought = pair.shop_runs("Buy", &json!({ "amount": 7 }));
    assert_eq!(bought["quote"], json!({ "fee": 14 }), "{bought}");
    assert_eq!(bought["receipt"], "paid 7 for shop", "{bought}");
    assert_eq!(bought["refused"], json!(["NexusOperationError", "InvalidAmount"]), "{bought}");
    assert_eq!(bought["missing"], "NexusNotFoundError", "{bought}");
    assert_eq!(bought["late"], "NexusTimeoutError", "{bought}");
    // What was sent on its way is done, too, and nobody waits for anything.
    let noted = pair.bank.wait_for("Note", 1);
    assert_eq!(noted[0]["status"], "completed");
    assert_eq!(pair.shop.call("operation.list", &json!({}))["operations"], json!([]));
}

#[test]
fn cancelling_the_caller_cancels_what_it_waits_for() {
    let pair = Pair::start();
    let run = pair.shop.begin("Wait", &json!({}));
    let waiting = pair.shop.until("operation.list", &json!({}), |found| {
        found["operations"].as_array().is_some_and(|all| all.iter().any(|it| it["state"] == "started"))
    });
    let operation = &waiting["operations"][0];
    assert_eq!((&operation["endpoint"], &operation["attempt"]), (&json!("payments"), &json!(1)));
    assert!(operation["token"].is_string() && operation["links"][0]["url"].is_string(), "{operation}");
    pair.shop.call("run.cancel", &json!({ "run_id": run, "reason": "not wanted" }));
    let stopped = pair.bank.wait_for("Hold", 1);
    assert_eq!(stopped[0]["status"], "canceled", "{stopped:?}");
}

#[test]
fn an_operator_sees_ends_and_cancels_what_runs_wait_for() {
    let pair = Pair::start();
    let first = |pair: &Pair| {
        let found = pair.shop.until("operation.list", &json!({}), |found| {
            found["operations"].as_array().is_some_and(|all| all.iter().any(|it| it["state"] == "started"))
        });
        found["operations"][0]["operation_id"].as_str().unwrap().to_owned()
    };
    let run = pair.shop.begin("Wait", &json!({}));
    let id = first(&pair);
    let shown = pair.shop.project.nexus(&["operation", "show", &id]).ok().stdout();
    assert!(shown.contains("payments Payments.Hold") && shown.contains("started"), "{shown}");
    let listed = pair.shop.project.nexus(&["operation", "list"]).ok().stdout();
    assert!(listed.contains(&id), "{listed}");
    pair.shop.project.nexus(&["operation", "complete", &id, "--result", "\"by hand\""]).ok();
    assert_eq!(pair.shop.result(&run), json!("by hand"));
    pair.shop.project.nexus(&["operation", "complete", &id]).refused(4, "NX-2808", "a second end");

    let run = pair.shop.begin("Wait", &json!({}));
    let id = first(&pair);
    pair.shop.project.nexus(&["operation", "fail", &id, "--message", "no", "--type", "Stopped"]).ok();
    let failed = pair.shop.ended(&run);
    assert_eq!(failed["status"], "failed", "{failed}");
    let text = failed["failure"].to_string();
    assert!(text.contains("NexusOperationError") && text.contains("Stopped"), "{text}");

    let run = pair.shop.begin("Wait", &json!({}));
    pair.shop.project.nexus(&["operation", "cancel", &first(&pair)]).ok();
    let failed = pair.shop.ended(&run);
    assert!(failed["failure"].to_string().contains("NexusCancelledError"), "{failed}");
}

#[test]
fn one_trace_goes_across_both_servers() {
    let mut collector = Collector::start();
    let telemetry = format!("[telemetry]\notlp_endpoint = \"{}\"\n", collector.url);
    let config = format!("{telemetry}[http]\nallow_addresses = [\"127.0.0.1\"]\n");
    let bank = Side::serve(Project::with(&[("workflows/bank.twf", BANK), ("nexus.toml", &config)]));
    let config = telemetry + &shop_config(&bank.url());
    let shop = Side::serve(Project::with(&[("workflows/shop.twf", SHOP), ("nexus.toml", &config)]));
    let pair = Pair { bank, shop };
    pair.shop_runs("Ask", &json!({}));
    let (caller, call) = (collector.span("run Ask"), collector.span("operation.start"));
    let handler = collector.span("run Payments.Who");
    assert_eq!((&call["traceId"], &call["parentSpanId"]), (&caller["traceId"], &caller["spanId"]));
    assert_eq!((&handler["traceId"], &handler["parentSpanId"]), (&caller["traceId"], &call["spanId"]));
}

#[test]
fn both_histories_are_one_timeline() {
    let project = Project::with(&[("workflows/all.twf", world::BOTH)]);
    let server = Side::serve(project);
    let run = server.begin_in("shop", "Order", &json!({}));
    assert_eq!(server.result(&run), json!("paid"));
    let shown = server.project.nexus(&["run", "show", &run, "--follow-links"]).ok().stdout();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("A  ") && lines[0].contains("shop/"), "{shown}");
    assert!(lines[1].starts_with("B  ") && lines[1].contains("bank/"), "{shown}");
    let place = |words: &str| {
        lines.iter().position(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {shown}"))
    };
    let order = ["NexusOperationScheduled", "WorkflowExecutionCompleted", "NexusOperationCompleted"];
    assert!(lines[place(order[0])].starts_with('A') && lines[place(order[1])].starts_with('B'), "{shown}");
    assert!(order.windows(2).all(|pair| place(pair[0]) < place(pair[1])), "{shown}");
    let linked: Json =
        server.project.nexus(&["run", "show", &run, "--follow-links", "--format", "json"]).ok().json();
    assert_eq!(linked["histories"].as_array().map(Vec::len), Some(2));
}

#[test]
fn endpoints_are_made_changed_and_deleted_from_the_shell() {
    let project = Project::with(&[("workflows/all.twf", world::BOTH)]);
    let server = Side::serve(project);
    let nexus = |args: &[&str]| server.project.nexus(args);
    nexus(&[
        "endpoint",
        "create",
        "outside",
        "--url",
        "https://pay.example/nexus",
        "--description",
        "Cards.",
    ])
    .ok();
    nexus(&["endpoint", "create", "copy", "--namespace", "bank", "--task-queue", "pay", "--allow", "shop"])
        .ok();
    let listed = nexus(&["endpoint", "list"]).ok().stdout();
    insta::assert_snapshot!("endpoints", listed);
    nexus(&["endpoint", "create", "payments", "--url", "https://a"]).refused(2, "NX-2802", "taken by a file");
    nexus(&["endpoint", "create", "bad name", "--url", "ftp://a"]).refused(2, "NX-2803", "nonsense");
    nexus(&["endpoint", "update", "payments", "--description", "x"]).refused(2, "NX-2805", "a file's");
    nexus(&["endpoint", "update", "copy", "--rename", "cards", "--allow", "shop", "--allow", "kiosk"]).ok();
    nexus(&["endpoint", "update", "cards", "--at-version", "1", "--allow", "*"])
        .refused(2, "NX-2804", "changed");
    nexus(&["endpoint", "show", "copy"]).refused(4, "NX-2801", "renamed");
    let quoted = nexus(&[
        "operation",
        "start",
        "cards",
        "Payments.Quote",
        "--namespace",
        "kiosk",
        "--input",
        r#"{"amount": 3}"#,
    ]);
    assert_eq!(quoted.ok().stdout().trim(), "FIELD  VALUE\nfee    6");
    nexus(&["operation", "start", "cards", "Payments.Quote", "--namespace", "bar"]).refused(
        3,
        "NX-2807",
        "not allowed",
    );
    nexus(&["operation", "start", "cards", "Payments.Quotes", "--namespace", "shop"]).refused(
        4,
        "Payments.Quote",
        "near",
    );
    let services =
        nexus(&["service", "list"]).ok().stdout() + &nexus(&["service", "show", "Payments"]).ok().stdout();
    insta::assert_snapshot!("services", services);
    // What was made outlives the server.
    let server = server.again();
    let kept = server.project.nexus(&["endpoint", "show", "cards"]).ok().stdout();
    assert!(kept.contains("shop, kiosk") && kept.contains("version   2"), "{kept}");
    server.project.nexus(&["endpoint", "delete", "cards"]).ok();
    server.project.nexus(&["endpoint", "delete", "cards"]).refused(4, "NX-2801", "gone");
}
