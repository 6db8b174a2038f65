//! Events from the shell: published with and without a server, listed, followed, pruned as `nexus.toml` says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::support::{Project, Server, command};

fn project() -> Project {
    let program = "workflow Nothing() -> (int):\n    close complete(1)\n";
    Project::with(&[
        ("nexus.toml", "[events]\nretention = \"30d\"\n[namespaces.team.events]\nmax = 10\n"),
        ("workflows/nothing.twf", program),
    ])
}

fn json_of(project: &Project, args: &[&str]) -> Json {
    let args: Vec<&str> = ["event"].iter().chain(args).chain(&["--format", "json"]).copied().collect();
    project.nexus(&args).ok().json()
}

fn types(page: &Json) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn events_are_published_listed_and_followed() {
    let project = project();
    let alone = json_of(&project, &["publish", "order.placed", "--id", "o-1", "--subject", "order-1"]);
    assert_eq!(alone["events"][0], json!({ "id": "o-1", "sequence": 1, "is_new": true }));

    let server = project.serve();
    let again = json_of(&project, &["publish", "order.placed", "--id", "o-1"]);
    assert_eq!(again["events"][0], json!({ "id": "o-1", "sequence": 1, "is_new": false }));
    let mut tail = command(project.path())
        .args(["event", "tail", "--from", "0", "--type", "order.*", "--format", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let first: Json = serde_json::from_str(&lines.next().unwrap()).unwrap();
    assert_eq!(
        (&first["specversion"], &first["id"], &first["subject"]),
        (&json!("1.0"), &json!("o-1"), &json!("order-1"))
    );
    json_of(&project, &["publish", "user.left"]);
    json_of(&project, &["publish", "order.paid", "--data", "{\"amount\": 5}"]);
    let second: Json = serde_json::from_str(&lines.next().unwrap()).unwrap();
    assert_eq!(
        (&second["type"], &second["data"], &second["sequence"]),
        (&json!("order.paid"), &json!({ "amount": 5 }), &json!(3))
    );
    tail.kill().unwrap();
    tail.wait().unwrap();

    let page = json_of(&project, &["list", "--limit", "2"]);
    assert_eq!(
        (types(&page), &page["next"], &page["last"]),
        (vec!["order.placed", "user.left"], &json!(2), &json!(3))
    );
    assert_eq!(types(&json_of(&project, &["list", "--after", "2"])), ["order.paid"]);
    assert_eq!(types(&json_of(&project, &["list", "--namespace", "team"])), [""; 0]);
    let table = project.nexus(&["event", "list", "--limit", "1"]).ok();
    assert!(
        table.stdout().contains("order.placed") && table.stderr().contains("more: --after 1"),
        "{}",
        table.stdout()
    );
    drop(server);

    // What was published is there without a server, too.
    assert_eq!(types(&json_of(&project, &["list", "--type", "user.*"])), ["user.left"]);
    assert_eq!(json_of(&project, &["show", "o-1"])["subject"], json!("order-1"));
    let examined = project.nexus(&["doctor"]).ok();
    assert!(examined.stdout().contains("3 events follow each other"), "{}", examined.stdout());
}

#[test]
fn what_is_wrong_is_told() {
    let project = project();
    for (args, code, words) in [
        (vec!["publish", "order paid"], 2, "NX-2301"),
        (vec!["publish", "nexus.mine"], 2, "only Nexus publishes"),
        (vec!["publish", "a", "--data", "{"], 2, "--data is no JSON"),
        (vec!["publish", "a", "--namespace", "-"], 2, "namespace"),
        (vec!["list", "--after", "9"], 2, "NX-2303"),
        (vec!["show", "none"], 4, "NX-2302"),
        (vec!["tail"], 5, "no server serves this project"),
    ] {
        let args: Vec<&str> = ["event"].iter().chain(&args).copied().collect();
        let ran = project.nexus(&args);
        assert!(
            ran.stderr().contains(words) && ran.code() == code,
            "{args:?}: {} {}",
            ran.code(),
            ran.stderr()
        );
    }
}

/// A connection that asks for a stream of events, and its text as far as it has come.
pub(crate) struct Stream {
    connection: TcpStream,
    pub(crate) text: String,
}

impl Stream {
    pub(crate) fn open(server: &Server, path: &str, headers: &str) -> Stream {
        let mut connection = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n{headers}\r\n");
        connection.write_all(head.as_bytes()).unwrap();
        Stream { connection, text: String::new() }
    }

    /// Reads on until a text is there; the end of the stream is told.
    pub(crate) fn until(&mut self, wanted: &str) -> bool {
        let mut bytes = vec![0; 65_536];
        let mut looked = 0;
        loop {
            // What was looked through is not looked through again, but for a beginning of what is wanted.
            let from = self.text.floor_char_boundary(looked);
            if self.text[from..].contains(wanted) {
                return true;
            }
            looked = self.text.len().saturating_sub(wanted.len());
            match self.connection.read(&mut bytes) {
                Ok(0) | Err(_) => return false,
                Ok(count) => self.text.push_str(&String::from_utf8_lossy(&bytes[..count])),
            }
        }
    }
}

#[test]
fn a_stream_is_resumed_where_it_was_and_ends_with_the_server() {
    let project = project();
    let server = project.serve();
    json_of(&project, &["publish", "before"]);
    let mut live = Stream::open(&server, "/v1/events", "");
    assert!(live.until(": events\n\n") && live.text.contains("text/event-stream"), "{}", live.text);
    json_of(&project, &["publish", "order.placed"]);
    json_of(&project, &["publish", "user.left"]);
    assert!(live.until("id: 3\ndata: {"), "{}", live.text);
    assert!(live.text.contains("order.placed") && !live.text.contains("\"before\""), "{}", live.text);
    let mut resumed = Stream::open(&server, "/v1/events?type=user.*", "last-event-id: 1\r\n");
    assert!(resumed.until("user.left") && !resumed.text.contains("order.placed"), "{}", resumed.text);
    for (headers, words) in [("last-event-id: 9\r\n", "NX-2303"), ("last-event-id: x\r\n", "NX-2004")] {
        let mut refused = Stream::open(&server, "/v1/events", headers);
        assert!(refused.until(words), "{}", refused.text);
    }
    server.stop();
    assert!(!live.until("never"), "the stream ends");
    let log = std::fs::read_to_string(project.path().join("server.log")).unwrap();
    assert!(log.contains("stopping") && !log.contains("the drain ended"), "it ends by itself: {log}");
}

/// Clients that never read, and some that are gone, delay neither publishers nor other readers.
#[test]
fn a_slow_or_gone_client_holds_nothing_up() {
    let project = project();
    let server = project.serve();
    let slow: Vec<_> = (0..20).map(|_| Stream::open(&server, "/v1/events?after=0", "")).collect();
    drop(Stream::open(&server, "/v1/events?after=0", ""));
    let mut quick = Stream::open(&server, "/v1/events?after=0", "");
    let data = json!("x".repeat(200_000)).to_string();
    let body = |number: usize| format!("{{\"type\":\"big\",\"id\":\"big-{number}\",\"data\":{data}}}");
    for number in 0..50 {
        let text = body(number);
        let mut connection = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        connection.write_all(head.as_bytes()).unwrap();
        connection.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("\"is_new\":true"), "{answer}");
    }
    assert!(quick.until("big-49"), "the quick one has them all");
    assert_eq!(json_of(&project, &["list", "--after", "49"])["last"], json!(50));
    drop(slow);
}

const PROGRAM: &str = "\
workflow Pay(order: int) -> (any):
    activity Charge(order) -> told
        options:
            retry_policy:
                initial_interval: 10ms
    close complete(told)

activity Charge(order: int) -> (any):
    ...
";

/// The first attempt publishes and fails, so the second one publishes again: there is one event of each.
const CHARGE: &str = "\
export async function Charge(order, ctx) {
  const paid = await ctx.event.publish('order.paid', { order, attempt: ctx.attempt }, { subject: `order-${order}` });
  await ctx.event.publish('order.counted', null, { id: `count-${order}` });
  if (ctx.attempt === 1) throw new Error('after publishing');
  return paid;
}
";

#[test]
fn a_function_publishes_once_however_often_it_is_tried() {
    let config = "[sandbox.functions.Charge]\ncapabilities = [\"event:publish:order.*\"]\n";
    let files = [("workflows/pay.twf", PROGRAM), ("activities/charge.js", CHARGE), ("nexus.toml", config)];
    let project = Project::with(&files);
    let ran = project.nexus(&["run", "Pay", "--input", "order=7", "--format", "json"]).ok().json();
    let page = json_of(&project, &["list"]);
    assert_eq!(types(&page), ["order.paid", "order.counted"]);
    let paid = &page["events"][0];
    assert_eq!((&paid["data"], &paid["subject"]), (&json!({ "order": 7, "attempt": 1 }), &json!("order-7")));
    assert!(paid["source"].as_str().unwrap().starts_with("/namespaces/default/runs/run_"), "{paid}");
    assert!(ran.to_string().contains(paid["id"].as_str().unwrap()), "{ran}");

    let tried = project.nexus(&["fn", "run", "Charge", "--json", "7"]);
    assert!(tried.stderr().contains("events (not published)"), "{}", tried.stderr());
    assert_eq!(json_of(&project, &["list"])["last"], json!(2), "a trial publishes nothing");
    project.write("nexus.toml", "");
    let denied = project.nexus(&["fn", "run", "Charge", "--json", "7"]);
    assert!(denied.stderr().contains("event:publish:order.paid"), "{}", denied.stderr());
}
