//! Gradual types: what every variable and expression is as far as the files say, and where that cannot be.
//!
//! Variables belong to a whole workflow and may be assigned anywhere, so the type of one is all that it is ever
//! assigned, found by going through a body until nothing new becomes known. A use is reported only when it is wrong
//! for everything its operands may be: an undeclared name is any value, and any value goes with everything. What can
//! be written into a list or object by one variable is taken into account for every other that may hold it.
//!
//! Two things are trusted rather than known. Declared types hold what they declare, though a value of an unknown type
//! may have been put there; and a variable is null before it is first assigned, which its type does not say.

mod body;
mod call;
mod declared;
mod expect;
mod expr;
mod fit;
mod function;
mod join;
mod label;
mod ops;
mod place;
mod stmt;
mod table;
mod ty;
mod vars;
mod wait;

use std::sync::Arc;

use crate::text::diagnostic::Diagnostic;
use crate::text::source::{SourceId, Sources};
use crate::twf::ast::{
    Activity, Block, Callee, Definition, Handler, Ident, Param, QName, Service, ServiceOperation, Target,
    Workflow,
};
use crate::twf::check::ParsedUnit;
use crate::twf::check::index::{Found, Index, address};
use crate::twf::hash::QuickMap;
use body::Body;
use declared::{Declared, Signature};
use label::Labels;
use vars::Vars;

pub use table::{DefinitionTypes, FieldInfo, Hint, Types, Variable};
pub use ty::{Name, Record, Ty};

/// Finds values of wrong types, one definition at a time.
pub(in crate::twf) struct Mismatches<'a> {
    world: World<'a>,
    labels: Labels<'a>,
    found: Vec<Diagnostic>,
}

impl<'a> Mismatches<'a> {
    pub(in crate::twf) fn new(
        units: &[ParsedUnit<'a>],
        index: &'a Index<'a>,
        sources: &'a Sources,
    ) -> Mismatches<'a> {
        let world = World::new(units, index, sources);
        Mismatches { world, labels: Labels::default(), found: Vec::new() }
    }

    /// Looks into the bodies of a definition.
    pub(in crate::twf) fn definition(&mut self, file: usize, definition: &'a Definition) {
        self.labels.definition(&self.world.declared, definition);
        let found = &mut self.found;
        self.world.each_body(file, definition, &mut |body, _| {
            found.append(&mut body.found);
            body.world.spare = std::mem::take(&mut body.vars);
        });
    }

    /// What was found in all of them, and in the defaults of types.
    pub(in crate::twf) fn finish(mut self) -> Vec<Diagnostic> {
        let mut defaults = self.world.defaults();
        self.found.append(&mut defaults);
        self.found.append(&mut self.labels.finish());
        self.found
    }
}

/// What is done with a body: the name of its definition, and that of an operation of it.
type Visit<'v, 'a> = dyn FnMut(&mut Body<'_, 'a>, (&'a Ident, Option<&'a Ident>)) + 'v;

/// All files, with what has been found out about what they declare.
struct World<'a> {
    index: &'a Index<'a>,
    sources: &'a Sources,
    declared: Declared<'a>,
    /// By the address of the definition.
    signatures: QuickMap<usize, Arc<Signature<'a>>>,
    units: Vec<ParsedUnit<'a>>,
    /// The file whose expressions are noted with their types.
    noted: Option<SourceId>,
    /// The room that the variables of the last body took.
    spare: Vars<'a>,
}

impl<'a> World<'a> {
    fn new(units: &[ParsedUnit<'a>], index: &'a Index<'a>, sources: &'a Sources) -> World<'a> {
        let declared = Declared::new(units);
        World {
            index,
            sources,
            declared,
            signatures: QuickMap::default(),
            units: units.to_vec(),
            noted: None,
            spare: Vars::default(),
        }
    }

    fn records(&self, file: usize) -> bool {
        self.noted.is_some() && self.units.get(file).map(|unit| unit.source) == self.noted
    }

    /// Infers every body of a definition.
    fn each_body(&mut self, file: usize, definition: &'a Definition, with: &mut Visit<'_, 'a>) {
        match definition {
            Definition::Workflow(node) => {
                let mut body = Body::new(self, file, &node.params).workflow(node);
                with(&mut body, (&node.name, None));
            }
            Definition::Activity(node) if self.records(file) => {
                let mut body = Body::new(self, file, &node.params).activity(node);
                with(&mut body, (&node.name, None));
            }
            Definition::Service(node) => {
                for operation in &node.operations {
                    if let ServiceOperation::Sync { name, params, body: Some(block), .. } = operation {
                        self.operation_body(file, (params, operation, block), &mut |body| {
                            with(body, (&node.name, Some(name)));
                        });
                    }
                }
            }
            _ => {}
        }
    }

    fn operation_body(
        &mut self,
        file: usize,
        (params, operation, block): (&'a [Param], &'a ServiceOperation, &'a Block),
        with: &mut dyn FnMut(&mut Body<'_, 'a>),
    ) {
        if let Some(signature) = self.operation(0, operation) {
            let mut body = Body::new(self, file, params).operation(&signature, block);
            with(&mut body);
        }
    }

    /// Defaults of the fields of declared types.
    fn defaults(&mut self) -> Vec<Diagnostic> {
        let units = self.units.clone();
        let mut body = Body::new(self, 0, &[]);
        for definition in units.iter().flat_map(|unit| &unit.unit.definitions) {
            let Definition::Type(node) = definition else { continue };
            for field in &node.fields {
                let Some(value) = &field.default else { continue };
                let wanted = body.world.declared.ty(&field.ty);
                let declared = field.ty.span;
                let place = expect::Place::Field { of: &node.name.name, name: &field.name.name, declared };
                body.expect(value, &wanted, &place);
            }
        }
        body.found
    }

    fn remembered(
        &mut self,
        key: usize,
        make: impl FnOnce(&Declared<'a>) -> Signature<'a>,
    ) -> Arc<Signature<'a>> {
        let declared = &self.declared;
        self.signatures.entry(key).or_insert_with(|| Arc::new(make(declared))).clone()
    }

    fn workflow(&mut self, node: &'a Workflow) -> Arc<Signature<'a>> {
        self.remembered(address(node), |it| it.signature(&node.name.name, &node.params, &node.result))
    }

    fn activity(&mut self, node: &'a Activity) -> Arc<Signature<'a>> {
        self.remembered(address(node), |it| it.signature(&node.name.name, &node.params, &node.result))
    }

    fn handler(&mut self, node: &'a Handler) -> Arc<Signature<'a>> {
        self.remembered(address(node), |it| it.signature(&node.name.name, &node.params, &node.result))
    }

    /// What an operation takes and gives: that of its backing workflow when it is asynchronous.
    fn operation(&mut self, package: usize, node: &'a ServiceOperation) -> Option<Arc<Signature<'a>>> {
        match node {
            ServiceOperation::Sync { name, params, result, .. } => {
                Some(self.remembered(address(node), |it| it.signature(&name.name, params, result)))
            }
            ServiceOperation::Async { workflow, .. } => {
                let file = self.index.files.iter().position(|file| file.package == package)?;
                let found = self.find_workflow(file, workflow)?;
                Some(self.workflow(found))
            }
        }
    }

    fn find_workflow(&self, file: usize, name: &QName) -> Option<&'a Workflow> {
        match self.index.find(file, name, |it| &it.workflows) {
            Found::Here(found, _) => Some(found),
            _ => None,
        }
    }

    /// The workflow of this name in the package of a file.
    fn workflow_named(&self, file: usize, name: &str) -> Option<&'a Workflow> {
        let package = self.index.files.get(file)?.package;
        self.index.packages.get(package)?.workflows.get(name).copied()
    }

    /// The workflow that a promise stands for.
    fn started(&self, file: usize, target: &Target) -> Option<&'a Workflow> {
        match target {
            Target::Call(call) => match &call.callee {
                Callee::Workflow(name) => self.find_workflow(file, name),
                _ => None,
            },
            _ => None,
        }
    }

    /// What is called, when it is among the files.
    fn callee(&mut self, file: usize, callee: &'a Callee) -> Option<Arc<Signature<'a>>> {
        match callee {
            Callee::Activity(name) => match self.index.find(file, name, |it| &it.activities) {
                Found::Here(found, _) => Some(self.activity(found)),
                _ => None,
            },
            Callee::Workflow(name) => {
                let found = self.find_workflow(file, name)?;
                Some(self.workflow(found))
            }
            Callee::NexusWorkflow { workflow, .. } => {
                let found = self.workflow_named(file, &workflow.name)?;
                Some(self.workflow(found))
            }
            Callee::Nexus { service, operation, .. } => {
                match self.index.find(file, service, |it| &it.services) {
                    Found::Here(found, package) => {
                        let operation = operation_of(found, &operation.name)?;
                        self.operation(package, operation)
                    }
                    _ => None,
                }
            }
        }
    }
}

fn operation_of<'a>(service: &'a Service, name: &str) -> Option<&'a ServiceOperation> {
    service.operations.iter().find(|operation| operation.name().name == name)
}

#[cfg(test)]
mod tests;
