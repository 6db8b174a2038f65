//! Authorisation: whether the caller may have this done, decided before anything is looked up for them.
//!
//! What cannot be seen is not there: somebody who may not even read a workflow is told that there is none of that name, in
//! the same words as for a name that nobody uses.

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::access::{Act, Action, Need, Reach, Subject, needed};
use nexus_kernel::call::{Caller, Channel, Proof};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Operation;
use nexus_kernel::time::Timestamp;
use serde_json::json;

const EXECUTE: Act<'static> = Act { resource: "workflow", action: Action::Execute };

/// Who asks, how, and when.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) channel: Channel,
    pub(crate) now: Timestamp,
}

/// How far the caller reaches for this operation. Errors: it is refused.
pub(crate) fn authorise(operation: &Operation, input: &mut Json, asking: Asking<'_>) -> Result<Reach, Error> {
    match holding(operation, input, asking) {
        Some(holding) => decide(operation, input, &holding),
        None => decide(operation, input, asking.caller),
    }
}

/// The caller with those of their grants whose conditions hold in this call, when any has a condition.
pub(crate) fn holding(operation: &Operation, input: &Json, asking: Asking<'_>) -> Option<Caller> {
    let grants = asking.caller.grants.holding(|| facts(operation, input, asking))?;
    Some(Caller { grants: Arc::new(grants), ..asking.caller.clone() })
}

/// Minds the policy of a workflow: it holds for everybody, beside what they are allowed.
pub(crate) fn mind(
    workflow: &Operation,
    operation: &Operation,
    input: &Json,
    asking: Asking<'_>,
) -> Result<(), Error> {
    match &workflow.contract.when {
        Some(when) if !when.holds(&facts(operation, input, asking)) => {
            let message = format!("the policy of {} does not allow this call", workflow.id());
            Err(Error::new(&code::FORBIDDEN, message)
                .help("`nexus auth explain` shows the condition to whoever runs the server"))
        }
        _ => Ok(()),
    }
}

/// What conditions may ask about. What starts a workflow is about that workflow and its input, however it is started.
fn facts(operation: &Operation, input: &Json, asking: Asking<'_>) -> Json {
    let seconds = asking.now.millis().div_euclid(1_000);
    let claims = match &asking.caller.proof {
        Proof::Token { entitled, .. } => entitled.given.attributes.clone(),
        _ => json!({}),
    };
    let started = workflow_of(operation, input).filter(|_| needed(&operation.name).act == EXECUTE);
    let (about, input) = match (started, scheduled(operation, input)) {
        (Some(workflow), _) => (workflow, input.get("input")),
        (None, Some(workflow)) => (workflow.to_owned(), input.pointer("/action/input")),
        (None, None) => (operation.id(), Some(input)),
    };
    let namespace = operation.namespace.as_ref().map(Namespace::as_str);
    json!({
        "caller": {
            "name": &*asking.caller.identity,
            "address": asking.caller.address.map(|address| address.to_string()),
            "claims": claims,
        },
        "channel": asking.channel.to_string(),
        "operation": about,
        "namespace": namespace.or_else(|| input.and_then(|input| input.get("namespace")?.as_str())),
        "input": input,
        "time": {
            "unix": seconds,
            "hour": seconds.div_euclid(3_600).rem_euclid(24),
            // 1970-01-01 was a Thursday; Monday is 1.
            "weekday": (seconds.div_euclid(86_400) + 3).rem_euclid(7) + 1,
        },
    })
}

fn decide(operation: &Operation, input: &mut Json, caller: &Caller) -> Result<Reach, Error> {
    if let Some(namespace) = &operation.namespace {
        let reach = caller.grants.reach(EXECUTE);
        return if reach.sees(namespace, &operation.name) {
            Ok(reach)
        } else {
            Err(refused(caller, operation))
        };
    }
    let need = needed(&operation.name);
    let reach = caller.grants.reach(need.act);
    if need.subject == Subject::Own {
        return own(operation, input, caller);
    }
    if reach.is_nothing() {
        return Err(refused(caller, operation));
    }
    let also = need.also.map(|action| caller.grants.reach(Act { action, ..need.act }));
    let starting = scheduled(operation, input).map(|_| caller.grants.reach(EXECUTE));
    if [Some(&reach), also.as_ref(), starting.as_ref()].into_iter().flatten().all(Reach::is_everything) {
        return Ok(reach);
    }
    let namespace = namespace(operation, input, &reach)?;
    if let Some(namespace) = &namespace {
        // Whoever lets a schedule start something must be allowed to start it.
        let may_start = |reach: &Reach| {
            scheduled(operation, input).is_none_or(|workflow| reach.sees(namespace, workflow))
        };
        starting.as_ref().is_none_or(may_start).then_some(()).ok_or_else(|| refused(caller, operation))?;
        check(need, &reach, namespace, input).then_some(()).ok_or_else(|| refused(caller, operation))?;
        if let Some(also) = also {
            check(need, &also, namespace, input).then_some(()).ok_or_else(|| refused(caller, operation))?;
        }
    }
    Ok(reach)
}

/// What belongs to a caller alone is theirs, in namespaces where they may do anything at all.
fn own(operation: &Operation, input: &mut Json, caller: &Caller) -> Result<Reach, Error> {
    let business = caller.grants.anywhere();
    let is_foreign = |namespace: Namespace| !business.sees_some(&namespace);
    if caller.proof == Proof::Nothing || namespace(operation, input, &business)?.is_some_and(is_foreign) {
        return Err(refused(caller, operation));
    }
    Ok(Reach::everything())
}

/// The workflow that a schedule is to start, in the input of a verb that says so.
pub(crate) fn scheduled<'a>(operation: &Operation, input: &'a Json) -> Option<&'a str> {
    let action = operation.name.starts_with("schedule.").then(|| input.pointer("/action/workflow"))?;
    action.and_then(Json::as_str)
}

/// The namespace that a call is about. Who reaches one namespace only need not say it: it is put into the input.
fn namespace(operation: &Operation, input: &mut Json, reach: &Reach) -> Result<Option<Namespace>, Error> {
    if operation.input.pointer("/properties/namespace").is_none() {
        return Ok(None);
    }
    if let Some(given) = input.get("namespace").and_then(Json::as_str) {
        return Namespace::new(given).map(Some);
    }
    let subject = needed(&operation.name).subject;
    let own = match reach.namespaces().as_deref() {
        Some([one]) => one.clone(),
        _ if subject == Subject::Seen => return Ok(None),
        _ => Namespace::default(),
    };
    if !reach.is_everything()
        && input.get("run_id").is_none()
        && let Some(fields) = input.as_object_mut()
    {
        fields.insert("namespace".into(), own.as_str().into());
    }
    Ok(Some(own))
}

fn check(need: Need, reach: &Reach, namespace: &Namespace, input: &Json) -> bool {
    match need.subject {
        Subject::Server | Subject::Own => true,
        Subject::Namespace => reach.sees_all(namespace),
        Subject::Seen => reach.sees_some(namespace),
        Subject::Named(field) => match input.get(field).and_then(Json::as_str) {
            // A qualified name says the namespace itself, whatever the input says beside it.
            Some(name) => match name.split_once('/') {
                Some((other, bare)) => Namespace::new(other).is_ok_and(|other| reach.sees(&other, bare)),
                None => reach.sees(namespace, name),
            },
            None => reach.sees_all(namespace),
        },
    }
}

/// The workflow that the input of a verb names, with the namespace where that is given.
pub(crate) fn workflow_of(operation: &Operation, input: &Json) -> Option<String> {
    let Need { subject: Subject::Named(field), act, .. } = needed(&operation.name) else { return None };
    let name = input.get(field).and_then(Json::as_str).filter(|_| act.resource == "workflow")?;
    let namespace = input.get("namespace").and_then(Json::as_str).filter(|_| !name.contains('/'));
    Some(namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}")))
}

/// The workflows that a caller may know of: those that they may read, and those that they may call.
pub(crate) fn sight(caller: &Caller) -> Reach {
    let act = |action| caller.grants.reach(Act { resource: "workflow", action });
    act(Action::Read).or(act(Action::Execute))
}

/// The operations of these that a caller may know of: workflows in sight, and verbs that something is in reach for.
pub(crate) fn seen(all: &Arc<Vec<Arc<Operation>>>, caller: &Caller) -> Arc<Vec<Arc<Operation>>> {
    let sight = sight(caller);
    let may = |operation: &Arc<Operation>| match &operation.namespace {
        Some(namespace) => sight.sees(namespace, &operation.name),
        None => match needed(&operation.name) {
            Need { subject: Subject::Own, .. } => caller.proof != Proof::Nothing,
            Need { act, .. } => !caller.grants.reach(act).is_nothing(),
        },
    };
    if all.iter().all(may) {
        return Arc::clone(all);
    }
    Arc::new(all.iter().filter(|operation| may(operation)).cloned().collect())
}

/// Refuses somebody who has shown nothing.
pub(crate) fn unauthenticated() -> Error {
    Error::new(&code::UNAUTHENTICATED, "this needs to know who calls")
        .help("send `Authorization: Bearer nxk_...` or `X-API-Key: nxk_...`; `nexus key create` makes a key")
}

/// Refuses. A workflow that the caller may not even read is not there.
pub(crate) fn refused(caller: &Caller, operation: &Operation) -> Error {
    if caller.proof == Proof::Nothing {
        return unauthenticated();
    }
    Error::new(&code::FORBIDDEN, format!("you may not call {}", operation.id()))
        .help(format!("it needs {}; whoever runs the server can grant it", operation.permission))
}
