//! Functions that mean harm, one test each: the right limit ends them, with little more processor time than they were
//! allowed, and the host is as it was: the next call is answered and the memory is back in the pool.

mod computing;
mod correlation;
mod cunning;
mod escapes;
mod floods;
mod memory;
mod pollution;
mod values;

use nexus_sandbox::LimitKind::{Cpu, CpuSlice};
use nexus_sandbox::{CallErrorKind, LimitKind, Limits};
use serde_json::{Value, json};

use crate::fixture::{invocation, run, sandbox};

/// Processor time past the budget that a stopped script may have used, in microseconds: one tick, and what the machine
/// adds when its threads are crowded.
const OVERSHOOT_US_MAX: u64 = 10_000;
/// The same where the tick itself did not come in time because others had all processors, or the processors of this machine
/// were lent to others, which counts as time of whoever was running. One run in five has to be without that.
const LATE_US_MAX: u64 = 250_000;
/// Processor time that no test uses up, however slow the machine is, in milliseconds.
const PATIENCE_MS: u64 = 5_000;
/// How much larger the process may be after many attacks, in bytes. What the pool keeps warm is far below, what the
/// attacks ask for is far above.
const GROWTH_BYTES_MAX: usize = 96 << 20;
/// Memory of a fresh instance, in bytes.
const FRESH_BYTES: u64 = 4 << 20;

/// Runs `Main` several times; each time one of these limits ends it. Where none of them is of processor time, there is
/// enough of it.
async fn ended_by(source: &str, expected: &[LimitKind]) {
    ended_under(source, expected, |_| {}).await;
}

/// The same under other limits.
async fn ended_under(source: &str, expected: &[LimitKind], set: impl Fn(&mut Limits)) {
    let mut call = invocation(source, Value::Null).await;
    if !expected.contains(&CpuSlice) {
        call.limits.cpu_slice_ms_max = PATIENCE_MS;
        if !expected.contains(&Cpu) {
            call.limits.cpu_ms_max = PATIENCE_MS;
        }
    }
    set(&mut call.limits);
    assert_well().await;
    let (before, mut least) = (resident_bytes(), u64::MAX);
    for _ in 0..5 {
        let error = sandbox().call(call.clone()).await.expect_err(source);
        let CallErrorKind::Limit { what, .. } = error.kind else { panic!("{source}: {error}") };
        assert!(expected.contains(&what), "{source}: {error}");
        assert_eq!(error.kind.code(), what.code());
        let Limits { cpu_slice_ms_max, cpu_ms_max, .. } = call.limits;
        let bound_ms = if what == LimitKind::CpuSlice { cpu_slice_ms_max } else { cpu_ms_max };
        let past_us = error.stats.cpu_us.saturating_sub(bound_ms * 1_000);
        assert!(past_us < LATE_US_MAX, "{source}: {past_us} us past its budget");
        least = least.min(past_us);
        assert_well().await;
    }
    assert!(
        least < OVERSHOOT_US_MAX,
        "{source}: all of five runs were stopped too late, the best {least} us"
    );
    let after = resident_bytes();
    assert!(after < before + GROWTH_BYTES_MAX, "{source}: {before} bytes before, {after} after");
}

/// The host is unharmed.
async fn assert_well() {
    let outcome = run("export function Main() { return [1].map((n) => n + 1) }", Value::Null).await.unwrap();
    assert_eq!(outcome.result, json!([2]));
    assert_eq!(outcome.stats.memory_bytes, FRESH_BYTES);
}

/// Memory of this process, in bytes.
fn resident_bytes() -> usize {
    const PAGE_BYTES: usize = 4_096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * PAGE_BYTES
}
