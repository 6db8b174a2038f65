//! The ways bytes come in: HTTP/1.1 and HTTP/2, encrypted or not, over the network or a socket in the file system.

use std::io::Read as _;
use std::sync::Arc;

use axum::body::Body;
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nexus_gateway::tls::Tls;
use nexus_gateway::{Listener, Options};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::{TlsConnector, client};

use crate::world::World;

/// Asks for several paths at a time on one connection of HTTP/2 and gives the statuses.
async fn ask_together<S>(stream: S, paths: &[&str]) -> Vec<u16>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) =
        http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driving = tokio::spawn(connection);
    let asked = paths.iter().map(|path| {
        let mut sender = sender.clone();
        let request = Request::get(format!("http://localhost{path}")).body(Body::empty()).unwrap();
        async move { sender.send_request(request).await.unwrap().status().as_u16() }
    });
    let statuses = futures::future::join_all(asked).await;
    driving.abort();
    statuses
}

#[tokio::test]
async fn http_2_carries_many_requests_on_one_connection() {
    let world = World::new().await;
    let stream = TcpStream::connect(world.address()).await.unwrap();
    let statuses = ask_together(stream, &["/health", "/v1/operations", "/nothing", "/health"]).await;
    assert_eq!(statuses, [200, 200, 404, 200]);
}

async fn connect(
    port: u16,
    certificate: &rcgen::Certificate,
    alpn: &[&[u8]],
) -> client::TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn tls_agrees_on_the_protocol_and_its_certificate_can_be_renewed() {
    let first = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let second = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = |it: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        (it.cert.pem().into_bytes(), it.signing_key.serialize_pem().into_bytes())
    };
    let (chain, key) = pem(&first);
    let tls = Tls::new(&chain, &key, None).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let secure = Listener::tls(listener, &tls);
    let _world = World::with(|options: Options| options.listener(secure)).await;
    let stream = connect(port, &first.cert, &[b"h2", b"http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(ask_together(stream, &["/health"]).await, [200]);
    let (chain, key) = pem(&second);
    tls.replace(&chain, &key).unwrap();
    let mut stream = connect(port, &second.cert, &[b"http/1.1"]).await;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await; // a peer that closes without a goodbye is an error here
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_certificate_and_a_key_that_do_not_fit_are_told() {
    let one = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let told = |chain: &str, key: &str| {
        Tls::new(chain.as_bytes(), key.as_bytes(), None).err().unwrap().message().to_owned()
    };
    assert!(told("", &one.signing_key.serialize_pem()).contains("no certificate"));
    assert!(told(&one.cert.pem(), "").contains("private key cannot be read"));
    assert!(told(&one.cert.pem(), &other.signing_key.serialize_pem()).contains("do not fit"));
}

#[tokio::test]
async fn a_socket_in_the_file_system_answers_to_any_name() {
    let folder = tempdir();
    let path = folder.join("nexus.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let _world = World::with(|options: Options| options.listener(Listener::unix(socket))).await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: nexus\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn tempdir() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("nexus-socket-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let world = World::new().await;
    let plain = world.get("/v1/operations").await;
    assert_eq!(plain.header("content-encoding"), None);
    let packed = world.send("GET", "/v1/operations", &["accept-encoding: gzip"], b"").await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len() / 3);
    let bytes = dechunked(&packed.body);
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
    let small = world.send("GET", "/health", &["accept-encoding: gzip"], b"").await;
    assert_eq!(small.header("content-encoding"), None);
}

/// What a body in chunks holds.
fn dechunked(mut body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return bytes;
        }
        bytes.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
}

#[tokio::test]
async fn an_answer_that_the_client_has_is_not_sent_again() {
    let world = World::new().await;
    let first = world.get("/v1/operations").await;
    let tag = first.header("etag").unwrap().to_owned();
    let again = world.send("GET", "/v1/operations", &[&format!("if-none-match: {tag}")], b"").await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag.as_str())));
    assert!(again.header("x-request-id").is_some());
    world.catalogue.replace(Vec::new()).unwrap();
    let changed = world.send("GET", "/v1/operations", &[&format!("if-none-match: {tag}")], b"").await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn everything_under_api_comes_in_an_envelope() {
    let world = World::new().await;
    let reply = world.send("GET", "/api/runs?limit=3", &["x-request-id: mine"], b"").await;
    let body = reply.json();
    assert_eq!((reply.status, &body["success"], &body["data"]), (200, &json!(true), &json!({ "limit": 3 })));
    assert_eq!(body["metadata"]["request_id"], "mine");
    assert_eq!(body["metadata"]["version"], "9.9.9");
    assert_eq!(body["metadata"]["timestamp"], "2027-01-15T08:00:00.000Z");
    assert_eq!(reply.header("x-nexus-version"), Some("9.9.9"));
    let reply = world.post("/api/workflows/Total/execute", &json!({ "inputs": { "amount": 1 } })).await;
    assert_eq!(reply.json()["data"]["outputs"], json!({ "seen": { "amount": 1 } }));
    let reply = world.post("/api/workflows/Total/execute", &json!({ "inputs": { "amount": "1" } })).await;
    let body = reply.json();
    assert_eq!((reply.status, &body["success"], &body["data"]), (422, &json!(false), &json!(null)));
    assert_eq!(body["error"]["code"], "NX-2001");
    assert_eq!(body["error"]["faults"][0]["at"], "/amount");
    assert_eq!(world.get("/api/nothing").await.json()["error"]["status"], 404);
}

#[tokio::test]
async fn what_is_too_much_is_refused_at_once() {
    let world = World::with(|options: Options| options.requests_max(1)).await;
    let slow = world.send("POST", "/v1/workflows/Slow/runs?wait=5m", &[], b"{}");
    let other = async {
        world.begun.notified().await;
        let reply = world.get("/health").await;
        world.gate.notify_one();
        reply
    };
    let (slow, other) = tokio::join!(slow, other);
    assert_eq!((other.status, other.header("retry-after")), (503, Some("1")));
    assert_eq!(other.json()["code"], "NX-4013");
    assert_eq!(slow.status, 200);
    assert_eq!(world.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_header_of_other_servers_leads_to_mcp_from_any_path() {
    let world = World::new().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let headers = [
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        "x-mcp-version: 2025-06-18",
    ];
    let reply = world.send("POST", "/anything", &headers, call.to_string().as_bytes()).await;
    assert_eq!((reply.status, &reply.json()["id"]), (200, &json!(1)), "{reply:?}");
}

#[tokio::test]
async fn a_server_tells_whether_it_lives_is_ready_and_has_started() {
    let world =
        World::with(|options: Options| options.check(crate::world::check("disk", Err("full".into())))).await;
    assert_eq!((world.get("/healthz").await.status, world.get("/startup").await.status), (200, 200));
    let ready = world.get("/readyz").await;
    assert_eq!((ready.status, ready.json()), (503, json!({ "status": "failed" })));
    world.shutdown.begin();
    let fine = World::new().await;
    assert_eq!(fine.get("/readyz").await.json(), json!({ "status": "ready" }));
}
