//! Asking too often, saying too much, never ending.

use nexus_sandbox::CallErrorKind;
use nexus_sandbox::LimitKind::{HostCalls, LogBytes, LogLines, Operations, PassedBytes};
use nexus_sandbox::Limits;

use super::{assert_well, ended_by, ended_under};
use crate::fixture::failure;

/// A debug build takes its time for a thousand calls.
fn patient(limits: &mut Limits) {
    (limits.cpu_slice_ms_max, limits.cpu_ms_max) = (5_000, 5_000);
}

#[tokio::test]
async fn a_flood_of_host_calls() {
    ended_under(
        "export function Main() { for (;;) try { crypto.randomUUID() } catch {} }",
        &[HostCalls],
        patient,
    )
    .await;
}

#[tokio::test]
async fn a_flood_of_awaited_operations() {
    let source = "export async function Main(_, ctx) { for (;;) try { await ctx.kv.get('x') } catch {} }";
    ended_under(source, &[HostCalls], patient).await;
}

#[tokio::test]
async fn a_flood_of_operations_at_once() {
    ended_by("export async function Main(_, ctx) { for (;;) ctx.kv.get('x') }", &[Operations]).await;
}

#[tokio::test]
async fn a_flood_of_denied_calls() {
    let source = "export async function Main(_, ctx) { for (;;) try { await ctx.http('https://example.com/') } catch {} }";
    ended_under(source, &[HostCalls, PassedBytes], patient).await;
}

#[tokio::test]
async fn a_flood_of_log_text() {
    ended_under("export function Main() { for (;;) console.log('x'.repeat(1e4)) }", &[LogBytes], patient)
        .await;
    ended_under("export function Main() { console.log('x'.repeat(1 << 22)) }", &[LogBytes], patient).await;
}

#[tokio::test]
async fn a_flood_of_log_lines() {
    ended_under("export function Main() { for (;;) console.log() }", &[LogLines], patient).await;
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
