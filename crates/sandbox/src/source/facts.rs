//! What the functions of a file look like from outside: their parameters, and what each is used for.

use oxc_ast::ast::{
    BindingPattern, Declaration, ExportDefaultDeclarationKind, Expression, FormalParameters, Program,
    Statement,
};
use oxc_semantic::{AstNodes, Scoping, SymbolId};
use oxc_span::GetSpan;

use super::trace::{Tracer, Use};

/// A function at the top of a file.
#[derive(Debug)]
pub(crate) struct Function {
    /// Its variable.
    pub(crate) name: String,
    pub(crate) symbol: Option<SymbolId>,
    pub(crate) at: usize,
    pub(crate) parameters: Vec<Parameter>,
}

/// A parameter.
#[derive(Debug)]
pub(crate) struct Parameter {
    /// Nothing when it takes its argument apart.
    pub(crate) name: Option<String>,
    pub(crate) at: usize,
    pub(crate) uses: Vec<Use>,
}

/// Reads off the functions.
pub(crate) fn functions<'a>(program: &Program<'a>, scoping: &Scoping, nodes: &AstNodes<'a>) -> Vec<Function> {
    let mut found = Reader { scoping, nodes, functions: Vec::new() };
    for statement in &program.body {
        match statement {
            Statement::ExportDeclaration(export) => found.declaration(&export.declaration),
            Statement::ExportDefaultDeclaration(export) => {
                if let ExportDefaultDeclarationKind::FunctionDeclaration(function) = &export.declaration
                    && let Some(name) = &function.id
                {
                    found.add(name.name.as_str(), name.symbol_id.get(), &function.params, name.span.start);
                }
            }
            other => {
                if let Some(declaration) = other.as_declaration() {
                    found.declaration(declaration);
                }
            }
        }
    }
    found.functions
}

struct Reader<'t, 'a> {
    scoping: &'t Scoping,
    nodes: &'t AstNodes<'a>,
    functions: Vec<Function>,
}

impl<'a> Reader<'_, 'a> {
    fn declaration(&mut self, declaration: &Declaration<'a>) {
        match declaration {
            Declaration::FunctionDeclaration(function) => {
                if let Some(name) = &function.id {
                    self.add(name.name.as_str(), name.symbol_id.get(), &function.params, name.span.start);
                }
            }
            Declaration::VariableDeclaration(variables) => {
                for variable in &variables.declarations {
                    let BindingPattern::BindingIdentifier(name) = &variable.id else { continue };
                    let parameters = match &variable.init {
                        Some(Expression::ArrowFunctionExpression(function)) => &function.params,
                        Some(Expression::FunctionExpression(function)) => &function.params,
                        _ => continue,
                    };
                    self.add(name.name.as_str(), name.symbol_id.get(), parameters, name.span.start);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, name: &str, symbol: Option<SymbolId>, parameters: &FormalParameters<'a>, at: u32) {
        let at_of = |start: u32| usize::try_from(start).unwrap_or(0);
        let parameters = parameters.items.iter().map(|parameter| Parameter {
            name: parameter.pattern.get_binding_identifier().map(|name| name.name.to_string()),
            at: at_of(parameter.pattern.span().start),
            uses: Tracer::new(self.scoping, self.nodes).of_pattern(&parameter.pattern),
        });
        let parameters = parameters.collect();
        self.functions.push(Function { name: name.to_owned(), symbol, at: at_of(at), parameters });
    }
}
