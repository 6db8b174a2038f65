//! Lists the error pages under `docs/errors`, so that the binary carries them.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

#[expect(clippy::disallowed_methods, reason = "cargo talks to build scripts through the environment")]
fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let folder = Path::new(&root).join("../../docs/errors");
    // Cargo reads this from the standard output.
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages: Vec<_> = fs::read_dir(&folder)?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    pages.sort();
    let mut code = String::from("/// Every page, by code.\npub static PAGES: &[(&str, &str)] = &[\n");
    for page in pages.iter().filter(|page| page.extension().is_some_and(|kind| kind == "md")) {
        let name = page.file_stem().unwrap_or_default().to_string_lossy();
        let path = page.canonicalize()?.display().to_string();
        let _ = writeln!(code, "    ({name:?}, include_str!({path:?})),"); // writing to a string cannot fail
    }
    code.push_str("];\n");
    fs::write(Path::new(&out).join("pages.rs"), code)
}
