//! Limits on calls: what a call is counted by, whichever channel it came through.

use nexus_kernel::Json;
use nexus_kernel::access::{Action, needed};
use nexus_kernel::address::sender;
use nexus_kernel::call::{CallContext, Caller, Channel, Proof};
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Operation;

use crate::limit::{Entry, Limiter, Seat, Subject};
use crate::stage::authorise;

/// Lets a call in, unless it comes too early. The seats are to be kept until it has ended. A call that belongs to a request
/// which was counted already is not counted again, and calls of this process are not counted at all.
pub(crate) async fn admit(
    limiter: &Limiter,
    subject: &Subject,
    context: &CallContext,
) -> Result<Vec<Seat>, Error> {
    let Entry { allowances, outcome } = limiter.enter(subject).await;
    context.toll.pay(allowances);
    outcome
}

/// Whether a call is to be counted.
pub(crate) fn is_counted(limiter: &Limiter, context: &CallContext) -> bool {
    context.channel != Channel::Embedded && context.toll.paid().is_none() && limiter.limits_calls()
}

/// What the call of somebody is counted by before anything is known about what they call.
pub(crate) fn of_caller(caller: &Caller, has_auth: bool) -> Subject {
    let is_anonymous = !has_auth || caller.proof == Proof::Nothing;
    Subject { caller: name(caller, has_auth), is_anonymous, ..Subject::default() }
}

/// What a call is counted by.
pub(crate) fn of_call(
    subject: Subject,
    operation: &Operation,
    input: &Json,
    started: Option<&Operation>,
) -> Subject {
    let mut operations = vec![operation.id()];
    operations.extend(started.map(Operation::id));
    let given = || match input.get("namespace").and_then(Json::as_str) {
        Some(name) => Namespace::new(name).ok(),
        // A run that is found by its id may be anywhere.
        None if input.get("run_id").is_some() => None,
        None => operation.input.pointer("/properties/namespace").map(|_| Namespace::default()),
    };
    let of = |operation: &Operation| operation.namespace.clone();
    let namespace = of(operation).or_else(|| started.and_then(of)).or_else(given);
    Subject { namespace, operations, ..subject }
}

/// The workflow that a verb starts, as its input names it.
pub(crate) fn started(operation: &Operation, input: &Json) -> Option<String> {
    let is_start = needed(&operation.name).act.action == Action::Execute;
    authorise::workflow_of(operation, input).filter(|_| is_start && operation.namespace.is_none())
}

/// Whose requests are counted together: those of a principal, and where it does not matter who calls those of an address.
/// The owner of a server is not limited by what limits others.
fn name(caller: &Caller, has_auth: bool) -> Option<String> {
    match (&caller.proof, caller.address) {
        (Proof::Local, Some(address)) if !has_auth => Some(format!("address:{}", sender(address))),
        (Proof::Local, _) => None,
        (Proof::Nothing, Some(address)) => Some(format!("address:{}", sender(address))),
        _ => Some(caller.identity.to_string()),
    }
}
