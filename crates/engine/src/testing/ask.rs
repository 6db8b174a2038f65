//! What callers ask of an engine, and what they are told.

use std::time::Duration;

use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId, WorkflowId};
use nexus_kernel::testing::dice::Dice;
use nexus_kernel::{Json, code};
use serde_json::json;

use crate::engine::{EngineHandle, StartRequest, Started};
use crate::input::{Input, Reply, Signal, Update};
use crate::record::StartOptions;
use crate::testing::programs::{MAILBOXES, STARTED};
use crate::testing::world::key;

/// One thing that a caller asks. A repetition of it is the same value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    /// Start a run, and wait for its end for so long.
    Start { workflow: &'static str, id: String, n: i64, request: String, patience: Duration },
    /// Send a message to whatever run is open.
    Signal { id: String, name: &'static str, i: i64, request: String },
    /// Send an update.
    Update { id: String, i: i64, update: String },
    /// Ask a run to stop.
    Cancel { id: String, run: String },
    /// End a run.
    Terminate { id: String, run: String },
}

/// What a caller was told. Not knowing is not among it: a caller that does not know asks again.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// The run that the request started.
    Started { run: String, existing: bool },
    /// It is done.
    Done,
    /// Refused, with this code.
    Refused(&'static str),
}

impl Ask {
    /// Something to ask; `known` are runs that callers have been told of, with their workflow ids.
    pub(super) fn any(dice: &Dice, number: u64, known: &[(String, String)]) -> Ask {
        let place = |workflow: &str| format!("{workflow}-{}", dice.below(2));
        let mailbox = dice.pick(&MAILBOXES).copied().unwrap_or("Tab");
        let request = format!("request-{number}");
        let i = i64::try_from(number).unwrap_or(0);
        match (dice.below(100), dice.pick(known).cloned()) {
            (0..8, Some((id, run))) => Ask::Cancel { id, run },
            (8..12, Some((id, run))) => Ask::Terminate { id, run },
            (12..28, _) => Ask::Signal { id: place(mailbox), name: "Put", i, request },
            (28..35, _) => Ask::Signal { id: place(mailbox), name: "Close", i, request },
            (35..38, _) => Ask::Signal { id: place("Pay"), name: "Abort", i, request },
            (38..46, _) => {
                let i = if dice.permille(200) { -i } else { i };
                Ask::Update { id: place("Cart"), i, update: request }
            }
            (46..60, _) => Ask::start(dice, mailbox, place(mailbox), request),
            _ => {
                let workflow = dice.pick(&STARTED).copied().unwrap_or("Steps");
                Ask::start(dice, workflow, place(workflow), request)
            }
        }
    }

    fn start(dice: &Dice, workflow: &'static str, id: String, request: String) -> Ask {
        let n = i64::try_from(dice.below(4)).unwrap_or(0);
        let patience = Duration::from_millis(dice.below(2) * dice.below(60_000));
        Ask::Start { workflow, id, n, request, patience }
    }

    /// The workflow id that it is about.
    pub(super) fn id(&self) -> &str {
        match self {
            Ask::Start { id, .. }
            | Ask::Signal { id, .. }
            | Ask::Update { id, .. }
            | Ask::Cancel { id, .. }
            | Ask::Terminate { id, .. } => id,
        }
    }

    /// Asks an engine. Nothing when the caller cannot know whether it has happened.
    pub(super) async fn put_to(&self, engine: &EngineHandle) -> Option<(Told, Option<Started>)> {
        let done = match self {
            Ask::Start { workflow, id, n, request, .. } => {
                return match engine.start(start_request(workflow, id, *n, request)).await {
                    Ok(started) => {
                        let (run, existing) = (started.run_id.to_string(), started.existing);
                        Some((Told::Started { run, existing }, Some(started)))
                    }
                    Err(error) => refused(&error).map(|told| (told, None)),
                };
            }
            Ask::Signal { id, name, i, request } => signal(engine, (id, name), *i, request).await,
            Ask::Update { id, i, update } => {
                let (name, input) = ("Put".to_owned(), json!({ "i": i }));
                let update = Update { id: update.clone(), name, input };
                send(engine, id, Input::Update { run: None, update }).await
            }
            Ask::Cancel { run, .. } => engine.cancel(&RunId::parse(run).unwrap(), "asked").await,
            Ask::Terminate { run, .. } => engine.terminate(&RunId::parse(run).unwrap(), "asked").await,
        };
        match done {
            Ok(()) => Some((Told::Done, None)),
            Err(error) => refused(&error).map(|told| (told, None)),
        }
    }
}

/// Sends a signal with one argument, `i`, to whatever run of a workflow id in the namespace `default` is open.
pub async fn signal(
    engine: &EngineHandle,
    (id, name): (&str, &str),
    i: i64,
    request: &str,
) -> Result<(), Error> {
    let (name, input) = (name.to_owned(), json!({ "i": i }));
    let signal = Signal { name, input, request_id: request.to_owned() };
    send(engine, id, Input::Signal { run: None, signal, checked: false }).await
}

/// Sends an input straight to the shard of a workflow id in the namespace `default`.
pub async fn send(engine: &EngineHandle, id: &str, input: Input) -> Result<(), Error> {
    match engine.router().ask(key(id), input).await {
        Some(Reply::Refused(error)) => Err(error),
        Some(_) => Ok(()),
        None => Err(Error::new(&code::STOPPING, "the shard has stopped")),
    }
}

/// A refusal that says something about the key; nothing when the server is in trouble itself.
fn refused(error: &Error) -> Option<Told> {
    let told = [
        &code::ALREADY_RUNNING,
        &code::RUN_UNKNOWN,
        &code::RUN_CLOSED,
        &code::HANDLER_UNKNOWN,
        &code::UPDATE_REFUSED,
        &code::INPUT_INVALID,
    ];
    told.contains(&error.code()).then(|| Told::Refused(error.code().id))
}

fn start_request(workflow: &str, id: &str, n: i64, request: &str) -> StartRequest {
    StartRequest {
        namespace: Namespace::default(),
        workflow: workflow.to_owned(),
        workflow_id: Some(WorkflowId::new(id).unwrap()),
        input: input_of(workflow, n),
        idempotency_key: Some(request.to_owned()),
        options: StartOptions::default(),
    }
}

/// The input of a workflow for a size.
fn input_of(workflow: &str, n: i64) -> Json {
    match workflow {
        "Chain" => json!({ "n": n, "total": 0 }),
        "Reader" => json!({ "left": n, "seen": [] }),
        _ => json!({ "n": n }),
    }
}
