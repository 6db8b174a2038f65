//! Races: `await one` and its cases.

use super::{Parse, Parser};
use crate::text::source::Span;
use crate::twf::ast::{Block, Expr, ExprKind, OptionEntry, RaceCase, RaceKind, StmtKind, Target};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// `block( race_case+ )` after `await one`. A race of one promise without a body is an older spelling of
    /// `await`.
    pub(super) fn race(&mut self) -> StmtKind {
        let keyword = self.span_since(self.at.saturating_sub(2));
        self.colon_line("`await one`");
        let mut cases = Vec::new();
        let mut pending: Option<(Span, Vec<OptionEntry>)> = None;
        self.item_lines("`await one`", &mut |p| {
            if p.at_word_then("options", TokenKind::OpenParen) {
                let start = p.at;
                let options = p.bracketed_options()?;
                pending = Some((p.span_since(start), options));
                return p.end_of_line();
            }
            let Ok(mut case) = p.race_case() else {
                cases.push(p.unreadable_case());
                return Ok(());
            };
            if let Some((span, options)) = pending.take() {
                p.options_of_case(&mut case, span, options);
            }
            cases.push(case);
            Ok(())
        });
        if cases.is_empty() {
            let _reported = self.syntax(keyword, "`await one` needs at least one case");
        }
        self.simplify(keyword, cases)
    }

    /// Options in the line before a case.
    fn options_of_case(&mut self, case: &mut RaceCase, span: Span, options: Vec<OptionEntry>) {
        let indent = self.indent_of(span.start).to_string();
        let replacement = format!("{}{}", self.slice(case.span), self.options_under(&options, &indent));
        self.legacy_pair(span, span.to(case.span), &replacement);
        if let RaceKind::Target(Target::Call(call) | Target::Detached(call), _) = &mut case.kind {
            call.options.splice(0..0, options);
        }
    }

    /// A case whose header could not be read keeps its body.
    fn unreadable_case(&mut self) -> RaceCase {
        let span = self.span(self.line_start, self.line_start);
        self.skip_line();
        let mut body = Block::new();
        if self.at(TokenKind::Indent) {
            self.indented_statements(&mut body);
        }
        let error = Expr { kind: ExprKind::Error, span };
        RaceCase { kind: RaceKind::Target(Target::Predicate(error), None), body, span }
    }

    fn simplify(&mut self, keyword: Span, mut cases: Vec<RaceCase>) -> StmtKind {
        let is_simple = match cases.as_slice() {
            [only] => only.body.is_empty() && matches!(only.kind, RaceKind::Target(Target::Name(_), _)),
            _ => false,
        };
        match cases.pop() {
            Some(RaceCase { kind: RaceKind::Target(target, bind), span, .. }) if is_simple => {
                let replacement = format!("await {}", self.slice(span).trim_end_matches(':'));
                self.legacy(keyword.to(span), "`await one` with a single case", &replacement);
                StmtKind::Await(target, bind)
            }
            Some(last) => {
                cases.push(last);
                StmtKind::AwaitOne(cases)
            }
            None => StmtKind::AwaitOne(cases),
        }
    }

    /// `target bind? ':' NL ( IN stmt* OUT )?`, `'await' 'all' block`, `'watch' '(' expr ')' block`, `'fail'
    /// NAME? block`.
    fn race_case(&mut self) -> Parse<RaceCase> {
        let start = self.at;
        if self.at_word("await") && self.nth_word(1) == "all" {
            self.bump();
            let span = self.next_span();
            return Ok(RaceCase { kind: RaceKind::All(Box::new(self.await_all()?)), body: Vec::new(), span });
        }
        if self.at_word("fail") && matches!(self.nth(1), TokenKind::Colon | TokenKind::Name) {
            return self.fail_case();
        }
        let mut target = self.race_target()?;
        let bind = self.bind()?;
        let body = self.case_body(&mut target);
        let span =
            self.tokens.get(start).map_or_else(|| self.next_span(), |token| self.header_of(token.start));
        Ok(RaceCase { kind: RaceKind::Target(target, bind), body, span })
    }

    /// The line that begins at a byte, without its comment.
    fn header_of(&self, start: u32) -> Span {
        let first = self.tokens.partition_point(|token| token.end <= start);
        let line = self.tokens.iter().skip(first);
        let last = line.take_while(|t| !matches!(t.kind, TokenKind::Newline | TokenKind::End)).last();
        self.span(start, last.map_or(start, |token| token.end))
    }

    fn race_target(&mut self) -> Parse<Target> {
        if self.at_word_then("watch", TokenKind::OpenParen) {
            let span = self.next_span();
            self.bump();
            self.legacy(span, "`watch`", "condition");
            return Ok(Target::Predicate(self.expr()?));
        }
        if self.at_word("detach") && !self.nth_word(1).is_empty() {
            self.extension(self.next_span(), "a detached call as a case");
            self.bump();
            return Ok(Target::Detached(Box::new(self.call()?)));
        }
        self.target()
    }

    fn fail_case(&mut self) -> Parse<RaceCase> {
        let span = self.next_span();
        self.extension(span, "a `fail` case");
        self.bump();
        let name = if self.at(TokenKind::Name) { Some(self.any_name("a variable")?) } else { None };
        let body = self.block("`fail`");
        Ok(RaceCase { kind: RaceKind::Fail(name), body, span })
    }

    /// The body of a case, which may be absent; `options:` first in it belong to the call of the case.
    fn case_body(&mut self, target: &mut Target) -> Block {
        self.colon_line("the case");
        let mut body = Block::new();
        if !self.at(TokenKind::Indent) || self.nested(|_| Ok(())).is_err() {
            self.skip_block();
            return body;
        }
        self.bump();
        self.nesting += 1;
        self.line_start = self.token(0).start;
        if let Target::Call(call) | Target::Detached(call) = target
            && self.at_word_then("options", TokenKind::Colon)
        {
            self.extension(self.next_span(), "`options:` of a case");
            self.bump();
            call.options.extend(self.option_block("`options`"));
        }
        self.statements(&mut body);
        self.nesting -= 1;
        self.eat(TokenKind::Dedent);
        body
    }
}
