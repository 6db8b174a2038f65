//! Pairs in Redis, for servers that keep something together: each write is a script, which happens whole or not at all.
//!
//! A value has its version in front. Versions are those of Redis' own clock, so they are never used twice, whatever Redis
//! has forgotten. Keys are in an index besides, because Redis lists nothing in order; what the index knows and Redis has let
//! go of is not there.

use std::sync::{Arc, LazyLock};

use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use nexus_kernel::port::seal::Seal;
use nexus_kernel::{BoxFuture, Json};
use redis::Script;

use super::{Away, Redis};

/// What comes between a version and its value.
const BREAK: u8 = b'\n';

/// Keys: the last version, the index, what is checked, what is written. Arguments: how many checks there are, the versions
/// that are expected, and for each write its name in the index and what is to be done: `P` and the value, or `D`. Gives the
/// version, or 0 and the number of the check that failed.
static COMMIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local checks = tonumber(ARGV[1])
for number = 1, checks do
    local kept = redis.call('GET', KEYS[2 + number])
    local version = kept and string.match(kept, '^%d+') or ''
    if version ~= ARGV[1 + number] then
        return {'0', number}
    end
end
local time = redis.call('TIME')
local version = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if version <= last then
    version = last + 1
end
version = string.format('%.0f', version)
redis.call('SET', KEYS[1], version)
for number = 3 + checks, #KEYS do
    local at = 2 * number - checks - 4
    local name, what = ARGV[at], ARGV[at + 1]
    if string.sub(what, 1, 1) == 'P' then
        redis.call('SET', KEYS[number], version .. '\\n' .. string.sub(what, 2))
        redis.call('ZADD', KEYS[2], 0, name)
    else
        redis.call('DEL', KEYS[number])
        redis.call('ZREM', KEYS[2], name)
    end
end
return {version, 0}",
    )
});

/// Pairs that servers with one Redis share.
pub struct RedisPairs {
    redis: Redis,
    /// What nobody else may read, where that is wanted.
    seal: Option<Arc<dyn Seal>>,
}

impl RedisPairs {
    /// Pairs in this Redis, sealed with this.
    pub fn new(redis: Redis, seal: Option<Arc<dyn Seal>>) -> RedisPairs {
        RedisPairs { redis, seal }
    }

    fn at(&self, namespace: &Namespace, key: &str) -> String {
        self.redis.key("pair", &format!("{namespace}:{key}"))
    }

    fn of(&self, kind: &str, namespace: &Namespace) -> String {
        self.redis.key(kind, namespace.as_str())
    }

    fn sealed(&self, name: &str, value: &Json) -> Result<Vec<u8>, StoreError> {
        let text = value.to_string();
        let bytes = match &self.seal {
            Some(seal) => seal.seal(name.as_bytes(), text.as_bytes()),
            None => Some(text.into_bytes()),
        };
        bytes.ok_or_else(|| StoreError::Failed("it is too long to be sealed".to_owned()))
    }

    /// An entry as it is kept. What has another form, or is sealed with a key that nobody has here, is not there.
    fn read(&self, at: &str, key: &str, bytes: &[u8]) -> Option<KvEntry> {
        let (version, kept) = bytes.split_at(bytes.iter().position(|byte| *byte == BREAK)?);
        let version = str::from_utf8(version).ok()?.parse().ok()?;
        let kept = kept.get(1..)?;
        let value = match &self.seal {
            Some(seal) => serde_json::from_slice(&seal.open(at.as_bytes(), kept)?),
            None => serde_json::from_slice(kept),
        };
        Some(KvEntry { key: key.to_owned(), value: value.ok()?, version })
    }

    async fn get(&self, namespace: Namespace, key: String) -> Result<Option<KvEntry>, StoreError> {
        let at = self.at(&namespace, &key);
        let get = redis::Cmd::get(&at);
        let asked = self.redis.ask(async |mut line| get.query_async::<Option<Vec<u8>>>(&mut line).await);
        let kept = asked.await.map_err(|away| self.away(away))?.value;
        Ok(kept.and_then(|bytes| self.read(&at, &key, &bytes)))
    }

    /// The names after one, at most so many, and the entries of those that are still there.
    async fn page(
        &self,
        namespace: &Namespace,
        (from, to): (&[u8], &[u8]),
        limit: usize,
    ) -> Result<(Vec<String>, Vec<KvEntry>), StoreError> {
        let mut range = redis::cmd("ZRANGEBYLEX");
        range.arg(self.of("pair:index", namespace)).arg(from).arg(to).arg("LIMIT").arg(0).arg(limit);
        let asked = self.redis.ask(async |mut line| range.query_async::<Vec<String>>(&mut line).await).await;
        let names = asked.map_err(|away| self.away(away))?.value;
        if names.is_empty() {
            return Ok((names, Vec::new()));
        }
        let places: Vec<String> = names.iter().map(|name| self.at(namespace, name)).collect();
        let mut get = redis::cmd("MGET");
        get.arg(&places);
        let asked =
            self.redis.ask(async |mut line| get.query_async::<Vec<Option<Vec<u8>>>>(&mut line).await).await;
        let kept = asked.map_err(|away| self.away(away))?.value;
        let found = kept.into_iter().zip(names.iter().zip(&places));
        let entries = found.filter_map(|(kept, (name, at))| self.read(at, name, &kept?)).collect();
        Ok((names, entries))
    }

    async fn list(
        &self,
        namespace: Namespace,
        (prefix, after): (String, Option<String>),
        limit: usize,
    ) -> Result<Vec<KvEntry>, StoreError> {
        // Keys are UTF-8, where no byte is so high.
        let to = [b"(", prefix.as_bytes(), &[0xff]].concat();
        let mut from = match after {
            Some(after) if after >= prefix => format!("({after}"),
            _ => format!("[{prefix}"),
        };
        let mut entries = Vec::new();
        while entries.len() < limit {
            let wanted = limit - entries.len();
            let (names, found) = self.page(&namespace, (from.as_bytes(), &to), wanted).await?;
            entries.extend(found);
            match names.last() {
                Some(last) if names.len() == wanted => from = format!("({last}"),
                _ => break,
            }
        }
        Ok(entries)
    }

    async fn commit(
        &self,
        namespace: Namespace,
        checks: Vec<KvCheck>,
        writes: Vec<KvWrite>,
    ) -> Result<KvCommit, StoreError> {
        let mut commit = COMMIT.prepare_invoke();
        commit.key(self.of("pair:version", &namespace)).key(self.of("pair:index", &namespace));
        commit.arg(checks.len());
        for check in &checks {
            commit.key(self.at(&namespace, &check.key));
            commit.arg(check.version.map(|version| version.to_string()).unwrap_or_default());
        }
        for write in &writes {
            let (key, what) = match write {
                KvWrite::Put { key, value } => {
                    (key, [b"P", self.sealed(&self.at(&namespace, key), value)?.as_slice()].concat())
                }
                KvWrite::Delete { key } => (key, b"D".to_vec()),
            };
            commit.key(self.at(&namespace, key)).arg(key).arg(what);
        }
        let asked =
            self.redis.ask(async |mut line| commit.invoke_async::<(u64, usize)>(&mut line).await).await;
        let (version, failed) = asked.map_err(|away| self.away(away))?.value;
        Ok(match checks.into_iter().nth(failed.wrapping_sub(1)) {
            Some(check) => KvCommit::Conflict { key: check.key },
            None => KvCommit::Committed { version },
        })
    }

    fn away(&self, away: Away) -> StoreError {
        let why = self.redis.complaint().unwrap_or_else(|| "Redis is away".to_owned());
        StoreError::Away { why, wait: away.wait }
    }
}

impl Kv for RedisPairs {
    fn kv_get(&self, namespace: &Namespace, key: &str) -> BoxFuture<'_, Result<Option<KvEntry>, StoreError>> {
        Box::pin(self.get(namespace.clone(), key.to_owned()))
    }

    fn kv_list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<KvEntry>, StoreError>> {
        let range = (prefix.to_owned(), after.map(ToOwned::to_owned));
        Box::pin(self.list(namespace.clone(), range, limit))
    }

    fn kv_commit(
        &self,
        namespace: &Namespace,
        checks: Vec<KvCheck>,
        writes: Vec<KvWrite>,
    ) -> BoxFuture<'_, Result<KvCommit, StoreError>> {
        Box::pin(self.commit(namespace.clone(), checks, writes))
    }
}
