#!/bin/sh
# Rebuilds the components of the tests: probe.wasm, foreign.wasm, misfit.wasm.
#
#   ./build.sh           writes them
#   ./build.sh --check   builds into a temporary folder and compares; exit 1 when one differs
#
# Needs what examples/component/component/build.sh needs.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for world in probe foreign misfit; do
    mkdir "$work/$world"
    cd "$work/$world"
    wit-bindgen c --world "$world" --out-dir glue "$here/$world" 2>/dev/null
    flags="--target=wasm32-wasi -std=c11 -O2 -w -Iglue"
    clang-19 $flags -c "$here/$world/$world.c" -o own.o
    clang-19 $flags -c "glue/$world.c" -o glue.o
    clang-19 $flags -c "$here/sys.c" -o sys.o
    clang-19 --target=wasm32-wasi -mexec-model=reactor -o core.wasm own.o glue.o sys.o "glue/${world}_component_type.o" \
        -Wl,--stack-first -Wl,-z,stack-size=65536 -Wl,--strip-debug
    wasm-tools component new core.wasm -o "$work/$world.wasm"
    if [ "${1:-}" = --check ]; then
        cmp "$work/$world.wasm" "$here/$world.wasm" || { echo "$world.wasm does not match its sources" >&2; exit 1; }
        echo "$world.wasm matches its sources"
    else
        cp "$work/$world.wasm" "$here/$world.wasm"
    fi
done
