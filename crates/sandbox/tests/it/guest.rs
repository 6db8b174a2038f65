//! The committed guest: what it imports, and that it belongs to its sources.

use std::path::Path;

use nexus_sandbox::GUEST_WASM;
use sha2::{Digest, Sha256};

#[test]
fn the_imports_are_exactly_five() {
    let engine = wasmtime::Engine::default();
    let module = wasmtime::Module::new(&engine, GUEST_WASM).unwrap();
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
    let recorded = format!("{:x}", Sha256::digest(GUEST_WASM));
    assert!(sums.contains(&recorded));
}

#[test]
fn the_snapshot_tells_nothing_about_the_machine_that_built_it() {
    let text = String::from_utf8_lossy(GUEST_WASM);
    for trace in ["/root", "/home", "/tmp", "/work", "clang version"] {
        assert!(!text.contains(trace), "{trace}");
    }
}
