//! What sharing costs: an answer from memory that Redis vouches for, one from Redis, and a decision about a limit that several
//! servers have; time on the clock, because it is mostly waiting, and processor time of this process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use nexus_gateway::cache::{Cache, CacheOptions};
use nexus_gateway::limit::counters::{Bill, Kind, Mode};
use nexus_gateway::limit::gcra::Rate;
use nexus_gateway::limit::{Counters as _, SharedCounters, WhenAway};
use nexus_gateway::redis::Address;
use nexus_gateway::{Pipeline, Redis, RedisOptions, Target};
use nexus_kernel::call::Channel;
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::{Clock as _, SharedClock, SystemClock};
use nexus_kernel::port::rng::SystemRng;
use serde_json::json;

use crate::measure::{Stopwatch, process_cpu, quantile};
use crate::{cache, out, rest};

const CALLS: u32 = 5_000;

/// Prints the figures, with the Redis at this address.
pub(crate) async fn run(url: &str) -> Result<()> {
    let address = Address::parse(url).map_err(|why| anyhow!("{url}: {why}"))?;
    let prefix = format!("nexus-benches:{}:", std::process::id());
    let options = RedisOptions { address, prefix, timeout: Duration::from_secs(1) };
    let redis = Redis::new(options, Arc::new(SystemClock), Arc::new(SystemRng));
    redis.look().await.map_err(|why| anyhow!("Redis is away: {why}"))?;
    for (what, memory_bytes_max) in [("memory", 1 << 20), ("Redis", 0)] {
        let pipeline = pipeline(&redis, memory_bytes_max)?;
        let call = async || {
            let input = json!({ "order": "o-1", "amount": 7 });
            pipeline.call(Target::Workflow("Noop"), input, pipeline.context(Channel::Embedded)).await
        };
        call().await?;
        measure(&format!("a call answered from {what}"), async || call().await.map(drop)).await?;
    }
    let counters = SharedCounters::new(redis, WhenAway::Refuse, &SystemRng);
    let rate = Rate::new(1_000_000, Duration::from_secs(1), None).context("a rate")?;
    for (what, kinds) in [
        ("one limit", &[Kind::Caller][..]),
        ("three limits", &[Kind::Caller, Kind::Operation, Kind::Namespace]),
    ] {
        let decide = async || {
            let mut bill = Bill::default();
            for kind in kinds {
                bill.add(*kind, 7, rate);
            }
            counters.charge(&mut bill, Mode::Take, SystemClock.now()).settle(&mut bill).await
        };
        measure(&format!("a shared decision about {what}"), decide).await?;
    }
    Ok(())
}

async fn measure<E>(what: &str, act: impl AsyncFn() -> Result<(), E>) -> Result<()>
where
    anyhow::Error: From<E>,
{
    let (mut samples, before) = (Vec::new(), process_cpu());
    for _ in 0..CALLS {
        let begun = Stopwatch::start();
        act().await?;
        samples.push(begun.elapsed());
    }
    let spent = process_cpu().saturating_sub(before).as_secs_f64() * 1e6 / f64::from(CALLS);
    let median = quantile(&mut samples, 0.5).as_secs_f64() * 1e6;
    let late = quantile(&mut samples, 0.99).as_secs_f64() * 1e6;
    out(&format!(
        "{what:<40} {median:>6.0} us at the median, {late:>6.0} at the 99th percentile, {spent:>6.1} of processor time"
    ));
    Ok(())
}

fn pipeline(redis: &Redis, memory_bytes_max: usize) -> Result<Pipeline> {
    let clock: SharedClock = Arc::new(SystemClock);
    let catalogue = Catalogue::new();
    let mut noop = rest::noop();
    noop.contract.cache = Some(cache::rule());
    catalogue.replace(vec![noop])?;
    let options = CacheOptions { memory_bytes_max, store_bytes_max: 0 };
    let cache =
        Cache::shared(Arc::new(MemoryStore::new()), Arc::clone(&clock), options, (redis.clone(), None));
    Ok(Pipeline::new(catalogue, clock, Arc::new(SystemRng)).caching(cache))
}
