//! A soak: the real server under a steady mix of everything that callers do, for as long as one likes. What it holds at the
//! end is what it held at the beginning, and no answer was one that nobody expected.
//!
//! `nexus-benches soak --minutes 60` starts the server beside this program on a project of its own. The load is paced, so
//! that the machine is not busy: what grows then grows for good.

mod http;
mod load;
mod scene;
mod socket;
mod tally;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::task::JoinSet;

use crate::measure::Stopwatch;
use crate::out;
use http::Http;
use load::{Kind, PLAN};
use scene::Scene;
use tally::Tally;
use watch::{Held, verdict};

/// How often figures are printed.
const STEP: Duration = Duration::from_secs(10);

/// Reads `--minutes N`, ten unless given, and soaks for so long.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let minutes: u64 = match args {
        [] => 10,
        [flag, minutes] if flag == "--minutes" => {
            minutes.parse().context("--minutes takes a whole number")?
        }
        _ => bail!("soak takes --minutes N and nothing else"),
    };
    ensure!(minutes > 0, "a soak takes at least a minute");
    crate::runtime()?.block_on(soak(Duration::from_secs(minutes * 60)))
}

async fn soak(length: Duration) -> Result<()> {
    let scene = Scene::start()?;
    let tally = Arc::new(Tally::default());
    let rate: u32 = PLAN.iter().map(|plan| plan.per_second).sum();
    out(&format!("soak of {} s at {rate} operations a second: {}", length.as_secs(), Kind::mix()));
    let mut workers = JoinSet::new();
    for plan in PLAN {
        for number in 0..plan.workers {
            workers.spawn(load::work(plan, number, scene.address.clone(), Arc::clone(&tally)));
        }
    }
    let looks = watch(&scene, &tally, length, &mut workers).await?;
    workers.shutdown().await;
    let told = tally.whole();
    out(&format!("done: {} operations, {} unexpected answers", told.done, told.wrong));
    let log = scene.log()?;
    let panics = log.lines().filter(|line| line.contains("panicked")).count();
    let is_flat = verdict(&looks);
    drop(scene);
    ensure!(told.done > 0, "nothing was done");
    ensure!(told.wrong == 0, "{} answers were unexpected", told.wrong);
    ensure!(panics == 0, "the server's log tells of {panics} panics");
    ensure!(is_flat, "what the server holds grows");
    Ok(())
}

/// Prints figures every few seconds until the time is over; gives what the server held.
async fn watch(
    scene: &Scene,
    tally: &Tally,
    length: Duration,
    workers: &mut JoinSet<()>,
) -> Result<Vec<Held>> {
    let (began, mut http) = (Stopwatch::start(), Http::new(&scene.address));
    let mut looks = Vec::new();
    let mut ticks = tokio::time::interval(STEP);
    ticks.tick().await; // the first is at once
    while began.elapsed() < length {
        tokio::select! {
            _ = ticks.tick() => {}
            ended = workers.join_next() => bail!("a worker has ended: {ended:?}"),
        }
        let held = scene.held().context("the server has ended")?;
        let runs = runs(&mut http).await?;
        out(&format!("{:>5.0} s  {}, {runs} runs kept", began.seconds(), held.text()));
        tally.report();
        looks.push(held);
    }
    Ok(looks)
}

/// How many runs the server has that retention has not deleted yet.
async fn runs(http: &mut Http) -> Result<u64> {
    let counted = http.post("/v1/operations/run.count", &serde_json::json!({})).await?.json();
    counted.pointer("/output/count").and_then(serde_json::Value::as_u64).context("runs are counted")
}
