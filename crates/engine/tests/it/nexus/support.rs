//! Two servers in one process, each with its own store and project, that reach each other as over HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use http::Response;
use nexus_engine::nexus::{EndpointSpec, Target};
use nexus_engine::record::Event;
use nexus_engine::testing::outside;
use nexus_engine::view::HistoryView;
use nexus_engine::{Definition, EngineHandle};
use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::RunId;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::exchange::{MemoryExchange, Server};
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::runs::{RunFilter, RunRow};
use nexus_kernel::time::Timestamp;
use nexus_rpc::{HandlerError, HandlerErrorKind};
use serde_json::json;

use crate::support::{Scripted, World, definition, echo, sketch};

/// Where the bank's operations are.
pub(crate) const BANK_URL: &str = "http://bank.test/nexus/endpoints/bank/services";

/// Callers, one for each way to call and to be told.
pub(crate) const SHOP: &str = include_str!("shop.twf");

/// Those who are called.
pub(crate) const BANK: &str = include_str!("bank.twf");

/// Two servers.
pub(crate) struct Two {
    pub(crate) shop: World,
    pub(crate) bank: World,
    pub(crate) net: MemoryExchange,
    pub(crate) clock: SimClock,
}

/// The world's clock at its beginning.
pub(crate) fn beginning() -> SimClock {
    SimClock::at(Timestamp::from_millis(1_000_000))
}

impl Two {
    pub(crate) async fn new() -> Two {
        let clock = beginning();
        let net = MemoryExchange::new(Arc::new(clock.clone()));
        let stores = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
        let shop = shop(&net, &clock, stores.0).await;
        let bank = bank(&net, &clock, stores.1).await;
        Two { shop, bank, net, clock }
    }

    /// Runs a workflow of the shop to its end.
    pub(crate) async fn run(&self, workflow: &str, input: Json) -> nexus_engine::shard::Outcome {
        self.shop.run(workflow, input).await
    }

    pub(crate) async fn stop(self) {
        self.shop.stop().await;
        self.bank.stop().await;
    }
}

/// The shop, whose endpoint `bank` leads to the bank.
pub(crate) async fn shop(net: &MemoryExchange, clock: &SimClock, store: SharedStore) -> World {
    let world =
        side(net, "shop.test", (store, clock.clone()), compiled(&SHOP_COMPILED, || sketch(SHOP))).await;
    world.engine.configure_endpoints(vec![leads_to("bank", BANK_URL)]);
    world
}

/// The bank, which lets the shop's namespace call.
pub(crate) async fn bank(net: &MemoryExchange, clock: &SimClock, store: SharedStore) -> World {
    side(net, "bank.test", (store, clock.clone()), compiled(&BANK_COMPILED, || definition(BANK))).await
}

static SHOP_COMPILED: OnceLock<Arc<Definition>> = OnceLock::new();
static BANK_COMPILED: OnceLock<Arc<Definition>> = OnceLock::new();

/// A definition that is compiled once: these worlds are opened hundreds of times.
fn compiled(kept: &OnceLock<Arc<Definition>>, compile: impl FnOnce() -> Arc<Definition>) -> Arc<Definition> {
    Arc::clone(kept.get_or_init(compile))
}

/// A server at an authority of the net.
pub(crate) async fn side(
    net: &MemoryExchange,
    authority: &str,
    (store, clock): (SharedStore, SimClock),
    definition: Arc<Definition>,
) -> World {
    let way = Arc::new(net.reached_at(&format!("http://{authority}/nexus/callback")));
    let flaky = AtomicUsize::new(0);
    let activities =
        Scripted::default().with("Do", echo).with("Decline", |_| Err(declined())).with("Flaky", move |_| {
            match flaky.fetch_add(1, Ordering::SeqCst) {
                2 => Ok(json!("the third run")),
                _ => Err(Failure::application("Flaky", "again").final_()),
            }
        });
    // No run that waits stays in memory, so that every test shows that nothing is lost by it.
    let world = World::reaching(way, 0, (store, clock), definition, activities).await;
    net.serve(authority, serve(world.engine.clone()));
    world
}

/// Why a card is declined, with all its causes.
pub(crate) fn declined() -> Failure {
    let root = Failure { details: vec![json!({ "short": 3 })], ..Failure::application("Account", "empty") };
    let middle = Failure::application("OutOfFunds", "3 short").caused_by(root);
    Failure::application("CardDeclined", "no funds").caused_by(middle).final_()
}

/// An endpoint that leads outside, for everybody here.
pub(crate) fn leads_to(name: &str, url: &str) -> EndpointSpec {
    EndpointSpec {
        name: name.to_owned(),
        target: Target::Outside { url: url.to_owned() },
        allowed_caller_namespaces: Vec::new(),
        description: String::new(),
    }
}

/// What the gateway does: requests of Nexus RPC become calls of an engine.
pub(crate) fn serve(engine: EngineHandle) -> Server {
    Arc::new(move |request| {
        let engine = engine.clone();
        Box::pin(async move { Some(outside::answer(&engine, request).await) })
    })
}

/// An answer that refuses a request.
pub(crate) fn refused(kind: HandlerErrorKind) -> Response<Vec<u8>> {
    HandlerError::new(kind, "not now").to_http()
}

/// The runs of a workflow.
pub(crate) async fn runs(world: &World, workflow: &str) -> Vec<RunRow> {
    let filter = RunFilter { workflow: Some(workflow.into()), limit: 100, ..RunFilter::default() };
    world.engine.list(filter).await.unwrap()
}

/// The Nexus operations that runs wait for, as `operation.list` shows them.
pub(crate) async fn operations(world: &World) -> Vec<Json> {
    let all = world.call("operation.list", json!({})).await.unwrap();
    all["operations"].as_array().unwrap().clone()
}

/// The one Nexus operation that a run waits for.
pub(crate) async fn operation(world: &World) -> Json {
    let all = operations(world).await;
    assert_eq!(all.len(), 1, "{all:#?}");
    all[0].clone()
}

/// The names of the events about Nexus operations.
pub(crate) async fn nexus_events(world: &World, run: &RunId) -> Vec<&'static str> {
    let history = world.engine.history(run).await.unwrap();
    let names = history.events.iter().map(|event| event.event.name());
    names.filter(|name| name.starts_with("NexusOperation")).collect()
}

/// How many ends each command of a history has.
pub(crate) fn ends(history: &HistoryView, wanted: u64) -> usize {
    let is_end = |event: &&Event| match event {
        Event::NexusOperationCompleted { seq, .. }
        | Event::NexusOperationFailed { seq, .. }
        | Event::NexusOperationTimedOut { seq, .. } => *seq == wanted,
        _ => false,
    };
    history.events.iter().map(|it| &it.event).filter(is_end).count()
}

/// Waits until something is so, while time jumps.
pub(crate) async fn eventually<F: Future<Output = bool>>(world: &World, is_so: impl Fn() -> F) {
    let waiting = async {
        for _ in 0..100_000 {
            if is_so().await {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it never comes to that");
    };
    world.until(waiting).await;
}
