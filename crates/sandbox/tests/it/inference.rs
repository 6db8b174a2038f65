//! What functions need, read off their texts.

use nexus_sandbox::source::{Function, bundle};

fn functions(files: &[(&str, &str)]) -> Vec<Function> {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    bundle(folder.path(), files[0].0).result.unwrap().functions().to_vec()
}

fn needs(body: &str) -> String {
    let text = format!("export async function Main(input, ctx) {{ {body} }}");
    shown(&functions(&[("a.js", &text)])[0])
}

fn shown(function: &Function) -> String {
    let tokens = function.needs.iter().map(|need| {
        let guess = if need.is_guess { "?" } else { "" };
        format!("{}{guess}", need.capability)
    });
    let mut tokens: Vec<String> = tokens.collect();
    tokens.sort();
    tokens.dedup();
    tokens.extend(function.blind.iter().map(|_| "BLIND".to_owned()));
    tokens.join(" ")
}

#[test]
fn calls_are_seen_in_every_form() {
    for (body, expected) in [
        ("", ""),
        ("return ctx.attempt + ctx.idempotencyKey", ""),
        ("await ctx.kv.get('lit')", "kv:read:lit"),
        ("await ctx.kv.get(`row/${input}`)", "kv:read:row/*"),
        ("await ctx.kv.put('row/' + input, 1)", "kv:write:row/*"),
        ("await ctx.kv.get(input)", "kv:read:*?"),
        ("await ctx['kv']?.delete('a')", "kv:write:a"),
        ("await ctx.kv.list('cart/')", "kv:read:cart/*"),
        ("await ctx.kv.list()", "kv:read:*"),
        (
            "await ctx.kv.commit({ check: [{ key: 'a' }], put: { b: 1, c: 2 }, delete: ['d'] })",
            "kv:read:a kv:write:b kv:write:c kv:write:d",
        ),
        ("await ctx.kv.commit({ put: [{ key: `x/${input}`, value: 1 }] })", "kv:write:x/*"),
        ("await ctx.kv.commit(input)", "kv:write:*?"),
        ("await ctx.http('https://API.example.com/x?y')", "http:fetch:api.example.com"),
        ("await ctx.http('http://api.example.com:80')", "http:fetch:api.example.com"),
        ("await ctx.http('https://api.example.com:8443')", "http:fetch:api.example.com:8443"),
        ("await ctx.http(`https://api.example.com/${input}`)", "http:fetch:api.example.com"),
        ("await ctx.http(`https://${input}.example.com/`)", "http:fetch:*?"),
        ("await ctx.http(`https://api.example.com${input}`)", "http:fetch:*?"),
        ("await ctx.read('prices.json')", "file:read:prices.json"),
        ("const url = 'https://a.test/'; await ctx.http(url)", "http:fetch:a.test"),
        ("let url = 'https://a.test/'; url = input; await ctx.http(url)", "http:fetch:*?"),
        (
            "const { kv, http: send } = ctx; await kv.get('a'); await send('https://b.test')",
            "http:fetch:b.test kv:read:a",
        ),
        ("const c = ctx, kv = c.kv; const { get } = kv; return get('a')", "kv:read:a"),
        ("const ask = async () => ctx.kv.get('inner'); return ask()", "kv:read:inner"),
        ("await ctx.random.bytes(3)", "crypto:random:*"),
        ("await ctx.host('mail.send', 1)", "host:mail.send"),
        ("const ctx2 = { kv: { get() {} } }; ctx2.kv.get('not ours')", ""),
        ("{ const ctx = input; ctx.kv.get('shadowed') }", ""),
        ("return input.call(ctx)", "BLIND"),
        ("return { ctx }", "BLIND"),
        ("return ctx[input]('a')", "BLIND"),
        ("const { [input]: f } = ctx; return f('a')", "BLIND"),
        ("const { attempt, ...rest } = ctx; return rest.kv.get('a')", "BLIND"),
        ("input(ctx.kv)", "BLIND"),
        ("return ctx.kv.get", "BLIND"),
    ] {
        assert_eq!(needs(body), expected, "{body}");
    }
}

#[test]
fn a_context_is_followed_into_functions_and_files() {
    let found = functions(&[
        ("activities/a.ts", "import { save, type T } from '../lib/save';
import * as all from '../lib/save';
const local = (n: number, { read }: any) => read('prices.json');
export const Main = async (input: T, ctx: any) => { local(1, ctx); return save(ctx, input) };
export const Other = async (input: T, ctx: any) => all.save(ctx, input);
export { save as Save } from '../lib/save';
export const NoContext = (input: T) => input;
"),
        ("lib/save.ts", "import { put } from './index';
export type T = string;
export function save(c: any, key: string, again = true) { if (again) save(c, key, false); return put(key, c.kv) && put(key, c); }
"),
        ("lib/index.ts", "export * from './put';\n"),
        ("lib/put.ts", "\nexport const put = (key: string, c: any) => c.kv.put(`saved/${key}`, 1);\n"),
    ]);
    let told: Vec<(&str, String)> =
        found.iter().map(|function| (function.name.as_str(), shown(function))).collect();
    assert_eq!(told[0], ("Main", "file:read:prices.json kv:write:saved/* BLIND".to_owned()));
    assert_eq!(told[1], ("Other", "BLIND".to_owned()));
    assert_eq!(told[2], ("NoContext", String::new()));
    let put = found[0].needs.iter().find(|need| need.call == "ctx.kv.put").unwrap();
    assert_eq!((put.place.file.as_str(), put.place.line), ("lib/put.ts", 2));
    let names: Vec<_> = found[0].parameters.iter().map(|(name, _)| name.as_deref()).collect();
    assert_eq!(names, [Some("input"), Some("ctx")]);
}
