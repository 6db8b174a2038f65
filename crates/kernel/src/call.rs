//! A call: what every channel turns its requests into.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;

use crate::Json;
use crate::access::{Entitled, Grants, Reach};
use crate::allowance::Toll;
use crate::cache::{CacheUse, Cached};
use crate::code;
use crate::error::Error;
use crate::failure::Failure;
use crate::id::{Namespace, RunId, SessionId, WorkflowId};
use crate::port::runs::RunStatus;
use crate::time::Timestamp;
use crate::trace::TraceContext;

/// Who calls. Built from credentials by the pipeline, never from the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Name for logs and audits: what proves it, a colon, and whom. Nobody can be given the name of another kind.
    pub identity: Arc<str>,
    /// All that they may do.
    pub grants: Arc<Grants>,
    /// What proves it.
    pub proof: Proof,
    /// Where they are, when they came over the network.
    pub address: Option<IpAddr>,
}

/// What proves who a caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// They are on this machine: in this process, at the server's own socket, or anywhere while authentication is off.
    Local,
    /// Nothing: they showed no credential.
    Nothing,
    /// An API key of this id.
    Key(Arc<str>),
    /// A token that is good until then.
    Token {
        /// When it ends.
        expires: Timestamp,
        /// What its issuer says of them.
        entitled: Entitled,
        /// The login of a browser that it is kept for: with that they are nobody any more.
        login: Option<Arc<str>>,
    },
    /// A certificate with this name, which the connection was made with.
    Certificate(Arc<str>),
    /// A signature of the request itself, as webhooks have one.
    Signature,
}

static EVERYTHING: LazyLock<Arc<Grants>> = LazyLock::new(|| Arc::new(Grants::everything("this machine")));
static NOTHING: LazyLock<Arc<Grants>> = LazyLock::new(Arc::default);

impl Caller {
    /// Somebody on this machine, who may do everything.
    pub fn local() -> Caller {
        let grants = Arc::clone(&EVERYTHING);
        Caller { identity: "local".into(), grants, proof: Proof::Local, address: None }
    }

    /// The same caller, seen at this address.
    #[must_use]
    pub fn at(self, address: Option<IpAddr>) -> Caller {
        Caller { address, ..self }
    }

    /// A name that this caller has given to something, so that nobody else's is equal to it. The owner's are as they are.
    pub fn own(&self, name: &str) -> String {
        match self.proof {
            Proof::Local => name.to_owned(),
            _ => format!("{}/{name}", self.identity),
        }
    }

    /// Somebody without credentials, who may do nothing.
    pub fn anonymous() -> Caller {
        let grants = Arc::clone(&NOTHING);
        Caller { identity: "anonymous".into(), grants, proof: Proof::Nothing, address: None }
    }

    /// Whoever brings a completion that this server has asked for, which they have to prove; they may do nothing else.
    pub fn completing() -> Caller {
        Caller {
            identity: "completion".into(),
            grants: Arc::new(Grants::completing("completion")),
            proof: Proof::Signature,
            address: None,
        }
    }

    /// A sender of signed requests, who may publish events in one namespace.
    pub fn webhook(name: &str, namespace: &Namespace) -> Caller {
        let source = format!("webhook {name}");
        Caller {
            identity: format!("webhook:{name}").into(),
            grants: Arc::new(Grants::publishing(namespace, &source)),
            proof: Proof::Signature,
            address: None,
        }
    }
}

/// Through which door a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// HTTP.
    Rest,
    /// The command line, with or without a server between.
    Cli,
    /// Model Context Protocol.
    Mcp,
    /// A WebSocket.
    Socket,
    /// Nexus RPC over HTTP.
    Nexus,
    /// Code in this process.
    Embedded,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Channel::Rest => "rest",
            Channel::Cli => "cli",
            Channel::Mcp => "mcp",
            Channel::Socket => "websocket",
            Channel::Nexus => "nexus",
            Channel::Embedded => "embedded",
        })
    }
}

/// How long a caller of a long operation wants to wait for its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Only until the work is durably accepted.
    Accepted,
    /// Until it ends, at most this long; then the answer is what is known so far.
    AtMost(Duration),
    /// Until it ends.
    Done,
}

/// What becomes of a run when the caller who waits for it goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDisconnect {
    /// It goes on.
    #[default]
    Detach,
    /// It is asked to stop: nobody wants its result any more.
    Cancel,
}

impl OnDisconnect {
    /// Reads `detach` or `cancel`.
    pub fn parse(text: &str) -> Option<OnDisconnect> {
        match text {
            "detach" => Some(OnDisconnect::Detach),
            "cancel" => Some(OnDisconnect::Cancel),
            _ => None,
        }
    }
}

/// What comes with every call beside its input.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Who.
    pub caller: Caller,
    /// What of all there is the operation may see and touch for them. Set by the pipeline.
    pub reach: Reach,
    /// Through which door.
    pub channel: Channel,
    /// Correlates the call with logs and answers.
    pub request_id: String,
    /// How long to wait.
    pub wait: Wait,
    /// What is to become of the run when the caller goes away while it waits; what the operation says when absent.
    pub on_disconnect: Option<OnDisconnect>,
    /// The caller's own id for the work, where the operation starts some.
    pub workflow_id: Option<WorkflowId>,
    /// The session that the call belongs to.
    pub session: Option<SessionId>,
    /// Where that session is. Set by the pipeline, once it knows that the caller may use the session.
    pub session_namespace: Option<Namespace>,
    /// Equal keys of one caller start the work once. Never guessed from the input.
    pub idempotency_key: Option<String>,
    /// Where the call stands in a trace, when it is traced: what the caller sent, and from the pipeline on the call itself.
    pub trace: Option<TraceContext>,
    /// What the caller wants of answers that were made before.
    pub cache: CacheUse,
    /// Where the operation notes the run that it has started, for whoever cannot wait for the answer.
    pub started: RunNote,
    /// Whether the request that the call belongs to was counted already, and how its caller stands.
    pub toll: Toll,
    /// The run of another server in whose name the call is made, as that server has signed.
    pub acting: Option<Arc<ActingRun>>,
}

/// A run of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActingRun {
    /// Its workflow id there.
    pub workflow_id: String,
    /// The run there.
    pub run_id: String,
}

impl CallContext {
    /// A context that waits for the end and carries nothing else, for a caller of whom nothing is known yet.
    pub fn new(channel: Channel, request_id: impl Into<String>) -> CallContext {
        CallContext {
            caller: Caller::anonymous(),
            reach: Reach::everything(),
            channel,
            request_id: request_id.into(),
            wait: Wait::Done,
            on_disconnect: None,
            workflow_id: None,
            session: None,
            session_namespace: None,
            idempotency_key: None,
            trace: None,
            cache: CacheUse::default(),
            started: RunNote::default(),
            toll: Toll::default(),
            acting: None,
        }
    }

    /// The session, for work in this namespace. A session of another namespace is not carried into it.
    pub fn session_in(&self, namespace: &Namespace) -> Result<Option<SessionId>, Error> {
        let Some(session) = &self.session else { return Ok(None) };
        match &self.session_namespace {
            Some(own) if own == namespace => Ok(Some(session.clone())),
            Some(own) => {
                let message = format!("the session is one of {own}, and this would be work in {namespace}");
                Err(Error::new(&code::SESSION_ELSEWHERE, message).help(format!(
                    "leave the session out, or make one with `\"namespace\": \"{namespace}\"`"
                )))
            }
            None => Err(Error::internal("a session was used before it was checked")),
        }
    }
}

/// The run that a call has started, as soon as that is known. Clones are the same note.
#[derive(Debug, Clone, Default)]
pub struct RunNote(Arc<Noted>);

#[derive(Debug, Default)]
struct Noted {
    run: OnceLock<RunAnswer>,
    bell: Notify,
}

impl RunNote {
    /// Notes a run. The first one stays.
    pub fn note(&self, run: &RunAnswer) {
        if self.0.run.set(run.clone()).is_ok() {
            self.0.bell.notify_waiters();
        }
    }

    /// The run, when one has been noted.
    pub fn run(&self) -> Option<&RunAnswer> {
        self.0.run.get()
    }

    /// Resolves when a run is noted, at once when it has been.
    pub async fn noted(&self) -> &RunAnswer {
        loop {
            let rung = self.0.bell.notified();
            if let Some(run) = self.run() {
                return run;
            }
            rung.await;
        }
    }
}

/// The run that a long operation stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct RunAnswer {
    /// Where.
    pub namespace: Namespace,
    /// The work.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// The workflow's name.
    pub workflow: String,
    /// What has become of it so far.
    pub status: RunStatus,
    /// Why, when it failed.
    pub failure: Option<Failure>,
}

/// What an operation answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The output, fitting the operation's output schema; null while a run goes on or when it failed.
    pub output: Json,
    /// The run, for operations that start one.
    pub run: Option<RunAnswer>,
    /// Whether it answers a repetition: the request was carried out before, under the same idempotency key.
    pub replayed: bool,
    /// How it came about, where it might have been made before.
    pub cached: Option<Cached>,
}

impl Answer {
    /// An answer without a run.
    pub fn of(output: Json) -> Answer {
        Answer { output, run: None, replayed: false, cached: None }
    }
}
