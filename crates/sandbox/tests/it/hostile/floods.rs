//! Asking too often, saying too much, never ending.

use nexus_sandbox::CallErrorKind;
use nexus_sandbox::LimitKind::{HostCalls, LogBytes, LogLines, Operations, PassedBytes};

use super::{assert_well, ended_by};
use crate::fixture::failure;

#[tokio::test]
async fn a_flood_of_host_calls() {
    ended_by("export function Main() { for (;;) try { crypto.randomUUID() } catch {} }", &[HostCalls]).await;
}

#[tokio::test]
async fn a_flood_of_awaited_operations() {
    let source = "export async function Main(_, ctx) { for (;;) try { await ctx.kv.get('x') } catch {} }";
    ended_by(source, &[HostCalls]).await;
}

#[tokio::test]
async fn a_flood_of_operations_at_once() {
    ended_by("export async function Main(_, ctx) { for (;;) ctx.kv.get('x') }", &[Operations]).await;
}

#[tokio::test]
async fn a_flood_of_denied_calls() {
    let source = "export async function Main(_, ctx) { for (;;) try { await ctx.http('https://example.com/') } catch {} }";
    ended_by(source, &[HostCalls, PassedBytes]).await;
}

#[tokio::test]
async fn a_flood_of_log_text() {
    ended_by("export function Main() { for (;;) console.log('x'.repeat(1e4)) }", &[LogBytes]).await;
    ended_by("export function Main() { console.log('x'.repeat(1 << 22)) }", &[LogBytes]).await;
}

#[tokio::test]
async fn a_flood_of_log_lines() {
    ended_by("export function Main() { for (;;) console.log() }", &[LogLines]).await;
}

#[tokio::test]
async fn a_promise_that_never_settles() {
    for source in [
        "export function Main() { return new Promise(() => {}) }",
        "await new Promise(() => {}); export function Main() {}",
        "export async function Main() { const a = new Promise((r) => setTimeoutLike.push(r)); await a } const setTimeoutLike = [];",
        "export async function Main() { await Promise.race([]) }",
    ] {
        let kind = failure(source).await;
        assert_eq!((kind.code().id, &kind), ("NX-5006", &CallErrorKind::Stuck), "{source}");
        assert_well().await;
    }
}
