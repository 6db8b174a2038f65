//! Requests of Nexus RPC as the engine takes them, and what they are answered with, for simulated worlds, which have no
//! gateway: a server's gateway takes them by verbs. Compiled with the feature `testing` only.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::runs::RunStatus;
use nexus_rpc::{Completion, HandlerError, HandlerErrorKind, Outcome, StartAnswer, StartRequest};

use crate::engine::EngineHandle;
use crate::failures;
use crate::nexus::failure;
use crate::nexus::outside::{link, links_of};
use crate::nexus::serve::{OperationRun, OperationStart};
use crate::record::{Callback, CallerInfo};

impl OperationStart {
    /// What a request asks for, through an endpoint and in the name of a caller who is none of this project.
    ///
    /// # Errors
    ///
    /// The input calls itself JSON and is none.
    pub fn of_request(
        request: StartRequest,
        endpoint: &str,
        caller: CallerInfo,
    ) -> Result<OperationStart, HandlerError> {
        let input = request
            .content
            .to_value()
            .map_err(|why| HandlerError::new(HandlerErrorKind::BadRequest, format!("the input: {why}")))?;
        Ok(OperationStart {
            endpoint: endpoint.to_owned(),
            service: request.service,
            operation: request.operation,
            input,
            caller,
            is_outside: true,
            request_id: request.request_id,
            callback: request.callback.map(|it| Callback { url: it.url, headers: it.headers }),
            timeout: request.operation_timeout,
            links: links_of(request.links),
            trace: None,
        })
    }
}

impl OperationRun {
    /// What whoever started it is told: its end, or the promise of it.
    pub fn answer(&self) -> StartAnswer {
        let links = vec![link(&self.key, self.run_id.as_str())];
        match &self.outcome {
            None => StartAnswer::Started { token: self.token.clone(), links },
            Some(outcome) if outcome.status == RunStatus::Completed => {
                StartAnswer::Done { content: nexus_rpc::Content::of_value(&outcome.result), links }
            }
            Some(outcome) => {
                let why = failures::of_closed(outcome.status, outcome.failure.as_ref());
                StartAnswer::Ended(failure::ended(&why))
            }
        }
    }
}

impl EngineHandle {
    /// Takes a completion as Nexus RPC brings it.
    ///
    /// # Errors
    ///
    /// As for [`EngineHandle::complete_operation`], or the result calls itself JSON and is none.
    pub async fn take_completion(&self, completion: Completion) -> Result<(), Error> {
        let outcome = match &completion.outcome {
            Outcome::Done(content) => {
                Ok(content.to_value().map_err(|why| Error::new(&code::INPUT_INVALID, why.to_string()))?)
            }
            Outcome::Ended(error) => Err(failure::of_ended(error)),
        };
        let links = links_of(completion.links);
        self.complete_operation(&completion.headers, (completion.token, links), outcome).await
    }
}

/// What a request is answered with that is refused.
pub fn refusal(error: &Error) -> HandlerError {
    let kind = HandlerErrorKind::of_status(error.code().http);
    // Somebody else goes on with the work of a server that is stopping.
    let is_passing = [&code::STOPPING, &code::DATA_IN_USE].contains(&error.code());
    let kind = if is_passing { HandlerErrorKind::Unavailable } else { kind };
    let faults = error.faults().iter().map(|fault| format!("{}: {}", fault.at, fault.message));
    let faults: Vec<String> = faults.collect();
    let message = if faults.is_empty() {
        error.message().to_owned()
    } else {
        format!("{} ({})", error.message(), faults.join("; "))
    };
    HandlerError::new(kind, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_its_code_says_and_whether_to_try_again() {
        for (code, kind, again) in [
            (&code::CALLER_NOT_ALLOWED, HandlerErrorKind::Unauthorized, false),
            (&code::SERVICE_UNKNOWN, HandlerErrorKind::NotFound, false),
            (&code::OPERATION_ENDED, HandlerErrorKind::NotFound, false),
            (&code::REQUEST_CONFLICT, HandlerErrorKind::Conflict, false),
            (&code::INPUT_INVALID, HandlerErrorKind::BadRequest, false),
            (&code::CALLBACK_REFUSED, HandlerErrorKind::Unauthenticated, false),
            (&code::QUOTA_REACHED, HandlerErrorKind::ResourceExhausted, true),
            (&code::STOPPING, HandlerErrorKind::Unavailable, true),
            (&code::DATA_IN_USE, HandlerErrorKind::Unavailable, true),
        ] {
            let refused = refusal(&Error::new(code, "m"));
            assert_eq!((&refused.kind, refused.is_retryable()), (&kind, again), "{}", code.id);
        }
        let error = Error::new(&code::INPUT_INVALID, "it does not fit").fault("x", "no number");
        assert_eq!(refusal(&error).message, "it does not fit (x: no number)");
    }
}
