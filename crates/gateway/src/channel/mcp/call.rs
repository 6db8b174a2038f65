//! `tools/call`: how a call is started, followed and answered.
//!
//! A short call is answered directly. Of a longer one the client hears its progress; a run that waits for a signal
//! becomes a question; a client that knows tasks gets a task. Whatever still goes on when clients lose patience is
//! answered with the run's id. A cancelled call stops waiting and its run goes on, unless the call asked otherwise.

use std::pin::pin;
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::call::{Answer, CallContext, OnDisconnect, RunAnswer, Wait};
use nexus_kernel::error::Error;
use nexus_kernel::id::SessionId;
use nexus_kernel::task;
use nexus_kernel::time::Timestamp;
use rmcp::model::{CallToolRequestParams, CallToolResponse, ProgressNotificationParam};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, json};

use crate::channel::mcp::ask::Asked;
use crate::channel::mcp::client::Client;
use crate::channel::mcp::tools::Callable;
use crate::channel::mcp::{Asker, McpServer, question, refused, request_id, result, task as tasks};
use crate::limits::{MCP_DIRECT_MILLIS, MCP_TASK_AFTER_MILLIS, MCP_WAIT_SECONDS_MAX};
use crate::pipeline::Target;

/// The `_meta` key and the argument that name a session.
const SESSION_META: &str = "nexus/session";

/// How many events of a history are behind us, at most, before a client is told again.
const NEWS_MILLIS: u64 = 10_000;

/// One call of a tool.
pub(super) struct Call<'a> {
    /// The server.
    pub(super) server: &'a McpServer,
    /// The request around it.
    pub(super) context: &'a RequestContext<RoleServer>,
    /// Who calls.
    pub(super) client: Client,
    /// The id that correlates it with the log.
    pub(super) asker: Asker,
    /// What is called.
    pub(super) tool: &'a Callable,
    /// What it is called with.
    pub(super) arguments: Json,
}

/// Carries out a `tools/call`.
pub(super) async fn call(
    server: &McpServer,
    request: CallToolRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let tools = server.tools(&context);
    let arguments = request.arguments.unwrap_or_default();
    if let Some(answer) = tools.finder(&request.name, &arguments) {
        return Ok(result::render(answer, false, &request_id(&context)).into());
    }
    let (tool, mut arguments) = tools.resolve(&request.name, arguments).map_err(|error| refused(&error))?;
    let session = session(tool, &mut arguments, &context);
    let call = Call {
        server,
        client: Client::of(&context),
        asker: server.asker(&context),
        tool,
        arguments: Json::Object(arguments),
        context: &context,
    };
    if let Some(state) = request.request_state {
        return question::resume(&call, &state, request.input_responses.unwrap_or_default()).await;
    }
    match session {
        Ok(session) => call.start(session).await,
        Err(error) => Ok(call.answered(Err(error))),
    }
}

/// The session that a call belongs to, by its `_meta` or by an argument that is not the workflow's own.
fn session(
    tool: &Callable,
    arguments: &mut Map<String, Json>,
    context: &RequestContext<RoleServer>,
) -> Result<Option<SessionId>, Error> {
    let given = if tool.takes_session() { arguments.shift_remove("session_id") } else { None };
    let given = given.or_else(|| context.meta.get(SESSION_META).cloned());
    let text = given.as_ref().map(|id| id.as_str().unwrap_or_default());
    text.map(SessionId::parse).transpose()
}

impl Call<'_> {
    /// What the pipeline is told of a call of this client.
    pub(super) fn kernel_context(&self, wait: Wait) -> CallContext {
        self.asker.context(wait)
    }

    async fn verb(&self, name: &str, input: Json, wait: Wait) -> Result<Answer, Error> {
        self.server.pipeline().call(Target::Verb(name), input, self.kernel_context(wait)).await
    }

    async fn start(&self, session: Option<SessionId>) -> Result<CallToolResponse, ErrorData> {
        let wait = match (self.client.wants_news(), self.client.cancels_run) {
            (_, true) => Wait::Accepted,
            (true, _) => Wait::AtMost(Duration::from_millis(MCP_DIRECT_MILLIS)),
            (false, _) => Wait::AtMost(Duration::from_secs(MCP_WAIT_SECONDS_MAX)),
        };
        let context = CallContext { session, cache: self.client.cache, ..self.kernel_context(wait) };
        let answer = tokio::select! {
            biased;
            answer = self.server.pipeline().call(self.tool.target(), self.arguments.clone(), context) => answer,
            () = self.context.ct.cancelled() => return Err(cancelled()),
        };
        match answer {
            Ok(Answer { run: Some(run), .. }) if run.status.is_open() && self.client.wants_news() => {
                self.attend(&run).await
            }
            answer => Ok(self.finished(answer).await),
        }
    }

    /// Stays with a run until it ends, asks something, becomes a task, or has taken too long.
    pub(super) async fn attend(&self, run: &RunAnswer) -> Result<CallToolResponse, ErrorData> {
        let id = json!({ "run_id": run.run_id });
        let patience = if self.client.has_tasks {
            Duration::from_millis(MCP_TASK_AFTER_MILLIS)
        } else {
            Duration::from_secs(MCP_WAIT_SECONDS_MAX)
        };
        let deadline = self.now().plus(patience);
        let mut ending = pin!(self.verb("run.result", id, Wait::AtMost(patience)));
        let mut seen = 0;
        loop {
            tokio::select! {
                biased;
                () = self.context.ct.cancelled() => return Err(self.give_up(run)),
                answer = ending.as_mut() => return Ok(self.ended(run, answer).await),
                news = self.news(run, seen, deadline) => {
                    seen = news.unwrap_or(u64::MAX);
                    if let Some(asked) = self.asked(run).await
                        && let Some(answer) = question::put(self, run, &asked).await?
                    {
                        return Ok(answer);
                    }
                }
            }
        }
    }

    /// Waits for events after the ones seen, tells the client, and gives the number of the last one. Never resolves
    /// when there is nothing to be followed.
    async fn news(&self, run: &RunAnswer, seen: u64, deadline: Timestamp) -> Option<u64> {
        let left = deadline.since(self.now()).min(Duration::from_millis(NEWS_MILLIS));
        if seen == u64::MAX || left.is_zero() {
            return std::future::pending().await;
        }
        let wait_ms = u64::try_from(left.as_millis()).unwrap_or(0);
        let input = json!({ "run_id": run.run_id, "after": seen, "wait_ms": wait_ms });
        let history = self.verb("run.history", input, Wait::Accepted).await.ok()?.output;
        let Some(last) = history.get("events")?.as_array()?.last() else { return Some(seen) };
        let number = last.get("id")?.as_u64()?;
        self.tell(number, last.get("type").and_then(Json::as_str)).await;
        Some(number)
    }

    async fn tell(&self, number: u64, event: Option<&str>) {
        let Some(token) = &self.client.progress else { return };
        // Histories have far fewer events than a float has whole numbers.
        #[expect(clippy::cast_precision_loss, reason = "histories are short")]
        let mut progress = ProgressNotificationParam::new(token.clone(), number as f64);
        if let Some(event) = event {
            progress = progress.with_message(event);
        }
        if let Err(error) = self.context.peer.notify_progress(progress).await {
            tracing::debug!(%error, "a client does not hear of its progress");
        }
    }

    /// What the run asks for, if anything.
    pub(super) async fn asked(&self, run: &RunAnswer) -> Option<Asked> {
        Asked::of(&self.verb("run.show", json!({ "run_id": run.run_id }), Wait::Accepted).await.ok()?.output)
    }

    /// Sends a signal. Equal ids are one signal.
    pub(super) async fn signal(&self, run: &str, name: &str, input: Json, id: &str) -> Result<(), Error> {
        let input = json!({ "run_id": run, "name": name, "input": input, "request_id": id });
        self.verb("run.signal", input, Wait::Accepted).await.map(|_| ())
    }

    /// What is answered once `run.result` has: the result, or a task or a handle when there is none yet.
    async fn ended(&self, run: &RunAnswer, answer: Result<Answer, Error>) -> CallToolResponse {
        let is_open = matches!(&answer, Ok(Answer { run: Some(run), .. }) if run.status.is_open());
        if is_open && self.client.has_tasks {
            return tasks::created(run, self.now()).into();
        }
        self.finished(answer).await
    }

    /// The answer as a tool result. A run that goes on says what it waits for.
    pub(super) async fn finished(&self, answer: Result<Answer, Error>) -> CallToolResponse {
        match &answer {
            Ok(Answer { run: Some(run), .. }) if run.status.is_open() => {
                let asked = self.asked(run).await;
                result::still_running(run, asked.as_ref()).into()
            }
            _ => self.answered(answer),
        }
    }

    /// The answer as a tool result.
    pub(super) fn answered(&self, answer: Result<Answer, Error>) -> CallToolResponse {
        result::render(answer, self.tool.is_wrapped(), &self.asker.request_id).into()
    }

    /// The client waits no longer. Its run is cancelled when it asked for that, or the workflow says so, and goes on
    /// otherwise.
    fn give_up(&self, run: &RunAnswer) -> ErrorData {
        let tool = self.server.pipeline().find(self.tool.target(), &self.asker.caller);
        let is_declared = tool.is_ok_and(|tool| tool.contract.on_disconnect == OnDisconnect::Cancel);
        if self.client.cancels_run || is_declared {
            let (pipeline, context) = (self.server.pipeline().clone(), self.kernel_context(Wait::Accepted));
            let input = json!({ "run_id": run.run_id, "reason": "its caller has cancelled the call" });
            drop(task::spawn(async move {
                if let Err(error) = pipeline.call(Target::Verb("run.cancel"), input, context).await {
                    tracing::warn!(%error, "a run was not cancelled with its call");
                }
            }));
        }
        cancelled()
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.server.pipeline().clock().now()
    }
}

/// Nobody reads it: whoever cancels a request expects no answer.
fn cancelled() -> ErrorData {
    ErrorData::internal_error("the request was cancelled", None)
}
