//! Exchanges with servers on the loopback.

use std::io;
use std::net::TcpListener;

use axum::Router;
use axum::body::{Body, to_bytes};
use futures::future::ready;
use futures::stream;
use nexus_kernel::id::Namespace;
use nexus_kernel::memory::exchange::Server;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::testing::exchange_contract::Ground;
use tokio::sync::mpsc;

use super::*;

/// Where the server of these tests is reached.
const HERE: &str = "https://shop.test";

async fn open(config: &str, purpose: Purpose) -> Exchanges {
    let config = Config::parse(config).unwrap();
    let project = Project::of_config(std::path::Path::new("."), config.clone());
    let project = Project { reached_at: Some(HERE.to_owned()), ..project };
    let (kept, clock, rng): (Arc<dyn Kv>, SharedClock, SharedRng) =
        (Arc::new(MemoryStore::new()), Arc::new(SystemClock), Arc::new(SeededRng::new(1)));
    let exchanges = Exchanges::open(&project, purpose, &kept, (&clock, &rng)).await.unwrap();
    exchanges.configure(&config);
    exchanges
}

/// Puts a server on the loopback.
fn serve(server: Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let handle = move |request: Request<Body>| {
        let server = Arc::clone(&server);
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
            match server(Request::from_parts(parts, body)).await {
                Some(response) => response.map(Body::from),
                None => {
                    let broken = stream::once(ready(Err::<Vec<u8>, _>(io::Error::other("hung up"))));
                    Response::new(Body::from_stream(broken))
                }
            }
        }
    };
    tokio::spawn(axum::serve(listener, Router::new().fallback(handle)).into_future());
    url
}

mod contract {
    use super::*;

    fn fresh() -> Ground {
        let opened = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(open("[http]\nallow_addresses = [\"127.0.0.0/8\"]", Purpose::Read))
        });
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Ground {
            exchange: Box::new(opened.join().unwrap()),
            serve: Box::new(serve),
            nobody: format!("http://{closed}/"),
        }
    }

    nexus_kernel::exchange_contract!(fresh);
}

fn on_behalf(endpoint: &str) -> OnBehalf {
    OnBehalf {
        endpoint: endpoint.to_owned(),
        namespace: Namespace::new("shop").unwrap(),
        workflow_id: "order-7".to_owned(),
        run_id: "run_1".to_owned(),
    }
}

#[tokio::test]
async fn calls_carry_what_the_endpoint_wants_and_who_calls() {
    let config =
        "[endpoints.bank]\nurl = \"http://127.0.0.1/\"\nheaders = { authorization = \"Bearer sesame\" }";
    let exchanges = open(config, Purpose::Serve).await;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let url = serve(Arc::new(move |request| {
        sender.send(request.into_parts().0.headers).unwrap();
        Box::pin(async { Some(Response::default()) })
    }));
    let mut headers = async |endpoint| {
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = url.parse().unwrap();
        *request.method_mut() = http::Method::POST;
        request.extensions_mut().insert(on_behalf(endpoint));
        exchanges.exchange(request, Duration::from_secs(20)).await.unwrap();
        seen.recv().await.unwrap()
    };
    let bank = headers("bank").await;
    assert_eq!(bank["authorization"], "Bearer sesame");
    assert_eq!(bank[CALLER_NAMESPACE_HEADER], "shop");
    assert_eq!(bank[CALLER_HEADER].to_str().unwrap().split('.').count(), 3);
    let other = headers("other").await;
    assert!(!other.contains_key("authorization"), "what is for one endpoint is for no other");
    assert_eq!(exchanges.callback_url().as_deref(), Some("https://shop.test/nexus/callback"));
}

#[tokio::test]
async fn completions_go_to_no_address_inside_and_say_nothing_of_who_sends_them() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let url = serve(Arc::new(move |request| {
        sender.send(request.into_parts().0.headers).unwrap();
        Box::pin(async { Some(Response::default()) })
    }));
    let ask = |url: &str| {
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = url.parse().unwrap();
        request
    };
    let exchanges = open("", Purpose::Serve).await;
    let by_name = url.replace("127.0.0.1", "localhost");
    for inside in [url.as_str(), &by_name, "http://[::1]:1/"] {
        let answer = exchanges.exchange(ask(inside), Duration::from_secs(20)).await;
        assert!(
            matches!(&answer, Err(Unreached::Refused(why)) if why.contains("allow_addresses")),
            "{answer:?}"
        );
    }
    assert!(seen.try_recv().is_err(), "nobody was asked");
    let allowed = open("[http]\nallow_addresses = [\"127.0.0.0/8\"]", Purpose::Serve).await;
    allowed.exchange(ask(&url), Duration::from_secs(20)).await.unwrap();
    assert!(!seen.recv().await.unwrap().contains_key(CALLER_HEADER));
}
