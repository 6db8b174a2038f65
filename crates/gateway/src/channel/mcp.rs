//! Model Context Protocol: the catalogue as tools, runs as tasks and resources, over HTTP and standard input.
//!
//! The protocol itself, its five revisions and their negotiation are rmcp's. Nothing that matters is kept here: what a
//! client needs to find again is a run, and it gets the run's id. A fault of the request (an unknown tool, malformed
//! JSON-RPC) is a protocol error; whatever an agent can act on (bad input, a failed run) is a tool result with
//! `isError`.

mod ask;
mod call;
mod client;
pub(crate) mod content;
mod finder;
mod follower;
pub(crate) mod http;
pub(crate) mod line;
pub(crate) mod message;
mod owners;
mod prompt;
mod question;
mod resource;
mod result;
mod seal;
pub(crate) mod stdio;
mod task;
mod tools;
mod transport;
mod watch;

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, request};
use nexus_kernel::Json;
use nexus_kernel::allowance::Toll;
use nexus_kernel::call::{CallContext, Caller, Channel, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::suggest;
use nexus_kernel::trace::TraceContext;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams,
    CompleteResult, CustomRequest, CustomResult, Extensions, GetPromptRequestParams, GetPromptResponse,
    GetTaskParams, GetTaskResult, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse, ServerCapabilities, ServerConfig, SubscribeRequestParams, SubscriptionFilter,
    UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;

use crate::channel::mcp::content::{McpPrompt, McpShelf};
use crate::channel::mcp::resource::Reader;
use crate::channel::mcp::tools::ToolSet;
use crate::channel::mcp::watch::Followed;
use crate::limits::{MCP_LIST_MILLIS, TOOL_SETS_MAX};
use crate::pipeline::Pipeline;
use crate::request_id::RequestId;
use crate::stage::trace;

/// Whether a request is for this channel, whatever its path says: clients of other servers post to paths of their own and
/// name the protocol in a header.
pub(crate) fn is_meant(path: &str, headers: &HeaderMap) -> bool {
    path == "/mcp/" || (headers.contains_key("x-mcp-version") && !path.starts_with("/mcp"))
}

/// What clients are told about the server as a whole.
const INSTRUCTIONS: &str = "Each workflow is a tool; calling it starts a durable run and waits for its end. A run that \
    takes longer answers with its run_id: ask run_result with that run_id instead of calling again. A run that waits \
    for a signal goes on with run_signal.";

/// Answers MCP requests. Every request or connection gets a clone.
#[derive(Clone)]
pub(crate) struct McpServer {
    shared: Arc<Shared>,
    subset: Option<Arc<str>>,
    /// Who calls, where that is known without a request: the one client of standard input, the one that follows.
    caller: Option<Caller>,
    followed: Arc<Followed>,
}

/// Who asks for something, and the id of the request.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) caller: Caller,
    pub(crate) request_id: String,
    /// A message is counted once, whatever it takes to answer it, and by itself, whatever came with it.
    pub(crate) toll: Toll,
    /// The trace that they say it is part of.
    pub(crate) trace: Option<TraceContext>,
}

impl Asker {
    /// What the pipeline is told of a call of theirs.
    pub(crate) fn context(&self, wait: Wait) -> CallContext {
        let context = CallContext::new(Channel::Mcp, self.request_id.as_str());
        let (caller, toll, trace) = (self.caller.clone(), self.toll.clone(), self.trace.clone());
        CallContext { wait, caller, toll, trace, ..context }
    }
}

/// Tools, and the subset that they are.
type Rendered = (Option<Arc<str>>, Arc<ToolSet>);

struct Shared {
    pipeline: Pipeline,
    shelf: McpShelf,
    version: String,
    /// Those rendered last, oldest first: of several subsets, and for callers who see different things.
    tools: Mutex<VecDeque<Rendered>>,
}

impl McpServer {
    /// A server of all tools.
    pub(crate) fn new(pipeline: Pipeline, shelf: McpShelf, version: &str) -> McpServer {
        let shared = Shared { pipeline, shelf, version: version.to_owned(), tools: Mutex::default() };
        McpServer { shared: Arc::new(shared), subset: None, caller: None, followed: Arc::default() }
    }

    /// The same server for one subset of the tools.
    fn of_subset(&self, subset: Option<Arc<str>>) -> McpServer {
        McpServer { subset, ..self.connected() }
    }

    /// The same server for a connection of its own.
    fn connected(&self) -> McpServer {
        McpServer { followed: Arc::default(), ..self.clone() }
    }

    /// The same server for somebody who calls from this process or follows something.
    pub(crate) fn of_caller(&self, caller: Caller) -> McpServer {
        McpServer { caller: Some(caller), ..self.connected() }
    }

    /// Who sent a request. The door has found that out; without a door around it it is the one client there is.
    fn asker(&self, context: &RequestContext<RoleServer>) -> Asker {
        let said = |name: &str| context.meta.get(name).and_then(Json::as_str);
        let in_message =
            said("traceparent").and_then(|parent| TraceContext::parse(parent, said("tracestate")));
        let asker = self.asker_of(&context.extensions, request_id(context));
        Asker { trace: in_message.or(asker.trace), ..asker }
    }

    /// Who calls when there is no request to tell.
    fn own_caller(&self) -> Caller {
        self.caller.clone().unwrap_or_else(Caller::anonymous)
    }

    fn asker_of(&self, extensions: &Extensions, request_id: String) -> Asker {
        let parts = extensions.get::<request::Parts>();
        let found = parts.and_then(|parts| parts.extensions.get::<Caller>());
        let caller = found.cloned().unwrap_or_else(|| self.own_caller());
        let around = parts.and_then(|parts| parts.extensions.get::<Toll>());
        let toll = around.map(Toll::inside).unwrap_or_default();
        let trace = parts.and_then(|parts| trace::of_headers(&parts.headers));
        Asker { caller, request_id, toll, trace }
    }

    fn pipeline(&self) -> &Pipeline {
        &self.shared.pipeline
    }

    fn shelf(&self) -> &McpShelf {
        &self.shared.shelf
    }

    fn followed(&self) -> &Followed {
        &self.followed
    }

    /// Says whether there is such a subset.
    pub(crate) fn check_subset(&self, name: &str) -> Result<(), Error> {
        let content = self.shelf().content();
        if content.subsets.contains_key(name) {
            return Ok(());
        }
        let error =
            Error::new(&code::MCP_SUBSET_UNKNOWN, format!("there is no subset {name:?} of the tools"));
        Err(match suggest::nearest(name, content.subsets.keys().map(String::as_str)) {
            Some(near) => error.help(format!("did you mean {near:?}?")),
            None => error.help("[mcp.servers.NAME] in nexus.toml declares one; /mcp has all tools"),
        })
    }

    /// The subset that a request is about.
    fn subset_of(&self, context: &RequestContext<RoleServer>) -> Option<Arc<str>> {
        self.subset.clone().or_else(|| http::subset_of(context.extensions.get::<request::Parts>()))
    }

    /// The tools for a request.
    fn tools(&self, context: &RequestContext<RoleServer>) -> Arc<ToolSet> {
        self.tools_of(self.subset_of(context).as_deref(), &self.asker(context).caller)
    }

    /// The tools of what a caller may know of in the catalogue as it is now, rendered anew when it has changed. A subset
    /// that is gone is empty.
    fn tools_of(&self, subset: Option<&str>, caller: &Caller) -> Arc<ToolSet> {
        let (snapshot, content) = (self.pipeline().seen_by(caller), self.shelf().content());
        let mut all = self.shared.tools.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |(name, _): &&Rendered| name.as_deref() == subset;
        if let Some((_, tools)) = all.iter().filter(named).find(|(_, tools)| tools.is_of(&snapshot, &content))
        {
            return Arc::clone(tools);
        }
        let chosen = subset.map(|name| content.subsets.get(name).cloned().unwrap_or_default());
        let tools = Arc::new(ToolSet::render(snapshot, content, chosen.as_ref()));
        if all.len() >= TOOL_SETS_MAX {
            all.pop_front();
        }
        all.push_back((subset.map(Arc::from), Arc::clone(&tools)));
        tools
    }

    /// The prompts of a subset, or all.
    fn prompts(&self, context: &RequestContext<RoleServer>) -> Vec<McpPrompt> {
        let content = self.shelf().content();
        let Some(name) = self.subset_of(context) else { return content.prompts.clone() };
        let Some(subset) = content.subsets.get(&*name) else { return Vec::new() };
        content.prompts.iter().filter(|prompt| subset.has_prompt(&prompt.name)).cloned().collect()
    }

    fn find_prompt(&self, name: &str, context: &RequestContext<RoleServer>) -> Result<McpPrompt, ErrorData> {
        let prompts = self.prompts(context);
        prompts.iter().find(|prompt| prompt.name == name).cloned().ok_or_else(|| {
            let error = Error::new(&code::MCP_PROMPT_INVALID, format!("there is no prompt {name:?}"));
            let near = suggest::nearest(name, prompts.iter().map(|prompt| prompt.name.as_str()));
            refused(&match near {
                Some(near) => error.help(format!("did you mean {near:?}?")),
                None => error.help("prompts/list lists the prompts there are"),
            })
        })
    }

    fn reader(&self, context: &RequestContext<RoleServer>) -> Reader<'_> {
        Reader { server: self, asker: self.asker(context) }
    }
}

/// The tools that clients see, as the protocol writes them.
///
/// # Errors
///
/// `NX-2505` when there is no such subset.
pub fn mcp_tools(pipeline: &Pipeline, shelf: &McpShelf, subset: Option<&str>) -> Result<Vec<Json>, Error> {
    let server = McpServer::new(pipeline.clone(), shelf.clone(), "");
    subset.map_or(Ok(()), |name| server.check_subset(name))?;
    let written = server
        .tools_of(subset, &Caller::local())
        .listed()
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<Vec<_>, _>>();
    written.map_err(|error| Error::internal(error.to_string()))
}

/// The id that the door gave the HTTP request around this one; the client's own id on standard input.
fn request_id(context: &RequestContext<RoleServer>) -> String {
    let parts = context.extensions.get::<request::Parts>();
    let id = parts.and_then(|parts| parts.extensions.get::<RequestId>());
    id.map_or_else(|| format!("mcp-{}", context.id), |id| id.as_str().to_owned())
}

/// A request that cannot be carried out, as a fault of the request.
fn refused(error: &Error) -> ErrorData {
    let mut data = json!({ "code": error.code().id });
    if let (Some(fields), Some(help)) = (data.as_object_mut(), error.help_text()) {
        fields.insert("help".to_owned(), help.into());
    }
    let mut message = error.message().to_owned();
    for fault in error.faults() {
        // Writing to a string cannot fail.
        let _ = write!(message, "; {}: {}", fault.at, fault.message);
    }
    ErrorData::invalid_params(message, Some(data))
}

/// Where a page begins.
fn page_start(request: Option<PaginatedRequestParams>) -> Result<usize, ErrorData> {
    let Some(cursor) = request.and_then(|request| request.cursor) else { return Ok(0) };
    cursor.parse().map_err(|_| ErrorData::invalid_params("the cursor is not one that this server gave", None))
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_tasks()
            .build();
        let content = self.shelf().content();
        let subset = self.subset.as_ref().and_then(|name| content.subsets.get(&**name));
        let instructions = subset.and_then(|subset| subset.instructions.as_deref()).unwrap_or(INSTRUCTIONS);
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("nexus", self.shared.version.as_str()).with_title("Nexus"))
            .with_instructions(instructions)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let subset = http::subset_of(context.extensions.get::<request::Parts>());
        let Asker { caller, .. } = self.asker_of(&context.extensions, String::new());
        watch::tell_of_lists(self, caller, context.peer, self.subset.clone().or(subset));
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let from = page_start(request)?;
        let tools = self.tools(&context).listed().into_iter().skip(from).collect();
        let result = ListToolsResult::with_all_items(tools);
        Ok(result.with_ttl_ms(MCP_LIST_MILLIS).with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Box::pin(call::call(self, request, context)).await
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        Box::pin(task::get(self, request, &context)).await
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Box::pin(task::update(self, request, &context)).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Box::pin(task::cancel(self, request, &context)).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let from = page_start(request)?;
        let (resources, next) = self.reader(&context).list(&self.tools(&context), from).await;
        let mut result = ListResourcesResult::with_all_items(resources);
        result.next_cursor = next.map(|next| next.to_string());
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let templates = resource::templates().into_iter().skip(page_start(request)?).collect();
        let result = ListResourceTemplatesResult::with_all_items(templates);
        Ok(result.with_ttl_ms(MCP_LIST_MILLIS).with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let tools = self.tools(&context);
        Ok(Box::pin(self.reader(&context).read(&tools, &request.uri)).await?.into())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(watch::accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        Box::pin(watch::listen(self, context)).await
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        watch::subscribe(self, &request.uri, &context)
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        watch::unsubscribe(self, &request.uri);
        Ok(())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let from = page_start(request)?;
        let prompts = self.prompts(&context).iter().skip(from).map(prompt::shown).collect();
        let result = ListPromptsResult::with_all_items(prompts);
        Ok(result.with_ttl_ms(MCP_LIST_MILLIS).with_cache_scope(CacheScope::Private))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let prompt = self.find_prompt(&request.name, &context)?;
        Ok(prompt::filled(&prompt, &request.arguments.unwrap_or_default())?.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let name = request.r#ref.as_prompt_name();
        let prompt = name.map(|name| self.find_prompt(name, &context)).transpose()?;
        let (reader, tools) = (self.reader(&context), self.tools(&context));
        let found = Box::pin(prompt::proposals(&reader, &tools, prompt.as_ref(), &request)).await?;
        Ok(CompleteResult::new(found))
    }

    /// What the protocol knows no method for, or no params of that shape: it takes one for the other.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(message::misunderstood(&request.method, request.params.as_ref()))
    }
}
