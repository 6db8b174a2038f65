//! `kill -9` of the server at many moments while 200 checkouts run: nothing acknowledged is lost, nothing happens twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nexus_kernel::id::Namespace;
use nexus_kernel::port::kv::Kv;
use nexus_store::SqliteStore;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::{Project, Server, http, until_answered};

const ORDERS: usize = 200;
const KILLS: usize = 20;
/// Orders in flight at the same time.
const CALLERS: usize = 32;

/// What the callers and the killer share.
struct Scene {
    /// The address of the server that lives now.
    url: watch::Receiver<String>,
    /// Orders that the server has taken, by order id, with their run.
    acknowledged: Mutex<BTreeMap<String, String>>,
    /// Orders that have ended, with the status that their caller was told.
    ended: AtomicUsize,
    /// Moves with every acknowledgement and every end: what the killer counts.
    progress: watch::Sender<usize>,
    next: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_happens_twice() {
    let project = Project::shop();
    let mut server = project.serve();
    let (address, url) = watch::channel(server.url.clone());
    let scene = Arc::new(Scene {
        url,
        acknowledged: Mutex::default(),
        ended: AtomicUsize::new(0),
        progress: watch::Sender::new(0),
        next: AtomicUsize::new(0),
    });
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(caller(Arc::clone(&scene)));
    }

    // Every order moves the count twice. The kills are spread over the whole, at odd places, so that they hit orders
    // in every stage.
    let mut progress = scene.progress.subscribe();
    for kill in 1..=KILLS {
        let moment = kill * (2 * ORDERS - 20) / KILLS - kill % 3;
        // A caller that fails ends the test at once; one that has no orders left to place ends quietly.
        while *progress.borrow() < moment {
            tokio::select! {
                changed = progress.changed() => changed.unwrap(),
                Some(ended) = callers.join_next() => ended.unwrap(),
            }
        }
        server.kill();
        server = project.serve();
        address.send_replace(server.url.clone());
    }
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    assert_eq!(scene.ended.load(Ordering::Relaxed), ORDERS);
    let acknowledged = scene.acknowledged.lock().unwrap().clone();
    check_histories(&server, &acknowledged).await;
    server.kill();
    check_order_table(&project, &acknowledged).await;
}

/// Places orders until there are none left.
async fn caller(scene: Arc<Scene>) {
    let client = http();
    loop {
        let number = scene.next.fetch_add(1, Ordering::Relaxed);
        if number >= ORDERS {
            return;
        }
        place(&scene, &client, number).await;
        scene.progress.send_modify(|count| *count += 1);
        wait_for_end(&scene, &client, number).await;
        scene.ended.fetch_add(1, Ordering::Relaxed);
        scene.progress.send_modify(|count| *count += 1);
    }
}

fn order_id(number: usize) -> String {
    format!("kill-{number:03}")
}

/// Places one order under an idempotency key, again and again until some server has taken it.
async fn place(scene: &Scene, client: &reqwest::Client, number: usize) {
    let id = order_id(number);
    let body = json!({ "order": order(&id, number) });
    let answer = until_answered(&scene.url, |url| {
        client
            .post(format!("{url}/v1/workflows/Checkout/runs"))
            .header("Idempotency-Key", &id)
            .header("X-Workflow-Id", &id)
            .json(&body)
    })
    .await;
    let run = answer["run_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let before = scene.acknowledged.lock().unwrap().insert(id, run.clone());
    assert!(before.is_none_or(|before| before == run), "an order was taken twice");
}

async fn wait_for_end(scene: &Scene, client: &reqwest::Client, number: usize) {
    let run = scene.acknowledged.lock().unwrap()[&order_id(number)].clone();
    loop {
        let shown =
            until_answered(&scene.url, |url| client.get(format!("{url}/v1/runs/{run}?wait=20s"))).await;
        if shown["status"] != "running" {
            return;
        }
    }
}

/// Most orders are fine; some are declined, so that compensation is hit as well.
fn order(id: &str, number: usize) -> Json {
    let card = if number % 7 == 3 { "4000000000000002" } else { "4242424242424242" };
    let mut order: Json =
        serde_json::from_str(include_str!("../../../../examples/shop/orders/01-single-line.json")).unwrap();
    let order = &mut order["order"];
    order["id"] = json!(id);
    order["payment"]["card"] = json!(card);
    order.clone()
}

async fn check_histories(server: &Server, acknowledged: &BTreeMap<String, String>) {
    let client = http();
    for run in acknowledged.values() {
        let url = format!("{}/v1/runs/{run}/history", server.url);
        let history: Json = client.get(url).send().await.unwrap().json().await.unwrap();
        let events = history["events"].as_array().unwrap();
        let mut ends = BTreeSet::new();
        for (at, event) in events.iter().enumerate() {
            assert_eq!(event["id"], json!(at + 1), "{history}");
            let kind = event["type"].as_str().unwrap();
            let is_end = ["Completed", "Failed", "TimedOut", "Fired"].iter().any(|end| kind.ends_with(end));
            if is_end && !event["seq"].is_null() {
                assert!(
                    ends.insert(event["seq"].as_u64()),
                    "command {} ended twice: {history}",
                    event["seq"]
                );
            }
        }
        let closing = events.iter().filter(|event| {
            let kind = event["type"].as_str().unwrap();
            kind == "WorkflowExecutionCompleted" || kind == "WorkflowExecutionFailed"
        });
        assert_eq!(closing.count(), 1, "{history}");
    }
}

/// The order table holds every acknowledged order exactly once.
async fn check_order_table(project: &Project, acknowledged: &BTreeMap<String, String>) {
    let store = SqliteStore::open(&nexus_store::Options::new(project.path().join(".nexus"))).unwrap();
    let orders = Namespace::new("orders").unwrap();
    let entries = store.kv_list(&orders, "order/", None, 10_000).await.unwrap();
    let found: BTreeSet<String> =
        entries.iter().map(|entry| entry.key.trim_start_matches("order/").to_owned()).collect();
    let expected: BTreeSet<String> = acknowledged.keys().cloned().collect();
    assert_eq!(found, expected);
    assert_eq!(entries.len(), ORDERS);
}
