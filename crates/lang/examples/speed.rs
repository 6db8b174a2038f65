#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods
)]
use nexus_lang::text::source::Sources;
use nexus_lang::twf::check::{CheckOptions, ParsedUnit, check};
use nexus_lang::twf::lexer::lex;
use nexus_lang::twf::parser::parse;
use std::time::Instant;
fn main() {
    let n: usize = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(10_000);
    let mut text = String::new();
    text.push_str("activity Charge(order: Order) -> (Receipt):\n    return charge(order)\n\nactivity Ship(order: Order, address: string) -> (string):\n    return ship(order)\n\n");
    for i in 0..n {
        text.push_str(&format!("# Handles order {i}.\nworkflow Checkout{i}(order: Order, retries: int) -> (Receipt):\n    state:\n        condition paid\n        tries = 0\n    signal Seen(ref: string):\n        paymentRef = ref\n        set paid\n    query Tries() -> (int):\n        return tries\n    activity Charge(order) -> receipt\n        options:\n            start_to_close_timeout: 5m\n            retry_policy:\n                maximum_attempts: 3\n    for (item in order.items):\n        if (item.price > 100 and item.kind != \"gift\"):\n            activity Ship(item, order.address) -> tracking\n            tries += 1\n        else:\n            total = (total ?? 0) + item.price * item.count\n    promise child <- workflow Checkout{}(order, retries - 1)\n    await one:\n        paid:\n            log(\"paid\", paymentRef)\n        timer(15m):\n            close fail(Receipt{{status: \"timeout\", total: total}})\n    await child -> sub\n    switch (sub.status):\n        case \"ok\":\n            tries = tries + 1\n        else:\n            raise Failed(\"not ok\")\n    close complete(Receipt{{status: \"ok\", ref: paymentRef, tracking}})\n\n", (i + 1) % n));
    }
    let lines = text.lines().count();
    println!("{} bytes {} lines", text.len(), lines);
    let mut best = [f64::MAX; 4];
    for _ in 0..5 {
        let mut sources = Sources::new();
        let t = Instant::now();
        let source = sources.add("a.twf", &text);
        let l = lex(source, &text);
        let a = t.elapsed().as_secs_f64();
        let t = Instant::now();
        let p = parse(source, &text);
        let b = t.elapsed().as_secs_f64();
        let t = Instant::now();
        let d = check(&[ParsedUnit { source, unit: &p.unit }], &sources, CheckOptions::default());
        let c = t.elapsed().as_secs_f64();
        let t = Instant::now();
        let k = (l.tokens.len(), d.len(), p.diagnostics.len());
        drop(d);
        drop(p);
        drop(l);
        let e = t.elapsed().as_secs_f64();
        for (x, y) in best.iter_mut().zip([a, b, c, e]) {
            *x = x.min(y);
        }
        if best[3] == e {
            println!("{k:?}");
        }
    }
    for (name, s) in ["lex", "lex+parse", "check", "drop"].iter().zip(best) {
        println!("{name}: {:.1} ms {:.2} M lines/s", s * 1e3, lines as f64 / s / 1e6);
    }
    println!("parse+check: {:.2} M lines/s", lines as f64 / (best[1] + best[2]) / 1e6);
}
