//! TypeScript, imports and packages: what a bundle means is what the language says, and errors name files as written.

use std::path::Path;

use nexus_kernel::{Json, code};
use nexus_sandbox::source::bundle;
use nexus_sandbox::{CallError, CallErrorKind, Capabilities, Invocation, JsError, Outcome};
use serde_json::json;

use crate::fixture::sandbox;

/// A project of these files, the packages of the fixtures beside them.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Files {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Files(folder)
    }

    fn with_packages(files: &[(&str, &str)]) -> Files {
        let made = Files::new(files);
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/packages");
        copy(&packages, &made.0.path().join("node_modules"));
        made
    }

    async fn invocation(&self, file: &str) -> Invocation {
        let bundle = bundle(self.0.path(), file).result.unwrap();
        let module = sandbox().compile_bundle(bundle).await.unwrap();
        let mut invocation = Invocation::new(module, "Main", Json::Null);
        invocation.capabilities = Capabilities::of_project();
        invocation
    }

    async fn call(&self, file: &str) -> Result<Outcome, CallError> {
        sandbox().call(self.invocation(file).await).await
    }

    fn errors(&self, file: &str) -> Vec<JsError> {
        bundle(self.0.path(), file).result.unwrap_err()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

async fn result(files: &[(&str, &str)]) -> Json {
    Files::new(files).call(files[0].0).await.unwrap().result
}

fn error(files: &[(&str, &str)]) -> JsError {
    let mut errors = Files::new(files).errors(files[0].0);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

fn place(error: &JsError) -> String {
    format!("{}:{}:{}", error.file, error.line, error.column)
}

#[tokio::test]
async fn types_are_taken_out_and_enums_and_namespaces_work() {
    let files = [
        (
            "activities/pay.ts",
            "import type { Order } from '../lib/types';
             import { total, Currency, type Unused } from '../lib/money';
             enum Level { Low = 1, High = Low << 2 }
             namespace Deep { export const one = 1 as const }
             class Point { constructor(private readonly x: number, public y?: string) {} get(): number { return this.x } }
             export async function Main<T extends Order>(input: T | null, ctx: unknown): Promise<unknown> {
               const order = (input ?? { lines: [1, 2] }) satisfies Order;
               return [total(order), Level.High, Level[1], Deep.one, new Point(7).get(), Currency.Euro, order.lines!.length];
             }",
        ),
        ("lib/types.ts", "export interface Order { lines: number[] }\nexport type Unused = string;"),
        (
            "lib/money.ts",
            "import type { Order } from './types.js';\nexport type { Unused } from './types';
             export enum Currency { Euro = 'EUR' }
             export const total = ({ lines }: Order): number => lines.reduce((a, b) => a + b, 0);",
        ),
    ];
    assert_eq!(result(&files).await, json!([3, 4, "Low", 1, 7, "EUR", 2]));
}

#[tokio::test]
async fn bindings_are_live() {
    let files = [
        (
            "a.js",
            "import { count, add, default as first } from './b.js';\nimport * as all from './b.js';
             export function Main() { const before = [count, first, all.count]; add(); add();
               return [...before, count, first, all.count, { count }.count, Object.keys(all)] }",
        ),
        (
            "b.js",
            "export let count = 0;\nexport const add = () => { count++; value = 'changed' };\nlet value = 'as it was';
             export default value;\nexport { value as live }",
        ),
    ];
    let expected = json!([0, "as it was", 0, 2, "as it was", 2, 2, ["add", "count", "default", "live"]]);
    assert_eq!(result(&files).await, expected);
}

#[tokio::test]
async fn modules_may_import_each_other_in_a_circle() {
    let files = [
        (
            "a.js",
            "import { isEven } from './even.js';\nexport const Main = () => [isEven(10), isEven(7)];",
        ),
        ("even.js", "import { isOdd } from './odd.js';\nexport function isEven(n) { return n === 0 || isOdd(n - 1) }"),
        (
            "odd.js",
            "import { isEven } from './even.js';\nconst early = isEven(0);\nif (!early) throw new Error('not hoisted');
             export function isOdd(n) { return n !== 0 && isEven(n - 1) }",
        ),
    ];
    assert_eq!(result(&files).await, json!([true, false]));
    let files = [
        ("a.js", "import './b.js';\nexport const early = 1;\nexport const Main = () => 1;"),
        ("b.js", "import { early } from './a.js';\nconsole.log(early);"),
    ];
    let failed = Files::new(&files).call("a.js").await.unwrap_err();
    let CallErrorKind::Threw(failure) = failed.kind else { panic!("{failed:?}") };
    assert_eq!((failure.type_name.as_str(), failure.at.as_deref()), ("ReferenceError", Some("b.js:2:13")));
}

#[tokio::test]
async fn everything_that_can_be_exported_is() {
    let files = [
        (
            "a.js",
            "import { f, g, K, x, y, z, renamed, 'odd name' as odd, space, fromStar, fromCommon } from './hub.js';
             import d, { other } from './default-class.js'\nimport arrow from './arrow.js';\nimport fn from './fn.js'
             import data from './data.json' with { type: 'json' };\nimport { rate } from './data.json';
             fn
             f()
             export const Main = () => [f(), [...g()], new K().k, x, y, z, renamed, odd, space.fromStar, fromStar, fromCommon,
               d.name, new d().v, other, arrow.name, arrow(2), fn.name.length > 0, fn(), data.rate, rate, f`t`];",
        ),
        (
            "hub.js",
            "export function f(t) { return t ? t[0] : 'f' }\nexport function* g() { yield 1 }\nexport class K { k = 'k' }
             export const { x, deep: [y = 5] } = { x: 1, deep: [] }; export var z = 3;
             const local = 'r';\nexport { local as renamed, local as 'odd name' }\nexport * as space from './star.js';
             export * from './star.js';\nexport * from './common.cjs';\nexport { default as unused } from './arrow.js';",
        ),
        ("star.js", "export const fromStar = 's', x = 'hidden by the hub';\nexport default 'not handed on'"),
        ("common.cjs", "exports.fromCommon = 'c'; exports.x = 'hidden'"),
        ("default-class.js", "export default class Named { v = 'v' }\nexport const other = new Named().v"),
        ("arrow.js", "export default (n) => n * 2"),
        ("fn.js", "export default function () { return 'hoisted' }"),
        ("data.json", "{ \"rate\": 0.19 }"),
    ];
    let expected = json!([
        "f",
        [1],
        "k",
        1,
        5,
        3,
        "r",
        "r",
        "s",
        "s",
        "c",
        "Named",
        "v",
        "v",
        "default",
        4,
        true,
        "hoisted",
        0.19,
        0.19,
        "t"
    ]);
    assert_eq!(result(&files).await, expected);
}

#[tokio::test]
async fn common_js_files_take_part() {
    let files = [
        (
            "a.mjs",
            "import whole, { add } from './lib';\nimport babel, { named } from './babel.cjs';
             import late from './late.cjs';
             export async function Main() { const { sub } = await import('./esm.mjs');
               return [add(1, 2), whole.add(3, 4), babel, named, late, sub(5, 3), typeof whole.self] }",
        ),
        (
            "lib/index.js",
            "'use strict';\nconst { inner } = require('./inner');\nmodule.exports = { add: (a, b) => inner(a, b) };
             module.exports.self = module;",
        ),
        ("lib/inner.js", "exports.inner = function (a, b) { return a + b };\nthis.also = require('./index.js');"),
        ("babel.cjs", "Object.defineProperty(exports, '__esModule', { value: true });\nexports.default = 'd'; exports.named = 'n';"),
        (
            "late.cjs",
            "let found = 'nothing';\ntry { require('not-installed') } catch (e) { found = e.message }
             const esm = require('./esm.mjs');\nmodule.exports = [found, esm.sub(9, 1), esm.__esModule, typeof global.Object,
               process.env.NODE_ENV, typeof require, typeof module.exports, this === module.exports];",
        ),
        ("esm.mjs", "export const sub = (a, b) => a - b;"),
    ];
    let late = json!([
        "cannot find module 'not-installed'",
        8,
        true,
        "function",
        "production",
        "function",
        "object",
        true
    ]);
    assert_eq!(result(&files).await, json!([3, 7, "d", "n", late, 2, "object"]));
}

#[tokio::test]
async fn names_of_ours_give_way_to_theirs() {
    let files = [
        ("a.js", "import { __nx } from './b.js';\nconst __nx1 = 1;\nexport const Main = () => __nx + __nx1;"),
        ("b.js", "export const __nx = 41;"),
    ];
    assert_eq!(result(&files).await, json!(42));
}

#[tokio::test]
async fn places_are_those_of_the_files_as_written() {
    let files = [
        (
            "activities/a.ts",
            "import { deep } from '../lib/b';\n\ninterface Gone {\n  a: string;\n}\n\nexport async function Main(x: Gone) {\n  deep<Gone>(x);\n}\n",
        ),
        (
            "lib/b.ts",
            "type Nothing = null;\n// ä comment\nexport function deep<T>(x: T | Nothing) {\n  const ä: number = 1; return ä.gone.more;\n}\n",
        ),
    ];
    let CallErrorKind::Threw(failure) = Files::new(&files).call(files[0].0).await.unwrap_err().kind else {
        panic!()
    };
    assert_eq!((failure.type_name.as_str(), failure.at.as_deref()), ("TypeError", Some("lib/b.ts:4:31")));
    let files = [
        ("activities/a.js", "import { ask } from './lib/ask.ts';\nexport const Main = (_, ctx) => ask(ctx);"),
        (
            "activities/lib/ask.ts",
            "export async function ask(ctx: any) {\n\n  return (await ctx.http('https://x.test'));\n}",
        ),
    ];
    let failed = Files::new(&files).call(files[0].0).await.unwrap_err();
    let CallErrorKind::Denied(failure) = failed.kind else { panic!("{failed:?}") };
    assert_eq!(failure.at.as_deref(), Some("activities/lib/ask.ts:3:21"));
}

#[tokio::test]
async fn a_single_typescript_file_keeps_its_places() {
    let files = [(
        "a.ts",
        "type A = {\n  b: string;\n};\nexport const Main = (a: A) => {\n  return (a as any).b.c;\n};\n",
    )];
    let CallErrorKind::Threw(failure) = Files::new(&files).call("a.ts").await.unwrap_err().kind else {
        panic!()
    };
    assert!(failure.at.as_deref().is_some_and(|at| at.starts_with("a.ts:5:")), "{failure:?}");
}

#[test]
fn errors_name_the_import_and_say_what_to_do() {
    let wrong = error(&[(
        "a.ts",
        "const x: number = 1;\nimport { y } from './gone';\nexport const Main = () => x + y;",
    )]);
    assert_eq!((place(&wrong).as_str(), wrong.code.id), ("a.ts:2:19", code::IMPORT_FAILED.id));
    assert!(wrong.message.contains("there is no such file"), "{wrong}");
    let wrong = error(&[("a.js", "import _ from 'lodash/groupBy';\nexport const Main = () => _;")]);
    assert_eq!(wrong.help.as_deref(), Some("`npm install lodash` in the project's folder"));
    let wrong = error(&[
        ("a.js", "import { b, c } from './b.js';\nexport const Main = () => b + c;"),
        ("b.js", "export const b = 1;"),
    ]);
    assert_eq!((place(&wrong).as_str(), wrong.message.as_str()), ("a.js:1:13", "b.js does not export c"));
    let wrong = error(&[
        ("a.js", "import { b } from './b.js';\nb = 2;\nexport const Main = () => b;"),
        ("b.js", "export let b = 1;"),
    ]);
    assert_eq!(place(&wrong), "a.js:2:1");
    let wrong =
        error(&[("a.js", "import './b.js';\nexport const Main = 1;"), ("b.js", "\nconst v = await 1;")]);
    assert_eq!(place(&wrong), "b.js:2:11");
    let wrong =
        error(&[("a.js", "import x from './x.json';\nexport const Main = x;"), ("x.json", "{\n  \"a\": }")]);
    assert_eq!(place(&wrong), "x.json:2:8");
    let wrong = error(&[("a.ts", "export const Main = (a: number => a;")]);
    assert_eq!(wrong.code.id, code::SCRIPT_INVALID.id);
    assert!(wrong.message.contains("SyntaxError"), "{wrong}");
    let wrong = error(&[("a.js", "import './image.png';\nexport const Main = 1;"), ("image.png", "")]);
    assert!(wrong.message.contains("no JavaScript, TypeScript or JSON"), "{wrong}");
}

#[test]
fn a_package_that_needs_node_is_refused_with_the_way_to_it() {
    let files = [
        ("activities/a.js", "import { read } from 'reader';\nexport const Main = read;"),
        ("node_modules/reader/package.json", r#"{ "name": "reader", "main": "lib/index.js" }"#),
        ("node_modules/reader/lib/index.js", "const inner = require('./inner');\nexports.read = inner;"),
        (
            "node_modules/reader/lib/inner.js",
            "\nconst fs = require('fs');\nmodule.exports = fs.readFileSync;",
        ),
    ];
    let wrong = error(&files);
    assert_eq!((place(&wrong).as_str(), wrong.code.id), ("activities/a.js:1:22", code::IMPORT_NEEDS_NODE.id));
    let way = "activities/a.js:1:22 imports node_modules/reader/lib/index.js:1:23 imports node_modules/reader/lib/inner.js:2:20";
    assert!(wrong.message.contains("node:fs") && wrong.message.contains(way), "{wrong}");
    let wrong =
        error(&[("a.ts", "import { readFile } from 'node:fs/promises';\nexport const Main = readFile;")]);
    assert!(wrong.message.contains("node:fs/promises"), "{wrong}");
}

#[cfg(unix)]
#[test]
fn nothing_outside_of_the_project_is_read() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.json"), "{\"secret\":1}").unwrap();
    let path = outside.path().join("secret.json");
    let text = format!("import s from '{}';\nexport const Main = () => s;", path.display());
    let wrong = error(&[("a.js", text.as_str())]);
    assert!(wrong.message.contains("outside of the project"), "{wrong}");
    let files = Files::new(&[("a.js", "import s from './link.json';\nexport const Main = () => s;")]);
    std::os::unix::fs::symlink(path, files.0.path().join("link.json")).unwrap();
    assert!(files.errors("a.js")[0].message.contains("outside of the project"));
}

#[test]
fn what_is_nested_too_deeply_is_refused_before_it_is_parsed() {
    for deep in ["(", "[", "{a:", "a=>", "!", "1+", "a.", "`${", "if(1)", "a?b:", "new ", "f("] {
        for name in ["a.js", "a.ts"] {
            let text = format!("export const Main = 1; x = {}", deep.repeat(150_000));
            let wrong = error(&[(name, text.as_str())]);
            assert!(wrong.message.contains("nested") || wrong.message.contains("Error"), "{deep}: {wrong}");
        }
    }
}

#[test]
fn what_imports_too_much_is_refused() {
    let filler = format!("export const a = '{}';", "x".repeat(900_000));
    let imports = (0..6).map(|n| format!("import './b{n}.js';\n")).collect::<Vec<_>>().concat();
    let names: Vec<String> = (0..6).map(|n| format!("b{n}.js")).collect();
    let text = format!("{imports}export const Main = 1;");
    let mut files = vec![("a.js", text.as_str())];
    files.extend(names.iter().map(|name| (name.as_str(), filler.as_str())));
    let wrong = error(&files);
    assert_eq!((wrong.file.as_str(), wrong.code.id), ("a.js", code::BUNDLE_TOO_LARGE.id));
}

#[test]
fn every_file_that_matters_is_an_input() {
    let files = Files::new(&[
        (
            "activities/a.ts",
            "import './b';\nimport data from './c.json';\nimport './later';\nexport const Main = data;",
        ),
        ("activities/b.ts", "export {};"),
        ("activities/c.json", "1"),
    ]);
    let bundled = bundle(files.0.path(), "activities/a.ts");
    assert!(bundled.result.is_err());
    let has = |name: &str| bundled.inputs.iter().any(|path| path.ends_with(name));
    for name in [
        "activities/a.ts",
        "activities/b.ts",
        "activities/c.json",
        "activities/later.ts",
        "activities/later/index.ts",
    ] {
        assert!(has(name) || name.contains("index"), "{name}: {:?}", bundled.inputs);
    }
}

#[tokio::test]
async fn three_packages_from_npm_work() {
    let files = Files::with_packages(&[(
        "activities/a.ts",
        "import dayjs from 'dayjs';
         import utc from 'dayjs/plugin/utc';
         import duration from 'dayjs/plugin/duration.js';
         import { nanoid, customAlphabet } from 'nanoid';
         import { object, string, number, array, create, is } from 'superstruct';
         dayjs.extend(utc); dayjs.extend(duration);
         const Order = object({ id: string(), cents: array(number()) });
         export async function Main() {
           const day = dayjs.utc('2026-11-21T16:00:00Z').add(40, 'day').endOf('month');
           const ids = new Set(Array.from({ length: 50 }, () => nanoid(12)));
           let refused = '';
           try { create({ id: 1, cents: [] }, Order) } catch (error) { refused = (error as Error).message }
           return [day.toISOString(), dayjs.duration(90, 'minutes').asHours(), ids.size, customAlphabet('ab', 9)().length,
             is({ id: 'o', cents: [1, 2] }, Order), refused];
         }",
    )]);
    let outcome = files.call("activities/a.ts").await.unwrap();
    let refused = "At path: id -- Expected a string, but received: 1";
    assert_eq!(outcome.result, json!(["2026-12-31T23:59:59.999Z", 1.5, 50, 9, true, refused]));
}
