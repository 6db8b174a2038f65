//! One busy function never delays another's.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nexus_kernel::id::Namespace;
use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::{Capabilities, HostFunctions, Invocation, OpError, Options, Priority, Sandbox};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::fixture::{module, options};

/// Tells that a hog has begun, and counts who is inside at the same time.
#[derive(Default)]
struct Gauge {
    begun: AtomicUsize,
    arrived: Notify,
    inside: AtomicUsize,
    most: AtomicUsize,
}

impl HostFunctions for Gauge {
    fn call_now(&self, name: &str, _: Json) -> Result<Json, OpError> {
        if name == "begun" {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.arrived.notify_one();
            return Ok(Value::Null);
        }
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        for _ in 0..200 {
            std::thread::yield_now();
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        Ok(Value::Null)
    }

    fn call(&self, _: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        Box::pin(std::future::ready(Ok(arg)))
    }
}

async fn call(source: &str, gauge: &Arc<Gauge>) -> Invocation {
    let mut call = Invocation::new(module(source).await, "Main", json!(41));
    call.capabilities = Capabilities::parse(["host:*"]).unwrap();
    call.functions = Some(gauge.clone());
    call
}

fn two_threads() -> Sandbox {
    Sandbox::start(Options { threads: NonZeroUsize::new(2), ..options() }).unwrap()
}

#[tokio::test]
async fn hogs_do_not_delay_short_calls() {
    let (own, gauge) = (two_threads(), Arc::new(Gauge::default()));
    let mut hog = call("export function Main(_, ctx) { ctx.hostNow('begun'); for (;;); }", &gauge).await;
    // They would compute for minutes: whoever had to wait for one of them would notice.
    (hog.limits.cpu_slice_ms_max, hog.limits.cpu_ms_max, hog.limits.wall_ms_max) =
        (600_000, 600_000, 3_600_000);
    let mut hogs = JoinSet::new();
    for _ in 0..8 {
        let (own, hog) = (own.clone(), hog.clone());
        hogs.spawn(async move { own.call(hog).await });
    }
    while gauge.begun.load(Ordering::SeqCst) < 8 {
        gauge.arrived.notified().await;
    }
    let short = call("export function Main(n) { return n + 1 }", &gauge).await;
    for _ in 0..1_000 {
        assert_eq!(own.call(short.clone()).await.unwrap().result, json!(42));
    }
    assert!(hogs.try_join_next().is_none(), "all eight go on computing");
    let stopped = hogs.len();
    hogs.abort_all();
    assert_eq!(stopped, 8);
    drop(hogs);
    assert_eq!(own.call(short).await.unwrap().result, json!(42), "abandoned hogs stop at their next tick");
}

#[tokio::test]
async fn a_hog_begins_among_hogs_the_next_time() {
    let (own, gauge) = (two_threads(), Arc::new(Gauge::default()));
    let source = "export function Main(n, ctx) { ctx.hostNow('begun'); for (;;); } export function Short(n) { return n }";
    let hog = call(source, &gauge).await;
    for _ in 0..3 {
        own.call(hog.clone()).await.unwrap_err();
    }
    // Now that it is known: 50 at once hold up nobody, another export of the same file included.
    let mut hogs = JoinSet::new();
    for _ in 0..50 {
        let (own, mut hog) = (own.clone(), hog.clone());
        (hog.limits.cpu_slice_ms_max, hog.limits.cpu_ms_max, hog.limits.wall_ms_max) =
            (600_000, 600_000, 3_600_000);
        hogs.spawn(async move { own.call(hog).await });
    }
    while gauge.begun.load(Ordering::SeqCst) < 4 {
        gauge.arrived.notified().await;
    }
    let mut short = hog;
    short.export = "Short".to_owned();
    for _ in 0..200 {
        assert_eq!(own.call(short.clone()).await.unwrap().result, json!(41));
    }
    assert_eq!(gauge.begun.load(Ordering::SeqCst), 4, "the one thread for hogs has one");
}

#[tokio::test]
async fn there_are_never_more_instances_than_allowed() {
    let gauge = Arc::new(Gauge::default());
    let sizes = Options { threads: NonZeroUsize::new(8), instances_max: 3, resident_max: 1, ..options() };
    let own = Sandbox::start(sizes).unwrap();
    let source = "export async function Main(n, ctx) {
        for (let i = 0; i < 5; i++) { ctx.hostNow('inside'); await ctx.host('wait', n); ctx.hostNow('inside') } return n }";
    let call = call(source, &gauge).await;
    let mut calls = JoinSet::new();
    for n in 0..100 {
        let (own, mut call) = (own.clone(), call.clone());
        call.context.namespace = Namespace::new(&format!("team-{}", n % 7)).unwrap();
        call.priority = [Priority::High, Priority::Normal, Priority::Low][n % 3];
        calls.spawn(async move { own.call(call).await.unwrap().result });
    }
    while let Some(done) = calls.join_next().await {
        assert_eq!(done.unwrap(), json!(41));
    }
    let most = gauge.most.load(Ordering::SeqCst);
    assert!((2..=3).contains(&most), "{most} ran at the same time");
}
