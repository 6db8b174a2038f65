#!/bin/sh
# Rebuilds ../activities/words.wasm from words.c and wit/.
#
#   ./build.sh           writes it
#   ./build.sh --check   builds into a temporary folder and compares; exit 1 when it differs
#
# Needs the Debian packages clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32, and wit-bindgen 0.63.0 and wasm-tools 1.263.0
# (`cargo install wit-bindgen-cli@0.63.0 wasm-tools@1.263.0`). The result is the same on every machine.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# 1. C for what is imported and exported.
wit-bindgen c --world words --out-dir "$work/glue" "$here/wit" 2>/dev/null

# 2. A core module. No part of the C library that opens files or asks for the time is used, so no WASI is imported.
cd "$work"
flags="--target=wasm32-wasi -std=c11 -O2 -Wall -Iglue"
clang-19 $flags -c "$here/words.c" -o words.o
clang-19 $flags -c glue/words.c -o glue.o
clang-19 $flags -c "$here/sys.c" -o sys.o
clang-19 --target=wasm32-wasi -mexec-model=reactor -o core.wasm words.o glue.o sys.o glue/words_component_type.o \
    -Wl,--stack-first -Wl,-z,stack-size=65536 -Wl,--strip-debug

# 3. A component.
wasm-tools component new core.wasm -o words.wasm

if [ "${1:-}" = --check ]; then
    cmp words.wasm "$here/../activities/words.wasm" || { echo "words.wasm does not match its sources" >&2; exit 1; }
    echo "words.wasm matches its sources"
    exit 0
fi
cp words.wasm "$here/../activities/words.wasm"
