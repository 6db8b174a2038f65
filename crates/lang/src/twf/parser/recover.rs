//! Going on after an error: by line, by block.

use super::{Parse, Parser};
use crate::twf::ast::Block;
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// Skips to the line after this one.
    pub(super) fn skip_line(&mut self) {
        while !matches!(self.kind(), TokenKind::Newline | TokenKind::End) {
            self.bump();
        }
        self.eat(TokenKind::Newline);
    }

    /// Skips an indented block with all blocks in it, when one stands here.
    pub(super) fn skip_block(&mut self) {
        if !self.at(TokenKind::Indent) {
            return;
        }
        let mut depth = 0_u32;
        loop {
            match self.bump().kind {
                TokenKind::Indent => depth += 1,
                TokenKind::Dedent => depth = depth.saturating_sub(1),
                TokenKind::End => return,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Skips the line and what is indented under it.
    pub(super) fn skip_line_and_block(&mut self) {
        self.skip_line();
        self.skip_block();
    }

    /// After a header that could not be read: its block is read for its statements, which then stand in the
    /// block around it. Whether they are reported depends on whether the header leaves doubt about what they
    /// are.
    pub(super) fn recover_statement(&mut self, start: usize, out: &mut Block) {
        let header = self.tokens.get(start).map_or("", |token| self.text_of(*token));
        let is_sure = matches!(header, "if" | "elif" | "else" | "for" | "try" | "catch" | "finally");
        self.skip_line();
        self.mark_verbatim(start);
        if !self.at(TokenKind::Indent) {
            return;
        }
        if !is_sure {
            self.quiet += 1;
        }
        self.indented_statements(out);
        if !is_sure {
            self.quiet -= 1;
        }
    }

    /// After an expression in a header could not be read: on to the colon at the end of the line, so that the
    /// block under it keeps its header.
    pub(super) fn skip_to_line_colon(&mut self) {
        let ahead = self.tokens.iter().skip(self.at);
        let length = ahead.take_while(|t| !matches!(t.kind, TokenKind::Newline | TokenKind::End)).count();
        let ends_with_colon = length > 0 && self.nth(length - 1) == TokenKind::Colon;
        self.at += if ends_with_colon { length - 1 } else { length };
    }

    /// Skips to the comma or closer that ends an item of the bracket that is open here.
    pub(super) fn skip_item(&mut self) {
        let mut depth = 0_u32;
        loop {
            match self.kind() {
                TokenKind::Newline | TokenKind::End => return,
                TokenKind::Comma if depth == 0 => return,
                kind if kind.is_closer() => {
                    if depth == 0 {
                        return;
                    }
                    depth -= 1;
                }
                kind if kind.closer().is_some() => depth += 1,
                _ => {}
            }
            self.bump();
        }
    }

    /// `':' NL IN items OUT`, for blocks that hold no statements. Every item takes whole lines.
    pub(super) fn items(&mut self, what: &str, mut item: impl FnMut(&mut Self) -> Parse<()>) -> Parse<()> {
        self.expect(TokenKind::Colon, what)?;
        self.end_of_line()?;
        self.item_lines(what, &mut item);
        Ok(())
    }

    /// `IN items OUT`; nothing indented is an error unless a comment stands in its place.
    pub(super) fn item_lines(&mut self, what: &str, item: &mut dyn FnMut(&mut Self) -> Parse<()>) {
        if !self.at(TokenKind::Indent) {
            self.missing_block(what);
            return;
        }
        if self.nested(|_| Ok(())).is_err() {
            self.skip_block();
            return;
        }
        self.bump();
        self.nesting += 1;
        while !matches!(self.kind(), TokenKind::Dedent | TokenKind::End) {
            if self.at(TokenKind::Indent) {
                let _reported = self.syntax(self.next_span(), "unexpected indentation");
                self.skip_block();
                continue;
            }
            self.line_start = self.token(0).start;
            if item(self).is_err() {
                self.skip_line_and_block();
            }
        }
        self.nesting -= 1;
        self.eat(TokenKind::Dedent);
    }

    /// Reports a header without a block, unless the block consists of comments.
    pub(super) fn missing_block(&mut self, what: &str) {
        let end_of_header = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |t| t.end);
        let next = self.token(0).start;
        let first = self.comments.partition_point(|it| it.span.start < end_of_header);
        let has_comment =
            self.comments.iter().skip(first).take_while(|it| it.span.start < next).any(|it| it.own_line);
        if !has_comment {
            let span = self.span(end_of_header, end_of_header);
            let _reported = self.syntax(span, format!("expected an indented block after {what}"));
        }
    }
}
