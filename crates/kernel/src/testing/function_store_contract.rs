//! What every store promises to functions, as tests over `&dyn FunctionStore`. [`crate::function_store_contract!`] turns
//! them into test functions.
#![expect(clippy::unwrap_used, reason = "a test body fails by panicking")]
#![expect(
    clippy::cognitive_complexity,
    reason = "assertions in a row count as branches, and are read in a row"
)]

use crate::id::Namespace;
use crate::port::FunctionStore;
use crate::port::blob::Hash;
use crate::port::object::Kept;

/// One asynchronous test per rule. `$fresh()` gives something that dereferences to an empty store.
#[macro_export]
macro_rules! function_store_contract {
    ($fresh:path) => {
        $crate::function_store_contract!($fresh;
            objects_belong_to_their_namespace,
            a_full_namespace_takes_no_more,
            parked_executions_are_kept_by_name,
        );
    };
    ($fresh:path; $($rule:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $rule() {
            let store = $fresh();
            $crate::testing::function_store_contract::$rule(&*store).await;
        })*
    };
}

fn namespaces() -> (Namespace, Namespace) {
    (Namespace::default(), Namespace::new("other").unwrap())
}

async fn put(store: &dyn FunctionStore, namespace: &Namespace, bytes: &[u8], bytes_max: u64) -> Option<Hash> {
    match store.object_put(namespace, bytes.to_vec(), bytes_max).await.unwrap() {
        Kept::At(hash) => Some(hash),
        Kept::Full { .. } => None,
    }
}

/// An object is found by its hash where it was put, and nowhere else; deleting it in one place leaves the other.
pub async fn objects_belong_to_their_namespace(store: &dyn FunctionStore) {
    let (here, there) = namespaces();
    let hash = put(store, &here, b"hello", 100).await.unwrap();
    assert_eq!(put(store, &here, b"hello", 100).await, Some(hash.clone()));
    assert_eq!(store.object_get(&there, &hash).await.unwrap(), None);
    assert!(!store.object_delete(&there, &hash).await.unwrap());
    let other = put(store, &there, b"hello", 100).await.unwrap();
    assert!(store.object_delete(&here, &hash).await.unwrap());
    assert!(!store.object_delete(&here, &hash).await.unwrap());
    assert_eq!(store.object_get(&here, &hash).await.unwrap(), None);
    assert_eq!(store.object_get(&there, &other).await.unwrap().as_deref(), Some(&b"hello"[..]));
}

/// Bytes are counted once for each object, and what is deleted makes room.
pub async fn a_full_namespace_takes_no_more(store: &dyn FunctionStore) {
    let (here, there) = namespaces();
    let first = put(store, &here, &[1; 60], 1_000).await.unwrap();
    assert_eq!(put(store, &here, &[1; 60], 1).await, Some(first.clone()));
    // Some stores add bytes to each object, always as many.
    let used = store.object_bytes(&here).await.unwrap();
    let more = used.strict_sub(60);
    let two = 100 + 2 * more;
    assert_eq!(store.object_put(&here, vec![2; 41], two).await.unwrap(), Kept::Full { used });
    assert_eq!(store.object_get(&here, &Hash::of(&[2; 41])).await.unwrap(), None);
    assert!(put(store, &here, &[2; 40], two).await.is_some());
    assert!(put(store, &here, &[], two + more).await.is_some());
    assert!(put(store, &there, &[2; 41], two).await.is_some());
    assert!(store.object_delete(&here, &first).await.unwrap());
    assert_eq!(store.object_bytes(&here).await.unwrap(), 40 + 2 * more);
    assert_eq!(store.object_bytes(&there).await.unwrap(), 41 + more);
}

/// Bytes under a name are replaced, found and let go of.
pub async fn parked_executions_are_kept_by_name(store: &dyn FunctionStore) {
    assert_eq!(store.parked_load("b").await.unwrap(), None);
    store.parked_save("b", vec![1]).await.unwrap();
    store.parked_save("a", vec![2]).await.unwrap();
    store.parked_save("b", vec![3; 70_000]).await.unwrap();
    assert_eq!(store.parked_names().await.unwrap(), ["a", "b"]);
    assert_eq!(store.parked_load("b").await.unwrap(), Some(vec![3; 70_000]));
    store.parked_drop("b").await.unwrap();
    store.parked_drop("b").await.unwrap();
    assert_eq!(store.parked_load("b").await.unwrap(), None);
    assert_eq!(store.parked_names().await.unwrap(), ["a"]);
}
