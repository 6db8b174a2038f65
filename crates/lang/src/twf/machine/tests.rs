//! Whole programs, driven event by event or by the simulation host.

mod branches;
mod cancel;
mod determinism;
mod extensions;
mod failures;
mod input;
mod messages;
mod nexus;
mod options;
mod races;
mod random;
mod seed;
mod statements;
mod world;

use serde_json::{Value as Json, json};

use super::*;
use crate::text::source::Sources;
use crate::twf::compile_sources;
use crate::twf::failure::Failure;
use crate::twf::stub::{Outcome, StubHost};

/// Activities that most tests need: what they return is up to the test.
const ACTIVITIES: &str = "
activity A(x: any = null) -> (any):
    return x

activity B(x: any = null) -> (any):
    return x

activity C(x: any = null) -> (any):
    return x
";

fn compile(text: &str, lenient: bool) -> Program {
    let mut sources = Sources::new();
    sources.add("test.twf", text);
    let compiled = compile_sources(&sources, lenient);
    match compiled.program {
        Some(program) => program,
        None => {
            let errors: Vec<_> = compiled.diagnostics.iter().filter(|it| it.is_error()).collect();
            panic!("{errors:#?}")
        }
    }
}

/// A program with the activities of [`ACTIVITIES`].
fn program(text: &str) -> Program {
    compile(&format!("{ACTIVITIES}{text}"), false)
}

fn info(workflow: &str) -> RunInfo {
    RunInfo {
        namespace: "default".into(),
        workflow_id: "w".into(),
        run_id: "run-1234567".into(),
        workflow_type: workflow.into(),
        task_queue: "q".into(),
        attempt: 1,
        started_at_ms: 1_000,
        seed: 7,
        parent_id: None,
        caller: None,
        ..RunInfo::default()
    }
}

/// A run that is driven by hand.
struct Driven<'p> {
    program: &'p Program,
    machine: Machine,
    now_ms: i64,
}

impl<'p> Driven<'p> {
    fn new(program: &'p Program, input: Json) -> Driven<'p> {
        let machine = Machine::start(program, info("W"), &input).unwrap();
        Driven { program, machine, now_ms: 1_000 }
    }

    /// One task; its commands as short lines.
    fn task(&mut self, events: &[Event]) -> Vec<String> {
        self.try_task(events).unwrap()
    }

    fn try_task(&mut self, events: &[Event]) -> Result<Vec<String>, Fault> {
        let info = TaskInfo { now_ms: self.now_ms, history_length: 3, history_bytes: 99, replaying: false };
        let commands = self.machine.task(self.program, &info, events)?;
        Ok(commands.iter().map(line).collect())
    }

    /// The fault of a task, as `CODE message`.
    fn fault(&mut self, events: &[Event]) -> String {
        let fault = self.try_task(events).unwrap_err();
        format!("{} {}", fault.code, fault.message)
    }
}

/// The fault of the first task of a body.
fn fault_of(body: &str) -> String {
    let program = program(&format!("\nworkflow W():\n    {}\n", body.replace('\n', "\n    ")));
    Driven::new(&program, json!({})).fault(&[])
}

/// The first task of a body.
fn first_task(body: &str) -> Vec<String> {
    let program = program(&format!("\nworkflow W():\n    {}\n", body.replace('\n', "\n    ")));
    Driven::new(&program, json!({})).task(&[])
}

fn done(seq: u64, result: Json) -> Event {
    Event::ActivityCompleted { seq, result }
}

fn failed(seq: u64, type_name: &str, message: &str) -> Event {
    Event::ActivityFailed { seq, failure: Failure::application(type_name, message) }
}

fn fired(seq: u64) -> Event {
    Event::TimerFired { seq }
}

fn signal(name: &str, input: Json) -> Event {
    Event::Signaled { name: name.into(), input }
}

fn cancel() -> Event {
    Event::CancelRequested { reason: "test".into() }
}

/// A command as one short line.
fn line(command: &Command) -> String {
    let seq = command.seq;
    match &command.kind {
        CommandKind::ScheduleActivity { name, input, .. } => {
            format!("{seq} {name}{}", Json::from(input.clone()))
        }
        CommandKind::StartTimer { duration_ms } => format!("{seq} timer {duration_ms}"),
        CommandKind::CancelTimer { timer } => format!("{seq} cancel timer {timer}"),
        CommandKind::StartChild { workflow, input, options, detached } => {
            format!(
                "{seq} child {workflow}{input} {}{}",
                options.workflow_id,
                if *detached { " detached" } else { "" }
            )
        }
        CommandKind::ScheduleNexus { target, input, detached, .. } => {
            let target = match target {
                NexusTarget::Operation { endpoint, service, operation } => {
                    format!("{endpoint}:{service}.{operation}")
                }
                NexusTarget::Workflow { namespace, workflow } => format!("{namespace}/{workflow}"),
            };
            format!("{seq} nexus {target}{input}{}", if *detached { " detached" } else { "" })
        }
        CommandKind::RequestCancel { target, wait } => {
            format!("{seq} cancel {target}{}", if *wait { " and wait" } else { "" })
        }
        CommandKind::CancelExternal { workflow, workflow_id } => {
            format!("{seq} cancel external {workflow} {workflow_id}")
        }
        CommandKind::SendSignal { target, name, input } => {
            let to = match target {
                SignalTarget::Child { seq } => format!("child {seq}"),
                SignalTarget::External { workflow, workflow_id } => format!("{workflow} {workflow_id}"),
            };
            format!("{seq} signal {name}{input} to {to}")
        }
        CommandKind::AcceptUpdate { id } => format!("{seq} accept {id}"),
        CommandKind::RejectUpdate { id, failure } => format!("{seq} reject {id} {}", failure.message),
        CommandKind::CompleteUpdate { id, outcome } => match outcome {
            Ok(json) => format!("{seq} answer {id} {json}"),
            Err(failure) => format!("{seq} answer {id} failed {}", failure.message),
        },
        CommandKind::Complete { result } => format!("{seq} complete {result}"),
        CommandKind::Fail { failure } => format!("{seq} fail {}: {}", failure.type_name, failure.message),
        CommandKind::Cancel { failure } => format!("{seq} canceled: {}", failure.message),
        CommandKind::ContinueAsNew { input, tokens, .. } => {
            format!(
                "{seq} continue {input}{}",
                if tokens.is_empty() { String::new() } else { format!(" {tokens:?}") }
            )
        }
        CommandKind::RecordMarker { patch, deprecated: false } => format!("{seq} marker {patch}"),
        CommandKind::RecordMarker { patch, .. } => format!("{seq} deprecated marker {patch}"),
        CommandKind::UpsertMemo { fields } => format!("{seq} memo {fields}"),
        CommandKind::UpsertSearchAttributes { fields } => format!("{seq} attributes {fields}"),
        CommandKind::SetDetails { text } => format!("{seq} details {text}"),
        CommandKind::Log { level, message } => format!("{seq} {level} {message}"),
    }
}

#[test]
fn a_three_activity_workflow_is_three_tasks_and_an_end() {
    let program = program(
        "
workflow W(n: int) -> (int):
    activity A(n) -> a
    activity B(a) -> b
    activity C(a + b) -> c
    close complete(c)
",
    );
    let mut run = Driven::new(&program, json!({"n": 1}));
    assert_eq!(run.task(&[]), ["1 A[1]"]);
    assert_eq!(run.task(&[done(1, json!(10))]), ["2 B[10]"]);
    assert_eq!(run.machine.blocked(&program)[0].reason, "activity B (command 2)");
    assert_eq!(run.task(&[done(2, json!(20))]), ["3 C[30]"]);
    assert_eq!(run.task(&[done(3, json!(30))]), ["4 complete 30"]);
    assert!(run.machine.is_closed());
    assert!(run.machine.blocked(&program).is_empty());
    assert!(run.task(&[done(3, json!(30))]).is_empty(), "what comes after the end is ignored");
}
