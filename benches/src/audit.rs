//! What the audit log costs a call: processor time where nobody waits for lines, calls a second where everybody does.

use std::sync::Arc;

use anyhow::Result;
use nexus_gateway::audit::{AuditLog, AuditOptions};
use nexus_gateway::{Pipeline, Target};
use nexus_kernel::access::Reach;
use nexus_kernel::call::{Answer, CallContext, Channel};
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::error::Error;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::clock::{SharedClock, SystemClock};
use nexus_kernel::port::rng::SystemRng;
use nexus_kernel::verb::{Verb, object};
use nexus_kernel::{BoxFuture, Json};
use nexus_store::FileSegments;
use serde_json::json;

use crate::measure::{Stopwatch, process_cpu, quantile};
use crate::out;

const ROUNDS: usize = 9;
const CALLS: u32 = 20_000;
const CALLERS: [u32; 3] = [1, 16, 64];
const WAITING_CALLS: u32 = 4_000;

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let plain = pipeline(None)?;
    let log = AuditLog::open(
        Arc::new(FileSegments::new(folder.path().join("audit"))),
        Arc::new(MemoryStore::new()),
        clock(),
        AuditOptions::default(),
    )
    .await?;
    let audited = pipeline(Some(log.clone()))?;
    let mut samples = [const { Vec::new() }; 2];
    for round in 0..=ROUNDS {
        for (samples, pipeline) in samples.iter_mut().zip([&plain, &audited]) {
            let before = process_cpu();
            for _ in 0..CALLS {
                call(pipeline, "run.list").await?;
            }
            if round > 0 {
                samples.push(process_cpu().saturating_sub(before) / CALLS); // the first round warms up
            }
        }
    }
    let [plain, with_log] = samples.map(|mut samples| quantile(&mut samples, 0.5).as_secs_f64() * 1e6);
    out(&format!("a no-op call that nobody waits for: {plain:.2} us of processor time without a log"));
    out(&format!("... and with two lines for each:    {with_log:.2} us, {:.2} us more", with_log - plain));
    for callers in CALLERS {
        let watch = Stopwatch::start();
        let each = WAITING_CALLS / callers;
        let calls = (0..callers).map(|_| {
            let pipeline = audited.clone();
            tokio::spawn(async move {
                for _ in 0..each {
                    call(&pipeline, "run.signal").await?;
                }
                Ok::<_, Error>(())
            })
        });
        for ended in calls.collect::<Vec<_>>() {
            ended.await??;
        }
        let rate = f64::from(each * callers) / watch.seconds();
        out(&format!("calls that wait for their line, {callers:>2} callers: {rate:>8.0} calls/s"));
    }
    log.close().await;
    Ok(())
}

fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

fn pipeline(log: Option<AuditLog>) -> Result<Pipeline> {
    let catalogue = Catalogue::new();
    catalogue.replace(vec![noop("run.list", Effect::Read), noop("run.signal", Effect::Write)])?;
    let pipeline = Pipeline::new(catalogue, clock(), Arc::new(SystemRng));
    Ok(match log {
        Some(log) => pipeline.audited(log),
        None => pipeline,
    })
}

async fn call(pipeline: &Pipeline, verb: &str) -> Result<Answer, Error> {
    let context = CallContext { reach: Reach::everything(), ..pipeline.context(Channel::Embedded) };
    pipeline.call(Target::Verb(verb), json!({ "name": "o-1" }), context).await
}

fn noop(name: &'static str, effect: Effect) -> Operation {
    let handler = |_: Json, _: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
        Box::pin(std::future::ready(Ok(Answer::of(Json::Null))))
    };
    let input = object(&json!({ "name": { "type": "string" } }), &[]);
    let verb = Verb { name, title: "", doc: "", effect, input, output: json!({}) };
    verb.with(Arc::new(handler))
}
