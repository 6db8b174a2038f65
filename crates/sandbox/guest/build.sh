#!/bin/sh
# Rebuilds qjs.wasm: the JavaScript engine, our shim and the prelude, initialised and frozen into one module.
#
#   ./build.sh           writes qjs.wasm and SHA256SUMS beside this script
#   ./build.sh --check   builds into a temporary folder and compares; exit 1 when it differs
#
# Needs cargo and the Debian packages clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32. The engine's sources come
# from the crate registry, which also vouches for their hash. The result is the same on every machine.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
crate=rquickjs-sys version=0.14.0
checksum=cee271d0eeba64f0915b846cb7ae02e16faf3dfdffdca91731101d9d30fe3423
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# 1. The engine's sources.
mkdir -p "$work/fetch/src" "$work/build"
cat >"$work/fetch/Cargo.toml" <<TOML
[package]
name = "fetch"
version = "0.0.0"
edition = "2024"
[dependencies]
$crate = { version = "=$version", default-features = false }
[workspace]
TOML
: >"$work/fetch/src/lib.rs"
(cd "$work/fetch" && cargo vendor --quiet vendor >/dev/null)
grep -q "\"package\":\"$checksum\"" "$work/fetch/vendor/$crate/.cargo-checksum.json" ||
    { echo "the sources of $crate $version are not the ones that were reviewed" >&2; exit 1; }
for file in LICENSE quickjs.c quickjs.h quickjs-atom.h quickjs-opcode.h quickjs-c-atomics.h cutils.h dtoa.c dtoa.h list.h \
    libregexp.c libregexp.h libregexp-opcode.h libunicode.c libunicode.h libunicode-table.h \
    builtin-array-fromasync.h builtin-iterator-zip.h builtin-iterator-zip-keyed.h; do
    cp "$work/fetch/vendor/$crate/quickjs/$file" "$work/build/"
done
cp "$here/guest.c" "$here/sys.c" "$here/prelude.js" "$work/build/"

# 2. Patches.
#    The engine switches its stack limit off under WASI. With it, endless recursion is a RangeError that a script can
#    catch; without it, a trap.
cd "$work/build"
sed -i -e '/^    rt->stack_size = JS_DEFAULT_STACK_SIZE;$/,/^#endif$/ s/#ifdef __wasi__/#ifdef NX_NO_STACK_LIMIT/' \
    -e '/^static void update_stack_limit/,/^}$/ s/#if defined(__wasi__)/#if defined(NX_NO_STACK_LIMIT)/' quickjs.c
[ "$(grep -c NX_NO_STACK_LIMIT quickjs.c)" = 2 ] || { echo "the stack limit patches do not apply" >&2; exit 1; }
#    A mark for objects that guest.c hardens. What such an object makes lazily is hardened, too; and assigning to a
#    property that is inherited from one creates an own property, as it does where nothing is frozen. Without that,
#    `error.name = "X"` would throw.
sed -i -e 's|^    uint8_t is_HTMLDDA : 1;.*|&\n    uint8_t nx_hardened : 1;|' \
    -e 's|^    p->is_HTMLDDA = 0;$|&\n    p->nx_hardened = 0;|' \
    -e "s|^/\* warning: 'prs' is reallocated after it \*/\$|static int nx_harden(JSContext *ctx, JSObject *p);\n&|" \
    -e '/^static int JS_AutoInitProperty/,/^}$/ s|^    pr->u.value = val;$|&\n    if (p->nx_hardened \&\& JS_IsObject(val)) return nx_harden(ctx, JS_VALUE_GET_OBJ(val));|' \
    -e 's|^            } else if (!(prs->flags & JS_PROP_WRITABLE)) {$|            } else if (!(prs->flags \& JS_PROP_WRITABLE) \&\& !p1->nx_hardened) {|' quickjs.c
[ "$(grep -c 'nx_harden' quickjs.c)" = 5 ] || { echo "the hardening patches do not apply" >&2; exit 1; }
#    Small objects lie in blocks of one size each. With large blocks the few objects of a small script touch a page for each
#    size that they have.
sed -i -e 's/^#define JS_ARENA_SIZE              4096$/#define JS_ARENA_SIZE 1024/' quickjs.c
[ "$(grep -c 'JS_ARENA_SIZE 1024' quickjs.c)" = 1 ] || { echo "the arena patch does not apply" >&2; exit 1; }
#    What the snapshot holds is never freed, so nobody counts who refers to it: a count that goes up and down would have the
#    page copied that it stands on, one of them for almost every object that a script touches. The collector's own counting
#    stays as it is.
sed -i -e '/^static void gc_\(decref_child\|scan_incref_child\|scan_incref_child2\)(/,/^}/ !{
    s/--JS_REF_COUNT(\([^()]*\))/nx_release(\1)/
    s/JS_REF_COUNT(\([^()]*\))++/nx_retain(\1)/
    s/JS_REF_COUNT(\([^()]*\))--/nx_release(\1)/
}' -e 's|^#define JS_REF_COUNT(p) .*|&\
enum { NX_IMMORTAL = 0x40000000 };\
static inline void nx_retain(const void *p) { if (JS_REF_COUNT(p) < NX_IMMORTAL / 2) JS_REF_COUNT(p) += 1; }\
static inline int nx_release(const void *p) { return JS_REF_COUNT(p) < NX_IMMORTAL / 2 ? JS_REF_COUNT(p) -= 1 : NX_IMMORTAL; }|' quickjs.c
[ "$(grep -c 'nx_retain(' quickjs.c)" = 18 ] && [ "$(grep -c 'nx_release(' quickjs.c)" = 9 ] &&
    [ "$(grep -c 'JS_REF_COUNT([^()]*)\(++\|--\)' quickjs.c)" = 3 ] ||
    { echo "the counting patches do not apply" >&2; grep -c 'nx_retain(' quickjs.c; grep -c 'nx_release(' quickjs.c; exit 1; }

# 3. Compile and link.
for file in guest sys libregexp libunicode dtoa; do
    clang-19 --target=wasm32-wasi -std=gnu23 -O2 -w -c "$file.c" -o "$file.o" \
        -DEMSCRIPTEN=1 -DFE_DOWNWARD=0 -DFE_UPWARD=0 -D_GNU_SOURCE -DNDEBUG -fno-strict-aliasing \
        -mbulk-memory -msign-ext -mnontrapping-fptoint -ffile-prefix-map="$work/build"=.
done
clang-19 --target=wasm32-wasi -mexec-model=reactor -o engine.wasm guest.o sys.o libregexp.o libunicode.o dtoa.o \
    -Wl,--stack-first -Wl,-z,stack-size=524288 -Wl,--initial-memory=4194304 -Wl,--strip-all

# 4. Run the initialisation and freeze the memory. The program that does it is an example of the crate that holds the result.
[ -f "$here/qjs.wasm" ] || : >"$here/qjs.wasm"
(cd "$here/../../.." && cargo run --quiet -p nexus-sandbox --example snapshot -- "$work/build/engine.wasm" "$work/build/qjs.wasm")

# 5. Compare or keep.
if [ "${1:-}" = --check ]; then
    cmp "$work/build/qjs.wasm" "$here/qjs.wasm" || { echo "qjs.wasm does not match its sources" >&2; exit 1; }
    echo "qjs.wasm matches its sources"
    exit 0
fi
cp qjs.wasm "$here/qjs.wasm"
cp LICENSE "$here/LICENSE.quickjs-ng"
(cd "$here" && sha256sum build.sh guest.c sys.c prelude.js qjs.wasm >SHA256SUMS)
