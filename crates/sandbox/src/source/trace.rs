//! What becomes of a value in a file: read, written, called, taken apart, handed on. By scopes, never by text.

use std::collections::HashSet;

use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, BindingPattern, CallExpression, Expression, ObjectPropertyKind, UnaryOperator};
use oxc_semantic::{AstNodes, NodeId, Scoping, SymbolId};
use oxc_span::{GetSpan, Span};

/// A use of a value or of something under it. `path` is the way to it: `["kv", "get"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) path: Vec<String>,
    /// The byte of the file where it stands.
    pub(crate) at: usize,
    pub(crate) how: How,
}

/// How it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    /// It is called with these arguments.
    Called(Vec<Text>),
    /// Its value goes somewhere: it is compared, returned, stored.
    Read,
    /// It gets a name of its own, under which it is followed.
    Bound,
    /// It is assigned to, counted up or deleted.
    Written,
    /// It is an argument of a call of something with a name of its own.
    Passed { to: Callee, index: usize },
    /// Something under it is used, and only running the code would tell what.
    Dynamic,
}

/// What a value is handed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Callee {
    /// A variable of the file.
    Symbol(SymbolId),
    /// Something else.
    Unknown,
}

/// What is known of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// This text.
    Exact(String),
    /// A text that begins like this.
    Prefix(String),
    /// An object with these members.
    Object(Vec<(String, Text)>),
    /// A list of these.
    List(Vec<Text>),
    /// Nothing.
    Unknown,
}

/// Follows values through a file.
pub(crate) struct Tracer<'t, 'a> {
    scoping: &'t Scoping,
    nodes: &'t AstNodes<'a>,
    uses: Vec<Use>,
    seen: HashSet<(SymbolId, Vec<String>)>,
}

impl<'t, 'a> Tracer<'t, 'a> {
    pub(crate) fn new(scoping: &'t Scoping, nodes: &'t AstNodes<'a>) -> Tracer<'t, 'a> {
        Tracer { scoping, nodes, uses: Vec::new(), seen: HashSet::new() }
    }

    /// All uses of what a pattern binds.
    pub(crate) fn of_pattern(mut self, pattern: &BindingPattern<'a>) -> Vec<Use> {
        self.pattern(pattern, &[]);
        self.finish()
    }

    /// All uses of a name that no variable of the file has.
    pub(crate) fn of_global(mut self, name: &str) -> Vec<Use> {
        let references = self.scoping.root_unresolved_references().iter();
        let found: Vec<_> = references
            .filter(|(known, _)| **known == name)
            .flat_map(|(_, ids)| ids.iter().copied())
            .collect();
        for reference in found {
            self.follow(self.scoping.get_reference(reference).node_id(), Vec::new());
        }
        self.finish()
    }

    fn finish(mut self) -> Vec<Use> {
        self.uses.sort_by_key(|found| found.at);
        self.uses
    }

    fn pattern(&mut self, pattern: &BindingPattern<'a>, path: &[String]) {
        match pattern {
            BindingPattern::BindingIdentifier(name) => {
                let Some(symbol) = name.symbol_id.get() else { return };
                if self.seen.insert((symbol, path.to_vec())) {
                    let references = self.scoping.get_resolved_references(symbol);
                    let places: Vec<NodeId> = references.map(oxc_semantic::Reference::node_id).collect();
                    for place in places {
                        self.follow(place, path.to_vec());
                    }
                }
            }
            BindingPattern::ObjectPattern(object) => {
                for property in &object.properties {
                    match property.key.static_name() {
                        Some(name) => {
                            let inner = [path, &[name.into_owned()]].concat();
                            // Taking it out is a use of it, whatever becomes of it.
                            self.push(inner.clone(), property.key.span(), How::Bound);
                            self.pattern(&property.value, &inner);
                        }
                        None => self.push(path.to_vec(), property.span, How::Dynamic),
                    }
                }
                if let Some(rest) = &object.rest {
                    self.push(path.to_vec(), rest.span, How::Dynamic);
                }
            }
            BindingPattern::AssignmentPattern(with_default) => self.pattern(&with_default.left, path),
            BindingPattern::ArrayPattern(array) => self.push(path.to_vec(), array.span, How::Dynamic),
        }
    }

    fn push(&mut self, path: Vec<String>, span: Span, how: How) {
        self.uses.push(Use { path, at: usize::try_from(span.start).unwrap_or(0), how });
    }

    /// Climbs from an expression to what is done with it.
    fn follow(&mut self, mut node: NodeId, mut path: Vec<String>) {
        let start = self.nodes.kind(node).span();
        loop {
            let (parent, span) = (self.nodes.parent_id(node), self.nodes.kind(node).span());
            match self.nodes.kind(parent) {
                AstKind::ParenthesizedExpression(_) | AstKind::ChainExpression(_) => {}
                AstKind::StaticMemberExpression(member) => path.push(member.property.name.to_string()),
                AstKind::ComputedMemberExpression(member) if member.object.span() == span => {
                    match self.text(&member.expression) {
                        Text::Exact(name) => path.push(name),
                        _ => return self.push(path, start, How::Dynamic),
                    }
                }
                AstKind::CallExpression(call) => return self.call(call, path, (start, span)),
                AstKind::VariableDeclarator(variable) if variable.init.is_some() => {
                    if !path.is_empty() {
                        self.push(path.clone(), start, How::Bound);
                    }
                    return self.pattern(&variable.id, &path);
                }
                other => return self.push(path, start, how(&other, span)),
            }
            node = parent;
        }
    }

    fn call(&mut self, call: &CallExpression<'a>, path: Vec<String>, (start, span): (Span, Span)) {
        if call.callee.span() == span {
            let arguments = call.arguments.iter().map(|argument| self.argument(argument)).collect();
            return self.push(path, start, How::Called(arguments));
        }
        let to = match &call.callee {
            Expression::Identifier(name) => name
                .reference_id
                .get()
                .and_then(|id| self.scoping.get_reference(id).symbol_id())
                .map_or(Callee::Unknown, Callee::Symbol),
            _ => Callee::Unknown,
        };
        let index = call.arguments.iter().position(|argument| argument.span() == span);
        match index {
            Some(index) => self.push(path, start, How::Passed { to, index }),
            None => self.push(path, start, How::Read),
        }
    }

    fn argument(&self, argument: &Argument<'a>) -> Text {
        argument.as_expression().map_or(Text::Unknown, |expression| self.text(expression))
    }

    /// What is known of the value of an expression.
    fn text(&self, expression: &Expression<'a>) -> Text {
        match expression {
            Expression::StringLiteral(text) => Text::Exact(text.value.to_string()),
            Expression::ParenthesizedExpression(inner) => self.text(&inner.expression),
            Expression::TemplateLiteral(template) => {
                let quasi = template.quasis.first();
                let head =
                    quasi.and_then(|quasi| quasi.value.cooked.as_ref()).map_or("", |head| head.as_str());
                match (template.expressions.is_empty(), head) {
                    (true, head) => Text::Exact(head.to_owned()),
                    (false, "") => Text::Unknown,
                    (false, head) => Text::Prefix(head.to_owned()),
                }
            }
            Expression::BinaryExpression(sum) if sum.operator.as_str() == "+" => match self.text(&sum.left) {
                Text::Exact(head) | Text::Prefix(head) if !head.is_empty() => Text::Prefix(head),
                _ => Text::Unknown,
            },
            Expression::Identifier(name) => name
                .reference_id
                .get()
                .and_then(|id| self.scoping.get_reference(id).symbol_id())
                .map_or(Text::Unknown, |symbol| self.constant(symbol)),
            Expression::ObjectExpression(object) => {
                let members = object.properties.iter().map(|property| match property {
                    ObjectPropertyKind::ObjectProperty(member) => {
                        let name = member.key.static_name()?;
                        Some((name.into_owned(), self.text(&member.value)))
                    }
                    ObjectPropertyKind::SpreadProperty(_) => None,
                });
                members.collect::<Option<Vec<_>>>().map_or(Text::Unknown, Text::Object)
            }
            Expression::ArrayExpression(list) => {
                let members =
                    list.elements.iter().map(|member| member.as_expression().map(|it| self.text(it)));
                members.collect::<Option<Vec<_>>>().map_or(Text::Unknown, Text::List)
            }
            _ => Text::Unknown,
        }
    }

    /// A variable that always has the text it began with.
    fn constant(&self, symbol: SymbolId) -> Text {
        if self.scoping.symbol_is_mutated(symbol) {
            return Text::Unknown;
        }
        match self.nodes.kind(self.scoping.symbol_declaration(symbol)) {
            AstKind::VariableDeclarator(variable) => match &variable.init {
                Some(Expression::StringLiteral(text)) => Text::Exact(text.value.to_string()),
                _ => Text::Unknown,
            },
            _ => Text::Unknown,
        }
    }
}

/// How something is used that stands directly under this.
fn how(parent: &AstKind<'_>, span: Span) -> How {
    let is_written = match parent {
        AstKind::AssignmentExpression(assignment) => assignment.left.span() == span,
        AstKind::UnaryExpression(unary) => unary.operator == UnaryOperator::Delete,
        AstKind::ForInStatement(each) => each.left.span() == span,
        AstKind::ForOfStatement(each) => each.left.span() == span,
        AstKind::UpdateExpression(_)
        | AstKind::ArrayAssignmentTarget(_)
        | AstKind::AssignmentTargetRest(_)
        | AstKind::AssignmentTargetWithDefault(_)
        | AstKind::AssignmentTargetPropertyProperty(_) => true,
        _ => false,
    };
    if is_written { How::Written } else { How::Read }
}
