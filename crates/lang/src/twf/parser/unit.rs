//! A whole file: package, imports, definitions.

use super::{Parse, Parser};
use crate::text::diagnostic::Diagnostic;
use crate::text::suggest::nearest;
use crate::twf::ast::{Annotation, Definition, Expr, ExprKind, Ident, Import, Unit};
use crate::twf::token::TokenKind;

/// Words that begin a definition, for suggestions.
const DEFINITION_WORDS: &[&str] =
    &["workflow", "activity", "worker", "namespace", "nexus service", "type", "package", "import"];

impl Parser<'_> {
    /// `package? import* definition*`, in any order but reported when it is another.
    pub(super) fn unit(&mut self) -> Unit {
        let mut unit = Unit { pragmas: self.pragmas(), ..Unit::default() };
        let mut is_lost = false;
        loop {
            self.line_start = self.token(0).start;
            match self.kind() {
                TokenKind::End => break,
                TokenKind::Dedent | TokenKind::Newline => {
                    self.bump();
                }
                TokenKind::Indent => self.stray_block(is_lost),
                _ if self.is_definition() => {
                    is_lost = self.top_level(&mut unit).is_err();
                    if is_lost {
                        self.skip_line_and_block();
                    }
                }
                _ => {
                    self.stray_line(is_lost);
                    is_lost = true;
                }
            }
        }
        self.attach_handlers(&mut unit);
        unit.statement_annotations = std::mem::take(&mut self.annotated);
        unit
    }

    /// A lone expression, with everything after it an error.
    pub(super) fn lone_expression(&mut self) -> Expr {
        let whole = self.span(0, self.token(usize::MAX / 2).end);
        self.eat(TokenKind::Indent);
        let expr = self.expr();
        let expr = expr.and_then(|expr| self.end_of_line().map(|()| expr));
        expr.unwrap_or(Expr { kind: ExprKind::Error, span: whole })
    }

    fn is_definition(&self) -> bool {
        match self.word() {
            "workflow" | "activity" | "worker" | "namespace" | "nexus" | "package" | "import" => true,
            "nexus_service" | "nexus_endpoint" | "type" | "signal" | "query" | "update" => {
                self.nth(1) == TokenKind::Name
            }
            _ => self.at(TokenKind::At),
        }
    }

    fn top_level(&mut self, unit: &mut Unit) -> Parse<()> {
        let doc = self.doc_above(self.line_start);
        let annotations = self.annotations()?;
        match self.word() {
            "package" => return self.package(unit),
            "import" => return self.import(unit),
            "signal" | "query" | "update" => return self.loose_handler(),
            "worker" => return self.worker(unit),
            _ => {}
        }
        let definition = match self.word() {
            "workflow" => Definition::Workflow(self.workflow(annotations, doc)?),
            "activity" => Definition::Activity(self.activity(annotations, doc)?),
            "namespace" => Definition::Namespace(self.namespace()?),
            "nexus" => Definition::Service(self.service(doc)?),
            "nexus_service" => Definition::Service(self.legacy_service(doc)?),
            "nexus_endpoint" => Definition::Endpoint(self.legacy_endpoint()?),
            "type" => Definition::Type(self.type_def(doc)?),
            _ => return Err(self.unexpected("a definition", "the annotation")),
        };
        self.attachments.own(unit.definitions.len());
        unit.definitions.push(definition);
        Ok(())
    }

    /// `'package' dotted NL`.
    fn package(&mut self, unit: &mut Unit) -> Parse<()> {
        let start = self.at;
        self.bump();
        let mut name = self.any_name("the name of a package")?;
        while self.eat(TokenKind::Dot) {
            let part = self.any_name("a name")?;
            name =
                Ident { name: format!("{}.{}", name.name, part.name).into(), span: name.span.to(part.span) };
        }
        let span = self.span_since(start);
        self.end_of_line()?;
        if let Some(first) = &unit.package {
            let repeated = Diagnostic::error("SYNTAX", span, "a file has one package clause")
                .label(first.span, "the first one");
            self.report(repeated);
            return Ok(());
        }
        if !unit.definitions.is_empty() || !unit.imports.is_empty() {
            let _reported = self.syntax(span, "the package clause stands first in its file");
        }
        unit.package = Some(name);
        Ok(())
    }

    /// `'import' NAME? STRING NL`.
    fn import(&mut self, unit: &mut Unit) -> Parse<()> {
        let start = self.at;
        self.bump();
        let alias = if self.at(TokenKind::Name) { Some(self.new_name("an import alias")?) } else { None };
        let path = self.expect(TokenKind::Str, "`import`")?;
        let path = self.string_value(path);
        let span = self.span_since(start);
        self.end_of_line()?;
        if !unit.definitions.is_empty() {
            let _reported = self.syntax(span, "imports stand before the first definition");
        }
        unit.imports.push(Import { alias, path, span });
        Ok(())
    }

    /// `('@' NAME args? NL)*`.
    pub(super) fn annotations(&mut self) -> Parse<Vec<Annotation>> {
        let mut all = Vec::new();
        while self.at(TokenKind::At) {
            let start = self.at;
            self.bump();
            let name = self.any_name("the name of an annotation")?;
            let args = if self.at(TokenKind::OpenParen) { self.args()? } else { Vec::new() };
            self.extension(self.span_since(start), "an annotation");
            self.end_of_line()?;
            all.push(Annotation { name, args });
        }
        Ok(all)
    }

    fn stray_block(&mut self, is_lost: bool) {
        if !is_lost {
            let _reported = self.syntax(self.next_span(), "unexpected indentation");
        }
        self.skip_block();
    }

    /// Lines that begin no definition give one error however many they are.
    fn stray_line(&mut self, is_lost: bool) {
        if !is_lost {
            let message = format!("expected a definition, found {}", self.found());
            let help = match nearest(self.word(), DEFINITION_WORDS.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("definitions begin in the first column with {}", words(DEFINITION_WORDS)),
            };
            let _reported = self.syntax_help(self.next_span(), message, Some(help));
        }
        self.skip_line();
        // What is indented under it belongs to a definition that was not recognised.
        self.skip_block();
    }
}

/// Words as a list for people: `a`, `b` or `c`.
fn words(all: &[&str]) -> String {
    let quoted: Vec<String> = all.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
