//! Memory bombs and deep recursion.

use nexus_sandbox::LimitKind::{CpuSlice, Memory, Stack};
use serde_json::json;

use super::{assert_well, ended_by};
use crate::fixture::result;

#[tokio::test]
async fn an_array_bomb() {
    ended_by("export function Main() { const a = []; for (;;) a.push(a.slice()) }", &[Memory]).await;
}

#[tokio::test]
async fn a_string_bomb() {
    let source = "export function Main() { const all = []; for (;;) all.push(('x'.repeat(1 << 16) + all.length).toUpperCase()) }";
    ended_by(source, &[Memory]).await;
}

#[tokio::test]
async fn an_array_buffer_bomb() {
    let source = "export function Main() { const a = []; for (;;) a.push(new ArrayBuffer(1 << 20)) }";
    ended_by(source, &[Memory]).await;
    ended_by("export function Main() { return new ArrayBuffer(2 ** 31 - 1) }", &[Memory]).await;
}

#[tokio::test]
async fn a_bomb_that_is_caught_again_and_again() {
    let source = "export function Main() { for (;;) try { const a = []; for (;;) a.push(new Uint8Array(1 << 18).fill(1)) } catch {} }";
    ended_by(source, &[CpuSlice]).await;
}

#[tokio::test]
async fn deep_recursion() {
    ended_by("const dig = (n) => dig(n + 1) + 1; export function Main() { return dig(0) }", &[Stack]).await;
}

#[tokio::test]
async fn deep_recursion_in_the_engine() {
    // The parser of JSON recurses in C: it has a wall of its own behind the script's stack.
    for source in [
        "export function Main() { return JSON.parse('['.repeat(1e6)) }",
        "export function Main() { let o = {}; for (let i = 0; i < 2e5; i++) o = { o }; return JSON.stringify(o) }",
    ] {
        ended_by(source, &[Stack, CpuSlice]).await;
    }
}

#[tokio::test]
async fn what_is_caught_leaves_a_script_that_goes_on() {
    let source = "export function Main() { const told = [];
        try { new ArrayBuffer(2 ** 30) } catch (e) { told.push(e.message) }
        try { (function dig() { dig() })() } catch (e) { told.push(e.name) }
        return [...told, [3, 1, 2].sort().join()] }";
    assert_eq!(result(source).await, json!(["out of memory", "RangeError", "1,2,3"]));
    assert_well().await;
}
