//! What a file asks for and gives, read off its syntax, and the changes that make it part of a bundle.

use std::collections::HashMap;
use std::sync::Arc;

use oxc_ast::ast::{
    Argument, ArrowFunctionExpression, AwaitExpression, CallExpression, ExportAllDeclaration,
    ExportDefaultDeclaration, ExportDefaultDeclarationKind, ExportFromDeclaration, ExportNamedDeclaration,
    Expression, ExpressionStatement, ForOfStatement, Function, IdentifierReference, ImportDeclaration,
    ImportDeclarationSpecifier, ImportExpression, ImportMeta, ModuleExportName, ObjectProperty, Statement,
    StaticMemberExpression, TaggedTemplateExpression, TryStatement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::ParserReturn;
use oxc_semantic::{ScopeFlags, Scoping, SymbolId};
use oxc_span::{GetSpan, Span};

use super::edit::{Edit, Form, Put};
use super::map::Origin;
use super::unit::{Export, Kind, Request, Unit, Way};
use crate::compile::JsError;

/// Variable of a default export that has no name of its own; made unique by the prefix of the bundle.
pub(crate) const DEFAULT: &str = "\u{0}default";

/// Reads it off.
pub(crate) fn examine(
    origin: &Arc<Origin>,
    parsed: &ParserReturn<'_>,
    scoping: &Scoping,
) -> Result<Unit, Vec<JsError>> {
    let mut refs = Refs {
        origin,
        scoping,
        unit: Unit::new(Arc::clone(origin), Kind::Esm),
        bound: HashMap::new(),
        functions: 0,
        tries: 0,
        statement: u32::MAX,
        speaks_common: false,
        errors: Vec::new(),
    };
    if let Some(command) = &parsed.program.hashbang {
        refs.text(command.span.start, command.span.start + 2, "//");
    }
    refs.imports(&parsed.program.body);
    for entry in &parsed.module_record.local_export_entries {
        if let (Some(name), Some(local)) = (exported(&entry.export_name), entry.local_name.name()) {
            refs.unit.exports.entry(name).or_insert_with(|| Export::Local(local.to_string()));
        }
    }
    refs.visit_program(&parsed.program);
    if !parsed.module_record.has_module_syntax && refs.speaks_common {
        refs.unit.kind = Kind::Common;
        refs.unit.awaits = None;
    }
    let bound = std::mem::take(&mut refs.bound).into_iter();
    refs.unit.bound = bound.map(|(symbol, bound)| (symbol, (bound.request, bound.name))).collect();
    if refs.errors.is_empty() { Ok(refs.unit) } else { Err(refs.errors) }
}

fn exported(name: &oxc_syntax::module_record::ExportExportName<'_>) -> Option<String> {
    match name {
        oxc_syntax::module_record::ExportExportName::Name(name) => Some(name.name.to_string()),
        _ => None, // the default export is read off its statement
    }
}

/// An imported variable.
#[derive(Debug, Clone)]
struct Bound {
    request: usize,
    /// All exports when absent.
    name: Option<String>,
}

struct Refs<'s> {
    origin: &'s Origin,
    scoping: &'s Scoping,
    unit: Unit,
    bound: HashMap<SymbolId, Bound>,
    /// Functions around.
    functions: usize,
    /// Guarded parts of `try` around.
    tries: usize,
    /// Where the statement around begins.
    statement: u32,
    speaks_common: bool,
    errors: Vec<JsError>,
}

fn at(byte: u32) -> usize {
    usize::try_from(byte).unwrap_or(usize::MAX)
}

impl Refs<'_> {
    fn request(&mut self, specifier: &str, span: Span, way: Way) -> usize {
        self.unit.requests.push(Request { specifier: specifier.to_owned(), at: at(span.start), way });
        self.unit.requests.len() - 1
    }

    fn put(&mut self, span: Span, put: Put) {
        self.unit.edits.push(Edit { start: at(span.start), end: at(span.end), put });
    }

    fn text(&mut self, start: u32, end: u32, text: &str) {
        self.put(Span::new(start, end), Put::Text(text.to_owned()));
    }

    /// Statements that ask for other modules, in order. Their place is taken by an empty statement, so that those
    /// around them stay two.
    fn imports(&mut self, body: &[Statement<'_>]) {
        for statement in body {
            match statement {
                Statement::ImportDeclaration(import) => self.import(import),
                Statement::ExportAllDeclaration(export) => self.export_all(export),
                Statement::ExportFromDeclaration(export) => self.export_from(export),
                Statement::ExportDeclaration(export) => {
                    self.text(export.span.start, export.declaration.span().start, "");
                }
                _ => {}
            }
        }
        // Only now every import is known, also those below an export.
        for statement in body {
            if let Statement::ExportNamedDeclaration(export) = statement {
                self.export_local(export);
            }
        }
    }

    fn import(&mut self, import: &ImportDeclaration<'_>) {
        let request = self.request(&import.source.value, import.source.span, Way::Import);
        self.text(import.span.start, import.span.end, ";");
        for specifier in import.specifiers.iter().flatten() {
            let (local, name, span) = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(named) => {
                    (&named.local, Some(named.imported.name().to_string()), named.imported.span())
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(default) => {
                    (&default.local, Some("default".to_owned()), default.span)
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(all) => (&all.local, None, all.span),
            };
            if let Some(name) = &name {
                self.unit.imports.push((request, name.clone(), at(span.start)));
            }
            if let Some(symbol) = local.symbol_id.get() {
                self.bound.insert(symbol, Bound { request, name });
            }
        }
    }

    fn export_all(&mut self, export: &ExportAllDeclaration<'_>) {
        let request = self.request(&export.source.value, export.source.span, Way::Import);
        self.text(export.span.start, export.span.end, ";");
        match &export.exported {
            Some(name) => {
                self.unit.exports.insert(name.name().to_string(), Export::Space(request));
            }
            None => self.unit.stars.push(request),
        }
    }

    fn export_from(&mut self, export: &ExportFromDeclaration<'_>) {
        let request = self.request(&export.source.value, export.source.span, Way::Import);
        self.text(export.span.start, export.span.end, ";");
        for specifier in &export.specifiers {
            let from = Export::From(request, specifier.local.name().to_string());
            self.unit.exports.insert(specifier.exported.name().to_string(), from);
            self.unit.imports.push((
                request,
                specifier.local.name().to_string(),
                at(specifier.local.span().start),
            ));
        }
    }

    fn export_local(&mut self, export: &ExportNamedDeclaration<'_>) {
        self.text(export.span.start, export.span.end, ";");
        for specifier in &export.specifiers {
            let bound = match &specifier.local {
                ModuleExportName::IdentifierReference(local) => self.imported(local).cloned(),
                _ => None,
            };
            let export = match bound {
                Some(Bound { request, name: Some(name) }) => Export::From(request, name),
                Some(Bound { request, name: None }) => Export::Space(request),
                None => Export::Local(specifier.local.name().to_string()),
            };
            self.unit.exports.insert(specifier.exported.name().to_string(), export);
        }
    }

    /// The import that a name means here.
    fn imported(&self, name: &IdentifierReference<'_>) -> Option<&Bound> {
        let reference = self.scoping.get_reference(name.reference_id.get()?);
        self.bound.get(&reference.symbol_id()?)
    }

    fn is_global(&self, name: &IdentifierReference<'_>) -> bool {
        let reference = name.reference_id.get().map(|id| self.scoping.get_reference(id));
        reference.is_none_or(|reference| reference.symbol_id().is_none())
    }

    fn is_global_named(&self, expression: &Expression<'_>, name: &str) -> bool {
        matches!(expression, Expression::Identifier(it) if it.name == name && self.is_global(it))
    }

    /// Something that is called by an imported name.
    fn called(&mut self, callee: &Expression<'_>) -> bool {
        let Expression::Identifier(name) = callee else { return false };
        let Some(Bound { request, name: export }) = self.imported(name).cloned() else { return false };
        let form = if self.statement == name.span.start { Form::Started } else { Form::Called };
        self.put(name.span, Put::Export { dep: request, name: export, form });
        true
    }

    /// `export default`: what has no name gets one.
    fn export_default(&mut self, export: &ExportDefaultDeclaration<'_>) {
        let (start, end) = (export.span.start, export.span.end);
        let inner = export.declaration.span();
        let mut local = DEFAULT.to_owned();
        match &export.declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                self.text(start, inner.start, "");
                match &function.id {
                    Some(id) => local = id.name.to_string(),
                    None => self.text(
                        function.params.span.start,
                        function.params.span.start,
                        &format!(" {DEFAULT}"),
                    ),
                }
            }
            ExportDefaultDeclarationKind::ClassDeclaration(class) if class.id.is_some() => {
                self.text(start, inner.start, "");
                local = class.id.as_ref().map(|id| id.name.to_string()).unwrap_or_default();
            }
            // Written like this, a function without a name is called `default`, as the language says.
            _ => {
                self.text(start, inner.start, &format!("const{{default:{DEFAULT}}}={{default:"));
                self.text(inner.end, end, "};");
            }
        }
        self.unit.exports.insert("default".to_owned(), Export::Local(local));
    }
}

impl<'a> Visit<'a> for Refs<'_> {
    fn visit_import_declaration(&mut self, _: &ImportDeclaration<'a>) {}

    fn visit_export_all_declaration(&mut self, _: &ExportAllDeclaration<'a>) {}

    fn visit_export_named_declaration(&mut self, _: &ExportNamedDeclaration<'a>) {}

    fn visit_export_from_declaration(&mut self, _: &ExportFromDeclaration<'a>) {}

    fn visit_export_default_declaration(&mut self, export: &ExportDefaultDeclaration<'a>) {
        self.export_default(export);
        walk::walk_export_default_declaration(self, export);
    }

    fn visit_expression_statement(&mut self, statement: &ExpressionStatement<'a>) {
        self.statement = statement.span.start;
        walk::walk_expression_statement(self, statement);
    }

    fn visit_identifier_reference(&mut self, name: &IdentifierReference<'a>) {
        if let Some(Bound { request, name: export }) = self.imported(name).cloned() {
            let is_write =
                name.reference_id.get().is_some_and(|id| self.scoping.get_reference(id).is_write());
            if is_write {
                let place = self.origin.place(at(name.span.start));
                let message = format!("SyntaxError: the import {} cannot be assigned to", name.name);
                self.errors.push(JsError::new(&self.origin.path, Some(place), message));
            }
            self.put(name.span, Put::Export { dep: request, name: export, form: Form::Plain });
        } else if self.is_global(name) {
            match name.name.as_str() {
                "module" | "exports" | "require" => self.speaks_common = true,
                "global" => self.unit.uses_global = true,
                _ => {}
            }
        }
    }

    fn visit_object_property(&mut self, property: &ObjectProperty<'a>) {
        if let (true, Expression::Identifier(name)) = (property.shorthand, &property.value)
            && let Some(Bound { request, name: export }) = self.imported(name).cloned()
        {
            let form = Form::Shorthand(name.name.to_string());
            self.put(name.span, Put::Export { dep: request, name: export, form });
            return;
        }
        walk::walk_object_property(self, property);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if let (true, [Argument::StringLiteral(specifier)]) =
            (self.is_global_named(&call.callee, "require"), call.arguments.as_slice())
        {
            self.speaks_common = true;
            let way = Way::Require { may_fail: self.tries > 0 };
            self.request(&specifier.value, specifier.span, way);
            return;
        }
        if self.called(&call.callee) {
            self.visit_arguments(&call.arguments);
        } else {
            walk::walk_call_expression(self, call);
        }
    }

    fn visit_tagged_template_expression(&mut self, tagged: &TaggedTemplateExpression<'a>) {
        if self.called(&tagged.tag) {
            self.visit_template_literal(&tagged.quasi);
        } else {
            walk::walk_tagged_template_expression(self, tagged);
        }
    }

    fn visit_import_expression(&mut self, import: &ImportExpression<'a>) {
        if let Expression::StringLiteral(specifier) = &import.source {
            let dep = self.request(&specifier.value, specifier.span, Way::Later);
            self.put(import.span, Put::Later { dep });
        } else {
            walk::walk_import_expression(self, import);
        }
    }

    fn visit_import_meta(&mut self, meta: &ImportMeta) {
        let url = serde_json::Value::from(format!("file:///{}", self.origin.path));
        self.put(meta.span, Put::Text(format!("({{url:{url}}})")));
    }

    /// What a build for production says.
    fn visit_static_member_expression(&mut self, member: &StaticMemberExpression<'a>) {
        if member.property.name == "NODE_ENV"
            && let Expression::StaticMemberExpression(outer) = &member.object
            && outer.property.name == "env"
            && self.is_global_named(&outer.object, "process")
        {
            self.put(member.span, Put::Text("\"production\"".to_owned()));
            return;
        }
        walk::walk_static_member_expression(self, member);
    }

    fn visit_function(&mut self, function: &Function<'a>, flags: ScopeFlags) {
        self.functions += 1;
        walk::walk_function(self, function, flags);
        self.functions -= 1;
    }

    fn visit_arrow_function_expression(&mut self, function: &ArrowFunctionExpression<'a>) {
        self.functions += 1;
        walk::walk_arrow_function_expression(self, function);
        self.functions -= 1;
    }

    fn visit_await_expression(&mut self, awaiting: &AwaitExpression<'a>) {
        if self.functions == 0 {
            self.unit.awaits.get_or_insert_with(|| at(awaiting.span.start));
        }
        walk::walk_await_expression(self, awaiting);
    }

    fn visit_for_of_statement(&mut self, each: &ForOfStatement<'a>) {
        if self.functions == 0 && each.r#await {
            self.unit.awaits.get_or_insert_with(|| at(each.span.start));
        }
        walk::walk_for_of_statement(self, each);
    }

    fn visit_try_statement(&mut self, guarded: &TryStatement<'a>) {
        self.tries += 1;
        self.visit_block_statement(&guarded.block);
        self.tries -= 1;
        if let Some(handler) = &guarded.handler {
            self.visit_catch_clause(handler);
        }
        if let Some(finalizer) = &guarded.finalizer {
            self.visit_block_statement(finalizer);
        }
    }
}
