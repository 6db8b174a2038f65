//! The verbs of the audit log.

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::segments::{SegmentError, SharedSegments};
use nexus_kernel::time::Timestamp;
use nexus_kernel::verb::{Part, Verb, object};
use serde::Deserialize;
use serde_json::{Map, json};

use super::chain::Head;
use super::list::{Sight, Wanted, newest, oldest};
use super::log::{AuditLog, Shared};
use super::record::Line;
use super::verify::{Verdict, verify};
use super::writer::anchor;

/// Lines of a page when the caller does not say, and at most.
const PAGE_LINES: usize = 100;
const PAGE_LINES_MAX: usize = 1_000;

/// The log for whoever reads it.
#[derive(Clone)]
struct Reader {
    segments: SharedSegments,
    store: Arc<dyn Kv>,
    /// The log when it is written as well.
    live: Option<Arc<Shared>>,
    sight: Sight,
}

impl Part for Reader {
    fn seen_by(&self, context: &CallContext) -> Reader {
        Reader { sight: Sight::of(context), ..self.clone() }
    }
}

impl Reader {
    /// Sees to it that what has happened can be read. Errors: there is nothing, and there will be nothing.
    async fn ready(&self) -> Result<(), Error> {
        if let Some(live) = &self.live {
            live.queue.flush().await;
            return Ok(());
        }
        if self.segments.segments().await.map_err(unreadable)?.is_empty() {
            return Err(Error::new(&code::AUDIT_OFF, "no audit log is kept here")
                .help("`[audit] enabled = true` in nexus.toml keeps one; so does `[auth] enabled = true`"));
        }
        Ok(())
    }

    async fn verify(&self, known: Option<Head>) -> Result<Verdict, Error> {
        self.ready().await?;
        let noted = anchor(&*self.store).await?;
        // Lines that are being written are not looked at. What the store knows of was written before.
        let until = self.live.as_ref().and_then(|live| live.head()).map(|head| head.next);
        // The end that somebody brings is looked for; the one in the store as well, when it holds so far.
        let verdict = verify(&*self.segments, noted, until).await.map_err(unreadable)?;
        match known.filter(|_| verdict.fault.is_none()) {
            Some(known) => verify(&*self.segments, Some(known), until).await.map_err(unreadable),
            None => Ok(verdict),
        }
    }
}

fn unreadable(error: SegmentError) -> Error {
    Error::new(&code::STORE_FAILED, format!("the audit log cannot be read: {error}"))
        .help("check the permissions of the data folder's audit/")
}

/// The verbs, for the catalogue. `log` is there when these files are being written.
pub fn operations(segments: &SharedSegments, store: &Arc<dyn Kv>, log: Option<&AuditLog>) -> Vec<Operation> {
    let live = log.map(|log| Arc::clone(log.shared()));
    let (segments, store) = (Arc::clone(segments), Arc::clone(store));
    let reader = Reader { segments, store, live, sight: Sight::everything() };
    vec![
        list_verb().handled(&reader, list),
        verify_verb().handled(&reader, verify_all),
        head_verb().handled(&reader, head),
        export_verb().handled(&reader, export),
    ]
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Error> {
    let parse = |text: &str| {
        Timestamp::parse(text).ok_or_else(|| {
            Error::new(&code::INPUT_INVALID, format!("{text:?} is no moment"))
                .fault(format!("/{name}"), "write it like 2026-01-31T12:00:00Z")
        })
    };
    text.map(parse).transpose()
}

fn time_field(description: &str) -> Json {
    json!({ "type": "string", "minLength": 1, "description": description })
}

#[derive(Deserialize)]
struct ListInput {
    since: Option<String>,
    until: Option<String>,
    caller: Option<String>,
    namespace: Option<String>,
    operation: Option<String>,
    status: Option<String>,
    request_id: Option<String>,
    before: Option<u64>,
    limit: Option<usize>,
}

fn list_verb() -> Verb {
    let is = |description: &str| json!({ "type": "string", "minLength": 1, "description": description });
    let properties = json!({
        "since": time_field("from this moment on, such as 2026-01-31T12:00:00Z"),
        "until": time_field("before this moment"),
        "caller": is("of this caller, such as key:0f6k2c9v1w3q"),
        "namespace": is("about this namespace"),
        "operation": is("of this operation, such as key.create or shop/Checkout"),
        "status": is("that ended like this: ok, or the code of an error"),
        "request_id": is("of this request"),
        "before": { "type": "integer", "minimum": 0, "description": "the next page: `next` of the page before" },
        "limit": { "type": "integer", "minimum": 1, "maximum": PAGE_LINES_MAX, "default": PAGE_LINES, "description": "how many at most" },
    });
    let text = json!({ "type": "string" });
    let lines = json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "seq": { "type": "integer" }, "at": text, "kind": text, "hash": text, "caller": text,
                "operation": text, "namespace": text, "status": text, "request_id": text,
            },
            "required": ["seq", "at", "kind", "hash"],
        },
    });
    Verb {
        name: "audit.list",
        title: "List lines of the audit log",
        doc: "Who called what, the newest first, as far as the caller may see the whole of a namespace; what belongs to none is \
              shown to whoever has admin:read. A page may have fewer lines than wanted and yet not be the last.",
        effect: Effect::Read,
        input: object(&properties, &[]),
        output: json!({
            "type": "object",
            "properties": { "lines": lines, "next": { "type": ["integer", "null"], "description": "`before` of the next page" } },
            "required": ["lines", "next"],
        }),
    }
}

async fn list(reader: Reader, input: ListInput, _: CallContext) -> Result<Json, Error> {
    let wanted = Wanted {
        since: moment("since", input.since.as_deref())?,
        until: moment("until", input.until.as_deref())?,
        caller: input.caller,
        namespace: input.namespace,
        operation: input.operation,
        status: input.status,
        request_id: input.request_id,
        beyond: input.before,
        limit: input.limit.unwrap_or(PAGE_LINES),
    };
    reader.ready().await?;
    let page = newest(&*reader.segments, &wanted, &reader.sight).await.map_err(unreadable)?;
    let lines = page.lines.iter().map(|(line, hash)| shown(line, hash)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "lines": lines, "next": page.next }))
}

/// A line as it is stored, with its hash and without what only the chain needs.
fn shown(line: &Line, hash: &str) -> Result<Json, Error> {
    let stored = serde_json::to_value(line).map_err(|error| Error::internal(error.to_string()))?;
    let mut shown = Map::new();
    if let Json::Object(fields) = stored {
        shown.extend(fields.into_iter().filter(|(name, _)| name != "v" && name != "prev"));
    }
    shown.insert("hash".into(), hash.into());
    Ok(Json::Object(shown))
}

#[derive(Deserialize)]
struct VerifyInput {
    head: Option<String>,
}

fn verify_verb() -> Verb {
    let head = json!({
        "type": "string", "minLength": 1,
        "description": "a head that was kept elsewhere, as audit.head gives it: the log must still hold that line",
    });
    Verb {
        name: "audit.verify",
        title: "Verify the audit log",
        doc: "Reads the whole audit log and names the first line that is not as it was written, if there is one: changed, taken \
              out, put in, or missing.",
        effect: Effect::Read,
        input: object(&json!({ "head": head }), &[]),
        output: verdict_schema(),
    }
}

fn verdict_schema() -> Json {
    let fault = json!({
        "type": ["object", "null"],
        "properties": {
            "file": { "type": "string" }, "line": { "type": "integer" }, "why": { "type": "string" },
        },
    });
    json!({
        "type": "object",
        "properties": {
            "is_sound": { "type": "boolean", "description": "whether every line is as it was written" },
            "lines": { "type": "integer", "description": "lines that hold" },
            "files": { "type": "integer", "description": "files that were read" },
            "head": { "type": "string", "description": "the end of what holds" },
            "torn_bytes": { "type": "integer", "description": "what a crash left behind the last line; the next start cuts it off" },
            "fault": fault,
        },
        "required": ["is_sound", "lines", "files", "head", "torn_bytes", "fault"],
    })
}

/// A verdict as callers see it.
pub fn verdict(found: &Verdict) -> Json {
    let fault = found.fault.as_ref().map(|fault| {
        json!({ "file": format!("{:020}.jsonl", fault.segment), "line": fault.line, "why": fault.why })
    });
    json!({
        "is_sound": found.fault.is_none(),
        "lines": found.lines,
        "files": found.segments,
        "head": found.head.to_string(),
        "torn_bytes": found.torn_bytes,
        "fault": fault,
    })
}

async fn verify_all(reader: Reader, input: VerifyInput, _: CallContext) -> Result<Json, Error> {
    let known = input.head.as_deref().map(|text| {
        Head::parse(text).ok_or_else(|| {
            Error::new(&code::INPUT_INVALID, format!("{text:?} is no head"))
                .fault("/head", "write it as `nexus audit head` prints it: a number, a colon, 64 digits")
        })
    });
    Ok(verdict(&reader.verify(known.transpose()?).await?))
}

#[derive(Deserialize)]
struct Nothing {}

fn head_verb() -> Verb {
    Verb {
        name: "audit.head",
        title: "Show the end of the audit log",
        doc: "The number and the hash of the last line. Kept elsewhere, it proves later that nothing before it was changed.",
        effect: Effect::Read,
        input: object(&json!({}), &[]),
        output: json!({
            "type": "object", "properties": { "head": { "type": "string" } }, "required": ["head"],
        }),
    }
}

async fn head(reader: Reader, _: Nothing, _: CallContext) -> Result<Json, Error> {
    reader.ready().await?;
    let head = match reader.live.as_ref().and_then(|live| live.head()) {
        Some(head) => head,
        None => reader.verify(None).await?.head,
    };
    Ok(json!({ "head": head.to_string() }))
}

#[derive(Deserialize)]
struct ExportInput {
    since: Option<String>,
    until: Option<String>,
    after: Option<u64>,
    limit: Option<usize>,
}

fn export_verb() -> Verb {
    let properties = json!({
        "since": time_field("from this moment on, such as 2026-01-31T12:00:00Z"),
        "until": time_field("before this moment"),
        "after": { "type": "integer", "minimum": 0, "description": "the next page: `next` of the page before" },
        "limit": { "type": "integer", "minimum": 1, "maximum": PAGE_LINES_MAX, "default": PAGE_LINES_MAX, "description": "how many at most" },
    });
    Verb {
        name: "audit.export",
        title: "Export the audit log",
        doc: "Lines of all namespaces as they are written, the oldest first, so that whoever has them can verify them.",
        effect: Effect::Read,
        input: object(&properties, &[]),
        output: json!({
            "type": "object",
            "properties": {
                "lines": { "type": "array", "items": { "type": "string" } },
                "next": { "type": ["integer", "null"], "description": "`after` of the next page" },
            },
            "required": ["lines", "next"],
        }),
    }
}

async fn export(reader: Reader, input: ExportInput, _: CallContext) -> Result<Json, Error> {
    let wanted = Wanted {
        since: moment("since", input.since.as_deref())?,
        until: moment("until", input.until.as_deref())?,
        beyond: input.after,
        limit: input.limit.unwrap_or(PAGE_LINES_MAX),
        ..Wanted::default()
    };
    reader.ready().await?;
    let page = oldest(&*reader.segments, &wanted).await.map_err(unreadable)?;
    Ok(json!({ "lines": page.lines, "next": page.next }))
}
