//! Bytes that functions keep.

use nexus_kernel::id::Namespace;
use nexus_sandbox::CallErrorKind;
use serde_json::{Value, json};

use crate::fixture::{failure, invocation, limit_of, result, sandbox};

#[tokio::test]
async fn bytes_text_and_values_come_back_by_their_hash() {
    let source = "export async function Main(_, { blob }) {
        const text = await blob.put('hello'), again = await blob.put(new TextEncoder?.().encode?.('hello') ?? new Uint8Array([104, 101, 108, 108, 111]));
        const value = await blob.put({ a: [1, 'x'] }), bytes = await blob.put(new Uint16Array([0xfffe, 1]).subarray(1));
        const empty = await blob.put(''), none = '0'.repeat(64);
        return { text, same: text === again, hello: await blob.text(text), value: await blob.json(value), bytes: [...await blob.get(bytes)],
            empty: await blob.text(empty), none: [await blob.get(none), await blob.text(none), await blob.json(none)].every((x) => x === undefined),
            gone: [await blob.delete(text), await blob.delete(text), await blob.get(text) === undefined] } }"
        .replace("new TextEncoder?.().encode?.('hello') ?? ", "");
    let expected = json!({"text": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "same": true, "hello": "hello",
        "value": {"a": [1, "x"]}, "bytes": [1, 0], "empty": "", "none": true, "gone": [true, false, true]});
    assert_eq!(result(&source).await, expected);
}

#[tokio::test]
async fn namespaces_do_not_share_blobs() {
    let source = "export async function Main(id, { blob }) { return id ? await blob.text(id) ?? 'none' : blob.put('ours alone') }";
    let id = sandbox().call(invocation(source, Value::Null).await).await.unwrap().result;
    let mut call = invocation(source, id.clone()).await;
    assert_eq!(sandbox().call(call.clone()).await.unwrap().result, json!("ours alone"));
    call.context.namespace = Namespace::new("other").unwrap();
    assert_eq!(sandbox().call(call).await.unwrap().result, json!("none"));
}

#[tokio::test]
async fn what_is_no_blob_is_refused() {
    let source = "export async function Main(_, { blob }) { const told = [];
        for (const [what, arg] of [['put', undefined], ['put', () => 1], ['get', 'x'], ['get', '../etc'], ['get', 5], ['delete', 'A'.repeat(64)]])
            await blob[what](arg).catch((e) => told.push(e.name));
        await blob.put(new Uint8Array([0xff, 0xfe])).then(blob.text).catch((e) => told.push(e.name + ': ' + e.message));
        return told }";
    let wrong = ["TypeError"; 6];
    let expected: Vec<&str> = wrong.into_iter().chain(["BlobError: the blob is not text"]).collect();
    assert_eq!(result(source).await, json!(expected));
    let large = "export async function Main(_, { blob }) { await blob.put(new Uint8Array(1 << 20)) }";
    let kind = failure(large).await;
    assert!(limit_of(&kind).is_some() || matches!(kind, CallErrorKind::Threw(_)), "{kind}");
}
