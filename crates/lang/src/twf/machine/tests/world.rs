//! A small world for programs made by chance: virtual time, answers by a rule, histories kept run by run.

use std::collections::BTreeMap;

use super::*;

/// Tasks of one run; beyond that its program is left alone.
const TASKS_MAX: usize = 60;

/// One task of a run.
pub(super) struct Batch {
    pub(super) info: TaskInfo,
    pub(super) events: Vec<Event>,
    pub(super) commands: Result<Vec<Command>, Fault>,
}

type Messages = Vec<(String, Vec<Json>)>;

/// One run of a chain, with all that it began with.
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

/// What happens from outside: which calls fail, when messages and a cancellation arrive.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) failing: usize,
    pub(super) signals: Vec<i64>,
    pub(super) updates: Vec<(i64, i64)>,
    pub(super) cancel: Option<i64>,
}

/// What is going to happen, by time and then in the order it was planned.
struct Plan {
    now_ms: i64,
    events: BTreeMap<(i64, usize), Event>,
    planned: usize,
    calls: usize,
}

impl World {
    /// The whole chain of runs.
    pub(super) fn lives(&self, program: &Program) -> Vec<Life> {
        let mut plan = Plan { now_ms: 1_000, events: BTreeMap::new(), planned: 0, calls: 0 };
        for at in &self.signals {
            plan.after(*at, signal("S", json!(at % 10)));
        }
        for (at, x) in &self.updates {
            plan.after(*at, Event::Updated { id: format!("u{at}"), name: "U".into(), input: json!(x) });
        }
        if let Some(at) = self.cancel {
            plan.after(at, cancel());
        }
        let mut lives = Vec::new();
        let mut next = Some((json!({"round": 0}), Vec::new(), Vec::new()));
        while let Some((input, tokens, unread)) = next.take() {
            let info = RunInfo {
                run_id: format!("run-{:07}", lives.len()),
                started_at_ms: plan.now_ms,
                seed: lives.len() as u64,
                ..info("W")
            };
            let mut life = Life { info, input, tokens, unread, batches: Vec::new() };
            next = self.live(program, &mut plan, &mut life);
            lives.push(life);
        }
        lives
    }

    fn live(
        &self,
        program: &Program,
        plan: &mut Plan,
        life: &mut Life,
    ) -> Option<(Json, Messages, Messages)> {
        let mut machine = life.start(program);
        let mut events = Vec::new();
        for number in 0..TASKS_MAX {
            let length = number as u64 * 3 + 1;
            let info = TaskInfo {
                now_ms: plan.now_ms,
                history_length: length,
                history_bytes: length * 99,
                replaying: false,
            };
            let commands = machine.task(program, &info, &events);
            life.batches.push(Batch { info, events, commands: commands.clone() });
            let commands = commands.ok()?;
            for command in &commands {
                self.perform(plan, command);
            }
            if let Some(CommandKind::ContinueAsNew { input, tokens, unread }) =
                commands.last().map(|it| &it.kind)
            {
                // Only messages from outside are for the next run.
                plan.events.retain(|_, event| {
                    matches!(
                        event,
                        Event::Signaled { .. } | Event::Updated { .. } | Event::CancelRequested { .. }
                    )
                });
                return Some((input.clone(), tokens.clone(), unread.clone()));
            }
            events = plan.next_moment();
            if events.is_empty() || machine.is_closed() {
                return None;
            }
        }
        None
    }

    fn perform(&self, plan: &mut Plan, command: &Command) {
        let seq = command.seq;
        match &command.kind {
            CommandKind::ScheduleActivity { input, .. } => {
                plan.calls += 1;
                let nth = plan.calls;
                let n = input[0].as_i64().unwrap_or(0);
                let event = if nth.is_multiple_of(self.failing) {
                    Event::ActivityFailed { seq, failure: Failure::application("Bad", "by chance") }
                } else {
                    Event::ActivityCompleted { seq, result: json!(n * 3 + 1) }
                };
                plan.after(i64::try_from(nth % 4).unwrap() * 1_000, event);
            }
            CommandKind::StartTimer { duration_ms } => plan.after(*duration_ms, Event::TimerFired { seq }),
            CommandKind::CancelTimer { timer } => {
                plan.events.retain(|_, event| !matches!(event, Event::TimerFired { seq } if seq == timer));
            }
            CommandKind::StartChild { input, detached, .. } => {
                plan.calls += 1;
                if plan.calls.is_multiple_of(self.failing * 5) {
                    let failure = Failure::application("AlreadyStarted", "by chance");
                    return plan.after(0, Event::ChildStartFailed { seq, failure });
                }
                plan.after(0, Event::ChildStarted { seq, run_id: "child".into() });
                if !detached {
                    let result = json!(input["n"].as_i64().unwrap_or(0) + 1);
                    plan.after(3_000, Event::ChildCompleted { seq, result });
                }
            }
            CommandKind::SendSignal { .. } => {
                plan.calls += 1;
                let gone = Failure::new("server", "NOT_FOUND", "gone");
                let failure = plan.calls.is_multiple_of(self.failing * 3).then_some(gone);
                plan.after(500, Event::SignalSent { seq, failure });
            }
            _ => {}
        }
    }
}

impl Plan {
    fn after(&mut self, ms: i64, event: Event) {
        self.planned += 1;
        self.events.insert((self.now_ms + ms, self.planned), event);
    }

    /// All events of the next moment, so that batches hold more than one.
    fn next_moment(&mut self) -> Vec<Event> {
        let Some((at, _)) = self.events.keys().next().copied() else { return Vec::new() };
        self.now_ms = self.now_ms.max(at);
        let later = self.events.split_off(&(self.now_ms + 1, 0));
        std::mem::replace(&mut self.events, later).into_values().collect()
    }
}
