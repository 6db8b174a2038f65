//! Payloads of every kind go through programs as they are.

use nexus_kernel::Json;
use nexus_rpc::{Content, StartAnswer};
use serde_json::json;

use super::foreign::{Alone, Said};
use super::support::Two;

/// What reaches a server elsewhere when a program calls with a value, and what the program gets when it is sent back.
async fn there_and_back(value: Json) -> (Content, Json) {
    let alone = Alone::with(|_, request| {
        let content = content(request);
        Said::Answer(StartAnswer::Done { content, links: Vec::new() }.to_http())
    })
    .await;
    let outcome = alone.shop.run("Block", json!({ "x": value })).await;
    let sent = content(&alone.asked.lock().unwrap()[0]);
    alone.shop.stop().await;
    assert_eq!(outcome.failure, None, "{value}");
    (sent, outcome.result)
}

fn content(request: &http::Request<Vec<u8>>) -> Content {
    let headers = request.headers().iter();
    let headers = headers.filter(|(name, _)| name.as_str().starts_with("content-"));
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    Content { headers, bytes: request.body().clone() }
}

#[tokio::test]
async fn json_is_json() {
    for value in [
        json!(null),
        json!(7),
        json!(""),
        json!([]),
        json!([1]),
        json!([[1, 2]]),
        json!({}),
        json!({ "a": [null, { "b": 5 }] }),
        json!({ "$content": "not really" }),
    ] {
        let (sent, back) = there_and_back(value.clone()).await;
        assert_eq!(back, value);
        assert_eq!(sent, Content::json(&value), "{value}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_what_it_was() {
    for content in [
        Content::bytes(vec![0, 159, 146, 150]),
        Content::bytes(Vec::new()),
        Content::typed("application/json; format=protobuf; message-type=\"a.B\"", b"{\"x\":1}".to_vec()),
        Content::typed("application/x-protobuf; message-type=\"a.B\"", vec![8, 1]),
        Content::typed("application/json", b"{ \"spaces\" : 1 }".to_vec()),
        Content {
            headers: [
                ("content-type".to_owned(), "text/plain".to_owned()),
                ("content-language".to_owned(), "de".to_owned()),
            ]
            .into(),
            bytes: "Grüße".into(),
        },
    ] {
        let expected = content.clone();
        let alone = Alone::with(move |count, _| {
            let content = if count == 0 { content.clone() } else { Content::null() };
            Said::Answer(StartAnswer::Done { content, links: Vec::new() }.to_http())
        })
        .await;
        let seen = alone.shop.run("Block", json!({ "x": 1 })).await.result;
        alone.shop.run("Block", json!({ "x": seen })).await;
        let sent = self::content(&alone.asked.lock().unwrap()[1]);
        if expected.media_type() == Some("application/json") {
            assert_eq!(sent, Content::json(&json!({ "spaces": 1 })), "of JSON the value counts");
        } else {
            assert_eq!(sent, expected, "{seen}");
        }
        alone.shop.stop().await;
    }
}

#[tokio::test]
async fn values_cross_to_a_workflow_and_back() {
    let two = Two::new().await;
    for value in
        [json!(null), json!(7), json!("x"), json!({ "a": 1 }), json!({ "y": 1 }), json!([1, 2]), json!([])]
    {
        let outcome = two.run("Echo", json!({ "x": value })).await;
        assert_eq!((outcome.failure, outcome.result), (None, value));
    }
    two.stop().await;
}
