//! The request path, as a list one can read aloud: identify → find → authorise → limit → break → admit → validate →
//! join → audit → cache → once → execute → record.
//!
//! Every channel and every embedded caller comes through [`Pipeline::call`]. A channel differs in how it spells a
//! request and an answer, never in what is checked or done.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use nexus_kernel::access::Reach;
use nexus_kernel::call::{Answer, CallContext, Caller, Channel};
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::event::Event;
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::port::span::SharedSpans;
use nexus_kernel::trace::TraceContext;
use nexus_kernel::{BoxFuture, Json};

use crate::audit::AuditLog;
use crate::breaker::{Breakers, Pass};
use crate::cache::Cache;
use crate::identity::Auth;
use crate::limit::{Limiter, Seat};
use crate::metrics::Metrics;
use crate::policy::Borders;
use crate::request_id::RequestIds;
use crate::session::{self, Sessions};
use crate::stage::admit;
use crate::stage::audit::Witness;
use crate::stage::authorise::{self, Asking};
use crate::stage::breaker;
use crate::stage::cache;
use crate::stage::limit;
use crate::stage::once::{Keys, Turn};
use crate::stage::record::{Record, Told};
use crate::stage::trace::Traces;
use crate::stage::validate::Validators;

/// What is to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A verb of Nexus itself, for example `run.list`.
    Verb(&'a str),
    /// A workflow: `Name`, `namespace/Name` or `namespace.Name`.
    Workflow(&'a str),
}

impl<'a> Target<'a> {
    /// The name as the caller wrote it.
    pub fn name(self) -> &'a str {
        match self {
            Target::Verb(name) | Target::Workflow(name) => name,
        }
    }
}

/// The one way from a request to an answer. Cheap to clone; clones share the catalogue and compiled validators.
#[derive(Clone)]
pub struct Pipeline {
    catalogue: Catalogue,
    clock: SharedClock,
    request_ids: Arc<RequestIds>,
    validators: Arc<Validators>,
    keys: Option<Keys>,
    sessions: Option<Sessions>,
    auth: Option<Auth>,
    audit: Option<AuditLog>,
    limiter: Option<Limiter>,
    breakers: Option<Breakers>,
    borders: Borders,
    metrics: Metrics,
    traces: Traces,
    cache: Option<Cache>,
    secret: Arc<[u8; 32]>,
}

impl Pipeline {
    /// A pipeline to the operations of this catalogue, as they are at the moment of each call.
    pub fn new(catalogue: Catalogue, clock: SharedClock, rng: SharedRng) -> Pipeline {
        let request_ids = Arc::new(RequestIds::new(&*rng));
        let mut secret = [0; 32];
        rng.fill(&mut secret);
        let secret = Arc::new(secret);
        let (validators, metrics, traces) = (Arc::default(), Metrics::default(), Traces::new(&*rng));
        Pipeline {
            catalogue,
            clock,
            request_ids,
            validators,
            keys: None,
            sessions: None,
            auth: None,
            audit: None,
            limiter: None,
            breakers: None,
            borders: Borders::default(),
            metrics,
            traces,
            cache: None,
            secret,
        }
    }

    /// The same pipeline, which remembers the idempotency keys that were used. Without it a key is told to the operation
    /// and means what the operation makes of it.
    pub fn remembering(self, keys: Keys) -> Pipeline {
        Pipeline { keys: Some(keys), ..self }
    }

    /// The same pipeline, whose calls may belong to sessions. Without sessions every session is unknown.
    pub fn with_sessions(self, sessions: Sessions) -> Pipeline {
        Pipeline { sessions: Some(sessions), ..self }
    }

    /// The same pipeline, which minds who calls. Without authentication everybody may do everything.
    pub fn guarded(self, auth: Auth) -> Pipeline {
        Pipeline { auth: Some(auth), ..self }
    }

    /// The same pipeline, whose calls leave lines in an audit log.
    pub fn audited(self, audit: AuditLog) -> Pipeline {
        Pipeline { audit: Some(audit), ..self }
    }

    /// The same pipeline, which answers from memory what may be. Without it everything is carried out.
    pub fn caching(self, cache: Cache) -> Pipeline {
        Pipeline { cache: Some(cache), ..self }
    }

    /// The log that calls leave lines in.
    pub fn audit(&self) -> Option<&AuditLog> {
        self.audit.as_ref()
    }

    /// The same pipeline, which minds how often somebody calls.
    pub fn limited(self, limiter: Limiter) -> Pipeline {
        Pipeline { limiter: Some(limiter), ..self }
    }

    /// The same pipeline, which calls nothing for a while that has failed too often.
    pub fn breaking(self, breakers: Breakers) -> Pipeline {
        Pipeline { breakers: Some(breakers), ..self }
    }

    /// The same pipeline, which minds where callers are.
    pub fn bordered(self, borders: Borders) -> Pipeline {
        Pipeline { borders, ..self }
    }

    /// What decides whether somebody calls too often, when that matters.
    pub(crate) fn limiter(&self) -> Option<&Limiter> {
        self.limiter.as_ref()
    }

    /// What is left alone for a while because it fails, when that matters.
    pub fn breakers(&self) -> Option<&Breakers> {
        self.breakers.as_ref()
    }

    /// Where callers may be.
    pub(crate) fn borders(&self) -> &Borders {
        &self.borders
    }

    /// The same pipeline, which tells of every call that is traced.
    pub fn traced(self, spans: SharedSpans) -> Pipeline {
        Pipeline { traces: self.traces.to(spans), ..self }
    }

    /// Where what an event sets going stands in a trace, the same for all who follow it, however often: below whoever
    /// published it, or at the beginning of a trace when spans are kept.
    pub fn trace_of_event(&self, namespace: &Namespace, event: &Event) -> Option<TraceContext> {
        let name = || format!("event:{namespace}/{}", event.fact.id);
        event.fact.trace.clone().or_else(|| self.traces.of_name(&name()))
    }

    /// Where spans go.
    pub fn spans(&self) -> &SharedSpans {
        &self.traces.spans
    }

    /// What decides who somebody is, when that matters.
    pub fn auth(&self) -> Option<&Auth> {
        self.auth.as_ref()
    }

    /// What is counted of calls, and of everything else that is shown with it.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The operations that a caller may know of.
    pub fn seen_by(&self, caller: &Caller) -> Arc<Vec<Arc<Operation>>> {
        let snapshot = self.catalogue.snapshot();
        match self.narrowed(caller) {
            Some(caller) => authorise::seen(&snapshot, &caller),
            None if self.auth.is_some() => authorise::seen(&snapshot, caller),
            None => snapshot,
        }
    }

    /// The sessions that calls may belong to.
    pub fn sessions(&self) -> Option<&Sessions> {
        self.sessions.as_ref()
    }

    /// The operations that can be called.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The clock that calls are timed with.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Where request ids come from.
    pub fn request_ids(&self) -> &RequestIds {
        &self.request_ids
    }

    /// Chance that nobody else knows, for as long as this process lives.
    pub(crate) fn secret(&self) -> &[u8] {
        &*self.secret
    }

    /// A context with a new request id, for callers in this process, who may do everything.
    pub fn context(&self, channel: Channel) -> CallContext {
        let context = CallContext::new(channel, self.request_ids.generate().as_str());
        CallContext { caller: Caller::local(), ..context }
    }

    /// Carries out one call.
    ///
    /// It is boxed here, because channels hand what they wait for from one layer to the next, and it is large.
    pub fn call<'a>(
        &'a self,
        target: Target<'a>,
        input: Json,
        mut context: CallContext,
    ) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let (trace, parent) = self.traces.begin(context.trace.take());
            context.trace = trace;
            let told = Told { metrics: self.metrics.clone(), spans: Arc::clone(&self.traces.spans) };
            let mut record = Record::begin(target, &context, parent, (told, Arc::clone(&self.clock)));
            let begun = self.clock.now();
            let mut witness = Witness::of(self.audit.as_ref(), target, &input, &context, begun);
            let result = self.carry_out(target, input, context, (&mut record, &mut witness)).await;
            witness.ends(&result, self.clock.now());
            record.end(&result);
            result
        })
    }

    async fn carry_out(
        &self,
        target: Target<'_>,
        mut input: Json,
        mut context: CallContext,
        (record, witness): (&mut Record, &mut Witness),
    ) -> Result<Answer, Error> {
        context.caller = self.identify(context.caller)?;
        let found = self.find_allowed(target, &mut input, &mut context, record);
        // Whoever asks for what is not there, or not for them, is counted as well.
        let _seats = self.limit(found.as_deref().ok(), &input, &context).await?;
        let operation = found?;
        let pass = self.pass(&operation, &input)?;
        let result = self.perform(&operation, input, context, witness).await;
        if let Some(pass) = pass {
            let outcome = breaker::outcome(&result, pass.counted);
            pass.report(outcome);
        }
        result
    }

    /// Carries out a call that may be, as far as its input is right and it was not carried out before.
    async fn perform(
        &self,
        operation: &Arc<Operation>,
        input: Json,
        mut context: CallContext,
        witness: &mut Witness,
    ) -> Result<Answer, Error> {
        context.on_disconnect.get_or_insert(operation.contract.on_disconnect);
        admit::payload(&input, operation.input_bytes_max)?;
        self.validators.check(operation, &input)?;
        context.idempotency_key = context.idempotency_key.map(|key| context.caller.own(&key));
        let context = self.join(context).await?;
        witness.begins(operation, &input, &context, &self.catalogue).await?;
        let Some(cache) = &self.cache else { return self.once(operation, input, context).await };
        match cache::answer(cache, self, operation, &input, &context).await {
            Some(answered) => answered,
            None => self.once(operation, input, context).await.map(|it| cache::passed(it, operation)),
        }
    }

    /// Carries a call out, unless it repeats one that was.
    async fn once(&self, operation: &Operation, input: Json, context: CallContext) -> Result<Answer, Error> {
        let Some(keys) = &self.keys else { return execute(operation, input, context).await };
        match keys.claim(operation, &input, &context).await? {
            Turn::Free => execute(operation, input, context).await,
            Turn::Ours(claim) => keys.finish(claim, execute(operation, input, context).await).await,
            Turn::Done(answer) => Ok(*answer),
        }
    }

    /// The operation that a target names, once it is sure that the caller may have it done.
    fn find_allowed(
        &self,
        target: Target<'_>,
        input: &mut Json,
        context: &mut CallContext,
        record: &mut Record,
    ) -> Result<Arc<Operation>, Error> {
        let operation = self.find(target, &context.caller)?;
        record.found(&operation);
        let asking = Asking { caller: &context.caller, channel: context.channel, now: self.clock.now() };
        context.reach = authorise::authorise(&operation, input, asking)
            .map_err(|error| self.hidden(&operation, input, &context.caller).unwrap_or(error))?;
        if let Some(workflow) = self.governed(&operation, input) {
            authorise::mind(&workflow, &operation, input, asking)?;
        }
        Ok(operation)
    }

    /// Counts a call, where calls are limited. The places it takes are to be held until it has ended.
    async fn limit(
        &self,
        operation: Option<&Operation>,
        input: &Json,
        context: &CallContext,
    ) -> Result<Vec<Seat>, Error> {
        let counted = self.limiter.as_ref().filter(|limiter| limit::is_counted(limiter, context));
        let Some(limiter) = counted else { return Ok(Vec::new()) };
        let mut subject = limit::of_caller(&context.caller, self.auth.is_some());
        if let Some(operation) = operation {
            let started = self.started(operation, input);
            subject = limit::of_call(subject, operation, input, started.as_deref());
        }
        limit::admit(limiter, &subject, context).await
    }

    /// The workflow that a verb is to start.
    fn started(&self, operation: &Operation, input: &Json) -> Option<Arc<Operation>> {
        let name = limit::started(operation, input)?;
        self.find_workflow(&name, &Reach::everything()).ok()
    }

    /// The workflow whose policy a call has to keep: the one that is called, that a verb starts, or that a schedule is to start.
    fn governed(&self, operation: &Arc<Operation>, input: &Json) -> Option<Arc<Operation>> {
        if operation.is_workflow() {
            return Some(Arc::clone(operation));
        }
        let Some(name) = authorise::scheduled(operation, input) else {
            return self.started(operation, input);
        };
        let namespace = input.get("namespace").and_then(Json::as_str).filter(|_| !name.contains('/'));
        let name = namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
        self.find_workflow(&name, &Reach::everything()).ok()
    }

    /// Passes the breaker of the workflow that is called, or that a verb is to start; nothing where there is none.
    fn pass(&self, operation: &Operation, input: &Json) -> Result<Option<Pass>, Error> {
        let Some(breakers) = self.breakers.as_ref().filter(|breakers| breakers.mind_workflows()) else {
            return Ok(None);
        };
        if operation.is_workflow() {
            return breaker::admit(breakers, operation);
        }
        self.started(operation, input).map_or(Ok(None), |workflow| breaker::admit(breakers, &workflow))
    }

    /// One more page of what a call has begun to follow. It minds who asks as every call does - keys are revoked while
    /// streams are open - and writes no line of its own.
    pub(crate) async fn page(
        &self,
        operation: &Operation,
        mut input: Json,
        mut context: CallContext,
    ) -> Result<Json, Error> {
        context.caller = self.identify(context.caller)?;
        let asking = Asking { caller: &context.caller, channel: context.channel, now: self.clock.now() };
        context.reach = authorise::authorise(operation, &mut input, asking)?;
        Ok(execute(operation, input, context).await?.output)
    }

    /// Lets a call into the session that it names, when its caller may use that.
    async fn join(&self, mut context: CallContext) -> Result<CallContext, Error> {
        if let Some(id) = &context.session {
            let sessions = self.sessions.as_ref().ok_or_else(|| session::unknown(id))?;
            context.session_namespace = Some(sessions.enter(&context.caller, id).await?);
        }
        Ok(context)
    }

    /// Says who calls: whoever the channel found out, if that still holds. While authentication is off it is somebody on
    /// this machine, whatever a channel believes.
    fn identify(&self, caller: Caller) -> Result<Caller, Error> {
        let caller = match &self.auth {
            None => Caller::local().at(caller.address),
            Some(auth) => auth.confirm(caller)?,
        };
        Ok(self.narrowed(&caller).unwrap_or(caller))
    }

    /// The same caller without the namespaces that are closed to where they are. Nothing when none is.
    fn narrowed(&self, caller: &Caller) -> Option<Caller> {
        self.borders.narrow(caller, &self.catalogue)
    }

    /// The operation that a target names now, among those that the caller may know of.
    pub fn find(&self, target: Target<'_>, caller: &Caller) -> Result<Arc<Operation>, Error> {
        match target {
            Target::Verb(name) => self.catalogue.verb(name),
            Target::Workflow(name) => self.find_workflow(name, &self.sight(caller)),
        }
    }

    /// What a refusal becomes that would tell of a workflow which the caller may not know of: the same as for a name that
    /// nobody uses.
    fn hidden(&self, operation: &Operation, input: &Json, caller: &Caller) -> Option<Error> {
        let name = authorise::workflow_of(operation, input)?;
        self.find_workflow(&name, &self.sight(caller)).err()
    }

    /// The workflows that a caller may know of.
    fn sight(&self, caller: &Caller) -> Reach {
        match self.narrowed(caller) {
            Some(caller) => authorise::sight(&caller),
            None if self.auth.is_some() => authorise::sight(caller),
            None => Reach::everything(),
        }
    }

    /// A name is looked up as it stands first, because a workflow's own name may hold a dot.
    fn find_workflow(&self, name: &str, sight: &Reach) -> Result<Arc<Operation>, Error> {
        let error = match self.catalogue.workflow_in(name, sight) {
            Err(error) if error.code() == &code::WORKFLOW_UNKNOWN => error,
            found => return found,
        };
        match name.rsplit_once('.') {
            Some((namespace, bare)) => self.catalogue.workflow_in(&format!("{namespace}/{bare}"), sight),
            None => Err(error),
        }
    }
}

/// Runs the handler. A panic in it is a fault of ours and ends this call only.
pub(crate) async fn execute(
    operation: &Operation,
    input: Json,
    context: CallContext,
) -> Result<Answer, Error> {
    let work = AssertUnwindSafe(async { operation.handler.call(input, context).await });
    work.catch_unwind().await.unwrap_or_else(|_| {
        Err(Error::internal(format!("the handler of {} stopped unexpectedly", operation.id())))
    })
}
