//! Calls of activities, workflows and Nexus operations, and their options.

use std::sync::Arc;

use super::body::Body;
use super::declared::Signature;
use super::expect::Place;
use super::expr::{captured, kinds_of};
use super::ty::Ty;
use crate::text::diagnostic::Diagnostic;
use crate::twf::ast::{Arg, Call, Callee, Expr, ExprKind, OptionEntry, OptionValue};
use crate::twf::builtin::Kinds;
use crate::twf::options::{OptionKey, OptionScope, OptionType};

impl<'a> Body<'_, 'a> {
    /// The result of a call; its arguments and options are compared with what is declared.
    pub(super) fn call(&mut self, call: &'a Call) -> Ty {
        let signature = self.world.callee(self.file, &call.callee);
        match &signature {
            Some(signature) => self.args(signature, &call.args),
            None => call.args.iter().for_each(|arg| {
                self.expr(&arg.value);
            }),
        }
        let scope = match &call.callee {
            Callee::Activity(_) => OptionScope::ActivityCall,
            Callee::Workflow(_) => OptionScope::WorkflowCall,
            Callee::Nexus { .. } | Callee::NexusWorkflow { .. } => OptionScope::NexusCall,
        };
        self.options(Some(scope), &call.options);
        let result = signature.map_or(Ty::ANY, |signature| signature.result.clone());
        if captures(call) { list_of_tuple(result).join(captured()) } else { result }
    }

    /// Arguments go to parameters by name, then by position (rule H25).
    pub(super) fn args(&mut self, signature: &Arc<Signature<'a>>, args: &'a [Arg]) {
        let is_named =
            |name: &str| args.iter().any(|arg| arg.name.as_ref().is_some_and(|it| it.name == name));
        let has_names = args.iter().any(|arg| arg.name.is_some());
        let mut open = signature.params.iter().filter(|(param, _)| !has_names || !is_named(&param.name.name));
        for arg in args {
            let found = match &arg.name {
                Some(name) => signature.params.iter().find(|(param, _)| param.name.name == name.name),
                None => open.next(),
            };
            match found {
                Some((param, wanted)) => {
                    let declared =
                        param.ty.as_ref().map_or(param.name.span, |ty| param.name.span.to(ty.span));
                    let place = Place::Arg { callee: signature.name, name: &param.name.name, declared };
                    self.expect(&arg.value, wanted, &place);
                }
                None => {
                    self.expr(&arg.value);
                }
            }
        }
    }

    /// The values of options. Those that stand in the file as they are have been compared already.
    pub(super) fn options(&mut self, scope: Option<OptionScope>, entries: &'a [OptionEntry]) {
        for entry in entries {
            let key = scope.and_then(|scope| scope.key(&entry.key.name));
            match (&entry.value, key) {
                (OptionValue::Block(inner), Some(OptionKey { ty: OptionType::Block(scope), .. })) => {
                    self.options(Some(*scope), inner);
                }
                (OptionValue::Block(inner), _) => self.options(None, inner),
                (OptionValue::Expr(value), key) => self.option(value, (scope, key)),
            }
        }
    }

    fn option(&mut self, value: &'a Expr, (scope, key): (Option<OptionScope>, Option<&OptionKey>)) {
        let ty = match &value.kind {
            // A word that is no variable is taken as text.
            ExprKind::Name(name) if !self.vars.is_bound(name) => return,
            _ => self.expr(value),
        };
        let is_written = !matches!(
            value.kind,
            ExprKind::Name(_)
                | ExprKind::Field(..)
                | ExprKind::OptField(..)
                | ExprKind::Index(..)
                | ExprKind::Call(..)
                | ExprKind::Binary(..)
                | ExprKind::If(..)
                | ExprKind::Neg(_)
                | ExprKind::Not(_)
        );
        let Some(key) = key.filter(|_| !is_written) else { return };
        let number = Kinds::INT.or(Kinds::DECIMAL);
        let (wanted, kinds) = match key.ty {
            OptionType::Str if scope != Some(OptionScope::Priority) => ("string", Kinds::STR.or(Kinds::INT)),
            OptionType::Duration => ("duration", Kinds::DURATION.or(Kinds::STR).or(number)),
            OptionType::Number => ("decimal", number),
            OptionType::Bool => ("bool", Kinds::BOOL),
            _ => return,
        };
        if !kinds_of(&ty).meets(kinds.or(Kinds::NULL)) {
            let message = format!("the option `{}` is `{wanted}`, not `{ty}`", key.name);
            self.report(Diagnostic::error("TYPE_MISMATCH", value.span, message));
        }
    }
}

/// Whether a failure of the call becomes its result.
fn captures(call: &Call) -> bool {
    let words = call.options.iter().filter(|entry| entry.key.name == "on_failure");
    words.into_iter().any(|entry| match &entry.value {
        OptionValue::Expr(value) => {
            matches!(&value.kind, ExprKind::Name(word) | ExprKind::Str(word) if word == "capture")
        }
        OptionValue::Block(_) => false,
    })
}

/// Several results are a list where they are kept together.
pub(super) fn list_of_tuple(ty: Ty) -> Ty {
    if matches!(ty, Ty::Tuple(_)) { Ty::list(ty.item()) } else { ty }
}
