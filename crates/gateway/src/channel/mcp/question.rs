//! A run's question to the person behind a client, in the form that the client's revision has for it.
//!
//! From 2026-07-28 on the question is a result, and the answer comes with the same call again, along with a state that
//! is believed only when it is ours. Before, the server asks over the connection. Whoever cannot show a form gets the
//! run's id, and what it waits for, at the end of their patience.

use nexus_kernel::call::{Answer, RunAnswer, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId, WorkflowId};
use nexus_kernel::port::runs::RunStatus;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolResponse, ClientResult, ElicitRequest, InputRequest, InputRequests, InputRequiredResult,
    InputResponses, ServerRequest,
};
use serde_json::json;

use crate::channel::mcp::ask::{Asked, Reply};
use crate::channel::mcp::call::Call;
use crate::channel::mcp::seal::{self, State};
use crate::channel::mcp::{result, task};
use crate::pipeline::Target;

/// Puts a question. Gives what to answer the call with, or nothing when the call goes on waiting.
pub(super) async fn put(
    call: &Call<'_>,
    run: &RunAnswer,
    asked: &Asked,
) -> Result<Option<CallToolResponse>, ErrorData> {
    if call.client.has_tasks {
        return Ok(Some(task::created(run, call.now()).into()));
    }
    if !call.client.has_forms {
        return Ok(None);
    }
    if call.client.is_new {
        return Ok(Some(required(call, asked)?.into()));
    }
    let answer = match ask(call, asked).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(%error, "a client that has forms does not show one");
            return Ok(None);
        }
    };
    let id = format!("mcp-{}-{}", asked.run, asked.at);
    match deliver(call, asked, &answer, &id).await {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(result::still_running(run, Some(asked)).into())),
        Err(error) => Ok(Some(call.answered(Err(error)))),
    }
}

/// Goes on with a call that was answered with a question.
pub(super) async fn resume(
    call: &Call<'_>,
    sealed: &str,
    responses: InputResponses,
) -> Result<CallToolResponse, ErrorData> {
    let opened = match seal::open(call.server.shelf().key(), sealed, call.now()) {
        Ok(opened) if is_of(&opened.state, call) => opened,
        Ok(_) => return Ok(call.answered(Err(foreign()))),
        Err(error) => return Ok(call.answered(Err(error))),
    };
    let run = match find(call, &opened.state.run).await {
        Ok(run) => run,
        Err(error) => return Ok(call.answered(Err(error))),
    };
    // Somebody else may have moved it on already: then there is nothing to answer any more.
    if let Some(asked) = call.asked(&run).await {
        let Some(answer) = responses.get(&asked.key()) else { return Ok(required(call, &asked)?.into()) };
        let id = format!("mcp-{}", opened.signature);
        match deliver(call, &asked, answer, &id).await {
            Ok(true) => {}
            Ok(false) => return Ok(result::still_running(&run, Some(&asked)).into()),
            Err(error) => return Ok(call.answered(Err(error))),
        }
    }
    call.attend(&run).await
}

/// Whether a state was given for this very call.
fn is_of(state: &State, call: &Call<'_>) -> bool {
    state.operation == call.tool.target().name() && state.arguments == seal::fingerprint(&call.arguments)
}

fn foreign() -> Error {
    Error::new(&code::MCP_STATE_INVALID, "the requestState belongs to another call")
        .help("send it with the tool and the arguments that it was given for")
}

async fn find(call: &Call<'_>, run: &str) -> Result<RunAnswer, Error> {
    let context = call.kernel_context(Wait::Accepted);
    let input = json!({ "run_id": run });
    let view = call.server.pipeline().call(Target::Verb("run.show"), input, context).await?.output;
    let text = |name: &str| view.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    Ok(RunAnswer {
        namespace: Namespace::new(text("namespace"))?,
        workflow_id: WorkflowId::new(text("workflow_id"))?,
        run_id: RunId::parse(text("run_id"))?,
        workflow: text("workflow").to_owned(),
        status: RunStatus::from_wire(text("status")).unwrap_or(RunStatus::Running),
        failure: None,
    })
}

/// The question as a result.
fn required(call: &Call<'_>, asked: &Asked) -> Result<InputRequiredResult, ErrorData> {
    let state = State {
        operation: call.tool.target().name().to_owned(),
        arguments: seal::fingerprint(&call.arguments),
        run: asked.run.clone(),
    };
    let sealed = seal::seal(call.server.shelf().key(), &state, asked.at, call.now());
    Ok(InputRequiredResult::new(Some(requests(asked)?), Some(sealed)))
}

/// The question as requests that a client answers.
pub(super) fn requests(asked: &Asked) -> Result<InputRequests, ErrorData> {
    let request = InputRequest::Elicitation(ElicitRequest::new(form(asked)?));
    Ok(InputRequests::from([(asked.key(), request)]))
}

fn form(asked: &Asked) -> Result<rmcp::model::ElicitRequestParams, ErrorData> {
    asked.form().map_err(|error| ErrorData::internal_error(error.message().to_owned(), None))
}

/// Asks over the connection, and waits for the person.
async fn ask(call: &Call<'_>, asked: &Asked) -> Result<serde_json::Value, ErrorData> {
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(form(asked)?));
    match call.context.peer.send_request(request).await {
        Ok(ClientResult::ElicitResult(answer)) => {
            serde_json::to_value(answer).map_err(|error| ErrorData::internal_error(error.to_string(), None))
        }
        Ok(_) => Err(ErrorData::internal_error("the client answers something else", None)),
        Err(error) => Err(ErrorData::internal_error(error.to_string(), None)),
    }
}

/// Sends the signal that an answer stands for; false when the person declined.
pub(super) async fn deliver(
    call: &Call<'_>,
    asked: &Asked,
    answer: &serde_json::Value,
    id: &str,
) -> Result<bool, Error> {
    match asked.read(answer)? {
        Reply::Declined => Ok(false),
        Reply::Send(name, input) => {
            call.signal(&asked.run, &name, input, id).await?;
            Ok(true)
        }
    }
}

/// The answer to a call as a task shows it.
pub(super) fn is_open(answer: &Result<Answer, Error>) -> bool {
    matches!(answer, Ok(Answer { run: Some(run), .. }) if run.status.is_open())
}
