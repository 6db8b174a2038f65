//! MCP over streamable HTTP: with a session for older clients that say `initialize`, without one for everybody else.
//!
//! A session is what carries messages that nobody asked for - a list has changed, a question to a person - to clients
//! of the older revisions. Whoever calls without one is served all the same, and so is whoever comes when there are
//! too many sessions already.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{Method, request};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::task::{self, Shutdown};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;

use crate::channel::mcp::McpServer;
use crate::limits::{BODY_BYTES_MAX, MCP_SESSION_SECONDS_IDLE_MAX, MCP_SESSIONS_MAX};
use crate::problem::Problem;

/// The header with a session's id.
const SESSION: &str = "mcp-session-id";

/// The header that newer clients name their method in.
const METHOD: &str = "mcp-method";

/// Which subset of the tools a request is about: the rest of its path.
#[derive(Clone)]
pub(super) struct SubsetName(pub(super) Arc<str>);

/// Both ways of serving, and the switch that ends them.
struct McpHttp {
    server: McpServer,
    sessions: StreamableHttpService<McpServer, LocalSessionManager>,
    stateless: StreamableHttpService<McpServer, NeverSessionManager>,
    manager: Arc<LocalSessionManager>,
    stop: Arc<dyn Fn() + Send + Sync>,
    stopping: OnceLock<()>,
}

impl McpHttp {
    /// Serves this server's tools.
    fn new(server: McpServer) -> McpHttp {
        // Hosts and origins are checked at the door, for every channel alike.
        let config = || {
            StreamableHttpServerConfig::default()
                .with_json_response(true)
                .with_max_request_body_bytes(BODY_BYTES_MAX)
                .disable_allowed_hosts()
        };
        let (with, without) = (config(), config().with_legacy_session_mode(false));
        let tokens = (with.cancellation_token.clone(), without.cancellation_token.clone());
        let mut manager = LocalSessionManager::default();
        manager.session_config.keep_alive = Some(Duration::from_secs(MCP_SESSION_SECONDS_IDLE_MAX));
        let manager = Arc::new(manager);
        let (one, other) = (server.clone(), server.clone());
        McpHttp {
            server,
            sessions: StreamableHttpService::new(move || Ok(one.connected()), Arc::clone(&manager), with),
            stateless: StreamableHttpService::new(move || Ok(other.clone()), Arc::default(), without),
            manager,
            stop: Arc::new(move || {
                tokens.0.cancel();
                tokens.1.cancel();
            }),
            stopping: OnceLock::new(),
        }
    }

    async fn serve(&self, request: Request) -> Response {
        self.stop_with(&request);
        if request.headers().contains_key(SESSION) {
            return self.sessions.handle(request).await.map(Body::new);
        }
        if request.method() != Method::POST || request.headers().contains_key(METHOD) {
            return self.stateless.handle(request).await.map(Body::new);
        }
        let (parts, body) = request.into_parts();
        let Ok(bytes) = to_bytes(body, BODY_BYTES_MAX).await else {
            let message = format!("the message has more than {BODY_BYTES_MAX} bytes, or ended early");
            return Problem::from(Error::new(&code::TOO_LARGE, message)).into_response();
        };
        let opens = opens_session(&bytes) && self.has_room().await;
        let request = Request::from_parts(parts, Body::from(bytes));
        if opens {
            self.sessions.handle(request).await.map(Body::new)
        } else {
            self.stateless.handle(request).await.map(Body::new)
        }
    }

    async fn has_room(&self) -> bool {
        self.manager.sessions.read().await.len() < MCP_SESSIONS_MAX
    }

    /// Streams stay open for as long as their clients like, so they must be told when the server stops.
    fn stop_with(&self, request: &Request) {
        let Some(shutdown) = request.extensions().get::<Shutdown>() else { return };
        self.stopping.get_or_init(|| {
            let (shutdown, stop) = (shutdown.clone(), Arc::clone(&self.stop));
            drop(task::spawn(async move {
                shutdown.begun().await;
                stop();
            }));
        });
    }
}

/// Serves `/mcp`, all tools, and `/mcp/NAME`, the tools of one subset.
pub(crate) fn router(server: McpServer) -> Router {
    Router::new()
        .route("/mcp", any(whole))
        .route("/mcp/{subset}", any(subset))
        .with_state(Arc::new(McpHttp::new(server)))
}

async fn whole(State(mcp): State<Arc<McpHttp>>, request: Request) -> Response {
    mcp.serve(request).await
}

async fn subset(State(mcp): State<Arc<McpHttp>>, Path(name): Path<String>, mut request: Request) -> Response {
    if let Err(error) = mcp.server.check_subset(&name) {
        return Problem::from(error).into_response();
    }
    request.extensions_mut().insert(SubsetName(name.into()));
    mcp.serve(request).await
}

/// The subset that the HTTP request around an MCP request names.
pub(super) fn subset_of(parts: Option<&request::Parts>) -> Option<Arc<str>> {
    parts.and_then(|parts| parts.extensions.get::<SubsetName>()).map(|name| Arc::clone(&name.0))
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
}

fn opens_session(bytes: &[u8]) -> bool {
    let head: Option<Head<'_>> = serde_json::from_slice(bytes).ok();
    head.and_then(|head| head.method).is_some_and(|method| method == "initialize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_initialize_opens_a_session() {
        assert!(opens_session(br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"a":[1]}}"#));
        assert!(opens_session(br#"{"method":"initi\u0061lize"}"#));
        for other in [r#"{"method":"tools/list"}"#, "[]", "{", r#"{"method":7}"#, "{}"] {
            assert!(!opens_session(other.as_bytes()), "{other}");
        }
    }
}
