//! Workflows, activities, types.

use super::place::Place;
use super::{Parse, Parser};
use crate::twf::ast::{Activity, Annotation, Ident, StateItem, TypeDef, TypeField, Workflow};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// `'workflow' NAME params result_type? block(..)`.
    pub(super) fn workflow(&mut self, annotations: Vec<Annotation>, doc: String) -> Parse<Workflow> {
        let start = self.at;
        self.bump();
        let name = self.new_name("the name of a workflow")?;
        let params = self.params();
        let result = self.result_type();
        self.colon_line("the workflow header");
        let span = self.header_span(start);
        let mut workflow = Workflow {
            annotations,
            doc,
            name,
            params,
            result,
            defaults: Vec::new(),
            state: Vec::new(),
            handlers: Vec::new(),
            on_cancel: None,
            body: Vec::new(),
            span,
        };
        self.with_place(Place::Workflow, |p| p.workflow_body(&mut workflow));
        Ok(workflow)
    }

    fn workflow_body(&mut self, workflow: &mut Workflow) {
        if !self.at(TokenKind::Indent) {
            return self.missing_block("the workflow header");
        }
        self.bump();
        self.nesting += 1;
        let late = std::mem::take(&mut self.late);
        while self.head_item(workflow) {}
        self.end_of_head();
        self.statements(&mut workflow.body);
        workflow.defaults.append(&mut self.head_options);
        workflow.handlers.append(&mut self.late);
        self.late = late;
        self.nesting -= 1;
        self.eat(TokenKind::Dedent);
    }

    /// `'activity' NAME params result_type? block( defaults? act_stmt* )`.
    pub(super) fn activity(&mut self, annotations: Vec<Annotation>, doc: String) -> Parse<Activity> {
        let start = self.at;
        self.bump();
        let name = self.new_name("the name of an activity")?;
        let params = self.params();
        let result = self.result_type();
        self.colon_line("the activity header");
        let span = self.header_span(start);
        let mut activity =
            Activity { annotations, doc, name, params, result, defaults: Vec::new(), body: Vec::new(), span };
        self.with_place(Place::Activity, |p| p.activity_body(&mut activity));
        Ok(activity)
    }

    fn activity_body(&mut self, activity: &mut Activity) {
        if !self.at(TokenKind::Indent) {
            return self.missing_block("the activity header");
        }
        self.bump();
        self.nesting += 1;
        while self.defaults(&mut activity.defaults) {}
        self.statements(&mut activity.body);
        activity.defaults.append(&mut self.head_options);
        self.nesting -= 1;
        self.eat(TokenKind::Dedent);
    }

    /// `'type' NAME block( field+ )`.
    pub(super) fn type_def(&mut self, doc: String) -> Parse<TypeDef> {
        let start = self.at;
        self.extension(self.next_span(), "a `type` block");
        self.bump();
        let name = self.new_name("the name of a type")?;
        self.colon_line("the name of a type");
        let span = self.header_span(start);
        let mut fields = Vec::new();
        self.item_lines("the name of a type", &mut |p| {
            let field = p.type_field()?;
            fields.push(field);
            Ok(())
        });
        Ok(TypeDef { doc, name, fields, span })
    }

    /// `NAME ':' type ( '=' expr )? NL`.
    fn type_field(&mut self) -> Parse<TypeField> {
        let above = self.doc_above(self.line_start);
        let name = self.any_name("the name of a field")?;
        self.expect(TokenKind::Colon, "the name of a field")?;
        let ty = self.type_(&[TokenKind::Assign, TokenKind::Newline])?;
        let default = if self.eat(TokenKind::Assign) { Some(self.expr()?) } else { None };
        let end = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.end);
        self.end_of_line()?;
        let doc = if above.is_empty() { self.doc_beside(end) } else { above };
        Ok(TypeField { doc, name, ty, default })
    }

    /// `condition NAME NL` or `NAME = expr NL`.
    pub(super) fn state_item(&mut self) -> Parse<StateItem> {
        if self.at_word_then("condition", TokenKind::Name) {
            self.bump();
            let name = self.new_name("the name of a condition")?;
            self.end_of_line()?;
            return Ok(StateItem::Condition(name));
        }
        if !self.at(TokenKind::Name) || self.nth(1) != TokenKind::Assign {
            let help = self.suggest(&["condition"]);
            let message = format!("expected `condition NAME` or `NAME = value`, found {}", self.found());
            return Err(self.syntax_help(self.next_span(), message, help));
        }
        let name: Ident = self.any_name("a variable")?;
        self.bump();
        let value = self.expr()?;
        self.end_of_line()?;
        Ok(StateItem::Init(name, value))
    }

    /// `':' NL` of a header. What stands there instead is reported and skipped; the block under it is read
    /// anyway.
    pub(super) fn colon_line(&mut self, after: &str) {
        let read = self.expect(TokenKind::Colon, after).and_then(|_| {
            if self.at(TokenKind::Newline) || self.at(TokenKind::End) {
                return self.end_of_line();
            }
            let message = format!("expected the end of the line after `:`, found {}", self.found());
            let help = "put the body on lines of its own, indented".to_string();
            Err(self.syntax_help(self.next_span(), message, Some(help)))
        });
        if read.is_err() {
            self.skip_line();
        }
    }

    /// The header line that began with a token and has just been taken with its newline.
    pub(super) fn header_span(&self, start: usize) -> crate::text::source::Span {
        self.span_since(start)
    }

    pub(super) fn with_place<T>(&mut self, place: Place, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.place, place);
        let result = read(self);
        self.place = outer;
        result
    }
}
