//! The arena that holds a run's lists, objects and local scopes.
//!
//! Cells are never freed one by one. When the arena has doubled since the last time, a copying collection between two
//! workflow tasks keeps what the roots reach; that it happens at the same place on replay makes it deterministic.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::value::{Ref, Value};

/// Below this many cells a collection is not worth its work.
const CELLS_MIN: usize = 1024;

/// Values nest at most this deep where they are compared or copied: a cycle is found out here.
pub const DEPTH_MAX: u32 = 128;

/// An object: fields in the order they were added, and the label of its constructor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// `T` of `T{..}`; kept for error types and for show, not part of equality.
    pub label: Option<Arc<str>>,
    /// The fields.
    pub fields: IndexMap<Arc<str>, Value>,
}

/// The variables that belong to one handler call or fan-out branch, and the scope around them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Scope {
    outer: Option<Ref>,
    slots: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Cell {
    List(Vec<Value>),
    Object(Object),
    Scope(Scope),
    /// Its content has been moved by the collection under way.
    Moved(Ref),
}

/// All cells of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Heap {
    cells: Vec<Cell>,
    kept: usize,
}

impl Heap {
    fn push(&mut self, cell: Cell) -> Ref {
        let at = Ref(u32::try_from(self.cells.len()).unwrap_or(u32::MAX));
        self.cells.push(cell);
        at
    }

    fn cell(&self, at: Ref) -> Option<&Cell> {
        self.cells.get(at.0 as usize)
    }

    fn cell_mut(&mut self, at: Ref) -> Option<&mut Cell> {
        self.cells.get_mut(at.0 as usize)
    }

    /// How many cells there are, dead ones included.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether nothing was ever put here.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// A new list.
    pub fn new_list(&mut self, items: Vec<Value>) -> Value {
        Value::List(self.push(Cell::List(items)))
    }

    /// A new object.
    pub fn new_object(&mut self, object: Object) -> Value {
        Value::Object(self.push(Cell::Object(object)))
    }

    /// A new object from fields in order.
    pub fn object_of<K: Into<Arc<str>>>(&mut self, fields: impl IntoIterator<Item = (K, Value)>) -> Value {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
        self.new_object(Object { label: None, fields })
    }

    /// A new scope of null variables inside another.
    pub fn new_scope(&mut self, outer: Option<Ref>, slots: usize) -> Ref {
        self.push(Cell::Scope(Scope { outer, slots: vec![Value::Null; slots] }))
    }

    /// The items of a list; nothing when the place holds no list.
    pub fn list(&self, at: Ref) -> &[Value] {
        match self.cell(at) {
            Some(Cell::List(items)) => items,
            _ => &[],
        }
    }

    /// The items of a list, to be changed.
    pub fn list_mut(&mut self, at: Ref) -> Option<&mut Vec<Value>> {
        match self.cell_mut(at) {
            Some(Cell::List(items)) => Some(items),
            _ => None,
        }
    }

    /// An object.
    pub fn object(&self, at: Ref) -> Option<&Object> {
        match self.cell(at) {
            Some(Cell::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// An object, to be changed.
    pub fn object_mut(&mut self, at: Ref) -> Option<&mut Object> {
        match self.cell_mut(at) {
            Some(Cell::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// A field of an object; none when it is missing.
    pub fn field(&self, at: Ref, name: &str) -> Option<&Value> {
        self.object(at).and_then(|object| object.fields.get(name))
    }

    fn scope_at(&self, from: Ref, up: u32) -> Option<Ref> {
        (0..up).try_fold(from, |at, _| match self.cell(at) {
            Some(Cell::Scope(scope)) => scope.outer,
            _ => None,
        })
    }

    /// A variable, `up` scopes outwards.
    pub fn variable(&self, from: Ref, up: u32, slot: u32) -> Option<&Value> {
        match self.cell(self.scope_at(from, up)?) {
            Some(Cell::Scope(scope)) => scope.slots.get(slot as usize),
            _ => None,
        }
    }

    /// A variable, `up` scopes outwards, to be changed.
    pub fn variable_mut(&mut self, from: Ref, up: u32, slot: u32) -> Option<&mut Value> {
        let at = self.scope_at(from, up)?;
        match self.cell_mut(at) {
            Some(Cell::Scope(scope)) => scope.slots.get_mut(slot as usize),
            _ => None,
        }
    }

    /// Whether everything that is in another arena is here too, at the same place and unchanged.
    pub fn begins_like(&self, other: &Heap) -> bool {
        self.cells.starts_with(&other.cells)
    }

    /// Structural equality; labels do not count, numbers compare by value. None when nesting is too deep to say.
    pub fn equal(&self, a: &Value, b: &Value) -> Option<bool> {
        self.equal_at(a, b, 0)
    }

    fn equal_at(&self, a: &Value, b: &Value, depth: u32) -> Option<bool> {
        if depth > DEPTH_MAX {
            return None;
        }
        Some(match (a, b) {
            (Value::List(a), Value::List(b)) => return self.equal_lists(*a, *b, depth),
            (Value::Object(a), Value::Object(b)) => return self.equal_objects(*a, *b, depth),
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Int(_) | Value::Decimal(_), Value::Int(_) | Value::Decimal(_)) => {
                a.number() == b.number()
            }
            _ => a == b,
        })
    }

    fn equal_lists(&self, a: Ref, b: Ref, depth: u32) -> Option<bool> {
        let (left, right) = (self.list(a), self.list(b));
        if a == b || left.len() != right.len() {
            return Some(a == b);
        }
        for (left, right) in left.iter().zip(right) {
            if !self.equal_at(left, right, depth + 1)? {
                return Some(false);
            }
        }
        Some(true)
    }

    fn equal_objects(&self, a: Ref, b: Ref, depth: u32) -> Option<bool> {
        let (Some(left), Some(right)) = (self.object(a), self.object(b)) else { return Some(false) };
        if a == b || left.fields.len() != right.fields.len() {
            return Some(a == b);
        }
        for (name, left) in &left.fields {
            let Some(right) = right.fields.get(name) else { return Some(false) };
            if !self.equal_at(left, right, depth + 1)? {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Whether the arena has doubled since the last collection.
    pub fn is_due(&self) -> bool {
        self.cells.len() >= CELLS_MIN.max(self.kept.saturating_mul(2))
    }

    /// Begins a collection: show it every root, then [`Collection::finish`] it.
    pub fn collect(&mut self) -> Collection<'_> {
        let old = std::mem::take(&mut self.cells);
        Collection { heap: self, old, promises: BTreeSet::new() }
    }
}

/// A collection under way.
pub struct Collection<'h> {
    heap: &'h mut Heap,
    old: Vec<Cell>,
    /// The pending items whose promises were met on the way.
    pub promises: BTreeSet<u64>,
}

impl Collection<'_> {
    /// Keeps what a value reaches.
    pub fn value(&mut self, value: &mut Value) {
        match value {
            Value::List(at) | Value::Object(at) => self.reference(at),
            Value::Promise(item) => {
                self.promises.insert(*item);
            }
            _ => {}
        }
    }

    /// Keeps what a place reaches.
    pub fn reference(&mut self, at: &mut Ref) {
        let Some(cell) = self.old.get_mut(at.0 as usize) else { return };
        if let Cell::Moved(to) = cell {
            *at = *to;
            return;
        }
        let to = Ref(u32::try_from(self.heap.cells.len()).unwrap_or(u32::MAX));
        self.heap.cells.push(std::mem::replace(cell, Cell::Moved(to)));
        *at = to;
    }

    /// Follows all that was kept since the last call; afterwards `promises` is complete for those roots.
    pub fn follow(&mut self, from: usize) -> usize {
        let mut at = from;
        while let Some(cell) = self.heap.cells.get_mut(at) {
            let mut cell = std::mem::replace(cell, Cell::List(Vec::new()));
            self.children(&mut cell);
            if let Some(place) = self.heap.cells.get_mut(at) {
                *place = cell;
            }
            at += 1;
        }
        at
    }

    fn children(&mut self, cell: &mut Cell) {
        match cell {
            Cell::List(items) => items.iter_mut().for_each(|item| self.value(item)),
            Cell::Object(object) => object.fields.values_mut().for_each(|field| self.value(field)),
            Cell::Scope(scope) => {
                scope.slots.iter_mut().for_each(|slot| self.value(slot));
                if let Some(outer) = &mut scope.outer {
                    self.reference(outer);
                }
            }
            Cell::Moved(_) => {}
        }
    }

    /// Ends it: everything not kept is gone.
    pub fn finish(mut self, from: usize) {
        self.follow(from);
        self.heap.kept = self.heap.cells.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_keeps_shared_structure_and_cycles() {
        let mut heap = Heap::default();
        for _ in 0..CELLS_MIN {
            heap.new_list(vec![]);
        }
        let Value::List(inner) = heap.new_list(vec![Value::Int(1)]) else { unreachable!() };
        let mut a = heap.new_list(vec![Value::List(inner), Value::List(inner)]);
        heap.list_mut(inner).unwrap().push(a.clone());
        assert!(heap.is_due());
        let mut collection = heap.collect();
        collection.value(&mut a);
        collection.finish(0);
        assert_eq!(heap.len(), 2);
        let Value::List(at) = a else { unreachable!() };
        let [Value::List(x), Value::List(y)] = heap.list(at) else { panic!() };
        assert_eq!(x, y);
        assert_eq!(heap.list(*x)[1], Value::List(at));
    }

    #[test]
    fn equality_is_structural_and_ends_on_cycles() {
        let mut heap = Heap::default();
        let a = heap.object_of([("x", Value::Int(1)), ("y", Value::Null)]);
        let b = heap.object_of([("y", Value::Null), ("x", Value::Decimal("1.0".parse().unwrap()))]);
        assert_eq!(heap.equal(&a, &b), Some(true));
        let c = heap.new_list(vec![]);
        let d = heap.new_list(vec![]);
        for list in [&c, &d] {
            let Value::List(at) = list else { unreachable!() };
            let other = list.clone();
            heap.list_mut(*at).unwrap().push(other);
        }
        assert_eq!(heap.equal(&c, &d), None);
    }

    #[test]
    fn scopes_are_read_outwards() {
        let mut heap = Heap::default();
        let outer = heap.new_scope(None, 1);
        let inner = heap.new_scope(Some(outer), 1);
        *heap.variable_mut(inner, 1, 0).unwrap() = Value::Int(7);
        assert_eq!(heap.variable(outer, 0, 0), Some(&Value::Int(7)));
        assert_eq!(heap.variable(inner, 2, 0), None);
    }
}
