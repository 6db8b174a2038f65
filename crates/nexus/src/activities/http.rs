//! Activities as HTTP services: an attempt is a POST, its answer the result.

use std::time::Duration;

use nexus_gateway::breaker::{Breakers, Outcome};
use nexus_kernel::Json;
use nexus_kernel::activity::{ActivityTask, Completion};
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::limits::PAYLOAD_BYTES_MAX;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::time::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};

use crate::activities::message::{Told, request};
use crate::config::activity::ActivityConfig;
use crate::outbound::tls::{self, Fault};
use crate::outbound::trace;
use crate::outbound::{self, host};
use crate::project::Project;

/// Longest wait that a service can ask for, in seconds: a week.
const RETRY_AFTER_SECONDS_MAX: u64 = 7 * 24 * 3_600;

/// One service.
#[derive(Debug, Clone)]
pub(crate) struct HttpActivity {
    client: Result<Client, Fault>,
    url: String,
    headers: HeaderMap,
    timeout_ms: Option<u64>,
    completes_async: bool,
}

impl HttpActivity {
    /// A service as it is configured; the configuration has been checked.
    pub(crate) fn new(client: &Result<Client, Fault>, config: &ActivityConfig) -> HttpActivity {
        HttpActivity {
            client: client.clone(),
            url: config.url.as_ref().map(|url| url.reveal().to_owned()).unwrap_or_default(),
            headers: outbound::headers(&config.headers),
            timeout_ms: config.timeout_ms,
            completes_async: config.completes_async,
        }
    }

    /// A client that follows no redirections: an attempt goes where the project says. The system's authorities are read
    /// only when somebody is called by `https`; what is wrong with them is said by the attempts that need them.
    pub(crate) fn client(project: &Project) -> Result<Client, Fault> {
        let builder = Client::builder().redirect(reqwest::redirect::Policy::none());
        if !project.config.activities.values().any(ActivityConfig::is_secure) {
            return tls::plain(builder);
        }
        let made = tls::secure(builder, project.config.http.ca_path(&project.root).as_deref());
        made.inspect_err(|fault| tracing::warn!(code = fault.code.id, "{}", fault.advice()))
    }

    /// One attempt. A host that fails too often is not asked: the next attempt comes when its breaker lets it.
    pub(crate) async fn execute(
        &self,
        task: ActivityTask,
        input: Json,
        (clock, breakers): (&SharedClock, Option<&Breakers>),
    ) -> Result<Completion, Failure> {
        let pass = match breakers {
            Some(breakers) => breakers.admit(host::target(&self.url)).map_err(resting)?,
            None => None,
        };
        let (done, outcome) = self.ask(task, input, clock).await;
        if let Some(pass) = pass {
            pass.report(outcome);
        }
        done
    }

    /// The answer, and what it says about the host.
    async fn ask(
        &self,
        task: ActivityTask,
        input: Json,
        clock: &SharedClock,
    ) -> (Result<Completion, Failure>, Outcome) {
        let work = self.post(&task, input, clock);
        let Some(timeout) = self.timeout_ms else { return work.await };
        let limit = clock.now().plus(Duration::from_millis(timeout));
        tokio::select! {
            biased;
            done = work => done,
            () = clock.sleep_until(limit) => {
                let message = format!("the service did not answer within {timeout} ms");
                (Err(Failure::new(FailureKind::Timeout, Failure::START_TO_CLOSE, message)), Outcome::Failure)
            }
        }
    }

    async fn post(
        &self,
        task: &ActivityTask,
        input: Json,
        clock: &SharedClock,
    ) -> (Result<Completion, Failure>, Outcome) {
        match self.send(task, input).await {
            Ok(response) => {
                let outcome = judge(response.status());
                (self.read(response, clock).await, outcome)
            }
            Err(failure) => (Err(failure), Outcome::Failure),
        }
    }

    async fn send(&self, task: &ActivityTask, input: Json) -> Result<Response, Failure> {
        let client = self.client.as_ref().map_err(Fault::failure)?;
        let call = client.post(&self.url).headers(self.headers.clone());
        let call = call.header("idempotency-key", task.idempotency_key()).json(&request(task, input));
        let call = match &task.trace {
            Some(trace) => trace::onto(call, trace),
            None => call,
        };
        call.send().await.map_err(|error| unreachable(&error))
    }

    async fn read(&self, response: Response, clock: &SharedClock) -> Result<Completion, Failure> {
        let status = response.status();
        let asked = retry_after(response.headers(), clock.now());
        let body = body(response).await?;
        if !status.is_success() {
            return Err(refused(status, asked, &body));
        }
        if self.completes_async || status == StatusCode::ACCEPTED {
            return Ok(Completion::Later);
        }
        if body.is_empty() {
            return Ok(Completion::Done(Json::Null));
        }
        serde_json::from_slice(&body).map(Completion::Done).map_err(|error| {
            Failure::application("InvalidResponse", format!("the service's answer is not JSON: {error}"))
        })
    }
}

/// What an answer says about the host: whoever refuses a request is there, and whoever asks for patience is not broken.
fn judge(status: StatusCode) -> Outcome {
    if status.is_server_error() {
        Outcome::Failure
    } else if status == StatusCode::TOO_MANY_REQUESTS {
        Outcome::Unknown
    } else {
        Outcome::Success
    }
}

/// The host is not asked. The attempt is spent, and the next one waits until the host may be asked again.
fn resting(wait: Duration) -> Failure {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    Failure::application("ServiceResting", "the service has failed too often and is left alone for a while")
        .retry_in_ms(Some(wait_ms))
}

/// The request did not get through; another one may.
fn unreachable(error: &reqwest::Error) -> Failure {
    if let Some(fault) = tls::fault(error) {
        return fault.failure();
    }
    let (type_name, why) = if error.is_connect() {
        ("ServiceUnreachable", "nobody answers there")
    } else {
        ("ServiceUnreachable", "the connection broke")
    };
    Failure::application(type_name, format!("the service cannot be reached: {why}"))
}

async fn body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if bytes.len() + chunk.len() > PAYLOAD_BYTES_MAX {
            let message = format!("the service's answer has more than {PAYLOAD_BYTES_MAX} bytes");
            return Err(Failure::application("ResultTooLarge", message).final_());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// A status that is no success: what was wrong with the request is final, all else may pass.
fn refused(status: StatusCode, retry_after_ms: Option<u64>, body: &[u8]) -> Failure {
    let code = status.as_u16();
    let may_pass = status.is_server_error() || matches!(code, 408 | 425 | 429);
    let usual = Failure {
        non_retryable: !may_pass,
        ..Failure::application(format!("HttpStatus{code}"), format!("the service answered with {status}"))
    };
    let usual = usual.retry_in_ms(retry_after_ms);
    let said = serde_json::from_slice::<Json>(body).ok().map(|mut said| {
        let nested =
            ["failure", "error"].into_iter().find(|field| said.get(field).is_some_and(Json::is_object));
        nested.and_then(|field| said.get_mut(field)).map(Json::take).unwrap_or(said)
    });
    said.and_then(Told::read).unwrap_or_default().failure(usual)
}

/// How long the service asks to wait, in milliseconds: a number of seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse().ok().or_else(|| {
        let at = http_date(text)?;
        Some(u64::try_from(at.saturating_sub(now.millis()).max(0)).unwrap_or(0).div_ceil(1_000))
    })?;
    Some(seconds.min(RETRY_AFTER_SECONDS_MAX) * 1_000)
}

/// Milliseconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that servers may send.
fn http_date(text: &str) -> Option<i64> {
    let (_, date) = text.split_once(", ")?;
    let mut words = date.split(' ');
    let (day, month, year, time, zone) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|name| *name == month)? + 1;
    let text = (zone == "GMT").then(|| format!("{year}-{month:02}-{day}T{time}Z"))?;
    Timestamp::parse(&text).map(Timestamp::millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_say_whether_to_try_again() {
        for (code, last) in
            [(400, true), (404, true), (302, true), (408, false), (429, false), (500, false), (503, false)]
        {
            let failure = refused(StatusCode::from_u16(code).unwrap(), None, b"<html>");
            assert_eq!((failure.non_retryable, failure.type_name), (last, format!("HttpStatus{code}")));
        }
        let said = refused(
            StatusCode::BAD_GATEWAY,
            Some(5),
            br#"{"error":{"type":"Declined","non_retryable":true}}"#,
        );
        assert_eq!((said.type_name.as_str(), said.non_retryable), ("Declined", true));
        assert_eq!(said.next_retry_delay_ms(), Some(5));
    }

    #[test]
    fn waits_are_seconds_or_dates() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, reqwest::header::HeaderValue::from_str(text).unwrap());
            retry_after(&headers, Timestamp::from_millis(784_111_777_000 - 30_000))
        };
        assert_eq!(wait("120"), Some(120_000));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(30_000));
        assert_eq!(wait("Sun, 06 Nov 1990 08:49:37 GMT"), Some(0));
        assert_eq!(wait("99999999999"), Some(RETRY_AFTER_SECONDS_MAX * 1_000));
        assert_eq!(wait("soon"), None);
    }
}
