//! MCP over streamable HTTP: with a session for older clients that say `initialize`, without one for everybody else.
//!
//! A session is what carries messages that nobody asked for - a list has changed, a question to a person - to clients
//! of the older revisions. Whoever calls without one is served all the same, and so is whoever comes when there are
//! too many sessions already.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, request};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use nexus_kernel::call::Caller;
use nexus_kernel::task::{self, Shutdown};
use nexus_kernel::{BoxFuture, Json};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::channel::mcp::McpServer;
use crate::channel::mcp::message::{self, Unreadable, method_of};
use crate::channel::mcp::owners::Owners;
use crate::channel::rest;
use crate::channel::rest::body::{self, Bounds};
use crate::limits::{BODY_BYTES_MAX, MCP_SESSION_SECONDS_IDLE_MAX, MCP_SESSIONS_MAX};
use crate::metrics::declared::MCP_SESSIONS;
use crate::metrics::{Page, Source};
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
    owners: Owners,
    body_time_max: Duration,
    stop: Arc<dyn Fn() + Send + Sync>,
    stopping: OnceLock<()>,
}

/// Open sessions of the protocol, for the metrics.
struct Open(Arc<LocalSessionManager>);

impl Source for Open {
    fn show<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let open = self.0.sessions.read().await.len();
            page.number(&MCP_SESSIONS, &[], open);
        })
    }
}

impl McpHttp {
    /// Serves this server's tools.
    fn new(server: McpServer, body_time_max: Duration) -> McpHttp {
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
        server.pipeline().metrics().add(Arc::new(Open(Arc::clone(&manager))));
        let (one, other) = (server.clone(), server.clone());
        McpHttp {
            server,
            sessions: StreamableHttpService::new(move || Ok(one.connected()), Arc::clone(&manager), with),
            stateless: StreamableHttpService::new(move || Ok(other.clone()), Arc::default(), without),
            manager,
            owners: Owners::default(),
            body_time_max,
            stop: Arc::new(move || {
                tokens.0.cancel();
                tokens.1.cancel();
            }),
            stopping: OnceLock::new(),
        }
    }

    async fn serve(&self, request: Request) -> Response {
        self.stop_with(&request);
        if request.method() != Method::POST {
            return self.hand_over(request, false).await;
        }
        let (parts, body) = request.into_parts();
        let (bytes, message) = match self.read(body).await {
            Ok(read) => read,
            Err(unreadable) => return rest::json(unreadable.status, &unreadable.answer),
        };
        let opens = !parts.headers.contains_key(METHOD) && method_of(&message) == "initialize";
        let opens = opens && self.has_room().await;
        self.hand_over(Request::from_parts(parts, Body::from(bytes)), opens).await
    }

    /// Passes a request to the protocol: with a session where it has or opens one.
    async fn hand_over(&self, mut request: Request, opens: bool) -> Response {
        if !opens && !request.headers().contains_key(SESSION) {
            return self.stateless.handle(request).await.map(Body::new);
        }
        let who = request.extensions().get::<Caller>().map(|caller| Arc::clone(&caller.identity));
        let who = who.unwrap_or_default();
        if text(request.headers()).is_some_and(|session| self.owners.is_foreign(session, &who)) {
            // It is answered as a session that is not there.
            request.headers_mut().insert(SESSION, HeaderValue::from_static("-"));
        }
        let response = self.sessions.handle(request).await.map(Body::new);
        if let Some(session) = text(response.headers()).filter(|_| opens) {
            let open = self.manager.sessions.read().await;
            self.owners.add(session.into(), who, |session| open.contains_key(session));
        }
        response
    }

    /// Reads a message before the protocol does: within its bounds, and with one meaning.
    async fn read(&self, body: Body) -> Result<(Vec<u8>, Json), Unreadable> {
        let bounds = Bounds { bytes_max: BODY_BYTES_MAX, time_max: self.body_time_max };
        let bytes = body::read(body, bounds, &**self.server.pipeline().clock()).await;
        let bytes = bytes.map_err(|problem| Unreadable::not_taken(problem.status(), problem.error()))?;
        let message = message::read(&bytes)?;
        Ok((bytes, message))
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
/// A message may take so long to arrive.
pub(crate) fn router(server: McpServer, body_time_max: Duration) -> Router {
    Router::new()
        .route("/mcp", any(whole))
        .route("/mcp/{subset}", any(subset))
        .with_state(Arc::new(McpHttp::new(server, body_time_max)))
}

/// The session in the head of a message.
fn text(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION)?.to_str().ok()
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
