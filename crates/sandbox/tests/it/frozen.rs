//! Intrinsics are frozen, code is never made from text, and what well-known packages do goes on working.

use serde_json::{Value, json};

use crate::fixture::{failure, result, run};

/// Evaluates an expression in a function and tells the error's name when it throws.
async fn attempt(expression: &str) -> Value {
    let source = format!(
        "export async function Main(input, ctx) {{ try {{ {expression}; return 'done' }} catch (e) {{ return e.name }} }}"
    );
    result(&source).await
}

/// Walks over everything that can be reached and lists what is not frozen.
const WALK: &str = r#"export function Main(_, ctx) {
    const seen = new Set(), loose = [];
    const visit = (value, path) => {
        if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
        seen.add(value);
        if (value !== globalThis && !Object.isFrozen(value)) loose.push(path);
        visit(Object.getPrototypeOf(value), path + ".[[Prototype]]");
        for (const key of Reflect.ownKeys(value)) {
            const property = Object.getOwnPropertyDescriptor(value, key);
            for (const part of ["value", "get", "set"]) visit(property[part], `${path}.${String(key)}`);
        }
    };
    visit(globalThis, "globalThis");
    const proto = Object.getPrototypeOf, own = [
        function* () {}, async function () {}, async function* () {}, () => {}, [][Symbol.iterator](), ""[Symbol.iterator](),
        new Map().keys(), new Set().keys(), "".matchAll(/a/g), [].values().map((x) => x), Iterator.from({ next() {} }),
        proto((function* () {})()), proto((async function* () {})()), Promise.resolve(), new Proxy({}, {}), Object(1n), Object(Symbol.iterator),
        new Error(), new AggregateError([]), new DataView(new ArrayBuffer(1)), new WeakRef({}), class {}, (function () { return arguments })(),
    ];
    own.forEach((value, at) => visit(proto(value), `own ${at}`));
    for (const name of Object.keys(ctx)) if (typeof ctx[name] === "function") visit(ctx[name], `ctx.${name}`);
    visit(proto(ctx), "ctx");
    return { seen: seen.size, loose };
}"#;

#[tokio::test]
async fn everything_that_can_be_reached_is_frozen() {
    let mut call = crate::fixture::invocation(WALK, Value::Null).await;
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (2_000, 2_000);
    let found = crate::fixture::sandbox().call(call).await.unwrap().result;
    assert_eq!(found["loose"], json!([]), "{found}");
    assert!(found["seen"].as_u64().unwrap() > 600, "{found}");
}

#[tokio::test]
async fn intrinsics_refuse_every_kind_of_change() {
    for change in [
        "Object.prototype.pwned = 1",
        "({}).__proto__.pwned = 1",
        "({}).constructor.prototype.pwned = 1",
        "Array.prototype.map = () => 'pwned'",
        "Array.prototype[0] = 'pwned'",
        "Array.prototype.push('pwned')",
        "[].__proto__.length = 5",
        "delete Array.prototype.map",
        "Object.defineProperty(Object.prototype, 'x', { value: 1 })",
        "Object.defineProperty(Array.prototype, 'map', { value: 1 })",
        "Object.setPrototypeOf(Array.prototype, null)",
        "Object.prototype.__proto__ = {}",
        "Function.prototype.call = 1",
        "Array.prototype.map.call = 1",
        "Math.max.apply = 1",
        "(function* () {}).__proto__.prototype.next = 1",
        "(function* () {})().__proto__.__proto__.next = 1",
        "[][Symbol.iterator]().__proto__.next = 1",
        "Promise.prototype.then = null",
        "Promise.resolve = null",
        "Map.prototype.get = 1",
        "RegExp.prototype.exec = 1",
        "Uint8Array.__proto__.prototype.set = 1",
        "JSON.stringify = 1",
        "Reflect.get = 1",
        "Symbol.iterator = 1",
        "String.prototype.length = 1",
        "Error.captureStackTrace = 1",
        "console.log = 1",
        "crypto.randomUUID = 1",
        "ApplicationFailure.nonRetryable = 1",
        "PermissionError.prototype.message = 1",
        "ctx.__proto__.kv = 1",
        "ctx.kv.get = 1",
        "ctx.log.info = 1",
    ] {
        assert_eq!(attempt(change).await, json!("TypeError"), "{change}");
    }
}

#[tokio::test]
async fn no_path_makes_code_of_text() {
    for path in [
        "eval('1')",
        "(0, eval)('1')",
        "globalThis.eval('1')",
        "Function('return 1')()",
        "new Function('return 1')",
        "Reflect.construct(Function, ['return 1'])",
        "Reflect.construct(Object, [], Function) && Function('return 1')",
        "(() => {}).constructor('return 1')",
        "new (function* () {}).constructor('yield 1')",
        "new (async () => {}).constructor('await 1')",
        "new (async function* () {}).constructor('yield 1')",
        "({}).constructor.constructor('return this')()",
        "[].map.constructor('return this')()",
        "(class { static m() {} }).m.constructor('return 1')",
        "Object.getPrototypeOf(async () => {}).constructor('return 1')",
        "Function.prototype.constructor.call(null, 'return 1')",
        "Function.bind(null, 'return 1')()",
        "[Function][0].apply(null, ['return 1'])",
        "(async () => {}).constructor.bind()('return 1')",
        "'x'.replace(/x/, Function)",
        "['return 1'].map(Function)",
        "new Proxy(Function, {})('return 1')",
    ] {
        assert_eq!(attempt(path).await, json!("TypeError"), "{path}");
    }
    for path in
        ["await import('data:text/javascript,1')", "await import('node:fs')", "await import('./other.js')"]
    {
        assert_eq!(attempt(path).await, json!("TypeError"), "{path}");
    }
    for path in
        ["setTimeout('1')", "setInterval('1')", "new Worker('x')", "new ShadowRealm()", "require('fs')"]
    {
        assert_eq!(attempt(path).await, json!("ReferenceError"), "{path}");
    }
}

#[tokio::test]
async fn assigning_to_what_is_inherited_makes_an_own_property() {
    let source = r#"
        function Legacy(message) { this.name = "Legacy"; this.message = message; this.stack = new Error().stack }
        Legacy.prototype = Object.create(Error.prototype);
        Legacy.prototype.constructor = Legacy;
        Legacy.prototype.toString = function () { return "legacy!" };
        class Modern extends Error { constructor(m) { super(m); this.name = this.constructor.name; this.toString = () => "modern!" } }
        Modern.prototype.name = "Modern";
        function Collection() {}
        Collection.prototype = Object.assign(Object.create(Array.prototype), { push: () => "pushed" });
        Collection.prototype.map = () => "mapped";
        function inherits(child, parent) { child.super_ = parent; Object.setPrototypeOf(child.prototype, parent.prototype) }
        function Emitter() {} function Stream() {} inherits(Stream, Emitter);
        export function Main() {
            const plain = {}; plain.toString = () => "plain!"; plain.hasOwnProperty = 1; plain.constructor = 2; plain.valueOf = 3;
            const list = []; list.map = () => "own map"; list.concat = 1;
            const fn = function () {}; fn.call = 1; fn.toString = () => "fn!"; fn.bind = 2;
            const tagged = { __proto__: { toString() { return "x" } } }; tagged.toString = () => "tagged!";
            const copied = Object.assign({}, { toString: 1, valueOf: 2, __defineGetter__: 3 });
            const promise = Promise.resolve(1); promise.then = "own then";
            const regexp = /a/; regexp.exec = () => null;
            const map = new Map(); map.get = () => "own get";
            const target = {}; Reflect.set(Object.prototype, "toString", 5, target);
            return [
                String(new Legacy("m")), new Legacy("m").name, new Legacy("m") instanceof Error, new Legacy("m").constructor === Legacy,
                String(new Modern("m")), new Modern("m").name, new Collection().push(1), new Collection().map(), Stream.super_ === Emitter,
                String(plain), plain.constructor, list.map(), Object.keys(list), fn.call, String(fn), String(tagged), copied.toString,
                Object.keys(copied), promise.then, regexp.test("a"), map.get("x"), target.toString,
                Object.prototype.toString.call([]), Object.getOwnPropertyDescriptor(plain, "toString").enumerable,
            ];
        }"#;
    let expected = json!([
        "legacy!",
        "Legacy",
        true,
        true,
        "modern!",
        "Modern",
        "pushed",
        "mapped",
        true,
        "plain!",
        2,
        "own map",
        ["map", "concat"],
        1,
        "fn!",
        "tagged!",
        1,
        ["toString", "valueOf", "__defineGetter__"],
        "own then",
        false,
        "own get",
        5,
        "[object Array]",
        true
    ]);
    assert_eq!(result(source).await, expected);
}

#[tokio::test]
async fn what_a_script_freezes_itself_is_frozen_as_the_language_says() {
    let source = "export function Main() { const base = Object.freeze({ a: 1 }), heir = Object.create(base);
        try { heir.a = 2 } catch (e) { return [e.name, heir.a] } }";
    assert_eq!(result(source).await, json!(["TypeError", 1]));
    for assignment in
        ["5..toString = 1", "'x'.length = 1", "Object.preventExtensions({}).toString = 1", "Math.PI = 3"]
    {
        assert_eq!(attempt(assignment).await, json!("TypeError"), "{assignment}");
    }
}

#[tokio::test]
async fn global_names_are_the_scripts_own_and_ours_do_not_depend_on_them() {
    let source = "export async function Main(_, ctx) {
        globalThis.process = { env: {} }; globalThis.Error = class {}; globalThis.TypeError = null; globalThis.String = null;
        globalThis.Number = null; globalThis.Uint8Array = null; globalThis.parseInt = null; globalThis.JSON = null; globalThis.Object = null;
        globalThis.Array = null; globalThis.Promise = null;
        console.log(Symbol('s'), 1, { a: [] });
        const random = crypto.getRandomValues(new Int8Array(4)).length;
        await ctx.kv.put('frozen/x', 1);
        let denied; try { await ctx.host('x') } catch (e) { denied = e.name }
        let wrong; try { await ctx.kv.get(5) } catch (e) { wrong = e.name }
        return [random, await ctx.kv.get('frozen/x'), denied, wrong] }";
    let outcome = run(source, Value::Null).await.unwrap();
    assert_eq!(outcome.result, json!([4, 1, "PermissionError", "TypeError"]));
    assert_eq!(outcome.logs[0].message, "Symbol(s) 1 {\"a\":[]}");
    let thrown = "export function Main() { globalThis.Number = null; globalThis.String = null; throw new RangeError('told') }";
    assert_eq!(failure(thrown).await.to_string(), "RangeError: told (activities/test.js:1:88)");
}
