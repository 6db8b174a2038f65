//! What telling costs: counting a call, and an embedded call of a no-op without spans and with spans that go to a counter.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Result;
use nexus_gateway::metrics::Metrics;
use nexus_gateway::{Pipeline, Target};
use nexus_kernel::call::Channel;
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::port::rng::SystemRng;
use nexus_kernel::port::span::{Span, Spans};
use nexus_kernel::trace::{TraceContext, TraceId};
use serde_json::json;

use crate::measure::{Stopwatch, quantile};
use crate::{out, rest};

const ROUNDS: usize = 9;
const CALLS: u32 = 200_000;

/// Keeps every trace and counts its spans.
#[derive(Default)]
struct Counted(AtomicU64);

impl Spans for Counted {
    fn is_on(&self) -> bool {
        true
    }

    fn samples(&self, _: TraceId) -> bool {
        true
    }

    fn continues(&self, context: &TraceContext) -> bool {
        context.is_sampled
    }

    fn record(&self, span: Span) {
        black_box(span);
        self.0.fetch_add(1, Relaxed);
    }
}

/// Prints the figures.
pub(crate) fn run() -> Result<()> {
    out("what telling costs, wall time of one thread (line: a few hundred ns for each call)");
    let metrics = Metrics::default();
    let operation = rest::noop();
    let counted = median(|| {
        for _ in 0..CALLS {
            let ended = (None, Duration::from_micros(black_box(700)));
            metrics.ended(Channel::Rest, Some(black_box(&operation)), ended);
        }
        Ok(())
    })?;
    out(&format!("counting a call:                 {counted:>7.0} ns"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let catalogue = Catalogue::new();
    catalogue.replace(vec![rest::noop()])?;
    let silent = Pipeline::new(catalogue, Arc::new(SystemClock), Arc::new(SystemRng));
    let traced = silent.clone().traced(Arc::new(Counted::default()));
    let call = |pipeline: &Pipeline| {
        runtime.block_on(async {
            for _ in 0..CALLS {
                let context = pipeline.context(Channel::Embedded);
                let input = json!({ "order": "o-1", "amount": 7 });
                pipeline.call(Target::Workflow("Noop"), input, context).await?;
            }
            anyhow::Ok(())
        })
    };
    let (without, with) = (median(|| call(&silent))?, median(|| call(&traced))?);
    out(&format!("an embedded no-op:               {without:>7.0} ns"));
    out(&format!("the same with a span:            {with:>7.0} ns"));
    Ok(())
}

/// Nanoseconds for each call, the median of several rounds.
fn median(mut round: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut samples = Vec::new();
    for warm in 0..=ROUNDS {
        let begun = Stopwatch::start();
        round()?;
        if warm > 0 {
            samples.push(begun.elapsed() / CALLS);
        }
    }
    Ok(quantile(&mut samples, 0.5).as_secs_f64() * 1e9)
}
