//! Redis of a project: connected to where the configuration says, and looked at for `/health`.

use std::sync::Arc;

use nexus_gateway::limit::{Counters, MemoryCounters, SharedCounters};
use nexus_gateway::redis::RedisPairs;
use nexus_gateway::{Check, Redis};
use nexus_kernel::BoxFuture;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::rng::{Rng, SharedRng};
use nexus_kernel::port::seal::Seal;

use crate::activities::secrets::read;
use crate::config::redis::{RedisConfig, RedisUrl, wrong};
use crate::encryption::Encryption;
use crate::project::Project;

/// What a project shares with other servers, where it names a Redis. Nothing is connected yet.
pub(crate) struct Shared {
    pub(crate) redis: Option<Redis>,
    config: Option<RedisConfig>,
    /// What is kept there is sealed with this, where what is kept here is.
    seal: Option<Arc<dyn Seal>>,
}

impl Shared {
    pub(crate) async fn open(
        project: &Project,
        encryption: &Encryption,
        (clock, rng): (&SharedClock, &SharedRng),
    ) -> Result<Shared, Error> {
        let seal = encryption.outside();
        let Some(config) = project.config.redis.clone() else {
            return Ok(Shared { redis: None, config: None, seal });
        };
        let url = match &config.url {
            RedisUrl::Plain(url) => url.reveal().to_owned(),
            RedisUrl::Elsewhere(place) => read(&project.root, place)
                .await
                .map_err(|why| wrong("url", &why, "put the address there, or change where it lies"))?,
        };
        let options = config.options(url.trim())?;
        let redis = Redis::new(options, Arc::clone(clock), Arc::clone(rng));
        Ok(Shared { redis: Some(redis), config: Some(config), seal })
    }

    /// Where calls are counted.
    pub(crate) fn counters(&self, rng: &dyn Rng) -> Arc<dyn Counters> {
        match (&self.redis, &self.config) {
            (Some(redis), Some(config)) => {
                Arc::new(SharedCounters::new(redis.clone(), config.when_away(), rng))
            }
            _ => Arc::new(MemoryCounters::default()),
        }
    }

    /// Where sessions are kept, unless it is here.
    pub(crate) fn sessions(&self) -> Option<Arc<dyn Kv>> {
        let redis =
            self.redis.clone().filter(|_| self.config.as_ref().is_some_and(|config| config.sessions))?;
        Some(Arc::new(RedisPairs::new(redis, self.seal.clone())))
    }

    /// Where answers are kept beside here.
    pub(crate) fn answers(&self) -> Option<(Redis, Option<Arc<dyn Seal>>)> {
        self.redis.clone().map(|redis| (redis, self.seal.clone()))
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
