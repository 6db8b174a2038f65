//! Scripts for a comparison with QuickJS outside of the sandbox: programs whose result depends on nothing but themselves,
//! drawn from a seed, and what the sandbox says to them. `benches/peers/sandbox/differ` runs the others and compares.

use std::sync::Arc;

use anyhow::Result;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::port::rng::{Rng, SystemRng};
use nexus_sandbox::{Invocation, Options, Sandbox};
use serde_json::{Value, json};

use crate::out;

/// Expressions of one script.
const EXPRESSIONS: u32 = 12;
const DEPTH_MAX: u32 = 5;

const LITERALS: &[&str] = &[
    "0",
    "1",
    "-1",
    "7",
    "255",
    "0.1",
    "-2.5",
    "1e21",
    "2**53",
    "NaN",
    "Infinity",
    "''",
    "'a'",
    "'Zebra-42'",
    "'ä€😀'",
    "'10'",
    "'\\ud800'",
    "null",
    "undefined",
    "true",
    "false",
    "[]",
    "[3, 1, 2]",
    "[1, , 3]",
    "['b', 'a', ['c']]",
    "{}",
    "({ b: 1, a: [2] })",
    "12345678901234567890n",
    "-3n",
    "/[a-z]+/gi",
    "new Date(86400000)",
    "Symbol.iterator",
    "new Map([[1, 'x'], ['k', [2]]])",
    "new Set([3, 3, 4])",
    "new Uint8Array([1, 2, 300])",
    "a",
    "b",
    "c",
];
/// `§` is an expression, `¤` a small number.
const FORMS: &[&str] = &[
    "(§ + §)",
    "(§ - §)",
    "(§ * §)",
    "(§ / §)",
    "(§ % ¤)",
    "Math.fround(§ ** ¤)",
    "(§ | 0)",
    "(§ >>> ¤)",
    "(§ << ¤)",
    "(§ & §)",
    "(§ ^ §)",
    "(§ < §)",
    "(§ == §)",
    "(§ === §)",
    "(§ && §)",
    "(§ ?? §)",
    "(§ ? § : §)",
    "(-§)",
    "(~§)",
    "(!§)",
    "(typeof §)",
    "`${§}:${§}`",
    "String(§)",
    "Number(§)",
    "parseInt(String(§), ¤ + 2)",
    "JSON.stringify(§)",
    "JSON.parse(JSON.stringify(§) ?? 'null')",
    "String(§).split('').reverse().join('')",
    "String(§).replace(/[a1]/g, '<$&>')",
    "String(§).match(/(\\d+)|(?<w>[a-z]+)/u)",
    "String(§).padStart(¤, '*')",
    "String(§).slice(-¤)",
    "String(§).at(¤)",
    "String(§).normalize('NFD').length",
    "String(§).toUpperCase()",
    "String(§).localeCompare(String(§))",
    "String(§).codePointAt(¤)",
    "[§, §, §].sort()",
    "[§, §].flat(¤)",
    "[§, §].concat(§)",
    "[...String(§)].length",
    "[§, §].includes(§)",
    "[§, §].indexOf(§)",
    "[§, §, §].map((x, i) => [i, x])",
    "[§, §].reduce((x, y) => x + y)",
    "[§, §].toSorted((x, y) => String(x) < String(y) ? -1 : 1)",
    "Array.from({ length: ¤ }, (_, i) => i * 2)",
    "Object.entries({ x: §, y: § })",
    "Object.keys(Object(§))",
    "Object.assign({}, §, { z: § })",
    "({ ...§, q: § })",
    "structure(§)",
    "Math.round(§)",
    "Math.max(§, §)",
    "Math.hypot(¤, ¤)",
    "Math.fround(§)",
    "Math.clz32(§)",
    "Number.isInteger(§)",
    "Number(§).toFixed(¤)",
    "Number(§).toString(¤ + 2)",
    "Number(§).toPrecision(¤ + 1)",
    "BigInt.asIntN(¤, BigInt(¤))",
    "String(BigInt(¤) ** BigInt(¤))",
    "new Date(§).toISOString()",
    "new Date(¤, ¤).getDay()",
    "new Map([[§, §], [§, §]]).size",
    "[...new Set([§, §, §])].length",
    "Object.is(§, §)",
    "encodeURIComponent(String(§))",
    "(() => { let n = 0; for (const x of [§, §]) { if (x) continue; n++; } return n; })()",
    "(() => { try { throw § } catch (e) { return [typeof e, e] } finally { c = 1 } })()",
    "(() => { const { x = §, ...rest } = Object(§); return [x, Object.keys(rest).length]; })()",
    "[...(function* () { yield §; yield* [§, ¤]; })()]",
    "new (class A { #v = §; get v() { return this.#v } })().v",
    "((...xs) => xs.length + ¤)(...String(§))",
    "(a = §, b)",
    "(b = [a, §], b.length)",
    "§?.length",
    "§?.[¤]",
    "Reflect.ownKeys(Object(§)).length",
    "Object.getOwnPropertyNames(Object(§)).sort()",
    "isNaN(§)",
    "Array.isArray(§)",
    "new Uint8Array([¤, §]).join()",
    "new Float64Array([§])[0]",
    "new DataView(new Uint8Array([¤, ¤, ¤, ¤]).buffer).getInt32(0)",
    "Symbol(§ ).description",
    "(function f(n) { return n <= 1 ? 1 : n * f(n - 1) })(¤)",
    "void §",
];
/// Makes anything comparable: what cannot be written as JSON is written as text.
const HEAD: &str = "let a = 1, b = 'two', c = [3];
const structure = (x) => x === null ? 'null' : typeof x === 'object' ? Object.prototype.toString.call(x) : typeof x;
const show = (x) => { const text = (y) => { try { return JSON.stringify(y) ?? String(y) } catch (e) { return e.name } };
    return Array.isArray(x) ? x.map(text).join('|') : x instanceof Map || x instanceof Set ? text([...x]) : text(x) };
const tell = (f) => { try { return show(f()) } catch (e) { return `!${e?.name}` } };
";

/// Prints a line for each script: itself and its result, as JSON.
pub(crate) async fn run(count: u64, seed: u64) -> Result<()> {
    let options = Options::new(Arc::new(SystemClock), Arc::new(SystemRng), Arc::new(MemoryStore::new()));
    let sandbox = Sandbox::start(options)?;
    for number in 0..count {
        let script = script(&SeededRng::new(seed.wrapping_add(number)));
        let text = format!("{HEAD}export function Main() {{ return {script} }}");
        // Some are no JavaScript, and the other must say so, too.
        let said = match sandbox.compile("differ.js", &text).await {
            Ok(module) => sandbox.call(Invocation::new(module, "Main", Value::Null)).await.ok(),
            Err(_) => None,
        };
        let said = said.map_or(Value::Null, |outcome| outcome.result);
        let native = format!("(() => {{ {HEAD} return JSON.stringify({script}) }})()");
        out(&json!({ "seed": seed.wrapping_add(number), "source": native, "said": said }).to_string());
    }
    Ok(())
}

fn script(rng: &SeededRng) -> String {
    let all: Vec<_> =
        (0..EXPRESSIONS).map(|_| format!("tell(() => {})", expression(rng, DEPTH_MAX))).collect();
    format!("[{}]", all.join(",\n"))
}

fn expression(rng: &SeededRng, depth: u32) -> String {
    if depth == 0 || rng.next_u64().is_multiple_of(6) {
        return pick(rng, LITERALS).to_owned();
    }
    let mut text = String::new();
    for letter in pick(rng, FORMS).chars() {
        match letter {
            '§' => text.push_str(&expression(rng, depth - 1)),
            '¤' => text.push_str(&(rng.next_u64() % 9).to_string()),
            other => text.push(other),
        }
    }
    text
}

fn pick<'a>(rng: &SeededRng, all: &[&'a str]) -> &'a str {
    let at = usize::try_from(rng.next_u64() % all.len() as u64).unwrap_or(0);
    all.get(at).copied().unwrap_or("0")
}
