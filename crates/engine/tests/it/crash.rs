//! The process dies after every single commit: what comes back finishes the work, and nothing happens twice.

mod lives;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nexus_engine::activity::input::{ActivityInput, Outcome as Ending};
use nexus_engine::view::HistoryView;
use nexus_kernel::BoxFuture;
use nexus_kernel::activity::{ActivityTask, ActivityToken, Completion};
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, Namespace, RunId, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::activity::SharedProgress;
use nexus_kernel::port::blob::{Blobs, Hash};
use nexus_kernel::port::event::{Appended, Event, EventPage, EventQuery, Events, Fact, Prune};
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use nexus_kernel::port::log::{Append, Epoch, LiveKey, Log, Refused, Stored, Trim};
use nexus_kernel::port::runs::{RunFilter, RunRow, RunStatus, Runs, UsedAttribute};
use nexus_kernel::port::usage::Usage;
use nexus_kernel::time::Timestamp;
use nexus_kernel::visibility::{Group, RunCount, RunQuery};
use serde_json::json;

use crate::support::{Scripted, World, echo, request};

/// A store that lets this many writes through, then fails: the process has died with its last commit on the disk.
pub(crate) struct Mortal {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) left: AtomicUsize,
}

impl Mortal {
    /// A write while the process lives; the last one reaches the disk, its acknowledgement nobody.
    fn written<'a, T: Send + 'a>(
        &self,
        write: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left: usize| left.checked_sub(1)) {
            Ok(1) => Box::pin(async move {
                write.await?;
                Err(StoreError::Closed)
            }),
            Ok(_) => write,
            Err(_) => Box::pin(std::future::ready(Err(StoreError::Closed))),
        }
    }
}

impl Log for Mortal {
    fn acquire(&self, partitions: Range<u16>, owner: &str) -> BoxFuture<'_, Result<Epoch, StoreError>> {
        self.inner.acquire(partitions, owner)
    }

    fn append(&self, batch: Vec<Append>) -> BoxFuture<'_, Result<Vec<Result<u64, Refused>>, StoreError>> {
        let write = self.inner.append(batch);
        self.written(write)
    }

    fn read(&self, key: &Key, after: u64) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        self.inner.read(key, after)
    }

    fn live(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<LiveKey>, StoreError>> {
        self.inner.live(after, limit)
    }

    fn trim(&self, trim: Trim) -> BoxFuture<'_, Result<Result<(), Refused>, StoreError>> {
        self.inner.trim(trim)
    }
}

impl Runs for Mortal {
    fn run(&self, run_id: &RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        self.inner.run(run_id)
    }

    fn runs(&self, query: RunQuery) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        self.inner.runs(query)
    }

    fn count(&self, count: RunCount) -> BoxFuture<'_, Result<Vec<Group>, StoreError>> {
        self.inner.count(count)
    }

    fn attribute_types(&self) -> BoxFuture<'_, Result<Vec<UsedAttribute>, StoreError>> {
        self.inner.attribute_types()
    }
}

impl Usage for Mortal {
    fn used_bytes(&self, namespace: &Namespace) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.used_bytes(namespace)
    }
}

impl Kv for Mortal {
    fn kv_get(&self, namespace: &Namespace, key: &str) -> BoxFuture<'_, Result<Option<KvEntry>, StoreError>> {
        self.inner.kv_get(namespace, key)
    }

    fn kv_list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<KvEntry>, StoreError>> {
        self.inner.kv_list(namespace, prefix, after, limit)
    }

    fn kv_commit(
        &self,
        namespace: &Namespace,
        checks: Vec<KvCheck>,
        writes: Vec<KvWrite>,
    ) -> BoxFuture<'_, Result<KvCommit, StoreError>> {
        let key = |write: &KvWrite| match write {
            KvWrite::Put { key, .. } | KvWrite::Delete { key } => key.clone(),
        };
        // Deploying is not what these tests count.
        let counts =
            writes.iter().any(|write| ["batch/", "nexus/"].iter().any(|it| key(write).starts_with(it)));
        let write = self.inner.kv_commit(namespace, checks, writes);
        if counts { self.written(write) } else { write }
    }
}

impl Events for Mortal {
    fn event_append(
        &self,
        namespace: &Namespace,
        facts: Vec<Fact>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        let write = self.inner.event_append(namespace, facts);
        self.written(write)
    }

    fn event_read(&self, query: EventQuery) -> BoxFuture<'_, Result<EventPage, StoreError>> {
        self.inner.event_read(query)
    }

    fn event_get(&self, namespace: &Namespace, id: &str) -> BoxFuture<'_, Result<Option<Event>, StoreError>> {
        self.inner.event_get(namespace, id)
    }

    fn event_prune(&self, namespace: &Namespace, prune: Prune) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.event_prune(namespace, prune)
    }

    fn event_namespaces(&self) -> BoxFuture<'_, Result<Vec<Namespace>, StoreError>> {
        self.inner.event_namespaces()
    }
}

impl Blobs for Mortal {
    fn blob_put(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Hash, StoreError>> {
        self.inner.blob_put(bytes)
    }

    fn blob_get(&self, hash: &Hash) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.inner.blob_get(hash)
    }

    fn blob_release(&self, hashes: Vec<Hash>) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.blob_release(hashes)
    }
}

/// Every kind of command in one program: fan-out, a timer, a child, a Nexus operation, a detached one; an activity that
/// fails and reports its progress, and one that is completed from outside.
const PROGRAM: &str = "\
workflow Everything(n: int) -> (int):
    await all (x in range(0, 3)) -> parts:
        activity Do(x) -> part
    await timer(1m)
    workflow Child(n) -> c
    nexus \"default\" workflow Child(n) -> d
    detach nexus \"default\" workflow Child(100)
    activity Count(n) -> counted
    activity Approve(n) -> approved
    close complete(sum(parts) + c + d + counted + approved)

workflow Child(n: int) -> (int):
    activity Do(n) -> y
    await timer(1s)
    close complete(y)

activity Do(x: any) -> (any):
    ...

activity Count(n: int) -> (int):
    options:
        start_to_close_timeout: 1h
        heartbeat_timeout: 1m
    ...

activity Approve(n: int) -> (int):
    options:
        start_to_close_timeout: 1h
        heartbeat_timeout: 1m
    ...
";

/// Tokens of what is to be completed from outside: somebody who does not die with the process has them.
type Tokens = Arc<Mutex<Vec<ActivityToken>>>;

fn activities(tokens: &Tokens) -> Scripted {
    let tokens = Arc::clone(tokens);
    let approve = move |task: ActivityTask, _: SharedProgress| -> BoxFuture<'static, _> {
        tokens.lock().unwrap().push(task.token());
        Box::pin(std::future::ready(Ok(Completion::Later)))
    };
    Scripted::default()
        .with("Do", echo)
        .working("Count", |task, progress| Box::pin(count(task, progress)))
        .working("Approve", approve)
}

/// Counts to three and says so at each step; the first attempt gives up half way.
async fn count(task: ActivityTask, progress: SharedProgress) -> Result<Completion, Failure> {
    let from = task.heartbeat_details.as_u64().unwrap_or(0);
    for done in from + 1..=3 {
        // An error says that the process is dying.
        let _ = progress.beat(json!(done)).await;
        if task.attempt == 1 && done == 2 {
            return Err(Failure::application("Flaky", "half way"));
        }
    }
    Ok(Completion::Done(json!(3)))
}

/// Whoever completes what is outside: first a heartbeat, then the end. Reports that come twice are refused.
async fn approve(world: &World, tokens: &Tokens) {
    loop {
        let known = tokens.lock().unwrap().clone();
        for token in known {
            let ticket = Some(token.ticket);
            let _ = world.tell(token.clone(), ActivityInput::Beat { ticket, details: json!("read") }).await;
            let outcome = Ending::Completed(json!(4));
            let _ = world.tell(token, ActivityInput::Reported { ticket, outcome }).await;
        }
        tokio::task::yield_now().await;
    }
}

/// One life: the engine runs on the store until its appends are used up, or until all work is done.
async fn live(store: Arc<MemoryStore>, clock: &SimClock, appends: usize, tokens: &Tokens) {
    let mortal = Arc::new(Mortal { inner: store, left: AtomicUsize::new(appends) });
    let world = World::on(mortal.clone(), clock.clone(), PROGRAM, activities(tokens)).await;
    let mut start = request("Everything", json!({ "n": 10 }));
    start.idempotency_key = Some("the-one".to_owned());
    start.workflow_id = Some(WorkflowId::new("everything").unwrap());
    // An error means that the process died while the caller waited; the caller asks again in the next life.
    if let Ok(started) = world.engine.start(start).await {
        let end = async {
            tokio::select! {
                _ = world.engine.end(started) => {}
                () = approve(&world, tokens) => {}
            }
        };
        world.until(end).await;
    }
    let all_done = async {
        while mortal.left.load(Ordering::SeqCst) > 0 && !mortal.inner.live(0, 1).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    world.until(all_done).await;
    world.stop().await;
}

#[tokio::test]
async fn a_crash_after_every_commit_changes_nothing() {
    for first_life in 1..50 {
        let store = Arc::new(MemoryStore::new());
        let clock = SimClock::at(Timestamp::from_millis(1_000_000));
        let tokens = Tokens::default();
        live(store.clone(), &clock, first_life, &tokens).await;
        live(store.clone(), &clock, usize::MAX, &tokens).await;
        check(&store, &clock).await;
    }
}

#[tokio::test]
async fn many_short_lives_still_finish() {
    // The caller asks for its start again in each life, and so may a parent for that of its child: it takes one append
    // to find out that the run is known.
    for appends in 3..6 {
        let store = Arc::new(MemoryStore::new());
        let clock = SimClock::at(Timestamp::from_millis(1_000_000));
        let (mut lives, tokens) = (0, Tokens::default());
        while lives == 0 || !store.live(0, 1).await.unwrap().is_empty() {
            live(store.clone(), &clock, appends, &tokens).await;
            lives += 1;
            assert!(lives < 200, "with {appends} appends in a life the work never ends");
        }
        check(&store, &clock).await;
    }
}

async fn check(store: &Arc<MemoryStore>, clock: &SimClock) {
    let world = World::on(store.clone(), clock.clone(), PROGRAM, activities(&Tokens::default())).await;
    let rows = world.engine.list(RunFilter { limit: 100, ..RunFilter::default() }).await.unwrap();
    assert_eq!(rows.len(), 4, "one parent and three children: {rows:#?}");
    for row in &rows {
        assert_eq!(row.status, RunStatus::Completed);
        check_history(&world.engine.history(&row.run_id).await.unwrap());
    }
    let parent = rows.iter().find(|row| row.workflow == "Everything").unwrap();
    let view = world.engine.show(&parent.run_id).await.unwrap();
    assert_eq!(view.result, json!(23 + 3 + 4));
    world.stop().await;
}

/// Ids are dense, and no command ends twice.
fn check_history(history: &HistoryView) {
    let mut ended = BTreeSet::new();
    for (at, event) in history.events.iter().enumerate() {
        assert_eq!(event.id, at as u64 + 1);
        let json = serde_json::to_value(&event.event).unwrap();
        let name = event.event.name();
        if name.ends_with("Fired") || (name.ends_with("Completed") && !json["seq"].is_null()) {
            assert!(ended.insert(json["seq"].as_u64()), "{history:#?}");
        }
    }
}
