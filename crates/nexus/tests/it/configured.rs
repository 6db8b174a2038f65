//! Endpoints and services of `nexus.toml`, through the real binary.

use serde_json::{Value as Json, json};

use crate::support::Project;

const CONFIG: &str = "\
[endpoints.cards-door]
namespace = \"payments\"
task_queue = \"cards\"
allowed_caller_namespaces = [\"default\"]

[services.Cards]
description = \"Money of customers.\"

[services.Cards.operations.Charge]
function = \"charge\"
description = \"Takes money.\"
timeout = \"10s\"

[services.Cards.operations.Insist]
function = \"insist\"
";

const FUNCTIONS: &str = "\
export async function charge(payment, ctx) {
  return { charged: payment.cents, by: ctx.namespace };
}
export async function insist(input, ctx) {
  if (ctx.attempt < 3) throw new ApplicationFailure(\"not yet\", { nextRetryDelayMs: 1 });
  return [input, ctx.attempt];
}
";

const BUY: &str = "\
workflow Buy(cents: int) -> (any):
    signal Go():
        done = 1
    nexus cards-door Cards.Charge({cents: cents}) -> receipt
        options:
            schedule_to_close_timeout: 1m
    nexus cards-door Cards.Insist([cents]) -> insisted
        options:
            schedule_to_close_timeout: 1m
    return {receipt, insisted}
";

fn project() -> Project {
    Project::with(&[("nexus.toml", CONFIG), ("workflows/buy.twf", BUY), ("activities/cards.js", FUNCTIONS)])
}

fn call(project: &Project, verb: &str, input: &Json) -> Json {
    project.nexus(&["call", verb, "--json", &input.to_string(), "--format", "json"]).ok().json()
}

#[test]
fn functions_are_operations_that_are_tried_again() {
    let project = project();
    assert_eq!(project.nexus(&["check"]).ok().stderr(), "");
    let result = project.nexus(&["run", "Buy", "--input", "cents=5"]).ok().json();
    let receipt = json!({ "charged": 5, "by": "payments" });
    assert_eq!(result, json!({ "receipt": receipt, "insisted": [[5], 3] }));
}

#[test]
fn operations_are_called_from_outside_with_any_input() {
    let project = project();
    let server = project.serve();
    let shown = call(&project, "service.show", &json!({ "name": "Cards" }));
    assert_eq!((&shown["doc"], &shown["endpoints"]), (&json!("Money of customers."), &json!(["cards-door"])));
    let listed = call(&project, "endpoint.list", &json!({}));
    assert_eq!(listed["endpoints"][0]["source"], "configuration", "{listed}");
    for input in
        [json!({ "cents": 1 }), json!({}), json!([]), json!([1]), json!([[1]]), json!("a"), Json::Null]
    {
        let start =
            json!({ "endpoint": "cards-door", "service": "Cards", "operation": "Insist", "input": input });
        let answer = call(&project, "operation.start", &start);
        assert_eq!(answer, json!([input, 3]));
    }
    server.stop();
}

/// A run keeps the services and endpoints it was written with, even when the configuration has them no more.
#[test]
fn runs_go_on_with_what_they_began_with() {
    let waits = BUY.replace("    return", "    await signal Go\n    return");
    let project = Project::with(&[
        ("nexus.toml", CONFIG),
        ("workflows/buy.twf", &waits),
        ("activities/cards.js", FUNCTIONS),
    ]);
    let server = project.serve();
    project.nexus(&["run", "Buy", "--input", "cents=5", "--id", "one", "--async"]).ok();
    let filter = ["run", "list", "--filter", "WorkflowId = 'one'", "--format", "json"];
    let run = project.nexus(&filter).ok().json()["runs"][0]["run_id"].as_str().unwrap().to_owned();
    let filter = "WorkflowType = 'Cards.Insist' AND ExecutionStatus = 'Completed'";
    let insisted = ["run", "list", "--namespace", "payments", "--filter", filter, "--format", "json"];
    while project.nexus(&insisted).ok().json()["runs"] == json!([]) {}
    server.kill();
    project.write("nexus.toml", "");
    project.write("workflows/buy.twf", "workflow Other() -> (int):\n    return 1\n");
    let server = project.serve();
    project.nexus(&["run", "signal", "one", "Go"]).ok();
    let ended = project.nexus(&["run", "show", &run, "--wait", "30", "--format", "json"]).ok().json();
    assert_eq!(ended["result"]["insisted"], json!([[5], 3]), "{ended}");
    server.stop();
}

#[test]
fn what_the_files_do_not_allow_is_told_with_the_line_of_the_configuration() {
    let service = "nexus service Cards:\n    sync Count() -> (int):\n        return 1\n";
    let two = "activity charge(a: int, b: int) -> (int):\n    ...\n";
    let door = "namespace payments:\n    nexus endpoint cards-door\n        options:\n            task_queue: \"cards\"\n            \
                allowed_caller_namespaces: [\"default\"]\n";
    let missing = CONFIG.replace("function = \"charge\"", "function = \"chagre\"");
    for (config, text, told, line) in [
        (missing.as_str(), "", "nobody implements chagre", "nexus.toml:10:1"),
        (CONFIG, service, "a service of this name is defined at workflows/more.twf:1", "nexus.toml:6:11"),
        (CONFIG, two, "activity charge takes 2 parameters", "nexus.toml:10:1"),
        (CONFIG, door, "is declared at workflows/more.twf:2:5", "nexus.toml:1:12"),
    ] {
        let project = project();
        project.write("nexus.toml", config);
        project.write("workflows/more.twf", text);
        let ran = project.nexus(&["check"]);
        ran.refused(2, told, text);
        assert!(ran.stderr().contains(line), "{line}: {}", ran.stderr());
        assert!(!ran.stderr().contains("services.twf"), "{}", ran.stderr());
        // Functions are not read by those who only look at the configuration.
        if !text.is_empty() {
            let ran = project.nexus(&["config", "check"]);
            ran.refused(2, told, text);
            assert!(ran.stderr().contains(line), "{line}: {}", ran.stderr());
        }
    }
}

#[test]
fn endpoints_of_others_may_be_named_and_registered_ones_be_made_later() {
    let text = "\
workflow Pay(p: any) -> (any):
    nexus tax Cards.Insist(p) -> receipt
        options:
            schedule_to_close_timeout: 1m
    return receipt

workflow Bill(p: any) -> (any):
    nexus billing Bills.Make(p) -> bill
        options:
            schedule_to_close_timeout: 1m
    return bill
";
    let project = project();
    project.write("workflows/more.twf", text);
    project.nexus(&["check"]).refused(2, "[endpoints.NAME]", "endpoints that nobody knows");
    let more =
        "[endpoints.tax]\nregistered = true\n[endpoints.billing]\nurl = \"https://billing.example/nexus\"\n";
    project.write("nexus.toml", &format!("{CONFIG}{more}"));
    assert_eq!(project.nexus(&["check"]).ok().stderr(), "");
    assert!(project.nexus(&["graph"]).ok().stdout().contains("Pay"));
    let parsed = project.nexus(&["check", "--format", "twf-json"]).ok().stdout();
    assert!(!parsed.contains("UNDEFINED"), "{parsed}");
    let server = project.serve();
    let shown = call(&project, "endpoint.show", &json!({ "endpoint": "billing" }));
    assert_eq!(shown["url"], "https://billing.example/nexus", "{shown}");
    let run = ["run", "Pay", "--json", "{\"p\": 7}"];
    project.nexus(&run).refused(1, "there is no endpoint tax", "nobody has made it");
    let made = json!({ "name": "tax", "namespace": "payments", "task_queue": "cards" });
    call(&project, "endpoint.create", &made);
    assert_eq!(project.nexus(&run).ok().json(), json!([7, 3]));
    server.stop();
}

#[test]
fn open_endpoints_are_doubtful() {
    let project = project();
    let open = CONFIG.replace("[\"default\"]", "[\"*\"]");
    project.write("nexus.toml", &open);
    let ran = project.nexus(&["config", "check"]).ok();
    assert!(
        ran.stderr().contains("NEXUS_OPEN_ACCESS") && ran.stderr().contains("nexus.toml:4:1"),
        "{}",
        ran.stderr()
    );
}

/// The anti-patterns of the page on Nexus, each made whole: what it warns of is found in the bad one and not in the good one.
#[test]
fn anti_patterns_are_found() {
    let operation = "workflow Operation(data: any) -> (any):\n    return data\n";
    let local = |body: &str| format!("{operation}workflow A(data: any):\n{body}");
    let service = |options: &str, guard: &str| {
        format!(
            "{operation}nexus service Open:\n    sync Sensitive(data: any) -> (any):\n{guard}        return workflow Operation(data)\n\
             worker W:\n    workflow Operation\n    nexus service Open\n\
             namespace vault:\n    worker W\n        options:\n            task_queue: \"vault\"\n    \
             nexus endpoint door\n        options:\n            task_queue: \"vault\"\n{options}"
        )
    };
    let guard =
        "        if (caller.namespace != \"shop\"):\n            raise Unauthorized(\"only the shop may\")\n";
    let list = "            allowed_caller_namespaces: [\"shop\"]\n";
    let everybody = "            allowed_caller_namespaces: [\"*\"]\n";
    let race = "    await one:\n        nexus \"target\" workflow Operation(data) -> result:\n            pass\n        \
                timer(5m):\n            close fail(\"timeout\")\n";
    for (bad, good, code) in [
        (
            local("    nexus \"local\" workflow Operation(data)\n"),
            local("    workflow Operation(data)\n"),
            "NEXUS_LOCAL_NAMESPACE",
        ),
        (service("", ""), service(list, guard), "NEXUS_OPEN_ACCESS"),
        (service(everybody, ""), service(list, ""), "NEXUS_OPEN_ACCESS"),
        (local("    nexus \"target\" workflow Operation(data)\n"), local(race), "NEXUS_NO_DEADLINE"),
    ] {
        let found = |text: &str| {
            let project = Project::with(&[("workflows/a.twf", text)]);
            let ran = project.nexus(&["check", "--lenient", "--format", "json"]).ok().json();
            let codes = ran["diagnostics"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["code"].as_str().unwrap().to_owned());
            codes.filter(|code| code.starts_with("NEXUS_")).collect::<Vec<_>>()
        };
        assert!(found(&bad).contains(&code.to_owned()), "{code}: {:?}", found(&bad));
        assert_eq!(found(&good), Vec::<String>::new(), "{code}: {good}");
    }
}
