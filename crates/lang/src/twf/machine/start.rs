//! What takes time: commands, and the items that wait for their answers.

use serde_json::{Map, Value as Json};

use super::run::Task;
use super::state::{Cancellation, Coroutine, Item, ItemState, What};
use super::wire::{CommandKind, NexusTarget};
use crate::text::source::Span;
use crate::twf::boundary::export;
use crate::twf::builtin::time::to_duration;
use crate::twf::code::{Args, NexusCode, Start};
use crate::twf::fault::Fault;
use crate::twf::value::Ref;

/// Characters of a run's id that tell the ids of children of different runs of one chain apart.
const RUN_PREFIX_CHARS: usize = 8;

impl Task<'_, '_> {
    /// Starts something; `case` is the case of a race, `held` says whether a promise keeps its outcome.
    pub(super) fn start(
        &mut self,
        co: &Coroutine,
        start: &Start,
        (case, span): (u32, Span),
        held: bool,
    ) -> Result<u64, Fault> {
        let mut cancellation = Cancellation::Try;
        let (kind, what) = match start {
            Start::Message(handler) => return Ok(self.promise_message(*handler, (co.pc, case))),
            Start::Timer(duration) => {
                let value = self.eval(co.scope, duration)?;
                let duration_ms = to_duration(&value).map_err(|trouble| trouble.at(duration.span))?.max(0);
                (CommandKind::StartTimer { duration_ms }, What::Timer)
            }
            _ => {
                let (kind, what) = self.call_command(co.scope, start, false)?;
                cancellation = Cancellation::of(cancellation_word(&kind));
                (kind, what)
            }
        };
        let seq = self.emit(span, kind);
        self.add_item(seq, what, (co.pc, case), held);
        if let Some(item) = self.m.items.get_mut(&seq) {
            item.cancellation = cancellation;
        }
        Ok(seq)
    }

    /// `detach`: the statement waits for the start, nobody for the end.
    pub(super) fn start_detached(
        &mut self,
        co: &Coroutine,
        start: &Start,
        (case, span): (u32, Span),
    ) -> Result<u64, Fault> {
        let (kind, what) = self.call_command(co.scope, start, true)?;
        let seq = self.emit(span, kind);
        self.add_item(seq, what, (co.pc, case), false);
        Ok(seq)
    }

    fn call_command(
        &mut self,
        scope: Option<Ref>,
        start: &Start,
        detached: bool,
    ) -> Result<(CommandKind, What), Fault> {
        Ok(match start {
            Start::Activity(name, args, options, _) => {
                let input = self.list_input(scope, args)?;
                let options = self.activity_options(scope, options)?;
                let kind = CommandKind::ScheduleActivity { name: name.to_string(), input, options };
                (kind, What::Activity(name.clone()))
            }
            Start::Child(name, args, options, _) => {
                let input = self.object_input(scope, args)?;
                let mut options = self.child_options(scope, options)?;
                if detached {
                    options.parent_close_policy = "ABANDON".to_string();
                }
                if options.workflow_id.is_empty() {
                    options.workflow_id = self.child_id(name);
                }
                let workflow = name.to_string();
                (CommandKind::StartChild { workflow, input, options, detached }, What::Child(name.clone()))
            }
            Start::Nexus(code, args, options, _) => {
                let target = self.nexus_target(scope, code)?;
                let input = self.object_input(scope, args)?;
                let options = self.nexus_options(scope, options)?;
                let what = What::Nexus(nexus_name(&target).into());
                (CommandKind::ScheduleNexus { target, input, options, detached }, what)
            }
            Start::Timer(_) | Start::Message(_) => return Err(Fault::internal("not a call")),
        })
    }

    fn nexus_target(&mut self, scope: Option<Ref>, code: &NexusCode) -> Result<NexusTarget, Fault> {
        Ok(match code {
            NexusCode::Operation(endpoint, service, operation) => NexusTarget::Operation {
                endpoint: self.text_of(scope, endpoint)?,
                service: service.to_string(),
                operation: operation.to_string(),
            },
            NexusCode::Workflow(namespace, workflow) => {
                NexusTarget::Workflow { namespace: namespace.to_string(), workflow: workflow.to_string() }
            }
        })
    }

    /// `<parent id>/<Type>/<n>` (rule H9), with the run's prefix where a later run of the chain counts again.
    fn child_id(&self, name: &str) -> String {
        let (parent, n) = (&self.m.info.workflow_id, self.m.next.command);
        if self.code.renews || self.m.info.attempt > 1 {
            let run: String = self.m.info.run_id.chars().take(RUN_PREFIX_CHARS).collect();
            return format!("{parent}/{name}/{run}-{n}");
        }
        format!("{parent}/{name}/{n}")
    }

    pub(super) fn add_item(&mut self, seq: u64, what: What, origin: (u32, u32), held: bool) {
        let item = Item {
            what,
            state: ItemState::Pending,
            started: false,
            cancellation: Cancellation::Try,
            held,
            orphan: false,
            origin,
            waiters: Vec::new(),
            start_waiters: Vec::new(),
        };
        self.m.items.insert(seq, item);
    }

    /// Arguments in the order of the parameters.
    fn list_input(&mut self, scope: Option<Ref>, args: &Args) -> Result<Vec<Json>, Fault> {
        let mut input = Vec::with_capacity(args.values.len());
        for (at, value) in args.values.iter().enumerate() {
            input.push(match value {
                Some(expr) => {
                    let value = self.eval(scope, expr)?;
                    export(&self.m.heap, &value).map_err(|trouble| trouble.at(expr.span))?
                }
                None => args.defaults.get(at).cloned().flatten().unwrap_or_default(),
            });
        }
        Ok(input)
    }

    /// Arguments as an object by parameter name; a list by position when the callee is not known.
    pub(super) fn object_input(&mut self, scope: Option<Ref>, args: &Args) -> Result<Json, Fault> {
        let Some(names) = &args.names else { return self.list_input(scope, args).map(Json::Array) };
        let mut input = Map::new();
        for (name, value) in names.iter().zip(&args.values) {
            if let Some(expr) = value {
                let value = self.eval(scope, expr)?;
                let json = export(&self.m.heap, &value).map_err(|trouble| trouble.at(expr.span))?;
                input.insert(name.to_string(), json);
            }
        }
        Ok(Json::Object(input))
    }
}

fn cancellation_word(kind: &CommandKind) -> Option<&str> {
    match kind {
        CommandKind::ScheduleActivity { options, .. } => options.cancellation_type.as_deref(),
        CommandKind::StartChild { options, .. } => options.cancellation_type.as_deref(),
        CommandKind::ScheduleNexus { options, .. } => options.cancellation_type.as_deref(),
        _ => None,
    }
}

/// The operation as people name it.
pub(super) fn nexus_name(target: &NexusTarget) -> String {
    match target {
        NexusTarget::Operation { service, operation, .. } => format!("{service}.{operation}"),
        NexusTarget::Workflow { namespace, workflow } => format!("{namespace}/{workflow}"),
    }
}
