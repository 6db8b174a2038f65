//! Servers that are none of ours: a closure decides what they say, and what they were asked is kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::exchange::MemoryExchange;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::exchange::Exchange as _;
use nexus_rpc::{Completion, Content, Outcome, StartAnswer};
use serde_json::json;

use super::support::{beginning, shop};
use crate::support::World;

/// What a server says to a request.
pub(super) enum Said {
    /// This.
    Answer(Response<Vec<u8>>),
    /// Nothing: it closes the connection.
    Closed,
    /// Nothing, for ever.
    Silence,
}

/// What a server was asked.
pub(super) type Asked = Arc<Mutex<Vec<Request<Vec<u8>>>>>;

/// Puts a server at an authority. The closure is told how many requests came before.
pub(super) fn script(
    net: &MemoryExchange,
    authority: &str,
    say: impl Fn(usize, &Request<Vec<u8>>) -> Said + Send + Sync + 'static,
) -> Asked {
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let server = move |request: Request<Vec<u8>>| -> nexus_kernel::BoxFuture<'static, _> {
        let mut kept = kept.lock().unwrap();
        let said = say(kept.len(), &request);
        kept.push(request);
        drop(kept);
        Box::pin(async move {
            match said {
                Said::Answer(answer) => Some(answer),
                Said::Closed => None,
                Said::Silence => std::future::pending().await,
            }
        })
    };
    net.serve(authority, Arc::new(server));
    asked
}

/// The shop alone, with a bank that somebody else runs.
pub(super) struct Alone {
    pub(super) shop: World,
    pub(super) net: MemoryExchange,
    pub(super) clock: SimClock,
    pub(super) asked: Asked,
    store: SharedStore,
}

impl Alone {
    pub(super) async fn with(
        say: impl Fn(usize, &Request<Vec<u8>>) -> Said + Send + Sync + 'static,
    ) -> Alone {
        let clock = beginning();
        let net = MemoryExchange::new(Arc::new(clock.clone()));
        let asked = script(&net, "bank.test", say);
        let store: SharedStore = Arc::new(MemoryStore::new());
        let shop = shop(&net, &clock, Arc::clone(&store)).await;
        Alone { shop, net, clock, asked, store }
    }

    /// Stops the shop's server and starts another on the same store.
    pub(super) async fn restart(self) -> Alone {
        let Alone { shop: before, net, clock, asked, store } = self;
        before.stop().await;
        let shop = shop(&net, &clock, Arc::clone(&store)).await;
        Alone { shop, net, clock, asked, store }
    }

    /// How many requests the bank has had.
    pub(super) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Brings a completion of the `n`-th start to where it asked for it; the status of the answer.
    pub(super) async fn complete(&self, n: usize, change: impl FnOnce(&mut Completion)) -> u16 {
        let (url, headers) = callback(&self.asked, n).unwrap();
        let mut completion = Completion::new(Outcome::Done(Content::json(&json!("done"))));
        completion.headers = headers;
        change(&mut completion);
        let request = completion.to_http(&url).unwrap();
        let answer = self.net.exchange(request, Duration::from_secs(10)).await.unwrap();
        answer.status().as_u16()
    }
}

/// Where the `n`-th request wants its completion, and with what; nothing when nobody waits for its end.
pub(super) fn callback(asked: &Asked, n: usize) -> Option<(String, nexus_rpc::Fields)> {
    let asked = asked.lock().unwrap();
    let (parts, ()) = {
        let mut request = Request::new(());
        *request.method_mut() = asked[n].method().clone();
        *request.uri_mut() = asked[n].uri().clone();
        *request.headers_mut() = asked[n].headers().clone();
        request.into_parts()
    };
    let route = nexus_rpc::Route::of(&parts, "/nexus/endpoints/bank/services").unwrap();
    let start = nexus_rpc::StartRequest::from_http(&route, &parts, Vec::new()).unwrap();
    start.callback.map(|callback| (callback.url, callback.headers))
}

/// The promise of an operation.
pub(super) fn promised(token: &str) -> Said {
    Said::Answer(StartAnswer::Started { token: token.into(), links: Vec::new() }.to_http())
}

/// The end of an operation.
pub(super) fn done(result: &nexus_kernel::Json) -> Said {
    Said::Answer(StartAnswer::Done { content: Content::json(result), links: Vec::new() }.to_http())
}

/// Whether a request asks for a cancellation.
pub(super) fn is_cancel(request: &Request<Vec<u8>>) -> bool {
    request.uri().path().ends_with("/cancel")
}
