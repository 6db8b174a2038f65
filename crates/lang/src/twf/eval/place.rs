//! Assignment: to variables, and into lists and objects.

use std::sync::Arc;

use super::{Eval, ops};
use crate::twf::ast::{AssignOp, BinaryOp};
use crate::twf::code::{Bind, Place, Step, Var};
use crate::twf::fault::{Fault, INDEX_RANGE, NULL_FIELD, Trouble};
use crate::twf::value::Value;

/// A step whose index has been evaluated.
enum Key {
    Field(Arc<str>),
    At(Value),
}

impl Eval<'_> {
    /// `place op value`.
    pub fn assign(&mut self, place: &Place, op: AssignOp, value: Value) -> Result<(), Fault> {
        self.context.wrote = true;
        let Some((last, before)) = place.path.split_last() else {
            let value = self.combined(op, place.root, value).map_err(|trouble| trouble.at(place.span))?;
            self.set(place.root, value);
            return Ok(());
        };
        let mut holder = self.variable(place.root);
        for step in before {
            let key = self.key(step)?;
            holder = self.read(&holder, &key).map_err(|trouble| trouble.at(place.span))?;
        }
        let key = self.key(last)?;
        let value = match operator(op) {
            None => value,
            Some(op) => {
                let old = self.read(&holder, &key).map_err(|trouble| trouble.at(place.span))?;
                ops::binary(self, op, &old, &value).map_err(|trouble| trouble.at(place.span))?
            }
        };
        self.write(&holder, &key, value).map_err(|trouble| trouble.at(place.span))
    }

    /// Puts a result where it belongs.
    pub fn bind(&mut self, bind: &Bind, value: Value) -> Result<(), Fault> {
        match bind {
            Bind::Place(place) => self.assign(place, AssignOp::Set, value),
            Bind::Tuple(vars) => {
                let items: Vec<Value> = match &value {
                    Value::List(at) => self.heap.list(*at).to_vec(),
                    other => vec![other.clone()],
                };
                let mut items = items.into_iter();
                for var in vars {
                    self.set(*var, items.next().unwrap_or_default());
                }
                Ok(())
            }
        }
    }

    /// Sets a variable.
    pub fn set(&mut self, var: Var, value: Value) {
        self.context.wrote = true;
        let place = match var {
            Var::Global(slot) => self.globals.get_mut(slot as usize),
            Var::Local { up, slot } => self.scope.and_then(|scope| self.heap.variable_mut(scope, up, slot)),
        };
        if let Some(place) = place {
            *place = value;
        }
    }

    fn combined(&mut self, op: AssignOp, var: Var, value: Value) -> Result<Value, Trouble> {
        match operator(op) {
            None => Ok(value),
            Some(op) => {
                let old = self.variable(var);
                ops::binary(self, op, &old, &value)
            }
        }
    }

    fn key(&mut self, step: &Step) -> Result<Key, Fault> {
        Ok(match step {
            Step::Field(name) => Key::Field(name.clone()),
            Step::Index(at) => Key::At(self.eval(at)?),
        })
    }

    fn read(&self, holder: &Value, key: &Key) -> Result<Value, Trouble> {
        match key {
            Key::Field(name) => self.field(holder, name, false),
            Key::At(at) => ops::index(self.heap, holder, at),
        }
    }

    fn write(&mut self, holder: &Value, key: &Key, value: Value) -> Result<(), Trouble> {
        match (holder, key) {
            (Value::Object(at), Key::Field(name)) => {
                let name = name.clone();
                if let Some(object) = self.heap.object_mut(*at) {
                    object.fields.insert(name, value);
                }
                Ok(())
            }
            (Value::Object(at), Key::At(key)) => {
                let name = ops::display(self.heap, key)?;
                if let Some(object) = self.heap.object_mut(*at) {
                    object.fields.insert(name.into(), value);
                }
                Ok(())
            }
            (Value::List(at), Key::At(Value::Int(position))) => {
                let items = self.heap.list_mut(*at);
                let len = items.as_ref().map_or(0, |items| items.len());
                let place = items.and_then(|items| items.get_mut(ops::position(*position, len)?));
                let Some(place) = place else {
                    let message = format!("position {position} is outside of a list of {len}");
                    return Err(Trouble::new(INDEX_RANGE, message));
                };
                *place = value;
                Ok(())
            }
            (Value::Null, _) => Err(Trouble::new(NULL_FIELD, "cannot write into null")),
            (other, _) => Err(Trouble::mismatch(format!("cannot write into {} this way", other.kind()))),
        }
    }
}

fn operator(op: AssignOp) -> Option<BinaryOp> {
    match op {
        AssignOp::Set => None,
        AssignOp::Add => Some(BinaryOp::Add),
        AssignOp::Sub => Some(BinaryOp::Sub),
        AssignOp::Mul => Some(BinaryOp::Mul),
        AssignOp::Div => Some(BinaryOp::Div),
    }
}
