//! Webhooks that are sent: an event is posted as `CloudEvents` 1.0 in JSON, signed as Standard Webhooks.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use nexus_gateway::Pipeline;
use nexus_gateway::breaker::Outcome;
use nexus_gateway::subscription::{Deliver, Undelivered};
use nexus_gateway::webhook::sign;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::event::Event;
use nexus_kernel::port::secret::Secrets;
use nexus_kernel::port::span::{Span, SpanKind};
use nexus_kernel::time::Timestamp;
use nexus_kernel::trace::{SpanId, TraceContext};
use nexus_kernel::{BoxFuture, Json};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::json;

use crate::config::subscription::WebhookConfig;
use crate::outbound::{host, tls, trace};
use crate::project::Project;

/// How long a target may take to answer, in seconds.
const ANSWER_SECONDS_MAX: u64 = 30;

/// One target.
pub(super) struct Webhook {
    client: Client,
    url: Url,
    headers: HeaderMap,
    secret: String,
    secrets: Arc<dyn Secrets>,
    clock: SharedClock,
    pipeline: Pipeline,
}

impl Webhook {
    /// The target of a section.
    pub(super) fn new(
        config: &WebhookConfig,
        project: &Project,
        (secrets, pipeline): (Arc<dyn Secrets>, &Pipeline),
    ) -> Result<Webhook, Error> {
        let wrong = |message: String| Error::new(&code::CONFIG_INVALID, message);
        let url = Url::parse(config.url.reveal())
            .map_err(|error| wrong(format!("{}: {error}", config.url.shown())))?;
        let builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("nexus/", env!("CARGO_PKG_VERSION")));
        let ca_file = project.config.http.ca_path(&project.root);
        let client = if url.scheme() == "https" {
            tls::secure(builder, ca_file.as_deref())
        } else {
            tls::plain(builder)
        };
        let client = client.map_err(|fault| Error::new(fault.code, fault.message))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let name = HeaderName::try_from(name).map_err(|_| wrong(format!("{name:?} is no header")))?;
            let value = HeaderValue::try_from(value.reveal())
                .map_err(|_| wrong(format!("the value of {name} is no value of a header")))?;
            headers.insert(name, value);
        }
        let (clock, pipeline) = (pipeline.clock().clone(), pipeline.clone());
        Ok(Webhook { client, url, headers, secret: config.secret.clone(), secrets, clock, pipeline })
    }
}

impl Deliver for Webhook {
    fn deliver(&self, namespace: &Namespace, event: &Event) -> BoxFuture<'static, Result<(), Undelivered>> {
        let body = event.to_json(namespace).to_string();
        let request = self.client.post(self.url.clone()).headers(self.headers.clone());
        let secret = self.secrets.secret(namespace, &self.secret);
        let (clock, id) = (self.clock.clone(), event.fact.id.clone());
        let host = host::target(self.url.as_str());
        let breakers = self.pipeline.breakers().cloned();
        // Every attempt is a span of its own in the trace of the event.
        let attempt = SpanId::of(&format!("{} {}", clock.now().micros(), self.url));
        let trace = self.pipeline.trace_of_event(namespace, event).map(|trace| trace.within(attempt));
        let parent = event.fact.trace.as_ref().map(|trace| trace.span);
        let pipeline = self.pipeline.clone();
        let request = match &trace {
            Some(trace) => trace::onto(request, trace),
            None => request,
        };
        Box::pin(async move {
            let resting =
                |wait| again("the target has failed too often and is left alone".to_owned(), Some(wait));
            let pass = breakers.map_or(Ok(None), |breakers| breakers.admit(host)).map_err(resting)?;
            let secret = secret.await.map_err(|error| again(error.message().to_owned(), None))?;
            let signed = sign(secret.reveal(), &id, clock.now(), body.as_bytes());
            let request = request
                .header("content-type", "application/cloudevents+json; charset=utf-8")
                .header("webhook-id", ascii(&signed.id))
                .header("webhook-timestamp", signed.timestamp)
                .header("webhook-signature", signed.signature)
                .body(body);
            let limit = clock.sleep_until(clock.now().plus(Duration::from_secs(ANSWER_SECONDS_MAX)));
            let begun = clock.now();
            let answer = tokio::select! {
                biased;
                answer = send(request) => answer,
                () = limit => Err(again(format!("no answer within {ANSWER_SECONDS_MAX} s"), None)),
            };
            if let Some(pass) = pass {
                pass.report(outcome(&answer));
            }
            if let Some(trace) = trace.filter(|trace| trace.is_sampled) {
                pipeline.spans().record(span((trace, parent), (begun, clock.now()), answer.is_err()));
            }
            answer
        })
    }

    fn describe(&self) -> Json {
        let mut shown = self.url.clone();
        // What is behind the path may be a key.
        shown.set_query(None);
        let _ = shown.set_password(None); // a URL that has none is what is wanted
        json!({ "kind": "webhook", "url": shown.as_str() })
    }
}

/// What a delivery says about the host: whoever refuses an event, or asks for patience, is there.
fn outcome(answer: &Result<(), Undelivered>) -> Outcome {
    match answer {
        Err(Undelivered { is_final: false, retry_after: None, .. }) => Outcome::Failure,
        Err(Undelivered { is_final: false, .. }) => Outcome::Unknown,
        _ => Outcome::Success,
    }
}

/// The span of an attempt. Attempts of one event are in one trace, whoever it goes to.
fn span(
    (context, parent): (TraceContext, Option<SpanId>),
    (started, ended): (Timestamp, Timestamp),
    has_failed: bool,
) -> Span {
    Span {
        name: "webhook delivery".to_owned(),
        kind: SpanKind::Producer,
        context,
        parent,
        started,
        ended,
        attributes: Vec::new(),
        failed: has_failed.then(|| "undelivered".to_owned()),
    }
}

/// Headers are bytes that not everybody reads as UTF-8.
fn ascii(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}

async fn send(request: RequestBuilder) -> Result<(), Undelivered> {
    let response = request.send().await.map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        again(format!("no answer{cause}"), None)
    })?;
    judge(&response)
}

/// 2xx is delivered. What is asked to come later, and faults of the target, are tried again; other answers are final.
fn judge(response: &Response) -> Result<(), Undelivered> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let message = format!("the target answers {}", status.as_u16());
    let later = matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error();
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let undelivered = again(message, seconds.map(Duration::from_secs));
    Err(Undelivered { is_final: !later, ..undelivered })
}

fn again(message: String, retry_after: Option<Duration>) -> Undelivered {
    Undelivered { message, is_final: false, retry_after }
}
