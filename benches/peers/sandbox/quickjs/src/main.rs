//! The same calls in QuickJS inside the process: a new runtime and context for each, and one that is used again. With
//! `differ`, scripts from standard input with what the sandbox said to them: every difference is printed.

use std::io::BufRead;

use rquickjs::{Context, Function, Runtime};

const TRIVIAL: &str = "(text) => { const e = JSON.parse(text); return JSON.stringify({ ok: true, n: e.n + 1 }) }";
const MEDIUM: &str = include_str!("../../../../src/sandbox/medium.js");

fn cpu_us() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec of this frame.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn fresh(source: &str) -> usize {
    let runtime = Runtime::new().expect("a runtime");
    let context = Context::full(&runtime).expect("a context");
    context.with(|cx| {
        let function: Function<'_> = cx.eval(source).expect("a function");
        let said: String = function.call((r#"{"n":41}"#,)).expect("an answer");
        said.len()
    })
}

fn median(count: usize, mut work: impl FnMut() -> usize) -> f64 {
    let mut took: Vec<f64> = (0..count)
        .map(|_| {
            let began = cpu_us();
            assert!(work() > 0);
            cpu_us() - began
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}

/// Runs each script, and fails when one of them has another result.
fn differ() {
    let (mut same, mut different) = (0_u64, 0_u64);
    for line in std::io::stdin().lock().lines() {
        let line: serde_json::Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        let source = line["source"].as_str().expect("a source");
        let runtime = Runtime::new().expect("a runtime");
        let context = Context::full(&runtime).expect("a context");
        let said: Result<String, _> = context.with(|cx| cx.eval(source));
        let said = said.map_or(serde_json::Value::Null, |text| serde_json::from_str(&text).expect("JSON"));
        if said == line["said"] {
            same += 1;
        } else {
            different += 1;
            println!("seed {}\n  sandbox {}\n  QuickJS {said}", line["seed"], line["said"]);
        }
    }
    println!("{same} scripts have the same result, {different} another one");
    assert!(different == 0 && same > 0);
}

fn main() {
    if std::env::args().nth(1).is_some_and(|what| what == "differ") {
        return differ();
    }
    let medium = MEDIUM.replace("export function Main", "function Main");
    let medium = format!("(() => {{ {medium}\nreturn (text) => JSON.stringify(Main(JSON.parse(text))) }})()");
    for (name, source) in [("trivial", TRIVIAL), ("medium", medium.as_str())] {
        let each = median(500, || fresh(source));
        let runtime = Runtime::new().expect("a runtime");
        let context = Context::full(&runtime).expect("a context");
        let reused = context.with(|cx| {
            let function: Function<'_> = cx.eval(source).expect("a function");
            median(5_000, || function.call::<_, String>((r#"{"n":41}"#,)).expect("an answer").len())
        });
        println!("{name:<10} new runtime and context, from source {each:>6.0} us; reused {reused:>5.1} us of processor time");
    }
}
