//! A server over HTTP.

use std::net::IpAddr;
use std::path::PathBuf;

use nexus_gateway::problem;
use nexus_kernel::Json;
use nexus_kernel::call::{Answer, RunAnswer, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId, SessionId, WorkflowId};
use nexus_kernel::operation::Operation;
use nexus_kernel::port::runs::RunStatus;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Url};

use crate::client::place::{Ca, Server};
use crate::client::{self, StartCall, described};
use crate::outbound::tls;
use crate::profile::Secret;

/// One request waits at most this long for a run, then asks again: proxies drop silent connections.
const WAIT: &str = "25s";

/// What to do about a server that is not trusted.
const TRUST: &str = "the command line trusts the system's authorities (or those of SSL_CERT_FILE in their place), and \
                     those of a PEM file of yours: --ca FILE, NEXUS_CA, or `nexus profile add` with --ca";

/// Tells a server that a command line is calling, and which.
const CLI_HEADER: &str = "x-nexus-cli";

/// Names the session that a call belongs to.
const SESSION_HEADER: &str = "x-nexus-session";

/// A connection to a server.
pub struct Remote {
    http: reqwest::Client,
    base: Url,
    /// As people know the server.
    shown: String,
    because: String,
}

/// A server's URL, understood.
struct Address {
    base: Url,
    socket: Option<PathBuf>,
}

impl Address {
    fn parse(url: &str) -> Result<Address, Error> {
        if let Some(path) = url.strip_prefix("unix://").filter(|path| path.starts_with('/')) {
            // The host is a formality: the socket is the server.
            let base = Url::parse("http://localhost").map_err(|error| Error::internal(error.to_string()))?;
            return Ok(Address { base, socket: Some(PathBuf::from(path)) });
        }
        let base = Url::parse(url).ok();
        let base = base.filter(|base| matches!(base.scheme(), "http" | "https") && base.has_host());
        let base = base.filter(|base| base.username().is_empty() && base.password().is_none());
        base.map(|base| Address { base, socket: None }).ok_or_else(|| {
            Error::new(&code::CONFIG_INVALID, format!("{url:?} is not the URL of a server"))
                .help("for example http://127.0.0.1:8000, https://nexus.example, or unix:///run/nexus.sock")
        })
    }

    /// Whether others can read what is sent there.
    fn is_exposed(&self) -> bool {
        let is_loopback = match self.base.host_str() {
            Some("localhost") => true,
            Some(host) => {
                host.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback())
            }
            None => false,
        };
        self.socket.is_none() && self.base.scheme() == "http" && !is_loopback
    }
}

/// Refuses what is no URL of a server, and one to which a credential would travel in the open.
pub fn check_url(url: &str, has_token: bool) -> Result<(), Error> {
    if has_token && Address::parse(url)?.is_exposed() {
        return Err(Error::new(
            &code::TOKEN_EXPOSED,
            format!("refusing to send a credential to {url} in the open"),
        )
        .help("use https, a tunnel to this machine, or a Unix socket"));
    }
    Address::parse(url).map(drop)
}

impl Remote {
    /// A server that answers under its URL.
    pub async fn connect(server: &Server, session: Option<SessionId>) -> Result<Remote, Error> {
        check_url(&server.url, server.token.is_some())?;
        let address = Address::parse(&server.url)?;
        let headers = headers(server.token.as_ref(), session.as_ref())?;
        let builder = reqwest::Client::builder().default_headers(headers);
        let builder = match &address.socket {
            Some(path) => builder.unix_socket(path.as_path()),
            None => builder,
        };
        let own = server.ca.as_ref().map(Ca::read).transpose()?.unwrap_or_default();
        let is_secure = address.base.scheme() == "https";
        let http = if is_secure { tls::trusting(builder, own) } else { tls::plain(builder) };
        let http = http.map_err(|fault| Error::new(fault.code, fault.message).help(TRUST))?;
        let (shown, because) = (server.url.clone(), server.because.clone());
        let remote = Remote { http, base: address.base, shown, because };
        remote.send(remote.http.get(remote.url(&["health"], &[]))).await?;
        Ok(remote)
    }

    /// What requests to the server are made with, and the URL of a path there.
    pub fn endpoint(&self, segments: &[&str]) -> (reqwest::Client, Url) {
        (self.http.clone(), self.url(segments, &[]))
    }

    /// A URL under the base; segments and query values are escaped.
    fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn send(&self, request: RequestBuilder) -> Result<Json, Error> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let value: Option<Json> = serde_json::from_slice(&body).ok();
        match value {
            Some(value) if status.is_success() => Ok(value),
            Some(value) => Err(problem::read(&value).unwrap_or_else(|| self.not_nexus(status.as_u16()))),
            None => Err(self.not_nexus(status.as_u16())),
        }
    }

    fn not_nexus(&self, status: u16) -> Error {
        if matches!(status, 401 | 403) {
            let message = format!("{} answers with {status}: it does not let this caller in", self.shown);
            return Error::new(&code::ACCESS_REFUSED, message).help(
                "what stands before the server wants a credential, or another one: NEXUS_TOKEN, or a profile with \
                 --token or --token-env",
            );
        }
        Error::new(
            &code::SERVER_UNREACHABLE,
            format!("{} answers with {status}, but not as a Nexus server", self.shown),
        )
        .help("check the URL, and what stands between you and the server")
    }

    /// Where a token for the server is to be had (RFC 9728).
    pub async fn metadata(&self) -> Result<Json, Error> {
        self.send(self.http.get(self.url(&[".well-known", "oauth-protected-resource"], &[]))).await
    }

    /// The server as people know it.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Everything that the server counts, as text.
    pub(crate) async fn metrics(&self) -> Result<String, Error> {
        let request =
            self.http.get(self.url(&["metrics"], &[])).header("accept", "application/openmetrics-text");
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| self.unreachable(&error))?;
        if status.is_success() {
            return Ok(text);
        }
        let told = serde_json::from_str(&text).ok().and_then(|value| problem::read(&value));
        Err(told.unwrap_or_else(|| self.not_nexus(status.as_u16())))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        if let Some(fault) = tls::fault(error) {
            return Error::new(fault.code, format!("no answer from {}: {}", self.shown, fault.message))
                .help(TRUST);
        }
        let why = if error.is_connect() { "nobody listens there" } else { "the connection broke" };
        Error::new(&code::SERVER_UNREACHABLE, format!("no answer from {}: {why}", self.shown)).help(format!(
            "{} names it; start it with `nexus up`, or name another with --server or --profile",
            self.because
        ))
    }

    /// What the server offers.
    pub async fn operations(&self) -> Result<Vec<Operation>, Error> {
        let listed = self.send(self.http.get(self.url(&["v1", "operations"], &[]))).await?;
        Ok(described::read(&listed))
    }

    /// Calls an operation of Nexus itself.
    pub async fn verb(&self, name: &str, input: Json) -> Result<Json, Error> {
        let request = self.http.post(self.url(&["v1", "operations", name], &[])).json(&input);
        let mut answer = self.send(request).await?;
        Ok(answer.get_mut("output").map(Json::take).unwrap_or_default())
    }

    /// Calls an operation of Nexus itself that starts a run, and waits for the run's end.
    pub async fn long(&self, name: &str, input: Json) -> Result<Json, Error> {
        let request = self.http.post(self.url(&["v1", "operations", name], &[("wait", WAIT)])).json(&input);
        let answer = answer_of(self.send(request).await?)?;
        // What was promised is told at once.
        if answer.output.is_null() { Ok(self.ended(answer).await?.output) } else { Ok(answer.output) }
    }

    /// Starts a run, and waits for its end when asked to.
    pub async fn start(&self, call: StartCall) -> Result<Answer, Error> {
        let workflow = call.workflow.replacen('/', ".", 1);
        let waits = call.wait != Wait::Accepted;
        let query: &[(&str, &str)] = if waits { &[("wait", WAIT)] } else { &[] };
        let mut request = if call.options.is_empty() {
            self.http.post(self.url(&["v1", "workflows", &workflow, "runs"], query)).json(&call.input)
        } else {
            let url = self.url(&["v1", "operations", "run.start"], query);
            self.http.post(url).json(&call.with_options())
        };
        if let Some(id) = &call.workflow_id {
            request = request.header("X-Workflow-Id", id.as_str());
        }
        if let Some(key) = &call.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = answer_of(self.send(request).await?)?;
        if waits { self.ended(answer).await } else { Ok(answer) }
    }

    /// What came of a run in the end, and of those that took its place.
    async fn ended(&self, mut answer: Answer) -> Result<Answer, Error> {
        while answer.run.as_ref().is_some_and(|run| run.status.is_open()) {
            answer = self.wait(answer).await?;
        }
        Ok(answer)
    }

    async fn wait(&self, so_far: Answer) -> Result<Answer, Error> {
        let Some(run) = so_far.run else { return Ok(so_far) };
        let url = self.url(&["v1", "runs", run.run_id.as_str()], &[("wait", WAIT)]);
        let shown = self.send(self.http.get(url)).await?;
        if let Some(successor) = client::successor(&shown) {
            let run = RunAnswer { run_id: RunId::parse(successor)?, ..run };
            return Ok(Answer { run: Some(run), ..Answer::of(Json::Null) });
        }
        client::answer_of_view(run, shown)
    }
}

/// What goes with every request.
fn headers(token: Option<&Secret>, session: Option<&SessionId>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(CLI_HEADER, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    if let Some(session) = session.and_then(|id| HeaderValue::from_str(id.as_str()).ok()) {
        headers.insert(SESSION_HEADER, session);
    }
    if let Some(trace) = client::trace_of_caller() {
        let state = trace.state.as_deref().map(str::to_owned);
        let said = [("traceparent", Some(trace.parent())), ("tracestate", state)];
        for (name, value) in said {
            let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
            headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
        }
    }
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).map_err(|_| {
            Error::new(&code::PROFILES_INVALID, "the credential cannot be sent: it holds odd characters")
                .help("it is one line without spaces")
        });
        let mut value = value?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// A started run as the server shows it.
fn answer_of(mut started: Json) -> Result<Answer, Error> {
    let output = started.get_mut("output").map(Json::take).unwrap_or_default();
    let text = |name: &str| {
        started.get(name).and_then(Json::as_str).ok_or_else(|| {
            Error::new(&code::SERVER_UNREACHABLE, format!("the server's answer lacks {name:?}"))
                .help("use the same version of Nexus on both sides")
        })
    };
    let run = RunAnswer {
        namespace: Namespace::new(text("namespace")?)?,
        workflow_id: WorkflowId::new(text("workflow_id")?)?,
        run_id: RunId::parse(text("run_id")?)?,
        workflow: text("workflow")?.to_owned(),
        status: RunStatus::from_wire(text("status")?).unwrap_or(RunStatus::Running),
        failure: None,
    };
    Ok(Answer { run: Some(run), ..Answer::of(output) })
}
