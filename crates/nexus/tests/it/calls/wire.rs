//! The wire, seen by a client that knows nothing but the protocol: the list of `nexus-rpc.md`, A9, as far as the engine's own
//! tests do not hold it.

use serde_json::{Value as Json, json};

use super::world::{BANK, Side};
use crate::support::{Project, http};

fn bank() -> Side {
    let config = "[http]\nallow_addresses = [\"127.0.0.1\"]\n";
    Side::serve(Project::with(&[("workflows/bank.twf", BANK), ("nexus.toml", config)]))
}

fn to(bank: &Side, path: &str) -> reqwest::RequestBuilder {
    http().post(format!("{}/nexus/endpoints/payments/services/{path}", bank.url()))
}

fn body(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap_or_default()
}

#[test]
fn every_content_comes_back_as_it_was_sent() {
    let bank = bank();
    for (media_type, bytes) in [
        (Some("application/json"), &br#"{"cents":"1200"}"#[..]),
        (Some("application/octet-stream"), &[0, 159, 146, 150]),
        (Some("application/json; format=protobuf; message-type=\"a.B\""), b"{}"),
        (Some("application/x-protobuf; message-type=\"a.B\""), &[8, 1]),
        (Some("application/x-something"), b"?"),
        (None, b""),
    ] {
        let mut request = to(&bank, "Payments/Echo").body(bytes.to_vec());
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        let (status, headers, answer) = bank.ask(request);
        assert_eq!(status, 200, "{media_type:?}: {}", body(&answer));
        assert_eq!(headers.get("nexus-operation-state").unwrap(), "succeeded");
        let told = headers.get("content-type").map(|it| it.to_str().unwrap());
        assert_eq!((told, answer.as_slice()), (media_type, bytes), "{media_type:?}");
    }
}

#[test]
fn names_are_one_segment_whatever_they_hold() {
    let bank = bank();
    let long = "x".repeat(1_000);
    for (path, told) in [
        ("Pay%2Fments/a%20b%25", "Pay/ments.a b%"),
        ("%C3%A4/%F0%9F%A6%80", "ä.🦀"),
        (&format!("{long}/{long}"), &format!("{long}.{long}")),
    ] {
        let (status, _, answer) = bank.ask(to(&bank, path));
        assert_eq!(status, 404, "{path}");
        assert!(body(&answer)["message"].as_str().is_some_and(|message| message.contains(told)), "{path}");
    }
    for path in ["/Quote", "Payments/", &format!("{long}x/Quote"), "%FF/Quote"] {
        let (status, _, answer) = bank.ask(to(&bank, path));
        assert_eq!(status, 400, "{path}: {}", body(&answer));
    }
}

#[test]
fn the_same_request_is_one_operation_and_another_is_refused() {
    let bank = bank();
    let start = |amount: u32| {
        let request = to(&bank, "Payments/Process").header("nexus-request-id", "r-1");
        let (status, _, answer) = bank.ask(request.json(&json!({ "amount": amount })));
        (status, body(&answer))
    };
    let (first, again, other) = (start(5), start(5), start(6));
    assert_eq!((first.0, again.0, other.0), (201, 201, 409));
    assert_eq!(first.1, again.1);
    assert_eq!(other.1["details"]["type"], "CONFLICT");
    assert_eq!(bank.wait_for("Pay", 1).len(), 1);
    // Also when it has long ended.
    assert_eq!((start(5).0, start(6).0), (201, 409));
}

#[test]
fn cancels_are_asked_for_in_three_ways_and_any_number_of_times() {
    let bank = bank();
    let begun = || {
        let (status, _, answer) = bank.ask(to(&bank, "Payments/Hold"));
        assert_eq!(status, 201);
        body(&answer)["token"].as_str().unwrap().to_owned()
    };
    let status = |request: reqwest::RequestBuilder| bank.ask(request).0;
    let token = begun();
    assert_eq!(status(to(&bank, "Payments/Hold/cancel").header("nexus-operation-token", &token)), 202);
    assert_eq!(status(to(&bank, "Payments/Hold/cancel").header("nexus-operation-token", &token)), 202);
    assert_eq!(status(to(&bank, &format!("Payments/Hold/cancel?token={}", begun()))), 202);
    assert_eq!(status(to(&bank, &format!("Payments/Hold/{}/cancel", begun()))), 202);
    let ended = bank.wait_for("Hold", 3);
    assert!(ended.iter().all(|run| run["status"] == "canceled"), "{ended:?}");
    assert_eq!(status(to(&bank, "Payments/Hold/cancel").header("nexus-operation-token", &token)), 202);
    // Neither a token of something else, nor none.
    assert_eq!(status(to(&bank, "Payments/Process/cancel").header("nexus-operation-token", &token)), 404);
    assert_eq!(status(to(&bank, "Payments/Hold/cancel").header("nexus-operation-token", "unknown")), 404);
    assert_eq!(status(to(&bank, "Payments/Hold/cancel")), 400);
}

#[test]
fn time_limits_are_read_kept_and_refused() {
    let bank = bank();
    for (limit, status) in [("5s", 200), ("5000ms", 200), ("0.5m", 200), ("soon", 400), ("1h", 400)] {
        let request = to(&bank, "Payments/Quote").header("request-timeout", limit);
        assert_eq!(bank.ask(request.json(&json!({ "amount": 1 }))).0, status, "{limit}");
    }
    let slow =
        to(&bank, "Payments/Slow").header("request-timeout", "700ms").json(&json!({ "seconds": 3600 }));
    let (status, _, answer) = bank.ask(slow);
    assert_eq!((status, &body(&answer)["details"]["type"]), (408, &json!("REQUEST_TIMEOUT")));
    // The time of the whole operation is that of its run.
    let late = to(&bank, "Payments/Hold").header("operation-timeout", "50ms");
    assert_eq!(bank.ask(late).0, 201);
    assert_eq!(bank.wait_for("Hold", 1)[0]["status"], "timed_out");
}

#[test]
fn links_are_read_and_given_and_a_broken_one_starts_nothing() {
    let bank = bank();
    let link = "<https://a.example/1>; type=\"a.B\", <https://a.example/2?x=%2C>; type=\"a/C\"";
    let (status, headers, _) =
        bank.ask(to(&bank, "Payments/Process").header("nexus-link", link).json(&json!({ "amount": 1 })));
    let given = headers.get("nexus-link").unwrap().to_str().unwrap();
    assert!(status == 201 && given.contains("/bank/") && given.ends_with("type=\"nexus.Run\""), "{given}");
    let run = bank.wait_for("Pay", 1)[0]["run_id"].clone();
    let history = bank.call("run.history", &json!({ "run_id": run }));
    let links = &history["events"][0]["operation"]["links"];
    assert_eq!(links[1], json!({ "url": "https://a.example/2?x=%2C", "type": "a/C" }), "{history}");
    for broken in ["https://a", "<https://a>", "<https://a>; type=\"a\", nonsense"] {
        let request =
            to(&bank, "Payments/Process").header("nexus-link", broken).json(&json!({ "amount": 1 }));
        assert_eq!(bank.ask(request).0, 400, "{broken}");
    }
    assert_eq!(bank.wait_for("Pay", 1).len(), 1);
}

#[test]
fn failures_say_what_the_specification_says() {
    let bank = bank();
    let (status, headers, answer) = bank.ask(to(&bank, "Payments/Quote").json(&json!({ "amount": 0 })));
    let told = body(&answer);
    assert_eq!((status, headers.get("nexus-operation-state").unwrap().to_str()), (424, Ok("failed")));
    assert_eq!(told["metadata"]["type"], "nexus.OperationError");
    assert_eq!(
        (&told["details"]["state"], &told["cause"]["message"]),
        (&json!("failed"), &json!("must be positive"))
    );
    for (path, input, kind, status) in [
        ("Payments/Quote", json!({ "amount": "x" }), "BAD_REQUEST", 400),
        ("Payments/Quote", json!({ "amounts": 1 }), "BAD_REQUEST", 400),
        ("Payments/Nothing", json!({}), "NOT_FOUND", 404),
    ] {
        let (found, _, answer) = bank.ask(to(&bank, path).json(&input));
        assert_eq!(
            (found, body(&answer)["details"]["type"].as_str()),
            (status, Some(kind)),
            "{path} {input}"
        );
    }
    let missing = http().post(format!("{}/nexus/endpoints/nobody/services/S/O", bank.url()));
    assert_eq!(bank.ask(missing).0, 404);
    let there = format!("{}/namespaces/bank/task-queues/pay/nexus-services/Payments/Who", bank.url());
    assert_eq!(bank.ask(http().post(there)).0, 200);
    let nowhere = format!("{}/namespaces/bank/task-queues/other/nexus-services/Payments/Who", bank.url());
    assert_eq!(bank.ask(http().post(nowhere)).0, 404);
    let read = http().get(format!("{}/nexus/endpoints/payments/services/Payments/Who", bank.url()));
    assert_eq!(bank.ask(read).0, 400);
}

#[test]
fn completions_need_the_token_that_they_were_asked_for_with() {
    let bank = bank();
    let complete = |headers: &[(&str, &str)]| {
        let mut request = http().post(format!("{}/nexus/callback", bank.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        bank.ask(request).0
    };
    assert_eq!(complete(&[("nexus-operation-state", "succeeded")]), 401);
    assert_eq!(complete(&[("nexus-operation-state", "succeeded"), ("completion-token", "1.e30.00")]), 401);
    assert_eq!(complete(&[("nexus-operation-state", "running"), ("completion-token", "1.e30.00")]), 400);
    assert_eq!(complete(&[]), 400);
}
