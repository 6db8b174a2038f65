//! Answers in Redis, where all servers find them. They are as long there as they may be given; how much room there is, and
//! what goes first when there is none, Redis says itself.

use std::sync::{Arc, LazyLock};

use nexus_kernel::BoxFuture;
use nexus_kernel::Json;
use nexus_kernel::cache::Level;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::seal::Seal;
use nexus_kernel::time::Timestamp;
use redis::Script;

use super::entry::Entry;
use super::key::Key;
use super::level::CacheLevel;
use super::record::StoredAnswer;
use crate::redis::Redis;

/// Digits of the moment that an answer was made at, which come before it.
const MOMENT_DIGITS: usize = 20;

/// Keeps an answer, unless one is there whose work ended later. Moments have as many digits each, so they compare as texts.
static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local before = redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1)
if before <= ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
end
return 1",
    )
});

/// Answers in Redis.
pub(super) struct Replicas {
    redis: Redis,
    clock: SharedClock,
    /// What nobody else may read, where that is wanted.
    seal: Option<Arc<dyn Seal>>,
}

impl Replicas {
    pub(super) fn new(redis: Redis, clock: SharedClock, seal: Option<Arc<dyn Seal>>) -> Replicas {
        Replicas { redis, clock, seal }
    }

    /// The bytes of an answer as Redis gets them. Nothing when they must not leave.
    fn sealed(&self, key: &Key, record: String) -> Option<Vec<u8>> {
        match &self.seal {
            Some(seal) => seal.seal(key.text().as_bytes(), record.as_bytes()),
            None => Some(record.into_bytes()),
        }
    }

    /// What was kept; nothing when it has another form, or is not sealed as it has to be.
    fn read(&self, key: &Key, bytes: &[u8]) -> Option<Entry> {
        let kept = bytes.get(MOMENT_DIGITS..)?;
        let value: Json = match &self.seal {
            Some(seal) => serde_json::from_slice(&seal.open(key.text().as_bytes(), kept)?).ok()?,
            None => serde_json::from_slice(kept).ok()?,
        };
        StoredAnswer::read(value).map(StoredAnswer::entry)
    }

    fn key(&self, key: &Key) -> String {
        self.redis.key("cache:answer", &key.text())
    }
}

fn moment(made: Timestamp) -> String {
    format!("{:0MOMENT_DIGITS$}", made.micros().max(0))
}

impl CacheLevel for Replicas {
    fn level(&self) -> Level {
        Level::Redis
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Option<Entry>> {
        Box::pin(async move {
            let get = redis::Cmd::get(self.key(key));
            let asked = self.redis.ask(async |mut line| get.query_async::<Option<Vec<u8>>>(&mut line).await);
            self.read(key, &asked.await.ok()?.value?)
        })
    }

    fn put<'a>(&'a self, key: &'a Key, entry: &'a Entry, ends: Timestamp) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let left = u64::try_from(ends.since(self.clock.now()).as_millis()).unwrap_or(u64::MAX);
            // What no server could tell to be good is no use to any.
            if left == 0 || entry.shared().next().is_none() {
                return;
            }
            let record = StoredAnswer::shared(entry, ends).to_json().to_string();
            let Some(record) = self.sealed(key, record) else { return };
            let mut invocation = PUT.prepare_invoke();
            invocation.key(self.key(key)).arg(moment(entry.made)).arg(record).arg(left);
            // One that cannot be kept costs work and no answer.
            let _ = self.redis.ask(async |mut line| invocation.invoke_async::<()>(&mut line).await).await;
        })
    }
}
