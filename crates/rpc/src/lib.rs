//! Nexus RPC over HTTP, without I/O.
//!
//! The protocol by which services of different namespaces, clusters and products call each other: an operation is
//! *started* with one request, which answers with its result or with a token; it may be asked to *cancel*; and whoever has
//! promised a result brings it with a *completion*. This crate turns each of these into an HTTP message and back. What
//! carries the messages is not its business: give it any client and any server that speak [`http`]'s types.
//!
//! | What | Who makes it | Who reads it |
//! |---|---|---|
//! | [`StartRequest`] | [`StartRequest::to_http`], the caller | [`StartRequest::from_http`], the handler |
//! | [`StartAnswer`] | [`StartAnswer::to_http`], the handler | [`StartAnswer::from_http`], the caller |
//! | [`CancelRequest`] | [`CancelRequest::to_http`], the caller | [`CancelRequest::from_http`], the handler |
//! | [`Completion`] | [`Completion::to_http`], the handler | [`Completion::from_http`], the caller |
//! | [`HandlerError`] | [`HandlerError::to_http`], whoever refuses | [`HandlerError::from_http`], whoever is refused |
//!
//! ```
//! use nexus_rpc::{Content, Route, StartAnswer, StartRequest};
//!
//! // The caller writes a request for `charge card` of the service `payments`.
//! let mut call = StartRequest::new("payments", "charge card", Content::json(&serde_json::json!({ "cents": 1200 })));
//! call.request_id = Some("r-1".to_owned());
//! let request = call.to_http("https://shop.example/nexus").unwrap();
//! assert_eq!(request.uri().path(), "/nexus/payments/charge%20card");
//!
//! // The handler reads it, and answers with a result.
//! let (parts, body) = request.into_parts();
//! let route = Route::of(&parts, "/nexus").unwrap();
//! let read = StartRequest::from_http(&route, &parts, body).unwrap();
//! assert_eq!(read, call);
//! let answer = StartAnswer::Done { content: Content::json(&serde_json::json!("paid")), links: Vec::new() };
//! let response = answer.to_http();
//!
//! // The caller reads the answer.
//! let (parts, body) = response.into_parts();
//! assert_eq!(StartAnswer::from_http(&parts, body), Ok(answer));
//! ```
//!
//! Sources: the "Nexus RPC HTTP Specification" of `nexus-rpc/api`. What deployed servers do beside it is accepted and said
//! where it is.

mod cancel;
mod completion;
mod content;
mod duration;
mod failure;
mod fields;
mod handler_error;
mod link;
mod operation_error;
mod route;
mod start;
mod temporal;
mod value;
mod wire;

pub use cancel::CancelRequest;
pub use completion::{Completion, Outcome};
pub use content::{Content, NotJson};
pub use duration::{duration_text, parse_duration};
pub use failure::Failure;
pub use handler_error::{HandlerError, HandlerErrorKind};
pub use link::{BadLink, Link};
pub use operation_error::{End, OperationError};
pub use route::{NAME_BYTES_MAX, Route, TOKEN_BYTES_MAX, segment, unsegment};
pub use start::{Callback, StartAnswer, StartRequest};
pub use temporal::{TemporalFailure, TemporalSource};

/// Headers that belong to a message rather than to its content, by their names in lower case.
pub type Fields = std::collections::BTreeMap<String, String>;

/// Why a message cannot be written: a part of it has no form in HTTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// A name of a service or an operation is empty or too long.
    #[error("the name {0:?} is empty or longer than {NAME_BYTES_MAX} bytes")]
    Name(String),
    /// The address of an endpoint or a callback is none.
    #[error("{0:?} is no address of HTTP")]
    Address(String),
    /// A header cannot hold its value.
    #[error("the header {0} cannot hold its value")]
    Header(String),
}
