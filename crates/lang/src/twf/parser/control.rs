//! Control flow: `if`, `for`, `switch`, `try`.

use super::{Parse, Parser};
use crate::text::source::Span;
use crate::twf::ast::{Block, Expr, ForHead, Ident, Stmt, StmtKind, SwitchCase, TryStmt};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// `'if' cond block ( ( 'elif' | 'else' 'if' ) cond block )* ( 'else' block )?`.
    pub(super) fn if_stmt(&mut self) -> StmtKind {
        self.bump();
        let condition = self.condition("if");
        let then = self.block("`if`");
        let otherwise = self.otherwise();
        StmtKind::If(condition, then, otherwise)
    }

    /// What follows the block of an `if`; `elif` becomes an `if` alone in the else block.
    fn otherwise(&mut self) -> Block {
        let is_else_if = self.at_word("else") && self.nth_word(1) == "if";
        if self.at_word("elif") || is_else_if {
            return self.else_if(is_else_if);
        }
        if !self.at_word_then("else", TokenKind::Colon) {
            return Block::new();
        }
        self.bump();
        self.block("`else`")
    }

    fn else_if(&mut self, has_else: bool) -> Block {
        self.extension(self.next_span(), "`elif`");
        if self.nested(|_| Ok(())).is_err() {
            self.skip_line_and_block();
            return Block::new();
        }
        if has_else {
            self.bump();
        }
        let start = self.at;
        self.nesting += 1;
        let kind = self.if_stmt();
        self.nesting -= 1;
        let span = self.tokens.get(start).map_or_else(|| self.next_span(), |token| self.span_of(*token));
        vec![Stmt { kind, span }]
    }

    /// `'(' expr ')' | expr`; without brackets an older spelling.
    fn condition(&mut self, word: &str) -> Expr {
        let start = self.at;
        let is_bracketed = self.is_bracketed_header();
        let condition = self.header_expr();
        if !is_bracketed && self.at > start && self.at(TokenKind::Colon) {
            let span = self.span_since(start);
            let replacement = format!("({})", self.slice(span));
            self.legacy(span, &format!("`{word}` without brackets"), &replacement);
        }
        condition
    }

    /// Whether one pair of brackets holds all up to the colon at the end of the line.
    fn is_bracketed_header(&self) -> bool {
        if !self.at(TokenKind::OpenParen) {
            return false;
        }
        let mut depth = 0_u32;
        for (ahead, token) in self.tokens.iter().skip(self.at).enumerate() {
            match token.kind {
                TokenKind::Newline | TokenKind::End => return true,
                kind if kind.closer().is_some() => depth += 1,
                kind if kind.is_closer() => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return self.nth(ahead + 1) == TokenKind::Colon;
            }
        }
        true
    }

    /// `'for' head block`.
    pub(super) fn for_stmt(&mut self) -> Parse<StmtKind> {
        self.bump();
        let head = self.for_head()?;
        let body = self.block("`for`");
        Ok(StmtKind::For(head, body))
    }

    /// Nothing, `'(' NAME ( ',' NAME )? 'in' expr ')'`, `NAME 'in' expr`, or a condition.
    fn for_head(&mut self) -> Parse<ForHead> {
        if self.at(TokenKind::Colon) {
            return Ok(ForHead::Forever);
        }
        if self.at_word_then("await", TokenKind::OpenParen) {
            return self.for_await();
        }
        if self.at(TokenKind::OpenParen) && self.is_each(1) {
            self.bump();
            let (name, second) = self.loop_names()?;
            let Ok(items) = self.expr() else {
                self.skip_to_line_colon();
                let span = self.next_span();
                return Ok(ForHead::Each(name, second, error(span)));
            };
            if self.expect(TokenKind::CloseParen, "the items").is_err() {
                self.skip_to_line_colon();
            }
            return Ok(ForHead::Each(name, second, items));
        }
        if self.is_each(0) {
            let start = self.at;
            let (name, second) = self.loop_names()?;
            let items = self.header_expr();
            let span = self.span_since(start);
            let replacement = format!("({})", self.slice(span));
            self.legacy(span, "`for` without brackets", &replacement);
            return Ok(ForHead::Each(name, second, items));
        }
        Ok(ForHead::While(self.condition("for")))
    }

    /// `'await' '(' NAME 'in' expr ')'`.
    fn for_await(&mut self) -> Parse<ForHead> {
        self.extension(self.next_span(), "`for await`");
        self.bump();
        self.bump();
        let name = self.any_name("a loop variable")?;
        self.expect_word("in", "the loop variable")?;
        let items = self.expr()?;
        self.expect(TokenKind::CloseParen, "the promises")?;
        Ok(ForHead::Await(name, items))
    }

    /// Whether `NAME in` or `NAME, NAME in` stands so many tokens ahead.
    pub(super) fn is_each(&self, ahead: usize) -> bool {
        let one = self.nth(ahead) == TokenKind::Name && self.nth_word(ahead + 1) == "in";
        let two = self.nth(ahead) == TokenKind::Name
            && self.nth(ahead + 1) == TokenKind::Comma
            && self.nth(ahead + 2) == TokenKind::Name
            && self.nth_word(ahead + 3) == "in";
        one || two
    }

    /// `NAME ( ',' NAME )? 'in'`.
    fn loop_names(&mut self) -> Parse<(Ident, Option<Ident>)> {
        let name = self.any_name("a loop variable")?;
        let second = if self.eat(TokenKind::Comma) { Some(self.any_name("a loop variable")?) } else { None };
        self.expect_word("in", "the loop variable")?;
        Ok((name, second))
    }

    /// `'switch' '(' expr ')' block( case+ else? )`.
    pub(super) fn switch_stmt(&mut self) -> StmtKind {
        let keyword = self.next_span();
        self.bump();
        let value = self.condition("switch");
        self.colon_line("`switch`");
        let mut cases = Vec::new();
        let mut otherwise = None;
        self.item_lines("`switch`", &mut |p| p.switch_item(&mut cases, &mut otherwise));
        if cases.is_empty() {
            let _reported = self.syntax(keyword, "a `switch` needs at least one `case`");
        }
        StmtKind::Switch(value, cases, otherwise.unwrap_or_default())
    }

    fn switch_item(&mut self, cases: &mut Vec<SwitchCase>, otherwise: &mut Option<Block>) -> Parse<()> {
        if self.at_word_then("else", TokenKind::Colon) {
            let span = self.next_span();
            self.bump();
            let block = self.block("`else`");
            if otherwise.replace(block).is_some() {
                let _reported = self.syntax(span, "a `switch` has one `else`");
            }
            return Ok(());
        }
        if !self.at_word("case") {
            let help = self.suggest(&["case", "else"]);
            let message = format!("expected `case` or `else:`, found {}", self.found());
            return Err(self.syntax_help(self.next_span(), message, help));
        }
        if otherwise.is_some() {
            let _reported = self.syntax(self.next_span(), "`else` is the last branch of a `switch`");
        }
        self.bump();
        let mut values = vec![self.header_expr()];
        while self.at(TokenKind::Comma) {
            self.extension(self.next_span(), "a `case` with several values");
            self.bump();
            values.push(self.header_expr());
        }
        let body = self.block("`case`");
        cases.push(SwitchCase { values, body });
        Ok(())
    }

    /// `'try' block( stmt* ) 'catch' ( NAME ( ':' type )? )? block ( 'finally' block )?`.
    pub(super) fn try_stmt(&mut self) -> StmtKind {
        let keyword = self.next_span();
        self.extension(keyword, "`try`");
        self.bump();
        let mut stmt = TryStmt {
            body: self.block("`try`"),
            catch_name: None,
            catch_type: None,
            catch: None,
            finally: None,
        };
        if self.at_word("catch") {
            self.catch(&mut stmt);
        }
        if self.at_word_then("finally", TokenKind::Colon) {
            self.bump();
            stmt.finally = Some(self.block("`finally`"));
        }
        if stmt.catch.is_none() && stmt.finally.is_none() {
            let _reported = self.syntax(keyword, "a `try` needs a `catch` or a `finally`");
        }
        StmtKind::Try(Box::new(stmt))
    }

    fn catch(&mut self, stmt: &mut TryStmt) {
        self.line_start = self.token(0).start;
        self.bump();
        if self.at(TokenKind::Name) {
            stmt.catch_name = self.any_name("a variable").ok();
            if self.at(TokenKind::Colon) && self.nth(1) == TokenKind::Name {
                self.bump();
                stmt.catch_type = self.any_name("a type").ok();
            }
        }
        stmt.catch = Some(self.block("`catch`"));
    }
}

fn error(span: Span) -> Expr {
    Expr { kind: crate::twf::ast::ExprKind::Error, span }
}
