//! `nexus bench WORKFLOW`: many runs, and what they took. The runs are real: they do what the workflow does, and are kept.

mod histogram;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use nexus_kernel::Json;
use nexus_kernel::call::Wait;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::{Clock, SystemClock};
use nexus_kernel::time::Timestamp;
use serde_json::{Map, json};
use tokio::task::JoinSet;

use crate::cli::Global;
use crate::cli::run::{input, length, show_input};
use crate::client::{Client, StartCall};
use crate::output::Output;
use histogram::Histogram;

/// Flags.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The workflow, `Name` or `namespace/Name`; its runs are real ones
    workflow: String,
    /// How many callers there are, each with one run at a time
    #[arg(long, short, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,
    /// How long runs are started
    #[arg(long, short, value_name = "DURATION", default_value = "10s", value_parser = length)]
    duration: Duration,
    /// Start this many runs at most
    #[arg(long, value_name = "RUNS")]
    count: Option<u64>,
    /// Start this many runs a second; late starts count as waiting time. Without it, as many as there can be
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
    #[command(flatten)]
    pub(super) input: input::InputArgs,
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| "it is a number above 0".to_owned())
}

/// Runs, measures and prints.
pub async fn bench(global: &Global, args: &BenchArgs, output: Output) -> Result<(), Error> {
    let client = Client::executing(global, output).await?;
    let shown = client.verb("workflow.show", show_input(&args.workflow)).await?;
    let input = args.input.made(shown.get("input"))?;
    let load = Arc::new(Load::new(client, args, input));
    let mut callers: JoinSet<Samples> = (0..args.concurrency).map(|_| caller(Arc::clone(&load))).collect();
    let mut sum = Samples::default();
    loop {
        tokio::select! {
            sampled = callers.join_next() => match sampled {
                None => break,
                Some(sampled) => sum.add(sampled.map_err(|error| Error::internal(error.to_string()))?),
            },
            // What was measured so far is told.
            Ok(()) = tokio::signal::ctrl_c() => load.stop.store(true, Ordering::Relaxed),
        }
    }
    let took = load.clock.now().since(load.began);
    let is_remote = load.client.is_remote();
    if let Some(load) = Arc::into_inner(load) {
        load.client.close().await?;
    }
    print(&figures(args, is_remote, &sum, took), output);
    match sum.failed.take().filter(|_| sum.times.count() == sum.failures.values().sum::<u64>()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// What the callers share.
struct Load {
    client: Client,
    clock: SystemClock,
    workflow: String,
    input: Json,
    began: Timestamp,
    until: Timestamp,
    count: u64,
    rate: Option<f64>,
    /// Starts so far.
    started: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    fn new(client: Client, args: &BenchArgs, input: Json) -> Load {
        let clock = SystemClock;
        let began = clock.now();
        let (workflow, rate) = (args.workflow.clone(), args.rate);
        let (until, count) = (began.plus(args.duration), args.count.unwrap_or(u64::MAX));
        let (started, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        Load { client, clock, workflow, input, began, until, count, rate, started, stop }
    }

    /// When the next run is to start; nothing when there is to be none.
    fn next(&self) -> Option<Timestamp> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now();
        #[expect(clippy::cast_precision_loss, reason = "numbers of runs are far below 2^52")]
        let due =
            self.rate.map_or(now, |rate| self.began.plus(Duration::from_secs_f64(number as f64 / rate)));
        let is_over = number >= self.count || due >= self.until || now >= self.until;
        (!is_over && !self.stop.load(Ordering::Relaxed)).then_some(due)
    }

    async fn run(&self) -> Result<(), Error> {
        let call = StartCall {
            workflow: self.workflow.clone(),
            input: self.input.clone(),
            wait: Wait::Done,
            workflow_id: None,
            idempotency_key: None,
            options: Map::new(),
        };
        self.client.start(call).await.map(drop)
    }
}

/// What callers measured.
#[derive(Default)]
struct Samples {
    times: Histogram,
    /// Failures by code.
    failures: BTreeMap<&'static str, u64>,
    /// One of them.
    failed: Option<Error>,
}

impl Samples {
    fn add(&mut self, other: Samples) {
        self.times.add(&other.times);
        for (code, count) in other.failures {
            *self.failures.entry(code).or_default() += count;
        }
        self.failed = self.failed.take().or(other.failed);
    }
}

async fn caller(load: Arc<Load>) -> Samples {
    let mut samples = Samples::default();
    while let Some(due) = load.next() {
        load.clock.sleep_until(due).await;
        let result = load.run().await;
        // A run that could not start in time has waited since then.
        let took = load.clock.now().since(due).as_micros();
        samples.times.record(u64::try_from(took).unwrap_or(u64::MAX));
        if let Err(error) = result {
            *samples.failures.entry(error.code().id).or_default() += 1;
            samples.failed = Some(error);
        }
    }
    samples
}

fn figures(args: &BenchArgs, is_remote: bool, sum: &Samples, took: Duration) -> Json {
    #[expect(clippy::cast_precision_loss, reason = "numbers of runs are far below 2^52")]
    let per_second = sum.times.count() as f64 / took.as_secs_f64().max(f64::EPSILON);
    json!({
        "workflow": args.workflow,
        "through": if is_remote { "server" } else { "this process" },
        "concurrency": args.concurrency,
        "seconds": rounded(took.as_secs_f64()),
        "runs": sum.times.count(),
        "runs_per_second": rounded(per_second),
        "latency_us": {
            "mean": sum.times.mean(),
            "p50": sum.times.quantile(500),
            "p90": sum.times.quantile(900),
            "p99": sum.times.quantile(990),
            "max": sum.times.max(),
        },
        "failures": sum.failures,
    })
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn print(figures: &Json, output: Output) {
    if output.is_json() {
        return output.json(figures);
    }
    let text = |name: &str| figures.get(name).map(ToString::to_string).unwrap_or_default();
    let plain = |name: &str| figures.get(name).and_then(Json::as_str).unwrap_or_default();
    let mut rows = vec![
        vec!["runs".to_owned(), text("runs")],
        vec!["runs a second".to_owned(), text("runs_per_second")],
    ];
    for name in ["mean", "p50", "p90", "p99", "max"] {
        let micros = figures.pointer(&format!("/latency_us/{name}")).and_then(Json::as_u64).unwrap_or(0);
        rows.push(vec![format!("latency {name}"), format!("{}.{:03} ms", micros / 1000, micros % 1000)]);
    }
    for (code, count) in figures.get("failures").and_then(Json::as_object).into_iter().flatten() {
        rows.push(vec![format!("failed {code}"), count.to_string()]);
    }
    let (workflow, through) = (plain("workflow"), plain("through"));
    output.note(&format!(
        "{workflow} through {through}, {} at a time, {} s",
        text("concurrency"),
        text("seconds")
    ));
    output.table(&["FIGURE", "VALUE"], rows);
}
