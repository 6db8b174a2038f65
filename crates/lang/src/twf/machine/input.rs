//! Input: JSON becomes parameters, of a run when it starts and of its messages.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value as Json;

use super::run::Task;
use super::state::{Coroutine, Queue, Role};
use super::wire::{RunInfo, TaskInfo};
use super::{Counters, InputError, Machine};
use crate::twf::boundary::{Importer, check_known};
use crate::twf::code::{HandlerCode, ParamCode, WorkflowCode};
use crate::twf::eval::{Context, Eval};
use crate::twf::fault::Fault;
use crate::twf::heap::Heap;
use crate::twf::program::Program;
use crate::twf::shape::{Shape, Types};
use crate::twf::value::Value;

/// Which JSON belongs to which parameter: an object by name, a list by position, or the value of the only parameter.
pub(super) fn split<'j>(params: &[ParamCode], input: &'j Json) -> Result<Vec<Option<&'j Json>>, InputError> {
    match (input, params) {
        (Json::Null, _) => Ok(vec![None; params.len()]),
        (Json::Object(fields), _) if fields.keys().all(|name| params.iter().any(|it| &*it.name == name)) => {
            Ok(params.iter().map(|param| fields.get(&*param.name)).collect())
        }
        (Json::Array(items), [only]) if !is_positional(items, &only.shape) => Ok(vec![Some(input)]),
        (Json::Array(items), _) if items.len() <= params.len() => {
            Ok((0..params.len()).map(|at| items.get(at)).collect())
        }
        (Json::Array(items), _) => {
            let message = format!("{} values for {} parameters", items.len(), params.len());
            Err(InputError::new("input", message))
        }
        (_, [_]) => Ok(vec![Some(input)]),
        (Json::Object(fields), _) => {
            check_known(fields, params.iter().map(|param| &*param.name), "input")?;
            Ok(vec![None; params.len()])
        }
        (_, []) => Err(InputError::new("input", "takes no parameters")),
        _ => Err(InputError::new("input", "expected an object with the parameters by name")),
    }
}

/// Whether a list holds the arguments of one parameter, or is itself its value.
fn is_positional(items: &[Json], shape: &Shape) -> bool {
    let is_list = matches!(shape, Shape::List(_) | Shape::Tuple(_));
    match items {
        [Json::Array(_)] => {
            !matches!(shape, Shape::List(inner) if matches!(**inner, Shape::List(_) | Shape::Tuple(_)))
        }
        [_] => !is_list,
        _ => false,
    }
}

impl Machine {
    /// A run that has not done anything yet. The input is an object by parameter name, a list by position, or the
    /// value of the only parameter.
    pub fn start(program: &Program, info: RunInfo, input: &Json) -> Result<Machine, InputError> {
        let Some(code) = program.code(&info.workflow_type) else {
            let mut error =
                InputError::new("workflow", format!("there is no workflow `{}`", info.workflow_type));
            error.suggestion =
                crate::text::suggest::did_you_mean(&info.workflow_type, program.runnable_names());
            return Err(error);
        };
        let mut machine = Machine::empty(program, info, code);
        machine.bind_params(program, code, input)?;
        let main = Coroutine { queued: true, ..Coroutine::new(code.target(0), None, Role::Main) };
        machine.coroutines.insert(0, main);
        machine.ready.push_back(0);
        Ok(machine)
    }

    fn empty(program: &Program, info: RunInfo, code: &WorkflowCode) -> Machine {
        let mut globals = vec![Value::Null; code.globals.len()];
        for slot in &code.conditions {
            if let Some(condition) = globals.get_mut(*slot as usize) {
                *condition = Value::Bool(false);
            }
        }
        Machine {
            latest: TaskInfo { now_ms: info.started_at_ms, ..TaskInfo::default() },
            info,
            digest: program.digest().to_string(),
            heap: Heap::default(),
            globals,
            coroutines: BTreeMap::new(),
            ready: VecDeque::new(),
            items: BTreeMap::new(),
            groups: BTreeMap::new(),
            queues: vec![Queue::default(); code.handlers.len()],
            watchers: Vec::new(),
            next: Counters { command: 1, coroutine: 1, wait: 1, group: 1, local_item: 0 },
            draws: 0,
            patches: BTreeMap::new(),
            recalled: None,
            handlers_running: 0,
            cancel_requested: false,
            closed: false,
        }
    }

    fn bind_params(
        &mut self,
        program: &Program,
        code: &WorkflowCode,
        input: &Json,
    ) -> Result<(), InputError> {
        let given = split(&code.params, input)?;
        for (param, json) in code.params.iter().zip(given) {
            let value = match (json, &param.default) {
                (Some(json), _) => {
                    let mut importer = Importer { heap: &mut self.heap, types: program.types() };
                    importer.import(json, &param.shape, &param.name)?
                }
                (None, Some(default)) => {
                    let mut eval = Eval {
                        heap: &mut self.heap,
                        globals: &mut self.globals,
                        scope: None,
                        info: &self.info,
                        draws: &mut self.draws,
                        patches: &mut self.patches,
                        context: &mut Context::new(self.latest),
                        bound: Vec::new(),
                    };
                    eval.eval(default).map_err(|fault| InputError::new(&*param.name, fault.message))?
                }
                (None, None) => missing(param)?,
            };
            if let Some(place) = self.globals.get_mut(param.slot as usize) {
                *place = value;
            }
        }
        Ok(())
    }
}

/// A parameter that was not given and has no default (rule H25).
fn missing(param: &ParamCode) -> Result<Value, InputError> {
    if param.shape.is_optional() {
        return Ok(Value::Null);
    }
    Err(InputError::new(&*param.name, format!("is missing ({})", param.shape.text())))
}

/// Whether a run of this workflow can begin with an input.
pub(super) fn check_input(code: &WorkflowCode, types: &Types, input: &Json) -> Result<(), InputError> {
    check_params(&code.params, types, input)
}

/// Whether an input fits parameters, of a workflow or of a message.
pub(super) fn check_params(params: &[ParamCode], types: &Types, input: &Json) -> Result<(), InputError> {
    let mut heap = Heap::default();
    for (param, json) in params.iter().zip(split(params, input)?) {
        match json {
            Some(json) => {
                Importer { heap: &mut heap, types }.import(json, &param.shape, &param.name)?;
            }
            None if param.default.is_some() => {}
            None => {
                missing(param)?;
            }
        }
    }
    Ok(())
}

/// The arguments of a message that is answered: the first that does not fit is told to the caller.
pub(super) fn bind_message(
    task: &mut Task<'_, '_>,
    handler: &HandlerCode,
    input: &Json,
) -> Result<Result<Vec<Value>, InputError>, Fault> {
    let given = match split(&handler.params, input) {
        Ok(given) => given,
        Err(error) => return Ok(Err(error)),
    };
    let mut args = Vec::with_capacity(handler.params.len());
    for (param, json) in handler.params.iter().zip(given) {
        let value = match (json, &param.default) {
            (Some(json), _) => {
                let mut importer = Importer { heap: &mut task.m.heap, types: task.types };
                importer.import(json, &param.shape, &param.name)
            }
            (None, Some(default)) => Ok(task.eval(None, default)?),
            (None, None) => missing(param),
        };
        match value {
            Ok(value) => args.push(value),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(args))
}
