//! Measurements that print their figures; nothing here passes or fails.
//!
//! `cargo run --release -p nexus-benches` runs all of them, with names (`lang lsp store visibility engine durable calls sandbox fairness rest audit limits cache streams process telemetry`) only
//! those; `job` does what `benches/peers` do; `sandbox soak [SECONDS]` runs functions, one in ten of them hostile, and compares what the process holds
//! before and after; `sandbox million` does so with a million good ones; `sandbox fuzz [SECONDS [TARGET]]` runs each target of the sandbox that long; `sandbox scripts [COUNT [SEED]]` prints scripts and their results for
//! `benches/peers/sandbox/differ`; `soak --minutes N` puts the real server under a steady mix of everything for so long and fails when it grows or answers
//! what nobody expected; `redis URL` asks the Redis at that address; `simulate COUNT [FROM]` lives through the worlds of that many seeds instead. The machines that this runs on are noisy: read ratios within one run, processor time, and medians.

mod audit;
mod cache;
mod calls;
mod durable;
mod engine;
mod fairness;
mod guarded;
mod job;
mod lang;
mod limits;
mod lsp;
mod measure;
mod operations;
mod process;
mod redis;
mod rest;
mod sandbox;
mod simulate;
mod soak;
mod store;
mod streams;
mod table;
mod telemetry;
mod visibility;

use std::io::Write;

use anyhow::Result;

/// One line of figures.
fn out(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}"); // a reader that has gone away wants no more lines
}

const ALL: [&str; 16] = [
    "lang",
    "lsp",
    "store",
    "visibility",
    "engine",
    "durable",
    "calls",
    "sandbox",
    "fairness",
    "rest",
    "audit",
    "limits",
    "cache",
    "streams",
    "process",
    "telemetry",
];

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if given.first().is_some_and(|name| name == "job") {
        return runtime()?.block_on(job::run());
    }
    if let [name, what, rest @ ..] = given.as_slice()
        && name == "sandbox"
    {
        let seconds = rest.first().map(|text| text.parse()).transpose()?;
        return match what.as_str() {
            "soak" => runtime()?.block_on(sandbox::soak::run(seconds.unwrap_or(600))),
            "fuzz" => sandbox::fuzz::run(seconds.unwrap_or(60), rest.get(1).map(String::as_str)),
            "million" => runtime()?.block_on(sandbox::million::run()),
            "scripts" => {
                let seed = rest.get(1).map(|text| text.parse()).transpose()?.unwrap_or(1);
                runtime()?.block_on(sandbox::differ::run(seconds.unwrap_or(1_000), seed))
            }
            other => {
                anyhow::bail!("there is no {other:?} of the sandbox; there are soak, million, fuzz, scripts")
            }
        };
    }
    if given.first().is_some_and(|name| name == "simulate") {
        return simulate::run(given.get(1..).unwrap_or_default());
    }
    if let [name, rest @ ..] = given.as_slice()
        && name == "operations"
    {
        return operations::run(rest);
    }
    if let [name, url] = given.as_slice()
        && name == "redis"
    {
        return runtime()?.block_on(redis::run(url));
    }
    if let [name, rest @ ..] = given.as_slice()
        && name == "soak"
    {
        return soak::run(rest);
    }
    let names: Vec<&str> =
        if given.is_empty() { ALL.to_vec() } else { given.iter().map(String::as_str).collect() };
    for name in names {
        out(&format!("\n== {name}"));
        match name {
            "lang" => lang::run()?,
            "lsp" => lsp::run()?,
            "store" => runtime()?.block_on(store::run())?,
            "visibility" => runtime()?.block_on(visibility::run())?,
            "engine" => runtime()?.block_on(engine::run())?,
            "durable" => runtime()?.block_on(durable::run())?,
            "calls" => runtime()?.block_on(calls::run())?,
            "sandbox" => runtime()?.block_on(sandbox::run())?,
            "fairness" => runtime()?.block_on(fairness::run())?,
            "rest" => rest::run()?,
            "audit" => runtime()?.block_on(audit::run())?,
            "limits" => limits::run()?,
            "cache" => runtime()?.block_on(cache::run())?,
            "streams" => streams::run()?,
            "process" => process::run()?,
            "telemetry" => telemetry::run()?,
            other => anyhow::bail!("there is no measurement {other:?}; there are {}", ALL.join(", ")),
        }
    }
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
