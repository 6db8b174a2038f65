//! The rows of the table.

use super::{HostCall, Needs};
use crate::capability::Kind;
use crate::op::Op;

const TEXT: &str = r#"{"type":"string"}"#;
const NULL: &str = r#"{"type":"null"}"#;
const ANY: &str = "{}";
const KEY: &str = r#"{"type":"string","minLength":1,"maxLength":1024}"#;
const COMMIT: &str = r#"{"type":"object","required":["checks","puts","deletes"],"properties":{"checks":{"type":"array","items":{"type":"object","required":["key"],"properties":{"key":{"type":"string"},"version":{"type":["integer","null"]}}}},"puts":{"type":"array","items":{"type":"object","required":["key","value"],"properties":{"key":{"type":"string"},"value":{}}}},"deletes":{"type":"array","items":{"type":"string"}}}}"#;
const COMMITTED: &str = r#"{"type":"object","required":["ok"],"properties":{"ok":{"type":"boolean"},"version":{"type":"integer"},"conflict":{"type":"string"}}}"#;
const ENTRY: &str = r#"{"type":["object","null"],"required":["key","value","version"],"properties":{"key":{"type":"string"},"value":{},"version":{"type":"integer"}}}"#;
const BLOB: &str = r#"{"type":"string","pattern":"^[0-9a-f]{64}$"}"#;
const MESSAGE: &str = r#"{"type":"object","required":["id","name","input"],"properties":{"id":{"type":"string"},"name":{"type":"string"},"input":{}}}"#;
const SESSION: &str = r#"{"type":"object","required":["state","version"],"properties":{"state":{"type":"object"},"version":{"type":"integer"}}}"#;
const NAMED: &str =
    r#"{"type":"object","required":["name","arg"],"properties":{"name":{"type":"string"},"arg":{}}}"#;

/// What most rows share: one unit, nothing needed, nothing known.
const CALL: HostCall = HostCall {
    name: "",
    doc: "",
    needs: None,
    units: 1,
    signature: "",
    argument: "",
    answer: "",
    example: "",
    op: None,
};

const KV_GET: HostCall = HostCall { argument: KEY, answer: ENTRY, op: Some(Op::KvGet), ..CALL };
const KV_COMMIT: HostCall = HostCall { argument: COMMIT, answer: COMMITTED, op: Some(Op::KvCommit), ..CALL };
const BLOB_GET: HostCall = HostCall {
    argument: r#"{"type":"object","required":["id","text"],"properties":{"id":{"type":"string"},"text":{"type":"boolean"}}}"#,
    answer: r#"{"type":["string","null"]}"#,
    op: Some(Op::BlobGet),
    ..CALL
};
/// A line costs bytes of log, not calls.
const LOG: HostCall = HostCall { units: 0, ..CALL };

#[expect(clippy::unnecessary_wraps, reason = "rows that need nothing say `None`")]
const fn needs(kind: Kind, scope: &'static str, example: &'static str) -> Option<Needs> {
    Some(Needs { kind, scope, example })
}

/// Every call, in the order in which people read of them.
pub const CALLS: &[HostCall] = &[
    HostCall {
        name: "ctx.log",
        doc: "Writes a line of the log; a level (`debug`, `info`, `warn`, `error`) may come first.",
        signature: "(...values: unknown[]): void",
        example: "ctx.log('warn', 'low stock')",
        ..LOG
    },
    HostCall {
        name: "ctx.log.debug",
        doc: "A line for the author.",
        signature: "(...values: unknown[]): void",
        example: "ctx.log.debug('rows', 3)",
        ..LOG
    },
    HostCall {
        name: "ctx.log.info",
        doc: "A line of the usual kind.",
        signature: "(...values: unknown[]): void",
        example: "ctx.log.info('done')",
        ..LOG
    },
    HostCall {
        name: "ctx.log.warn",
        doc: "A line about something to look at.",
        signature: "(...values: unknown[]): void",
        example: "ctx.log.warn('slow')",
        ..LOG
    },
    HostCall {
        name: "ctx.log.error",
        doc: "A line about something that is wrong.",
        signature: "(...values: unknown[]): void",
        example: "ctx.log.error('lost')",
        ..LOG
    },
    HostCall {
        name: "ctx.time.now",
        doc: "Milliseconds since 1970, like `Date.now()`; whole ones, so that it is no fine clock.",
        signature: "(): number",
        example: "ctx.time.now()",
        ..LOG
    },
    HostCall {
        name: "ctx.sleep",
        doc: "Waits. No thread waits with it; in an activity the wait outlives a restart.",
        signature: "(ms: number): Promise<void>",
        argument: r#"{"type":"object","required":["until"],"properties":{"until":{"type":"number"}}}"#,
        answer: NULL,
        example: "ctx.sleep(1)",
        op: Some(Op::Sleep),
        ..CALL
    },
    HostCall {
        name: "ctx.random.uuid",
        doc: "A random UUID, version 4.",
        needs: needs(Kind::CryptoRandom, "", "crypto:random"),
        signature: "(): string",
        argument: NULL,
        answer: TEXT,
        example: "ctx.random.uuid()",
        op: Some(Op::Uuid),
        ..CALL
    },
    HostCall {
        name: "ctx.random.bytes",
        doc: "Random bytes for keys and tokens, at most 65536 at a time.",
        needs: needs(Kind::CryptoRandom, "", "crypto:random"),
        signature: "(count: number): Uint8Array",
        argument: r#"{"type":"integer","minimum":0,"maximum":65536}"#,
        answer: r#"{"type":"string","pattern":"^([0-9a-f]{2})*$"}"#,
        example: "ctx.random.bytes(16)",
        op: Some(Op::Random),
        ..CALL
    },
    HostCall {
        name: "crypto.randomUUID",
        doc: "The same as `ctx.random.uuid()`.",
        needs: needs(Kind::CryptoRandom, "", "crypto:random"),
        signature: "(): string",
        argument: NULL,
        answer: TEXT,
        example: "crypto.randomUUID()",
        op: Some(Op::Uuid),
        ..CALL
    },
    HostCall {
        name: "crypto.getRandomValues",
        doc: "Fills a typed array with random bytes, at most 65536, and returns it.",
        needs: needs(Kind::CryptoRandom, "", "crypto:random"),
        signature: "<T extends ArrayBufferView>(array: T): T",
        argument: r#"{"type":"integer","minimum":0,"maximum":65536}"#,
        answer: r#"{"type":"string","pattern":"^([0-9a-f]{2})*$"}"#,
        example: "crypto.getRandomValues(new Uint8Array(4))",
        op: Some(Op::Random),
        ..CALL
    },
    HostCall {
        name: "ctx.kv.get",
        doc: "The value of a key of the namespace; `undefined` when there is none.",
        needs: needs(Kind::KvRead, "the key", "kv:read:cart/1"),
        signature: "<T = any>(key: string): Promise<T | undefined>",
        example: "ctx.kv.get('cart/1')",
        ..KV_GET
    },
    HostCall {
        name: "ctx.kv.entry",
        doc: "A key with its version, to be checked by a commit.",
        needs: needs(Kind::KvRead, "the key", "kv:read:cart/1"),
        signature: "<T = any>(key: string): Promise<KvEntry<T> | undefined>",
        example: "ctx.kv.entry('cart/1')",
        ..KV_GET
    },
    HostCall {
        name: "ctx.kv.put",
        doc: "Sets a key, whatever it was; the answer is its new version. Durable when answered.",
        needs: needs(Kind::KvWrite, "the key", "kv:write:cart/1"),
        signature: "(key: string, value: unknown): Promise<number>",
        example: "ctx.kv.put('cart/1', 1)",
        ..KV_COMMIT
    },
    HostCall {
        name: "ctx.kv.delete",
        doc: "Removes a key; one that is not there is no error.",
        needs: needs(Kind::KvWrite, "the key", "kv:write:cart/1"),
        signature: "(key: string): Promise<number>",
        example: "ctx.kv.delete('cart/1')",
        ..KV_COMMIT
    },
    HostCall {
        name: "ctx.kv.list",
        doc: "Entries whose keys begin with a prefix, in order, at most 1000 (100 when not said), after a key.",
        needs: needs(Kind::KvRead, "the whole prefix", "kv:read:cart/*"),
        signature: "<T = any>(prefix?: string, page?: { after?: string; limit?: number }): Promise<KvEntry<T>[]>",
        argument: r#"{"type":"object","required":["prefix","limit"],"properties":{"prefix":{"type":"string"},"after":{"type":["string","null"]},"limit":{"type":"integer","minimum":1,"maximum":1000}}}"#,
        answer: r#"{"type":"array","items":{"type":"object"}}"#,
        example: "ctx.kv.list('cart/')",
        op: Some(Op::KvList),
        ..CALL
    },
    HostCall {
        name: "ctx.kv.commit",
        doc: "Checks versions and makes changes, all or nothing: compare and set over several keys. A check needs `kv:read` of its key.",
        needs: needs(Kind::KvWrite, "each key that is changed", "kv:write:cart/1"),
        signature: "(changes: KvChanges): Promise<KvCommitted>",
        example: "ctx.kv.commit({ put: { 'cart/1': 1 } })",
        ..KV_COMMIT
    },
    HostCall {
        name: "ctx.blob.put",
        doc: "Keeps bytes, text or a JSON value of the namespace until they are deleted; the answer is their id, the SHA-256 of their content.",
        needs: needs(Kind::BlobWrite, "", "blob:write"),
        signature: "(value: Uint8Array | ArrayBuffer | string | Json): Promise<string>",
        argument: r#"{"type":"object","properties":{"text":{"type":"string"},"base64":{"type":"string"}},"minProperties":1,"maxProperties":1}"#,
        answer: BLOB,
        example: "ctx.blob.put('hello')",
        op: Some(Op::BlobPut),
        ..CALL
    },
    HostCall {
        name: "ctx.blob.get",
        doc: "The bytes of an id; `undefined` when there are none.",
        needs: needs(Kind::BlobRead, "", "blob:read"),
        signature: "(id: string): Promise<Uint8Array | undefined>",
        example: "ctx.blob.get('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')",
        ..BLOB_GET
    },
    HostCall {
        name: "ctx.blob.text",
        doc: "The same as text.",
        needs: needs(Kind::BlobRead, "", "blob:read"),
        signature: "(id: string): Promise<string | undefined>",
        example: "ctx.blob.text('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')",
        ..BLOB_GET
    },
    HostCall {
        name: "ctx.blob.json",
        doc: "The same as the value that its JSON is.",
        needs: needs(Kind::BlobRead, "", "blob:read"),
        signature: "<T = any>(id: string): Promise<T | undefined>",
        example: "ctx.blob.json('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')",
        ..BLOB_GET
    },
    HostCall {
        name: "ctx.blob.delete",
        doc: "Deletes bytes; false when there were none.",
        needs: needs(Kind::BlobWrite, "", "blob:write"),
        signature: "(id: string): Promise<boolean>",
        argument: BLOB,
        answer: r#"{"type":"boolean"}"#,
        example: "ctx.blob.delete('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')",
        op: Some(Op::BlobDelete),
        ..CALL
    },
    HostCall {
        name: "ctx.secret",
        doc: "A secret of the configuration. It is taken out of the function's log, failures and result.",
        needs: needs(Kind::SecretRead, "the name", "secret:read:bank-key"),
        signature: "(name: string): Promise<string>",
        argument: TEXT,
        answer: TEXT,
        example: "ctx.secret('bank-key')",
        op: Some(Op::SecretRead),
        ..CALL
    },
    HostCall {
        name: "ctx.workflows.start",
        doc: "Starts a run of a workflow in the function's namespace; a repeated attempt finds the run that it started before.",
        needs: needs(Kind::WorkflowStart, "the workflow", "workflow:start:Ship"),
        signature: "(workflow: string, input?: { [parameter: string]: unknown }, options?: { id?: string }): Promise<{ workflowId: string; runId: string }>",
        argument: r#"{"type":"object","required":["workflow","input"],"properties":{"workflow":{"type":"string"},"input":{},"id":{"type":["string","null"]}}}"#,
        answer: r#"{"type":"object","required":["workflowId","runId"]}"#,
        example: "ctx.workflows.start('Ship', { order: 7 })",
        op: Some(Op::WorkflowStart),
        ..CALL
    },
    HostCall {
        name: "ctx.workflows.signal",
        doc: "Sends a signal to the latest run of a workflow id; a repeated attempt does not send it twice.",
        needs: needs(Kind::WorkflowSignal, "the run's workflow", "workflow:signal:Ship"),
        signature: "(workflowId: string, name: string, input?: unknown): Promise<void>",
        argument: MESSAGE,
        answer: NULL,
        example: "ctx.workflows.signal('ship-7', 'packed', { by: 'me' })",
        op: Some(Op::WorkflowSignal),
        ..CALL
    },
    HostCall {
        name: "ctx.workflows.query",
        doc: "Asks the program of the latest run of a workflow id.",
        needs: needs(Kind::WorkflowQuery, "the run's workflow", "workflow:query:Ship"),
        signature: "(workflowId: string, name: string, input?: unknown): Promise<any>",
        argument: MESSAGE,
        answer: ANY,
        example: "ctx.workflows.query('ship-7', 'place')",
        op: Some(Op::WorkflowQuery),
        ..CALL
    },
    HostCall {
        name: "ctx.workflows.result",
        doc: "Waits for the end of the latest run of a workflow id: its result, or its failure as an error of that type.",
        needs: needs(Kind::WorkflowResult, "the run's workflow", "workflow:result:Ship"),
        signature: "(workflowId: string): Promise<any>",
        argument: TEXT,
        answer: ANY,
        example: "ctx.workflows.result('ship-7')",
        op: Some(Op::WorkflowResult),
        ..CALL
    },
    HostCall {
        name: "ctx.event.publish",
        doc: "Publishes an event in the function's namespace; a repeated attempt does not publish it twice.",
        needs: needs(Kind::EventPublish, "the type", "event:publish:order.paid"),
        signature: "(type: string, data?: unknown, options?: { id?: string; subject?: string }): Promise<{ id: string; sequence: number }>",
        argument: r#"{"type":"object","required":["type"],"properties":{"type":{"type":"string"},"data":{},"id":{"type":["string","null"]},"subject":{"type":["string","null"]}}}"#,
        answer: r#"{"type":"object","required":["id","sequence"]}"#,
        example: "ctx.event.publish('order.paid', { amount: 5 })",
        op: Some(Op::EventPublish),
        ..CALL
    },
    HostCall {
        name: "ctx.session.get",
        doc: "What the run's session holds, and at which version.",
        needs: needs(Kind::SessionRead, "", "session:read"),
        signature: "<T = any>(): Promise<{ state: T; version: number }>",
        argument: NULL,
        answer: SESSION,
        example: "ctx.session.get()",
        op: Some(Op::SessionGet),
        ..CALL
    },
    HostCall {
        name: "ctx.session.update",
        doc: "Changes what the run's session holds: members of the patch are set, null removes one. With a version only when it is still at that one.",
        needs: needs(Kind::SessionWrite, "", "session:write"),
        signature: "<T = any>(patch: { [name: string]: unknown }, options?: { version?: number }): Promise<{ state: T; version: number }>",
        argument: r#"{"type":"object","required":["patch"],"properties":{"patch":{"type":"object"},"version":{"type":["integer","null"]}}}"#,
        answer: SESSION,
        example: "ctx.session.update({ step: 'pay' })",
        op: Some(Op::SessionUpdate),
        ..CALL
    },
    HostCall {
        name: "ctx.read",
        doc: "The text of a file under the project's `data/`.",
        needs: needs(Kind::FileRead, "the path", "file:read:prices.json"),
        signature: "(path: string): Promise<string>",
        argument: TEXT,
        answer: TEXT,
        example: "ctx.read('prices.json')",
        op: Some(Op::FileRead),
        ..CALL
    },
    HostCall {
        name: "ctx.http",
        doc: "Sends a request to a public address.",
        needs: needs(Kind::HttpFetch, "the host, with its port when unusual", "http:fetch:api.example.com"),
        signature: "(url: string, request?: HttpRequest): Promise<HttpAnswer>",
        argument: r#"{"type":"object","required":["url"],"properties":{"url":{"type":"string"}}}"#,
        answer: r#"{"type":"object"}"#,
        example: "ctx.http('https://api.example.com/x')",
        op: Some(Op::Http),
        ..CALL
    },
    HostCall {
        name: "ctx.heartbeat",
        doc: "Says that the attempt is alive and how far it has come; the next attempt gets the details.",
        signature: "(details?: unknown): Promise<Beat>",
        argument: NAMED,
        answer: r#"{"type":"object","required":["cancelRequested","paused","reset"]}"#,
        example: "ctx.heartbeat(5)",
        op: Some(Op::Host),
        ..CALL
    },
    HostCall {
        name: "ctx.completeLater",
        doc: "What the function returns is not the result: somebody completes the attempt by its token.",
        signature: "(): void",
        argument: NAMED,
        answer: NULL,
        example: "ctx.completeLater()",
        op: Some(Op::HostNow),
        ..CALL
    },
    HostCall {
        name: "ctx.host",
        doc: "Calls a function that the part around the sandbox gives.",
        needs: needs(Kind::Host, "the name", "host:mail.send"),
        signature: "(name: string, arg?: unknown): Promise<any>",
        argument: NAMED,
        answer: ANY,
        example: "ctx.host('mail.send', {})",
        op: Some(Op::Host),
        ..CALL
    },
    HostCall {
        name: "ctx.hostNow",
        doc: "The same for functions that answer without waiting.",
        needs: needs(Kind::Host, "the name", "host:mail.send"),
        signature: "(name: string, arg?: unknown): any",
        argument: NAMED,
        answer: ANY,
        example: "ctx.hostNow('mail.send', {})",
        op: Some(Op::HostNow),
        ..CALL
    },
];
