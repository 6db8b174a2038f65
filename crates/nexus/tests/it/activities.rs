//! Activities that are not carried out in the sandbox alone: HTTP services, processes, completion by token.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::support::{Project, Server, http, root};

/// What a service answers: status, headers, body.
pub(crate) type Reply = (u16, &'static str, String);

/// A service on the loopback, and the requests it got.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) seen: Arc<Mutex<Vec<(String, Json)>>>,
}

impl Service {
    pub(crate) fn start(answer: impl Fn(&str, &Json) -> Reply + Send + 'static) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (head, body) = read(&stream);
                let path = head.split(' ').nth(1).unwrap().to_owned();
                let (status, headers, text) = answer(&path, &body);
                log.lock().unwrap().push((head, body));
                let length = text.len();
                let answer = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{text}"
                );
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Service { url, seen }
    }
}

fn read(stream: &std::net::TcpStream) -> (String, Json) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

async fn run(server: &Server, workflow: &str, input: Json) -> Json {
    let url = format!("{}/v1/workflows/{workflow}/runs?wait=60s", server.url);
    http().post(url).json(&input).send().await.unwrap().json().await.unwrap()
}

async fn post(server: &Server, path: &str, body: Json) -> (u16, Json) {
    let answer = http().post(format!("{}{path}", server.url)).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The pending activity of a run once it is in this state.
async fn pending(server: &Server, run: &str, state: &str) -> Json {
    loop {
        let url = format!("{}/v1/runs/{run}", server.url);
        let shown: Json = http().get(url).send().await.unwrap().json().await.unwrap();
        if shown["pending"][0]["state"] == state {
            return shown["pending"][0].clone();
        }
        assert_eq!(shown["status"], "running", "{shown:#}");
        tokio::task::yield_now().await;
    }
}

const SERVICES: &str = "\
workflow Each(name: string) -> (any):
    activity Ok(name, 2) -> ok
    activity Busy(name) -> busy
    try:
        activity No(name)
    catch e: OutOfStock:
        close complete({ok: ok, busy: busy, no: e.message})
    close complete(\"never\")

workflow Later(x: any) -> (any):
    activity Slow(x) -> y
        options:
            start_to_close_timeout: 1h
    close complete(y)

activity Ok(name: string, n: int) -> (any):
    ...

activity Busy(name: string) -> (any):
    ...

activity No(name: string) -> (any):
    ...

activity Slow(x: any) -> (any):
    ...
";

fn services(url: &str) -> String {
    let bind =
        |name: &str, path: &str| format!("[activities.{name}]\nbinding = \"http\"\nurl = \"{url}/{path}\"\n");
    let headers = "headers = { X-Test = \"yes\" }\n";
    [&bind("Ok", "ok"), headers, &bind("Busy", "busy"), &bind("No", "no"), &bind("Slow", "later")].concat()
}

#[tokio::test]
async fn services_answer_fail_and_come_back_later() {
    let busy = Mutex::new(0);
    let service = Service::start(move |path, body| match path {
        "/ok" => (200, "", body["input"].to_string()),
        "/busy" => {
            let mut busy = busy.lock().unwrap();
            *busy += 1;
            if *busy == 1 {
                (503, "retry-after: 0\r\n", "busy".into())
            } else {
                (200, "", body["context"]["attempt"].to_string())
            }
        }
        "/no" => (422, "", r#"{"error":{"type":"OutOfStock","message":"none left"}}"#.into()),
        _ => (202, "", String::new()),
    });
    let project = Project::with(&[("workflows/a.twf", SERVICES), ("nexus.toml", &services(&service.url))]);
    let server = project.serve();
    let ended = run(&server, "Each", json!({ "name": "ada" })).await;
    let result = json!({ "ok": { "name": "ada", "n": 2 }, "busy": 2, "no": "none left" });
    assert_eq!(ended["output"], result, "{ended:#}");
    let (head, body) = service.seen.lock().unwrap()[0].clone();
    let key = body["context"]["idempotency_key"].as_str().unwrap().to_owned();
    assert!(
        head.to_lowercase().contains(&format!("idempotency-key: {}", key.to_lowercase()))
            && head.contains("x-test: yes"),
        "{head}"
    );
    by_token(&server, &project).await;
}

/// A run whose activity is completed over REST, heard of and paused on the way.
async fn by_token(server: &Server, project: &Project) {
    let (_, started) = post(server, "/v1/workflows/Later/runs", json!({ "x": 1 })).await;
    let run = started["run_id"].as_str().unwrap();
    let activity = pending(server, run, "started").await;
    let token = activity["token"].as_str().unwrap();
    let (status, beat) =
        post(server, &format!("/v1/activities/{token}/heartbeat"), json!({ "details": 40 })).await;
    assert_eq!((status, &beat["cancel_requested"]), (200, &json!(false)));
    project.nexus(&["activity", "pause", run, "1", "--reason", "lunch"]).ok();
    let paused = pending(server, run, "pause_requested").await;
    assert_eq!((&paused["heartbeat_details"], &paused["paused"]["reason"]), (&json!(40), &json!("lunch")));
    let beat = project.nexus(&["activity", "heartbeat", token, "--format", "json"]).ok().json();
    assert_eq!(beat["paused"], true);
    refusals(server, project, run).await;
    let (status, done) =
        post(server, &format!("/v1/activities/{token}/complete"), json!({ "result": "done" })).await;
    assert_eq!(status, 200, "{done:#}");
    let url = format!("{}/v1/runs/{run}?wait=30s", server.url);
    let shown: Json = http().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!((&shown["status"], &shown["result"]), (&json!("completed"), &json!("done")));
}

/// What names no attempt that is under way.
async fn refusals(server: &Server, project: &Project, run: &str) {
    let (status, refused) = post(server, &format!("/v1/activities/{run}.1.7/complete"), json!({})).await;
    assert_eq!((status, &refused["code"]), (404, &json!("NX-2202")), "{refused:#}");
    let (status, refused) = post(server, "/v1/activities/nonsense/complete", json!({})).await;
    assert_eq!((status, &refused["code"]), (400, &json!("NX-2201")));
    let unknown = project.nexus(&["activity", "unpause", run, "99"]);
    assert_eq!(unknown.code(), 4, "{}", unknown.stderr());
}

#[tokio::test]
async fn the_python_example_works() {
    let project = Project::empty();
    for file in ["nexus.toml", "workflows/report.twf", "work/worker.py", "work/shout.py"] {
        let text = std::fs::read_to_string(root().join("examples/python").join(file)).unwrap();
        project.write(file, &text);
    }
    let server = project.serve();
    let text = "to be or not to be whatever";
    let ended = run(&server, "Report", json!({ "text": text })).await;
    let words = json!({ "to": 2, "be": 2, "or": 1, "not": 1, "whatever": 1 });
    assert_eq!(ended["output"], json!({ "title": "WHATEVER!", "words": words }), "{ended:#}");
    let empty = run(&server, "Report", json!({ "text": "" })).await;
    assert_eq!(empty["failure"]["cause"]["type"], "EmptyText", "{empty:#}");
}

const TROUBLE: &str = "\
workflow Try(what: string) -> (any):
    activity Work(what) -> y
        options:
            start_to_close_timeout: 1m
            retry_policy:
                initial_interval: 1ms
                maximum_attempts: 2
    close complete(y)

activity Work(what: string) -> (any):
    ...
";

/// A worker that does whatever its input says; on the second attempt it works.
const TROUBLED: &str = "\
import json, os, subprocess, sys
for line in sys.stdin:
    task = json.loads(line)['task']
    token, what = task['context']['token'], task['input']
    if what == 'pid' or task['context']['attempt'] == 2:
        print(json.dumps({'token': token, 'result': os.getpid() if what == 'pid' else what}), flush=True)
    elif what == 'crash':
        print('last words', file=sys.stderr, flush=True)
        os._exit(3)
    elif what == 'garbage':
        print('not json', flush=True)
    elif what == 'flood':
        sys.stdout.write('x' * 5_000_000 + '\\n'); sys.stdout.flush()
    elif what == 'hang':
        while True: sys.stdin.readline()
    elif what == 'memory':
        x = bytearray(1 << 31)
    elif what == 'family':
        child = subprocess.Popen(['sleep', '600'])
        open('grandchild', 'w').write(str(child.pid))
        while True: sys.stdin.readline()
";

const TROUBLED_CONFIG: &str = "[activities.Work]\nbinding = \"process\"\ncommand = [\"python3\", \"w.py\"]\n\
                               processes_max = 1\ntimeout_ms = 3000\nmemory_mib_max = 1024\n";

#[tokio::test]
async fn a_process_in_trouble_is_replaced() {
    let files = [("workflows/a.twf", TROUBLE), ("nexus.toml", TROUBLED_CONFIG), ("w.py", TROUBLED)];
    let project = Project::with(&files);
    let server = project.serve();
    let first = run(&server, "Try", json!({ "what": "pid" })).await["output"].clone();
    assert_eq!(run(&server, "Try", json!({ "what": "pid" })).await["output"], first, "it lives on");
    for (what, type_name) in [
        ("crash", "ProcessCrashed"),
        ("garbage", "ProtocolError"),
        ("flood", "ProtocolError"),
        ("hang", "TemporalTimeout:StartToClose"),
        ("memory", "ProcessCrashed"),
    ] {
        let ended = run(&server, "Try", json!({ "what": what })).await;
        assert_eq!(ended["output"], what, "{ended:#}");
        let url = format!("{}/v1/runs/{}/history", server.url, ended["run_id"].as_str().unwrap());
        let history: Json = http().get(url).send().await.unwrap().json().await.unwrap();
        let events = history["events"].as_array().unwrap();
        let begun = events.iter().find(|event| event["type"] == "ActivityTaskStarted").unwrap();
        assert_eq!(begun["last_failure"]["type"], type_name, "{what}: {begun:#}");
        assert!(what != "crash" || begun["last_failure"]["message"].as_str().unwrap().contains("last words"));
    }
    assert_ne!(run(&server, "Try", json!({ "what": "pid" })).await["output"], first);
}

#[tokio::test]
async fn what_a_process_has_started_dies_with_it() {
    let files = [("workflows/a.twf", TROUBLE), ("nexus.toml", TROUBLED_CONFIG), ("w.py", TROUBLED)];
    let project = Project::with(&files);
    let server = project.serve();
    let ended = run(&server, "Try", json!({ "what": "family" })).await;
    assert_eq!(ended["output"], "family", "the next attempt has another process: {ended:#}");
    let grandchild = std::fs::read_to_string(project.path().join("grandchild")).unwrap();
    let status = format!("/proc/{}/stat", grandchild.trim());
    // One that has been killed is gone, or waits for somebody to take note of its end.
    let lives = || std::fs::read_to_string(&status).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        tokio::task::yield_now().await;
    }
}

const SCRIPT: &str = "\
export async function Import(n, ctx) {
  const from = ctx.heartbeatDetails ?? 0;
  for (let done = from + 1; done <= n; done++) {
    await ctx.heartbeat(done);
    if (ctx.attempt === 1 && done === 2) {
      throw new ApplicationFailure('half way', { type: 'Flaky', nextRetryDelayMs: 5 });
    }
  }
  return { from, attempt: ctx.attempt };
}
export function Approve(x, ctx) {
  ctx.completeLater();
  return 'ignored';
}
";

#[tokio::test]
async fn functions_report_progress_and_are_completed_later() {
    let workflow = "workflow Both(n: int) -> (any):\n    activity Import(n) -> imported\n    activity Approve(n) -> answer\n    \
                    close complete([imported, answer])\n\nactivity Import(n: int) -> (any):\n    ...\n\n\
                    activity Approve(n: int) -> (any):\n    ...\n";
    let project = Project::with(&[("workflows/a.twf", workflow), ("activities/a.js", SCRIPT)]);
    let server = project.serve();
    let (_, started) = post(&server, "/v1/workflows/Both/runs", json!({ "n": 3 })).await;
    let run = started["run_id"].as_str().unwrap();
    let approve = loop {
        let activity = pending(&server, run, "started").await;
        if activity["name"] == "Approve" && activity["outside"] == true {
            break activity;
        }
    };
    let path = format!("/v1/activities/{}/complete", approve["token"].as_str().unwrap());
    assert_eq!(post(&server, &path, json!({ "result": true })).await.0, 200);
    let url = format!("{}/v1/runs/{run}?wait=30s", server.url);
    let shown: Json = http().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["result"], json!([{ "from": 2, "attempt": 2 }, true]), "{shown:#}");
}
