//! Nexus services and their operations.

use super::legacy::{insertion, step};
use super::place::Place;
use super::{Parse, Parser};
use crate::text::diagnostic::Edit;
use crate::twf::ast::{Service, ServiceOperation};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// `'nexus' 'service' NAME block( ( async_op | sync_op )* )`.
    pub(super) fn service(&mut self, doc: String) -> Parse<Service> {
        let start = self.at;
        self.bump();
        if self.at_word("endpoint") {
            let help = "put it into the `namespace` that serves it".to_string();
            return Err(self.syntax_help(
                self.next_span(),
                "an endpoint stands inside a `namespace` block",
                Some(help),
            ));
        }
        self.expect_word("service", "`nexus`")?;
        self.service_rest(start, doc)
    }

    /// The seed's `nexus_service`.
    pub(super) fn legacy_service(&mut self, doc: String) -> Parse<Service> {
        let start = self.at;
        self.legacy(self.next_span(), "`nexus_service`", "nexus service");
        self.bump();
        self.service_rest(start, doc)
    }

    fn service_rest(&mut self, start: usize, doc: String) -> Parse<Service> {
        let name = self.new_name("the name of a service")?;
        self.colon_line("the name of the service");
        let span = self.header_span(start);
        let mut operations = Vec::new();
        self.item_lines("the name of the service", &mut |p| {
            let operation = p.operation()?;
            operations.push(operation);
            Ok(())
        });
        Ok(Service { doc, name, operations, span })
    }

    fn operation(&mut self) -> Parse<ServiceOperation> {
        match self.word() {
            "async" => {
                self.bump();
                let name = self.new_name("the name of an operation")?;
                self.expect_word("workflow", "the name of the operation")?;
                let workflow = self.qname("the name of a workflow")?;
                self.end_of_line()?;
                Ok(ServiceOperation::Async { name, workflow })
            }
            "sync" | "operation" => self.sync_operation(),
            _ => {
                let help = self.suggest(&["async", "sync"]);
                let message = format!("expected `async` or `sync`, found {}", self.found());
                Err(self.syntax_help(self.next_span(), message, help))
            }
        }
    }

    /// `'sync' NAME params result_type block( stmt* )`; the seed also has signatures without a body.
    fn sync_operation(&mut self) -> Parse<ServiceOperation> {
        let start = self.at;
        let keyword = self.next_span();
        let is_old = self.at_word("operation");
        self.bump();
        let name = self.new_name("the name of an operation")?;
        let params = self.params();
        let result = self.result_type();
        if is_old && (self.at(TokenKind::Newline) || self.at(TokenKind::End)) {
            let span = self.span_since(start);
            self.end_of_line()?;
            let indent = self.indent_of(span.start);
            let body = format!(":\n{indent}{}...", step(indent));
            let word = Edit { span: keyword, replacement: "sync".to_string() };
            let edits = vec![word, insertion(span, span.end, body)];
            let help = "write `sync` and a body, or `async NAME workflow W`";
            self.legacy_edits(keyword, "an operation without a body", help, edits);
            return Ok(ServiceOperation::Sync { name, params, result, body: None, span });
        }
        if is_old {
            self.legacy(keyword, "`operation`", "sync");
        }
        self.colon_line("the operation");
        let span = self.header_span(start);
        let body = self.with_place(Place::Operation, |p| p.body("the operation"));
        Ok(ServiceOperation::Sync { name, params, result, body: Some(body), span })
    }
}
