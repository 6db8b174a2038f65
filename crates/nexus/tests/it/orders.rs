//! Every order of the example shop ends as its README says, and the books balance afterwards.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::support::{Project, Server, http, root};

/// How an order ends.
#[derive(Debug)]
enum End {
    /// With a receipt over so many cents.
    Completed(i64),
    /// Recorded with this status, and failed as `OrderRejected`.
    Rejected(&'static str),
    /// Before a run exists.
    Refused,
}

const ORDERS: &[(&str, End)] = &[
    ("01-single-line", End::Completed(1_428)),
    ("02-several-lines", End::Completed(10_333)),
    ("03-discount-code", End::Completed(3_120)),
    ("04-declined-card", End::Rejected("declined")),
    ("05-large", End::Completed(790_550)),
    ("06-out-of-stock", End::Rejected("out_of_stock")),
    ("07-expired-card", End::Rejected("declined")),
    ("08-slow-payment", End::Rejected("payment_timeout")),
    ("09-missing-field", End::Refused),
    ("10-mistyped-field", End::Refused),
    ("11-unknown-article", End::Rejected("rejected")),
    ("12-zero-quantity", End::Rejected("rejected")),
    ("13-mistyped-card", End::Rejected("declined")),
    ("14-discount-amount", End::Completed(7_509)),
    ("15-same-article-twice", End::Completed(4_810)),
    ("16-expired-discount", End::Rejected("rejected")),
    ("17-discount-too-small", End::Rejected("rejected")),
    ("18-reviewed-payment", End::Completed(3_724)),
    ("19-no-id", End::Completed(1_428)),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_ends_as_promised_and_the_books_balance() {
    let project = Project::shop();
    let server = project.serve();
    let all: Vec<_> =
        ORDERS.iter().map(|(name, _)| tokio::spawn(checkout(server.url.clone(), order(name)))).collect();
    for (ended, (name, expected)) in all.into_iter().zip(ORDERS) {
        let (status, body) = ended.await.unwrap();
        assert!(is_as_promised(expected, status, &body), "{name}: not {expected:?} but {status} {body}");
    }
    check_orders(&server).await;
    check_stock(&server).await;
    check_letters(&server).await;
    check_repetition(&server).await;
    check_closed_door(&server).await;
}

fn order(name: &str) -> Json {
    let path = root().join(format!("examples/shop/orders/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

async fn checkout(url: String, order: Json) -> (u16, Json) {
    run(&url, "Checkout", &order).await
}

async fn run(url: &str, workflow: &str, input: &Json) -> (u16, Json) {
    let url = format!("{url}/v1/workflows/{workflow}/runs?wait=50s");
    let response = http().post(url).json(input).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The result of a workflow that only reads.
async fn report(server: &Server, workflow: &str, input: Json) -> Json {
    let (status, body) = run(&server.url, workflow, &input).await;
    assert_eq!(status, 200, "{body}");
    body["output"].clone()
}

fn is_as_promised(end: &End, status: u16, body: &Json) -> bool {
    let failure = &body["failure"];
    match end {
        End::Completed(cents) => status == 200 && body["output"]["total_cents"] == json!(cents),
        End::Rejected(said) => {
            let is_typed = body["code"] == "NX-3001" && failure["type"] == "OrderRejected";
            status == 422 && is_typed && failure["details"][0]["status"] == *said
        }
        End::Refused => status == 422 && body["code"] == "NX-2001",
    }
}

fn completed() -> impl Iterator<Item = (&'static str, i64)> {
    ORDERS.iter().filter_map(|(name, end)| match end {
        End::Completed(cents) => Some((*name, *cents)),
        _ => None,
    })
}

/// One record for each order that was taken on, and as much money in the ledger as in the completed ones.
async fn check_orders(server: &Server) {
    let orders = report(server, "OrdersReport", json!({})).await;
    let mut by_status: BTreeMap<&str, i64> = BTreeMap::new();
    for (_, end) in ORDERS {
        let status = match end {
            End::Completed(_) => "completed",
            End::Rejected(status) => *status,
            End::Refused => continue,
        };
        *by_status.entry(status).or_default() += 1;
    }
    let revenue: i64 = completed().map(|(_, cents)| cents).sum();
    assert_eq!(orders["orders"], json!(by_status.values().sum::<i64>()), "{orders}");
    assert_eq!(orders["by_status"], json!(by_status));
    assert_eq!(orders["revenue_cents"], json!(revenue));
    let ledger = report(server, "LedgerReport", json!({})).await;
    assert_eq!(ledger["captured_cents"], json!(revenue), "{ledger}");
    assert_eq!((&ledger["charges"], &ledger["refunds"]), (&json!(completed().count()), &json!(0)));
    assert_eq!(ledger["voids"], json!(1), "the payment that timed out is barred: {ledger}");
}

/// What is missing from the shelves is what completed orders took.
async fn check_stock(server: &Server) {
    let mut taken: BTreeMap<String, i64> = BTreeMap::new();
    for (name, _) in completed() {
        for line in order(name)["order"]["lines"].as_array().unwrap() {
            *taken.entry(line["sku"].as_str().unwrap().to_owned()).or_default() +=
                line["quantity"].as_i64().unwrap();
        }
    }
    for article in report(server, "StockReport", json!({})).await.as_array().unwrap() {
        let expected = taken.get(article["sku"].as_str().unwrap()).copied().unwrap_or(0);
        assert_eq!(article["taken"], json!(expected), "{article}");
    }
}

/// Confirmations go their own way, so they may come later; every completed order gets one.
async fn check_letters(server: &Server) {
    let url = format!("{}/v1/runs?workflow=ConfirmOrder&status=completed", server.url);
    let mut confirmed = 0;
    for _look in 0..1_000 {
        let listed: Json = http().get(&url).send().await.unwrap().json().await.unwrap();
        confirmed = listed["runs"].as_array().unwrap().len();
        if confirmed >= completed().count() {
            break;
        }
    }
    assert_eq!(confirmed, completed().count());
    let letter = report(server, "ConfirmationOf", json!({ "order_id": "A-1002" })).await;
    assert_eq!(letter["to"], "grace.hopper@example.com");
    let body = letter["body"].as_str().unwrap();
    assert!(body.contains("103.33 EUR") && body.contains("mastercard …4444"), "{body}");
}

/// An order id has one record: the same order again takes neither stock nor money.
async fn check_repetition(server: &Server) {
    let before = report(server, "LedgerReport", json!({})).await;
    let (status, body) = run(&server.url, "Checkout", &order("01-single-line")).await;
    assert_eq!((status, &body["failure"]["type"]), (422, &json!("DuplicateOrder")), "{body}");
    assert_eq!(report(server, "LedgerReport", json!({})).await, before);
    check_stock(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_order_gives_everything_back() {
    let project = Project::shop();
    let server = project.serve();
    let start = format!("{}/v1/workflows/Checkout/runs", server.url);
    let started = http().post(start).json(&order("08-slow-payment")).send().await.unwrap();
    let started: Json = started.json().await.unwrap();
    let run = format!("{}/v1/runs/{}", server.url, started["run_id"].as_str().unwrap());
    let asked = http()
        .post(format!("{run}/cancel"))
        .json(&json!({ "reason": "changed my mind" }))
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status().as_u16(), 200, "{}", asked.text().await.unwrap());
    let ended: Json = http().get(format!("{run}?wait=30s")).send().await.unwrap().json().await.unwrap();
    assert_eq!(ended["status"], "canceled", "{ended}");
    let record = report(&server, "OrderStatus", json!({ "order_id": "A-2005" })).await;
    assert_eq!(record["status"], "cancelled", "{record}");
    for article in report(&server, "StockReport", json!({})).await.as_array().unwrap() {
        assert_eq!(article["taken"], json!(0), "{article}");
    }
    assert_eq!(report(&server, "LedgerReport", json!({})).await["captured_cents"], json!(0));
}

/// A namespace that an endpoint does not allow stays outside.
async fn check_closed_door(server: &Server) {
    let (status, body) = run(&server.url, "GoodwillRefund", &json!({ "idempotency_key": "any" })).await;
    assert_eq!((status, &body["failure"]["type"]), (422, &json!("NexusUnauthorizedError")), "{body}");
}
