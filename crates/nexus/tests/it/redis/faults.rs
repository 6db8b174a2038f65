//! Redis is killed, started again, stopped and continued under calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::world::{Told, asked, code, project, section_with, until};
use crate::redis_server::RedisServer;
use crate::support::{Project, http};

/// Calls of the limited workflow in an hour, over all servers.
const LIMIT: usize = 40;

const SERVERS: usize = 2;

/// Answers between two faults.
const ANSWERS: usize = 50;

/// Somebody at one of the servers.
#[derive(Clone)]
struct Caller {
    who: &'static str,
    key: String,
    url: String,
    client: reqwest::Client,
}

impl Caller {
    async fn ask(&self, workflow: &str, id: u64) -> Told {
        let request = self.client.post(format!("{}/workflows/{workflow}/execute", self.url));
        asked(request.header("x-api-key", &self.key), id).await
    }
}

#[derive(Default)]
struct Scene {
    answers: watch::Sender<usize>,
    is_over: AtomicBool,
    /// Calls of the limited workflow that were let in.
    let_in: AtomicUsize,
    /// What each caller was given of the workflow whose answers are kept.
    given: Mutex<BTreeMap<&'static str, BTreeSet<String>>>,
}

impl Scene {
    /// Calls until it is over. Every call has an answer, and the right one.
    async fn call(self: Arc<Scene>, caller: Caller) {
        let who = caller.who;
        for number in 0_u64.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let id = number % 5;
            let told = caller.ask("Price", id).await;
            assert_eq!(told.status, 200, "{who}: {}", told.body);
            let output = told.output.as_str().unwrap().to_owned();
            assert!(output.starts_with(&format!("{id} ")), "{who} has asked for {id}: {output}");
            self.given.lock().unwrap().entry(who).or_default().insert(output);
            let told = caller.ask("Plain", id).await;
            match told.status {
                200 => drop(self.let_in.fetch_add(1, Ordering::SeqCst)),
                status => assert_eq!((status, code(&told)), (429, "NX-2071"), "{who}: {}", told.body),
            }
            self.answers.send_modify(|answers| *answers += 1);
        }
    }

    /// Waits until so many calls more are answered. Whoever has failed says so.
    async fn go_on(&self, callers: &mut JoinSet<()>) {
        let mut answers = self.answers.subscribe();
        let until = *answers.borrow_and_update() + ANSWERS;
        while *answers.borrow_and_update() < until {
            tokio::select! {
                changed = answers.changed() => changed.unwrap(),
                Some(ended) = callers.join_next() => ended.unwrap(),
            }
        }
    }
}

/// A key of a caller. Every server has keys of its own.
fn key(project: &Project, name: &str) -> String {
    project.nexus(&["key", "create", name, "--role", "caller"]).ok().stdout().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_answered_wrongly_or_let_in_beyond_the_bound_whatever_becomes_of_redis() {
    let mut redis = RedisServer::start();
    let config = format!(
        "{}[auth]\nenabled = true\n[limits.operations.Plain]\ntotal = \"{LIMIT}/d\"\n",
        section_with(&redis, "1s")
    );
    let projects = [(); SERVERS].map(|()| project(&config));
    let servers = projects.each_ref().map(Project::serve);
    let (scene, mut callers) = (Arc::new(Scene::default()), JoinSet::new());
    let mut known = Vec::new();
    for (project, server) in projects.iter().zip(&servers) {
        for who in ["ada", "bob"] {
            let (key, url) = (key(project, who), server.url.clone());
            let caller = Caller { who, key, url, client: http() };
            callers.spawn(Arc::clone(&scene).call(caller.clone()));
            known.push(caller);
        }
    }
    scene.go_on(&mut callers).await;
    // As many as there may be, unless this machine has kept even a Redis that is well from answering in time.
    assert!(scene.let_in.load(Ordering::SeqCst) >= LIMIT, "together while Redis answers");
    for _ in 0..2 {
        redis.kill();
        scene.go_on(&mut callers).await;
        redis.restart();
        scene.go_on(&mut callers).await;
        redis.hang();
        scene.go_on(&mut callers).await;
        redis.go_on();
        scene.go_on(&mut callers).await;
    }
    scene.is_over.store(true, Ordering::SeqCst);
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    let given = scene.given.lock().unwrap().clone();
    assert!(given["ada"].is_disjoint(&given["bob"]), "nobody gets somebody else's answer");
    // It is back, and what one server is told to forget now no other gives.
    until(async || projects[0].nexus(&["cache", "invalidate", "--operation", "Price"]).code() == 0).await;
    for caller in &known {
        for id in 0..5 {
            let told = caller.ask("Price", id).await;
            let is_old = given[caller.who].contains(told.output.as_str().unwrap());
            assert!(!is_old, "{} at {}: {}", caller.who, caller.url, told.cache);
        }
    }
    let let_in = scene.let_in.load(Ordering::SeqCst);
    assert!(let_in <= LIMIT * SERVERS, "{let_in}");
}
