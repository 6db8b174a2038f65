//! `/metrics` after real traffic through every door.

use std::collections::BTreeSet;

use nexus_gateway::metrics::OTHER;
use nexus_gateway::metrics::declared::ALL;
use serde_json::json;

use super::openmetrics::{self, Page};
use crate::hostile::channels::{Channel, Doors, Target};
use crate::support::{Project, Server, http, root};

const WORKFLOWS: &str = "\
workflow Take(n: int) -> (int):
    close complete(n)

workflow Work(n: int) -> (int):
    activity Add(n) -> sum
        options:
            retry_policy:
                maximum_attempts: 1
    close complete(sum)

activity Add(n: int) -> (int):
    ...

worker Both:
    workflow Take
    workflow Work
    activity Add

namespace default:
    worker Both
        options:
            task_queue: \"both\"
";

const ADD: &str = "export async function Add(n) { if (n < 0) throw new Error(\"less\"); return n + 1; }\n";

const ROUTE: &str = "[workflows.Take]\nhttp = [\"POST /take\"]\n";

const TAKE_ONLY: &str = "\
workflow Take(n: int) -> (int):
    close complete(n)

worker One:
    workflow Take

namespace default:
    worker One
        options:
            task_queue: \"one\"
";

/// What nobody may ever see.
const CANARY: &str = "canary-7f3a9";

fn page(text: &str) -> Page {
    openmetrics::read(text)
}

async fn scrape(server: &Server) -> Page {
    let answer = http().get(format!("{}/metrics", server.url)).send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    page(&answer.text().await.unwrap())
}

fn scraped(server: &Server) -> Page {
    tokio::runtime::Runtime::new().unwrap().block_on(scrape(server))
}

#[test]
fn every_door_is_counted_and_the_page_is_strict() {
    let project =
        Project::with(&[("workflows/a.twf", WORKFLOWS), ("activities/a.js", ADD), ("nexus.toml", ROUTE)]);
    let server = project.serve();
    let mut doors = Doors::served(&project, &server);
    for channel in Channel::SERVED {
        doors
            .input(channel, Target::TAKE, br#"{"n":4}"#)
            .unwrap_or_else(|told| panic!("{channel:?}: {told:?}"));
    }
    assert!(doors.input(Channel::Execute, Target::Workflow("Work"), br#"{"n":1}"#).is_ok());
    assert!(doors.input(Channel::Execute, Target::Workflow("Work"), br#"{"n":-1}"#).is_err());
    let page = scraped(&server);
    for door in ["rest", "cli", "mcp", "websocket"] {
        assert!(page.sum("nexus_requests_total", &[("channel", door), ("status", "ok")]) >= 1.0, "{door}");
    }
    let takes = page.sum("nexus_requests_total", &[("workflow", "Take")])
        + page.sum("nexus_requests_total", &[("workflow", "run.start")]);
    assert!(takes >= 14.0, "{takes}");
    let timed = page.sum("nexus_request_duration_seconds_count", &[]);
    assert!((timed - page.sum("nexus_requests_total", &[])).abs() < 0.5, "every call is timed once");
    let closed = page.sum("nexus_runs_closed_total", &[]);
    assert!((closed - page.sum("nexus_runs_started_total", &[])).abs() < 0.5 && closed >= 16.0, "{closed}");
    assert!((page.sum("nexus_runs_closed_total", &[("status", "failed")]) - 1.0).abs() < 0.5);
    let attempts =
        |outcome| page.sum("nexus_activity_attempts_total", &[("activity", "Add"), ("outcome", outcome)]);
    assert!((attempts("completed") - 1.0).abs() < 0.5 && (attempts("failed") - 1.0).abs() < 0.5);
    assert!((page.sum("nexus_sandbox_calls_total", &[]) - 2.0).abs() < 0.5);
    for (name, least) in [
        ("nexus_engine_commits_total", 16.0),
        ("nexus_store_commits_total", 16.0),
        ("nexus_store_bytes", 1.0),
        ("process_resident_memory_bytes", 1e6),
        ("process_cpu_seconds_total", 0.001),
        ("process_open_fds", 3.0),
        ("process_start_time_seconds", 1.7e9),
        ("nexus_build_info", 1.0),
        ("nexus_operations", 2.0),
    ] {
        assert!(page.sum(name, &[]) >= least, "{name} {}", page.sum(name, &[]));
    }
    assert!(page.sum("nexus_runs_open", &[]).abs() < 0.5);
}

#[tokio::test]
async fn a_scan_of_paths_makes_no_names() {
    let project = Project::with(&[("workflows/a.twf", WORKFLOWS), ("activities/a.js", ADD)]);
    let server = project.serve();
    let client = http();
    client
        .post(format!("{}/workflows/Take/execute", server.url))
        .json(&json!({ "n": 1 }))
        .send()
        .await
        .unwrap();
    let before = scrape(&server).await;
    let mut scan = tokio::task::JoinSet::new();
    for number in 0..10_000 {
        if scan.len() >= 64 {
            scan.join_next().await.unwrap().unwrap();
        }
        let path = match number % 4 {
            0 => format!("workflows/{CANARY}-{number}/execute"),
            1 => format!("v1/operations/{CANARY}.{number}"),
            2 => format!("{CANARY}/{number}"),
            _ => format!("v1/workflows/{CANARY}{number}.Take/runs"),
        };
        let request = client.post(format!("{}/{path}", server.url)).json(&json!({ "secret": CANARY }));
        scan.spawn(async move { assert_eq!(request.send().await.unwrap().status().as_u16(), 404) });
    }
    scan.join_all().await;
    let after = scrape(&server).await;
    let names = after.values("nexus_requests_total", "workflow");
    assert_eq!(names, BTreeSet::from(["Take", OTHER]));
    let others = after.sum("nexus_requests_total", &[("workflow", OTHER)]);
    assert!((others - 7_500.0).abs() < 0.5, "{others}: what became a call was counted");
    assert!(after.sum("nexus_http_answers_total", &[("class", "4xx")]) >= 10_000.0);
    // A code and a door each, and the classes of time of the one name that has come.
    let more = after.samples.len() - before.samples.len();
    assert!(more < 40, "{more} more samples");
    let text = client.get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap();
    assert!(!text.contains(CANARY));
}

#[tokio::test]
async fn who_accepts_plain_text_gets_the_older_format() {
    let project = Project::with(&[("workflows/a.twf", TAKE_ONLY)]);
    let server = project.serve();
    let request = http().get(format!("{}/metrics", server.url)).header("accept", "text/plain");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.contains("# TYPE nexus_runs_started_total counter\n") && !text.contains("# EOF"), "{text}");
}

#[tokio::test]
async fn only_who_may_sees_the_metrics() {
    let project =
        Project::with(&[("workflows/a.twf", TAKE_ONLY), ("nexus.toml", "[auth]\nenabled = true\n")]);
    let server = project.serve();
    let key = |args: &[&str]| {
        let ran = project.nexus(&[&["key", "create", "test"], args].concat()).ok();
        ran.stdout().trim().to_owned()
    };
    let (monitor, admin) = (key(&["--role", "monitor"]), key(&["--role", "admin"]));
    let (viewer, operator) = (key(&["--role", "viewer"]), key(&["--role", "operator"]));
    let bounded = key(&["--role", "monitor", "--namespace", "default"]);
    for (shown, status) in [
        (&monitor, 200),
        (&admin, 200),
        (&viewer, 403),
        (&operator, 403),
        (&bounded, 403),
        (&String::new(), 401),
    ] {
        let request = http().get(format!("{}/metrics", server.url));
        let request = if shown.is_empty() { request } else { request.bearer_auth(shown) };
        assert_eq!(request.send().await.unwrap().status().as_u16(), status);
    }
    let list = http().post(format!("{}/v1/operations/key.list", server.url)).bearer_auth(&monitor);
    assert_eq!(list.json(&json!({})).send().await.unwrap().status().as_u16(), 403, "figures only");
}

#[test]
fn the_page_of_metrics_lists_what_is_declared() {
    let page = std::fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let rows = page.lines().take_while(|line| !line.starts_with("| Label"));
    let told: Vec<&str> = rows.filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let declared: Vec<String> = ALL.iter().map(|metric| metric.sample()).collect();
    assert_eq!(told, declared, "in the same order");
    for metric in ALL {
        let sample = metric.sample();
        let row = page.lines().find(|line| line.starts_with(&format!("| `{sample}` |"))).unwrap();
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let cells =
            format!("| `{sample}` | {} | {} | {} |", metric.kind.word(), labels.join(", "), metric.help);
        assert_eq!(row, cells.replace("|  |", "| |"));
    }
}
