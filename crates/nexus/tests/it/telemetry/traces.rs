//! One trace from a caller through a run to what its activities call, whatever the door, and after a restart.

use std::net::TcpListener;

use serde_json::{Value as Json, json};
use tokio_tungstenite::tungstenite::{Message, connect};

use super::collector::Collector;
use super::openmetrics;
use crate::mcp::agent::{NEW, meta};
use crate::support::{Project, Server, http};

const WORKFLOWS: &str = "\
workflow Work(n: int) -> (int):
    activity Add(n) -> sum
    close complete(sum)

workflow Parent(n: int) -> (int):
    workflow Work(n) -> sum
    close complete(sum)

workflow Wait(n: int) -> (int):
    state:
        condition done
    signal Go():
        set done
    activity Add(n) -> first
    await done
    activity Add(first) -> second
    close complete(second)

activity Add(n: int) -> (int):
    ...

worker All:
    workflow Work
    workflow Parent
    workflow Wait
    activity Add

namespace default:
    worker All
        options:
            task_queue: \"all\"
";

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// What nobody may ever see.
const CANARY: u64 = 918_273_645;

fn parent() -> String {
    format!("00-{TRACE}-{SPAN}-01")
}

fn project(collector: &str, service: &str) -> Project {
    let config = format!(
        "[telemetry]\notlp_endpoint = \"{collector}\"\nservice_name = \"shop\"\n\
         [activities.Add]\nbinding = \"http\"\nurl = \"{service}/add\"\n"
    );
    Project::with(&[("workflows/a.twf", WORKFLOWS), ("nexus.toml", &config)])
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: &Json) -> Json {
    let mut request = http().post(format!("{}/{path}", server.url)).json(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    block_on(async { request.send().await.unwrap().json().await.unwrap() })
}

/// The caller's span is above the call, that above the run, that above the attempt, and that is what the service is told.
fn is_one_trace(collector: &mut Collector, call: &str, count: usize) {
    let call = collector.nth(call, count);
    let (run, attempt) = (collector.nth("run Work", count), collector.nth("activity Add", count));
    for span in [&call, &run, &attempt] {
        assert_eq!(span["traceId"], TRACE, "{span}");
    }
    assert_eq!(call["parentSpanId"], SPAN, "{call}");
    assert_eq!(run["parentSpanId"], call["spanId"], "{run}");
    assert_eq!(attempt["parentSpanId"], run["spanId"], "{attempt}");
    let told = &collector.calls[count];
    assert_eq!(told.header("traceparent"), format!("00-{TRACE}-{}-01", attempt["spanId"].as_str().unwrap()));
}

#[test]
fn one_trace_goes_from_every_door_to_the_service() {
    let mut collector = Collector::start();
    let project = project(&collector.url, &collector.url);
    let server = project.serve();
    let parent = parent();
    let headers = [("traceparent", parent.as_str()), ("tracestate", "other=1")];
    post(&server, "workflows/Work/execute", &headers, &json!({ "n": CANARY }));
    is_one_trace(&mut collector, "Work", 0);
    assert_eq!(collector.calls[0].header("tracestate"), "other=1");

    let mut said = meta(&json!({}));
    said["traceparent"] = parent.clone().into();
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "Work", "arguments": { "n": 1 }, "_meta": said } });
    let headers = [
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", NEW),
        ("mcp-method", "tools/call"),
        ("mcp-name", "Work"),
    ];
    post(&server, "mcp", &headers, &call);
    is_one_trace(&mut collector, "Work", 1);

    let (mut socket, _) = connect(format!("{}/ws", server.url.replace("http", "ws"))).unwrap();
    let call = json!({ "id": 1, "method": "call", "params": {
        "workflow": "Work", "input": { "n": 1 }, "wait": "20s", "traceparent": parent } });
    socket.send(Message::text(call.to_string())).unwrap();
    is_one_trace(&mut collector, "Work", 2);

    let mut shell = crate::support::command(project.path());
    let ran = shell.args(["run", "Work", "--input", "n=1"]).env("TRACEPARENT", &parent).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    is_one_trace(&mut collector, "Work", 3);
    let spans: String = collector.seen.split("\"resourceSpans\"").skip(1).collect();
    assert!(!spans.contains(&CANARY.to_string()), "no input is in a span");
}

#[test]
fn a_child_is_below_the_run_that_started_it() {
    let mut collector = Collector::start();
    let project = project(&collector.url, &collector.url);
    let server = project.serve();
    // Without a parent it is a trace of our own.
    post(&server, "workflows/Parent/execute", &[("traceparent", "00-nonsense")], &json!({ "n": 1 }));
    let (call, run) = (collector.span("Parent"), collector.span("run Parent"));
    let child = collector.span("run Work");
    assert!(call.get("parentSpanId").is_none() && call["traceId"] != TRACE, "{call}");
    assert_eq!((&run["traceId"], &run["parentSpanId"]), (&call["traceId"], &call["spanId"]));
    assert_eq!((&child["traceId"], &child["parentSpanId"]), (&call["traceId"], &run["spanId"]));
}

#[test]
fn a_trace_goes_on_after_a_restart() {
    let mut collector = Collector::start();
    let project = project(&collector.url, &collector.url);
    let server = project.serve();
    let parent = parent();
    let body = json!({ "n": 1 });
    let started = post(&server, "v1/workflows/Wait/runs", &[("traceparent", &parent)], &body);
    let (call, first) = (collector.span("Wait"), collector.span("activity Add"));
    server.kill();
    let server = project.serve();
    let run = started["run_id"].as_str().unwrap();
    post(&server, &format!("v1/runs/{run}/signals/Go"), &[], &json!({}));
    let (second, run) = (collector.nth("activity Add", 1), collector.span("run Wait"));
    for span in [&call, &first, &second, &run] {
        assert_eq!(span["traceId"], TRACE, "{span}");
    }
    assert_eq!(run["parentSpanId"], call["spanId"]);
    assert_eq!((&first["parentSpanId"], &second["parentSpanId"]), (&run["spanId"], &run["spanId"]));
    assert_ne!(first["spanId"], second["spanId"]);
    assert!(collector.calls[1].header("traceparent").starts_with(&format!("00-{TRACE}-")));
}

#[test]
fn what_an_event_sets_going_is_below_whoever_published_it() {
    let mut collector = Collector::start();
    let url = &collector.url;
    let config = format!(
        "[telemetry]\notlp_endpoint = \"{url}\"\n[activities.Add]\nbinding = \"http\"\nurl = \"{url}/add\"\n\
         [secrets.key]\nfile = \"key.txt\"\n\
         [webhooks.crm]\nurl = \"{url}/hook\"\nevents = [\"order.*\"]\nsecret = \"key\"\n\
         [[on]]\nevent = \"order.paid\"\nworkflow = \"Work\"\ninput = {{ n = \"{{data}}\" }}\n"
    );
    let project = Project::with(&[
        ("workflows/a.twf", WORKFLOWS),
        ("nexus.toml", &config),
        ("key.txt", "It's a Secret"),
    ]);
    let server = project.serve();
    let (parent, event) = (parent(), json!({ "type": "order.paid", "data": 1 }));
    let headers = [("traceparent", parent.as_str()), ("tracestate", "other=1")];
    post(&server, "v1/operations/event.publish", &headers, &event);
    let published = collector.span("event.publish");
    let (sent, started) = (collector.span("webhook delivery"), collector.span("Work"));
    assert_eq!((&published["traceId"], &published["parentSpanId"]), (&json!(TRACE), &json!(SPAN)));
    for span in [&sent, &started, &collector.span("run Work")] {
        assert_eq!(span["traceId"], TRACE, "{span}");
    }
    for span in [&sent, &started] {
        assert_eq!(span["parentSpanId"], published["spanId"], "{span}");
    }
    let told = collector.calls.iter().find(|call| call.path == "/hook").unwrap();
    let (of, own) = (published["spanId"].as_str().unwrap(), sent["spanId"].as_str().unwrap());
    assert_eq!(told.header("traceparent"), format!("00-{TRACE}-{own}-01"));
    assert_eq!(told.header("tracestate"), "other=1");
    assert_eq!(told.body["traceparent"], format!("00-{TRACE}-{of}-01"), "the event tells where it is from");
}

#[test]
fn what_a_function_sets_going_is_below_its_attempt() {
    let mut collector = Collector::start();
    let (url, port) = (collector.url.clone(), collector.url.rsplit(':').next().unwrap().to_owned());
    let config = format!(
        "[telemetry]\notlp_endpoint = \"{url}\"\n[http]\nallow_addresses = [\"127.0.0.0/8\"]\n\
         [sandbox]\ncapabilities = [\"http:fetch:127.0.0.1:{port}\", \"event:publish:*\"]\n"
    );
    let function = format!(
        "export async function Add(n, ctx) {{
           await ctx.http('{url}/plain');
           await ctx.http('{url}/own', {{ headers: {{ traceparent: 'mine' }} }});
           await ctx.event.publish('order.paid', n);
           return n;
         }}"
    );
    let files =
        [("workflows/a.twf", WORKFLOWS), ("nexus.toml", &config), ("activities/add.js", function.as_str())];
    let project = Project::with(&files);
    let server = project.serve();
    let parent = parent();
    let answer = post(&server, "workflows/Work/execute", &[("traceparent", &parent)], &json!({ "n": 1 }));
    assert_eq!(answer["outputs"], 1, "{answer}");
    let (attempt, published) = (collector.span("activity Add"), collector.span("event.publish"));
    assert_eq!(attempt["traceId"], TRACE, "{attempt}");
    assert_eq!((&published["traceId"], &published["parentSpanId"]), (&json!(TRACE), &attempt["spanId"]));
    let told = |path: &str| {
        let call = collector.calls.iter().find(|call| call.path == path).unwrap();
        call.header("traceparent").to_owned()
    };
    assert_eq!(told("/plain"), format!("00-{TRACE}-{}-01", attempt["spanId"].as_str().unwrap()));
    assert_eq!(told("/own"), "mine", "what a function says itself counts");
}

#[test]
fn a_caller_that_keeps_no_spans_is_followed_in_that() {
    let mut collector = Collector::start();
    let project = project(&collector.url, &collector.url);
    let server = project.serve();
    let unkept = parent().replace("-01", "-00");
    post(&server, "workflows/Work/execute", &[("traceparent", &unkept)], &json!({ "n": 1 }));
    post(&server, "workflows/Work/execute", &[], &json!({ "n": 1 }));
    let call = collector.span("Work");
    assert_ne!(call["traceId"], TRACE, "the first that is told of is the second");
    assert!(collector.calls[0].header("traceparent").starts_with(&format!("00-{TRACE}-")), "it is passed on");
    assert!(collector.calls[0].header("traceparent").ends_with("-00"));
}

#[test]
fn a_collector_that_is_gone_delays_nobody_and_is_counted() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let service = Collector::start();
    let project = project(&url, &service.url);
    let server = project.serve();
    for _ in 0..20 {
        let answer = post(&server, "workflows/Work/execute", &[], &json!({ "n": 1 }));
        assert_eq!(answer["outputs"], 7, "{answer}");
    }
    let dropped = || {
        let page = block_on(async {
            http().get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap()
        });
        openmetrics::read(&page).sum("nexus_trace_spans_total", &[("outcome", "dropped")])
    };
    while dropped() < 60.0 {}
}
