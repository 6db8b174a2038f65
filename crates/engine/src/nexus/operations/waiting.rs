//! The verbs of operations that runs wait for.

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{EndpointId, Namespace};
use nexus_kernel::operation::{Effect, Operation};
use serde::Deserialize;
use serde_json::json;

use super::listed;
use crate::engine::{EngineHandle, stopping};
use crate::nexus::pending::{PendingOperation, parse_id};
use crate::operations::{Verb, object};

/// Most operations that are listed at a time.
const LISTED_MAX: usize = 1_000;

/// The verbs.
pub(super) fn all(engine: &EngineHandle) -> Vec<Operation> {
    vec![cancel(engine), complete(engine), fail(engine), list(engine), show(engine)]
}

impl EngineHandle {
    /// The operations that runs in reach wait for, the newest first.
    async fn pending_operations(
        &self,
        namespace: Option<&Namespace>,
    ) -> Result<Vec<PendingOperation>, Error> {
        let mut all = self.shared().router.pending(namespace).await.ok_or_else(stopping)?;
        all.retain(|it| self.sees(&it.key.namespace, &it.workflow));
        all.sort_by(|one, other| {
            let place = |it: &PendingOperation| (it.scheduled_at(), it.run.clone(), it.seq);
            place(other).cmp(&place(one))
        });
        Ok(all)
    }

    fn shown(&self, operation: &PendingOperation) -> Json {
        let definition = self.definition();
        let program = definition.as_deref().map(|definition| &definition.program);
        let find =
            |name: &str| -> Option<EndpointId> { Some(self.shared().registry.find(program, name)?.id) };
        operation.to_json(&self.shared().outside.breakers, &find)
    }
}

#[derive(Deserialize)]
struct ListInput {
    namespace: Option<Namespace>,
    endpoint: Option<String>,
    limit: Option<usize>,
}

fn list(engine: &EngineHandle) -> Operation {
    let (title, doc) = (
        "List Nexus operations",
        "The Nexus operations that runs wait for, the newest first: their state, attempts, and why a request is not made.",
    );
    let properties = json!({
        "namespace": { "type": "string", "description": "only those that runs of this namespace wait for" },
        "endpoint": { "type": "string", "description": "only those that were called through this endpoint" },
        "limit": { "type": "integer", "minimum": 1, "maximum": LISTED_MAX, "default": 100 },
    });
    let (input, output) = (object(&properties, &[]), listed("operations"));
    Verb { name: "operation.list", title, doc, effect: Effect::Read, input, output }.handled(
        engine,
        |engine: EngineHandle, input: ListInput, _: CallContext| async move {
            let all = engine.pending_operations(input.namespace.as_ref()).await?;
            let wanted = all.iter().map(|operation| engine.shown(operation));
            let wanted = wanted.filter(|shown| {
                input.endpoint.is_none() || shown["endpoint"].as_str() == input.endpoint.as_deref()
            });
            Ok(json!({ "operations": wanted.take(input.limit.unwrap_or(100)).collect::<Vec<_>>() }))
        },
    )
}

#[derive(Deserialize)]
struct Which {
    operation_id: String,
}

/// A verb about one operation, with further fields.
fn verb(
    name: &'static str,
    (title, doc): (&'static str, &'static str),
    effect: Effect,
    (more, required): (&Json, &[&str]),
) -> Verb {
    let mut properties = json!({ "operation_id": {
        "type": "string",
        "minLength": 1,
        "description": "the run that waits and its command, for example run_0688ab1tdpv3h9m5x7cq2wnk4e/3",
    } });
    if let (Some(all), Some(more)) = (properties.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    let required: Vec<&str> = std::iter::once("operation_id").chain(required.iter().copied()).collect();
    let (input, output) = (object(&properties, &required), json!({ "type": "object" }));
    Verb { name, title, doc, effect, input, output }
}

fn show(engine: &EngineHandle) -> Operation {
    let texts = (
        "Show a Nexus operation",
        "A Nexus operation that a run waits for: its state, attempts, last failure, deadlines, and who carries it out.",
    );
    verb("operation.show", texts, Effect::Read, (&json!({}), &[])).handled(
        engine,
        |engine: EngineHandle, input: Which, _: CallContext| async move {
            let (run, seq) = parse_id(&input.operation_id)?;
            let row = engine.row(&run).await?;
            let all = engine.pending_operations(Some(&row.key.namespace)).await?;
            let found = all.iter().find(|it| it.run == run && it.seq == seq);
            found.map(|it| engine.shown(it)).ok_or_else(|| {
                Error::new(&nexus_kernel::code::OPERATION_ENDED, "nobody waits for this operation")
                    .help(format!("`nexus run history {run}` shows what has become of it"))
            })
        },
    )
}

fn cancel(engine: &EngineHandle) -> Operation {
    let texts = (
        "Cancel a Nexus operation",
        "Asks whoever carries it out to cancel it. Its caller goes on waiting until the operation has ended.",
    );
    verb("operation.cancel", texts, Effect::Write, (&json!({}), &[])).handled(
        engine,
        |engine: EngineHandle, input: Which, _: CallContext| async move {
            let (run, seq) = parse_id(&input.operation_id)?;
            engine.request_cancel_operation(&run, seq).await?;
            Ok(json!({}))
        },
    )
}

#[derive(Deserialize)]
struct CompleteInput {
    operation_id: String,
    #[serde(default)]
    result: Json,
}

fn complete(engine: &EngineHandle) -> Operation {
    let texts = (
        "Complete a Nexus operation",
        "Gives the run that waits a result, in place of whoever carries the operation out. They are not stopped.",
    );
    let result = json!({ "result": { "description": "what the run gets" } });
    verb("operation.complete", texts, Effect::Write, (&result, &[])).handled(
        engine,
        |engine: EngineHandle, input: CompleteInput, _: CallContext| async move {
            let (run, seq) = parse_id(&input.operation_id)?;
            engine.end_operation(&run, seq, Ok(input.result)).await?;
            Ok(json!({}))
        },
    )
}

#[derive(Deserialize)]
struct FailInput {
    operation_id: String,
    message: String,
    #[serde(rename = "type")]
    type_name: Option<String>,
}

fn fail(engine: &EngineHandle) -> Operation {
    let texts = (
        "Fail a Nexus operation",
        "Gives the run that waits a failure, in place of whoever carries the operation out. They are not stopped.",
    );
    let fields = json!({
        "message": { "type": "string", "minLength": 1, "description": "why" },
        "type": { "type": "string", "minLength": 1, "default": "OperatorFailure", "description": "the error's type" },
    });
    verb("operation.fail", texts, Effect::Write, (&fields, &["message"])).handled(
        engine,
        |engine: EngineHandle, input: FailInput, _: CallContext| async move {
            let (run, seq) = parse_id(&input.operation_id)?;
            let type_name = input.type_name.unwrap_or_else(|| "OperatorFailure".to_owned());
            let failure = Failure::application(type_name, input.message).final_();
            engine.end_operation(&run, seq, Err(failure)).await?;
            Ok(json!({}))
        },
    )
}
