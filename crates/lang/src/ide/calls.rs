//! Who calls whom: activities, workflows and Nexus operations, over all files.

use std::collections::BTreeMap;

use super::Analysis;
use super::file::File;
use super::lookup::Target;
use super::names::{Name, Occurrence, Role};
use super::outline::OutlineKind;
use super::symbol::Symbol;
use crate::text::source::{SourceId, Span};
use crate::twf::ast::{Definition, ServiceOperation};

/// Something that calls or is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its name, of an operation with its service.
    pub name: String,
    /// What it is.
    pub kind: OutlineKind,
    /// Where it is defined.
    pub target: Target,
}

/// A caller or callee with the places of the calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEdge {
    /// The other end.
    pub other: Caller,
    /// The names in the calls; those of incoming calls stand in the caller's file.
    pub places: Vec<Span>,
}

impl Analysis {
    /// What stands at a byte, when it can call or be called.
    pub fn callable(&self, id: SourceId, byte: u32) -> Option<Caller> {
        let found = self.symbols_at(id, byte).into_iter().find_map(|(_, symbol)| self.caller(&symbol));
        found.or_else(|| {
            let file = self.file(id)?;
            self.enclosing(file, byte).and_then(|symbol| self.caller(&symbol))
        })
    }

    /// The calls of what is defined at a byte.
    pub fn incoming(&self, id: SourceId, byte: u32) -> Vec<CallEdge> {
        let Some(symbol) = self.called_at(id, byte) else { return Vec::new() };
        let mut edges = Edges::default();
        for (file, it) in self.occurrences(&symbol).filter(|(_, it)| is_call(it)) {
            if let Some(from) = self.enclosing(file, it.span.start) {
                edges.add(self, &from, it.span);
            }
        }
        edges.all
    }

    /// The calls that what is defined at a byte makes.
    pub fn outgoing(&self, id: SourceId, byte: u32) -> Vec<CallEdge> {
        let (Some(symbol), Some(file)) = (self.called_at(id, byte), self.file(id)) else { return Vec::new() };
        let Some(target) = self.targets(&symbol).first().copied() else { return Vec::new() };
        let mut edges = Edges::default();
        let home = self.file(target.full.source).unwrap_or(file);
        let from = home.names.partition_point(|it| it.span.start < target.full.start);
        let inside = home.names.iter().skip(from).take_while(|it| it.span.start < target.full.end);
        for it in inside.filter(|it| is_call(it)) {
            if let Some(to) = self.symbol(home, it) {
                edges.add(self, &to, it.span);
            }
        }
        edges.all
    }

    fn called_at(&self, id: SourceId, byte: u32) -> Option<Symbol> {
        let symbols = self.symbols_at(id, byte).into_iter().map(|(_, symbol)| symbol);
        symbols.into_iter().find(|symbol| self.caller(symbol).is_some())
    }

    /// The workflow, activity or operation that a byte stands in.
    fn enclosing(&self, file: &File, byte: u32) -> Option<Symbol> {
        let (_, definition) = file.definition_at(byte)?;
        let at = definition.name().span.start;
        let symbol = self.symbols_at(file.source, at).into_iter().next().map(|(_, symbol)| symbol)?;
        let Definition::Service(service) = definition else {
            let calls = matches!(definition, Definition::Workflow(_) | Definition::Activity(_));
            return calls.then_some(symbol);
        };
        let operation = service.operations.iter().rev().find(|it| operation_start(it) <= byte)?;
        Some(Symbol::Operation(Box::new(symbol), operation.name().name.clone()))
    }

    fn caller(&self, symbol: &Symbol) -> Option<Caller> {
        let target = *self.targets(symbol).first()?;
        let (kind, name) = match symbol {
            Symbol::Operation(service, name) => {
                (OutlineKind::Operation, format!("{}.{name}", service.text()))
            }
            Symbol::Global(super::symbol::Kind::Workflow, _, name) => {
                (OutlineKind::Workflow, name.to_string())
            }
            Symbol::Global(super::symbol::Kind::Activity, _, name) => {
                (OutlineKind::Activity, name.to_string())
            }
            _ => return None,
        };
        Some(Caller { name, kind, target })
    }
}

fn operation_start(operation: &ServiceOperation) -> u32 {
    match operation {
        ServiceOperation::Async { name, .. } => name.span.start,
        ServiceOperation::Sync { span, .. } => span.start,
    }
}

/// Whether a name is used to call; entries of workers are no calls.
fn is_call(it: &Occurrence) -> bool {
    it.role == Role::Read && matches!(it.name, Name::Workflow(_) | Name::Activity(_) | Name::Operation(_))
}

/// Edges by their other end, in the order of their first calls.
#[derive(Default)]
struct Edges {
    all: Vec<CallEdge>,
    known: BTreeMap<(Span, String), usize>,
}

impl Edges {
    fn add(&mut self, analysis: &Analysis, other: &Symbol, place: Span) {
        let Some(other) = analysis.caller(other) else { return };
        let key = (other.target.name, other.name.clone());
        let at = *self.known.entry(key).or_insert(self.all.len());
        match self.all.get_mut(at) {
            Some(edge) => edge.places.push(place),
            None => self.all.push(CallEdge { other, places: vec![place] }),
        }
    }
}
