//! Workflows, operations and their handlers.

use std::sync::Arc;

use super::catalog::{Catalog, Entry};
use super::names::{Names, any_stmt};
use super::options::option_word;
use super::scope::index;
use super::{Compiler, Role};
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{
    Block, CloseKind, Handler, HandlerKind, OptionEntry, Param, Service, ServiceOperation, StateItem,
    StmtKind, Workflow,
};
use crate::twf::code::{Bind, HandlerCode, Instr, ParamCode, Place, Var, WorkflowCode};
use crate::twf::shape::Shape;

/// The variable that an operation keeps the result of its backing workflow in; no file can spell it.
const RESULT_VARIABLE: &str = "(result)";

/// Compiles a workflow.
pub(crate) fn compile_workflow<'a>(
    catalog: &'a Catalog<'a>,
    entry: &Entry<'a, Workflow>,
    diagnostics: &'a mut Vec<Diagnostic>,
) -> Option<WorkflowCode> {
    let home = catalog.homes.get(entry.home)?;
    let node = entry.node;
    let names = Names::of_workflow(node);
    let mut compiler = Compiler::new(catalog, home, (entry.public.clone(), node.span), names, diagnostics);
    compiler.workflow(node);
    Some(compiler.finish())
}

/// Compiles a synchronous operation; nothing for a bare signature or an asynchronous one.
pub(crate) fn compile_operation<'a>(
    catalog: &'a Catalog<'a>,
    entry: &Entry<'a, Service>,
    operation: &'a ServiceOperation,
    diagnostics: &'a mut Vec<Diagnostic>,
) -> Option<WorkflowCode> {
    let ServiceOperation::Sync { name, params, body: Some(body), span, .. } = operation else { return None };
    let home = catalog.homes.get(entry.home)?;
    let public: Arc<str> = format!("{}.{}", entry.public, name.name).into();
    let names = Names::of_body(params.iter().map(|param| param.name.name.to_string()), body);
    let mut compiler = Compiler::new(catalog, home, (public, *span), names, diagnostics);
    compiler.operation(params, body);
    Some(compiler.finish())
}

/// The variable that holds the id of the update that is being handled; no file can spell it.
pub(super) const UPDATE_ID_VARIABLE: &str = "(id)";

/// `unfinished_policy: abandon`.
fn abandons_unfinished(entry: &OptionEntry) -> bool {
    entry.key.name == "unfinished_policy" && option_word(entry) == Some("abandon")
}

impl<'a> Compiler<'a> {
    fn workflow(&mut self, node: &'a Workflow) {
        let main = self.label();
        self.code.params = self.run_params(&node.params);
        for item in &node.state {
            if let StateItem::Condition(name) = item {
                let slot = self.scope.global(&name.name);
                self.code.conditions.push(slot);
            }
        }
        self.state_names(&node.state);
        self.code.handlers = node.handlers.iter().map(|handler| self.handler_head(handler)).collect();
        for (at, handler) in node.handlers.iter().enumerate() {
            self.handler(at, handler);
        }
        if let Some(block) = &node.on_cancel {
            self.code.on_cancel = Some(self.here());
            // What was cancelled lies at the bottom of the control stack until the clean-up has ended.
            self.depth = 1;
            self.block(block);
            self.depth = 0;
            self.emit(Instr::End, node.span);
        }
        self.place(main);
        for item in &node.state {
            if let StateItem::Init(name, value) = item {
                let value = self.expr(value);
                let place = self.variable_place(&name.name, name.span);
                self.emit(Instr::Assign(place, crate::twf::ast::AssignOp::Set, value), name.span);
            }
        }
        self.block(&node.body);
        self.emit(Instr::End, node.span);
        let handlers = node.handlers.iter().map(|handler| &handler.body);
        self.code.renews = handlers.chain(&node.on_cancel).chain([&node.body]).any(|block| {
            any_stmt(block, &|stmt| matches!(&stmt.kind, StmtKind::Close(CloseKind::ContinueAsNew, _)))
        });
    }

    fn operation(&mut self, params: &'a [Param], body: &'a Block) {
        let main = self.here();
        debug_assert_eq!(main, 0);
        self.code.params = self.run_params(params);
        self.block(body);
        self.emit(Instr::End, self.code.span);
    }

    fn state_names(&mut self, items: &[StateItem]) {
        for item in items {
            match item {
                StateItem::Condition(name) | StateItem::Init(name, _) => {
                    self.scope.bind(&name.name);
                }
            }
        }
    }

    fn run_params(&mut self, params: &'a [Param]) -> Vec<ParamCode> {
        let mut made = Vec::with_capacity(params.len());
        for param in params {
            let default = param.default.as_ref().map(|default| self.expr(default));
            let slot = self.scope.global(&param.name.name);
            self.scope.bind(&param.name.name);
            made.push(ParamCode {
                name: param.name.name.as_str().into(),
                shape: self.shape_of(param),
                default,
                slot,
            });
        }
        made
    }

    fn shape_of(&self, param: &Param) -> Shape {
        param.ty.as_ref().map_or(Shape::ANY, |ty| self.catalog.types.shape(ty))
    }

    /// Known to the bodies before its own code is there, so that they can await it.
    fn handler_head(&self, node: &Handler) -> HandlerCode {
        HandlerCode {
            kind: node.kind,
            name: node.name.name.as_str().into(),
            doc: node.doc.clone(),
            params: Vec::new(),
            result: self.catalog.types.result(&node.result),
            entry: 0,
            validator: None,
            slots: 0,
            is_awaited: false,
            id_slot: None,
            warns_unfinished: !node.options.iter().any(abandons_unfinished),
            span: node.span,
        }
    }

    fn handler(&mut self, at: usize, node: &'a Handler) {
        let mut own = Names::of_handler(node);
        let has_id = node.kind == HandlerKind::Update;
        own.extend(has_id.then(|| UPDATE_ID_VARIABLE.to_string()));
        self.scope.open(&own, &[]);
        self.role = Role::Handler;
        self.message = node.params.iter().map(|param| param.name.name.as_str().into()).collect();
        let params: Vec<ParamCode> = node
            .params
            .iter()
            .map(|param| ParamCode {
                name: param.name.name.as_str().into(),
                shape: self.shape_of(param),
                default: param.default.as_ref().map(|default| self.expr(default)),
                slot: self.scope.own_slot(&param.name.name),
            })
            .collect();
        let validator = node.validator.as_ref().map(|block| self.handler_block(block, node.span));
        let entry = self.handler_block(&node.body, node.span);
        self.role = Role::Main;
        let id_slot = has_id.then(|| self.scope.own_slot(UPDATE_ID_VARIABLE));
        let slots = self.scope.close();
        if let Some(handler) = self.code.handlers.get_mut(at) {
            handler.id_slot = id_slot;
            (handler.params, handler.validator) = (params, validator);
            (handler.entry, handler.slots) = (entry, slots);
        }
    }

    fn handler_block(&mut self, block: &'a Block, span: Span) -> u32 {
        let entry = self.here();
        self.block(block);
        self.emit(Instr::End, span);
        entry
    }

    /// A variable as a place.
    pub(super) fn variable_place(&mut self, name: &str, span: Span) -> Place {
        Place { root: self.scope.bind(name), name: name.into(), path: Vec::new(), span }
    }

    /// The place that a backing workflow's result is kept in until the operation has answered.
    pub(super) fn result_place(&mut self, span: Span) -> (Var, Bind) {
        let slot = self.scope.global(RESULT_VARIABLE);
        let place = Place { root: Var::Global(slot), name: RESULT_VARIABLE.into(), path: Vec::new(), span };
        (Var::Global(slot), Bind::Place(place))
    }

    /// The number of a handler.
    pub(super) fn await_message(&mut self, kind: crate::twf::ast::HandlerKind, name: &str) -> Option<u32> {
        let at = self.code.handlers.iter().position(|it| it.kind == kind && &*it.name == name)?;
        self.code.handlers.get_mut(at)?.is_awaited = true;
        Some(index(at))
    }
}
