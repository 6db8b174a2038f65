//! Endless work.

use nexus_sandbox::LimitKind::{Cpu, CpuSlice};

use super::{ended_by, ended_under};

#[tokio::test]
async fn a_busy_loop() {
    ended_by("export function Main() { for (;;) try { for (;;); } finally { continue } }", &[CpuSlice]).await;
}

#[tokio::test]
async fn a_busy_loop_at_the_top_of_the_module() {
    ended_by("for (;;); export function Main() {}", &[CpuSlice]).await;
}

#[tokio::test]
async fn a_promise_loop() {
    let source =
        "export async function Main() { const again = () => Promise.resolve().then(again); await again() }";
    ended_by(source, &[CpuSlice]).await;
}

#[tokio::test]
async fn a_promise_loop_across_the_host() {
    let source = "export async function Main(_, ctx) { for (;;) { for (let i = 0; i < 1e5; i++); await ctx.kv.get('x') } }";
    ended_under(source, &[Cpu], |limits| (limits.cpu_ms_max, limits.host_calls_max) = (60, 100_000)).await;
}

#[tokio::test]
async fn a_regex_bomb() {
    ended_by(
        "export function Main() { return /^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(60)) }",
        &[CpuSlice],
    )
    .await;
}

#[tokio::test]
async fn an_arithmetic_bomb() {
    ended_by("export function Main() { return String(3n ** 3_000_000n).length }", &[CpuSlice]).await;
}

#[tokio::test]
async fn a_sparse_array_scan() {
    ended_by("export function Main() { const a = []; a[4294967290] = 1; return a.indexOf(2) }", &[CpuSlice])
        .await;
}
