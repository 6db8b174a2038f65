//! Scripts that bytes decide on: they can be read, mostly, and do what people and attackers do.

use super::Bytes;

/// Deepest nesting of what is generated.
const DEPTH_MAX: u8 = 5;
/// Longest script, in bytes.
const TEXT_BYTES_MAX: usize = 6_000;

const VALUES: [&str; 40] = [
    "0",
    "1",
    "-1",
    "2**53",
    "NaN",
    "Infinity",
    "10n**20n",
    "null",
    "undefined",
    "true",
    "''",
    "'text'",
    "`a${b}c`",
    "'\\ud800'",
    "'x'.repeat(1000)",
    "/(a+)+b/g",
    "/[\\u{1f600}-\\u{1f64f}]/u",
    "[]",
    "[1,,2]",
    "{}",
    "new Map()",
    "new Set([1])",
    "new WeakMap()",
    "new Date(0)",
    "Symbol.iterator",
    "Symbol('s')",
    "new Uint8Array(64)",
    "new ArrayBuffer(8, { maxByteLength: 64 })",
    "new DataView(new ArrayBuffer(8))",
    "globalThis",
    "this",
    "ctx",
    "input",
    "a",
    "b",
    "Main",
    "new Error('e')",
    "new Proxy({}, {})",
    "Object.create(null)",
    "Promise.resolve(1)",
];
const UNARY: [&str; 9] = ["-", "!", "~", "typeof ", "void ", "await ", "+", "...", "delete "];
const BINARY: [&str; 22] = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "<<",
    ">>>",
    "&",
    "|",
    "^",
    "<",
    "==",
    "===",
    "in",
    "instanceof",
    "&&",
    "||",
    "??",
    ",",
    "=",
    "+=",
];
const METHODS: [&str; 36] = [
    "toString()",
    "valueOf()",
    "length",
    "constructor",
    "__proto__",
    "prototype",
    "then((x) => x)",
    "catch(() => 1)",
    "map((x) => x)",
    "sort(() => 0.5 - Math.random())",
    "slice(-3)",
    "splice(0, 2)",
    "concat(a)",
    "flat(Infinity)",
    "fill(a)",
    "at(-1)",
    "copyWithin(1, 0)",
    "match(/./g)",
    "replace(/(.)/g, '$1$1')",
    "split('')",
    "normalize()",
    "padEnd(100)",
    "at(1e9)",
    "call(a, b)",
    "apply(a, [b])",
    "bind(a)",
    "next()",
    "entries()",
    "subarray(1)",
    "set([1, 2])",
    "resize(32)",
    "transfer()",
    "toJSON",
    "at",
    "has(a)",
    "get(a)",
];
const CALLS: [&str; 26] = [
    "JSON.stringify",
    "JSON.parse",
    "Object.keys",
    "Object.freeze",
    "Object.assign",
    "Object.defineProperty",
    "Object.getPrototypeOf",
    "Reflect.ownKeys",
    "Reflect.construct",
    "Array.from",
    "Array",
    "String",
    "Number",
    "BigInt",
    "Symbol",
    "Promise.all",
    "Promise.race",
    "structuredClone",
    "ctx.log",
    "ctx.kv.get",
    "ctx.kv.put",
    "ctx.kv.list",
    "ctx.read",
    "ctx.hostNow",
    "crypto.randomUUID",
    "eval",
];
const STATEMENTS: u8 = 18;

/// A script with a function `Main`.
pub(super) fn script(bytes: &mut Bytes<'_>) -> String {
    let mut text = String::new();
    if bytes.byte().is_multiple_of(4) {
        text.push_str("const top = ");
        expression(bytes, 2, &mut text);
        text.push_str(";\n");
    }
    text.push_str("export async function Main(input, ctx) {\nlet a = 1, b = [1, 'two', { three: 3 }];\n");
    while !bytes.is_empty() && text.len() < TEXT_BYTES_MAX {
        statement(bytes, 0, &mut text);
    }
    text.push_str("return ");
    expression(bytes, 2, &mut text);
    text.push_str(";\n}\n");
    text
}

fn statement(bytes: &mut Bytes<'_>, depth: u8, text: &mut String) {
    let form = if depth > DEPTH_MAX { 0 } else { bytes.byte() % STATEMENTS };
    // A hole is an expression, a block the next statement.
    let pattern = match form {
        0 | 1 => "#;\n",
        2 => "a = #;\n",
        3 => "b = #;\n",
        4 => "if (#) { @ } else { @ }\n",
        5 => "for (let i = 0; i < 20; i++) { @ }\n",
        6 => "for (const x of #) { @ }\n",
        7 => "for (const x in #) { @ }\n",
        8 => "try { @ } catch (e) { @ } finally { @ }\n",
        9 => "throw #;\n",
        10 => "{ const { x = #, ...rest } = #; @ }\n",
        11 => {
            "a = class extends Array { static x = #; get y() { return # } constructor() { super(); @ } };\n"
        }
        12 => {
            "a = { get x() { return # }, set x(v) { @ }, toJSON() { return # }, [Symbol.toPrimitive]: () => # };\n"
        }
        13 => "b = new Proxy(#, { get: () => #, has: () => #, ownKeys: () => # });\n",
        14 => "b = function* () { @ yield #; yield* # }();\n",
        15 => "await #;\n",
        16 => "while (#) { @ break; }\n",
        _ => "label: for (;;) { @ break label; }\n",
    };
    fill(pattern, bytes, depth, text);
}

fn expression(bytes: &mut Bytes<'_>, depth: u8, text: &mut String) {
    let form = if depth > DEPTH_MAX { 0 } else { bytes.byte() % 12 };
    let mut pick =
        |of: &[&'static str]| of.get(usize::from(bytes.byte()) % of.len().max(1)).copied().unwrap_or("0");
    let pattern = match form {
        0..=2 => return text.push_str(pick(&VALUES)),
        3 => format!("({}#)", pick(&UNARY)),
        4 => format!("(# {} #)", pick(&BINARY)),
        5 => format!("(#).{}", pick(&METHODS)),
        6 => format!("(#)?.{}", pick(&METHODS)),
        7 => format!("{}(#, #)", pick(&CALLS)),
        8 => "[#, ...[#], #]".to_owned(),
        9 => "{ x: #, ['y']: #, ...# }".to_owned(),
        10 => "(async (x, ...y) => { @ return # })(#)".to_owned(),
        _ => "(# ? # : (() => { @ })())".to_owned(),
    };
    // An object at the beginning of a statement would be a block.
    let braced = pattern.starts_with('{');
    text.push_str(if braced { "(" } else { "" });
    fill(&pattern, bytes, depth, text);
    text.push_str(if braced { ")" } else { "" });
}

fn fill(pattern: &str, bytes: &mut Bytes<'_>, depth: u8, text: &mut String) {
    for letter in pattern.chars() {
        match letter {
            '#' if text.len() < TEXT_BYTES_MAX => expression(bytes, depth + 1, text),
            '#' => text.push('0'),
            '@' if text.len() < TEXT_BYTES_MAX => statement(bytes, depth + 1, text),
            '@' => {}
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_end() {
        for seed in 0..=255_u8 {
            let bytes: Vec<u8> =
                (0..200_u8).map(|at| at.wrapping_mul(seed).wrapping_add(seed >> 3)).collect();
            let text = script(&mut Bytes(&bytes));
            assert!(text.len() < 10 * TEXT_BYTES_MAX && text.contains("return "));
        }
    }
}
