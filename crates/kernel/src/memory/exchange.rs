//! Exchanges within one process: servers are functions, found by the authority of an address.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{Request, Response};

use crate::BoxFuture;
use crate::port::clock::SharedClock;
use crate::port::exchange::{Exchange, Unreached};

/// A server: a function from a request to an answer, or to none.
pub type Server =
    Arc<dyn Fn(Request<Vec<u8>>) -> BoxFuture<'static, Option<Response<Vec<u8>>>> + Send + Sync>;

/// Servers by their authorities, and the way to them. Cheap to clone.
#[derive(Clone)]
pub struct MemoryExchange {
    servers: Arc<RwLock<BTreeMap<String, Server>>>,
    clock: SharedClock,
    callback_url: Option<String>,
}

impl MemoryExchange {
    /// A world without servers.
    pub fn new(clock: SharedClock) -> MemoryExchange {
        MemoryExchange { servers: Arc::default(), clock, callback_url: None }
    }

    /// The same world, seen by whoever is reached at an address.
    #[must_use]
    pub fn reached_at(&self, callback_url: &str) -> MemoryExchange {
        MemoryExchange { callback_url: Some(callback_url.to_owned()), ..self.clone() }
    }

    /// Puts a server at an authority, instead of any other.
    pub fn serve(&self, authority: &str, server: Server) {
        self.servers.write().unwrap_or_else(PoisonError::into_inner).insert(authority.to_owned(), server);
    }

    /// Takes the server of an authority away.
    pub fn close(&self, authority: &str) {
        self.servers.write().unwrap_or_else(PoisonError::into_inner).remove(authority);
    }
}

impl Exchange for MemoryExchange {
    fn exchange(
        &self,
        request: Request<Vec<u8>>,
        limit: Duration,
    ) -> BoxFuture<'static, Result<Response<Vec<u8>>, Unreached>> {
        let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let servers = self.servers.read().unwrap_or_else(PoisonError::into_inner);
        let Some(server) = servers.get(&authority).cloned() else {
            return Box::pin(async move { Err(Unreached::Away(format!("nobody listens at {authority}"))) });
        };
        drop(servers);
        let late = self.clock.sleep_until(self.clock.now().plus(limit));
        Box::pin(async move {
            tokio::select! {
                biased;
                answer = server(request) => {
                    answer.ok_or_else(|| Unreached::Away("the connection was closed".to_owned()))
                }
                () = late => Err(Unreached::Silent(limit)),
            }
        })
    }

    fn callback_url(&self) -> Option<String> {
        self.callback_url.clone()
    }
}
