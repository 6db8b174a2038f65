//! Errands of schedules: runs are started and stopped, in the background. What comes of it is told to the schedule.

use nexus_kernel::code;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, RunId, WorkflowId};
use nexus_kernel::task;

use super::record::Schedule;
use super::spec::duration;
use super::step::{Errand, Happening};
use crate::deliver::failure_of;
use crate::endpoint;
use crate::input::{Input, Reply, Start};
use crate::record::{Origin, OriginKind, RunOptions, StartOptions};
use crate::shard::{Message, Router, Shared};
use crate::version::Definitions;

/// Sends an errand on its way.
pub(crate) fn deliver(shared: &Shared, key: &Key, schedule: &Schedule, errand: Errand) {
    let (router, key) = (shared.router.clone(), key.clone());
    match errand {
        Errand::Start { seq, workflow_id } => {
            let target = target(&shared.definitions, &key, schedule, (seq, &workflow_id));
            task::spawn(start(router, key, seq, target));
        }
        Errand::Stop { seq, run, terminate } => {
            task::spawn(stop(router, key, (seq, run, terminate)));
        }
    }
}

/// Where a run is to be started, and how.
fn target(
    definitions: &Definitions,
    key: &Key,
    schedule: &Schedule,
    (seq, workflow_id): (u64, &str),
) -> Result<(Key, Start), Failure> {
    let action = &schedule.definition.action;
    let workflow_id = WorkflowId::new(workflow_id).map_err(|error| failure_of(&error))?;
    let target = Key { namespace: key.namespace.clone(), workflow_id };
    let task_queue = endpoint::queue_of(definitions, &target, &action.workflow)?;
    let invalid = |why: String| Failure::new(FailureKind::Server, code::SCHEDULE_INVALID.id, why);
    let timeout = action.run_timeout.as_deref().map(|text| duration("run_timeout", text));
    let run_timeout_ms = timeout.transpose().map_err(invalid)?.map(i64::unsigned_abs);
    let start = Start {
        workflow: action.workflow.clone(),
        input: action.input.clone(),
        task_queue,
        request_id: format!("{}/{seq}", schedule.instance),
        origin: Some(Origin {
            key: key.clone(),
            run: schedule.instance.clone(),
            seq,
            kind: OriginKind::Schedule,
            reports: true,
            root: None,
        }),
        options: StartOptions {
            run: RunOptions { run_timeout_ms, ..RunOptions::default() },
            search_attributes: schedule.nominal(seq).into_iter().collect(),
            last_result: schedule.last_result.clone(),
            last_failure: schedule.last_failure.clone(),
            ..StartOptions::default()
        },
        definition: None,
    };
    Ok((target, start))
}

async fn start(router: Router, key: Key, seq: u64, target: Result<(Key, Start), Failure>) {
    let outcome = match target {
        Err(failure) => Err(failure),
        Ok((target, start)) => match router.ask(target.clone(), Input::Start(Box::new(start))).await {
            Some(Reply::Started { run, .. }) => Ok((target, run)),
            Some(Reply::Refused(error)) => Err(failure_of(&error)),
            // The target's shard has stopped: the next process asks again.
            _ => return,
        },
    };
    router.send(Message::input(key, Input::Schedule(Box::new(Happening::Started { seq, outcome }))));
}

async fn stop(router: Router, key: Key, (seq, (target, run), terminate): (u64, (Key, RunId), bool)) {
    let reason = "its schedule starts the next run".to_owned();
    let input = if terminate {
        Input::Terminate { run: Some(run), reason }
    } else {
        Input::Cancel { run: Some(run), reason }
    };
    // A refusal says that the run has closed already, which is as good as done.
    if router.ask(target, input).await.is_some() {
        router.send(Message::input(key, Input::Schedule(Box::new(Happening::Stopped { seq }))));
    }
}
