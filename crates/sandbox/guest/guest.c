/* The guest: quickjs-ng behind the ABI of the Nexus sandbox.
 *
 * The engine is included, not linked, because three things need its insides: the list of a module's exports without
 * running it, switching `eval` off after loading, and seeding Math.random.
 *
 * Nothing in here is trusted by the host. A script that corrupts this memory can forge every number that crosses the
 * border; the host checks pointers, lengths, quotas and capabilities on its side.
 *
 * Values cross as JSON text. Every entry returns a status; what it has to say lies in the out buffer.
 */
#include "quickjs.c"

#define IMPORT(name) __attribute__((import_module("nx"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

IMPORT("call") extern int32_t host_call(int32_t op, const char *arg, uint32_t len);
IMPORT("take") extern void host_take(char *to);
IMPORT("start") extern void host_start(int32_t id, int32_t op, const char *arg, uint32_t len);
IMPORT("log") extern void host_log(int32_t level, const char *text, uint32_t len);

enum { DONE = 0, FAILED = 1, PENDING = 2, STUCK = 3, REFUSED_IMPORT = 4 };
/* Half of the shadow stack that build.sh links; the other half is for C code below the last check. */
enum { JS_STACK_BYTES_MAX = 256 * 1024 };

/* Source: evaluates to a function of the raw host functions that returns the inner ones. */
static const char prelude[] = {
#embed "prelude.js"
    , 0};

typedef struct {
    bool live;
    JSValue resolve, reject, site;
} Op;

static JSRuntime *rt;
static JSContext *cx;
static JSValue fn_invoke, fn_describe, fn_reject;
static JSValue module_ns, module_ready, outcome;
static Op *ops;
static uint32_t ops_len, ops_live;
static JSValue out_value; /* keeps the string alive that out points into */
static const char *out;
static size_t out_len;
static uint8_t *code;
static size_t code_len;
static size_t memory_bytes_max;
static char refused_import[256];
/* What a failing script may use beyond its limit, so that its failure can still be told. The host's own limit on the
 * memory is a mebibyte higher. */
enum { LAST_WORDS_BYTES_MAX = 512 * 1024 };

/* ---- out buffer ---- */

static void set_out(JSValue text) {
    if (out) JS_FreeCString(cx, out);
    JS_FreeValue(cx, out_value);
    out_value = text;
    out = JS_ToCStringLen(cx, &out_len, text);
    if (!out) out_len = 0;
}

/* Writes the pending exception, or `thrown`, as JSON. Runs user code: getters and toString of what was thrown. */
static int fail_with(JSValue thrown) {
    JS_SetMemoryLimit(rt, memory_bytes_max + LAST_WORDS_BYTES_MAX);
    JSValue text = JS_Call(cx, fn_describe, JS_UNDEFINED, 1, (JSValueConst *)&thrown);
    JS_FreeValue(cx, thrown);
    if (JS_IsException(text)) {
        JS_FreeValue(cx, JS_GetException(cx));
        text = JS_NewString(cx, "{\"type\":\"Error\",\"message\":\"what was thrown cannot be read\"}");
    }
    set_out(text);
    return FAILED;
}

static int fail(void) { return fail_with(JS_GetException(cx)); }

/* ---- functions of the prelude ---- */

static const char *json_of(JSValueConst value, JSValue *keep, size_t *len) {
    *keep = JS_JSONStringify(cx, value, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(*keep)) return NULL;
    if (JS_IsUndefined(*keep)) *keep = JS_NewString(cx, "null");
    return JS_ToCStringLen(cx, len, *keep);
}

static JSValue js_call(JSContext *_, JSValueConst self, int argc, JSValueConst *argv) {
    JSValue keep;
    size_t len;
    int32_t op = JS_VALUE_GET_INT(argv[0]), reply_len;
    const char *arg = json_of(argv[1], &keep, &len);
    if (!arg) return JS_EXCEPTION;
    reply_len = host_call(op, arg, len);
    JS_FreeCString(cx, arg);
    JS_FreeValue(cx, keep);
    bool failed = reply_len < 0;
    if (failed) reply_len = -(reply_len + 1);
    char *reply = js_malloc(cx, reply_len + 1);
    if (!reply) return JS_EXCEPTION;
    host_take(reply);
    reply[reply_len] = 0;
    JSValue value = JS_ParseJSON(cx, reply, reply_len, "<host>");
    js_free(cx, reply);
    if (!failed || JS_IsException(value)) return value;
    JSValueConst args[2] = {value, argv[2]};
    JSValue error = JS_Call(cx, fn_reject, JS_UNDEFINED, 2, args);
    JS_FreeValue(cx, value);
    return JS_IsException(error) ? error : JS_Throw(cx, error);
}

static int free_op(void) {
    for (uint32_t id = 0; id < ops_len; id++)
        if (!ops[id].live) return id;
    Op *grown = js_realloc(cx, ops, sizeof(Op) * (ops_len + 16));
    if (!grown) return -1;
    ops = grown;
    memset(ops + ops_len, 0, sizeof(Op) * 16);
    ops_len += 16;
    return ops_len - 16;
}

static JSValue js_start(JSContext *_, JSValueConst self, int argc, JSValueConst *argv) {
    JSValue keep, settle[2];
    size_t len;
    const char *arg = json_of(argv[1], &keep, &len);
    if (!arg) return JS_EXCEPTION;
    int id = free_op();
    JSValue promise = id < 0 ? JS_EXCEPTION : JS_NewPromiseCapability(cx, settle);
    if (!JS_IsException(promise)) {
        ops[id] = (Op){true, settle[0], settle[1], js_dup(argv[2])};
        ops_live++;
        host_start(id, JS_VALUE_GET_INT(argv[0]), arg, len);
    }
    JS_FreeCString(cx, arg);
    JS_FreeValue(cx, keep);
    return promise;
}

static JSValue js_log(JSContext *_, JSValueConst self, int argc, JSValueConst *argv) {
    size_t len;
    const char *text = JS_ToCStringLen(cx, &len, argv[1]);
    if (!text) return JS_EXCEPTION;
    host_log(JS_VALUE_GET_INT(argv[0]), text, len);
    JS_FreeCString(cx, text);
    return JS_UNDEFINED;
}

/* ---- modules ---- */

static JSModuleDef *refuse_import(JSContext *_, const char *name, void *opaque) {
    snprintf(refused_import, sizeof refused_import, "%s", name);
    JS_ThrowTypeError(cx, "cannot import '%s': a file cannot import another one yet", name);
    return NULL;
}

static char *keep_name(JSContext *_, const char *base, const char *name, void *opaque) { return js_strdup(cx, name); }

/* ["name", ...] of what a compiled module exports. */
static JSValue export_names(JSModuleDef *module) {
    JSValue names = JS_NewArray(cx);
    for (int i = 0; i < module->export_entries_count; i++)
        JS_SetPropertyUint32(cx, names, i, JS_AtomToString(cx, module->export_entries[i].export_name));
    JSValue text = JS_JSONStringify(cx, names, JS_UNDEFINED, JS_UNDEFINED);
    JS_FreeValue(cx, names);
    return text;
}

/* Compiles without running. `source` has a zero after its last byte. */
EXPORT("nx_compile") int nx_compile(const char *source, size_t len, const char *path) {
    JS_UpdateStackTop(rt);
    JSValue module = JS_Eval(cx, source, len, path, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(module)) {
        if (!refused_import[0]) return fail();
        JS_FreeValue(cx, JS_GetException(cx));
        set_out(JS_NewString(cx, refused_import));
        return REFUSED_IMPORT;
    }
    code = JS_WriteObject(cx, &code_len, module, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE);
    if (!code) return fail();
    JSValue names = export_names(JS_VALUE_GET_PTR(module));
    if (JS_IsException(names)) return fail();
    set_out(names);
    return DONE;
}

EXPORT("nx_code") const uint8_t *nx_code(void) { return code; }
EXPORT("nx_code_len") size_t nx_code_len(void) { return code_len; }

/* Loads bytecode of nx_compile and runs the module's top level. */
EXPORT("nx_load") int nx_load(const uint8_t *bytes, size_t len) {
    JS_UpdateStackTop(rt);
    JSValue module = JS_ReadObject(cx, bytes, len, JS_READ_OBJ_BYTECODE);
    if (JS_IsException(module)) return fail();
    if (JS_VALUE_GET_TAG(module) != JS_TAG_MODULE || JS_ResolveModule(cx, module) < 0) return fail();
    /* From here on this instance has no compiler: eval and the Function constructors throw. */
    cx->eval_internal = NULL;
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    module_ready = JS_EvalFunction(cx, module);
    if (JS_IsException(module_ready)) return fail();
    module_ns = JS_GetModuleNamespace(cx, definition);
    if (JS_IsException(module_ns)) return fail();
    return DONE;
}

/* ---- running ---- */

static int finish(JSValueConst result) {
    JSValue text = JS_JSONStringify(cx, result, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(text)) {
        JSValue args[2] = {JS_GetException(cx), JS_TRUE};
        JSValue described = JS_Call(cx, fn_describe, JS_UNDEFINED, 2, (JSValueConst *)args);
        if (JS_IsException(described)) return fail();
        set_out(described);
        return FAILED;
    }
    set_out(JS_IsUndefined(text) ? JS_NewString(cx, "null") : text);
    return out ? DONE : fail();
}

/* Runs jobs until none is left, then says how the call stands. */
EXPORT("nx_pump") int nx_pump(void) {
    JSContext *job_cx;
    JS_UpdateStackTop(rt);
    while (JS_ExecutePendingJob(rt, &job_cx) != 0) {
    }
    if (!JS_IsPromise(outcome)) return finish(outcome);
    switch (JS_PromiseState(cx, outcome)) {
    case JS_PROMISE_FULFILLED: return finish(JS_PromiseResult(cx, outcome));
    case JS_PROMISE_REJECTED: return fail_with(JS_PromiseResult(cx, outcome));
    default: return ops_live ? PENDING : STUCK;
    }
}

/* Calls an export; `request` is {"export", "input", "context"} as JSON with a zero after its last byte. */
EXPORT("nx_invoke") int nx_invoke(const char *request, size_t len) {
    JS_UpdateStackTop(rt);
    JSValue value = JS_ParseJSON(cx, request, len, "<request>");
    if (JS_IsException(value)) return fail();
    bool ready = JS_PromiseState(cx, module_ready) == JS_PROMISE_FULFILLED;
    JSValueConst args[3] = {module_ns, value, ready ? JS_UNDEFINED : module_ready};
    outcome = JS_Call(cx, fn_invoke, JS_UNDEFINED, 3, args);
    JS_FreeValue(cx, value);
    if (JS_IsException(outcome)) return fail();
    return nx_pump();
}

/* Settles a promise of an operation with JSON (zero after its last byte). False: no such operation. Jobs wait for
 * nx_pump, so that several completions cost one slice. */
EXPORT("nx_settle") int nx_settle(uint32_t id, int ok, const char *json, size_t len) {
    JS_UpdateStackTop(rt);
    if (id >= ops_len || !ops[id].live) return 0;
    Op op = ops[id];
    ops[id].live = false;
    ops_live--;
    JSValue value = JS_ParseJSON(cx, json, len, "<host>");
    if (!ok && !JS_IsException(value)) {
        JSValueConst args[2] = {value, op.site};
        JSValue error = JS_Call(cx, fn_reject, JS_UNDEFINED, 2, args);
        JS_FreeValue(cx, value);
        value = error;
    }
    if (JS_IsException(value)) {
        ok = 0;
        value = JS_GetException(cx);
    }
    JS_FreeValue(cx, JS_Call(cx, ok ? op.resolve : op.reject, JS_UNDEFINED, 1, (JSValueConst *)&value));
    JS_FreeValue(cx, value);
    JS_FreeValue(cx, op.resolve);
    JS_FreeValue(cx, op.reject);
    JS_FreeValue(cx, op.site);
    return 1;
}

/* ---- intrinsics ---- */

/* Freezes one object for good: nothing can be added, removed, changed or put under another prototype. */
static int nx_harden(JSContext *_, JSObject *p) {
    if (p->nx_hardened) return 0;
    for (int i = 0; i < p->shape->prop_count; i++) {
        JSShapeProperty *prs = &get_shape_prop(p->shape)[i];
        if (prs->atom == JS_ATOM_NULL) continue;
        int fixed = JS_PROP_CONFIGURABLE;
        if ((prs->flags & JS_PROP_TMASK) != JS_PROP_GETSET) fixed |= JS_PROP_WRITABLE;
        if (js_update_property_flags(cx, p, &prs, prs->flags & ~fixed)) return -1;
    }
    p->extensible = false;
    p->nx_hardened = true;
    return 0;
}

/* A hook of traces (Error.prepareStackTrace) is given the frames of the stack, and a frame would hand out its function:
 * the raw ones of the host are on the stack while a script's toJSON runs. */
static void hide_functions_of_frames(void) {
    JSAtom name = JS_NewAtom(cx, "getFunction");
    if (JS_DeleteProperty(cx, cx->class_proto[JS_CLASS_CALL_SITE], name, JS_PROP_THROW) != 1) abort();
    JS_FreeAtom(cx, name);
}

/* Hardens every object there is before any script has run, reachable by name or not, but for the global object: its
 * properties are the script's own business, as in any module. */
static void harden_all(void) {
    struct list_head *at;
    JSObject *global = JS_VALUE_GET_OBJ(cx->global_obj);
    /* The global object makes some of them only when they are first asked for; as it is not hardened, they would not be. */
    for (int i = 0; i < global->shape->prop_count; i++) {
        JSShapeProperty *prs = &get_shape_prop(global->shape)[i];
        if (prs->atom == JS_ATOM_NULL || (prs->flags & JS_PROP_TMASK) != JS_PROP_AUTOINIT) continue;
        if (JS_AutoInitProperty(cx, global, prs->atom, &global->prop[i], prs)) abort();
    }
    list_for_each(at, &rt->gc_obj_list) {
        JSGCObjectHeader *header = list_entry(at, JSGCObjectHeader, link);
        if (JS_GC_TYPE(header) != JS_GC_OBJ_TYPE_JS_OBJECT) continue;
        JSObject *p = (JSObject *)header;
        if (p == global || p == JS_VALUE_GET_OBJ(cx->global_var_obj)) continue;
        if (nx_harden(cx, p)) abort();
    }
}

/* ---- memory ---- */

EXPORT("nx_out_ptr") const char *nx_out_ptr(void) { return out; }
EXPORT("nx_out_len") size_t nx_out_len(void) { return out_len; }
EXPORT("nx_alloc") void *nx_alloc(size_t len) { return malloc(len); }
EXPORT("nx_free") void nx_free(void *at) { free(at); }
EXPORT("nx_mem") size_t nx_mem(void) { return rt->malloc_state.malloc_size; }
EXPORT("nx_gc") void nx_gc(void) { JS_RunGC(rt); }

/* What a snapshot must not decide: the numbers of Math.random, and how much memory and stack the script may use. */
EXPORT("nx_seed") void nx_seed(uint64_t seed, size_t bytes_max, size_t stack_bytes_max) {
    cx->random_state = seed ? seed : 1;
    memory_bytes_max = bytes_max;
    JS_SetMemoryLimit(rt, bytes_max);
    if (stack_bytes_max < JS_STACK_BYTES_MAX) JS_SetMaxStackSize(rt, stack_bytes_max);
}

/* Lets the tables of names grow now. A table that grows later lies elsewhere as a whole, and an execution that waits
 * without its instance keeps all that differs from the snapshot. */
static void make_room(void) {
    enum { NAMES = 256 };
    JSAtom atoms[NAMES];
    char name[16];
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "room-%d", i);
        atoms[i] = JS_NewAtom(cx, name);
    }
    for (int i = 0; i < NAMES; i++) JS_FreeAtom(cx, atoms[i]);
}

/* What there is now is never freed. Nobody counts who refers to it (see build.sh), and the collector does not look at it:
 * both would write to pages that every instance can share otherwise. */
static void make_immortal(void) {
    struct list_head *at, *next;
    list_for_each_safe(at, next, &rt->gc_obj_list) {
        JSGCObjectHeader *header = list_entry(at, JSGCObjectHeader, link);
        JS_REF_COUNT(header) = NX_IMMORTAL;
        list_del(at);
    }
    for (int i = 0; i < rt->atom_size; i++)
        if (!atom_is_free(rt->atom_array[i])) JS_REF_COUNT(rt->atom_array[i]) = NX_IMMORTAL;
}

/* Takes what is free between the snapshot's objects out of circulation. What a script allocates then lies side by side
 * behind them, instead of a little on every page: each page that is written to is copied, wiped, and kept while the
 * script waits. */
static void fill_holes(void) {
    size_t counted = rt->malloc_state.malloc_size;
    for (int i = 0; i < JS_ARENA_BLOCK_SIZE_COUNT; i++)
        while (!list_empty(&rt->arena_state.free_arena_list[i]))
            if (!js_malloc_rt(rt, arena_block_sizes[i] - sizeof(JSMallocBlockHeader))) abort();
    rt->malloc_state.malloc_size = counted;
    char *end = malloc(1 << 16); /* no hole is as large, so it lies behind everything */
    if (!end) abort();
    for (size_t len = 1 << 15; len >= 8; len = len > 64 ? len / 2 : len - 8) {
        char *hole;
        while ((hole = malloc(len)) && hole < end) continue;
        free(hole);
    }
    free(end);
}

/* Runs once, before the snapshot is taken. Traps if anything fails. */
EXPORT("nx_init") void nx_init(void) {
    rt = JS_NewRuntime();
    cx = JS_NewContextRaw(rt);
    if (JS_AddIntrinsicBaseObjects(cx) || JS_AddIntrinsicDate(cx) || JS_AddIntrinsicEval(cx) ||
        JS_AddIntrinsicRegExp(cx) || JS_AddIntrinsicJSON(cx) || JS_AddIntrinsicProxy(cx) ||
        JS_AddIntrinsicMapSet(cx) || JS_AddIntrinsicTypedArrays(cx) || JS_AddIntrinsicPromise(cx) ||
        JS_AddIntrinsicWeakRef(cx) || JS_AddIntrinsicAToB(cx))
        abort();
    JS_SetMaxStackSize(rt, JS_STACK_BYTES_MAX);
    JS_SetModuleLoaderFunc(rt, keep_name, refuse_import, NULL);
    out_value = module_ns = module_ready = outcome = JS_UNDEFINED;
    JSValue make = JS_Eval(cx, prelude, sizeof prelude - 1, "<nexus>", JS_EVAL_TYPE_GLOBAL);
    JSValue raw[3] = {JS_NewCFunction(cx, js_call, "call", 3), JS_NewCFunction(cx, js_start, "start", 3),
                      JS_NewCFunction(cx, js_log, "log", 2)};
    JSValue inner = JS_Call(cx, make, JS_UNDEFINED, 3, (JSValueConst *)raw);
    if (JS_IsException(inner)) abort();
    fn_invoke = JS_GetPropertyStr(cx, inner, "invoke");
    fn_describe = JS_GetPropertyStr(cx, inner, "describe");
    fn_reject = JS_GetPropertyStr(cx, inner, "reject");
    for (int i = 0; i < 3; i++) JS_FreeValue(cx, raw[i]);
    JS_FreeValue(cx, make);
    JS_FreeValue(cx, inner);
    hide_functions_of_frames();
    make_room();
    JS_RunGC(rt);
    harden_all();
    make_immortal();
    fill_holes();
}
