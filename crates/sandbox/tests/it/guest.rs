//! The committed guest: what it imports, and that it belongs to its sources.

use std::path::Path;

use nexus_sandbox::{GUEST_HASH, guest_wasm};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fixture::{invocation, sandbox};

#[test]
fn the_imports_are_exactly_five() {
    let engine = wasmtime::Engine::default();
    let module = wasmtime::Module::new(&engine, guest_wasm().unwrap()).unwrap();
    let mut imports: Vec<String> = module.imports().map(|i| format!("{}.{}", i.module(), i.name())).collect();
    imports.sort();
    assert_eq!(imports, ["nx.call", "nx.log", "nx.now_us", "nx.start", "nx.take"]);
}

#[test]
fn the_guest_and_its_sources_have_the_recorded_hashes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest");
    let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let mut names = Vec::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let actual = format!("{:x}", Sha256::digest(bytes));
        assert_eq!(actual, sum, "{name} changed after qjs.wasm was built; run guest/build.sh");
        names.push(name.to_owned());
    }
    assert_eq!(names, ["build.sh", "guest.c", "sys.c", "prelude.js", "qjs.wasm"]);
    let recorded = format!("{:x}", Sha256::digest(guest_wasm().unwrap()));
    assert_eq!(recorded, GUEST_HASH, "what the program carries is what it says");
    assert!(sums.contains(&recorded));
}

#[test]
fn the_snapshot_tells_nothing_about_the_machine_that_built_it() {
    let wasm = guest_wasm().unwrap();
    let text = String::from_utf8_lossy(&wasm);
    for trace in ["/root", "/home", "/tmp", "/work", "clang version"] {
        assert!(!text.contains(trace), "{trace}");
    }
}

/// What the snapshot holds is not looked at by the collector. What a script leaves behind in cycles is collected all the
/// same, whatever of the snapshot those cycles hold, and what the script still has is not.
#[tokio::test]
async fn cycles_are_collected_and_what_is_held_stays() {
    let source = "const held = []; globalThis.also = {};
        export function Main() {
            for (let i = 0; i < 60_000; i++) {
                const a = { big: [i, i, i, i, i, i, i, i], proto: Map.prototype, of: Promise.resolve, call: () => a };
                a.self = a; a.map = new Map([[a, Array.prototype.map]]);
                if (i % 6_000 === 0) { held.push(a); globalThis.also['n' + i] = a; }
            }
            return [held.length, held.every((a, n) => a.self.call().big[7] === n * 6_000 && a.map.get(a) === [].map),
                Object.keys(globalThis.also).length, Object.getPrototypeOf(new Map()) === Map.prototype];
        }";
    let mut call = invocation(source, Value::Null).await;
    (call.limits.memory_bytes_max, call.limits.cpu_ms_max, call.limits.cpu_slice_ms_max) =
        (8 << 20, 10_000, 10_000);
    assert_eq!(sandbox().call(call).await.unwrap().result, json!([10, true, 10, true]));
}
