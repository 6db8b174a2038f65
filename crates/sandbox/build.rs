//! Packs the JavaScript engine: the program carries it in a third of its size, and its hash, so that nobody has to unpack
//! or read it to know which one it is.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::{env, fs};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=guest/qjs.wasm");
    let guest = fs::read("guest/qjs.wasm")?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&guest)?;
    let folder = env::var_os("OUT_DIR").ok_or("cargo says where to")?;
    fs::write(Path::new(&folder).join("qjs.wasm.zz"), packed.finish()?)?;
    println!("cargo::rustc-env=GUEST_HASH={:x}", Sha256::digest(&guest));
    println!("cargo::rustc-env=GUEST_BYTES={}", guest.len());
    Ok(())
}
