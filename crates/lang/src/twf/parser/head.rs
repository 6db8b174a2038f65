//! The head of a body: what stands before the first statement.

use super::place::Place;
use super::{Parse, Parser};
use crate::twf::ast::{Block, OptionEntry, Workflow};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// One item of a workflow's head; false when the statements begin.
    pub(super) fn head_item(&mut self, workflow: &mut Workflow) -> bool {
        self.line_start = self.token(0).start;
        if self.defaults(&mut workflow.defaults) {
            return true;
        }
        if self.at_word_then("state", TokenKind::Colon) {
            self.bump();
            let read = self.items("`state`", |p| {
                let item = p.state_item()?;
                workflow.state.push(item);
                Ok(())
            });
            self.skip_if_broken(read);
            return true;
        }
        if self.at_word_then("on_cancel", TokenKind::Colon) {
            self.on_cancel(workflow);
            return true;
        }
        if self.is_handler() {
            match self.handler() {
                Ok(handler) => workflow.handlers.push(handler),
                broken => self.skip_if_broken(broken.map(|_| ())),
            }
            return true;
        }
        self.attachment_list()
    }

    fn on_cancel(&mut self, workflow: &mut Workflow) {
        self.extension(self.next_span(), "`on_cancel:`");
        self.bump();
        let block = self.block("`on_cancel`");
        workflow.on_cancel.get_or_insert_with(Block::new).extend(block);
    }

    pub(super) fn skip_if_broken(&mut self, read: Parse<()>) {
        if read.is_err() {
            self.skip_line_and_block();
        }
    }

    /// `default_options:`, and the older `options:` at the head of a definition.
    pub(super) fn defaults(&mut self, out: &mut Vec<OptionEntry>) -> bool {
        self.line_start = self.token(0).start;
        let is_old = self.at_word_then("options", TokenKind::Colon);
        if !is_old && !self.at_word_then("default_options", TokenKind::Colon) {
            return false;
        }
        if is_old {
            self.legacy(self.next_span(), "`options:` of a definition", "default_options");
        }
        self.bump();
        out.extend(self.option_block("`default_options`"));
        true
    }

    /// Whether the next line declares a handler and not a statement: `signal h.Name(..)` is a send.
    pub(super) fn is_handler(&self) -> bool {
        let follows = matches!(
            self.nth(2),
            TokenKind::OpenParen | TokenKind::Colon | TokenKind::Newline | TokenKind::Arrow | TokenKind::End
        );
        matches!(self.word(), "signal" | "query" | "update") && self.nth(1) == TokenKind::Name && follows
    }

    /// A handler after the first statement: reported, and read as if it stood in its place.
    pub(super) fn late_handler(&mut self) -> Parse<()> {
        let message = format!("`{}` handlers stand before the first statement", self.word());
        let _reported = self.syntax(self.next_span(), message);
        let handler = self.with_place(Place::Workflow, Parser::handler)?;
        self.late.push(handler);
        Ok(())
    }
}
