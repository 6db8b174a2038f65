//! Streams of server-sent events that ask a verb for page after page.
//!
//! A stream asks for its next page when the client has taken the one before. So a slow client costs one page and delays
//! nobody, and one that is gone ends its stream with its connection.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures::StreamExt as _;
use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::task::Shutdown;
use serde_json::{Map, json};

use std::sync::Arc;

use crate::pipeline::Pipeline;

/// What a page of a stream looks like to its client.
pub(crate) trait Pages: Send + 'static {
    /// A page as text, and what is to be asked for the next one; an input that is left empty ends the stream.
    fn shown(&mut self, page: &Json, input: &mut Map<String, Json>) -> String;
}

/// A client that follows something.
pub(crate) struct Following<P> {
    /// The way to the verb.
    pub(crate) pipeline: Pipeline,
    /// The verb that gives the pages.
    pub(crate) operation: Arc<Operation>,
    /// Who follows.
    pub(crate) context: CallContext,
    /// What is asked next.
    pub(crate) input: Map<String, Json>,
    /// Ends the stream with the server.
    pub(crate) shutdown: Shutdown,
    /// How pages look.
    pub(crate) pages: P,
}

impl<P: Pages> Following<P> {
    /// The answer: what it begins with, then page after page.
    pub(crate) fn answer(self, begin: String) -> Response {
        let rest_of_it = futures::stream::unfold(self, |mut following| async {
            let text = following.next().await?;
            Some((Ok::<_, Infallible>(text), following))
        });
        let first = futures::stream::once(std::future::ready(Ok(begin)));
        let mut response = Response::new(Body::from_stream(first.chain(rest_of_it)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Proxies that gather answers would keep events back.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }

    /// A page that is there already, as text.
    pub(crate) fn shown(&mut self, page: &Json) -> String {
        self.pages.shown(page, &mut self.input)
    }

    /// The next part of the stream; nothing when it ends.
    async fn next(&mut self) -> Option<String> {
        if self.input.is_empty() {
            return None;
        }
        let call =
            self.pipeline.page(&self.operation, Json::Object(self.input.clone()), self.context.clone());
        let answer = tokio::select! {
            biased;
            () = self.shutdown.begun() => return None,
            answer = call => answer,
        };
        Some(match answer {
            Ok(page) => self.shown(&page),
            Err(error) => {
                self.input.clear();
                let told = json!({ "code": error.code().id, "message": error.message() });
                format!("event: error\ndata: {told}\n\n")
            }
        })
    }
}

/// The cursor in `Last-Event-ID`.
pub(crate) fn cursor(id: &str) -> Result<u64, Error> {
    id.parse().map_err(|_| {
        Error::new(&code::BAD_REQUEST, format!("Last-Event-ID: {id:?} is no cursor of events"))
            .help("send the id of the last event that came, or no such header")
    })
}
