//! `kill -9` of the real server, many times, while runs with timers, children, signals, activities and a schedule are in
//! flight. The checker knows the server through HTTP only.
//!
//! A few kills by default; `scripts/kill-loop 200` makes as many as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nexus_kernel::time::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::{Project, Server, http, until_answered};

const KILLS_DEFAULT: usize = 10;
const CALLERS: usize = 12;
/// A life ends after this many answers at most.
const ANSWERS_PER_LIFE_MAX: usize = 11;

const PROGRAM: &str = "\
workflow Load(n: int) -> (any):
    activity Note(n) -> a
    await timer(0.3s)
    workflow Part(n) -> b
    promise box <- workflow Box(n)
    for (i in range(4)):
        signal box.Put(i)
    await box -> c
    await all (i in range(2)) -> d:
        activity Note(i) -> x
    return [a, b, c, d]

workflow Part(n: int) -> (int):
    await timer(0.2s)
    activity Note(n) -> x
    return x

workflow Box(n: int) -> (any):
    state:
        items = []
    signal Put(i: int):
        items.append(i)
    await (len(items) >= 4)
    await timer(0.1s)
    return items

workflow Tick(n: int) -> (int):
    activity Note(n) -> x
    return x

activity Note(n: int) -> (int):
    ...
";

const ACTIVITY: &str = "export async function Note(n) { return n + 1; }\n";

/// What callers and killer share.
struct Scene {
    url: watch::Receiver<String>,
    /// Runs that the server has acknowledged, by request.
    acknowledged: Mutex<BTreeMap<String, String>>,
    /// Moves with every answer.
    answers: watch::Sender<usize>,
    next: AtomicUsize,
    is_over: AtomicBool,
}

#[expect(clippy::disallowed_methods, reason = "the number of kills is given to the test by its environment")]
fn kills() -> usize {
    std::env::var("NEXUS_KILLS").map_or(KILLS_DEFAULT, |text| text.parse().expect("NEXUS_KILLS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_however_often_the_server_is_killed() {
    let project = Project::with(&[
        ("nexus.toml", "[project]\nname = \"load\"\n"),
        ("workflows/load.twf", PROGRAM),
        ("activities/load.js", ACTIVITY),
    ]);
    let mut server = project.serve();
    let (address, url) = watch::channel(server.url.clone());
    let scene = Arc::new(Scene {
        url,
        acknowledged: Mutex::default(),
        answers: watch::Sender::new(0),
        next: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
    });
    schedule(&scene, "schedule.create", tick()).await;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(caller(Arc::clone(&scene)));
    }
    let mut answers = scene.answers.subscribe();
    for kill in 0..kills() {
        let moment = *answers.borrow_and_update() + 1 + kill * 7 % ANSWERS_PER_LIFE_MAX;
        while *answers.borrow_and_update() < moment {
            tokio::select! {
                changed = answers.changed() => changed.unwrap(),
                Some(ended) = callers.join_next() => ended.unwrap(),
            }
        }
        server.kill();
        server = project.serve();
        address.send_replace(server.url.clone());
    }
    scene.is_over.store(true, Ordering::SeqCst);
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    schedule(&scene, "schedule.pause", json!({ "schedule_id": "tick" })).await;
    check(&scene, &server).await;
}

/// A schedule that acts every second.
fn tick() -> Json {
    json!({
        "schedule_id": "tick",
        "spec": { "intervals": [{ "every": "1s" }] },
        "action": { "workflow": "Tick", "input": { "n": 1 } },
        "policies": { "overlap": "allow_all" },
    })
}

async fn schedule(scene: &Scene, verb: &str, input: Json) {
    let client = http();
    until_answered(&scene.url, |url| client.post(format!("{url}/v1/operations/{verb}")).json(&input)).await;
}

/// Starts runs, one after the other, and waits for their ends, whatever becomes of servers.
async fn caller(scene: Arc<Scene>) {
    let client = http();
    while !scene.is_over.load(Ordering::SeqCst) {
        let number = scene.next.fetch_add(1, Ordering::SeqCst);
        let id = format!("load-{number}");
        let answer = until_answered(&scene.url, |url| {
            let request = client.post(format!("{url}/v1/workflows/Load/runs"));
            request.header("Idempotency-Key", &id).header("X-Workflow-Id", &id).json(&json!({ "n": number }))
        })
        .await;
        let run = answer["run_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        scene.acknowledged.lock().unwrap().insert(id, run.clone());
        scene.answers.send_modify(|count| *count += 1);
        loop {
            let url = |url: &str| client.get(format!("{url}/v1/runs/{run}?wait=20s"));
            if until_answered(&scene.url, url).await["status"] != "running" {
                break;
            }
        }
        scene.answers.send_modify(|count| *count += 1);
    }
}

/// Every run of the server, once nothing is open any more.
async fn all_runs(server: &Server) -> Vec<Json> {
    let client = http();
    let mut runs: Vec<Json> = Vec::new();
    let mut after = String::new();
    loop {
        let url = format!("{}/v1/runs?limit=1000{after}", server.url);
        let page: Json = client.get(url).send().await.unwrap().json().await.unwrap();
        runs.extend(page["runs"].as_array().unwrap_or_else(|| panic!("{page}")).iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    for run in &mut runs {
        let url = format!("{}/v1/runs/{}?wait=60s", server.url, run["run_id"].as_str().unwrap());
        *run = client.get(url).send().await.unwrap().json().await.unwrap();
    }
    runs
}

#[expect(clippy::print_stdout, reason = "who kills many times wants to know how much that was")]
async fn check(scene: &Scene, server: &Server) {
    let acknowledged = scene.acknowledged.lock().unwrap().clone();
    let runs = all_runs(server).await;
    let by_id: BTreeMap<&str, &Json> =
        runs.iter().map(|run| (run["run_id"].as_str().unwrap(), run)).collect();
    for (id, run) in &acknowledged {
        let found = by_id.get(run.as_str()).unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
        assert_eq!(found["workflow_id"], json!(id));
    }
    let places: BTreeSet<_> = runs.iter().map(|run| run["workflow_id"].as_str().unwrap()).collect();
    assert_eq!(places.len(), runs.len(), "one run for each id: no child, tick or request was started twice");
    let client = http();
    let (mut events, mut ticks) = (0, 0);
    for run in &runs {
        assert_eq!(run["status"], "completed", "{run}");
        let url = format!("{}/v1/runs/{}/history", server.url, run["run_id"].as_str().unwrap());
        let history: Json = client.get(url).send().await.unwrap().json().await.unwrap();
        check_history(&history);
        check_result(run, &history);
        events += history["events"].as_array().unwrap().len();
        ticks += usize::from(run["workflow"] == "Tick");
    }
    assert!(ticks > 0, "the schedule never acted");
    assert_eq!(
        runs.len() - ticks,
        3 * acknowledged.len(),
        "each Load has a Part and a Box, and nobody else does"
    );
    println!("{} kills, {} runs, {events} events, {ticks} of the schedule", kills(), runs.len());
}

/// Dense ids, one start and one end of everything, and no timer before its time.
fn check_history(history: &Json) {
    let (mut begun, mut ended) = (BTreeMap::new(), BTreeSet::new());
    let events = history["events"].as_array().unwrap();
    for (number, event) in (1..).zip(events) {
        assert_eq!(event["id"], json!(number), "{history}");
        let kind = event["type"].as_str().unwrap();
        let Some(seq) = event["seq"].as_u64() else { continue };
        if ["Scheduled", "Initiated", "TimerStarted"].iter().any(|begin| kind.ends_with(begin)) {
            assert!(begun.insert(seq, event).is_none(), "command {seq} began twice: {history}");
        }
        if ["Completed", "Failed", "TimedOut", "Fired", "Signaled"].iter().any(|end| kind.ends_with(end)) {
            assert!(ended.insert(seq), "command {seq} ended twice: {history}");
        }
        if kind == "TimerFired" {
            let due = begun[&seq]["fire_at"].as_i64().unwrap();
            let fired = Timestamp::parse(event["time"].as_str().unwrap()).unwrap();
            assert!(fired.millis() >= due / 1_000, "timer {seq} fired early: {history}");
        }
    }
    let all: BTreeSet<u64> = begun.keys().copied().collect();
    assert_eq!(all, ended, "everything that began has ended: {history}");
    let closing = events.iter().filter(|event| event["type"] == "WorkflowExecutionCompleted");
    assert_eq!(closing.count(), 1, "{history}");
}

/// Results that follow from the programs, and signals in the order they were sent.
fn check_result(run: &Json, history: &Json) {
    let n = run["input"]["n"].as_i64().or_else(|| run["input"][0].as_i64()).unwrap_or_default();
    let signals: Vec<_> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "WorkflowExecutionSignaled")
        .map(|event| event["input"][0].clone())
        .collect();
    let expected = match run["workflow"].as_str().unwrap() {
        "Load" => json!([n + 1, n + 1, [0, 1, 2, 3], [1, 2]]),
        "Part" | "Tick" => json!(n + 1),
        "Box" => {
            assert_eq!(Json::Array(signals), json!([0, 1, 2, 3]), "{history}");
            json!([0, 1, 2, 3])
        }
        other => panic!("nobody started {other}"),
    };
    assert_eq!(run["result"], expected, "{run}");
}
