//! Model Context Protocol over streamable HTTP: the catalogue as tools.
//!
//! The protocol itself, its five revisions and their negotiation are rmcp's. The server keeps no session: what a
//! client needs to find again, a run, it gets as an id. A fault of the request (an unknown tool, malformed JSON-RPC)
//! is a protocol error; whatever an agent can act on (bad input, a failed run) is a tool result with `isError`.

mod result;
mod tools;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, request};
use nexus_kernel::Json;
use nexus_kernel::call::{CallContext, Channel, Wait};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;

use crate::channel::mcp::tools::ToolSet;
use crate::limits::{BODY_BYTES_MAX, MCP_WAIT_SECONDS_MAX};
use crate::pipeline::Pipeline;
use crate::request_id::RequestId;

/// What the gateway mounts at `/mcp`.
pub(crate) type McpService = StreamableHttpService<McpServer, NeverSessionManager>;

/// The service for all requests of a gateway.
pub(crate) fn service(pipeline: Pipeline, version: &str) -> McpService {
    let server = McpServer { pipeline, tools: Arc::default(), version: version.into() };
    // Hosts and origins are checked at the door, for every channel alike.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(BODY_BYTES_MAX)
        .disable_allowed_hosts();
    StreamableHttpService::new(move || Ok(server.clone()), Arc::default(), config)
}

/// Whether a request is for this channel, whatever its path says: clients of other servers post to paths of their own and
/// name the protocol in a header.
pub(crate) fn is_meant(path: &str, headers: &HeaderMap) -> bool {
    path == "/mcp/" || (headers.contains_key("x-mcp-version") && !path.starts_with("/mcp"))
}

/// Answers MCP requests. Every request gets a clone.
#[derive(Clone)]
pub(crate) struct McpServer {
    pipeline: Pipeline,
    tools: Arc<Mutex<Arc<ToolSet>>>,
    version: Arc<str>,
}

impl McpServer {
    /// The tools of the catalogue as it is now, rendered anew when it has changed.
    fn tools(&self) -> Arc<ToolSet> {
        let snapshot = self.pipeline.catalogue().snapshot();
        let mut tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        if !tools.is_of(&snapshot) {
            *tools = Arc::new(ToolSet::render(snapshot));
        }
        Arc::clone(&tools)
    }
}

/// The id that the door gave the HTTP request around this one.
fn request_id(context: &RequestContext<RoleServer>) -> String {
    let parts = context.extensions.get::<request::Parts>();
    let id = parts.and_then(|parts| parts.extensions.get::<RequestId>());
    id.map(|id| id.as_str().to_owned()).unwrap_or_default()
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("nexus", &*self.version).with_title("Nexus"))
            .with_instructions(
                "Each workflow is a tool; calling it starts a durable run and waits for its end. A run that takes \
                 longer answers with its run_id: ask run_show with that run_id and wait_ms instead of calling again.",
            )
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools().all()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tools = self.tools();
        let tool = tools.find(&request.name).map_err(|error| {
            let data = json!({ "code": error.code().id, "help": error.help_text() });
            ErrorData::invalid_params(error.message().to_owned(), Some(data))
        })?;
        let id = request_id(&context);
        let wait = Wait::AtMost(Duration::from_secs(MCP_WAIT_SECONDS_MAX));
        let call = CallContext { wait, ..CallContext::new(Channel::Mcp, id.as_str()) };
        let input = Json::Object(request.arguments.unwrap_or_default());
        let answer = self.pipeline.call(tool.target(), input, call).await;
        Ok(result::render(answer, tool.is_wrapped(), &id).into())
    }
}
