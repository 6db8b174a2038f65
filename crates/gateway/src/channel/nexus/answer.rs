//! Answers of verbs in the form of Nexus RPC.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_rpc::{Content, Failure, HandlerError, HandlerErrorKind, Link, OperationError, StartAnswer};
use serde_json::json;

use super::Answered;

/// The kind of failure that says more about a refusal than the protocol has words for.
const REFUSAL: &str = "nexus.Error";

/// What a start is answered with. Without a callback nobody would hear of an end that comes later, so that whoever has given
/// none is told to ask again: the same request id gets the same operation.
pub(super) fn start(told: &Json, has_callback: bool) -> Answered {
    let links = links(told);
    let text = |name: &str| told.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let answer = match text("state").as_str() {
        "running" if !has_callback && told["waited"] == json!(true) => {
            let message = "the operation goes on, and there is no callback to bring its end to";
            return Err(HandlerError::new(HandlerErrorKind::RequestTimeout, message));
        }
        "running" => StartAnswer::Started { token: text("token"), links },
        "succeeded" => {
            let content = Content::of_value(told.get("result").unwrap_or(&Json::Null));
            StartAnswer::Done { content, links }
        }
        _ => {
            let failure = told.get("failure").map(ToString::to_string).unwrap_or_default();
            let failure = Failure::from_json(failure.as_bytes());
            let error = failure.and_then(|failure| OperationError::of(failure, None));
            StartAnswer::Ended(error.ok_or_else(|| {
                HandlerError::new(HandlerErrorKind::Internal, "the operation has ended, and nobody knows how")
            })?)
        }
    };
    Ok(answer.to_http())
}

fn links(told: &Json) -> Vec<Link> {
    let links = told.get("links").and_then(Json::as_array).into_iter().flatten();
    let link = |link: &Json| {
        let text = |name: &str| link.get(name).and_then(Json::as_str).map(str::to_owned);
        Some(Link { url: text("url")?, kind: text("type")? })
    };
    links.filter_map(link).collect()
}

/// A refusal. Its code, help and faults travel as its cause, for whoever can read them.
pub(super) fn refused(error: &Error) -> HandlerError {
    let faults = error.faults().iter().map(|fault| json!({ "at": fault.at, "message": fault.message }));
    let details = json!({
        "code": error.code().id,
        "help": error.help_text(),
        "faults": faults.collect::<Vec<_>>(),
    });
    let cause = Failure {
        metadata: [("type".to_owned(), REFUSAL.to_owned())].into(),
        details,
        ..Failure::new(error.code().title)
    };
    HandlerError { cause: Some(Box::new(cause)), ..HandlerError::new(kind(error), error.message()) }
}

/// The kind of a refusal: that of its status, unless the protocol has a better one.
fn kind(error: &Error) -> HandlerErrorKind {
    match error.code().http {
        422 | 413 | 415 => HandlerErrorKind::BadRequest,
        // What was asked of this server took too long somewhere behind it.
        504 => HandlerErrorKind::UpstreamTimeout,
        _ if error.code() == &code::STOPPING => HandlerErrorKind::Unavailable,
        status => HandlerErrorKind::of_status(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_kind_of_what_is_wrong_and_say_more_in_their_cause() {
        for (code, kind) in [
            (&code::INPUT_INVALID, HandlerErrorKind::BadRequest),
            (&code::ENDPOINT_UNKNOWN, HandlerErrorKind::NotFound),
            (&code::SERVICE_UNKNOWN, HandlerErrorKind::NotFound),
            (&code::CALLER_NOT_ALLOWED, HandlerErrorKind::Unauthorized),
            (&code::CREDENTIAL_INVALID, HandlerErrorKind::Unauthenticated),
            (&code::REQUEST_CONFLICT, HandlerErrorKind::Conflict),
            (&code::STOPPING, HandlerErrorKind::Unavailable),
            (&code::INTERNAL, HandlerErrorKind::Internal),
        ] {
            let error = refused(&Error::new(code, "m").help("h").fault("/a", "b"));
            assert_eq!(error.kind, kind, "{}", code.id);
            let cause = error.cause.unwrap();
            assert_eq!(cause.details["code"], code.id);
            assert_eq!(cause.details["faults"][0]["at"], "/a");
        }
    }

    #[test]
    fn an_operation_that_goes_on_is_promised_only_to_whoever_can_be_told() {
        let told = json!({ "state": "running", "token": "t", "links": [], "waited": true });
        assert_eq!(start(&told, true).unwrap().status(), 201);
        assert_eq!(start(&told, false).unwrap_err().kind, HandlerErrorKind::RequestTimeout);
        let told = json!({ "state": "running", "token": "t", "links": [] });
        assert_eq!(start(&told, false).unwrap().status(), 201);
    }
}
