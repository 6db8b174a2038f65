//! What a call costs that is answered from memory or from the store, in processor time, beside one that is carried out.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use nexus_gateway::cache::{Cache, CacheOptions};
use nexus_gateway::{Pipeline, Target};
use nexus_kernel::cache::CacheRule;
use nexus_kernel::call::Channel;
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::port::clock::{SharedClock, SystemClock};
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::rng::SystemRng;
use nexus_store::SqliteStore;
use serde_json::json;

use crate::measure::{process_cpu, quantile};
use crate::{out, rest};

const ROUNDS: usize = 9;
const CALLS: u32 = 20_000;

/// An hour for each caller, with all of the input in the key.
pub(crate) fn rule() -> Arc<CacheRule> {
    Arc::new(CacheRule {
        ttl: Duration::from_hours(1),
        stale: Duration::ZERO,
        is_public: false,
        tags: Vec::new(),
        key: None,
        code: "code".into(),
    })
}

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store: Arc<dyn Kv> =
        Arc::new(SqliteStore::open(&nexus_store::Options::new(folder.path().to_owned()))?);
    let plain = pipeline(&store, None)?;
    let memory = pipeline(&store, Some(CacheOptions::default()))?;
    // Without room in memory everything is found in the store.
    let stored = pipeline(&store, Some(CacheOptions { memory_bytes_max: 0, ..CacheOptions::default() }))?;
    let mut samples = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        for (samples, pipeline) in samples.iter_mut().zip([&plain, &memory, &stored]) {
            let before = process_cpu();
            for _ in 0..CALLS {
                let input = json!({ "order": "o-1", "amount": 7 });
                pipeline.call(Target::Workflow("Noop"), input, pipeline.context(Channel::Embedded)).await?;
            }
            if round > 0 {
                samples.push(process_cpu().saturating_sub(before) / CALLS); // the first round warms up
            }
        }
    }
    let [plain, memory, stored] = samples.map(|mut samples| quantile(&mut samples, 0.5).as_secs_f64() * 1e6);
    out(&format!("a no-op call that is carried out: {plain:>6.2} us of processor time"));
    out(&format!("... answered from memory:         {memory:>6.2} us"));
    out(&format!("... answered from the store:      {stored:>6.2} us"));
    Ok(())
}

fn pipeline(store: &Arc<dyn Kv>, options: Option<CacheOptions>) -> Result<Pipeline> {
    let clock: SharedClock = Arc::new(SystemClock);
    let catalogue = Catalogue::new();
    let mut noop = rest::noop();
    noop.contract.cache = options.map(|_| rule());
    catalogue.replace(vec![noop])?;
    let pipeline = Pipeline::new(catalogue, Arc::clone(&clock), Arc::new(SystemRng));
    Ok(match options {
        Some(options) => pipeline.caching(Cache::new(Arc::clone(store), clock, options)),
        None => pipeline,
    })
}
