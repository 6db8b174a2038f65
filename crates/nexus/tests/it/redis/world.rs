//! Projects that share a Redis, and what their servers answer.

use serde_json::{Value as Json, json};

use crate::redis_server::RedisServer;
use crate::support::{Project, Server, http};

const WORKFLOWS: &str = "\
activity Roll(id: int) -> (string):
    ...

workflow Price(id: int) -> (string):
    activity Roll(id) -> rolled
    close complete(rolled)

workflow Plain(id: int) -> (string):
    activity Roll(id) -> rolled
    close complete(rolled)
";

/// No two runs answer the same.
const ROLL: &str = "export async function Roll(id) { return `${id} ${crypto.randomUUID()}`; }\n";

const CACHED: &str = "\
[workflows.Price.cache]
ttl = \"1h\"
tags = [\"product:{id}\"]
";

/// A project with this configuration and a workflow whose answers are kept.
pub(super) fn project(config: &str) -> Project {
    Project::with(&[
        ("workflows/price.twf", WORKFLOWS),
        ("activities/roll.js", ROLL),
        ("nexus.toml", &format!("{config}\n{CACHED}")),
    ])
}

/// The section that names this Redis. Machines that run tests are busy: it is given time, except where it is away.
pub(super) fn section(redis: &RedisServer) -> String {
    section_with(redis, "5s")
}

/// The same with another time for an answer.
pub(super) fn section_with(redis: &RedisServer, timeout: &str) -> String {
    format!("[redis]\nurl = \"{}\"\ntimeout = \"{timeout}\"\n", redis.url())
}

/// What was answered.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) output: Json,
    pub(super) body: Json,
    pub(super) cache: String,
    pub(super) left: Option<String>,
    pub(super) retry_after: Option<String>,
}

pub(super) async fn ask(server: &Server, workflow: &str, id: u64) -> Told {
    asked(http().post(format!("{}/workflows/{workflow}/execute", server.url)), id).await
}

/// What a request is answered.
pub(super) async fn asked(request: reqwest::RequestBuilder, id: u64) -> Told {
    let answer = request.json(&json!({ "id": id })).send().await.unwrap();
    let header = |name: &str| answer.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
    let (cache, left) = (header("cache-status").unwrap_or_default(), header("x-ratelimit-remaining"));
    let (status, retry_after) = (answer.status().as_u16(), header("retry-after"));
    let body: Json = answer.json().await.unwrap();
    Told { status, output: body["outputs"].clone(), body, cache, left, retry_after }
}

pub(super) fn code(told: &Told) -> &str {
    told.body["code"].as_str().unwrap_or_default()
}

/// Waits until something is so, by asking again and again.
pub(super) async fn until(is_so: impl AsyncFn() -> bool) {
    while !is_so().await {
        tokio::task::yield_now().await;
    }
}
