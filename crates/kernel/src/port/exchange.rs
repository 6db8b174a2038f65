//! One exchange of HTTP with somebody outside: what Nexus RPC and its completions travel on.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};

use crate::BoxFuture;
use crate::id::Namespace;

/// The port. Whoever carries requests adds what proves who sends them, and follows no redirections: an address is what an
/// endpoint says.
pub trait Exchange: Send + Sync {
    /// Sends a request and waits for its whole answer, no longer than the limit. [`OnBehalf`] among the extensions of the
    /// request says in whose name it is sent.
    fn exchange(
        &self,
        request: Request<Vec<u8>>,
        limit: Duration,
    ) -> BoxFuture<'static, Result<Response<Vec<u8>>, Unreached>>;

    /// The address under which completions reach this server; nothing when none does.
    fn callback_url(&self) -> Option<String>;
}

/// A way outside as parts hold it.
pub type SharedExchange = Arc<dyn Exchange>;

/// In whose name a request is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnBehalf {
    /// The endpoint that it goes through.
    pub endpoint: String,
    /// The namespace that calls.
    pub namespace: Namespace,
    /// The workflow id of the run that does.
    pub workflow_id: String,
    /// The run.
    pub run_id: String,
}

/// Nobody has answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// They may answer another time.
    #[error("{0}")]
    Away(String),
    /// There was no answer in time. Whether the request has arrived is not known.
    #[error("there was no answer within {} ms", .0.as_millis())]
    Silent(Duration),
    /// They must not be asked, or cannot be.
    #[error("{0}")]
    Refused(String),
}

/// No way outside: nobody is reached, and nobody reaches this server.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl Exchange for Nowhere {
    fn exchange(
        &self,
        _: Request<Vec<u8>>,
        _: Duration,
    ) -> BoxFuture<'static, Result<Response<Vec<u8>>, Unreached>> {
        Box::pin(async { Err(Unreached::Refused("there is no way outside from here".to_owned())) })
    }

    fn callback_url(&self) -> Option<String> {
        None
    }
}
