// The JavaScript API of a function, evaluated once before the engine's snapshot is taken.
//
// When this has run, guest.c hardens every object there is, the ones made here included: no script can change what it
// has not made. A script may still put other values under global names, so what is used here is taken at the start.
// None of this is the wall: the host checks every operation, and the instance dies with the call. The raw host
// functions are arguments, so no global ever names them.
(function (rawCall, rawStart, rawLog) {
  "use strict";

  // Numbers of operations: a test compares them with the table of the host (src/api).
  const RANDOM = 1, UUID = 2, HOST_NOW = 3;
  const KV_GET = 10, KV_LIST = 11, KV_COMMIT = 12, FILE_READ = 20, HTTP = 30, HOST = 40;
  const SLEEP = 50, SECRET_READ = 60, BLOB_PUT = 70, BLOB_GET = 71, BLOB_DELETE = 72;
  const WORKFLOW_START = 80, WORKFLOW_SIGNAL = 81, WORKFLOW_QUERY = 82, WORKFLOW_RESULT = 83;
  const EVENT_PUBLISH = 90;
  const SESSION_GET = 100, SESSION_UPDATE = 101;
  const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 };
  const CAUSES_MAX = 8;

  const { Error, TypeError, String, Number, Uint8Array, parseInt } = globalThis;
  const { stringify, parse } = JSON;
  const { keys, defineProperty, freeze, setPrototypeOf } = Object;
  const { isArray } = Array;

  class PermissionError extends Error {}
  class ApplicationFailure extends Error {
    constructor(message, { type, details, nonRetryable = false, nextRetryDelayMs, benign = false, cause } = {}) {
      super(message, cause === undefined ? undefined : { cause });
      this.type = type;
      this.details = details;
      this.nonRetryable = nonRetryable;
      this.nextRetryDelayMs = nextRetryDelayMs;
      this.benign = benign;
    }
    static retryable(message, type, ...details) {
      return new ApplicationFailure(message, { type, details });
    }
    static nonRetryable(message, type, ...details) {
      return new ApplicationFailure(message, { type, details, nonRetryable: true });
    }
  }
  const name = (cls, value) => defineProperty(cls.prototype, "name", { value, writable: true, configurable: true });
  name(PermissionError, "PermissionError");
  name(ApplicationFailure, "ApplicationFailure");

  // What the host answers to a failed operation becomes an error whose stack is that of the call.
  function reject(answer, site) {
    const error = answer.name === "PermissionError" ? new PermissionError(answer.message) : new Error(answer.message);
    error.name = answer.name;
    error.code = answer.code;
    if (answer.nonRetryable) error.nonRetryable = true;
    if (site) defineProperty(error, "stack", { value: site.stack, writable: true, configurable: true });
    return error;
  }

  const start = (op, arg) => rawStart(op, arg, new Error());
  const call = (op, arg) => rawCall(op, arg, new Error());

  // ---- logging ----

  function show(value) {
    if (typeof value === "string") return value;
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    if (typeof value !== "object" || value === null) return String(value);
    try {
      return stringify(value) ?? String(value);
    } catch {
      return String(value);
    }
  }
  function write(level, values) {
    let text = "";
    for (let i = 0; i < values.length; i++) text += (i ? " " : "") + show(values[i]);
    rawLog(level, text);
  }
  const at = (level) => (...values) => write(level, values);
  function log(...values) {
    const level = values.length > 1 && typeof values[0] === "string" ? LEVELS[values[0]] : undefined;
    if (level === undefined) write(LEVELS.info, values);
    else write(level, values.slice(1));
  }
  for (const level of keys(LEVELS)) log[level] = at(LEVELS[level]);
  freeze(log);

  // ---- operations ----

  const text = (value, what) => {
    if (typeof value !== "string") throw new TypeError(`${what} must be a string, not ${typeof value}`);
    return value;
  };
  function pairs(puts) {
    if (!isArray(puts)) return keys(puts).map((key) => ({ key, value: puts[key] ?? null }));
    return puts.map(({ key, value }) => ({ key: text(key, "a key"), value: value ?? null }));
  }
  function commit({ check = [], put = [], delete: remove = [], ...rest }) {
    for (const key of keys(rest)) throw new TypeError(`commit takes check, put and delete, not ${key}`);
    const checks = check.map(({ key, version }) => ({ key: text(key, "a key"), version: version ?? null }));
    const deletes = remove.map((key) => text(key, "a key"));
    return start(KV_COMMIT, { checks, puts: pairs(put), deletes });
  }
  const versionOf = async (committed) => (await committed).version;
  const kv = freeze({
    get: async (key) => (await start(KV_GET, text(key, "a key")))?.value,
    entry: async (key) => (await start(KV_GET, text(key, "a key"))) ?? undefined,
    put: (key, value) => versionOf(commit({ put: [{ key, value }] })),
    delete: (key) => versionOf(commit({ delete: [key] })),
    list: async (prefix = "", { after = null, limit = 100 } = {}) =>
      start(KV_LIST, { prefix: text(prefix, "a prefix"), after, limit }),
    commit: async (changes) => commit(changes),
  });
  const now = Date.now;
  function sleep(ms) {
    if (typeof ms !== "number" || !(ms >= 0)) throw new TypeError("a sleep takes milliseconds, a number from 0");
    return start(SLEEP, { until: now() + ms });
  }
  function bytes(count) {
    const made = new Uint8Array(count);
    const hex = call(RANDOM, count);
    for (let i = 0; i < count; i++) made[i] = parseInt(hex.slice(2 * i, 2 * i + 2), 16);
    return made;
  }
  const { isView } = ArrayBuffer;
  const { fromBase64 } = Uint8Array;
  const { toBase64 } = Uint8Array.prototype;
  const { apply } = Reflect;
  function content(value) {
    if (typeof value === "string") return { text: value };
    if (value instanceof ArrayBuffer) return { base64: apply(toBase64, new Uint8Array(value), []) };
    if (isView(value)) {
      return { base64: apply(toBase64, new Uint8Array(value.buffer, value.byteOffset, value.byteLength), []) };
    }
    const json = stringify(value);
    if (json === undefined) throw new TypeError(`a blob is bytes, text or JSON, not ${typeof value}`);
    return { text: json };
  }
  const id = (value) => text(value, "an id");
  const textOf = async (blob) => (await start(BLOB_GET, { id: id(blob), text: true })) ?? undefined;
  const blob = freeze({
    put: async (value) => start(BLOB_PUT, content(value)),
    get: async (blob) => {
      const found = await start(BLOB_GET, { id: id(blob), text: false });
      return found === null ? undefined : apply(fromBase64, Uint8Array, [found]);
    },
    text: textOf,
    json: async (blob) => {
      const found = await textOf(blob);
      return found === undefined ? undefined : parse(found);
    },
    delete: async (blob) => start(BLOB_DELETE, id(blob)),
  });
  const message = (op, run, name, input) => start(op, { id: id(run), name: text(name, "a name"), input });
  const workflows = freeze({
    start: async (workflow, input = {}, { id: own = null } = {}) =>
      start(WORKFLOW_START, { workflow: text(workflow, "a workflow"), input: input ?? {}, id: own }),
    signal: async (run, name, input = null) => void (await message(WORKFLOW_SIGNAL, run, name, input)),
    query: async (run, name, input = null) => message(WORKFLOW_QUERY, run, name, input),
    result: async (run) => start(WORKFLOW_RESULT, id(run)),
  });
  const event = freeze({
    publish: async (type, data = null, { id: own = null, subject = null } = {}) =>
      start(EVENT_PUBLISH, { type: text(type, "a type"), data, id: own, subject }),
  });
  const session = freeze({
    get: async () => start(SESSION_GET, null),
    update: async (patch, { version = null } = {}) => {
      if (typeof patch !== "object" || patch === null || isArray(patch)) throw new TypeError("a patch is an object");
      return start(SESSION_UPDATE, { patch, version });
    },
  });
  const operations = freeze({
    log,
    kv,
    blob,
    workflows,
    event,
    session,
    secret: async (name) => start(SECRET_READ, text(name, "a name")),
    time: freeze({ now: () => now() }),
    random: freeze({ uuid: () => call(UUID, null), bytes }),
    sleep: async (ms) => void (await sleep(ms)),
    read: async (path) => start(FILE_READ, text(path, "a path")),
    http: async (url, request = {}) => start(HTTP, { ...request, url: text(url, "a URL") }),
    host: async (name, arg = null) => start(HOST, { name: text(name, "a name"), arg }),
    heartbeat: async (details = null) => start(HOST, { name: "heartbeat", arg: details }),
    completeLater: () => call(HOST_NOW, { name: "completeLater", arg: null }),
    hostNow: (name, arg = null) => call(HOST_NOW, { name: text(name, "a name"), arg }),
  });

  // ---- globals ----

  const hidden = (object, name, value) =>
    defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  hidden(globalThis, "PermissionError", PermissionError);
  hidden(globalThis, "ApplicationFailure", ApplicationFailure);
  hidden(globalThis, "console", {
    log: at(LEVELS.info),
    info: at(LEVELS.info),
    debug: at(LEVELS.debug),
    trace: at(LEVELS.debug),
    warn: at(LEVELS.warn),
    error: at(LEVELS.error),
  });
  hidden(globalThis, "crypto", {
    randomUUID: () => call(UUID, null),
    getRandomValues(array) {
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(bytes(array.byteLength));
      return array;
    },
  });
  // Shared memory and fine clocks are what side channels are made of.
  delete globalThis.SharedArrayBuffer;
  delete globalThis.performance;

  // ---- calls and failures ----

  function run(module, request) {
    const handler = module[request.export];
    if (typeof handler !== "function") {
      throw new TypeError(`the export ${request.export} is ${handler === null ? "null" : typeof handler}, not a function`);
    }
    // The operations are inherited: making an object of both would cost more than the rest of a small call.
    const context = setPrototypeOf(request.context, operations);
    // A run's session has an id of its own beside what can be done with it.
    if (request.context.session !== session) setPrototypeOf(request.context.session, session);
    return request.spread ? handler(...request.input, context) : handler(request.input, context);
  }
  // A plain function may return any thenable; a plain value is not made to wait for a turn of the job queue.
  async function settle(value) {
    return await value;
  }
  async function afterLoading(ready, module, request) {
    await ready;
    return run(module, request);
  }
  function invoke(module, request, ready) {
    if (ready) return afterLoading(ready, module, request);
    const value = run(module, request);
    return typeof value === "object" && typeof value?.then === "function" ? settle(value) : value;
  }

  const optional = (value) => (typeof value === "string" ? value : undefined);
  function failure(thrown, depth) {
    if (typeof thrown !== "object" || thrown === null) {
      return { type: "Error", message: typeof thrown === "string" ? thrown : `threw ${show(thrown)}` };
    }
    const isError = thrown instanceof Error;
    const type = optional(thrown.type) ?? optional(thrown.name) ?? "Error";
    const message = optional(thrown.message) ?? (isError ? "" : `threw ${show(thrown)}`);
    const { cause, details } = thrown;
    return {
      type,
      message,
      code: optional(thrown.code),
      details,
      nonRetryable: thrown.nonRetryable === true,
      nextRetryDelayMs: Number.isSafeInteger(thrown.nextRetryDelayMs) ? thrown.nextRetryDelayMs : undefined,
      benign: thrown.benign === true,
      stack: optional(thrown.stack),
      cause: cause === undefined || depth >= CAUSES_MAX ? undefined : failure(cause, depth + 1),
    };
  }
  function describe(thrown, isResult) {
    let said;
    try {
      said = failure(thrown, 1);
    } catch {
      return stringify({ type: "Error", message: "what was thrown cannot be read: reading it threw again" });
    }
    if (isResult) {
      said.message = `the result cannot be written as JSON: ${said.message}`;
      said.nonRetryable = true;
    }
    try {
      return stringify(said);
    } catch {
      return stringify({ ...said, details: undefined, cause: undefined });
    }
  }

  return { invoke, describe, reject };
});
