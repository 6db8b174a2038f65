//! Pairs in a real Redis keep what every store of pairs promises, and say so when they cannot.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use nexus_gateway::redis::{Address, Redis, RedisOptions, RedisPairs};
use nexus_kernel::id::Namespace;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvWrite};
use nexus_kernel::port::rng::SystemRng;
use nexus_kernel::port::seal::Seal;
use serde_json::json;

use crate::redis_server::RedisServer;

/// A Redis of its own, and pairs in it.
struct Fresh {
    pairs: RedisPairs,
    server: RedisServer,
}

impl Deref for Fresh {
    type Target = RedisPairs;

    fn deref(&self) -> &RedisPairs {
        &self.pairs
    }
}

fn pairs(server: &RedisServer, seal: Option<Arc<dyn Seal>>) -> RedisPairs {
    let address = Address::parse(&server.url()).unwrap();
    let options = RedisOptions { address, prefix: "t:".to_owned(), timeout: Duration::from_secs(5) };
    RedisPairs::new(Redis::new(options, Arc::new(SystemClock), Arc::new(SystemRng)), seal)
}

fn fresh() -> Fresh {
    let server = RedisServer::start();
    Fresh { pairs: pairs(&server, None), server }
}

nexus_kernel::kv_contract!(fresh);

fn put(key: &str, value: i32) -> KvWrite {
    KvWrite::Put { key: key.to_owned(), value: value.into() }
}

async fn version(pairs: &RedisPairs, writes: Vec<KvWrite>) -> u64 {
    match pairs.kv_commit(&Namespace::system(), Vec::new(), writes).await.unwrap() {
        KvCommit::Committed { version } => version,
        KvCommit::Conflict { key } => panic!("{key}"),
    }
}

#[tokio::test]
async fn what_redis_has_let_go_of_is_not_there_and_no_version_comes_back() {
    let fresh = fresh();
    let system = Namespace::system();
    let first = version(&fresh, vec![put("a/1", 1), put("a/2", 2), put("a/3", 3), put("b", 4)]).await;
    // Evicted, behind everybody's back.
    fresh.server.tell(&["del", "t:pair:_nexus:a/1", "t:pair:_nexus:a/2"]);
    let gone = fresh.server.keys();
    assert_eq!(fresh.kv_get(&system, "a/1").await.unwrap(), None);
    let listed = fresh.kv_list(&system, "a/", None, 1).await.unwrap();
    assert_eq!(listed.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(), ["a/3"], "{gone:?}");
    fresh.server.tell(&["flushall"]);
    assert!(fresh.kv_list(&system, "", None, 9).await.unwrap().is_empty());
    assert!(version(&fresh, vec![put("b", 5)]).await > first, "nothing looks as if it were unchanged");
    let stale = vec![KvCheck { key: "b".to_owned(), version: Some(first) }];
    let conflict = fresh.kv_commit(&system, stale, vec![put("b", 6)]).await.unwrap();
    assert_eq!(conflict, KvCommit::Conflict { key: "b".to_owned() });
}

/// A seal that turns bytes around, under one name.
struct Turned(u8);

impl Seal for Turned {
    fn seal(&self, name: &[u8], piece: &[u8]) -> Option<Vec<u8>> {
        Some([name, piece].concat().iter().map(|byte| byte ^ self.0).collect())
    }

    fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let open: Vec<u8> = sealed.iter().map(|byte| byte ^ self.0).collect();
        open.strip_prefix(name).map(<[u8]>::to_vec)
    }
}

#[tokio::test]
async fn what_is_sealed_is_there_for_whoever_opens_it() {
    let server = RedisServer::start();
    let [ours, stranger] = [0x5a, 0x5b].map(|key| pairs(&server, Some(Arc::new(Turned(key)))));
    let open = pairs(&server, None);
    let system = Namespace::system();
    let write = KvWrite::Put { key: "a".to_owned(), value: json!({ "card": "canary" }) };
    version(&ours, vec![write]).await;
    assert_eq!(ours.kv_get(&system, "a").await.unwrap().unwrap().value["card"], "canary");
    for other in [&stranger, &open] {
        assert_eq!(other.kv_get(&system, "a").await.unwrap(), None);
        assert!(other.kv_list(&system, "", None, 9).await.unwrap().is_empty());
    }
    assert!(!server.tell(&["--no-raw", "get", "t:pair:_nexus:a"]).contains("canary"));
}

#[tokio::test]
async fn a_redis_that_is_away_is_told_and_nothing_is_made_up() {
    let mut fresh = fresh();
    version(&fresh, vec![put("a", 1)]).await;
    fresh.server.kill();
    let system = Namespace::system();
    let got = fresh.kv_get(&system, "a").await.unwrap_err();
    assert!(matches!(got, StoreError::Away { .. }), "{got:?}");
    assert!(fresh.kv_list(&system, "", None, 9).await.is_err());
    assert!(fresh.kv_commit(&system, Vec::new(), vec![put("a", 2)]).await.is_err());
}
