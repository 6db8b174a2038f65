//! Freezes the initialised engine: `snapshot engine.wasm qjs.wasm`. Only `guest/build.sh` runs it.
//!
//! It instantiates the module, runs `_initialize` and `nx_init`, and writes the module again with the memory as it is
//! then in place of the data segments. That is all there is to do because the only mutable global is the shadow stack's
//! pointer, which is at rest. (The wizer crate does the same for any module; it would switch on a feature of
//! wasm-encoder that builds all of wasmtime a second time.)

use std::error::Error;

use wasmtime::{Config, Engine, Linker, Module, Store};

const MEMORY: u8 = 5;
const START: u8 = 8;
const CODE: u8 = 10;
const DATA: u8 = 11;
const DATA_COUNT: u8 = 12;
const PAGE_BYTES: usize = 65_536;
/// The shadow stack lies first in memory (`--stack-first`, `stack-size`); what lies in it is dead.
const STACK_BYTES: usize = 524_288;
/// Zeros shorter than this cost less in a segment than a new segment does.
const GAP_BYTES_MAX: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else {
        return Err("usage: snapshot engine.wasm qjs.wasm".into());
    };
    let wasm = std::fs::read(from)?;
    let memory = initialised_memory(&wasm)?;
    std::fs::write(to, rewrite(&wasm, &memory)?)?;
    Ok(())
}

fn initialised_memory(wasm: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let engine = Engine::new(&Config::new())?;
    let module = Module::new(&engine, wasm)?;
    let mut linker = Linker::<()>::new(&engine);
    // The engine asks for the time when it starts; nothing else may be asked for.
    linker.func_wrap("nx", "now_us", || 0.0_f64)?;
    linker.define_unknown_imports_as_traps(&module)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    for name in ["_initialize", "nx_init"] {
        instance.get_typed_func::<(), ()>(&mut store, name)?.call(&mut store, ())?;
    }
    let memory = instance.get_memory(&mut store, "memory").ok_or("no memory")?;
    let mut bytes = memory.data(&store).to_vec();
    bytes.iter_mut().take(STACK_BYTES).for_each(|byte| *byte = 0);
    Ok(bytes)
}

/// The module with other data.
fn rewrite(wasm: &[u8], memory: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let (header, mut rest) = wasm.split_at_checked(8).ok_or("not a module")?;
    let mut out = header.to_vec();
    let segments = segments(memory);
    while let Some((&id, after)) = rest.split_first() {
        let (size, after) = read_leb(after).ok_or("a section has no size")?;
        let (body, after) = after.split_at_checked(size).ok_or("a section is cut short")?;
        match id {
            START => return Err("a start function would run again".into()),
            MEMORY => section(&mut out, MEMORY, &memory_section(memory.len() / PAGE_BYTES)),
            DATA_COUNT => section(&mut out, DATA_COUNT, &leb(segments.len())),
            DATA => {}
            _ => section(&mut out, id, body),
        }
        if id == CODE {
            section(&mut out, DATA, &data_section(memory, &segments));
        }
        rest = after;
    }
    Ok(out)
}

fn memory_section(pages: usize) -> Vec<u8> {
    // One memory, without a maximum.
    [vec![1, 0], leb(pages)].concat()
}

fn data_section(memory: &[u8], segments: &[(usize, usize)]) -> Vec<u8> {
    let mut body = leb(segments.len());
    for &(start, end) in segments {
        // An active segment of memory 0 at `i32.const start`.
        body.extend([0, 0x41]);
        body.extend(signed_leb(start));
        body.push(0x0b);
        body.extend(leb(end - start));
        body.extend(memory.get(start..end).unwrap_or_default());
    }
    body
}

/// Ranges that are not zero.
fn segments(memory: &[u8]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, _) in memory.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        match found.last_mut() {
            Some((_, end)) if at - *end <= GAP_BYTES_MAX => *end = at + 1,
            _ => found.push((at, at + 1)),
        }
    }
    found
}

fn section(out: &mut Vec<u8>, id: u8, body: &[u8]) {
    out.push(id);
    out.extend(leb(body.len()));
    out.extend(body);
}

fn read_leb(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[expect(clippy::cast_possible_truncation, reason = "the low seven bits are what is meant")]
fn leb(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A number that is not negative as signed LEB128: bit 6 of the last byte must be clear.
fn signed_leb(value: usize) -> Vec<u8> {
    let mut out = leb(value);
    if let Some(last) = out.last_mut()
        && *last & 0x40 != 0
    {
        *last |= 0x80;
        out.push(0);
    }
    out
}
