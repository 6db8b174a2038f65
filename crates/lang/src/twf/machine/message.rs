//! Messages: handler calls, arrival tokens, and who takes them (language page, section 6.7).

use super::input::bind_message;
use super::run::{Flow, Task};
use super::state::{Cancellation, Coroutine, Item, ItemState, Role, TokenWaiter, What};
use super::wire::CommandKind;
use super::{LOCAL_ITEMS, Machine};
use crate::text::source::Span;
use crate::twf::ast::HandlerKind;
use crate::twf::boundary::{Importer, export};
use crate::twf::code::{Bind, HandlerCode};
use crate::twf::fault::{Fault, NOWHERE};
use crate::twf::value::Value;
use serde_json::Value as Json;

impl Task<'_, '_> {
    /// A signal arrived: its handler begins. What nobody declared is logged and dropped.
    pub(super) fn signaled(&mut self, name: &str, input: &Json) -> Result<(), Fault> {
        let Some((at, handler)) = self.code.handler(HandlerKind::Signal, name) else {
            let message = format!("signal `{name}` is not declared by this workflow and was dropped");
            self.context_log("warn", self.code.span, message);
            return Ok(());
        };
        let args = self.lenient_args(handler, input)?;
        self.start_handler((at, handler), args, None);
        Ok(())
    }

    /// A line about the run itself; silent on replay like every other.
    pub(super) fn context_log(&mut self, level: &str, span: Span, message: String) {
        if !self.context.task.replaying {
            self.emit_aside(span, CommandKind::Log { level: level.to_string(), message });
        }
    }

    /// A signal has no caller to complain to: what does not fit its type is taken as it is.
    fn lenient_args(&mut self, handler: &HandlerCode, input: &Json) -> Result<Vec<Value>, Fault> {
        let given = match super::input::split(&handler.params, input) {
            Ok(given) => given,
            Err(error) => {
                self.context_log("warn", handler.span, format!("signal `{}`: {error}", handler.name));
                vec![None; handler.params.len()]
            }
        };
        let mut args = Vec::with_capacity(handler.params.len());
        for (param, json) in handler.params.iter().zip(given) {
            let value = match (json, &param.default) {
                (Some(json), _) => {
                    let mut importer = Importer { heap: &mut self.m.heap, types: self.types };
                    importer
                        .import_leniently(json, &param.shape)
                        .map_err(|trouble| trouble.at(handler.span))?
                }
                (None, Some(default)) => self.eval(None, default)?,
                (None, None) => Value::Null,
            };
            args.push(value);
        }
        Ok(args)
    }

    /// An update arrived: refused without a trace, or accepted and answered when its handler ends (rule H14).
    pub(super) fn updated(&mut self, id: &str, name: &str, input: &Json) -> Result<(), Fault> {
        let refused = |failure| CommandKind::RejectUpdate { id: id.to_string(), failure };
        let Some((at, handler)) = self.code.handler(HandlerKind::Update, name) else {
            let known = self.code.handlers.iter().filter(|it| it.kind == HandlerKind::Update);
            let failure = super::error::not_declared("update", name, known.map(|it| &*it.name));
            self.emit_aside(self.code.span, refused(failure));
            return Ok(());
        };
        if let Err(failure) = self.validate(handler, input, id)? {
            self.emit_aside(handler.span, refused(failure));
            return Ok(());
        }
        match bind_message(self, handler, input)? {
            Ok(args) => {
                self.emit(handler.span, CommandKind::AcceptUpdate { id: id.to_string() });
                self.start_handler((at, handler), args, Some(id.to_string()));
            }
            Err(error) => {
                let failure = super::error::bad_input(&error);
                self.emit_aside(handler.span, refused(failure));
            }
        }
        Ok(())
    }

    fn start_handler(
        &mut self,
        (at, handler): (u32, &HandlerCode),
        args: Vec<Value>,
        update: Option<String>,
    ) {
        let scope = self.message_scope(handler, &args, update.as_deref());
        let pc = self.code.target(handler.entry);
        self.m.handlers_running += 1;
        self.spawn(Coroutine::new(pc, Some(scope), Role::Handler { handler: at, args, update }));
    }

    /// A scope with the arguments in it.
    pub(super) fn message_scope(
        &mut self,
        handler: &HandlerCode,
        args: &[Value],
        update: Option<&str>,
    ) -> crate::twf::value::Ref {
        let scope = self.m.heap.new_scope(None, handler.slots as usize);
        if let (Some(slot), Some(id)) = (handler.id_slot, update)
            && let Some(place) = self.m.heap.variable_mut(scope, 0, slot)
        {
            *place = Value::text(id);
        }
        for (param, arg) in handler.params.iter().zip(args) {
            if let Some(place) = self.m.heap.variable_mut(scope, 0, param.slot) {
                *place = arg.clone();
            }
        }
        scope
    }

    /// A handler ended: its caller is answered, its token added.
    pub(super) fn handler_done(&mut self, co: &mut Coroutine, answer: Value) -> Result<Flow, Fault> {
        if co.role == Role::Query {
            self.answer = Some(answer);
            return Ok(Flow::Done);
        }
        let span = self.span(co);
        let Role::Handler { handler, args, update } = std::mem::replace(&mut co.role, Role::Query) else {
            return Err(Fault::internal("`return` outside of a handler"));
        };
        self.m.handlers_running = self.m.handlers_running.saturating_sub(1);
        self.context.wrote = true;
        if let Some(id) = update {
            let answer = export(&self.m.heap, &answer).map_err(|trouble| trouble.at(span))?;
            self.emit(span, CommandKind::CompleteUpdate { id, outcome: Ok(answer) });
        }
        self.add_token(handler, args);
        Ok(Flow::Done)
    }

    /// Adds an arrival token, when some statement awaits them at all.
    pub(super) fn add_token(&mut self, handler: u32, args: Vec<Value>) {
        let is_awaited = self.code.handlers.get(handler as usize).is_some_and(|it| it.is_awaited);
        if let Some(queue) = self.m.queues.get_mut(handler as usize).filter(|_| is_awaited) {
            queue.tokens.push_back(args);
            self.offer(handler);
        }
    }

    /// Offers the tokens of a handler to those who wait, in the order they began: coroutines are woken and take
    /// theirs when they run, promises take theirs at once.
    pub(super) fn offer(&mut self, handler: u32) {
        let Some(queue) = self.m.queues.get_mut(handler as usize) else { return };
        let waiters = std::mem::take(&mut queue.waiters);
        let mut reserved = 0;
        let mut kept = Vec::new();
        for waiter in waiters {
            let left = self.m.queues.get(handler as usize).map_or(0, |queue| queue.tokens.len());
            match waiter {
                TokenWaiter::Coroutine((id, no)) => {
                    if self.m.coroutines.get(&id).is_some_and(|co| co.waits(no)) {
                        if left > reserved {
                            self.wake((id, no));
                            reserved += 1;
                        }
                        kept.push(waiter);
                    }
                }
                TokenWaiter::Promise(item) if left > reserved => self.give_token(handler, item, reserved),
                TokenWaiter::Promise(_) => kept.push(waiter),
            }
        }
        if let Some(queue) = self.m.queues.get_mut(handler as usize) {
            queue.waiters = kept;
        }
    }

    fn give_token(&mut self, handler: u32, item: u64, at: usize) {
        let token = self.m.queues.get_mut(handler as usize).and_then(|queue| queue.tokens.remove(at));
        let Some(token) = token else { return };
        let value = self.m.heap.new_list(token);
        self.resolve(item, ItemState::Done(value));
    }

    /// `promise p <- signal S`.
    pub(super) fn promise_message(&mut self, handler: u32, origin: (u32, u32)) -> u64 {
        let id = LOCAL_ITEMS + self.m.next.local_item;
        self.m.next.local_item += 1;
        let item = Item {
            what: What::Message(handler),
            state: ItemState::Pending,
            started: true,
            cancellation: Cancellation::Try,
            held: true,
            orphan: false,
            origin,
            waiters: Vec::new(),
            start_waiters: Vec::new(),
        };
        self.m.items.insert(id, item);
        if let Some(queue) = self.m.queues.get_mut(handler as usize) {
            queue.waiters.push(TokenWaiter::Promise(id));
        }
        self.offer(handler);
        id
    }

    /// What an awaited message gives: its arguments by position for `-> (a, b)`, the only argument, or an object of
    /// all arguments. The pseudo-variable `signal` has the object in any case.
    pub(super) fn message_value(&mut self, handler: u32, args: &[Value], bind: Option<&Bind>) -> Value {
        let params = self.code.handlers.get(handler as usize).map_or(&[][..], |it| it.params.as_slice());
        let fields: Vec<_> =
            params.iter().map(|param| param.name.clone()).zip(args.iter().cloned()).collect();
        if let Some(slot) = self.code.message_slot {
            let object = self.m.heap.object_of(fields.clone());
            if let Some(place) = self.m.globals.get_mut(slot as usize) {
                *place = object;
            }
        }
        match (bind, args) {
            (Some(Bind::Tuple(_)), _) => self.m.heap.new_list(args.to_vec()),
            (_, []) => Value::Null,
            (_, [only]) => only.clone(),
            _ => self.m.heap.object_of(fields),
        }
    }
}

/// What stands before the name of an update among carried tokens. No name has a blank.
const UPDATE_PREFIX: &str = "update ";

impl Task<'_, '_> {
    /// Messages that were handled and that no statement has awaited yet.
    pub(super) fn unread_tokens(&self) -> Result<Vec<(String, Vec<Json>)>, Fault> {
        let mut tokens = Vec::new();
        for (handler, queue) in self.code.handlers.iter().zip(&self.m.queues) {
            let prefix = if handler.kind == HandlerKind::Update { UPDATE_PREFIX } else { "" };
            for token in &queue.tokens {
                tokens.push((format!("{prefix}{}", handler.name), self.exported(handler, token)?));
            }
        }
        Ok(tokens)
    }

    /// The arguments of a message as they leave the run.
    pub(super) fn exported(&self, handler: &HandlerCode, args: &[Value]) -> Result<Vec<Json>, Fault> {
        let args = args.iter().map(|arg| export(&self.m.heap, arg)).collect::<Result<_, _>>();
        args.map_err(|trouble| trouble.at(handler.span))
    }
}

impl Machine {
    /// Gives a run the arrival tokens that its predecessor in the chain left (rule H16); before its first task.
    pub fn carry(&mut self, program: &super::Program, tokens: &[(String, Vec<Json>)]) -> Result<(), Fault> {
        let Some(code) = program.code(&self.info.workflow_type) else { return Ok(()) };
        for (name, args) in tokens {
            let found = match name.strip_prefix(UPDATE_PREFIX) {
                Some(update) => code.handler(HandlerKind::Update, update),
                None => code.handler(HandlerKind::Signal, name),
            };
            let Some((at, handler)) = found else { continue };
            let mut values = Vec::with_capacity(handler.params.len());
            for (param, json) in handler.params.iter().zip(args.iter().chain(std::iter::repeat(&Json::Null)))
            {
                let mut importer = Importer { heap: &mut self.heap, types: program.types() };
                let value = importer.import_leniently(json, &param.shape);
                values.push(value.map_err(|trouble| trouble.at(NOWHERE))?);
            }
            if let Some(queue) = self.queues.get_mut(at as usize).filter(|_| handler.is_awaited) {
                queue.tokens.push_back(values);
            }
        }
        Ok(())
    }

    /// Gives a run the signals whose handlers its predecessor had not begun; before its first task. They are handled
    /// after the body has run up to its first wait, like any that are there from the beginning.
    pub fn carry_unread(
        &mut self,
        program: &super::Program,
        signals: &[(String, Vec<Json>)],
    ) -> Result<(), Fault> {
        let latest = self.latest;
        let mut task = Task::new(self, program, latest)?;
        for (name, args) in signals {
            task.signaled(name, &Json::Array(args.clone()))?;
        }
        Ok(())
    }
}
