//! Several real servers and a real Redis: they find each other's answers, forget together and limit together; and whatever
//! becomes of Redis, every call is answered, rightly, and no limit is an open door.

mod faults;
mod world;

use nexus_kernel::Json;
use serde_json::json;

use crate::https::service::Authority;
use crate::redis_server::RedisServer;
use crate::support::{Project, Server, root, server_log};
use world::{ask, code, project, section};

#[tokio::test]
async fn an_answer_of_one_server_is_found_by_another() {
    let redis = RedisServer::start();
    let projects = [project(&section(&redis)), project(&section(&redis))];
    let [first, second] = [projects[0].serve(), projects[1].serve()];
    let made = ask(&first, "Price", 1).await;
    assert_eq!(made.cache, "nexus; fwd=uri-miss; stored");
    world::until(async || redis.keys().iter().any(|key| key.starts_with("nexus:cache:answer:"))).await;
    let found = ask(&second, "Price", 1).await;
    assert!(
        found.cache.starts_with("nexus; hit;") && found.cache.ends_with("detail=redis"),
        "{}",
        found.cache
    );
    assert_eq!(found.output, made.output);
    assert!(ask(&second, "Price", 1).await.cache.ends_with("detail=memory"));
    let shown = projects[1].nexus(&["cache", "show", "--format", "json"]).ok().json();
    assert_eq!((&shown["levels"][1]["level"], &shown["levels"][1]["state"]), (&json!("redis"), &json!("up")));
    assert_eq!((&shown["counts"]["hits_redis"], &shown["counts"]["hits_memory"]), (&json!(1), &json!(1)));

    // What one of them forgets, the other does not give from anywhere.
    projects[0].nexus(&["cache", "invalidate", "--tag", "product:1"]).ok();
    let new = ask(&second, "Price", 1).await;
    assert_ne!(new.output, made.output);
    second.stop();
    // A command without a server tells the others as well.
    projects[1].nexus(&["cache", "invalidate", "--operation", "Price"]).ok();
    let newer = ask(&first, "Price", 1).await;
    assert!(![&made.output, &new.output].contains(&&newer.output));
}

/// Servers have data keys of their own; what they share is the master key.
#[tokio::test]
async fn what_is_sealed_in_the_store_is_sealed_in_redis() {
    let redis = RedisServer::start();
    let sealed = |key: &str| {
        let config =
            "[encryption]\nkey = \"master\"\npayloads = true\n[secrets.master]\nfile = \"master.key\"\n";
        let project = project(&format!("{}{config}", section(&redis)));
        project.write("master.key", &if key.is_empty() { "0123" } else { key }.repeat(16));
        project
    };
    let projects = [sealed("0123"), sealed("0123"), sealed("4567"), sealed("")];
    let [first, second, stranger, open] = projects.each_ref().map(Project::serve);
    let made = ask(&first, "Price", 1).await;
    let answers = || redis.keys().into_iter().filter(|key| key.starts_with("nexus:cache:answer:"));
    world::until(async || answers().next().is_some()).await;
    let found = ask(&second, "Price", 1).await;
    assert_eq!(found.output, made.output);
    assert!(found.cache.ends_with("detail=redis"), "{}", found.cache);
    let kept = redis.tell(&["--no-raw", "get", &answers().next().unwrap()]);
    assert!(!kept.contains(made.output.as_str().unwrap()) && !kept.contains("output"), "{kept}");
    // Whoever has another key, or none, has no answer, and what they keep is none to those who seal.
    for other in [&stranger, &open] {
        let told = ask(other, "Price", 1).await;
        assert!(told.status == 200 && told.cache.contains("fwd=uri-miss"), "{}", told.cache);
        assert_ne!(told.output, made.output);
    }
}

#[tokio::test]
async fn a_session_is_the_same_on_every_server() {
    let mut redis = RedisServer::start();
    let apart = format!("{}sessions = false\n", section(&redis));
    let projects = [project(&section(&redis)), project(&section(&redis)), project(&apart)];
    let [first, second, third] = projects.each_ref().map(Project::serve);
    let verb = async |server: &Server, name: &str, input: Json| {
        let url = format!("{}/v1/operations/session.{name}", server.url);
        let answer = crate::support::http().post(url).json(&input).send().await.unwrap();
        let (status, body): (_, Json) = (answer.status().as_u16(), answer.json().await.unwrap());
        if status == 200 { body["output"].clone() } else { body["code"].clone() }
    };
    let made = verb(&first, "create", json!({ "state": { "cart": [1] }, "ttl": "1h" })).await;
    let id = made["session_id"].clone();
    let changed = verb(&second, "update", json!({ "session_id": id, "patch": { "cart": [1, 2] } })).await;
    assert_eq!(changed["state"]["cart"], json!([1, 2]), "{changed}");
    let stale = json!({ "session_id": id, "patch": {}, "version": made["version"] });
    assert_eq!(verb(&first, "update", stale).await, "NX-2402", "somebody else was faster, on another server");
    assert_eq!(verb(&first, "list", json!({})).await["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(verb(&third, "show", json!({ "session_id": id })).await, "NX-2401", "which keeps its own");
    let own = verb(&third, "create", json!({})).await["session_id"].clone();

    redis.kill();
    assert_eq!(verb(&second, "show", json!({ "session_id": id })).await, "NX-2097");
    assert_eq!(verb(&third, "show", json!({ "session_id": own })).await["session_id"], own);
    assert_eq!(ask(&second, "Plain", 1).await.status, 200, "who carries no session goes on");
    redis.restart();
    // It had saved nothing, so the session is none, and says so as soon as Redis is asked again.
    world::until(async || verb(&second, "show", json!({ "session_id": id })).await == "NX-2401").await;
    let made = verb(&second, "create", json!({ "state": { "cart": [3] } })).await;
    // The other server finds out that its connection was to the Redis of before.
    let show = async || verb(&first, "show", json!({ "session_id": made["session_id"] })).await;
    world::until(async || show().await["state"]["cart"] == json!([3])).await;
    let gone = verb(&first, "delete", json!({ "session_id": made["session_id"] })).await;
    assert_eq!(gone["session_id"], made["session_id"]);
    assert_eq!(verb(&second, "show", json!({ "session_id": made["session_id"] })).await, "NX-2401");
}

#[tokio::test]
async fn a_limit_is_one_over_all_servers() {
    let redis = RedisServer::start();
    let config = format!("{}[limits.operations.Plain]\ntotal = \"5/h\"\n", section(&redis));
    let projects = [project(&config), project(&config)];
    let servers = projects.each_ref().map(Project::serve);
    let mut left = Vec::new();
    for call in 0..5 {
        let answer = ask(&servers[call % 2], "Plain", 1).await;
        assert_eq!(answer.status, 200);
        left.push(answer.left.unwrap());
    }
    assert_eq!(left, ["4", "3", "2", "1", "0"]);
    for server in &servers {
        let refused = ask(server, "Plain", 1).await;
        assert_eq!((refused.status, code(&refused)), (429, "NX-2071"));
        assert!(refused.retry_after.unwrap().parse::<u64>().unwrap() > 600);
    }
    // A server that starts anew knows what was counted, and who was counted cannot be read.
    let [first, _second] = servers;
    first.kill();
    assert_eq!(ask(&projects[0].serve(), "Plain", 1).await.status, 429);
    assert!(redis.keys().iter().all(|key| !key.contains("Plain") && !key.contains("127.0.0.1")));
}

#[tokio::test]
async fn redis_that_is_away_is_told_and_refuses_nobody_unless_a_project_says_so() {
    let mut redis = RedisServer::start();
    let config = |more: &str| format!("{}{more}\n[limits]\nprincipal = \"1000/h\"\n", section(&redis));
    let projects = [project(&config("")), project(&config("on_failure = \"refuse\""))];
    let [lenient, strict] = projects.each_ref().map(Project::serve);
    let health = async || {
        let answer = crate::support::http().get(format!("{}/health", lenient.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Json>().await.unwrap())
    };
    assert_eq!(health().await.1["checks"]["redis"], json!({ "status": "healthy" }));
    redis.kill();
    assert_eq!(ask(&lenient, "Price", 1).await.status, 200);
    let refused = ask(&strict, "Price", 1).await;
    assert_eq!((refused.status, code(&refused), refused.retry_after.as_deref()), (503, "NX-2091", Some("1")));
    world::until(async || health().await.1["status"] == "degraded").await;
    let (status, told) = health().await;
    assert_eq!((status, &told["checks"]["redis"]["status"]), (200, &json!("degraded")));
    let ready = crate::support::http().get(format!("{}/readyz", lenient.url)).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    let untold = projects[0].nexus(&["cache", "invalidate", "--tag", "product:1"]);
    untold.refused(5, "NX-2092", "nobody else can be told");
    let shown = projects[0].nexus(&["cache", "show"]).ok().stdout();
    assert!(shown.contains("redis (away)"), "{shown}");
    let metrics = crate::support::http().get(format!("{}/metrics", lenient.url)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("nexus_redis_up 0\n"), "{metrics}");
    // It comes back by itself.
    redis.restart();
    world::until(async || ask(&strict, "Price", 1).await.status == 200).await;
    world::until(async || health().await.1["status"] == "healthy").await;
}

#[tokio::test]
async fn what_redis_is_shown_is_told_by_nobody() {
    let redis = RedisServer::start();
    // A user who may do what the documentation says it needs, and nobody else.
    let page = std::fs::read_to_string(root().join("docs/redis.md")).unwrap();
    let user = page.lines().find_map(|line| line.strip_prefix("$ redis-cli ")).unwrap();
    let user = user.replace('\'', "").replace("sesame", "sesame-street");
    assert_eq!(redis.tell(&user.split(' ').collect::<Vec<_>>()), "OK");
    assert_eq!(redis.tell(&["acl", "setuser", "admin", "on", ">sesame-admin", "allkeys", "+@all"]), "OK");
    assert_eq!(redis.tell(&["acl", "setuser", "default", "off"]), "OK");
    let admin = |command: &[&str]| {
        let who = ["--no-auth-warning", "--user", "admin", "--pass", "sesame-admin"];
        redis.tell(&[&who[..], command].concat())
    };
    let host = redis.url().replace("redis://", "").replace("/0", "");
    let config = "[redis]\nurl = { file = \"address\" }\ntimeout = \"5s\"\n[limits]\nprincipal = \"100/h\"\n";
    let project = project(config);
    project.nexus(&["cache", "show"]).refused(2, "NX-1207", "there is no such file");
    project.write("address", &format!("redis://nexus:sesame-street@{host}/0\n"));
    let server = project.serve();
    for _ in 0..2 {
        assert_eq!(ask(&server, "Price", 1).await.status, 200);
    }
    world::until(async || admin(&["keys", "*"]).contains("nexus:cache:answer:")).await;
    assert!(admin(&["keys", "*"]).contains("nexus:limit:principal:"));
    project.nexus(&["cache", "invalidate", "--tag", "product:1"]).ok();
    let session = project.nexus(&["call", "session.create", "--format", "json"]).ok().json();
    let id = session["session_id"].as_str().unwrap();
    assert_eq!(
        project.nexus(&["call", "session.list", "--format", "json"]).ok().json()["sessions"][0]["session_id"],
        id
    );
    project.nexus(&["call", "session.delete", "--session-id", id]).ok();
    let shown = project.nexus(&["cache", "show", "--format", "json"]).ok().json();
    assert_eq!((&shown["levels"][1]["state"], &shown["levels"][1]["failed"]), (&json!("up"), &json!(0)));
    server.stop();
    // With a wrong one it is away, and why is told without it.
    project.write("address", &format!("redis://nexus:sesame-alley@{host}/0\n"));
    let server = project.serve_telling("debug");
    assert_eq!(ask(&server, "Price", 1).await.status, 200);
    let shown = project.nexus(&["cache", "show"]).ok().stdout();
    assert!(shown.contains("redis (away)"), "{shown}");
    let health = crate::support::http().get(format!("{}/health", server.url)).send().await.unwrap();
    let told = health.text().await.unwrap() + &server_log(project.path()) + &shown;
    assert!(told.contains("Redis is away") && !told.contains("sesame"), "{told}");
    project.write("nexus.toml", "[redis]\nurl = \"redis://:sesame-street@localhost/none\"\n");
    let refused = project.nexus(&["check"]);
    refused.refused(2, "NX-1207", "no database");
    assert!(!refused.stderr().contains("sesame"));
}

#[tokio::test]
async fn redis_over_tls_is_believed_when_somebody_known_vouches_for_it() {
    let authority = Authority::new();
    let (certificate, key) = authority.files("localhost");
    let folder =
        Project::with(&[("server.pem", &certificate), ("server.key", &key), ("ca.pem", &authority.pem)]);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let redis = RedisServer::start_with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &at("server.pem"),
        "--tls-key-file",
        &at("server.key"),
        "--tls-ca-cert-file",
        &at("ca.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    let config = format!("[redis]\nurl = \"rediss://localhost:{port}/0\"\ntimeout = \"5s\"\n");
    let project = project(&config);
    let server = project.serve_with(&[("SSL_CERT_FILE", &at("ca.pem"))]);
    ask(&server, "Price", 1).await;
    world::until(async || !redis.keys().is_empty()).await;
    server.stop();
    redis.tell(&["flushall"]);
    let other = Authority::new();
    folder.write("ca.pem", &other.pem);
    let server = project.serve_with(&[("SSL_CERT_FILE", &at("ca.pem"))]);
    assert_eq!(ask(&server, "Price", 1).await.status, 200);
    let health = crate::support::http().get(format!("{}/health", server.url)).send().await.unwrap();
    let told: Json = health.json().await.unwrap();
    assert_eq!(told["checks"]["redis"]["status"], "degraded", "{told}");
    assert!(redis.keys().is_empty());
}
