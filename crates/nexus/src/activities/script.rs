//! What a function in the sandbox can ask of the engine: `ctx.heartbeat(details)` and `ctx.completeLater()`; and of the
//! world: `ctx.http(url, request)`.

use std::sync::atomic::{AtomicBool, Ordering};

use nexus_kernel::activity::{BeatAnswer, Completion};
use nexus_kernel::port::activity::SharedProgress;
use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::{Capabilities, HostFunctions, OpError};
use serde_json::json;

use crate::activities::grants::Way;

const HEARTBEAT: &str = "heartbeat";
const HTTP: &str = "http";
const COMPLETE_LATER: &str = "completeLater";

/// The host functions of one attempt.
pub(crate) struct Hosted {
    progress: SharedProgress,
    later: AtomicBool,
    way: Way,
}

/// What an activity may do, with what every activity may.
pub(crate) fn grants(capabilities: Capabilities) -> Capabilities {
    capabilities.with_host(HEARTBEAT).with_host(COMPLETE_LATER)
}

impl Hosted {
    /// Host functions over the way back of an attempt, and its way to the outside.
    pub(crate) fn new(progress: SharedProgress, way: Way) -> Hosted {
        Hosted { progress, later: AtomicBool::new(false), way }
    }

    /// Whether the function has said that somebody else completes the attempt.
    pub(crate) fn is_later(&self) -> bool {
        self.later.load(Ordering::Acquire)
    }

    /// How the attempt ends when its function returns.
    pub(crate) fn completion(&self, result: Json) -> Completion {
        if self.is_later() { Completion::Later } else { Completion::Done(result) }
    }
}

fn unknown(name: &str) -> OpError {
    OpError {
        non_retryable: true,
        ..OpError::new("TypeError", format!("there is no host function {name:?} here"))
    }
}

impl HostFunctions for Hosted {
    fn call_now(&self, name: &str, _: Json) -> Result<Json, OpError> {
        if name != COMPLETE_LATER {
            return Err(unknown(name));
        }
        self.later.store(true, Ordering::Release);
        Ok(Json::Null)
    }

    fn call(&self, name: &str, arg: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        if name == HTTP {
            return self.way.fetch(arg);
        }
        if name != HEARTBEAT {
            return Box::pin(std::future::ready(Err(unknown(name))));
        }
        let beat = self.progress.beat(arg);
        Box::pin(async move {
            let BeatAnswer { cancel_requested, paused, reset } = beat.await.map_err(|error| OpError {
                non_retryable: true,
                ..OpError::new("HeartbeatError", error.message())
            })?;
            Ok(json!({ "cancelRequested": cancel_requested, "paused": paused, "reset": reset }))
        })
    }
}
