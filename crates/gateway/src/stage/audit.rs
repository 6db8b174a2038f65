//! Auditing: the lines that a call leaves, before it is carried out and after.

use std::net::IpAddr;

use nexus_kernel::Json;
use nexus_kernel::call::{Answer, CallContext, Caller, Channel, Proof};
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId};
use nexus_kernel::operation::Operation;
use nexus_kernel::redact::redact;
use nexus_kernel::time::Timestamp;
use ring::digest::{SHA256, digest};

use crate::audit::{AuditLog, CallLine, What};
use crate::limits::{AUDIT_INPUT_BYTES_MAX, AUDIT_TEXT_BYTES_MAX};
use crate::pipeline::Target;
use crate::stage::authorise::workflow_of;

/// What the log learns of one call. Without a log it learns nothing.
pub(crate) struct Witness(Option<Box<Seen>>);

struct Seen {
    log: AuditLog,
    line: CallLine,
    address: Option<IpAddr>,
    started: Timestamp,
    stage: Stage,
}

#[derive(PartialEq)]
enum Stage {
    /// It may still be refused.
    Asked,
    /// Its first line is on its way.
    Begun,
    /// Nothing more is to be written.
    Done,
}

impl Witness {
    /// Notes what is known of a call before anything was looked at.
    pub(crate) fn of(
        log: Option<&AuditLog>,
        target: Target<'_>,
        input: &Json,
        context: &CallContext,
        now: Timestamp,
    ) -> Witness {
        Witness(log.map(|log| {
            let mut line = line_of(&context.caller, context.channel, &context.request_id);
            line.operation = Some(bounded(target.name()));
            line.namespace = named(target, input);
            line.session = context.session.as_ref().map(|session| session.as_str().to_owned());
            line.key_hash = context.idempotency_key.as_deref().map(|key| hash(&context.caller.own(key)));
            line.workflow_id = context.workflow_id.as_ref().map(|id| bounded(id.as_str()));
            let (address, log) = (context.caller.address, log.clone());
            Box::new(Seen { log, line, address, started: now, stage: Stage::Asked })
        }))
    }

    /// The call is about to be carried out. Errors: it must not be, because its line could not be made durable.
    pub(crate) async fn begins(
        &mut self,
        operation: &Operation,
        input: &Json,
        context: &CallContext,
        catalogue: &Catalogue,
    ) -> Result<(), Error> {
        let Some(seen) = &mut self.0 else { return Ok(()) };
        let treatment = seen.log.rules().of(operation);
        if !treatment.is_recorded {
            seen.stage = Stage::Done;
            return Ok(());
        }
        seen.line.tell_caller(&context.caller);
        seen.line.operation = Some(operation.id());
        let text = |name: &str| input.get(name).and_then(Json::as_str);
        match &operation.namespace {
            Some(namespace) => seen.line.namespace = Some(namespace.as_str().to_owned()),
            None => {
                seen.line.namespace = text("namespace").map(bounded).or_else(|| seen.line.namespace.take());
                seen.line.run_id = text("run_id").map(bounded);
                seen.line.workflow_id =
                    text("workflow_id").map(bounded).or_else(|| seen.line.workflow_id.take());
            }
        }
        let mut line = seen.line.clone();
        line.input = treatment.has_input.then(|| shown(operation, input, catalogue));
        if treatment.is_awaited {
            // What is not durable did not begin: the refusal is no line either.
            seen.stage = Stage::Done;
            seen.log.durably(What::Begin(line)).await?;
        } else {
            seen.log.note(What::Begin(line));
        }
        seen.stage = Stage::Begun;
        Ok(())
    }

    /// The call is over.
    pub(crate) fn ends(mut self, result: &Result<Answer, Error>, now: Timestamp) {
        let Some(seen) = &mut self.0 else { return };
        let status = result.as_ref().map_or_else(|error| error.code().id, |_| "ok");
        seen.line.status = Some(status.to_owned());
        match seen.stage {
            Stage::Asked => seen.log.refused(seen.address, status, std::mem::take(&mut seen.line)),
            Stage::Begun => {
                seen.line.tell_outcome(result);
                seen.end(now);
            }
            Stage::Done => {}
        }
        seen.stage = Stage::Done;
    }
}

impl Seen {
    fn end(&mut self, now: Timestamp) {
        self.line.micros = Some(u64::try_from(now.since(self.started).as_micros()).unwrap_or(u64::MAX));
        self.log.note(What::End(std::mem::take(&mut self.line)));
    }
}

impl Drop for Seen {
    /// Whoever waited has gone away, and with them the answer. The work may go on.
    fn drop(&mut self) {
        if self.stage == Stage::Begun {
            self.line.status = Some("unanswered".to_owned());
            self.log.note(What::End(std::mem::take(&mut self.line)));
        }
    }
}

/// Somebody who was turned away before it was looked at what they call.
pub(crate) fn turned_away(log: &AuditLog, address: Option<IpAddr>, request_id: &str, error: &Error) {
    let caller = Caller::anonymous().at(address);
    let mut line = line_of(&caller, Channel::Rest, request_id);
    "http".clone_into(&mut line.channel);
    line.status = Some(error.code().id.to_owned());
    log.refused(address, error.code().id, line);
}

/// A line about the login of somebody in a browser.
pub(crate) fn login_line(who: &str, address: Option<IpAddr>, request_id: &str) -> CallLine {
    CallLine {
        request_id: request_id.to_owned(),
        channel: "http".to_owned(),
        caller: who.to_owned(),
        proof: "login".to_owned(),
        address: address.map(|address| address.to_string()),
        ..CallLine::default()
    }
}

fn line_of(caller: &Caller, channel: Channel, request_id: &str) -> CallLine {
    let mut line =
        CallLine { request_id: request_id.to_owned(), channel: channel.to_string(), ..CallLine::default() };
    line.tell_caller(caller);
    line
}

impl CallLine {
    fn tell_caller(&mut self, caller: &Caller) {
        caller.identity.as_ref().clone_into(&mut self.caller);
        proof(&caller.proof).clone_into(&mut self.proof);
        self.address = caller.address.map(|address| address.to_string());
    }

    fn tell_outcome(&mut self, result: &Result<Answer, Error>) {
        match result {
            Ok(answer) => {
                self.replayed = answer.replayed;
                self.cached = answer.cached.map(|cached| cached.word().to_owned());
                if let Some(run) = &answer.run {
                    self.namespace = Some(run.namespace.as_str().to_owned());
                    self.workflow_id = Some(bounded(run.workflow_id.as_str()));
                    self.run_id = Some(run.run_id.as_str().to_owned());
                }
            }
            Err(error) => {
                self.run_id =
                    error.run_id().map(RunId::as_str).map(ToOwned::to_owned).or_else(|| self.run_id.take());
            }
        }
    }
}

fn proof(proof: &Proof) -> &'static str {
    match proof {
        Proof::Local => "local",
        Proof::Nothing => "nothing",
        Proof::Key(_) => "key",
        Proof::Token { login: Some(_), .. } => "login",
        Proof::Token { .. } => "token",
        Proof::Certificate(_) => "certificate",
        Proof::Signature => "signature",
    }
}

/// The namespace that a caller named, where there can be one of that name.
fn named(target: Target<'_>, input: &Json) -> Option<String> {
    let text = match target {
        Target::Workflow(name) => name.split_once('/').map(|(namespace, _)| namespace)?,
        Target::Verb(_) => input.get("namespace")?.as_str()?,
    };
    Namespace::new(text).ok().map(|namespace| bounded(namespace.as_str()))
}

/// The input as it may be kept. Where a verb passes an input on to a workflow, that workflow's schema decides about it.
fn shown(operation: &Operation, input: &Json, catalogue: &Catalogue) -> Json {
    let mut shown = redact(&operation.input, input);
    let passed = input.get("input").filter(|_| !operation.is_workflow());
    let workflow = passed.and_then(|_| catalogue.workflow(&workflow_of(operation, input)?).ok());
    if let (Some(passed), Some(workflow), Some(place)) = (passed, workflow, shown.get_mut("input")) {
        *place = redact(&workflow.input, passed);
    }
    let bytes = shown.to_string().len();
    if bytes > AUDIT_INPUT_BYTES_MAX { format!("[{bytes} bytes]").into() } else { shown }
}

fn hash(text: &str) -> String {
    use std::fmt::Write as _;
    let mut shown = String::new();
    for byte in digest(&SHA256, text.as_bytes()).as_ref().iter().take(16) {
        let _ = write!(shown, "{byte:02x}"); // a string takes everything
    }
    shown
}

fn bounded(text: &str) -> String {
    let end = text.floor_char_boundary(AUDIT_TEXT_BYTES_MAX.min(text.len()));
    text.get(..end).unwrap_or_default().to_owned()
}
