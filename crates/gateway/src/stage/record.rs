//! The record of a call: one line in the log for each, at level info, and its place in the metrics.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::cache::Cached;
use nexus_kernel::call::{Answer, CallContext, Channel};
use nexus_kernel::error::Error;
use nexus_kernel::meter::Held;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::span::{SharedSpans, Span, SpanKind};
use nexus_kernel::time::Timestamp;
use nexus_kernel::trace::{SpanId, TraceContext};

use crate::metrics::{Metrics, OTHER};
use crate::pipeline::Target;

/// The status of a call whose caller went away before there was an answer.
const GONE: &str = "gone";

/// Who is told of calls.
pub(crate) struct Told {
    pub(crate) metrics: Metrics,
    pub(crate) spans: SharedSpans,
}

/// What is known of a call from its beginning. It is written down once: when the call ends, or is given up.
pub(crate) struct Record {
    channel: Channel,
    name: String,
    request_id: String,
    caller: Arc<str>,
    trace: Option<TraceContext>,
    parent: Option<SpanId>,
    started: Timestamp,
    operation: Option<Arc<Operation>>,
    told: Told,
    clock: SharedClock,
    is_open: bool,
    _in_flight: Held,
}

impl Record {
    /// Notes that a call begins.
    pub(crate) fn begin(
        target: Target<'_>,
        context: &CallContext,
        parent: Option<SpanId>,
        (told, clock): (Told, SharedClock),
    ) -> Record {
        Record {
            channel: context.channel,
            name: target.name().to_owned(),
            request_id: context.request_id.clone(),
            caller: Arc::clone(&context.caller.identity),
            trace: context.trace.clone(),
            parent,
            started: clock.now(),
            operation: None,
            is_open: true,
            _in_flight: told.metrics.calls().in_flight.hold(),
            told,
            clock,
        }
    }

    /// Notes which operation is meant.
    pub(crate) fn found(&mut self, operation: &Arc<Operation>) {
        self.operation = Some(Arc::clone(operation));
    }

    /// Writes it down. Neither inputs nor messages go into it: they may hold what only the caller should see.
    pub(crate) fn end(mut self, result: &Result<Answer, Error>) {
        let failed = result.as_ref().err().map(|error| error.code().id);
        let run = match result {
            Ok(answer) => answer.run.as_ref().map(|run| run.run_id.as_str()),
            Err(error) => error.run_id().map(nexus_kernel::id::RunId::as_str),
        };
        if result.as_ref().is_ok_and(|answer| answer.replayed) {
            self.told.metrics.calls().replayed.one();
        }
        let cached = result.as_ref().ok().and_then(|answer| answer.cached).map(Cached::word);
        self.write(failed, run, cached);
    }

    fn write(&mut self, failed: Option<&'static str>, run: Option<&str>, cached: Option<&'static str>) {
        self.is_open = false;
        let now = self.clock.now();
        let took: Duration = now.since(self.started);
        self.trace(failed, run, now);
        self.told.metrics.ended(self.channel, self.operation.as_deref(), (failed, took));
        let namespace = self.operation.as_ref().and_then(|operation| operation.namespace.as_ref());
        tracing::info!(
            channel = %self.channel,
            operation = self.name,
            namespace = namespace.map(nexus_kernel::id::Namespace::as_str),
            status = failed.unwrap_or("ok"),
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            request_id = self.request_id,
            trace_id = self.trace.as_ref().map(|trace| tracing::field::display(trace.trace)),
            span_id = self.trace.as_ref().map(|trace| tracing::field::display(trace.span)),
            caller = &*self.caller,
            run,
            cached,
            "call"
        );
    }
}

impl Record {
    /// The span of the call. Only names that are deployed are told: whatever else was named is the caller's.
    fn trace(&self, failed: Option<&'static str>, run: Option<&str>, ended: Timestamp) {
        let Some(context) = self.trace.as_ref().filter(|it| it.is_sampled && self.told.spans.is_on()) else {
            return;
        };
        let mut attributes = vec![
            ("nexus.channel", self.channel.to_string()),
            ("nexus.request_id", self.request_id.clone()),
            ("nexus.status", failed.unwrap_or("ok").to_owned()),
        ];
        if let Some(namespace) = self.operation.as_ref().and_then(|it| it.namespace.as_ref()) {
            attributes.push(("nexus.namespace", namespace.to_string()));
        }
        attributes.extend(run.map(|run| ("nexus.run_id", run.to_owned())));
        self.told.spans.record(Span {
            name: self.operation.as_ref().map_or(OTHER, |it| it.name.as_str()).to_owned(),
            kind: SpanKind::Server,
            context: context.clone(),
            parent: self.parent,
            started: self.started,
            ended,
            attributes,
            failed: failed.map(str::to_owned),
        });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.is_open {
            self.write(Some(GONE), None, None);
        }
    }
}
