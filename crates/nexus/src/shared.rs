//! Redis of a project: connected to where the configuration says, and looked at for `/health`.

use std::sync::Arc;

use nexus_gateway::limit::{Counters, MemoryCounters, SharedCounters};
use nexus_gateway::{Check, Redis};
use nexus_kernel::BoxFuture;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::rng::{Rng, SharedRng};

use crate::activities::secrets::read;
use crate::config::redis::{RedisUrl, wrong};
use crate::project::Project;

/// The Redis of a project, where it names one. Nothing is connected yet.
pub(crate) async fn open(
    project: &Project,
    clock: &SharedClock,
    rng: &SharedRng,
) -> Result<Option<Redis>, Error> {
    let Some(config) = &project.config.redis else { return Ok(None) };
    let url = match &config.url {
        RedisUrl::Plain(url) => url.reveal().to_owned(),
        RedisUrl::Elsewhere(place) => read(&project.root, place)
            .await
            .map_err(|why| wrong("url", &why, "put the address there, or change where it lies"))?,
    };
    let options = config.options(url.trim())?;
    Ok(Some(Redis::new(options, Arc::clone(clock), Arc::clone(rng))))
}

/// Where calls are counted.
pub(crate) fn counters(project: &Project, redis: Option<&Redis>, rng: &dyn Rng) -> Arc<dyn Counters> {
    match (redis, &project.config.redis) {
        (Some(redis), Some(config)) => Arc::new(SharedCounters::new(redis.clone(), config.when_away(), rng)),
        _ => Arc::new(MemoryCounters::default()),
    }
}

/// Looks whether it answers. Without it everything goes on, in another way.
pub(crate) fn check(redis: Redis) -> Check {
    let look = move || -> BoxFuture<'static, Result<(), String>> {
        let redis = redis.clone();
        Box::pin(async move { redis.look().await })
    };
    Check { name: "redis".to_owned(), checking: Arc::new(look), is_needed: false }
}
