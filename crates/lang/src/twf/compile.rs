//! From trees to code: one [`WorkflowCode`] for each workflow and synchronous Nexus operation.

mod body;
mod call;
mod catalog;
mod control;
mod expr;
pub(crate) mod names;
mod options;
mod race;
mod scope;
mod stmt;

pub(crate) use body::{compile_operation, compile_workflow};
pub(crate) use catalog::{Catalog, Entry, Home, param_fields};
pub(crate) use names::any_stmt;
pub(crate) use options::{definition_options, option_word};

use std::sync::Arc;

use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::Block;
use crate::twf::code::{Instr, Label, Var, WorkflowCode};
use scope::{Scope, index};

/// Nested blocks with `finally` are compiled once for every way out of them; this bounds what that can come to.
const INSTRUCTIONS_MAX: usize = 200_000;

/// What a body may do, and what `return` in it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The body of a workflow or operation.
    Main,
    /// A handler: `return` ends it, not the run.
    Handler,
    /// A branch of `await all` in the body.
    Branch,
    /// A branch of `await all` in a handler.
    HandlerBranch,
}

/// What encloses the statement that is being compiled.
#[derive(Clone, Copy)]
enum Control<'a> {
    /// A loop: where `continue` and `break` go, and how high the control stack is at each.
    Loop { again: Label, done: Label, inner: u32, outer: u32 },
    /// The body of a fan-out: `continue` ends the branch.
    Branch { done: Label },
    /// A block that has to run on every way out, and how high the control stack is outside of it.
    Finally { block: &'a Block, depth: u32 },
}

/// Compiles one workflow.
pub(crate) struct Compiler<'a> {
    catalog: &'a Catalog<'a>,
    home: &'a Home,
    code: WorkflowCode,
    scope: Scope,
    role: Role,
    /// The parameters of the handler that is being compiled.
    message: Vec<Arc<str>>,
    /// Whether a `finally` stands around the `await all` whose branch is being compiled.
    outer_finally: bool,
    /// How high the control stack is where the next instruction runs.
    depth: u32,
    controls: Vec<Control<'a>>,
    diagnostics: &'a mut Vec<Diagnostic>,
    too_large: bool,
}

impl<'a> Compiler<'a> {
    fn new(
        catalog: &'a Catalog<'a>,
        home: &'a Home,
        (name, span): (Arc<str>, Span),
        names: Vec<String>,
        diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Compiler<'a> {
        let code = WorkflowCode {
            name,
            instrs: Vec::new(),
            spans: Vec::new(),
            labels: Vec::new(),
            globals: Vec::new(),
            conditions: Vec::new(),
            params: Vec::new(),
            handlers: Vec::new(),
            on_cancel: None,
            message_slot: None,
            renews: false,
            span,
        };
        Compiler {
            catalog,
            home,
            code,
            scope: Scope::new(names),
            role: Role::Main,
            message: Vec::new(),
            outer_finally: false,
            depth: 0,
            controls: Vec::new(),
            diagnostics,
            too_large: false,
        }
    }

    fn finish(mut self) -> WorkflowCode {
        self.code.globals = self.scope.into_names();
        self.code
    }

    fn emit(&mut self, instr: Instr, span: Span) {
        if self.code.instrs.len() >= INSTRUCTIONS_MAX {
            if !self.too_large {
                let message = format!("`{}` compiles to more than {INSTRUCTIONS_MAX} steps", self.code.name);
                self.diagnostics.push(Diagnostic::error("TOO_LARGE", span, message));
            }
            self.too_large = true;
            return;
        }
        self.code.instrs.push(instr);
        self.code.spans.push(span);
    }

    /// A label to be placed later.
    fn label(&mut self) -> Label {
        self.code.labels.push(u32::MAX);
        index(self.code.labels.len() - 1)
    }

    /// The label stands before the next instruction.
    fn place(&mut self, label: Label) {
        let here = index(self.code.instrs.len());
        if let Some(target) = self.code.labels.get_mut(label as usize) {
            *target = here;
        }
    }

    /// A label that stands here.
    fn here(&mut self) -> Label {
        let label = self.label();
        self.place(label);
        label
    }

    /// The condition with this name.
    fn condition(&self, name: &str) -> Option<Var> {
        match self.scope.lookup(name) {
            Some(scope::Meaning::Variable(Var::Global(slot))) if self.code.conditions.contains(&slot) => {
                Some(Var::Global(slot))
            }
            _ => None,
        }
    }

    fn is_handler(&self) -> bool {
        matches!(self.role, Role::Handler | Role::HandlerBranch)
    }
}
