//! Operations: what a script can ask of the host. The table in [`crate::api`] tells people of them.

mod blob;
mod event;
mod secret;
mod session;
mod workflow;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use nexus_kernel::doer::Doer;
use nexus_kernel::id::{Namespace, SessionId};
use nexus_kernel::port::StoreError;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use nexus_kernel::port::object::Objects;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json, code, tell_of};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::capability::{Capabilities, Kind};
use crate::files;
use crate::host::Started;
use crate::lease::Lease;
use crate::ports::Ports;
use crate::redact::Redactions;

/// Entries of one listing.
const LIST_ROWS_MAX: usize = 1_000;
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 1_024;
/// Checks and changes of one commit.
const COMMIT_ROWS_MAX: usize = 1_000;

/// An operation. Those with numbers below ten answer at once, a promise stands for each of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Random = 1,
    Uuid = 2,
    HostNow = 3,
    KvGet = 10,
    KvList = 11,
    KvCommit = 12,
    FileRead = 20,
    Http = 30,
    Host = 40,
    Sleep = 50,
    SecretRead = 60,
    BlobPut = 70,
    BlobGet = 71,
    BlobDelete = 72,
    WorkflowStart = 80,
    WorkflowSignal = 81,
    WorkflowQuery = 82,
    WorkflowResult = 83,
    EventPublish = 90,
    SessionGet = 100,
    SessionUpdate = 101,
}

impl Op {
    /// Every operation.
    pub(crate) const ALL: &[Op] = &[
        Op::Random,
        Op::Uuid,
        Op::HostNow,
        Op::KvGet,
        Op::KvList,
        Op::KvCommit,
        Op::FileRead,
        Op::Http,
        Op::Host,
        Op::Sleep,
        Op::SecretRead,
        Op::BlobPut,
        Op::BlobGet,
        Op::BlobDelete,
        Op::WorkflowStart,
        Op::WorkflowSignal,
        Op::WorkflowQuery,
        Op::WorkflowResult,
        Op::EventPublish,
        Op::SessionGet,
        Op::SessionUpdate,
    ];

    /// The number that the guest passes.
    pub(crate) const fn number(self) -> i32 {
        self as i32
    }

    /// The operation of a number that the guest passed.
    pub(crate) fn from_number(number: i32) -> Option<Op> {
        Op::ALL.iter().copied().find(|op| op.number() == number)
    }

    /// Its name for people who look at figures: `kv.get` for [`Op::KvGet`].
    pub(crate) fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('.');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// Whether a repetition of it must be known as one.
    pub(crate) const fn is_numbered(self) -> bool {
        matches!(self, Op::WorkflowStart | Op::WorkflowSignal | Op::EventPublish)
    }

    /// Whether it is answered before the guest goes on.
    pub(crate) const fn is_immediate(self) -> bool {
        self.number() < 10
    }
}

/// Why an operation was not done: a JavaScript error that the script can catch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpError {
    /// The error's `name`.
    pub name: String,
    /// Its `message`.
    pub message: String,
    /// Its `code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether a retry of the function cannot help.
    pub non_retryable: bool,
}

impl OpError {
    /// An error of this name.
    pub fn new(name: &str, message: impl Into<String>) -> OpError {
        OpError { name: name.to_owned(), message: message.into(), code: None, non_retryable: false }
    }

    fn wrong(message: impl Into<String>) -> OpError {
        OpError { non_retryable: true, ..OpError::new("TypeError", message) }
    }
}

impl From<StoreError> for OpError {
    fn from(error: StoreError) -> OpError {
        OpError::new("StoreError", error.to_string())
    }
}

/// Functions that another part gives to scripts as `ctx.host(name, arg)` and `ctx.hostNow(name, arg)`. Each call needs
/// the capability `host:name`. A granted `ctx.http(url, request)` comes here as `http` with `{url, …request}`.
pub trait HostFunctions: Send + Sync {
    /// Answers without waiting. It runs on a thread of the sandbox, so it must be quick.
    fn call_now(&self, name: &str, arg: Json) -> Result<Json, OpError>;

    /// Answers in time.
    fn call(&self, name: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>>;
}

/// What the operations of one invocation work on.
pub(crate) struct Scope {
    pub(crate) namespace: Namespace,
    /// Whom lines of the log name.
    pub(crate) doer: Doer,
    pub(crate) capabilities: Capabilities,
    /// How long those hold.
    pub(crate) lease: Option<Lease>,
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) data_folder: Option<PathBuf>,
    pub(crate) functions: Option<Arc<dyn HostFunctions>>,
    pub(crate) reply_bytes_max: usize,
    pub(crate) clock: SharedClock,
    pub(crate) objects: Option<Arc<dyn Objects>>,
    pub(crate) ports: Ports,
    pub(crate) redactions: Redactions,
    /// The session of the run.
    pub(crate) session: Option<SessionId>,
    /// What ids of requests begin with: the attempt's idempotency key, or what nobody else has.
    pub(crate) once: String,
}

#[derive(Deserialize)]
struct List {
    prefix: String,
    after: Option<String>,
    limit: f64,
}

#[derive(Deserialize)]
struct Commit {
    checks: Vec<Check>,
    puts: Vec<Put>,
    deletes: Vec<String>,
}

#[derive(Deserialize)]
struct Check {
    key: String,
    version: Option<u64>,
}

#[derive(Deserialize)]
struct Put {
    key: String,
    value: Json,
}

#[derive(Deserialize)]
struct Sleep {
    /// Milliseconds since 1970.
    until: f64,
}

/// A call of a function another part gives.
#[derive(Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) arg: Json,
}

/// Reads an operation's argument.
pub(crate) fn argument<'a, T: Deserialize<'a>>(arg: &'a [u8]) -> Result<T, OpError> {
    serde_json::from_slice(arg).map_err(|error| OpError::wrong(format!("the arguments do not fit: {error}")))
}

impl Scope {
    /// Does an operation; the answer is JSON.
    pub(crate) async fn perform(&self, started: &Started) -> Result<Vec<u8>, OpError> {
        let Started { op, arg, .. } = started;
        let answer = match op {
            Op::KvGet => self.kv_get(&argument::<String>(arg)?).await?,
            // Every operation that waits has room for the largest of those that are not boxed.
            Op::KvList => Box::pin(self.kv_list(argument(arg)?)).await?,
            Op::KvCommit => Box::pin(self.kv_commit(argument(arg)?)).await?,
            Op::FileRead => Box::pin(self.file_read(&argument::<String>(arg)?)).await?,
            Op::Http => Box::pin(self.http(argument(arg)?)).await?,
            Op::Host => self.host(argument(arg)?).await?,
            Op::Sleep => self.sleep(&argument::<Sleep>(arg)?).await?,
            _ => Box::pin(self.perform_port(started)).await?,
        };
        let bytes = answer.to_string().into_bytes();
        if bytes.len() > self.reply_bytes_max {
            let message =
                format!("the answer has {} bytes, {} are allowed", bytes.len(), self.reply_bytes_max);
            return Err(OpError { non_retryable: true, ..OpError::new("RangeError", message) });
        }
        Ok(bytes)
    }

    /// Operations of other parts' ports.
    async fn perform_port(&self, Started { op, arg, number, .. }: &Started) -> Result<Json, OpError> {
        match op {
            Op::SecretRead => self.secret(&argument::<String>(arg)?).await,
            Op::BlobPut => self.blob_put(argument(arg)?).await,
            Op::BlobGet => self.blob_get(argument(arg)?).await,
            Op::BlobDelete => self.blob_delete(&argument::<String>(arg)?).await,
            Op::WorkflowStart => self.workflow_start(argument(arg)?, *number).await,
            Op::WorkflowSignal => self.workflow_signal(argument(arg)?, *number).await,
            Op::WorkflowQuery => self.workflow_query(argument(arg)?).await,
            Op::WorkflowResult => self.workflow_result(&argument::<String>(arg)?).await,
            Op::EventPublish => self.event_publish(argument(arg)?, *number).await,
            Op::SessionGet => self.session_get().await,
            Op::SessionUpdate => self.session_update(argument(arg)?).await,
            _ => Err(OpError::wrong("this operation does not wait")),
        }
    }

    /// Waits until a time, so that a wait that is taken up again by another process ends when it would have.
    async fn sleep(&self, sleep: &Sleep) -> Result<Json, OpError> {
        let is_time = sleep.until.is_finite() && sleep.until >= 0.0;
        if !is_time {
            return Err(OpError::wrong("a sleep takes milliseconds, a number from 0"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a time beyond all times is the last one")]
        let until = Timestamp::from_millis(sleep.until as i64);
        self.clock.sleep_until(until).await;
        Ok(Json::Null)
    }

    /// What the function may do at this moment.
    fn capabilities(&self) -> Cow<'_, Capabilities> {
        Lease::current(self.lease.as_ref(), &self.capabilities)
    }

    fn check(&self, kind: Kind, name: &str) -> Result<(), OpError> {
        if self.capabilities().allow(kind, name) { Ok(()) } else { Err(self.denied(kind, name)) }
    }

    /// The operation has not been granted: whoever looks after the server is told, and the script.
    fn denied(&self, kind: Kind, name: &str) -> OpError {
        let missing = Capabilities::missing(kind, name);
        let code = code::FUNCTION_DENIED.id;
        tell_of!(self.doer, warn, target: "nexus::audit", capability = missing, code, "denied an operation of a function");
        OpError {
            code: Some(code.to_owned()),
            non_retryable: true,
            ..OpError::new("PermissionError", format!("the function has not been granted {missing}"))
        }
    }

    async fn kv_get(&self, key: &str) -> Result<Json, OpError> {
        self.check(Kind::KvRead, key)?;
        let entry = self.kv.kv_get(&self.namespace, key).await?;
        Ok(entry.map_or(Json::Null, entry_json))
    }

    async fn kv_list(&self, list: List) -> Result<Json, OpError> {
        if !self.capabilities().allow_prefix(Kind::KvRead, &list.prefix) {
            return Err(self.denied(Kind::KvRead, &format!("{}*", list.prefix)));
        }
        let fits = list.limit.fract() == 0.0 && (1.0..=1_000.0).contains(&list.limit);
        if !fits {
            return Err(OpError::wrong(format!("a listing's limit is a number from 1 to {LIST_ROWS_MAX}")));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
        let limit = list.limit as usize;
        let entries = self.kv.kv_list(&self.namespace, &list.prefix, list.after.as_deref(), limit).await?;
        Ok(entries.into_iter().map(entry_json).collect())
    }

    async fn kv_commit(&self, commit: Commit) -> Result<Json, OpError> {
        self.allow_commit(&commit)?;
        let checks =
            commit.checks.into_iter().map(|check| KvCheck { key: check.key, version: check.version });
        let puts = commit.puts.into_iter().map(|put| KvWrite::Put { key: put.key, value: put.value });
        let deletes = commit.deletes.into_iter().map(|key| KvWrite::Delete { key });
        let done =
            self.kv.kv_commit(&self.namespace, checks.collect(), puts.chain(deletes).collect()).await?;
        Ok(match done {
            KvCommit::Committed { version } => json!({ "ok": true, "version": version }),
            KvCommit::Conflict { key } => json!({ "ok": false, "conflict": key }),
        })
    }

    fn allow_commit(&self, commit: &Commit) -> Result<(), OpError> {
        let rows = commit.checks.len() + commit.puts.len() + commit.deletes.len();
        if rows > COMMIT_ROWS_MAX {
            return Err(OpError::wrong(format!("a commit has at most {COMMIT_ROWS_MAX} checks and changes")));
        }
        for check in &commit.checks {
            // Whether a commit conflicts tells something about the key.
            self.check(Kind::KvRead, &check.key)?;
        }
        for key in commit.puts.iter().map(|put| &put.key).chain(&commit.deletes) {
            self.check(Kind::KvWrite, key)?;
            if key.is_empty() || key.len() > KEY_BYTES_MAX {
                return Err(OpError::wrong(format!("a key has 1 to {KEY_BYTES_MAX} bytes")));
            }
        }
        Ok(())
    }

    async fn file_read(&self, path: &str) -> Result<Json, OpError> {
        self.check(Kind::FileRead, path)?;
        files::read(self.data_folder.as_deref(), path, self.reply_bytes_max).await.map(Json::String)
    }

    async fn http(&self, request: Json) -> Result<Json, OpError> {
        let url = request.get("url").and_then(Json::as_str).unwrap_or_default();
        self.check(Kind::HttpFetch, host_of(url))?;
        match &self.functions {
            Some(functions) => functions.call("http", request).await,
            None => Err(OpError::new("UnavailableError", "this server has no HTTP client for functions")),
        }
    }

    async fn host(&self, mut named: Named) -> Result<Json, OpError> {
        self.check(Kind::Host, &named.name)?;
        self.redactions.json(&mut named.arg);
        match &self.functions {
            Some(functions) => functions.call(&named.name, named.arg).await,
            None => Err(no_function(&named.name)),
        }
    }

    /// Answers `ctx.hostNow`.
    pub(crate) fn host_now(&self, named: Named) -> Result<Json, OpError> {
        self.check(Kind::Host, &named.name)?;
        match &self.functions {
            Some(functions) => functions.call_now(&named.name, named.arg),
            None => Err(no_function(&named.name)),
        }
    }

    /// Whether random numbers have been granted.
    pub(crate) fn allow_random(&self) -> Result<(), OpError> {
        self.check(Kind::CryptoRandom, "*")
    }
}

fn no_function(name: &str) -> OpError {
    OpError::wrong(format!("there is no host function {name:?} here"))
}

fn entry_json(entry: KvEntry) -> Json {
    json!({ "key": entry.key, "value": entry.value, "version": entry.version })
}

/// The host of a URL, without user and port; empty when there is none, which only `http:fetch:*` covers. This is a first
/// look at a text: whoever sends the request judges the URL as it is parsed, with its port and its redirections.
fn host_of(url: &str) -> &str {
    let after = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = after.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.split_once(']') {
        Some((v6, _)) => host.get(..=v6.len()).unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_is_not_fooled() {
        assert_eq!(host_of("https://api.example.com:8443/x?y#z"), "api.example.com");
        assert_eq!(host_of("https://good.example@evil.example/"), "evil.example");
        assert_eq!(host_of("http://evil.example\\@good.example/"), "evil.example");
        assert_eq!(host_of("http://[::1]:80/"), "[::1]");
        assert_eq!(host_of("nonsense"), "");
    }
}
