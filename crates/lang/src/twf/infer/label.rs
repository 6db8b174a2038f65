//! Names of types that nothing declares. Each is a label for any value, unless it looks like a slip of the hand.

use super::declared::Declared;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::text::suggest::nearest;
use crate::twf::ast::{Definition, Handler, Param, ServiceOperation, Type, TypeKind};
use crate::twf::hash::QuickMap;

/// Types that every program has, each by the first of its names.
const BUILT_IN: [&str; 9] =
    ["any", "null", "string", "bytes", "int", "decimal", "bool", "duration", "timestamp"];

/// Looks at the types of one definition after the other.
#[derive(Default)]
pub(super) struct Labels<'a> {
    /// What each label is near to. Files repeat their labels, and a search is long.
    near: QuickMap<&'a str, Option<&'a str>>,
    found: Vec<Diagnostic>,
}

impl<'a> Labels<'a> {
    /// Reports the labels of a definition that are near to the name of a type. A project that declares no type does not
    /// use them, so nothing is expected of it.
    pub(super) fn definition(&mut self, declared: &Declared<'a>, definition: &'a Definition) {
        if declared.is_empty() {
            return;
        }
        match definition {
            Definition::Workflow(it) => {
                self.signature(declared, &it.params, &it.result);
                for Handler { params, result, .. } in &it.handlers {
                    self.signature(declared, params, result);
                }
            }
            Definition::Activity(it) => self.signature(declared, &it.params, &it.result),
            Definition::Type(it) => it.fields.iter().for_each(|field| self.label(declared, &field.ty)),
            Definition::Service(it) => {
                for operation in &it.operations {
                    if let ServiceOperation::Sync { params, result, .. } = operation {
                        self.signature(declared, params, result);
                    }
                }
            }
            Definition::Worker(_) | Definition::Namespace(_) | Definition::Endpoint(_) => {}
        }
    }

    /// What was found in all of them.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        self.found
    }

    fn signature(&mut self, declared: &Declared<'a>, params: &'a [Param], result: &'a [Type]) {
        let params = params.iter().filter_map(|param| param.ty.as_ref());
        params.chain(result).for_each(|ty| self.label(declared, ty));
    }

    fn label(&mut self, declared: &Declared<'a>, ty: &'a Type) {
        match &ty.kind {
            TypeKind::Name(name) if declared.is_label(name) => self.name(declared, name, ty.span),
            TypeKind::Name(_) => {}
            TypeKind::List(inner) | TypeKind::Nullable(inner) => self.label(declared, inner),
            TypeKind::Record(fields) => fields.iter().for_each(|(_, ty)| self.label(declared, ty)),
            TypeKind::Generic(_, args) => args.iter().for_each(|ty| self.label(declared, ty)),
        }
    }

    fn name(&mut self, declared: &Declared<'a>, name: &'a str, span: Span) {
        let near = self
            .near
            .entry(name)
            .or_insert_with(|| nearest(name, declared.names().chain(BUILT_IN.iter().copied())));
        if let Some(near) = near {
            let message = format!("no type `{name}` is declared, so its values are not checked");
            let found = Diagnostic::warning("UNDEFINED_TYPE", span, message);
            let fix = format!("change it to `{near}`");
            self.found.push(found.help(format!("did you mean `{near}`?")).fix(span, *near, fix).guessed());
        }
    }
}
