//! Expressions: a recursive walk that has a budget instead of a clock.

pub mod ops;
mod place;

pub use ops::display;

use std::collections::BTreeMap;

use std::sync::Arc;

use super::ast::BinaryOp;
use super::boundary;
use super::builtin::{Call, Run};
use super::code::{Ex, Expr, Meta, Var};
use super::family;
use super::fault::{
    ARITY_MISMATCH, BUSY_LOOP, Fault, NULL_FIELD, SYNTAX, Trouble, UNBOUND_TEMPLATE_PARAM,
    UNDEFINED_VARIABLE, UNKNOWN_FUNCTION,
};
use super::heap::{Heap, Object};
use super::machine::{CommandKind, RunInfo, TaskInfo};
use super::value::{Ref, Value};
use crate::text::suggest::did_you_mean;

/// Steps of one workflow task: instructions, expression nodes and elements touched by builtins.
pub const TASK_STEPS_MAX: u32 = 2_000_000;

/// Characters of one string and elements of one list.
pub const VALUE_ITEMS_MAX: usize = 4_000_000;

/// From this many events on a run is told to continue as new.
pub const HISTORY_EVENTS_SUGGESTED_MAX: u64 = 4_096;

/// From this many bytes of history on a run is told to continue as new.
pub const HISTORY_BYTES_SUGGESTED_MAX: u64 = 4 * 1024 * 1024;

/// What is the same for all expressions of one workflow task, and what they use up.
#[derive(Debug)]
pub struct Context {
    /// The task.
    pub task: TaskInfo,
    /// Steps left.
    pub steps_left: u32,
    /// Whether a variable, list or object was written since this was last cleared.
    pub wrote: bool,
    /// Commands of builtins, to be emitted before whatever follows.
    pub effects: Vec<CommandKind>,
    /// The changes that the task's history has in effect, when the task is in history already.
    pub recalled: Option<Vec<String>>,
}

impl Context {
    /// A fresh budget.
    pub fn new(task: TaskInfo) -> Context {
        Context { task, steps_left: TASK_STEPS_MAX, wrote: false, effects: Vec::new(), recalled: None }
    }

    /// Uses up steps.
    pub fn spend(&mut self, steps: usize) -> Result<(), Trouble> {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        match self.steps_left.checked_sub(steps) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => {
                self.steps_left = 0;
                let message = format!(
                    "more than {TASK_STEPS_MAX} steps without waiting for anything: potential deadlock"
                );
                Err(Trouble::new(BUSY_LOOP, message))
            }
        }
    }
}

/// Evaluates expressions against the state of a run.
pub struct Eval<'a> {
    /// Lists, objects and scopes.
    pub heap: &'a mut Heap,
    /// Variables of the run.
    pub globals: &'a mut [Value],
    /// The innermost scope.
    pub scope: Option<Ref>,
    /// The run.
    pub info: &'a RunInfo,
    /// How often the generator was drawn from.
    pub draws: &'a mut u64,
    /// Which changes of the definition are in effect, as far as the program has asked.
    pub patches: &'a mut BTreeMap<String, bool>,
    /// The task.
    pub context: &'a mut Context,
    /// Parameters of the lambdas around.
    pub bound: Vec<Value>,
}

impl Eval<'_> {
    /// The value of an expression.
    pub fn eval(&mut self, expr: &Expr) -> Result<Value, Fault> {
        self.context.spend(1).map_err(|trouble| trouble.at(expr.span))?;
        match &expr.kind {
            Ex::Null => Ok(Value::Null),
            Ex::Bool(value) => Ok(Value::Bool(*value)),
            Ex::Int(value) => Ok(Value::Int(*value)),
            Ex::Decimal(value) => Ok(Value::Decimal(*value)),
            Ex::Str(text) => Ok(Value::Str(text.clone())),
            Ex::Duration(ms) => Ok(Value::Duration(*ms)),
            Ex::Var(var) => Ok(self.variable(*var)),
            Ex::Bound(at) => Ok(self.bound.get(*at as usize).cloned().unwrap_or_default()),
            Ex::Meta(meta) => self.meta(*meta).map_err(|trouble| trouble.at(expr.span)),
            Ex::List(items) => {
                let items = items.iter().map(|item| self.eval(item)).collect::<Result<_, _>>()?;
                Ok(self.heap.new_list(items))
            }
            Ex::Object(label, fields) => self.object(label.as_ref(), fields),
            Ex::Field(object, name, optional) => {
                let object = self.eval(object)?;
                self.field(&object, name, *optional).map_err(|trouble| trouble.at(expr.span))
            }
            Ex::Index(list, at) => {
                let (list, at) = (self.eval(list)?, self.eval(at)?);
                ops::index(self.heap, &list, &at).map_err(|trouble| trouble.at(expr.span))
            }
            Ex::Neg(inner) => {
                let inner = self.eval(inner)?;
                ops::negate(&inner).map_err(|trouble| trouble.at(expr.span))
            }
            Ex::Not(inner) => Ok(Value::Bool(!self.holds(inner)?)),
            Ex::Binary(op, left, right) => self.binary(*op, left, right, expr),
            Ex::If(condition, then, otherwise) => {
                if self.holds(condition)? {
                    self.eval(then)
                } else {
                    self.eval(otherwise)
                }
            }
            _ => self.rare(expr),
        }
    }

    /// The kinds that are met less often, kept out of the recursive frame of [`Eval::eval`].
    #[inline(never)]
    fn rare(&mut self, expr: &Expr) -> Result<Value, Fault> {
        let trouble = match &expr.kind {
            Ex::Call(builtin, args) => return self.call(builtin.run, args, expr),
            Ex::Text(parts) => return self.text(parts),
            Ex::Family(param, patterns) => match self.family(param, patterns) {
                Some(value) => return Ok(value),
                None => Trouble::new(
                    UNBOUND_TEMPLATE_PARAM,
                    format!(
                        "nothing binds `{param}`: no variable has that name, and namespace `{}` is no instance of a family with it",
                        self.info.namespace
                    ),
                ),
            },
            Ex::Undefined(name) => Trouble::new(
                UNDEFINED_VARIABLE,
                format!("`{name}` is not defined: nothing in this workflow assigns it"),
            ),
            Ex::UnknownCall(name) => {
                let help = did_you_mean(name, super::builtin::NAMES.iter().copied());
                let help = help.map(|help| format!("; {help}")).unwrap_or_default();
                Trouble::new(UNKNOWN_FUNCTION, format!("there is no function `{name}`{help}"))
            }
            Ex::BadCall(builtin, given) => Trouble::new(
                ARITY_MISMATCH,
                format!("`{}` takes {} arguments, not {given}", builtin.name, builtin.arity()),
            ),
            Ex::Lambda(..) => {
                Trouble::mismatch("a lambda can only be an argument of a function that takes one")
            }
            _ => Trouble::new(SYNTAX, "this expression could not be read"),
        };
        Err(trouble.at(expr.span))
    }

    /// What a parameter of a family of names stands for where this run is.
    fn family(&self, param: &str, patterns: &[Arc<str>]) -> Option<Value> {
        let namespace = &self.info.namespace;
        patterns.iter().find_map(|pattern| {
            let bound = family::instance(pattern, namespace)?;
            bound.iter().find(|(name, _)| *name == param).map(|(_, value)| Value::text(*value))
        })
    }

    fn variable(&self, var: Var) -> Value {
        match var {
            Var::Global(slot) => self.globals.get(slot as usize).cloned().unwrap_or_default(),
            Var::Local { up, slot } => {
                self.scope.and_then(|scope| self.heap.variable(scope, up, slot)).cloned().unwrap_or_default()
            }
        }
    }

    fn object(&mut self, label: Option<&Arc<str>>, fields: &[(Arc<str>, Expr)]) -> Result<Value, Fault> {
        let mut object = Object { label: label.cloned(), ..Object::default() };
        object.fields.reserve(fields.len());
        for (name, value) in fields {
            object.fields.insert(name.clone(), self.eval(value)?);
        }
        Ok(self.heap.new_object(object))
    }

    /// Reads a field: missing is null, but null itself has none.
    fn field(&self, object: &Value, name: &str, optional: bool) -> Result<Value, Trouble> {
        match object {
            Value::Object(at) => match self.heap.field(*at, name) {
                Some(value) => Ok(value.clone()),
                None if name == "length" => {
                    Ok(Value::count(self.heap.object(*at).map_or(0, |it| it.fields.len())))
                }
                None => Ok(Value::Null),
            },
            Value::Null if optional => Ok(Value::Null),
            Value::Null => Err(Trouble::new(NULL_FIELD, format!("cannot read field `{name}` of null"))),
            Value::List(at) if name == "length" => Ok(Value::count(self.heap.list(*at).len())),
            Value::Str(text) if name == "length" => Ok(Value::count(text.chars().count())),
            other => Err(Trouble::mismatch(format!("{} has no field `{name}`", other.kind()))),
        }
    }

    /// Whether a condition holds: booleans, null as false and objects as true; anything else is a mistake.
    pub fn holds(&mut self, expr: &Expr) -> Result<bool, Fault> {
        let value = self.eval(expr)?;
        ops::truth(&value).map_err(|trouble| trouble.at(expr.span))
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, whole: &Expr) -> Result<Value, Fault> {
        match op {
            BinaryOp::And => return Ok(Value::Bool(self.holds(left)? && self.holds(right)?)),
            BinaryOp::Or => return Ok(Value::Bool(self.holds(left)? || self.holds(right)?)),
            BinaryOp::Coalesce => {
                let value = self.eval(left)?;
                return if value.is_null() { self.eval(right) } else { Ok(value) };
            }
            _ => {}
        }
        let (left, right) = (self.eval(left)?, self.eval(right)?);
        ops::binary(self, op, &left, &right).map_err(|trouble| trouble.at(whole.span))
    }

    fn call(&mut self, run: Run, args: &[Expr], whole: &Expr) -> Result<Value, Fault> {
        let mut call = Call { values: Vec::with_capacity(args.len()), lambda: None, span: whole.span };
        for arg in args {
            match (&arg.kind, run) {
                (Ex::Lambda(params, body), Run::Higher(_)) => call.lambda = Some((*params, body)),
                _ => call.values.push(self.eval(arg)?),
            }
        }
        match run {
            Run::Plain(function) => function(self, &call.values).map_err(|trouble| trouble.at(whole.span)),
            Run::Higher(function) => function(self, &call),
        }
    }

    /// Calls a lambda.
    pub fn apply(&mut self, (params, body): (u32, &Expr), values: &[Value]) -> Result<Value, Fault> {
        let before = self.bound.len();
        let given = values.iter().cloned().chain(std::iter::repeat(Value::Null));
        self.bound.extend(given.take(params as usize));
        let result = self.eval(body);
        self.bound.truncate(before);
        result
    }

    fn text(&mut self, parts: &[Expr]) -> Result<Value, Fault> {
        let mut text = String::new();
        for part in parts {
            let value = self.eval(part)?;
            if value.is_null() {
                return Err(Trouble::mismatch("null cannot be put into a text").at(part.span));
            }
            text.push_str(&display(self.heap, &value).map_err(|trouble| trouble.at(part.span))?);
        }
        Ok(Value::text(text))
    }

    fn meta(&mut self, meta: Meta) -> Result<Value, Trouble> {
        let task = self.context.task;
        Ok(match meta {
            Meta::Id => Value::text(self.info.workflow_id.as_str()),
            Meta::RunId => Value::text(self.info.run_id.as_str()),
            Meta::Type => Value::text(self.info.workflow_type.as_str()),
            Meta::Namespace => Value::text(self.info.namespace.as_str()),
            Meta::TaskQueue => Value::text(self.info.task_queue.as_str()),
            Meta::Attempt => Value::Int(i64::from(self.info.attempt)),
            Meta::StartTime => Value::Timestamp(self.info.started_at_ms),
            Meta::HistoryLength => Value::Int(i64::try_from(task.history_length).unwrap_or(i64::MAX)),
            Meta::HistorySize => Value::Int(i64::try_from(task.history_bytes).unwrap_or(i64::MAX)),
            Meta::ParentId => self.info.parent_id.as_deref().map_or(Value::Null, Value::text),
            Meta::ContinueAsNewSuggested => Value::Bool(
                task.history_length >= HISTORY_EVENTS_SUGGESTED_MAX
                    || task.history_bytes >= HISTORY_BYTES_SUGGESTED_MAX,
            ),
            Meta::LastResult => boundary::import(self.heap, &self.info.last_result)?,
            Meta::LastFailure => boundary::import(self.heap, &self.info.last_failure)?,
            Meta::Caller => match &self.info.caller {
                Some(caller) => boundary::import(self.heap, caller)?,
                None => Value::Null,
            },
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
