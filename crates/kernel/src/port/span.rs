//! Spans: what happened in a trace, for systems that show traces.

use std::sync::Arc;

use crate::time::Timestamp;
use crate::trace::{SpanId, TraceContext, TraceId};

/// What kind of work a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Work inside.
    Internal,
    /// An answer to somebody's request.
    Server,
    /// A request to somebody.
    Client,
    /// Something handed on, which is taken up later.
    Producer,
    /// Something taken up that was handed on before.
    Consumer,
}

/// Something that has happened, from beginning to end.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// What it was, with few different values: `run Checkout`.
    pub name: String,
    /// What kind of work.
    pub kind: SpanKind,
    /// Its trace and its own id.
    pub context: TraceContext,
    /// What it was part of.
    pub parent: Option<SpanId>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Facts, none of them secret: no inputs, no outputs, no messages.
    pub attributes: Vec<(&'static str, String)>,
    /// The code or type of what went wrong.
    pub failed: Option<String>,
}

/// The port: where spans go. It never waits and never fails; what there is no room for is counted and lost.
pub trait Spans: Send + Sync {
    /// Whether spans go anywhere.
    fn is_on(&self) -> bool;

    /// Whether a trace that begins here is to be kept.
    fn samples(&self, trace: TraceId) -> bool;

    /// Whether spans of a trace that others have begun are to be kept.
    fn continues(&self, context: &TraceContext) -> bool;

    /// Hands a span on, when its trace is to be kept.
    fn record(&self, span: Span);
}

/// The beginning of a trace that follows from a name, so that it is the same whenever it is asked for; nothing while spans
/// go nowhere.
pub fn root(spans: &dyn Spans, name: &str) -> Option<TraceContext> {
    let trace = TraceId::of(name);
    spans.is_on().then(|| TraceContext {
        trace,
        span: SpanId::of(name),
        is_sampled: spans.samples(trace),
        state: None,
    })
}

/// Spans as parts hold them.
pub type SharedSpans = Arc<dyn Spans>;

/// Nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSpans;

impl Spans for NoSpans {
    fn is_on(&self) -> bool {
        false
    }

    fn samples(&self, _: TraceId) -> bool {
        false
    }

    fn continues(&self, context: &TraceContext) -> bool {
        context.is_sampled
    }

    fn record(&self, _: Span) {}
}
