//! Ten minutes of calls, one in ten of them hostile: what the process holds afterwards is what it held before.
//!
//! Looked at are resident memory (while it runs and at the end), mappings, descriptors, threads, the right to every one of
//! the pool's instances, operations under way, and functions kept on disk. The last line is the verdict.

pub(super) mod held;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use nexus_kernel::port::clock::{Clock, SystemClock};
use nexus_kernel::port::rng::SystemRng;
use nexus_sandbox::{CallError, CallErrorKind, Capabilities, Invocation, Options, Outcome, Sandbox};
use nexus_store::SqliteStore;
use serde_json::json;
use tokio::task::JoinSet;

use crate::measure::Stopwatch;
use crate::out;
use held::Held;
use world::{Host, Shelf};

/// Calls at the same time.
const CALLERS: u64 = 32;
/// Instances of the pool; more callers than that wait for a permit.
const INSTANCES: u32 = 24;

const GOOD: [&str; 6] = [
    "export function Main(e) { return { ok: true, n: e.n + 1 } }",
    "export async function Main(e, ctx) { await ctx.kv.put('soak/' + e.n % 50, e.n); return await ctx.kv.get('soak/1') }",
    "export async function Main(e, ctx) { await ctx.sleep(5); return e.n }",
    "export async function Main(e, ctx) { await ctx.sleep(150); return e.n }", // long enough to be kept on disk
    "export function Main(e) { return [...Array(2000).keys()].map((n) => ({ n, t: 'x'.repeat(n % 50) })).length }",
    "export async function Main(e, ctx) { return (await Promise.all([1, 2, 3, 4].map((n) => ctx.kv.get('soak/' + n)))).length }",
];
const HOSTILE: [&str; 14] = [
    "export function Main() { for (;;); }",
    "export function Main() { const go = () => Promise.resolve().then(go); return go() }",
    "export function Main() { return /(a+)+b/.test('a'.repeat(40)) }",
    "export function Main() { const all = []; for (;;) all.push(new Array(1e5).fill(7)) }",
    "export function Main() { let s = 'x'; for (;;) s += s }",
    "export function Main() { const all = []; for (;;) all.push(new ArrayBuffer(1 << 20)) }",
    "export function Main() { const go = () => 1 + go(); return go() }",
    "export async function Main(e, ctx) { for (;;) ctx.kv.get('k').catch(() => 0) }",
    "export function Main(e, ctx) { for (;;) ctx.log('x'.repeat(10000)) }",
    "export function Main() { return new Promise(() => 0) }",
    "export function Main() { return 'x'.repeat(10_000_000) }",
    "export async function Main(e, ctx) { await ctx.sleep(60_000); return 1 }",
    "export async function Main(e, ctx) { await ctx.host('never') }",
    "export async function Main(e, ctx) { for (let i = 0; i < 9; i++) ctx.host('never'); throw new Error('left') }",
];

#[derive(Default)]
struct Counts {
    good: AtomicU64,
    hostile: AtomicU64,
    abandoned: AtomicU64,
    wrong: AtomicU64,
    over: AtomicBool,
}

/// Prints what the process holds now and then, and a verdict; fails when that is a bad one.
pub(crate) async fn run(seconds: u64) -> Result<()> {
    let soak = Soak::start().await?;
    let began = Stopwatch::start();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let soak = soak.clone();
        callers.spawn(async move { soak.calling(caller).await });
    }
    // The first tenth, and at least five seconds, warm up: threads, allocators and pools find their sizes.
    let (step, warm) = ((seconds / 20).max(1), (seconds / 10).max(5));
    let mut looks = Vec::new();
    while began.elapsed().as_secs() < seconds {
        pause(Duration::from_secs(step)).await;
        let held = Held::now()?;
        out(&format!("  after {:>4.0} s: {}", began.seconds(), held.text()));
        if began.elapsed().as_secs() >= warm {
            looks.push(held);
        }
    }
    soak.counts.over.store(true, Ordering::Relaxed);
    while callers.join_next().await.is_some() {}
    let faults = soak.faults(&looks).await?;
    let Counts { good, hostile, abandoned, .. } = &*soak.counts;
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    let calls = format!(
        "{} good calls, {} hostile ones, {} abandoned, {} kept on disk meanwhile",
        count(good),
        count(hostile),
        count(abandoned),
        soak.shelf.saved()
    );
    let verdict = if faults.is_empty() {
        "PASS: nothing is left behind".to_owned()
    } else {
        format!("FAIL: {}", faults.join("; "))
    };
    out(&format!("  verdict of {seconds} s, {calls}: {verdict}"));
    ensure!(faults.is_empty(), "the soak found {} faults", faults.len());
    Ok(())
}

/// What all callers share.
#[derive(Clone)]
struct Soak {
    sandbox: Sandbox,
    host: Arc<Host>,
    shelf: Shelf,
    good: Arc<[Invocation]>,
    hostile: Arc<[Invocation]>,
    counts: Arc<Counts>,
    folder: Arc<tempfile::TempDir>,
}

impl Soak {
    async fn start() -> Result<Soak> {
        let folder = Arc::new(tempfile::tempdir_in(".")?);
        let store = Arc::new(SqliteStore::open(&nexus_store::Options::new(folder.path().join("data")))?);
        let mut options = Options::new(Arc::new(SystemClock), Arc::new(SystemRng), store.clone());
        options.cache_folder = Some(folder.path().join("code"));
        options.instances_max = INSTANCES;
        // All instances but one may wait, so that every one of them can be asked for at the end.
        options.resident_max = INSTANCES - 1;
        let sandbox = Sandbox::start(options)?;
        let host = Arc::new(Host::default());
        let shelf = Shelf::new(store, folder.path())?;
        let (good, hostile) =
            (compiled(&sandbox, &host, &GOOD).await?, compiled(&sandbox, &host, &HOSTILE).await?);
        Ok(Soak { sandbox, host, shelf, good, hostile, counts: Arc::default(), folder })
    }

    async fn calling(&self, caller: u64) {
        let mut number = caller;
        while !self.counts.over.load(Ordering::Relaxed) {
            number += 1;
            let is_hostile = number.is_multiple_of(10);
            let of = if is_hostile { &self.hostile } else { &self.good };
            let place = usize::try_from(number / 7).unwrap_or(0) % of.len();
            let Some(mut call) = of.get(place).cloned() else { continue };
            call.keep = Some(self.shelf.place());
            // One in a hundred callers goes away in the middle.
            if number % 100 == 50 {
                self.counts.abandoned.fetch_add(1, Ordering::Relaxed);
                let _ =
                    tokio::time::timeout(Duration::from_micros(number % 700), self.sandbox.call(call)).await;
                continue;
            }
            self.counts.note(&self.sandbox.call(call).await, is_hostile);
        }
    }

    /// Everything that is not as it should be when nobody calls any more.
    async fn faults(&self, looks: &[Held]) -> Result<Vec<String>> {
        // What is let go of in the background is not lost: half a minute is far more than it takes.
        let settled = Stopwatch::start();
        while (self.host.under_way() > 0 || self.shelf.left().await? > 0) && settled.elapsed().as_secs() < 30
        {
            pause(Duration::from_millis(100)).await;
        }
        let (under_way, kept) = (self.host.under_way(), self.shelf.left().await?);
        let mut faults = Vec::new();
        let mut fault = |is: bool, told: String| {
            if is {
                faults.push(told);
            }
        };
        let wrong = self.counts.wrong.load(Ordering::Relaxed);
        fault(wrong > 0, format!("{wrong} calls ended in a wrong way"));
        fault(under_way > 0, format!("{under_way} calls of the host are still under way"));
        fault(kept > 0, format!("{kept} functions are still kept on disk"));
        pause(Duration::from_secs(2)).await;
        let idle = Held::now()?;
        out(&format!("  idle at the end: {}", idle.text()));
        faults.extend(held::trend(looks));
        faults.extend(looks.first().map(|first| held::left(first, &idle)).unwrap_or_default());
        faults.extend(self.every_instance_is_there().await?);
        let begun = std::fs::read_dir(self.folder.path().join("code"))?.filter_map(Result::ok);
        let torn = begun.filter(|file| file.file_name().to_string_lossy().contains("tmp")).count();
        faults.extend((torn > 0).then(|| format!("{torn} unfinished files are in the code cache")));
        Ok(faults)
    }

    /// All instances but one wait at the same time, each keeping its own, and the last one does a call: none has been lost.
    async fn every_instance_is_there(&self) -> Result<Option<String>> {
        let waits = "export async function Main(e, ctx) { await ctx.host('gate'); return 1 }";
        let waiting = compiled(&self.sandbox, &self.host, &[waits]).await?;
        let (began, mut tasks) = (Stopwatch::start(), JoinSet::new());
        let wanted = usize::try_from(INSTANCES)? - 1;
        for call in waiting.iter().cycle().take(wanted) {
            let (sandbox, mut call) = (self.sandbox.clone(), call.clone());
            call.limits.suspended_ms_max = 60_000;
            tasks.spawn(async move { sandbox.call(call).await });
        }
        let all_there = async {
            while self.host.at_gate.load(Ordering::SeqCst) < wanted {
                self.host.arrived.notified().await;
            }
            match self.good.first() {
                Some(last) => self.sandbox.call(last.clone()).await.map(drop),
                None => Ok(()),
            }
        };
        let last = tokio::time::timeout(Duration::from_secs(20), all_there).await;
        self.host.open.notify_waiters();
        let mut spilled = 0;
        while let Some(done) = tasks.join_next().await {
            spilled += done?.map_or(1, |outcome| outcome.stats.spills);
        }
        out(&format!("  {INSTANCES} instances at the same time: {:.2} s", began.seconds()));
        Ok(match last {
            Ok(Ok(())) if spilled == 0 => None,
            Ok(Ok(())) => {
                Some(format!("{spilled} of {wanted} functions that wait found no instance to keep"))
            }
            Ok(Err(error)) => Some(format!("the last instance of the pool does nothing: {error}")),
            Err(_) => Some("not all instances of the pool can be had at the same time".to_owned()),
        })
    }
}

impl Counts {
    /// Whether a call ended as it should.
    fn note(&self, ended: &Result<Outcome, CallError>, is_hostile: bool) {
        let of = if is_hostile { &self.hostile } else { &self.good };
        of.fetch_add(1, Ordering::Relaxed);
        let right = match (ended, is_hostile) {
            (Ok(_), false) => true,
            (Err(error), true) => !matches!(error.kind, CallErrorKind::Failed(_)),
            // A machine that is busy with hogs may stop a good call by its time, too.
            (Err(error), false) => {
                matches!(error.kind, CallErrorKind::Limit { .. } | CallErrorKind::Deadline)
            }
            (Ok(_), true) => false,
        };
        if !right {
            self.wrong.fetch_add(1, Ordering::Relaxed);
            out(&format!("  wrong: {ended:?}"));
        }
    }
}

async fn compiled(sandbox: &Sandbox, host: &Arc<Host>, sources: &[&str]) -> Result<Arc<[Invocation]>> {
    let mut calls = Vec::new();
    for source in sources {
        let module = sandbox.compile("soak.js", source).await?;
        let mut call = Invocation::new(module, "Main", json!({ "n": 1 }));
        call.capabilities = Capabilities::of_project().with_host("never").with_host("gate");
        call.functions = Some(host.clone());
        (call.limits.wall_ms_max, call.limits.suspended_ms_max) = (2_000, 3_000);
        calls.push(call);
    }
    Ok(calls.into())
}

async fn pause(time: Duration) {
    SystemClock.sleep_until(SystemClock.now().plus(time)).await;
}
