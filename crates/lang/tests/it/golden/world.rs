//! The world of a golden history: virtual time, scripted answers, and the text of all that happens.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nexus_lang::text::source::{Sources, Span};
use nexus_lang::twf::failure::Failure;
use nexus_lang::twf::fault::Fault;
use nexus_lang::twf::machine::{
    Command, CommandKind, Event, Machine, NexusTarget, RunInfo, SignalTarget, TaskInfo,
};
use nexus_lang::twf::moment::duration_text;
use nexus_lang::twf::program::Program;
use serde::Serialize;
use serde_json::Value as Json;

use super::script::{End, Script};

/// When every history begins: 2026-01-01.
const EPOCH_MS: i64 = 1_767_225_600_000;

/// Tasks of one history; beyond that its program never ends.
const TASKS_MAX: usize = 60;

/// Messages that a run leaves to the next one.
type Messages = Vec<(String, Vec<Json>)>;

/// What a run begins with: its input, tokens and unread signals.
type Beginning = (Json, Messages, Messages);

/// One task, with the state before it.
pub(super) struct Batch {
    pub(super) before: String,
    pub(super) info: TaskInfo,
    pub(super) events: Vec<Event>,
    pub(super) commands: Result<Vec<Command>, Fault>,
}

/// One run of a chain.
pub(super) struct Life {
    info: RunInfo,
    input: Json,
    tokens: Messages,
    unread: Messages,
    pub(super) batches: Vec<Batch>,
}

impl Life {
    /// The run before its first task.
    pub(super) fn start(&self, program: &Program) -> Machine {
        let mut machine = Machine::start(program, self.info.clone(), &self.input).unwrap();
        machine.carry(program, &self.tokens).unwrap();
        machine.carry_unread(program, &self.unread).unwrap();
        machine
    }
}

/// What happens at a time.
enum Happening {
    Event(Event),
    Query(String, Json),
}

pub(super) struct World<'a> {
    program: &'a Program,
    sources: &'a Sources,
    script: &'a Script,
    now_ms: i64,
    happenings: BTreeMap<(i64, usize), Happening>,
    count: usize,
    /// How often each name was called.
    calls: BTreeMap<String, usize>,
    names: BTreeMap<u64, String>,
    pub(super) lives: Vec<Life>,
    text: String,
}

impl<'a> World<'a> {
    pub(super) fn new(program: &'a Program, sources: &'a Sources, script: &'a Script) -> World<'a> {
        let mut world = World {
            program,
            sources,
            script,
            now_ms: EPOCH_MS,
            happenings: BTreeMap::new(),
            count: 0,
            calls: BTreeMap::new(),
            names: BTreeMap::new(),
            lives: Vec::new(),
            text: String::new(),
        };
        for (at, is_last, event) in &script.messages {
            let place = if *is_last { 1_000_000 } else { 0 };
            world.count += 1;
            let key = (EPOCH_MS + at, place + world.count);
            world.happenings.insert(key, Happening::Event(event.clone()));
        }
        for (at, name, input) in &script.queries {
            world.happens(*at, Happening::Query(name.clone(), input.clone()));
        }
        world
    }

    fn happens(&mut self, after_ms: i64, what: Happening) {
        self.count += 1;
        self.happenings.insert((self.now_ms + after_ms, self.count), what);
    }

    fn say(&mut self, line: &str) {
        let _infallible = writeln!(self.text, "{line}");
    }

    /// The namespace and task queue of the runs: what the script says, else the first that the files give the workflow.
    fn home(&self) -> (String, String) {
        let workflow = self.program.workflow(&self.script.workflow).unwrap();
        let wanted = self.script.namespace.as_ref();
        let mut all = workflow.deployments.iter();
        match all.find(|it| wanted.is_none_or(|wanted| it.namespace == *wanted)) {
            Some(place) => (place.namespace.clone(), place.task_queue.clone()),
            None => (wanted.unwrap().clone(), "main".into()),
        }
    }

    /// The whole history as text.
    pub(super) fn run(&mut self) -> String {
        let mut next: Option<Beginning> = Some((self.script.input.clone(), Vec::new(), Vec::new()));
        while let Some((input, tokens, unread)) = next.take() {
            let number = self.lives.len() + 1;
            let (namespace, task_queue) = self.home();
            let info = RunInfo {
                namespace,
                workflow_id: "w".into(),
                run_id: format!("run-{number}"),
                workflow_type: self.script.workflow.clone(),
                task_queue,
                attempt: 1,
                started_at_ms: self.now_ms,
                seed: number as u64,
                parent_id: None,
                caller: None,
                ..RunInfo::default()
            };
            self.say(&format!("run {number} of {} with {input}", info.workflow_type));
            for (kind, messages) in [("carried", &tokens), ("unread", &unread)] {
                for (name, args) in messages {
                    self.say(&format!("  {kind} {name}{}", Json::from(args.clone())));
                }
            }
            self.lives.push(Life { info, input, tokens, unread, batches: Vec::new() });
            next = self.live();
        }
        std::mem::take(&mut self.text)
    }

    /// Runs one run of the chain to its end; what the next one begins with when it continues.
    fn live(&mut self) -> Option<Beginning> {
        let mut machine = self.lives.last().unwrap().start(self.program);
        // What is there from the beginning belongs to the first task.
        let is_there = self.happenings.keys().next().is_some_and(|(at, _)| *at <= self.now_ms);
        let mut events = if is_there { self.next_batch(&machine) } else { Vec::new() };
        let mut history = 1;
        for number in 1..=TASKS_MAX {
            history += events.len() as u64;
            let info = TaskInfo {
                now_ms: self.now_ms,
                history_length: history,
                history_bytes: history * 100,
                replaying: false,
            };
            self.say(&format!("task {number} at +{}", short(self.now_ms - EPOCH_MS)));
            for event in &events {
                let line = self.event(event);
                self.say(&format!("  < {line}"));
            }
            let before = serde_json::to_string(&machine).unwrap();
            let commands = machine.task(self.program, &info, &events);
            history += commands.as_ref().map_or(0, |commands| commands.len() as u64);
            let batch = Batch { before, info, events: std::mem::take(&mut events), commands };
            let commands = batch.commands.clone();
            self.lives.last_mut().unwrap().batches.push(batch);
            let commands = match commands {
                Ok(commands) => commands,
                Err(fault) => {
                    let place = self.place(fault.span);
                    self.say(&format!("  ! {place} {} {}", fault.code, fault.message));
                    self.say("blocked");
                    return None;
                }
            };
            for command in &commands {
                self.perform(command);
            }
            if let Some(Command { kind: CommandKind::ContinueAsNew { input, tokens, unread }, .. }) =
                commands.last()
            {
                return Some((input.clone(), tokens.clone(), unread.clone()));
            }
            if machine.is_closed() {
                self.queries_left(&machine);
                return None;
            }
            events = self.next_batch(&machine);
            if events.is_empty() {
                for blocked in machine.blocked(self.program) {
                    let place = self.place(blocked.span);
                    self.say(&format!("waits at {place} for {}", blocked.reason));
                }
                return None;
            }
        }
        self.say("and so on");
        None
    }

    /// All events of the next moment at which anything happens.
    fn next_batch(&mut self, machine: &Machine) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some((at, _)) = self.happenings.keys().next().copied() {
            if !events.is_empty() && at > self.now_ms {
                break;
            }
            self.now_ms = at.max(self.now_ms);
            match self.happenings.pop_first().unwrap().1 {
                Happening::Event(event) => events.push(event),
                Happening::Query(name, input) => self.query(machine, &name, &input),
            }
        }
        events
    }

    /// Closed runs answer queries too.
    fn queries_left(&mut self, machine: &Machine) {
        for what in std::mem::take(&mut self.happenings).into_values() {
            if let Happening::Query(name, input) = what {
                self.query(machine, &name, &input);
            }
        }
    }

    fn query(&mut self, machine: &Machine, name: &str, input: &Json) {
        let before = serde_json::to_string(machine).unwrap();
        let line = match machine.answer(self.program, name, input) {
            Ok(answer) if answer.discarded_writes => format!("{} (its writes are discarded)", answer.value),
            Ok(answer) => answer.value.to_string(),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(before, serde_json::to_string(machine).unwrap(), "a query leaves no trace");
        self.say(&format!("query {name} at +{}: {line}", short(self.now_ms - EPOCH_MS)));
    }

    fn place(&self, span: Span) -> String {
        if span == nexus_lang::twf::fault::NOWHERE {
            return "-".into();
        }
        let at = self.sources.locate(span);
        format!("{}:{}", at.line, at.column)
    }

    fn event(&self, event: &Event) -> String {
        let name = |seq: &u64| format!("{} {seq}", self.names.get(seq).map_or("?", String::as_str));
        match event {
            Event::TimerFired { seq } => format!("{} fired", name(seq)),
            Event::ActivityCompleted { seq, result }
            | Event::ChildCompleted { seq, result }
            | Event::NexusCompleted { seq, result } => format!("{} completed {result}", name(seq)),
            Event::ActivityFailed { seq, failure }
            | Event::ChildFailed { seq, failure }
            | Event::NexusFailed { seq, failure } => format!("{} failed {}", name(seq), failed(failure)),
            Event::ChildStartFailed { seq, failure } => format!("{} refused {}", name(seq), failed(failure)),
            Event::ChildStarted { seq, .. } | Event::NexusStarted { seq } => format!("{} started", name(seq)),
            Event::SignalSent { seq, failure: None } => format!("{} delivered", name(seq)),
            Event::SignalSent { seq, failure: Some(failure) } => {
                format!("{} undeliverable {}", name(seq), failed(failure))
            }
            Event::Signaled { name, input } => format!("signal {name} {input}"),
            Event::Updated { id, name, input } => format!("update {id} {name} {input}"),
            Event::CancelRequested { .. } => "cancel requested".into(),
        }
    }

    fn perform(&mut self, command: &Command) {
        let line = self.command(command);
        let place = self.place(command.span);
        let seq = if command.seq == 0 { "-".to_string() } else { command.seq.to_string() };
        self.say(&format!("  > {seq} {place} {line}"));
        let seq = command.seq;
        match &command.kind {
            CommandKind::ScheduleActivity { name, .. } => {
                self.answered(name, |end| match end {
                    End::Ok(result) => Some(Event::ActivityCompleted { seq, result }),
                    End::Fail(failure) | End::Refuse(failure) => Some(Event::ActivityFailed { seq, failure }),
                    End::Never => None,
                });
            }
            CommandKind::StartTimer { duration_ms } => {
                self.happens(*duration_ms, Happening::Event(Event::TimerFired { seq }));
            }
            CommandKind::CancelTimer { timer } => self
                .happenings
                .retain(|_, it| !matches!(it, Happening::Event(Event::TimerFired { seq }) if seq == timer)),
            CommandKind::StartChild { workflow, detached, .. } => self.child(seq, workflow, *detached),
            CommandKind::ScheduleNexus { target, detached, .. } => {
                let name = nexus_name(target);
                self.operation(seq, &name, *detached);
            }
            CommandKind::SendSignal { name, .. } => self.answered(name, |end| {
                let failure = match end {
                    End::Ok(_) => None,
                    End::Fail(failure) | End::Refuse(failure) => Some(failure),
                    End::Never => return None,
                };
                Some(Event::SignalSent { seq, failure })
            }),
            _ => {}
        }
    }

    /// The scripted answer to a call.
    fn answered(&mut self, name: &str, event: impl FnOnce(End) -> Option<Event>) {
        let nth = self.calls.entry(name.to_string()).or_default();
        let answer = self.script.answer(name, *nth);
        *nth += 1;
        if let Some(event) = event(answer.end) {
            self.happens(answer.after_ms, Happening::Event(event));
        }
    }

    fn child(&mut self, seq: u64, workflow: &str, detached: bool) {
        let mut refused = None;
        let mut end = None;
        self.answered(workflow, |answer| {
            match answer {
                End::Ok(result) => end = Some(Event::ChildCompleted { seq, result }),
                End::Fail(failure) => end = Some(Event::ChildFailed { seq, failure }),
                End::Refuse(failure) => refused = Some(Event::ChildStartFailed { seq, failure }),
                End::Never => {}
            }
            None
        });
        if let Some(refused) = refused {
            return self.happens(0, Happening::Event(refused));
        }
        self.happens(0, Happening::Event(Event::ChildStarted { seq, run_id: format!("child-{seq}") }));
        self.later(workflow, end.filter(|_| !detached));
    }

    fn operation(&mut self, seq: u64, name: &str, detached: bool) {
        let mut refused = None;
        let mut end = None;
        self.answered(name, |answer| {
            match answer {
                End::Ok(result) => end = Some(Event::NexusCompleted { seq, result }),
                End::Fail(failure) => end = Some(Event::NexusFailed { seq, failure }),
                End::Refuse(failure) => refused = Some(Event::NexusFailed { seq, failure }),
                End::Never => {}
            }
            None
        });
        if let Some(refused) = refused {
            return self.happens(0, Happening::Event(refused));
        }
        self.happens(0, Happening::Event(Event::NexusStarted { seq }));
        self.later(name, end.filter(|_| !detached));
    }

    fn later(&mut self, name: &str, end: Option<Event>) {
        let nth = self.calls.get(name).copied().unwrap_or(1) - 1;
        let after = self.script.answer(name, nth).after_ms;
        if let Some(end) = end {
            self.happens(after, Happening::Event(end));
        }
    }

    fn command(&mut self, command: &Command) -> String {
        let (name, line) = match &command.kind {
            CommandKind::ScheduleActivity { name, input, options } => {
                let line = format!("activity {name}{}{}", Json::from(input.clone()), options_text(options));
                (name.clone(), line)
            }
            CommandKind::StartTimer { duration_ms } => {
                ("timer".into(), format!("timer {}", short(*duration_ms)))
            }
            CommandKind::StartChild { workflow, input, options, detached } => {
                let word = if *detached { "detached child" } else { "child" };
                (workflow.clone(), format!("{word} {workflow}{input}{}", options_text(options)))
            }
            CommandKind::ScheduleNexus { target, input, options, detached } => {
                let (name, word) = (nexus_name(target), if *detached { "detached nexus" } else { "nexus" });
                let endpoint = match target {
                    NexusTarget::Operation { endpoint, .. } => format!("{endpoint} "),
                    NexusTarget::Workflow { .. } => String::new(),
                };
                (name.clone(), format!("{word} {endpoint}{name}{input}{}", options_text(options)))
            }
            CommandKind::SendSignal { target, name, input } => {
                let to = match target {
                    SignalTarget::Child { seq } => format!("child {seq}"),
                    SignalTarget::External { workflow, workflow_id } => format!("{workflow} {workflow_id}"),
                };
                (format!("signal {name}"), format!("signal {name}{input} to {to}"))
            }
            _ => return other(&command.kind),
        };
        self.names.insert(command.seq, name);
        line
    }
}

/// Commands that begin nothing.
fn other(kind: &CommandKind) -> String {
    match kind {
        CommandKind::CancelTimer { timer } => format!("cancel timer {timer}"),
        CommandKind::RequestCancel { target, wait: false } => format!("cancel {target}"),
        CommandKind::RequestCancel { target, wait: true } => format!("cancel {target} and wait"),
        CommandKind::CancelExternal { workflow, workflow_id } => format!("cancel {workflow} {workflow_id}"),
        CommandKind::AcceptUpdate { id } => format!("accept update {id}"),
        CommandKind::RejectUpdate { id, failure } => format!("reject update {id}: {}", failed(failure)),
        CommandKind::CompleteUpdate { id, outcome: Ok(answer) } => format!("answer update {id}: {answer}"),
        CommandKind::CompleteUpdate { id, outcome: Err(failure) } => {
            format!("answer update {id}: failed {}", failed(failure))
        }
        CommandKind::Complete { result } => format!("complete {result}"),
        CommandKind::Fail { failure } => format!("fail {}", failed(failure)),
        CommandKind::Cancel { failure } => format!("canceled {}", failed(failure)),
        CommandKind::ContinueAsNew { input, .. } => format!("continue as new {input}"),
        CommandKind::RecordMarker { patch, deprecated: false } => format!("marker {patch}"),
        CommandKind::RecordMarker { patch, .. } => format!("deprecated marker {patch}"),
        CommandKind::UpsertMemo { fields } => format!("memo {fields}"),
        CommandKind::UpsertSearchAttributes { fields } => format!("search attributes {fields}"),
        CommandKind::SetDetails { text } => format!("details {text}"),
        CommandKind::Log { level, message } => format!("log {level}: {message}"),
        _ => format!("{kind:?}"),
    }
}

/// A failure with all that is in it.
fn failed(failure: &Failure) -> String {
    let mut text = format!("{}({:?})", failure.type_name, failure.message);
    if failure.non_retryable {
        text.push_str(" final");
    }
    if !failure.details.is_empty() {
        let _infallible = write!(text, " {}", Json::from(failure.details.clone()));
    }
    if let Some(cause) = &failure.cause {
        let _infallible = write!(text, " <- {}", failed(cause));
    }
    for other in &failure.suppressed {
        let _infallible = write!(text, " and {}", failed(other));
    }
    text
}

/// Options that were given.
fn options_text(options: &impl Serialize) -> String {
    let Json::Object(mut fields) = serde_json::to_value(options).unwrap() else { return String::new() };
    strip(&mut fields);
    if fields.is_empty() { String::new() } else { format!(" with {}", Json::Object(fields)) }
}

fn strip(fields: &mut serde_json::Map<String, Json>) {
    fields.values_mut().filter_map(Json::as_object_mut).for_each(strip);
    fields.retain(|_, value| {
        !matches!(value, Json::Null | Json::Bool(false)) && *value != serde_json::json!([])
    });
}

fn nexus_name(target: &NexusTarget) -> String {
    match target {
        NexusTarget::Operation { service, operation, .. } => format!("{service}.{operation}"),
        NexusTarget::Workflow { namespace, workflow } => format!("{namespace}/{workflow}"),
    }
}

fn short(ms: i64) -> String {
    duration_text(ms)
}
