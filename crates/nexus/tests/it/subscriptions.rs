//! Triggers and webhooks through the binary: what comes in, what it starts, what goes out, and what happens when a target is
//! down or the server is killed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value as Json, json};

use crate::support::{Project, Server};

const PROGRAM: &str = "\
workflow Ship(order: int, who: string) -> (string):
    close complete(who)

workflow Seen(event: any) -> (string):
    close complete(event.id)
";

/// Someone who takes webhooks, answering as told, and shows what came.
struct Target {
    url: String,
    seen: Receiver<(String, Json)>,
    answers: Sender<u16>,
}

impl Target {
    fn new() -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (tell, seen) = channel();
        let (answers, next) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(status) = next.recv() else { return };
                let Some(request) = take(stream.unwrap(), status) else { continue };
                let _ = tell.send(request); // a test that has ended listens no more
            }
        });
        Target { url, seen, answers }
    }

    /// Answers the next request like this and shows it.
    fn answer(&self, status: u16) -> (String, Json) {
        self.answers.send(status).unwrap();
        self.seen.recv().unwrap()
    }
}

/// Reads a request of one connection and answers it.
fn take(stream: TcpStream, status: u16) -> Option<(String, Json)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

fn project(target: &Target) -> Project {
    let config = format!(
        "[secrets.key]\nfile = \"key.txt\"\n\
         [inbound.shop]\nscheme = \"sha256\"\nsecret = \"key\"\nevent = \"shop\"\n\
         [inbound.sms]\nscheme = \"twilio\"\nsecret = \"key\"\nevent = \"sms\"\nurl = \"https://example.com/webhooks/sms\"\n\
         [webhooks.crm]\nurl = \"{}\"\nevents = [\"order.*\"]\nsecret = \"key\"\nattempts_max = 2\n\
         [[on]]\nevent = \"order.paid\"\nworkflow = \"Ship\"\ninput = {{ order = \"{{data.order}}\", who = \"for {{subject}}\" }}\n\
         [[on]]\nevent = \"shop\"\nworkflow = \"Seen\"\nname = \"seen\"\n",
        target.url
    );
    Project::with(&[("nexus.toml", &config), ("workflows/ship.twf", PROGRAM), ("key.txt", "It's a Secret")])
}

fn verb(project: &Project, name: &str, input: &Json) -> Json {
    project.nexus(&["call", name, "--json", &input.to_string(), "--format", "json"]).ok().json()
}

fn publish(project: &Project, id: &str, order: &Json) {
    let data = json!({ "order": order }).to_string();
    let args = ["event", "publish", "order.paid", "--id", id, "--subject", "ada", "--data", &data];
    project.nexus(&args).ok();
}

/// Waits for a run of a workflow to end, by following the log of runs rather than the clock.
fn result_of(project: &Project, workflow: &str) -> Json {
    loop {
        let listed = project.nexus(&["run", "list", "--workflow", workflow, "--format", "json"]).ok().json();
        let run = listed["runs"].as_array().unwrap().first().cloned();
        if let Some(run) = run {
            let input = json!({ "run_id": run["run_id"], "wait_ms": 20_000 });
            return verb(project, "run.show", &input);
        }
    }
}

#[test]
fn an_event_starts_a_workflow_once_and_goes_to_whoever_subscribed() {
    let target = Target::new();
    let project = project(&target);
    let server = project.serve();
    publish(&project, "e-1", &json!(7));
    publish(&project, "e-1", &json!(7));
    let shown = result_of(&project, "Ship");
    assert_eq!(
        (&shown["result"], &shown["input"]),
        (&json!("for ada"), &json!({ "order": 7, "who": "for ada" }))
    );
    // The first attempt fails; the second one is the same request with the same id.
    let (_, first) = target.answer(503);
    let (head, again) = target.answer(200);
    assert_eq!(first, again);
    assert_eq!(
        (&again["specversion"], &again["type"], &again["id"], &again["data"]),
        (&json!("1.0"), &json!("order.paid"), &json!("e-1"), &json!({ "order": 7 }))
    );
    assert!(head.contains("webhook-id: e-1\r\n") && head.contains("webhook-signature: v1,"), "{head}");
    // Killed and started again, it goes on behind what it has delivered and noted down.
    let crm = || verb(&project, "subscription.list", &json!({}))["subscriptions"][1].clone();
    while crm()["after"] != json!(1) {}
    server.kill();
    let server = project.serve();
    publish(&project, "e-2", &json!(8));
    assert_eq!(target.answer(200).1["id"], "e-2");
    drop(server);
}

#[test]
fn what_cannot_be_delivered_is_kept_and_delivered_when_told_to() {
    let target = Target::new();
    let project = project(&target);
    let server = project.serve();
    publish(&project, "e-1", &json!("no number"));
    target.answer(410);
    let listed = loop {
        let listed = verb(&project, "subscription.list", &json!({}));
        let letters = |at: usize| listed["subscriptions"][at]["dead_letters"].as_u64().unwrap();
        if (0..3).map(letters).sum::<u64>() == 2 {
            break listed;
        }
    };
    let names: Vec<_> = listed["subscriptions"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["Ship-on-order.paid", "crm", "seen"]);
    let letters = verb(&project, "subscription.dead-letters", &json!({ "name": "Ship-on-order.paid" }));
    let reason = letters["dead_letters"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("NX-2001") && reason.contains("/order"), "{reason}");
    let refused = std::thread::scope(|scope| {
        let asked = scope.spawn(|| project.nexus(&["call", "subscription.redeliver", "--name", "crm"]));
        target.answer(500);
        asked.join().unwrap()
    });
    assert!(refused.code() == 5 && refused.stderr().contains("NX-2604"), "{}", refused.stderr());
    let done = std::thread::scope(|scope| {
        let asked = scope.spawn(|| verb(&project, "subscription.redeliver", &json!({ "name": "crm" })));
        assert_eq!(target.answer(204).1["id"], "e-1");
        asked.join().unwrap()
    });
    assert_eq!(done, json!({ "count": 1 }));
    let unknown = project.nexus(&["call", "subscription.redeliver", "--name", "crn"]);
    assert!(
        unknown.code() == 4 && unknown.stderr().contains("did you mean \"crm\"?"),
        "{}",
        unknown.stderr()
    );
    let discarded =
        verb(&project, "subscription.discard", &json!({ "name": "Ship-on-order.paid", "sequence": 1 }));
    assert_eq!(discarded, json!({ "count": 1 }));
    drop(server);
}

fn post(server: &Server, path: &str, headers: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_signed_request_becomes_an_event_and_starts_a_workflow() {
    let target = Target::new();
    let project = project(&target);
    let server = project.serve();
    // HMAC-SHA256 of the body with the secret.
    let signed = "x-webhook-signature: sha256=21c8a2d2f0b3d4f1f5c3f8ac8f4a0a2b2d7e\r\n";
    let answer = post(&server, "/webhooks/shop", signed, "{}");
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("NX-2601"), "{answer}");
    assert!(!answer.contains("Secret"), "{answer}");
    let tag = {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"It's a Secret");
        let tag = ring::hmac::sign(&key, b"{\"a\":1}");
        tag.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    };
    let headers = format!("x-webhook-signature: sha256={tag}\r\nx-idempotency-key: d-1\r\n");
    let answer = post(&server, "/webhooks/shop", &headers, "{\"a\":1}");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"is_new\":true"), "{answer}");
    let answer = post(&server, "/webhooks/shop", &headers, "{\"a\":1}");
    assert!(answer.contains("\"is_new\":false"), "the same delivery is one event: {answer}");
    let shown = result_of(&project, "Seen");
    assert_eq!(shown["result"], "webhook:shop:d-1");
    assert_eq!(shown["input"]["event"]["data"], json!({ "a": 1 }));
    let answer = post(&server, "/webhooks/shpo", &headers, "{}");
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("did you mean"), "{answer}");
    drop(server);
}

#[test]
fn a_signature_over_the_address_counts_the_query_with_it() {
    let target = Target::new();
    let project = project(&target);
    let server = project.serve();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"It's a Secret");
    let tag = ring::hmac::sign(&key, b"https://example.com/webhooks/sms?to=shopBodyhi youFrom+1");
    let headers = format!(
        "x-twilio-signature: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n",
        BASE64_STANDARD.encode(tag)
    );
    let answer = post(&server, "/webhooks/sms?to=shop", &headers, "From=%2B1&Body=hi+you");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for (path, body) in [
        ("/webhooks/sms?to=ship", "From=%2B1&Body=hi+you"),
        ("/webhooks/sms", "From=%2B1&Body=hi+you"),
        ("/webhooks/sms?to=shop", "From=%2B1&Body=hi+me"),
    ] {
        let answer = post(&server, path, &headers, body);
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("NX-2601"), "{path}: {answer}");
    }
    drop(server);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let secret = "[secrets.key]\nenv = \"KEY\"\n";
    for (config, words) in [
        ("[[on]]\nevent = \"a\"\nworkflow = \"Shp\"\n", "did you mean \"Ship\"?"),
        ("[[on]]\nevent = \"a\"\nworkflow = \"Ship\"\ninput = { ordr = 1 }\n", "did you mean \"order\"?"),
        (
            "[[on]]\nevent = \"a\"\nworkflow = \"Ship\"\n[[on]]\nevent = \"a\"\nworkflow = \"Ship\"\n",
            "two subscriptions are called",
        ),
        ("[webhooks.crm]\nurl = \"x\"\nsecret = \"key\"\n", "is not the URL of a service"),
        ("[webhooks.crm]\nurl = \"http://x\"\nsecret = \"kee\"\n", "did you mean \"key\"?"),
        ("[webhooks.crm]\nurl = \"http://x\"\n", "missing field `secret`"),
        ("[inbound.gh]\nscheme = \"githb\"\nsecret = \"key\"\nevent = \"gh\"\n", "did you mean \"github\"?"),
        ("[inbound.sms]\nscheme = \"twilio\"\nsecret = \"key\"\nevent = \"sms\"\n", "signs the address"),
        (
            "[inbound.gh]\nscheme = \"github\"\nsecret = \"key\"\nevent = \"gh\"\nurl = \"https://a.example\"\n",
            "does not sign the address",
        ),
        ("[inbound.\"a/b\"]\nscheme = \"github\"\nsecret = \"key\"\nevent = \"gh\"\n", "is no name"),
    ] {
        let config = format!("{secret}{config}");
        let project = Project::with(&[("nexus.toml", &config), ("workflows/ship.twf", PROGRAM)]);
        let ran = project.nexus(&["run", "Ship", "--input", "order=1", "--input", "who=a"]);
        assert!(ran.code() == 2 && ran.stderr().contains(words), "{config}: {}", ran.stderr());
    }
}
