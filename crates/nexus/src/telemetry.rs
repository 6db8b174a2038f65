//! Traces on their way out: spans are sent to a collector as OTLP over HTTP, in JSON.
//!
//! Whoever has a span never waits: there is room for so many, and what there is no room for is counted and lost. A
//! collector that is slow or gone costs that and nothing else.

mod setting;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_gateway::metrics::declared::TRACE_SPANS;
use nexus_gateway::metrics::{Page, Source};
use nexus_kernel::BoxFuture;
use nexus_kernel::error::Error;
use nexus_kernel::meter::Counter;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::span::{Span, Spans};
use nexus_kernel::task;
use nexus_kernel::trace::{TraceContext, TraceId};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::client::place::env;
use crate::outbound::tls;
use crate::project::Project;
use setting::Setting;
use setting::sampler::Sampler;

/// Spans that wait to be sent; further ones are lost.
const SPANS_WAITING_MAX: usize = 4_096;

/// Spans of one message to the collector.
const SPANS_BATCH_MAX: usize = 512;

/// How long the first span of a message waits for others, in milliseconds.
const BATCH_MILLIS: u64 = 1_000;

/// How long the collector may take to answer, in seconds.
const ANSWER_SECONDS_MAX: u64 = 10;

/// How long a message that the collector asks to send again waits, in milliseconds. It is sent again once.
const AGAIN_MILLIS: u64 = 2_000;

/// How long what is left may take when the server stops, in seconds.
const LAST_SECONDS_MAX: u64 = 3;

/// Whether this is the address of a collector.
pub(crate) fn check_url(name: &str, text: &str) -> Result<(), Error> {
    setting::url(name, text).map(drop)
}

/// Whether traces of a project are sent somewhere, as the file and the environment say.
pub(crate) fn is_exported(project: &Project) -> Result<bool, Error> {
    let setting = Setting::of(&project.config.telemetry, &project.name(), &|name: &str| env(name))?;
    Ok(setting.is_some())
}

/// Traces that are sent somewhere.
pub(crate) struct Exporter {
    sampler: Sampler,
    /// Taken when the server stops.
    waiting: Mutex<Option<mpsc::Sender<Span>>>,
    counts: Arc<Counts>,
    sending: Mutex<Option<JoinHandle<()>>>,
    clock: SharedClock,
}

#[derive(Default)]
struct Counts {
    exported: Counter,
    dropped: Counter,
}

/// The way to the collector.
struct Way {
    client: Client,
    setting: Setting,
    clock: SharedClock,
    counts: Arc<Counts>,
}

impl Exporter {
    /// What a project and the environment want; nothing when they name no collector.
    pub(crate) fn open(project: &Project, clock: &SharedClock) -> Result<Option<Arc<Exporter>>, Error> {
        let environment = |name: &str| env(name);
        let name = project.name();
        let Some(setting) = Setting::of(&project.config.telemetry, &name, &environment)? else {
            return Ok(None);
        };
        let builder = Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = if setting.endpoint.scheme() == "https" {
            tls::secure(builder, project.config.http.ca_path(&project.root).as_deref())
        } else {
            tls::plain(builder)
        };
        let client = client.map_err(|fault| Error::new(fault.code, fault.message))?;
        let counts = Arc::<Counts>::default();
        let (sender, receiver) = mpsc::channel(SPANS_WAITING_MAX);
        let sampler = setting.sampler;
        let way = Way { client, setting, clock: Arc::clone(clock), counts: Arc::clone(&counts) };
        let sending = Mutex::new(Some(task::spawn(way.send_all(receiver))));
        let (waiting, clock) = (Mutex::new(Some(sender)), Arc::clone(clock));
        Ok(Some(Arc::new(Exporter { sampler, waiting, counts, sending, clock })))
    }

    /// Sends what is left, for a while.
    pub(crate) async fn close(&self) {
        drop(self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take());
        let sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(sending) = sending else { return };
        let limit = self.clock.sleep_until(self.clock.now().plus(Duration::from_secs(LAST_SECONDS_MAX)));
        tokio::select! {
            biased;
            _ = sending => {}
            () = limit => {}
        }
    }
}

impl Spans for Exporter {
    fn is_on(&self) -> bool {
        true
    }

    fn samples(&self, trace: TraceId) -> bool {
        self.sampler.samples(trace)
    }

    fn continues(&self, context: &TraceContext) -> bool {
        self.sampler.continues(context)
    }

    fn record(&self, span: Span) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.as_ref().is_none_or(|waiting| waiting.try_send(span).is_err()) {
            self.counts.dropped.one();
        }
    }
}

impl Source for Exporter {
    fn show<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        page.count(&TRACE_SPANS, &["exported"], self.counts.exported.get());
        page.count(&TRACE_SPANS, &["dropped"], self.counts.dropped.get());
        Box::pin(std::future::ready(()))
    }
}

impl Way {
    /// Sends spans in batches, until there can be no more.
    async fn send_all(self, mut receiver: mpsc::Receiver<Span>) {
        let mut is_told = false;
        loop {
            let mut batch = Vec::with_capacity(SPANS_BATCH_MAX);
            if receiver.recv_many(&mut batch, SPANS_BATCH_MAX).await == 0 {
                return;
            }
            self.gather(&mut receiver, &mut batch).await;
            let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            match self.send(&batch).await {
                Ok(()) => {
                    self.counts.exported.add(count);
                    is_told = false;
                }
                Err(reason) => {
                    self.counts.dropped.add(count);
                    // Once is enough: a collector that is down is down for many batches.
                    if !is_told {
                        tracing::warn!(reason, "spans cannot be sent to the collector");
                    }
                    is_told = true;
                }
            }
        }
    }

    /// Waits a moment for more spans, unless the batch is full or there can be no more.
    async fn gather(&self, receiver: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
        let until = self.clock.sleep_until(self.clock.now().plus(Duration::from_millis(BATCH_MILLIS)));
        let more = async {
            while batch.len() < SPANS_BATCH_MAX
                && receiver.recv_many(batch, SPANS_BATCH_MAX - batch.len()).await > 0
            {}
        };
        tokio::select! {
            biased;
            () = more => {}
            () = until => {}
        }
    }

    /// Sends a batch, and once more when the collector asks for it.
    async fn send(&self, batch: &[Span]) -> Result<(), String> {
        let body = wire::request(&self.setting.resource, batch);
        let first = self.post(&body).await;
        if first == Ok(StatusCode::TOO_MANY_REQUESTS) || first.as_ref().is_ok_and(StatusCode::is_server_error)
        {
            self.clock.sleep_until(self.clock.now().plus(Duration::from_millis(AGAIN_MILLIS))).await;
            return judge(self.post(&body).await);
        }
        judge(first)
    }

    async fn post(&self, body: &str) -> Result<StatusCode, String> {
        let request = self.client.post(self.setting.endpoint.clone()).headers(self.setting.headers.clone());
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_owned());
        let limit = self.clock.sleep_until(self.clock.now().plus(Duration::from_secs(ANSWER_SECONDS_MAX)));
        tokio::select! {
            biased;
            answer = request.send() => match answer {
                Ok(response) => Ok(response.status()),
                // The address may hold a key, so it is not told.
                Err(error) => Err(if error.is_connect() { "nobody answers there" } else { "the connection broke" }.to_owned()),
            },
            () = limit => Err(format!("no answer within {ANSWER_SECONDS_MAX} s")),
        }
    }
}

fn judge(answer: Result<StatusCode, String>) -> Result<(), String> {
    match answer? {
        status if status.is_success() => Ok(()),
        status => Err(format!("the collector answers {}", status.as_u16())),
    }
}
