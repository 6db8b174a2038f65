//! Messages from outside: signals, updates, queries, requests to stop.

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use nexus_lang::twf::machine::{Event as ProgramEvent, Machine, QueryError, TaskInfo};

use super::World;
use crate::input::{Input, Reply, Signal, Update};
use crate::interpret;
use crate::record::Event;
use crate::reset::{Reset, ResetRequest};
use crate::state::RunState;

/// What has become of an update.
#[derive(Debug, Clone, PartialEq)]
pub enum UpdateAnswer {
    /// Its handler has not answered yet, or the run closed before it did.
    Pending,
    /// It was answered.
    Completed(Json),
    /// Its handler failed.
    Failed(Failure),
}

impl World<'_> {
    /// Sends a signal to the open run of a key.
    pub fn signal(&mut self, key: &Key, name: &str, input: Json) -> Result<(), Error> {
        let request_id = format!("signal-{}", self.next);
        self.next += 1;
        let signal = Signal { name: name.to_owned(), input, request_id };
        done(self.apply(key, Input::Signal { run: None, signal, checked: false }))
    }

    /// Asks the open run of a key to stop.
    pub fn cancel(&mut self, key: &Key, reason: &str) -> Result<(), Error> {
        done(self.apply(key, Input::Cancel { run: None, reason: reason.to_owned() }))
    }

    /// Ends the open run of a key without asking its program.
    pub fn terminate(&mut self, key: &Key, reason: &str) -> Result<(), Error> {
        done(self.apply(key, Input::Terminate { run: None, reason: reason.to_owned() }))
    }

    /// Resets a run of a key and gives the new one.
    pub fn reset(&mut self, key: &Key, request: ResetRequest) -> Result<RunId, Error> {
        let records = self.cells.get(key).map(|cell| cell.stored.clone()).unwrap_or_default();
        match self.apply(key, Input::Reset(Box::new(Reset { request, records }))) {
            Reply::Started { run, .. } => Ok(run),
            Reply::Refused(error) => Err(error),
            _ => Err(Error::internal("a reset was not answered as one")),
        }
    }

    /// Sends an update to the open run of a key and gives its id; an error when it is refused.
    pub fn update(&mut self, key: &Key, name: &str, input: Json) -> Result<String, Error> {
        let id = format!("update-{}", self.next);
        self.next += 1;
        self.trace_update(key, (name, &input));
        let update = Update { id: id.clone(), name: name.to_owned(), input };
        done(self.apply(key, Input::Update { run: None, update })).map(|()| id)
    }

    /// A refusal leaves no trace in history, so what it ran is counted here.
    fn trace_update(&mut self, key: &Key, (name, input): (&str, &Json)) {
        let Some(run) = self.cells.get(key).and_then(|cell| cell.state.open()) else { return };
        let (Some(traces), Some(mut machine)) = (self.traces.as_mut(), run.machine.clone()) else { return };
        let trace = traces.entry(run.started.workflow.clone()).or_default();
        let event = ProgramEvent::Updated { id: String::new(), name: name.to_owned(), input: input.clone() };
        let info = TaskInfo { now_ms: self.now.millis(), replaying: true, ..TaskInfo::default() };
        let mut tried = trace.clone();
        let commands = machine.task_traced(&self.definition.program, &info, &[event], &mut tried);
        let refuses = |kind: &_| matches!(kind, nexus_lang::twf::machine::CommandKind::RejectUpdate { .. });
        if commands.is_ok_and(|commands| commands.iter().any(|command| refuses(&command.kind))) {
            *trace = tried;
        }
    }

    /// What has become of an update that was not refused.
    pub fn update_answer(&self, key: &Key, id: &str) -> UpdateAnswer {
        let events = self.cells.get(key).into_iter().flat_map(|cell| &cell.records);
        let mut events = events.flat_map(|record| &record.runs).flat_map(|part| &part.events);
        let answer = events.find_map(|event| match event {
            Event::WorkflowExecutionUpdateCompleted { id: of, result, failure, .. } if of == id => {
                Some(match failure {
                    Some(failure) => UpdateAnswer::Failed(failure.clone()),
                    None => UpdateAnswer::Completed(result.clone()),
                })
            }
            _ => None,
        });
        answer.unwrap_or(UpdateAnswer::Pending)
    }

    /// Asks the latest run of a key, closed or not; nothing when there is none.
    pub fn query(&mut self, key: &Key, name: &str, input: &Json) -> Option<Result<Json, QueryError>> {
        let cell = self.cells.get(key)?;
        let run = cell.state.latest()?;
        let rebuilt = match &run.machine {
            Some(machine) => machine.clone(),
            None => self.rebuilt(key, run)?,
        };
        let workflow = run.started.workflow.clone();
        let program = &self.definition.program;
        Some(match self.traces.as_mut() {
            Some(traces) => rebuilt.query_traced(program, name, input, traces.entry(workflow).or_default()),
            None => rebuilt.query(program, name, input),
        })
    }

    /// The program of a run from its history.
    pub(super) fn rebuilt(&self, key: &Key, run: &RunState) -> Option<Machine> {
        let records = &self.cells.get(key)?.stored;
        interpret::replay(key, run, &self.definition, records).ok().map(|(machine, _)| machine)
    }
}

fn done(reply: Reply) -> Result<(), Error> {
    match reply {
        Reply::Refused(error) => Err(error),
        _ => Ok(()),
    }
}
