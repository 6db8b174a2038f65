//! Functions that wait when the server is killed: they go on in the next one.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::support::{Project, http, server_log};

const WORKFLOW: &str = "\
workflow Main(ms: int) -> (any):
    activity Wait(ms) -> answer
        options:
            start_to_close_timeout: 10m
    close complete(answer)

activity Wait(ms: int) -> (any):
    ...
";

/// Counts how often it was begun, in a key and in its own memory, and waits.
const WAIT: &str = "let begun = 0;
export async function Wait(ms, ctx) {
  begun++;
  const count = (await ctx.kv.get('begun') ?? 0) + 1;
  await ctx.kv.put('begun', count);
  ctx.log.warn('began', count);
  const before = Math.random(), until = ctx.time.now() + ms;
  const [, short, raced] = await Promise.all([ctx.sleep(ms), ctx.sleep(1).then(() => 'short'), Promise.race([ctx.sleep(ms), ctx.sleep(2 * ms)])]);
  ctx.log.warn('went on');
  return { begun, count, short, random: typeof before, attempt: ctx.attempt, late: ctx.time.now() >= until, all: (await ctx.kv.list('')).length };
}";

const FILTER: &str = "info,nexus::activities=debug";
const KEPT: &str = "a function that waits is kept";

fn project(source: &str) -> Project {
    Project::with(&[("workflows/a.twf", WORKFLOW), ("activities/a.js", source)])
}

/// Starts the function, kills the server as soon as the function is kept, and does something before the next server.
async fn killed_while_waiting(project: &Project, between: impl FnOnce()) -> Json {
    let server = project.serve_telling(FILTER);
    let start = format!("{}/v1/workflows/Main/runs", server.url);
    let answer: Json =
        http().post(start).json(&json!({ "ms": 1_500 })).send().await.unwrap().json().await.unwrap();
    let run = answer["run_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let until_kept = async {
        while !server_log(project.path()).contains(KEPT) {
            tokio::task::yield_now().await;
        }
    };
    let kept = tokio::time::timeout(Duration::from_secs(30), until_kept).await;
    assert!(kept.is_ok(), "{}", server_log(project.path()));
    server.kill();
    between();
    let server = project.serve_telling(FILTER);
    let url = format!("{}/v1/runs/{run}?wait=30s", server.url);
    let ended: Json = http().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(ended["status"], "completed", "{ended:#}\n{}", server_log(project.path()));
    ended["result"].clone()
}

#[tokio::test]
async fn a_function_that_waits_outlives_a_killed_server() {
    let project = project(WAIT);
    let output = killed_while_waiting(&project, || ()).await;
    let expected = json!({"begun": 1, "count": 1, "short": "short", "random": "number", "attempt": 1, "late": true, "all": 1});
    assert_eq!(output, expected);
    let log = server_log(project.path());
    assert_eq!(log.matches("began 1").count(), 1, "{log}");
    assert_eq!(log.matches("went on").count(), 1, "{log}");
}

#[tokio::test]
async fn a_function_whose_code_has_changed_is_begun_again() {
    let project = project(WAIT);
    let changed = WAIT.replace("begun, count", "begun, count, changed: true");
    let output = killed_while_waiting(&project, || project.write("activities/a.js", &changed)).await;
    assert_eq!((&output["count"], &output["changed"]), (&json!(2), &json!(true)), "{output}");
    let log = server_log(project.path());
    assert!(log.contains("begun again") && log.contains("other code"), "{log}");
}
