//! Processor time per request of a no-op operation over REST, beside a bare handler on the same HTTP stack.
//!
//! Each server runs on a thread of its own with a single-threaded runtime. What is counted is the processor time of the
//! process but for that of the client's thread: threads that a server leaves work to are counted as well. Rounds of the servers alternate, so that a noisy machine is noisy for each.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::routing::post;
use nexus_gateway::cache::{Cache, CacheOptions};
use nexus_gateway::{Gateway, Options, Pipeline};
use nexus_kernel::call::{Answer, CallContext};
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::port::rng::SystemRng;
use nexus_kernel::task::Shutdown;
use nexus_kernel::{BoxFuture, Json};
use serde_json::json;

use crate::guarded::Issuer;
use crate::measure::{process_cpu, quantile};
use crate::out;

const ROUNDS: usize = 9;
const REQUESTS: u32 = 20_000;
const CONNECTIONS: u32 = 16;
const PATH: &str = "/workflows/Noop/execute";
const BODY: &str = r#"{"inputs":{"order":"o-1","amount":7}}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"Noop","arguments":{"order":"o-1","amount":7}}}"#;

/// Prints the figures.
pub(crate) fn run() -> Result<()> {
    out(
        "a no-op operation over REST, processor time of the server per request (line: <= 2 x the bare handler)",
    );
    let bare = Server::start(|| Box::pin(bare()))?;
    let json = Server::start(|| Box::pin(json_echo()))?;
    let caching = Server::start(|| Box::pin(gateway(true)))?;
    let gateway = Server::start(|| Box::pin(gateway(false)))?;
    let (folder, issuer) = (tempfile::tempdir()?, Issuer::new()?);
    let token = issuer.token()?;
    let place = folder.path().to_owned();
    let guarded = Server::start(move || Box::pin(guarded(issuer, place)))?;
    let (execute, call) = (post_request(PATH, BODY, ""), post_request("/mcp", CALL, ""));
    let shown = post_request(PATH, BODY, &format!("authorization: Bearer {token}\r\n"));
    let loads = [
        (&bare, &execute),
        (&json, &execute),
        (&gateway, &execute),
        (&gateway, &call),
        (&caching, &execute),
        (&guarded, &shown),
    ];
    let mut samples = [const { Vec::new() }; 6];
    for round in 0..=ROUNDS {
        for (samples, (server, request)) in samples.iter_mut().zip(loads) {
            let cost = server.cost(request)?;
            if round > 0 {
                samples.push(cost); // the first round warms up
            }
        }
    }
    let [bare, json, rest, mcp, hit, full] =
        samples.map(|mut samples| quantile(&mut samples, 0.5).as_secs_f64() * 1e6);
    out(&format!("bare handler that answers a constant:   {bare:>6.2} us"));
    out(&format!("bare handler that reads and writes JSON: {json:>5.2} us"));
    out(&format!("REST execute:  {rest:>6.2} us, {:.2} x and {:.2} x", rest / bare, rest / json));
    out(&format!(
        "REST execute, answered from memory: {hit:>6.2} us, {:.2} x the same carried out (line: <= 1.2 x)",
        hit / rest
    ));
    out(&format!(
        "REST execute with a token (ES256), roles, limits, idempotency, audit, metrics: {full:>6.2} us, {:.2} x without (line: <= 2 x)",
        full / rest
    ));
    out(&format!("MCP tool call: {mcp:>6.2} us, {:.2} x and {:.2} x", mcp / bare, mcp / json));
    Ok(())
}

/// Where a server listens, and what to await for it to serve.
type Started = (SocketAddr, BoxFuture<'static, ()>);

async fn bare() -> Result<Started> {
    serve(Router::new().route(PATH, post(async || "{}"))).await
}

async fn json_echo() -> Result<Started> {
    serve(Router::new().route(PATH, post(async |body: axum::Json<Json>| body))).await
}

async fn serve(router: Router) -> Result<Started> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = async { drop(axum::serve(listener, router).await) };
    Ok((address, Box::pin(serving)))
}

async fn guarded(issuer: Issuer, folder: PathBuf) -> Result<Started> {
    let catalogue = Catalogue::new();
    catalogue.replace(vec![noop()])?;
    let pipeline = Pipeline::new(catalogue, Arc::new(SystemClock), Arc::new(SystemRng));
    listen(crate::guarded::guard(pipeline, &issuer, &folder).await?).await
}

async fn gateway(has_cache: bool) -> Result<Started> {
    let catalogue = Catalogue::new();
    let mut noop = noop();
    let mut pipeline = Pipeline::new(catalogue.clone(), Arc::new(SystemClock), Arc::new(SystemRng));
    if has_cache {
        noop.contract.cache = Some(crate::cache::rule());
        let options = CacheOptions::default();
        pipeline = pipeline.caching(Cache::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock), options));
    }
    catalogue.replace(vec![noop])?;
    listen(pipeline).await
}

async fn listen(pipeline: Pipeline) -> Result<Started> {
    let listener = nexus_gateway::bind(SocketAddr::from(([127, 0, 0, 1], 0)), false).await?;
    let gateway = Gateway::new(Options::new(listener, pipeline))?;
    let address = gateway.address().ok_or_else(|| anyhow::anyhow!("the server listens nowhere"))?;
    let serving = async { drop(gateway.run(Shutdown::new()).await) };
    Ok((address, Box::pin(serving)))
}

pub(crate) fn noop() -> Operation {
    let handler = |_: Json, _: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
        Box::pin(std::future::ready(Ok(Answer::of(json!({})))))
    };
    let properties = json!({ "order": { "type": "string" }, "amount": { "type": "integer", "minimum": 1 } });
    Operation {
        contract: nexus_kernel::contract::Contract::default(),
        input_bytes_max: nexus_kernel::limits::PAYLOAD_BYTES_MAX,
        name: "Noop".into(),
        namespace: Some(Namespace::default()),
        title: "Nothing".into(),
        doc: "Does nothing.".into(),
        input: json!({ "type": "object", "properties": properties, "additionalProperties": false }),
        output: json!({ "type": "object" }),
        effect: Effect::Long,
        permission: "workflow:Noop:execute".into(),
        defined_at: None,
        handler: Arc::new(handler),
    }
}

/// A server on a thread of its own, which ends with the process.
struct Server {
    address: SocketAddr,
}

impl Server {
    fn start(
        starting: impl FnOnce() -> BoxFuture<'static, Result<Started>> + Send + 'static,
    ) -> Result<Server> {
        let (sender, started) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (address, serving) = runtime.block_on(starting())?;
            sender.send(Server { address })?;
            runtime.block_on(serving);
            anyhow::Ok(())
        });
        started.recv().context("the server did not start")
    }

    /// Processor time per request of one load.
    fn cost(&self, request: &str) -> Result<Duration> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            connections.push(stream);
        }
        exchange(&mut connections, request)?;
        let own = clock_of_this_thread()?;
        let spent = || anyhow::Ok(process_cpu().saturating_sub(read_clock(own)?));
        let before = spent()?;
        for _ in 0..REQUESTS / CONNECTIONS {
            exchange(&mut connections, request)?;
        }
        Ok(spent()?.saturating_sub(before) / REQUESTS)
    }
}

fn post_request(path: &str, body: &str, headers: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}\
         accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One request on each connection, all of them before the first answer is read.
fn exchange(connections: &mut [TcpStream], request: &str) -> Result<()> {
    for connection in &mut *connections {
        connection.write_all(request.as_bytes())?;
    }
    for connection in connections {
        let mut answer = [0; 2048];
        let read = connection.read(&mut answer)?;
        let answer = answer.get(..read).unwrap_or_default();
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "answered {}", String::from_utf8_lossy(answer));
    }
    Ok(())
}

/// The clock of this thread's processor time, readable from every thread.
#[expect(unsafe_code, reason = "the processor time of one thread has no safe wrapper")]
fn clock_of_this_thread() -> Result<libc::clockid_t> {
    let mut clock = 0;
    // SAFETY: the thread is the calling one and therefore alive; the pointer is valid for one clock id.
    let failed = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
    ensure!(failed == 0, "this thread has no processor clock");
    Ok(clock)
}

#[expect(unsafe_code, reason = "the processor time of one thread has no safe wrapper")]
fn read_clock(clock: libc::clockid_t) -> Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid for one timespec; a clock that is gone makes the call fail, not misbehave.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) };
    ensure!(failed == 0, "the server's thread is gone");
    Ok(Duration::new(u64::try_from(time.tv_sec)?, u32::try_from(time.tv_nsec)?))
}
