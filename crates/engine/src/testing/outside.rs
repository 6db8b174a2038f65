//! Nexus RPC without a network: what a server answers, and the way of a simulated world to itself.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, request};
use nexus_kernel::id::Namespace;
use nexus_kernel::memory::exchange::{MemoryExchange, Server};
use nexus_kernel::port::exchange::OnBehalf;
use nexus_rpc::{CancelRequest, Completion, HandlerError, Route, StartAnswer, StartRequest};

use crate::engine::EngineHandle;
use crate::nexus::serve::OperationStart;
use crate::nexus::{EndpointSpec, Target, refusal};
use crate::record::CallerInfo;
use crate::testing::world::World;

/// The longest wait for an operation with a body, less what the way back takes.
const WINDOW: Duration = Duration::from_millis(9_500);

/// What an engine answers to a request of Nexus RPC, as a gateway has it answer, to whoever the request is sent on behalf of.
pub async fn answer(engine: &EngineHandle, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
    let caller = caller(&request);
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/nexus/callback" {
        return match complete(engine, &parts, body).await {
            Ok(()) => Completion::taken(),
            Err(error) => error.to_http(),
        };
    }
    let name = parts.uri.path().split('/').nth(3).unwrap_or_default().to_owned();
    match Route::of(&parts, &format!("/nexus/endpoints/{name}/services")) {
        Ok(route @ Route::Start { .. }) => {
            let started = match StartRequest::from_http(&route, &parts, body) {
                Ok(request) => start(engine, &name, caller, request).await,
                Err(error) => Err(error),
            };
            started.map_or_else(|error| error.to_http(), |answer| answer.to_http())
        }
        Ok(route) => {
            let cancelled = match CancelRequest::from_http(&route, &parts) {
                Ok(request) => cancel(engine, &name, &caller, request).await,
                Err(error) => Err(error),
            };
            cancelled.map_or_else(|error| error.to_http(), |()| CancelRequest::heard())
        }
        Err(error) => error.to_http(),
    }
}

/// Who calls, as a signature would prove it.
fn caller(request: &Request<Vec<u8>>) -> CallerInfo {
    let Some(behalf) = request.extensions().get::<OnBehalf>() else {
        let namespace = Namespace::new("nobody").unwrap();
        return CallerInfo { namespace, ..CallerInfo::default() };
    };
    CallerInfo {
        namespace: behalf.namespace.clone(),
        workflow_id: Some(behalf.workflow_id.clone()),
        run_id: Some(behalf.run_id.clone()),
        identity: Some("server:caller".to_owned()),
    }
}

async fn start(
    engine: &EngineHandle,
    endpoint: &str,
    caller: CallerInfo,
    request: StartRequest,
) -> Result<StartAnswer, HandlerError> {
    let patience = request.request_timeout.map_or(WINDOW, |limit| limit.mul_f64(0.95).min(WINDOW));
    let start = OperationStart::of_request(request, endpoint, caller)?;
    let run =
        engine.start_operation(start, (Some(patience), false)).await.map_err(|error| refusal(&error))?;
    Ok(run.answer())
}

async fn cancel(
    engine: &EngineHandle,
    endpoint: &str,
    caller: &CallerInfo,
    request: CancelRequest,
) -> Result<(), HandlerError> {
    let target = (endpoint, request.service.as_str(), request.operation.as_str());
    engine.cancel_operation(target, (caller, true), &request.token).await.map_err(|error| refusal(&error))
}

async fn complete(engine: &EngineHandle, parts: &request::Parts, body: Vec<u8>) -> Result<(), HandlerError> {
    let completion = Completion::from_http(parts, body)?;
    engine.take_completion(completion).await.map_err(|error| refusal(&error))
}

/// Where a simulated world serves its operations to those who call as if they were elsewhere.
const AUTHORITY: &str = "here.test";

/// The endpoint by which programs of a simulated world call its own operations as if they were elsewhere.
pub(super) fn endpoint() -> EndpointSpec {
    EndpointSpec {
        name: "far".to_owned(),
        target: Target::Outside { url: format!("http://{AUTHORITY}/nexus/endpoints/counting-door/services") },
        allowed_caller_namespaces: Vec::new(),
        description: String::new(),
    }
}

/// The way of a world to itself. Requests meet whichever server there is, and some answers are lost.
pub(super) fn way(world: &Arc<World>) -> MemoryExchange {
    let way = MemoryExchange::new(Arc::new(world.clock.clone()));
    let serving = Arc::downgrade(world);
    let server: Server = Arc::new(move |request| {
        let world = serving.upgrade();
        Box::pin(async move {
            let world = world?;
            let engine = world.server_now()?;
            let answer = answer(&engine, request).await;
            let is_lost = !world.is_gentle() && world.dice.permille(100);
            (!is_lost).then_some(answer)
        })
    });
    way.serve(AUTHORITY, server);
    way.reached_at(&format!("http://{AUTHORITY}/nexus/callback"))
}
