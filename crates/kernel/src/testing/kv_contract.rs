//! What every store promises of pairs, as tests over `&dyn Kv`. [`crate::kv_contract!`] turns them into test functions.
#![expect(clippy::unwrap_used, reason = "a test body fails by panicking")]
#![expect(
    clippy::cognitive_complexity,
    reason = "assertions in a row count as branches, and are read in a row"
)]

use crate::Json;
use crate::id::Namespace;
use crate::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};

/// One asynchronous test per rule. `$fresh()` gives something that dereferences to an empty store of pairs.
#[macro_export]
macro_rules! kv_contract {
    ($fresh:path) => {
        $crate::kv_contract!($fresh;
            values_are_kept_by_namespace,
            a_commit_happens_whole_or_not_at_all,
            versions_grow_and_are_never_reused,
            values_keep_their_numbers_and_order,
            lists_are_in_key_order_after_a_key,
            prefixes_of_any_text_are_found,
        );
    };
    ($fresh:path; $($rule:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $rule() {
            let store = $fresh();
            $crate::testing::kv_contract::$rule(&*store).await;
        })*
    };
}

fn put(key: &str, value: impl Into<Json>) -> KvWrite {
    KvWrite::Put { key: key.to_owned(), value: value.into() }
}

fn check(key: &str, version: Option<u64>) -> KvCheck {
    KvCheck { key: key.to_owned(), version }
}

async fn commit(store: &dyn Kv, checks: Vec<KvCheck>, writes: Vec<KvWrite>) -> KvCommit {
    store.kv_commit(&Namespace::default(), checks, writes).await.unwrap()
}

/// Commits that are meant to succeed, and the version they got.
async fn committed(store: &dyn Kv, writes: Vec<KvWrite>) -> u64 {
    let KvCommit::Committed { version } = commit(store, Vec::new(), writes).await else {
        unreachable!("a commit without checks has nothing to conflict with")
    };
    version
}

async fn get(store: &dyn Kv, key: &str) -> Option<KvEntry> {
    store.kv_get(&Namespace::default(), key).await.unwrap()
}

/// The same key in two namespaces is two keys.
pub async fn values_are_kept_by_namespace(store: &dyn Kv) {
    let team = Namespace::new("team").unwrap();
    committed(store, vec![put("color", "red")]).await;
    assert_eq!(store.kv_get(&team, "color").await.unwrap(), None);
    store.kv_commit(&team, vec![check("color", None)], vec![put("color", "blue")]).await.unwrap();
    assert_eq!(get(store, "color").await.unwrap().value, "red");
    assert_eq!(store.kv_get(&team, "color").await.unwrap().unwrap().value, "blue");
    assert_eq!(store.kv_list(&team, "", None, 10).await.unwrap().len(), 1);
}

/// All checks hold and all writes happen, or nothing happens.
pub async fn a_commit_happens_whole_or_not_at_all(store: &dyn Kv) {
    let first = committed(store, vec![put("a", 1), put("b", 1)]).await;
    let checks = vec![check("a", Some(first)), check("b", None), check("c", Some(first))];
    let conflict = commit(store, checks, vec![put("a", 2), put("c", 2)]).await;
    assert_eq!(conflict, KvCommit::Conflict { key: "b".to_owned() }, "the first check that fails is told");
    assert_eq!(get(store, "a").await.unwrap().value, 1);
    assert_eq!(get(store, "c").await, None);
    let checks = vec![check("a", Some(first)), check("c", None)];
    let delete = |key: &str| KvWrite::Delete { key: key.to_owned() };
    let writes =
        vec![put("a", 3), delete("b"), delete("missing"), put("c", 3), put("c", 4), put("d", 1), delete("d")];
    let KvCommit::Committed { version } = commit(store, checks, writes).await else {
        unreachable!("both checks hold");
    };
    assert!(version > first);
    let entry = |key: &str, value: i32| KvEntry { key: key.to_owned(), value: value.into(), version };
    let left = store.kv_list(&Namespace::default(), "", None, 10).await.unwrap();
    assert_eq!(left, [entry("a", 3), entry("c", 4)], "later writes of a commit win");
}

/// A key that was deleted and written again does not look unchanged.
pub async fn versions_grow_and_are_never_reused(store: &dyn Kv) {
    let first = committed(store, vec![put("a", 1)]).await;
    assert!(first > 0);
    let deleted = committed(store, vec![KvWrite::Delete { key: "a".to_owned() }]).await;
    assert_eq!(get(store, "a").await, None);
    let again = committed(store, vec![put("a", 1)]).await;
    assert!(first < deleted && deleted < again, "{first} {deleted} {again}");
    let stale = commit(store, vec![check("a", Some(first))], vec![put("a", 2)]).await;
    assert_eq!(stale, KvCommit::Conflict { key: "a".to_owned() });
    let impossible = commit(store, vec![check("a", Some(u64::MAX))], vec![put("a", 2)]).await;
    assert_eq!(impossible, KvCommit::Conflict { key: "a".to_owned() });
    assert_eq!(get(store, "a").await.unwrap().version, again);
}

/// Values come back as they went in.
pub async fn values_keep_their_numbers_and_order(store: &dyn Kv) {
    let text = r#"{"z":0.1,"a":[1e-7,5e-324,1.7976931348623157e308,-0.0,18446744073709551615,-9223372036854775808],
        "text":"\u0000 \"é\" 🦀","none":null,"empty":{},"float":2.2250738585072011e-308}"#;
    let value: Json = serde_json::from_str(text).unwrap();
    committed(store, vec![put("v", value.clone())]).await;
    let back = get(store, "v").await.unwrap().value;
    assert_eq!(back, value);
    assert_eq!(back.to_string(), value.to_string(), "the order of members too");
}

async fn list(store: &dyn Kv, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let entries = store.kv_list(&Namespace::default(), prefix, after, limit).await.unwrap();
    entries.into_iter().map(|entry| entry.key).collect()
}

/// Lists are in the order of the bytes of the keys, and `after` goes on behind a key, existing or not.
pub async fn lists_are_in_key_order_after_a_key(store: &dyn Kv) {
    let keys = ["a/2", "a/1", "b", "a", "a/10", "A", ""];
    committed(store, keys.iter().map(|key| put(key, *key)).collect()).await;
    assert_eq!(list(store, "", None, 10).await, ["", "A", "a", "a/1", "a/10", "a/2", "b"]);
    assert_eq!(list(store, "a/", None, 10).await, ["a/1", "a/10", "a/2"]);
    assert_eq!(list(store, "a/", None, 2).await, ["a/1", "a/10"]);
    assert_eq!(list(store, "a/", Some("a/10"), 2).await, ["a/2"]);
    assert_eq!(list(store, "a/", Some("a/100"), 2).await, ["a/2"]);
    assert_eq!(
        list(store, "a/", Some("A"), 2).await,
        ["a/1", "a/10"],
        "an `after` before the prefix is no limit"
    );
    assert!(list(store, "a/", Some("b"), 2).await.is_empty());
    assert_eq!(list(store, "", Some(""), 1).await, ["A"]);
    assert!(list(store, "", None, 0).await.is_empty());
}

/// No text is special: not zero bytes, not the last code point, not the wildcards of a query language.
pub async fn prefixes_of_any_text_are_found(store: &dyn Kv) {
    let keys = [
        "é",
        "éa",
        "é\u{10ffff}",
        "é\u{10ffff}x",
        "ê",
        "a\0",
        "a\0b",
        "a%b",
        "a_b",
        "a*",
        "\u{10ffff}",
        "'; --",
    ];
    committed(store, keys.iter().map(|key| put(key, *key)).collect()).await;
    let mut sorted = keys;
    sorted.sort_unstable();
    assert_eq!(list(store, "", None, 100).await, sorted);
    for prefix in keys.iter().copied().chain(["a", "%", "_"]) {
        let expected: Vec<_> = sorted.iter().copied().filter(|key| key.starts_with(prefix)).collect();
        assert_eq!(list(store, prefix, None, 100).await, expected, "{prefix:?}");
    }
    for key in keys {
        assert_eq!(get(store, key).await.unwrap().value, key);
    }
}
