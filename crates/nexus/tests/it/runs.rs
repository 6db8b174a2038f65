//! What is done to runs that exist, through the real binary: shell, REST and MCP.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::support::{Project, Server, command, http};

const CART: &str = "\
workflow Cart(limit: int) -> (any):
    state:
        items = []
        condition done
    signal Add(item: string):
        append(items, item)
    signal Finish():
        set done
    query Items() -> (list[string]):
        return items
    update Take(item: string) -> (int):
        validator:
            if (len(items) >= limit):
                reject \"the cart is full\"
        append(items, item)
        return len(items)
    update Slow(wait: duration) -> (int):
        await timer(wait)
        return len(items)
    update Broken() -> (int):
        raise OutOfOrder(\"it is broken\")
    await done
    close complete(items)
";

fn project() -> Project {
    Project::with(&[("workflows/cart.twf", CART)])
}

/// A served project with an open cart of this workflow id.
fn served(project: &Project) -> (Server, String) {
    let server = project.serve();
    let ran = project.nexus(&["run", "Cart", "--input", "limit=3", "--id", "cart-1", "--async"]).ok();
    (server, ran.stdout().trim().to_owned())
}

#[test]
fn messages_from_the_shell() {
    let project = project();
    let (server, run) = served(&project);
    project.nexus(&["run", "signal", "cart-1", "Add", "--input", "\"tea\""]).ok();
    project.write("jam.json", "{ \"item\": \"jam\" }");
    project.nexus(&["run", "signal", &run, "Add", "--input", "@jam.json"]).ok();
    assert_eq!(project.nexus(&["run", "query", "cart-1", "Items"]).ok().json(), json!(["tea", "jam"]));
    let update = ["run", "update", "cart-1", "Take", "--input", "\"rye\"", "--update-id", "u-1"];
    assert_eq!(project.nexus(&update).ok().json(), json!(3));
    assert_eq!(project.nexus(&update).ok().json(), json!(3), "the same update again");
    let slow = project.nexus(&["run", "update", &run, "Slow", "--input", "\"1ms\""]).ok();
    assert_eq!(slow.json(), json!(3));
    project.nexus(&["run", "signal", "cart-1", "Finish"]).ok();
    assert_eq!(project.nexus(&["run", "query", &run, "Items"]).ok().json(), json!(["tea", "jam", "rye"]));
    drop(server);
    // Without a server a query is still answered, from what is stored; nothing can be sent.
    assert_eq!(project.nexus(&["run", "query", "cart-1", "Items"]).ok().json(), json!(["tea", "jam", "rye"]));
    let sent = project.nexus(&["run", "signal", "cart-1", "Finish"]);
    assert!((sent.code(), sent.stderr().contains("NX-4005")) == (5, true), "{}", sent.stderr());
}

#[test]
fn a_run_is_started_with_options_from_the_shell() {
    let quick = "workflow Quick(n: int) -> (int):\n    close complete(n * 2)\n";
    let project = Project::with(&[("workflows/cart.twf", CART), ("workflows/quick.twf", quick)]);
    let once = ["run", "Quick", "-i", "n=4", "--id", "order-1001", "--id-reuse-policy", "reject_duplicate"];
    // Without a server first, then with one.
    assert_eq!(project.nexus(&once).ok().json(), json!(8));
    let _server = project.serve();
    let again = project.nexus(&once);
    assert_eq!(again.code(), 2);
    let told = "the workflow id \"order-1001\" was used by a run that is completed";
    assert!(again.stderr().contains("NX-2036") && again.stderr().contains(told), "{}", again.stderr());

    let start = ["run", "Cart", "--input", "limit=3", "--id", "cart-1", "--async"];
    let options = [
        "--run-timeout=2h",
        "--retry-maximum-attempts=2",
        "--priority=2",
        "--fairness-key=ada",
        "--memo=note=fresh",
        "--search-attribute=Customer=Ada",
        "--summary=Ada's cart",
        "--request-id=r-1",
    ];
    let run = project.nexus(&[&start[..], &options[..]].concat()).ok().stdout().trim().to_owned();
    assert_eq!(project.nexus(&[&start[..], &options[..]].concat()).ok().stdout().trim(), run);
    let shown = project.nexus(&["run", "show", &run, "--format", "json"]).ok().json();
    assert_eq!(shown["retry_policy"]["maximum_attempts"], json!(2));
    assert_eq!(shown["priority"], json!({ "priority_key": 2, "fairness_key": "ada" }));
    assert_eq!((&shown["memo"]["note"], &shown["summary"]), (&json!("fresh"), &json!("Ada's cart")));
    assert_eq!(shown["search_attributes"]["Customer"], json!("Ada"));
    let used = [&start[..], &["--id-conflict-policy", "use_existing"]].concat();
    assert_eq!(project.nexus(&used).ok().stdout().trim(), run);
    let late = ["run", "Quick", "-i", "n=1", "--id", "late", "--async", "--start-delay", "1h"];
    let late = project.nexus(&late).ok().stdout().trim().to_owned();
    let shown = project.nexus(&["run", "show", &late, "--format", "json"]).ok().json();
    assert!(shown["first_task_at"].is_string(), "{shown:#}");
    let bad = project.nexus(&["run", "Quick", "-i", "n=1", "--run-timeout", "soon"]);
    assert!(bad.code() == 2 && bad.stderr().contains("is not a duration"), "{}", bad.stderr());
    let simulated = project.nexus(&["run", "Quick", "-i", "n=1", "--stub", "--run-timeout", "5m"]);
    assert!(simulated.stderr().contains("takes no options"), "{}", simulated.stderr());
}

#[test]
fn messages_start_what_they_are_for_from_the_shell() {
    let project = project();
    let _server = project.serve();
    let signal = ["run", "signal-with-start", "Cart", "Add", "--id", "cart-7", "-i", "limit=3"];
    let first =
        project.nexus(&[&signal[..], &["--message", "\"tea\""]].concat()).ok().stdout().trim().to_owned();
    let second = project.nexus(&[&signal[..], &["--message", "\"jam\""]].concat()).ok();
    assert_eq!(second.stdout().trim(), first);
    let update = ["run", "update-with-start", "Cart", "Take", "--id", "cart-7", "-i", "limit=3"];
    assert_eq!(project.nexus(&[&update[..], &["--message", "\"rye\""]].concat()).ok().json(), json!(3));
    let full = project.nexus(&[&update[..], &["--message", "\"one more\""]].concat());
    assert!(full.stderr().contains("the cart is full"), "{}", full.stderr());
    assert_eq!(project.nexus(&["run", "query", "cart-7", "Items"]).ok().json(), json!(["tea", "jam", "rye"]));
    let other = [
        "run",
        "update-with-start",
        "Cart",
        "Slow",
        "--id",
        "cart-8",
        "-i",
        "limit=3",
        "--run-timeout",
        "1h",
    ];
    assert_eq!(project.nexus(&[&other[..], &["--message", "\"1ms\""]].concat()).ok().json(), json!(0));
    let shown = project.nexus(&["run", "show", "cart-8", "--format", "json"]).ok().json();
    assert!(shown["run_deadline"].is_string(), "{shown:#}");
}

#[test]
fn a_run_is_exported_and_imported_from_the_shell() {
    let project = project();
    let (server, run) = served(&project);
    for item in ["\"tea\"", "\"jam\""] {
        project.nexus(&["run", "signal", "cart-1", "Add", "--input", item]).ok();
    }
    let file = project.path().join("cart.jsonl").display().to_string();
    project.nexus(&["run", "export", "cart-1", "-o", &file]).ok();
    let shown = project.nexus(&["run", "export", &run]).ok();
    assert!(shown.stdout().starts_with("{\"nexus_run\":1,"), "{}", shown.stdout());
    let replayed = project.nexus(&["run", "replay", &run, "--format", "json"]).ok().json();

    let there = Project::with(&[("workflows/other.twf", "workflow Other():\n    close complete\n")]);
    let refused = there.nexus(&["run", "import", &file]);
    assert_eq!(refused.code(), 2, "{}", refused.stderr());
    assert!(
        refused.stderr().contains("NX-2022") && refused.stderr().contains("--go-on"),
        "{}",
        refused.stderr()
    );
    // Into the data folder of a project that nobody serves.
    let brought = there.nexus(&["run", "import", &file, "--terminate"]).ok();
    assert_eq!(brought.stdout().trim(), run);
    let again = there.nexus(&["run", "import", &file, "--terminate"]);
    assert!(again.code() == 2 && again.stderr().contains("NX-2041"), "{}", again.stderr());
    assert_eq!(there.nexus(&["run", "query", "cart-1", "Items"]).ok().json(), json!(["tea", "jam"]));
    let copy = there.nexus(&["run", "replay", &run, "--format", "json"]).ok().json();
    let (events, copied) = (replayed["events"].as_array().unwrap(), copy["events"].as_array().unwrap());
    assert_eq!(events.as_slice(), &copied[..events.len()]);
    assert_eq!(replayed["variables"], copy["variables"]);
    assert_eq!(copied.len(), events.len() + 1, "and its end");
    drop(server);

    // To another server, to go on there.
    let third = Project::with(&[("workflows/other.twf", "workflow Other():\n    close complete\n")]);
    let _third = third.serve();
    third.nexus(&["run", "import", &file, "--go-on"]).ok();
    large_runs_are_moved(&third);
    third.nexus(&["run", "signal", "cart-1", "Finish"]).ok();
    let ended = third.nexus(&["run", "show", &run, "--wait", "10", "--format", "json"]).ok().json();
    assert_eq!(ended["result"], json!(["tea", "jam"]), "{ended:#}");
    let text = std::fs::read_to_string(&file).unwrap();
    third.write("cut.jsonl", &text[..text.len() / 2]);
    let cut = third.nexus(&["run", "import", "cut.jsonl"]);
    assert!(cut.stderr().contains("the file ends before its checksum"), "{}", cut.stderr());
}

/// More than a request may have otherwise.
fn large_runs_are_moved(to: &Project) {
    let project = project();
    let (_server, run) = served(&project);
    project.write("large.json", &format!("{{ \"item\": \"{}\" }}", "x".repeat(1_500_000)));
    for _ in 0..3 {
        project.nexus(&["run", "signal", "cart-1", "Add", "--input", "@large.json"]).ok();
    }
    project.nexus(&["run", "terminate", "cart-1"]).ok();
    let file = to.path().join("large.jsonl").display().to_string();
    project.nexus(&["run", "export", &run, "-o", &file]).ok();
    assert!(std::fs::metadata(&file).unwrap().len() > 4_000_000);
    let refused = to.nexus(&["run", "import", &file]);
    assert!(refused.stderr().contains("NX-2005"), "a run of this id is open: {}", refused.stderr());
    let other = Project::with(&[("workflows/other.twf", "workflow Other():\n    close complete\n")]);
    let _server = other.serve();
    assert_eq!(other.nexus(&["run", "import", &file]).ok().stdout().trim(), run);
}

#[test]
fn a_run_is_reset_from_the_shell() {
    let project = project();
    let (_server, run) = served(&project);
    project.nexus(&["run", "signal", "cart-1", "Add", "--input", "\"tea\""]).ok();
    let refused = project.nexus(&["run", "reset", "cart-1", "--event", "1"]);
    assert_eq!(refused.code(), 2, "{}", refused.stderr());
    assert!(refused.stderr().contains("the workflow tasks are at events 2, 4"), "{}", refused.stderr());
    let reset = ["run", "reset", "cart-1", "--first", "--reason", "anew", "--request-id", "r-1"];
    let new = project.nexus(&reset).ok().stdout().trim().to_owned();
    assert_eq!(project.nexus(&reset).ok().stdout().trim(), new, "the same request again");
    let shown = project.nexus(&["run", "show", &new, "--format", "json"]).ok().json();
    assert_eq!(shown["reset_from"]["run_id"], json!(run));
    assert_eq!(shown["reset_from"]["reason"], json!("anew"));
    assert_eq!(
        project.nexus(&["run", "show", &run, "--format", "json"]).ok().json()["reset_to"],
        json!([new])
    );
    assert_eq!(project.nexus(&["run", "query", "cart-1", "Items"]).ok().json(), json!(["tea"]));
    let bare = ["run", "reset", "cart-1", "--first", "--exclude", "signal,update"];
    project.nexus(&bare).ok();
    assert_eq!(project.nexus(&["run", "query", "cart-1", "Items"]).ok().json(), json!([]));
    assert_eq!(project.nexus(&["run", "reset", "cart-1"]).code(), 2, "a place is needed");
}

#[test]
fn messages_that_are_refused_say_why() {
    let project = project();
    let (_server, run) = served(&project);
    for (args, code, told) in [
        (&["signal", "cart-1", "Ad"][..], 4, "did you mean `Add`?"),
        (&["signal", "cart-1", "Add", "--input", "7"], 2, "NX-2001"),
        (&["signal", "cart-1", "Add", "--input", "{"], 2, "--input cannot be read as JSON"),
        (&["signal", "cart-9", "Add"], 4, "NX-2003"),
        (&["query", &run, "Itms"], 4, "did you mean `Items`?"),
        (&["query", "run_00000000000000000000000000", "Items"], 4, "NX-2003"),
        (&["update", "cart-1", "Broken"], 1, "OutOfOrder: it is broken"),
        (&["update", "cart-1", "Take", "--input", "[1]"], 2, "NX-2001"),
    ] {
        let ran = project.nexus(&[&["run"], args].concat());
        assert_eq!(ran.code(), code, "{args:?}: {}", ran.stderr());
        assert!(ran.stderr().contains(told), "{args:?}: {}", ran.stderr());
    }
    project.nexus(&["run", "terminate", &run]).ok();
    let ran = project.nexus(&["run", "signal", "cart-1", "Add", "--input", "\"x\""]);
    assert!(ran.stderr().contains("NX-2032"), "{}", ran.stderr());
}

async fn post(url: String, body: Json) -> (u16, Json) {
    let response = http().post(url).json(&body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn messages_over_rest() {
    let project = project();
    let (server, run) = served(&project);
    let at = |path: &str| format!("{}/v1/runs/{run}/{path}", server.url);
    let (status, body) = post(at("signals/Add?request_id=s-1"), json!("tea")).await;
    assert_eq!((status, &body["run_id"]), (200, &json!(run)), "{body}");
    post(at("signals/Add?request_id=s-1"), json!("tea")).await;
    let (status, body) = post(at("updates/Take?update_id=u"), json!({ "item": "jam" })).await;
    assert_eq!((status, &body["stage"], &body["result"]), (200, &json!("completed"), &json!(2)));
    let (status, body) = post(at("updates/Slow?stage=accepted"), json!("1h")).await;
    assert_eq!((status, &body["stage"], &body["result"]), (200, &json!("accepted"), &Json::Null), "{body}");
    let answered: Json = http().get(at("queries/Items")).send().await.unwrap().json().await.unwrap();
    assert_eq!(answered["answer"], json!(["tea", "jam"]));
    let (status, body) = post(at("signals/Nope"), json!({})).await;
    assert_eq!((status, &body["code"]), (404, &json!("NX-2031")));
    let operation = |name: &str| format!("{}/v1/operations/{name}", server.url);
    let start = json!({ "workflow": "Cart", "workflow_id": "cart-2", "input": { "limit": 1 },
        "signal": "Add", "signal_input": "tea" });
    let (status, body) = post(operation("run.signal-with-start"), start.clone()).await;
    assert_eq!((status, &body["output"]["started"]), (200, &json!(true)), "{body}");
    let (_, again) = post(operation("run.signal-with-start"), start).await;
    assert_eq!(again["output"]["run_id"], body["output"]["run_id"]);
    let full = json!({ "workflow": "Cart", "workflow_id": "cart-2", "input": { "limit": 1 },
        "update": "Take", "update_input": "jam" });
    let (status, body) = post(operation("run.update-with-start"), full).await;
    assert_eq!((status, &body["code"]), (422, &json!("NX-2011")), "{body}");
    let big = "x".repeat(2 * 1024 * 1024);
    let (status, body) = post(at("signals/Add"), json!(big)).await;
    assert_eq!((status, &body["code"]), (413, &json!("NX-2007")));
    let nothing = json!({ "name": "Items" });
    assert_eq!(post(operation("run.query"), nothing).await.1["code"], json!("NX-2001"));
}

#[tokio::test]
async fn messages_over_mcp() {
    let project = project();
    let (server, run) = served(&project);
    let call = |name: &str, arguments: Json| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": name, "arguments": arguments } });
        let request = http().post(format!("{}/mcp", server.url)).json(&body);
        let request = request.header("Accept", "application/json, text/event-stream");
        let request = request.header("MCP-Protocol-Version", "2025-06-18");
        async move { request.send().await.unwrap().json::<Json>().await.unwrap()["result"].clone() }
    };
    let sent = call("run_signal", json!({ "run_id": run, "name": "Add", "input": "tea" })).await;
    assert_eq!(sent["structuredContent"]["run_id"], json!(run), "{sent}");
    let asked = call("run_query", json!({ "workflow_id": "cart-1", "name": "Items" })).await;
    assert_eq!(asked["structuredContent"]["answer"], json!(["tea"]), "{asked}");
    let taken = call("run_update", json!({ "run_id": run, "name": "Take", "input": "jam" })).await;
    assert_eq!(taken["structuredContent"]["result"], json!(2), "{taken}");
    let refused = call("run_signal", json!({ "run_id": run, "name": "Nope" })).await;
    assert_eq!(refused["isError"], json!(true), "{refused}");
}

#[tokio::test]
async fn a_start_with_options_over_rest() {
    let project = project();
    let server = project.serve();
    let start = |more: Json| {
        let mut input = json!({ "workflow": "Cart", "workflow_id": "c", "input": { "limit": 1 } });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        post(format!("{}/v1/operations/run.start", server.url), input)
    };
    let options = json!({ "memo": { "by": "test" }, "search_attributes": { "Customer": "c-1" },
        "execution_timeout": "1h", "retry_policy": { "initial_interval": "5s", "maximum_attempts": 3 } });
    let (status, first) = start(options).await;
    assert_eq!((status, &first["status"]), (202, &json!("running")), "{first}");
    let (status, refused) = start(json!({})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("NX-2005")));
    let (_, same) = start(json!({ "id_conflict_policy": "use_existing" })).await;
    assert_eq!(same["run_id"], first["run_id"]);
    let shown: Json = http()
        .get(format!("{}/v1/runs/{}", server.url, first["run_id"].as_str().unwrap()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(shown["memo"], json!({ "by": "test" }), "{shown}");
    assert_eq!(shown["retry_policy"]["initial_interval_ms"], json!(5_000));
    assert!(shown["execution_deadline"].is_string() && shown["run_deadline"].is_string());
    for bad in [
        json!({ "run_timeout": "soon" }),
        json!({ "id_reuse_policy": "sometimes" }),
        json!({ "retry_policy": { "maximum_attempts": -1 } }),
        json!({ "start_delay": "-5s" }),
        json!({ "workflow": "Crat" }),
    ] {
        let (status, told) = start(bad.clone()).await;
        assert!(matches!(status, 404 | 422), "{bad}: {told}");
    }
}

#[test]
fn a_run_is_paused_looked_at_and_goes_on() {
    let project = project();
    let (_server, run) = served(&project);
    let stack = project.nexus(&["run", "stack", "cart-1"]).ok();
    assert!(stack.stdout().contains("await done"), "{}", stack.stdout());
    assert!(stack.stdout().contains("workflows/cart.twf:"), "{}", stack.stdout());
    project.nexus(&["run", "pause", &run, "--reason", "a look"]).ok();
    let shown = project.nexus(&["run", "show", &run, "--format", "json"]).ok().json();
    assert_eq!(shown["status"], json!("paused"));
    let update = project.nexus(&["run", "update", "cart-1", "Take", "--input", "\"x\""]);
    assert_eq!((update.code(), update.stderr().contains("NX-2033")), (5, true), "{}", update.stderr());
    project.nexus(&["run", "signal", "cart-1", "Finish"]).ok();
    project.nexus(&["run", "unpause", "cart-1"]).ok();
    let shown = project.nexus(&["run", "show", &run, "--wait", "30", "--format", "json"]).ok().json();
    assert_eq!(shown["status"], json!("completed"));
    let limits = project.nexus(&["config", "limits", "--format", "json"]).ok().json();
    assert!(limits.as_array().unwrap().iter().any(|it| it["name"] == "signals" && it["value"] == 10_000));
}

#[test]
fn a_run_is_found_by_its_workflow_id_with_every_verb() {
    let project = project();
    let (_server, run) = served(&project);
    let same = |verb: &str| {
        let [by_id, by_run] = ["cart-1", &run]
            .map(|named| project.nexus(&["run", verb, named, "--format", "json"]).ok().json());
        assert_eq!(by_id, by_run, "{verb}");
    };
    ["show", "history", "replay", "stack"].into_iter().for_each(same);
    let unknown = project.nexus(&["run", "history", "cart-2"]);
    assert!(unknown.stderr().contains("no run has the workflow id \"cart-2\""), "{}", unknown.stderr());
    project.nexus(&["run", "terminate", "cart-1"]).ok();
    project.nexus(&["run", "delete", "cart-1"]).ok();
    let gone = project.nexus(&["run", "show", &run]);
    assert!(gone.stderr().contains("NX-2003"), "{}", gone.stderr());
}

#[test]
fn a_history_is_followed_to_its_end() {
    let project = project();
    let (_server, run) = served(&project);
    let mut follower = command(project.path())
        .args(["run", "history", "cart-1", "--follow"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map(Result::unwrap);
    let begun: Vec<_> = lines.by_ref().take(3).collect();
    assert!(begun[2].contains("WorkflowExecutionStarted"), "{begun:?}");
    project.nexus(&["run", "signal", "cart-1", "Finish"]).ok();
    let followed: Vec<_> = begun.into_iter().chain(lines).skip(2).collect();
    assert!(follower.wait().unwrap().success());
    let whole = project.nexus(&["run", "history", &run]).ok().stdout();
    let whole: Vec<_> = whole.lines().skip(2).collect();
    assert_eq!(followed, whole, "nothing is missing, nothing comes twice");
    let rest = project.nexus(&["run", "history", &run, "--follow", "--format", "json"]).ok();
    assert_eq!(rest.stdout().lines().count(), whole.len(), "one object a line");
}
