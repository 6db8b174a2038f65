//! The engine that JavaScript runs in: quickjs-ng, our shim and the prelude, initialised; built by `guest/build.sh`.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/qjs.wasm.zz"));

/// SHA-256 of the engine, in hexadecimal.
pub const GUEST_HASH: &str = env!("GUEST_HASH");

/// The engine as WebAssembly. It is unpacked anew each time: who has compiled it once keeps the machine code.
///
/// # Errors
///
/// None, unless the program itself is damaged.
pub fn guest_wasm() -> std::io::Result<Vec<u8>> {
    let mut wasm = Vec::with_capacity(env!("GUEST_BYTES").parse().unwrap_or_default());
    ZlibDecoder::new(PACKED).read_to_end(&mut wasm)?;
    Ok(wasm)
}
