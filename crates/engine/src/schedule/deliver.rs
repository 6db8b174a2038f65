//! Errands of schedules: runs are started and stopped, in the background. What comes of it is told to the schedule.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, RunId, WorkflowId};
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::span::root;
use nexus_kernel::task;
use nexus_kernel::time::Timestamp;
use nexus_kernel::trace::TraceContext;

use super::record::Schedule;
use super::spec::duration;
use super::step::{Errand, Happening};
use crate::deliver::failure_of;
use crate::input::{Input, Reply, Start};
use crate::meters::Meters;
use crate::nexus;
use crate::record::{Origin, OriginKind, RunOptions, StartOptions, TraceRecord};
use crate::shard::{Message, Router, Shared};
use crate::trace;
use crate::version::Definitions;

/// Sends an errand on its way.
pub(crate) fn deliver(shared: &Shared, key: &Key, schedule: &Schedule, errand: Errand) {
    let (router, key) = (shared.router.clone(), key.clone());
    match errand {
        Errand::Start { seq, workflow_id } => {
            let mut target = target(&shared.definitions, &key, schedule, (seq, &workflow_id));
            let watch = Watch::begin(shared, schedule, seq);
            if let (Ok((_, start)), Some(trace)) = (&mut target, &watch.trace) {
                start.options.run.trace = Some(TraceRecord::of(trace));
            }
            task::spawn(start(router, (key, seq), target, watch));
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
    let task_queue = nexus::queue_of(definitions, &target, &action.workflow)?;
    let invalid = |why: String| Failure::new(FailureKind::Server, code::SCHEDULE_INVALID.id, why);
    let timeout = action.run_timeout.as_deref().map(|text| duration("run_timeout", text));
    let run_timeout_ms = timeout.transpose().map_err(invalid)?.map(i64::unsigned_abs);
    let (workflow, input) = (action.workflow.clone(), action.input.clone());
    let request_id = format!("{}/{seq}", schedule.instance);
    let start = Start {
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
        ..Start::new(workflow, input, task_queue, request_id)
    };
    Ok((target, start))
}

/// Counts what schedules start, and tells of it.
struct Watch {
    meters: Arc<Meters>,
    late: Option<Duration>,
    trace: Option<TraceContext>,
    begun: Timestamp,
    clock: SharedClock,
}

impl Watch {
    /// Begins with the start of a run. The trace that begins with it is the same when it is tried again.
    fn begin(shared: &Shared, schedule: &Schedule, seq: u64) -> Watch {
        let begun = shared.clock.now();
        let nominal = schedule.running.iter().find(|it| it.seq == seq).map(|it| it.nominal);
        let name = format!("schedule:{}/{seq}", schedule.instance);
        Watch {
            meters: Arc::clone(&shared.meters),
            late: nominal.map(|nominal| begun.since(nominal)),
            trace: shared.meters.spans().and_then(|spans| root(&**spans, &name)),
            begun,
            clock: Arc::clone(&shared.clock),
        }
    }

    fn started<T>(self, key: &Key, outcome: &Result<T, Failure>) {
        match outcome {
            Ok(_) => self.meters.schedule_starts.one(),
            Err(_) => self.meters.schedule_failures.one(),
        }
        if let Some(late) = self.late {
            self.meters.schedule_lag.note(late);
        }
        if let (Some(trace), Some(spans)) = (self.trace, self.meters.spans()) {
            let times = (self.begun, self.clock.now());
            trace::scheduled(&**spans, (key, trace), times, outcome.as_ref().err());
        }
    }
}

async fn start(router: Router, (key, seq): (Key, u64), target: Result<(Key, Start), Failure>, watch: Watch) {
    let outcome = match target {
        Err(failure) => Err(failure),
        Ok((target, start)) => match router.ask(target.clone(), Input::Start(Box::new(start))).await {
            Some(Reply::Started { run, .. }) => Ok((target, run)),
            Some(Reply::Refused(error)) => Err(failure_of(&error)),
            // The target's shard has stopped: the next process asks again.
            _ => return,
        },
    };
    watch.started(&key, &outcome);
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
