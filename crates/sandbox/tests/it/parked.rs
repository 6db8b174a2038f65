//! Executions that are kept while they wait, and go on in another process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_kernel::id::Namespace;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::clock::Clock;
use nexus_kernel::port::rng::{SharedRng, SystemRng};
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::{
    CallError, Capabilities, HostFunctions, Invocation, Keep, Keeper, Module, OpError, Options, Outcome,
    ParkKey, Sandbox,
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::fixture::{module, options};

const HOUR: Duration = Duration::from_hours(1);

/// Keeps the last parcel.
#[derive(Default)]
struct Drawer {
    parcel: Mutex<Option<Vec<u8>>>,
    asked: Notify,
    saved: Notify,
    forgotten: AtomicUsize,
}

struct Handle(Arc<Drawer>);

impl Keeper for Handle {
    fn may_keep(&self) -> bool {
        self.0.asked.notify_one();
        true
    }

    fn save(&self, parcel: Vec<u8>) -> BoxFuture<'static, Result<(), StoreError>> {
        let drawer = self.0.clone();
        Box::pin(async move {
            *drawer.parcel.lock().unwrap() = Some(parcel);
            drawer.saved.notify_one();
            Ok(())
        })
    }

    fn forget(&self) {
        self.0.forgotten.fetch_add(1, Ordering::SeqCst);
    }
}

/// Counts how often functions begin.
#[derive(Default)]
struct Count(AtomicUsize);

impl HostFunctions for Count {
    fn call_now(&self, _: &str, _: Json) -> Result<Json, OpError> {
        Ok(json!(self.0.fetch_add(1, Ordering::SeqCst) + 1))
    }

    fn call(&self, _: &str, _: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        Box::pin(std::future::pending())
    }
}

const SOURCE: &str = "const seen = new Map();
    export async function Main(_, ctx) {
        ctx.log('began'); seen.set('n', ctx.hostNow('begin')); const first = Math.random();
        const big = new Uint8Array(1 << 15).fill(7);
        await Promise.all([ctx.sleep(3_600_000), ctx.sleep(5_400_000)]); ctx.log('went on');
        const again = await Promise.race([ctx.kv.get('none'), ctx.sleep(9e9)]);
        return { n: seen.get('n'), big: big.every((x) => x === 7), differs: Math.random() !== first, again: again ?? 'none', now: ctx.time.now() } }";

/// A process: a clock, a sandbox, a key.
struct World {
    clock: SimClock,
    sandbox: Sandbox,
    count: Arc<Count>,
    drawer: Arc<Drawer>,
    key: ParkKey,
}

fn key(folder: &tempfile::TempDir) -> ParkKey {
    let rng: SharedRng = Arc::new(SystemRng);
    ParkKey::of(folder.path(), &rng).unwrap()
}

impl World {
    fn new(key: &ParkKey) -> World {
        let clock = SimClock::at(Timestamp::from_millis(1_000_000));
        let sandbox = Sandbox::start(Options { clock: Arc::new(clock.clone()), ..options() }).unwrap();
        World { clock, sandbox, count: Arc::default(), drawer: Arc::default(), key: key.clone() }
    }

    fn call(&self, module: &Module, parcel: Option<Vec<u8>>) -> Invocation {
        let mut call = Invocation::new(module.clone(), "Main", Value::Null);
        call.capabilities = Capabilities::parse(["host", "kv:read"]).unwrap();
        call.deadline = Some(self.clock.now().plus(4 * HOUR));
        call.functions = Some(self.count.clone());
        let keeper = Arc::new(Handle(self.drawer.clone()));
        call.keep = Some(Keep { keeper, key: self.key.clone(), parcel: parcel.map(Arc::new) });
        call
    }

    fn spawn(&self, call: Invocation) -> JoinHandle<Result<Outcome, CallError>> {
        let sandbox = self.sandbox.clone();
        tokio::spawn(async move { sandbox.call(call).await })
    }

    /// Lets an execution wait until it is kept.
    async fn kept(&self) -> Vec<u8> {
        self.drawer.asked.notified().await;
        self.clock.advance(Duration::from_millis(150));
        self.drawer.saved.notified().await;
        self.drawer.parcel.lock().unwrap().clone().unwrap()
    }

    /// What becomes of a call that waits for hours.
    async fn end(&self, running: JoinHandle<Result<Outcome, CallError>>) -> Outcome {
        for _ in 0..2 {
            self.kept().await;
            self.clock.advance(HOUR);
        }
        running.await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn an_execution_goes_on_where_it_was_kept() {
    let home = tempfile::tempdir().unwrap();
    let (module, key) = (module(SOURCE).await, key(&home));
    let first = World::new(&key);
    let running = first.spawn(first.call(&module, None));
    let parcel = first.kept().await;
    running.abort();
    let next = World::new(&key);
    let outcome = next.end(next.spawn(next.call(&module, Some(parcel)))).await;
    assert_eq!((first.count.0.load(Ordering::SeqCst), next.count.0.load(Ordering::SeqCst)), (1, 0));
    let lines: Vec<&str> = outcome.logs.iter().map(|line| line.message.as_str()).collect();
    // The sleep that lost the race is told as ever.
    assert_eq!(lines[..2], ["began", "went on"]);
    assert_eq!(
        (&outcome.result["n"], &outcome.result["big"], &outcome.result["differs"]),
        (&json!(1), &json!(true), &json!(true))
    );
    assert!(outcome.result["now"].as_i64().unwrap() >= 1_000_000 + 5_400_000, "{}", outcome.result);
    assert!(outcome.stats.host_calls >= 5 && outcome.stats.slices >= 3, "{:?}", outcome.stats);
    assert_eq!(next.drawer.forgotten.load(Ordering::SeqCst), 1, "nothing is left of what has ended");
}

#[tokio::test]
async fn an_execution_that_is_kept_goes_on_here_as_well() {
    let home = tempfile::tempdir().unwrap();
    let (module, world) = (module(SOURCE).await, World::new(&key(&home)));
    let outcome = world.end(world.spawn(world.call(&module, None))).await;
    assert_eq!((world.count.0.load(Ordering::SeqCst), &outcome.result["n"]), (1, &json!(1)));
    assert!(outcome.stats.spills >= 1);
}

#[tokio::test]
async fn what_was_made_elsewhere_or_changed_is_begun_again() {
    let home = tempfile::tempdir().unwrap();
    let (own, key) = (module(SOURCE).await, key(&home));
    let first = World::new(&key);
    let running = first.spawn(first.call(&own, None));
    let parcel = first.kept().await;
    running.abort();
    let changed = |at: usize| {
        let mut changed = parcel.clone();
        changed[at] ^= 1;
        changed
    };
    let other_home = tempfile::tempdir().unwrap();
    let other_key = self::key(&other_home);
    let other = module(&SOURCE.replace("'none'", "'nothing'")).await;
    let elsewhere = Namespace::new("other").unwrap();
    let middle = parcel.len() / 2;
    let cases = [
        ("a bit of the header", changed(20), &own, &key, None),
        ("a bit of the memory", changed(middle), &own, &key, None),
        ("a bit of the seal", changed(parcel.len() - 1), &own, &key, None),
        ("cut short", parcel[..middle].to_vec(), &own, &key, None),
        ("nothing", Vec::new(), &own, &key, None),
        ("another key", parcel.clone(), &own, &other_key, None),
        ("other code", parcel.clone(), &other, &key, None),
        ("another namespace", parcel.clone(), &own, &key, Some(&elsewhere)),
    ];
    for (what, parcel, module, key, namespace) in cases {
        let world = World::new(key);
        let mut call = world.call(module, Some(parcel));
        if let Some(namespace) = namespace {
            call.context.namespace = namespace.clone();
        }
        let running = world.spawn(call);
        world.kept().await;
        assert_eq!(world.count.0.load(Ordering::SeqCst), 1, "{what}: it is begun again");
        running.abort();
    }
}

#[tokio::test]
async fn what_cannot_be_asked_again_is_not_kept() {
    let home = tempfile::tempdir().unwrap();
    let source = "export async function Main(_, ctx) { await Promise.race([ctx.sleep(20_000), ctx.host('never')]); return 'woke' }";
    let (module, world) = (module(source).await, World::new(&key(&home)));
    let running = world.spawn(world.call(&module, None));
    world.drawer.asked.notified().await;
    world.clock.advance(Duration::from_millis(150));
    world.clock.advance(Duration::from_secs(20));
    assert_eq!(running.await.unwrap().unwrap().result, json!("woke"));
    assert!(world.drawer.parcel.lock().unwrap().is_none());
}
