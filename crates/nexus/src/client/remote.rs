//! A server over HTTP.

use nexus_gateway::problem;
use nexus_kernel::Json;
use nexus_kernel::call::{Answer, RunAnswer, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId, WorkflowId};
use nexus_kernel::operation::Operation;
use nexus_kernel::port::runs::RunStatus;
use reqwest::{RequestBuilder, Url};

use crate::client::{StartCall, described};
use crate::outbound::tls;

/// One request waits at most this long for a run, then asks again: proxies drop silent connections.
const WAIT: &str = "25s";

/// A connection to a server.
pub struct Remote {
    http: reqwest::Client,
    base: Url,
}

impl Remote {
    /// A server that answers under this URL.
    pub async fn connect(url: &str) -> Result<Remote, Error> {
        let base =
            Url::parse(url).ok().filter(|base| matches!(base.scheme(), "http" | "https") && base.has_host());
        let base = base.ok_or_else(|| {
            Error::new(&code::CONFIG_INVALID, format!("{url:?} is not the URL of a server"))
                .help("for example --server http://127.0.0.1:8000")
        })?;
        let builder = reqwest::Client::builder();
        let http = if base.scheme() == "https" { tls::secure(builder, None) } else { tls::plain(builder) };
        let http = http.map_err(|fault| {
            Error::new(fault.code, fault.message).help("`nexus explain` with this code says what to do")
        })?;
        let remote = Remote { http, base };
        remote.send(remote.http.get(remote.url(&["health"], &[]))).await?;
        Ok(remote)
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
        let unreachable = |error: &reqwest::Error| {
            if let Some(fault) = tls::fault(error) {
                return Error::new(fault.code, format!("no answer from {}: {}", self.base, fault.message))
                    .help("the command line trusts the system's authorities and those of SSL_CERT_FILE");
            }
            let why = if error.is_connect() { "nobody listens there" } else { "the connection broke" };
            Error::new(&code::SERVER_UNREACHABLE, format!("no answer from {}: {why}", self.base))
                .help("start the server with `nexus up`, or name another one with --server")
        };
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| unreachable(&error))?;
        let value: Option<Json> = serde_json::from_slice(&body).ok();
        match value {
            Some(value) if status.is_success() => Ok(value),
            Some(value) => Err(problem::read(&value).unwrap_or_else(|| self.not_nexus(status.as_u16()))),
            None => Err(self.not_nexus(status.as_u16())),
        }
    }

    fn not_nexus(&self, status: u16) -> Error {
        Error::new(
            &code::SERVER_UNREACHABLE,
            format!("{} answers with {status}, but not as a Nexus server", self.base),
        )
        .help("check the URL, and what stands between you and the server")
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
        let mut answer = answer_of(self.send(request).await?)?;
        while waits && answer.run.as_ref().is_some_and(|run| run.status.is_open()) {
            answer = self.wait(answer).await?;
        }
        Ok(answer)
    }

    async fn wait(&self, so_far: Answer) -> Result<Answer, Error> {
        let Some(run) = so_far.run else { return Ok(so_far) };
        let url = self.url(&["v1", "runs", run.run_id.as_str()], &[("wait", WAIT)]);
        let mut shown = self.send(self.http.get(url)).await?;
        let status = shown.get("status").and_then(Json::as_str).and_then(RunStatus::from_wire);
        let status = status.unwrap_or(RunStatus::Running);
        if let Some(successor) = shown.get("successor").and_then(Json::as_str) {
            let run = RunAnswer { run_id: RunId::parse(successor)?, ..run };
            return Ok(Answer { output: Json::Null, run: Some(run), replayed: false });
        }
        let mut failure = |name: &str| serde_json::from_value(shown.get_mut(name)?.take()).ok();
        let failure = failure("failure").or_else(|| failure("blocked"));
        let output = shown.get_mut("result").map(Json::take).unwrap_or_default();
        let run = RunAnswer { status, failure, ..run };
        nexus_engine::operations::answer_of(run, output)
    }
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
    Ok(Answer { output, run: Some(run), replayed: false })
}
