//! Answers in Redis, where all servers find them. They are as long there as they may be given; how much room there is, and
//! what goes first when there is none, Redis says itself.

use std::sync::LazyLock;

use nexus_kernel::BoxFuture;
use nexus_kernel::Json;
use nexus_kernel::cache::Level;
use nexus_kernel::port::clock::SharedClock;
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
}

impl Replicas {
    pub(super) fn new(redis: Redis, clock: SharedClock) -> Replicas {
        Replicas { redis, clock }
    }

    fn key(&self, key: &Key) -> String {
        self.redis.key("cache:answer", &key.text())
    }
}

fn moment(made: Timestamp) -> String {
    format!("{:0MOMENT_DIGITS$}", made.micros().max(0))
}

/// What was kept; nothing when it has another form.
fn read(bytes: &[u8]) -> Option<Entry> {
    let value: Json = serde_json::from_slice(bytes.get(MOMENT_DIGITS..)?).ok()?;
    StoredAnswer::read(value).map(StoredAnswer::entry)
}

impl CacheLevel for Replicas {
    fn level(&self) -> Level {
        Level::Redis
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Option<Entry>> {
        Box::pin(async move {
            let get = redis::Cmd::get(self.key(key));
            let asked = self.redis.ask(async |mut line| get.query_async::<Option<Vec<u8>>>(&mut line).await);
            read(&asked.await.ok()?.value?)
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
            let mut invocation = PUT.prepare_invoke();
            invocation.key(self.key(key)).arg(moment(entry.made)).arg(record).arg(left);
            // One that cannot be kept costs work and no answer.
            let _ = self.redis.ask(async |mut line| invocation.invoke_async::<()>(&mut line).await).await;
        })
    }
}
