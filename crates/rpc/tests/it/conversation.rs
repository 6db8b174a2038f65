//! Whatever one side writes, the other reads as it was meant.

use http::Request;
use nexus_rpc::{CancelRequest, Completion, HandlerError, Route, StartAnswer, StartRequest};
use proptest::prelude::*;

use crate::made;

/// Where the endpoint is.
const ENDPOINT: &str = "https://bank.example/nexus/endpoints/a%2Fb/services/";
/// Its path.
const PREFIX: &str = "/nexus/endpoints/a%2Fb/services";

/// The route of a request, and the request in its parts.
fn routed(request: Request<Vec<u8>>) -> (Route, http::request::Parts, Vec<u8>) {
    let (parts, body) = request.into_parts();
    (Route::of(&parts, PREFIX).unwrap(), parts, body)
}

proptest! {
    #[test]
    fn a_start_is_read_as_it_was_written(call in made::start()) {
        let (route, parts, body) = routed(call.to_http(ENDPOINT).unwrap());
        prop_assert_eq!(StartRequest::from_http(&route, &parts, body), Ok(call));
    }

    #[test]
    fn an_answer_is_read_as_it_was_written(answer in made::answer()) {
        let (parts, body) = answer.to_http().into_parts();
        prop_assert_eq!(StartAnswer::from_http(&parts, body), Ok(answer));
    }

    #[test]
    fn a_refusal_is_read_as_it_was_written(refusal in made::refusal()) {
        let (parts, body) = refusal.to_http().into_parts();
        prop_assert_eq!(StartAnswer::from_http(&parts, body), Err(refusal));
    }

    #[test]
    fn a_cancellation_is_read_as_it_was_written(cancel in made::cancel()) {
        let (route, parts, _) = routed(cancel.to_http(ENDPOINT).unwrap());
        prop_assert_eq!(CancelRequest::from_http(&route, &parts), Ok(cancel));
    }

    #[test]
    fn a_completion_is_read_as_it_was_written(completion in made::completion()) {
        let (parts, body) = completion.to_http("https://shop.example/nexus/callback").unwrap().into_parts();
        prop_assert_eq!(Completion::from_http(&parts, body), Ok(completion));
    }

    #[test]
    fn a_completion_that_is_refused_is_told_so(refusal in made::refusal()) {
        let (parts, body) = refusal.to_http().into_parts();
        prop_assert_eq!(Completion::answer(&parts, &body), Err(refusal));
    }
}

#[test]
fn what_is_heard_is_told_so() {
    let (parts, body) = CancelRequest::heard().into_parts();
    assert_eq!(CancelRequest::answer(&parts, &body), Ok::<(), HandlerError>(()));
    let (parts, body) = Completion::taken().into_parts();
    assert_eq!(Completion::answer(&parts, &body), Ok::<(), HandlerError>(()));
}
