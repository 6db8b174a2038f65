//! Waiting: `await` and what can be awaited.

use super::legacy::step;
use super::{Parse, Parser};
use crate::twf::ast::{AwaitAll, Bind, Ident, LValue, RaceCase, RaceKind, StmtKind, Target};
use crate::twf::token::TokenKind;

/// Words that begin what can be awaited, for suggestions.
const TARGET_WORDS: &[&str] = &["signal", "update", "activity", "workflow", "nexus", "timer", "condition"];

impl Parser<'_> {
    /// `'await' ( target bind? NL under? | 'all' .. | 'one' .. )`.
    pub(super) fn await_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        if self.at_word("one") {
            self.bump();
            return Ok(self.race());
        }
        if self.at_word("all") {
            return self.await_all_stmt();
        }
        let start = self.at;
        let mut target = self.target()?;
        let bind = self.bind()?;
        if self.at_word("timeout") {
            return self.old_timeout(start, target, bind);
        }
        self.end_of_target(&mut target)?;
        Ok(StmtKind::Await(target, bind))
    }

    /// `timer(e) | signal N | update N | call | name | predicate | all_handlers_finished`.
    pub(super) fn target(&mut self) -> Parse<Target> {
        let span = self.next_span();
        match self.word() {
            "timer" => self.timer_target(),
            "signal" => {
                self.bump();
                Ok(Target::Signal(self.new_name("the name of a signal")?))
            }
            "update" => {
                self.bump();
                Ok(Target::Update(self.new_name("the name of an update")?))
            }
            "query" => Err(self.syntax(span, "a query cannot be awaited")),
            "detach" => Err(self.syntax(span, "a detached call gives nothing to wait for")),
            "condition" | "" => self.predicate_target(),
            "all_handlers_finished" => {
                self.extension(span, "`all_handlers_finished`");
                self.bump();
                Ok(Target::AllHandlersFinished(span))
            }
            "activity" | "workflow" | "nexus" => Ok(Target::Call(Box::new(self.call()?))),
            "child" if self.is_call() => Ok(Target::Call(Box::new(self.call()?))),
            word if self.nth(1) == TokenKind::Name && self.nth_word(1) != "timeout" => {
                let message = format!("nothing can be awaited by `{word}`");
                let help = self.suggest(TARGET_WORDS);
                Err(self.syntax_help(span, message, help))
            }
            _ => self.named_target(),
        }
    }

    /// `NAME`, or the path to a promise that is kept in an object or list.
    fn named_target(&mut self) -> Parse<Target> {
        let root = self.new_name("the name of a promise or condition")?;
        let path = self.path()?;
        if path.is_empty() {
            return Ok(Target::Name(root));
        }
        self.extension(root.span, "a promise in an object or list");
        Ok(Target::Place(Box::new(LValue { root, path })))
    }

    /// `'timer' '(' expr ')'`, older without brackets.
    fn timer_target(&mut self) -> Parse<Target> {
        let start = self.at;
        self.bump();
        let is_bracketed = self.at(TokenKind::OpenParen);
        if is_bracketed {
            self.mark_tight();
        }
        let duration = self.expr()?;
        if !is_bracketed {
            let replacement = format!("timer({})", self.slice(duration.span));
            self.legacy(self.span_since(start), "`timer` without brackets", &replacement);
        }
        Ok(Target::Timer(duration))
    }

    /// `'condition'? '(' expr ')'`.
    fn predicate_target(&mut self) -> Parse<Target> {
        let start = self.next_span();
        let has_word = self.eat_word("condition");
        if !self.at(TokenKind::OpenParen) {
            let wanted = if has_word { "`(`" } else { "what to wait for" };
            return Err(self.unexpected(wanted, ""));
        }
        self.extension(start, "waiting for an expression");
        Ok(Target::Predicate(self.expr()?))
    }

    /// The end of the line of a target, with the options under it when it is a call.
    pub(super) fn end_of_target(&mut self, target: &mut Target) -> Parse<()> {
        let Target::Call(call) = target else {
            return self.end_of_line();
        };
        self.end_of_line()?;
        if self.at(TokenKind::Indent) && self.nth_word(1) == "options" {
            self.extension(self.span_of(self.token(1)), "`options:` of an awaited call");
            self.under_call(call);
        }
        Ok(())
    }

    /// `all` in its shapes: a block of branches, one branch for each element, or a list of promises.
    fn await_all_stmt(&mut self) -> Parse<StmtKind> {
        let is_each = self.nth(1) == TokenKind::OpenParen && self.is_each(2);
        if is_each || matches!(self.nth(1), TokenKind::Colon | TokenKind::Arrow) {
            return self.await_all().map(|all| StmtKind::AwaitAll(Box::new(all)));
        }
        self.extension(self.next_span(), "`await all` of a list");
        self.bump();
        let promises = self.expr()?;
        let bind = self.bind()?;
        self.end_of_line()?;
        Ok(StmtKind::AwaitEach(promises, bind))
    }

    /// `'all' ( '(' NAME 'in' expr ')' )? ( '->' NAME )? block( stmt* )`.
    pub(super) fn await_all(&mut self) -> Parse<AwaitAll> {
        self.bump();
        let each = if self.at(TokenKind::OpenParen) { Some(self.each()?) } else { None };
        if self.at(TokenKind::Arrow) {
            self.extension(self.next_span(), "collecting the results of `await all`");
        }
        let bind = self.bind()?;
        let body = self.block("`await all`");
        Ok(AwaitAll { each, bind, body })
    }

    fn each(&mut self) -> Parse<(Ident, crate::twf::ast::Expr)> {
        self.extension(self.next_span(), "`await all` over a list");
        self.bump();
        let name = self.any_name("a loop variable")?;
        self.expect_word("in", "the loop variable")?;
        let items = self.expr()?;
        self.expect(TokenKind::CloseParen, "the items")?;
        Ok((name, items))
    }

    /// `await signal X timeout: 1h` of the first sketch: a race with a timer, whose block runs when time is
    /// up.
    fn old_timeout(&mut self, start: usize, target: Target, bind: Option<Bind>) -> Parse<StmtKind> {
        let span = self.span_since(start);
        let keyword = self.next_span();
        self.bump();
        self.eat(TokenKind::Colon);
        let duration = self.expr()?;
        let whole = span.to(duration.span);
        let indent = self.indent_of(span.start);
        let inner = format!("{indent}{}", step(indent));
        let (target_text, time) = (self.slice(span), self.inside_brackets(duration.span));
        let cases = format!("one:\n{inner}{target_text}:\n{inner}timer({time})");
        let body = if self.at(TokenKind::Colon) {
            let start = self.at + 1;
            let body = self.block("`timeout`");
            let help = "write `await one:` with the target and a `timer(..)` as its cases";
            let mut edits = self.replace(whole, &cases);
            let lines = self.code_since(start);
            if lines.end > lines.start {
                edits.extend(self.deeper(lines));
            }
            self.legacy_edits(whole, "`timeout` of an `await`", help, edits);
            body
        } else {
            self.legacy(whole, "`timeout` of an `await`", &format!("{cases}:"));
            self.end_of_line()?;
            Vec::new()
        };
        let first = RaceCase { kind: RaceKind::Target(target, bind), body: Vec::new(), span };
        let timer = RaceCase { kind: RaceKind::Target(Target::Timer(duration), None), body, span: keyword };
        Ok(StmtKind::AwaitOne(vec![first, timer]))
    }
}
